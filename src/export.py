r"""A trained model leaves the notebook: two rewrites of its graph, three file formats, and their runtimes.

    fold(model)                    batch norm becomes part of the convolution before it: for inference
    fuse(model)                    batch norm becomes one fused kernel: for training
    save(model, "cat.onnx")        .keras, .tflite (LiteRT) or .onnx, by the ending; only a file that ran and agreed
    load("cat.onnx")               a function, images -> probabilities, that runs the file in its own runtime
    compiled(model)                the same function for a model in memory, as it is now
    missing("cat.onnx")            what has to be installed for a file, in one line; None if nothing

fold, load and save(".keras") run on every Keras backend; fuse, .tflite and .onnx need TensorFlow.
"""

import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from keras import layers

from arguments import require
from atomic import write_atomically
from command import first_line
from converters import BATCH, frozen, litert, onnx, quiet, release_memory, tensorflow_module

EXTRAS = {".keras": (), ".tflite": ("ai_edge_litert",), ".onnx": ("onnx", "tf2onnx", "onnxruntime")}  # the last runs it
ENDINGS = f"a name that ends in {', '.join(EXTRAS)}"
UNKNOWN_SIZE = 224  # pixels of the trial image, where a model takes any
TOLERANCE = {"float16": 0.05, "bfloat16": 0.2, "int8": 0.75}  # what rounding may cost, as a part of all outputs (RMS)
TOLERANCE |= {"dynamic range": 0.75, "integer only": 0.75}
FLOAT32 = 1e-3  # the same for all other types
NEEDS_CALIBRATION = {"float16": False, "dynamic range": False, "int8": True, "integer only": True}  # by `quantize`

# ---------------------------------------------------------------- rewriting the graph


def fold(model: keras.Model) -> keras.Model:
    r"""A copy without the batch normalizations that follow a convolution: equal outputs in inference, fewer layers.

    With $s = \gamma / \sqrt{\text{variance} + \epsilon}$ the kernel of each output channel is multiplied by $s$, and
    $\beta - s \cdot \text{mean}$ becomes the bias (Jacob et al. 2018, arXiv:1712.05877, section 3.2). A batch norm
    stays where the convolution has an activation of its own, is used elsewhere too, or is called twice; a model inside
    the model is folded too. For inference only: what batch norm does in training is gone. Raises ValueError.
    """
    graph = _checked(model)
    if isinstance(graph, keras.Sequential):  # Keras replaces calls in functional models only
        graph = keras.Model(graph.inputs[0], graph.outputs[0], name=graph.name)
    norms = _foldable(graph)
    convs = {conv.name: norm for norm, conv in norms.items()}

    def copy(layer):
        return _copy(layer, use_bias=True) if layer.name in convs else _copy(layer)

    def call(layer, *args, **kwargs):
        return args[0] if layer.name in norms else layer(*args, **kwargs)

    folded, copies = _clone(graph, fold, copy, call)
    for layer, copied in copies:
        if layer.name in convs:
            copied.set_weights(_fold_into(layer, graph.get_layer(convs[layer.name])))
        elif layer.name not in norms:
            _copy_state(layer, copied)
    return folded


def fuse(model: keras.Model) -> keras.Model:
    """A copy whose batch normalizations are one fused TensorFlow kernel each: equal outputs, gradients and averages.

    Keras 3 computes a batch norm from several small operations. A model inside the model is rewritten too.
    Raises ValueError for a model that cannot be copied, RuntimeError for another backend.
    """
    tensorflow_module()

    def copy(layer):
        fusable = type(layer) is layers.BatchNormalization and len(layer.input.shape) == 4 and layer.axis in (-1, 3)
        fusable = fusable and layer.variable_dtype == "float32"  # the kernel knows no other statistics
        # not what the kernel does: statistics over all devices, and the renormalization of newer Keras
        if not fusable or layer.synchronized or getattr(layer, "renorm", False):
            return _copy(layer)
        return FusedBatchNormalization.from_config(layer.get_config())

    return _rewritten(_checked(model), copy)


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
    for node in nodes:
        norm = node.operation
        if type(norm) is not layers.BatchNormalization:
            continue
        tensor = id(node.input_tensors[0])
        conv = makers.get(tensor)
        if type(conv) not in (layers.Conv2D, layers.DepthwiseConv2D):
            continue
        of_channels = norm.axis in ((-1, 3) if conv.data_format == "channels_last" else (1, -3))
        linear = conv.activation is keras.activations.linear
        once = calls[norm.name] == calls[conv.name] == uses[tensor] == 1
        stored = node.arguments.kwargs.get("training") is not True  # else it takes the batch's own statistics
        plain = not getattr(conv, "lora_enabled", False)  # else its kernel is a sum
        if of_channels and linear and once and stored and plain:
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


def _clone(model, rewrite, copy, call=None):
    """(a copy of the graph, [(layer, its copy)]): `copy(layer)` for a layer, `rewrite(inner)` for a model inside."""
    copies = []

    def replace(layer):
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            return rewrite(layer)
        copies.append((layer, copy(layer)))
        return copies[-1][1]

    return keras.models.clone_model(model, clone_function=replace, call_function=call), copies


def _rewritten(model, copy):
    """A copy of the graph, and of the models inside, of `copy(layer)` for each layer, with the weights as they are."""
    copy = cache(copy)  # a layer, or a model, that stands in two models inside stays one

    @cache
    def rewritten(graph):
        copied, pairs = _clone(graph, rewritten, copy)
        for layer, other in pairs:
            _copy_state(layer, other)
        return copied

    return rewritten(model)


def _copy(layer, **changes):
    if isinstance(layer, layers.Lambda):  # its configuration holds the function as bytes, which Keras refuses to read
        options = dict(arguments=layer.arguments, output_shape=layer._output_shape, mask=layer.mask)
        return layers.Lambda(layer.function, **options, name=layer.name, dtype=layer.dtype_policy)
    with _refusing(f"layer {layer.name!r}, a {type(layer).__name__}, cannot be copied"):
        return type(layer).from_config(layer.get_config() | changes)


def _copy_state(layer, copied):
    """The weights, and what is made of them when a file is read: Normalization keeps its mean outside its weights."""
    if isinstance(layer, layers.Layer):  # an operation such as `x + 1` has no state
        for one, other in zip(layer._flatten_layers(), copied._flatten_layers(), strict=True):
            state = {}
            one.save_own_variables(state)
            if state:
                other.load_own_variables(state)


# ---------------------------------------------------------------- files


def save(
    model: keras.Model,
    path: str | os.PathLike,
    calibration: np.ndarray | None = None,
    quantize: str | None = None,
) -> int:
    """Writes a model as .keras, .tflite or .onnx, by the ending of `path`, whole or not at all. Returns its bytes.

    The file gets its name only once it has run in its own runtime and answered as the model does in inference; where
    that runtime is not installed, a warning says so. A .tflite takes one image at a time, the others any number.
    `quantize` makes a .tflite smaller: "float16" halves its weights; "dynamic range" gives them 8 bits, and maps get
    theirs anew for each image; "int8" computes in 8-bit integers throughout; "integer only" takes and gives them, too.
    The last two take the range of each map from `calibration`, images (n, height, width, channels) in pixels 0 to 255;
    calibration alone means "int8". Raises, in one line, ValueError for arguments that cannot be used and for a file
    that does not run or answers otherwise, ImportError for what is not installed, RuntimeError for another backend.
    """
    ending, path, graph = _ending(path), Path(path), _graph(model)
    require(path.parent.is_dir(), "path", str(path), "a name in a folder that exists")
    calibration, quantize = _settings(graph, ending, calibration, quantize)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        with quiet(), _refusing(f"model {model.name!r} cannot be written as {ending}"):
            if ending == ".keras":
                model.save(trial)
            else:
                trial.write_bytes(onnx(graph) if ending == ".onnx" else litert(graph, quantize, calibration))
        if line := missing(trial):
            warnings.warn(f"{path.name} is written, but was never run. {line}", stacklevel=2)
        else:
            _verify(trial, model, quantize, calibration)
        content = trial.read_bytes()
    release_memory()
    write_atomically(path, lambda file: file.write(content))
    return len(content)


def _settings(graph, ending, calibration, quantize):
    """`calibration` in the model's type, and what `quantize` stands for. Raises, in one line, if they do not fit."""
    if ending == ".tflite":
        fixed = None not in graph.inputs[0].shape[1:]
        require(fixed, "the model's input shape", graph.inputs[0].shape, "a known size for a .tflite file")
    if calibration is not None:
        calibration, quantize = _calibration(calibration, graph, ending), quantize or "int8"
    if quantize is not None:
        known = quantize in NEEDS_CALIBRATION and ending == ".tflite"
        require(known, "quantize", quantize, f"{', '.join(NEEDS_CALIBRATION)}, of a .tflite")
        needs = NEEDS_CALIBRATION[quantize]
        allowed = "images of the kind that it will see" if needs else f"None, for {quantize!r}"
        require((calibration is not None) == needs, "calibration", type(calibration).__name__, allowed)
    if ending != ".keras":
        _require_converter(graph, ending)
    return calibration, quantize


def _require_converter(graph, ending):
    """Raises, in one line, if this model cannot be converted here."""
    tensorflow_module()
    _require_installed(EXTRAS[ending][:-1])  # the runtime can wait
    types = {layer.compute_dtype for layer in graph._flatten_layers()}
    allowed = f"float32 or float16 for {ending}; build it under that dtype policy and give it these weights"
    require("bfloat16" not in types, "the type of the model's layers", "bfloat16", allowed)


def _calibration(images, graph, ending):
    """Calibration images in the model's type, or ValueError."""
    shape, images = tuple(graph.inputs[0].shape[1:]), np.asarray(images)
    require(ending == ".tflite", "the ending of a file with calibration", ending, ".tflite")
    fits = images.ndim == 4 and images.shape[1:] == shape and len(images)
    require(fits, "the shape of calibration", images.shape, f"(n, {', '.join(map(str, shape))})")
    low, high = float(images.min()), float(images.max())
    allowed = "0 to 255; images that were divided by 255 do not show the range of the maps"
    require(0 <= low and 1 < high <= 255, "the range of calibration", f"{low:.3g} to {high:.3g}", allowed)
    return images.astype(graph.inputs[0].dtype)


def _verify(path, model, quantize, calibration):
    """ValueError unless the file runs and answers as the model does in inference, up to rounding."""
    shape, dtype = model.inputs[0].shape[1:], model.inputs[0].dtype
    size = [UNKNOWN_SIZE if n is None else n for n in shape]
    noise = np.random.default_rng(0).uniform(0, 255, (2, *size)).astype(dtype)
    images = noise if calibration is None else calibration[:4]
    written = f"model {model.name!r} was written as {path.suffix}, but the file"
    with quiet(), _refusing(f"{written} does not run"):
        found = load(path)(images)
        (expected,) = keras.tree.flatten(model(images, training=False))
    expected = keras.ops.convert_to_numpy(expected).astype("float64")
    types = {quantize, *(layer.compute_dtype for layer in model._flatten_layers())}
    tolerance = max(TOLERANCE.get(name, FLOAT32) for name in types)
    if found.shape != expected.shape:
        raise ValueError(f"{written} gives shape {found.shape}, the model {expected.shape}.")
    finite = np.isfinite(expected)
    size = np.linalg.norm(expected[finite]) + 1e-6
    off = np.linalg.norm((found - expected)[finite]) if (np.isfinite(found) == finite).all() else np.inf
    if off > tolerance * size:
        by = f"{off / size:.1%}; allowed: {tolerance:.1%}"
        raise ValueError(f"{written} answers otherwise, by {by}. Leave out the layer that differs, or save as .keras.")


# ---------------------------------------------------------------- runtimes


def load(path: str | os.PathLike) -> Callable[[np.ndarray], np.ndarray]:
    """A function, images (n, height, width, channels) in pixels 0 to 255 -> probabilities (n, classes), from a file.

    The file runs in its own runtime: Keras, LiteRT (ai-edge-litert) or ONNX Runtime; the last two know nothing of
    Keras or TensorFlow. Raises, in one line, ValueError for a path, a file or (the function) images that cannot be
    used, ImportError for a runtime that is not installed.
    """
    ending, path = _ending(path), Path(path)
    require(path.is_file(), "path", str(path), "a file that save has written")
    _require_installed(EXTRAS[ending][-1:])
    opened = {".keras": _open_keras, ".tflite": _open_litert, ".onnx": _open_onnx}[ending]
    with _refusing(f"{path.name} cannot be read"):
        return opened(path)


def compiled(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """A fast function, images (n, height, width, channels), pixels 0 to 255 -> outputs (n, ...), of a model in memory.

    It is a snapshot, which later training does not change. Raises ValueError for a model of several inputs, and (the
    function) for images of another shape. On TensorFlow the graph is traced once, for any number of images, and its
    weights become constants.
    """
    graph = _graph(model)
    if keras.backend.backend() == "tensorflow":
        call = frozen(graph)
    else:
        call = partial(_rewritten(graph, _copy), training=False)

    def run(images):
        (outputs,) = keras.tree.flatten(call(keras.ops.convert_to_tensor(images)))
        return keras.ops.convert_to_numpy(outputs)

    return _guarded(run, graph.inputs[0].shape[1:], graph.inputs[0].dtype)


def _open_keras(path):
    return compiled(keras.saving.load_model(path, compile=False))  # its loss may be the author's own


def _open_onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_free_dimension_override_by_name(BATCH, 1)
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    (start,) = session.get_inputs()
    shape = [n if isinstance(n, int) else None for n in start.shape[1:]]
    kind = start.type.removeprefix("tensor(").removesuffix(")")
    dtype = {"float": "float32", "double": "float64"}.get(kind, kind)
    return _guarded(_one_by_one(lambda image: session.run(None, {start.name: image})[0]), shape, dtype)


def _open_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=path.read_bytes(), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (start,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()
    integers = start["quantization"][0] > 0  # scale and zero point of its ends, 0 where they are no such integers

    def run(image):
        interpreter.set_tensor(start["index"], _to_integers(image, start) if integers else image)
        interpreter.invoke()
        found = interpreter.get_tensor(end["index"])
        return _from_integers(found, end) if integers else found

    return _guarded(_one_by_one(run), start["shape"][1:].tolist(), np.dtype("float32" if integers else start["dtype"]))


def _to_integers(image, end):
    (scale, zero), limits = end["quantization"], np.iinfo(end["dtype"])
    return np.clip(np.round(image / scale) + zero, limits.min, limits.max).astype(end["dtype"])


def _from_integers(numbers, end):
    scale, zero = end["quantization"]
    return (numbers.astype("float32") - zero) * np.float32(scale)


def _one_by_one(run):
    """`run` for any number of images: the maps of a single one stay in the processor's cache, those of many do not."""
    return lambda images: np.concatenate([run(images[i : i + 1]) for i in range(len(images))])


def _guarded(run, shape, dtype):
    """`run` for images of this shape only, None for any size, and in the type that the runtime wants."""
    sizes = ", ".join("any" if n is None else str(n) for n in shape)
    allowed = f"numbers in the shape (n, {sizes}); one image is images[None]"

    def guarded(images):
        images = np.asarray(images)
        require(images.dtype.kind in "buif", "the type of images", str(images.dtype), allowed)
        fits = images.ndim == 1 + len(shape) and len(images)
        fits = fits and all(want in (None, have) for want, have in zip(shape, images.shape[1:]))
        require(fits, "the shape of images", images.shape, allowed)
        with np.errstate(invalid="ignore"):  # no number becomes a whole one
            numbers = images.astype(dtype, copy=False)
        if numbers.dtype.kind in "iu":
            found = f"{float(images.min()):.4g} to {float(images.max()):.4g}, {images.dtype}"
            require(np.array_equal(numbers, images), "the range of images", found, f"whole numbers that {dtype} holds")
        return run(numbers)

    return guarded


def missing(path: str | os.PathLike) -> str | None:
    """What has to be installed to write and run this file, in one line, or None."""
    return _absent(EXTRAS[_ending(path)])


def _absent(packages):
    """Which of these are not installed, in one line, or None."""
    absent = " and ".join(name.replace("_", "-") for name in packages if find_spec(name) is None)
    return f"Not installed: {absent}. To get it: pip install -r requirements-extras.txt" if absent else None


def _require_installed(packages):
    if line := _absent(packages):
        raise ImportError(line)


# ---------------------------------------------------------------- arguments and errors


@contextmanager
def _refusing(what):
    """Any error of a library becomes a ValueError of one line; that of the machine stays what it is."""
    try:
        yield
    except (OSError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"{what}: {first_line(error)[:200]}") from error


def _checked(model):
    built = isinstance(model, keras.Model) and model.built and getattr(model, "inputs", None)
    shown = f"{model.name}, not built or not a plain graph" if isinstance(model, keras.Model) else str(model)[:60]
    require(built, "model", shown, "a functional or Sequential Keras model that knows its input shape")
    return model


def _graph(model):
    """A view of the model, with the same layers, that takes and gives one array, not a list or dict of one."""
    ends = len(_checked(model).inputs), len(model.outputs)
    require(ends == (1, 1), "model", f"{model.name}, inputs and outputs: {ends}", "one input, one output")
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _ending(path):
    """What a file's name ends in, one of EXTRAS; an ending alone is its own."""
    ending = (Path(path).suffix or Path(path).name) if isinstance(path, (str, os.PathLike)) else None
    require(ending in EXTRAS, "path", str(path), ENDINGS)
    return ending
