"""What becomes of a Keras graph outside Keras: a TensorFlow function of constants, and from it ONNX and LiteRT.

`export.save` and `export.compiled` are what to call; here is what they need to know of each converter. A graph is a
functional model that takes one array and gives one.
"""

import copy
import ctypes
import gc
import logging
import os
import warnings
from contextlib import contextmanager, suppress
from types import ModuleType

import keras
import numpy as np

from arguments import require
from start import native_log_off

BATCH = "n"  # the dimension of an .onnx file that is the number of images


def tensorflow_module() -> ModuleType:
    """The module tensorflow. Raises RuntimeError, in one line, if Keras runs on another backend."""
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"the Keras backend is {keras.backend.backend()}; allowed: tensorflow (KERAS_BACKEND).")
    import tensorflow

    return tensorflow


def frozen(graph: keras.Model, batch: int | None = None):
    """The model in inference as a TensorFlow function of images whose weights are constants; `batch` None for any."""
    tf = tensorflow_module()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec((batch, *graph.inputs[0].shape[1:]), graph.inputs[0].dtype)
    call = tf.function(lambda images: graph(images, training=False), autograph=False)
    return convert_variables_to_constants_v2(call.get_concrete_function(spec))


def onnx(graph: keras.Model) -> bytes:
    """An ONNX file, for any number of images, which BATCH stands for. Needs onnx and tf2onnx."""
    # from the frozen graph: Keras's own export traces some models in training mode, and changes their averages
    import tf2onnx

    call = frozen(graph)
    start, end = call.inputs[0].name, call.outputs[0].name
    found, _ = tf2onnx.convert.from_graph_def(
        call.graph.as_graph_def(),
        name=graph.name,
        input_names=[start],
        output_names=[end],
        inputs_as_nchw=[start] if len(graph.inputs[0].shape) == 4 else None,
        tensors_to_rename={start: "images", end: "outputs"},
    )
    for value in (*found.graph.input, *found.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    if len(graph.inputs[0].shape) == 4:
        _transpose_first(found.graph)
    return found.SerializeToString()


def _transpose_first(graph):
    """Makes a graph for images (n, channels, height, width) take (n, height, width, channels).

    ONNX has channels first. Where the converter puts this transpose, everything before the first convolution, such as
    a Rescaling, works on three channels side by side, which ONNX Runtime does slowly: a tenth of B0's time.
    """
    from onnx import helper

    (images,) = graph.input
    for node in graph.node:
        node.input[:] = ["planes" if name == images.name else name for name in node.input]
    graph.node.insert(0, helper.make_node("Transpose", [images.name], ["planes"], perm=(0, 3, 1, 2)))
    n, channels, height, width = images.type.tensor_type.shape.dim
    dims = [copy.deepcopy(dim) for dim in (n, height, width, channels)]
    del images.type.tensor_type.shape.dim[:]
    images.type.tensor_type.shape.dim.extend(dims)


def litert(graph: keras.Model, quantize: str | None = None, calibration: np.ndarray | None = None) -> bytes:
    """A .tflite file, for one image at a time; `quantize` and `calibration` are those of `export.save`."""
    tf = tensorflow_module()
    call = frozen(graph, batch=1)
    release_memory()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call], tf.Module())
    if calibration is not None:
        _require_finite(converter.convert(), calibration)
        release_memory()
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]  # alone, this is the dynamic range
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if calibration is not None:
        converter.representative_dataset = lambda: ([image[None]] for image in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]  # or an error: no layer stays float
    if quantize == "integer only":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _require_finite(content, calibration):
    """ValueError if a map is infinite: dividing its range into 255 steps, the converter would end Python itself."""
    lite = tensorflow_module().lite
    plain = lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # a delegate hides the maps
    options = dict(experimental_preserve_all_tensors=True, experimental_op_resolver_type=plain)
    interpreter = lite.Interpreter(model_content=content, num_threads=os.cpu_count(), **options)
    interpreter.allocate_tensors()
    for image in calibration:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        for details in interpreter.get_tensor_details():
            if not details["name"]:  # no map, but room to compute in, which nobody has to fill
                continue
            largest = float(np.abs(interpreter.get_tensor(details["index"])).max(initial=0))
            name = f"the largest value of {details['name']}"
            require(np.isfinite(largest), name, largest, "finite maps, so that integers can share the range")


def release_memory():
    """Returns memory that a conversion has freed to the system: glibc would keep half a gigabyte after a few files."""
    gc.collect()  # graphs hold each other
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def quiet():
    """Silences warnings, logging and TensorFlow's own log meanwhile: converters warn of what their own calls do, name
    temporary folders, and list what we refuse in one line.
    """
    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings(action="ignore"), native_log_off():
            yield
    finally:
        logging.disable(before)
