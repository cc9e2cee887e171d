r"""A trained model leaves the notebook: two rewrites of its graph, three file formats, and their runtimes.

    fold(model)                    batch norm becomes part of the convolution before it: for inference
    fuse(model)                    batch norm becomes one fused kernel: for training
    save(model, "cat.onnx")        .keras, .tflite (LiteRT) or .onnx, by the name's ending
    load("cat.onnx")               a function, images -> probabilities, that runs the file in its own runtime
    missing("cat.onnx")            what has to be installed for that, in one line; None if nothing

fold and save(".keras") run on every Keras backend; fuse, .tflite and .onnx need TensorFlow.
"""

import os
import tempfile
import warnings
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from keras import layers

from atomic import write_atomically

FORMATS = {".keras": "Keras", ".tflite": "LiteRT", ".onnx": "ONNX"}
EXTRAS = {".keras": (), ".tflite": ("ai_edge_litert",), ".onnx": ("onnx", "tf2onnx", "onnxruntime")}


# ---------------------------------------------------------------- rewriting the graph


def fold(model):
    r"""A copy without the batch normalizations that follow a convolution: equal outputs in inference, fewer layers.

    With $s = \gamma / \sqrt{\text{variance} + \epsilon}$ the kernel of each output channel is multiplied by $s$, and
    $\beta - s \cdot \text{mean}$ becomes the bias (Jacob et al. 2018, arXiv:1712.05877, section 3.2). A batch norm
    stays where the convolution has an activation of its own, is used elsewhere too, or is called twice; a model inside
    the model is copied as it is. For inference only: what batch norm does in training is gone. Raises ValueError.
    """
    model = _checked(model)
    if isinstance(model, keras.Sequential):  # Keras replaces calls in functional models only
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    norms = _foldable(model)
    convs = {conv.name: norm for norm, conv in norms.items()}

    def copy(layer):
        return _copy(layer, use_bias=True) if layer.name in convs else _copy(layer)

    def call(layer, *args, **kwargs):
        return args[0] if layer.name in norms else layer(*args, **kwargs)

    folded = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in folded.layers:
        if layer.weights:  # the others may have a new name
            original, norm = model.get_layer(layer.name), convs.get(layer.name)
            layer.set_weights(_fold_into(original, model.get_layer(norm)) if norm else original.get_weights())
    return folded


def fuse(model):
    """A copy whose batch normalizations are one fused TensorFlow kernel each: equal outputs, gradients and averages.

    Keras 3 computes a batch norm from several small operations. The copy has the same weights and is not compiled.
    Raises ValueError for a model that cannot be copied, RuntimeError for another backend.
    """
    tensorflow_module()

    def copy(layer):
        fusable = type(layer) is layers.BatchNormalization and len(layer.input.shape) == 4 and not layer.synchronized
        if fusable and layer.axis in (-1, 3):
            return FusedBatchNormalization.from_config(layer.get_config())
        return _copy(layer)

    fused = keras.models.clone_model(_checked(model), clone_function=copy)
    fused.set_weights(model.get_weights())
    return fused


@keras.saving.register_keras_serializable("efficientnet_notebooks")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras's batch normalization of maps (batch, height, width, channels), computed by TensorFlow's fused kernel."""

    def call(self, inputs, training=None, mask=None):
        tf = tensorflow_module()
        channels = inputs.shape[-1]
        scale = tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(channels)
        offset = tf.convert_to_tensor(self.beta) if self.center else tf.zeros(channels)
        run = tf.compat.v1.nn.fused_batch_norm
        if not (training and self.trainable):
            mean, variance = map(tf.convert_to_tensor, (self.moving_mean, self.moving_variance))
            return run(inputs, scale, offset, mean, variance, self.epsilon, is_training=False)[0]
        outputs, mean, variance = run(inputs, scale, offset, epsilon=self.epsilon)
        count = tf.cast(tf.size(inputs) // channels, variance.dtype)
        variance *= (count - 1) / count  # the kernel divides by count - 1, as an estimate would; Keras by count
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1 - self.momentum))
        return outputs


def _foldable(model):
    """{name of a batch norm: the convolution before it}, for those that can be folded."""
    # call by call, for which Keras has no public list: layer.input and layer.output know the first call only
    nodes = [node for level in model._nodes_by_depth.values() for node in level if not node.is_input]
    calls = Counter(node.operation.name for node in nodes)
    uses = Counter(id(tensor) for node in nodes for tensor in node.input_tensors) + Counter(map(id, model.outputs))
    makers = {id(tensor): node.operation for node in nodes for tensor in node.output_tensors}
    found = {}
    for norm, tensors in ((node.operation, node.input_tensors) for node in nodes):
        conv = makers.get(id(tensors[0])) if type(norm) is layers.BatchNormalization else None
        if type(conv) in (layers.Conv2D, layers.DepthwiseConv2D):
            axes = (-1, 3) if conv.data_format == "channels_last" else (1, -3)
            once = calls[norm.name] == calls[conv.name] == uses[id(tensors[0])] == 1
            if once and conv.activation is keras.activations.linear and norm.axis in axes:
                found[norm.name] = conv
    return found


def _fold_into(conv, norm):
    """Kernel and bias of the convolution that does both; computed in float64."""
    value = {v.name: keras.ops.convert_to_numpy(v).astype("float64") for v in norm.weights}
    scale = value.get("gamma", 1.0) / np.sqrt(value["moving_variance"] + norm.epsilon)
    kernel, *bias = (np.asarray(w, "float64") for w in conv.get_weights())
    shift = value.get("beta", 0.0) + ((bias[0] if bias else 0.0) - value["moving_mean"]) * scale
    depthwise = isinstance(conv, layers.DepthwiseConv2D)  # (height, width, channels, multiplier): both make outputs
    return [kernel * (scale.reshape(kernel.shape[2:]) if depthwise else scale), shift]


def _copy(layer, **changes):
    return type(layer).from_config(layer.get_config() | changes)


# ---------------------------------------------------------------- files


def save(model, path, calibration=None):
    """Writes a model as .keras, .tflite or .onnx, by the ending of `path`, whole or not at all. Returns its bytes.

    `calibration`, images (n, height, width, channels) in pixels 0 to 255, makes a .tflite of 8-bit integers: the range
    of each map is taken from these images. A .tflite takes one image at a time, the others any number.
    Raises, in one line, ValueError for arguments that cannot be used and ImportError for what is not installed.
    """
    path = _named(path, _checked(model))
    if calibration is not None:
        shape = tuple(model.input.shape[1:])
        fits = path.suffix == ".tflite" and np.ndim(calibration) == 4 and np.shape(calibration)[1:] == shape
        allowed = f"for a .tflite file, an array of images (n, {', '.join(map(str, shape))})"
        _require(fits and len(calibration), "calibration", f"an array of shape {np.shape(calibration)}", allowed)
        low, high = float(np.min(calibration)), float(np.max(calibration))
        allowed = "pixels 0 to 255; images that were divided by 255 do not show the range of the maps"
        _require(0 <= low and 1 < high <= 255, "calibration", f"images of {low:.3g} to {high:.3g}", allowed)
    if path.suffix == ".onnx":
        _installed("onnx", "tf2onnx")
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the converters warn of what their own calls do
        if path.suffix == ".tflite":
            content = _litert(model, calibration)
        else:
            whole = Path(folder) / path.name
            if path.suffix == ".keras":
                model.save(whole)
            else:
                model(np.zeros((1, *model.input.shape[1:]), "float32"))  # Keras refuses a model never called
                model.export(whole, format="onnx", verbose=False)
            content = whole.read_bytes()
    write_atomically(path, lambda file: file.write(content))
    return len(content)


def _litert(model, calibration):
    tf = tensorflow_module()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    call = tf.function(lambda x: model(x, training=False), autograph=False)
    frozen = convert_variables_to_constants_v2(call.get_concrete_function(tf.TensorSpec((1, *model.input.shape[1:]))))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([np.asarray(x[None], "float32")] for x in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]  # or an error: no layer stays float
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # it would name a temporary folder
    try:
        return converter.convert()
    finally:
        logger.setLevel(level)


# ---------------------------------------------------------------- runtimes


def load(path):
    """A function, images (n, height, width, channels) in pixels 0 to 255 -> probabilities (n, classes), from a file.

    The file runs in its own runtime: Keras, LiteRT (ai-edge-litert) or ONNX Runtime; the last two know nothing of
    Keras or TensorFlow. Raises, in one line, ValueError for a path that cannot be used, ImportError for a runtime that
    is not installed.
    """
    path = _named(path)
    _require(path.is_file(), "path", str(path), "a file that save has written")
    if path.suffix == ".keras":
        return compiled(keras.saving.load_model(path))
    if path.suffix == ".onnx":
        (runtime,) = _installed("onnxruntime")
        session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda images: session.run(None, {name: np.asarray(images, "float32")})[0]
    (runtime,) = _installed("ai_edge_litert.interpreter")
    interpreter = runtime.Interpreter(model_content=path.read_bytes(), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (start,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images):
        found = []
        for image in np.asarray(images, "float32"):
            interpreter.set_tensor(start["index"], image[None])
            interpreter.invoke()
            found.append(interpreter.get_tensor(end["index"])[0])
        return np.stack(found)

    return run


def compiled(model):
    """The same function for a model in memory; on TensorFlow its graph is traced once, for any number of images."""
    call = lambda images: model(images, training=False)  # noqa: E731
    if keras.backend.backend() == "tensorflow":
        tf = tensorflow_module()
        spec = tf.TensorSpec(model.input.shape, model.input.dtype)
        call = tf.function(call, autograph=False).get_concrete_function(spec)
    return lambda images: keras.ops.convert_to_numpy(call(np.asarray(images, "float32")))


def missing(path):
    """What has to be installed to write and run this file, in one line, or None."""
    absent = [name for name in EXTRAS[_ending(path)] if find_spec(name) is None]
    return _sentence(absent) if absent else None


def _installed(*modules):
    absent = [name.split(".")[0] for name in modules if find_spec(name.split(".")[0]) is None]
    if absent:
        raise ImportError(_sentence(absent))
    return [import_module(name) for name in modules]


def _sentence(names):
    names = " and ".join(name.replace("_", "-") for name in names)
    return f"Not installed: {names}. To get it: pip install -r requirements-extras.txt"


# ---------------------------------------------------------------- arguments


def _require(condition, name, value, allowed):
    if not condition:
        raise ValueError(f"{name} is {value}; allowed: {allowed}.")


def _checked(model):
    built = isinstance(model, keras.Model) and model.built and getattr(model, "inputs", None)
    shown = f"{model.name!r}, not built or not a plain graph" if isinstance(model, keras.Model) else repr(model)[:60]
    _require(built, "model", shown, "a functional or Sequential Keras model that knows its input shape")
    return model


def _ending(path):
    suffix = Path(path).suffix or Path(path).name
    _require(suffix in FORMATS, "path", repr(str(path)), f"a name that ends in {', '.join(FORMATS)}")
    return suffix


def _named(path, model=None):
    _require(isinstance(path, (str, os.PathLike)), "path", repr(path)[:60], f"a name that ends in {', '.join(FORMATS)}")
    path = Path(path)
    _ending(path)
    if model is not None:
        _require(path.parent.is_dir(), "path", repr(str(path)), "a name in a folder that exists")
        one = len(model.inputs) == len(model.outputs) == 1
        _require(one, "model", f"{model.name!r} with {len(model.inputs)} inputs", "one input, one output")
    return path


def tensorflow_module():
    """The module tensorflow. Raises RuntimeError, in one line, if Keras runs on another backend."""
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"the Keras backend is {keras.backend.backend()}; allowed: tensorflow (KERAS_BACKEND).")
    import tensorflow

    return tensorflow
