"""Converters: a frozen graph depends on nothing, and what converters say is heard only when asked for."""

import logging
import os
import warnings

import keras
import numpy as np
import pytest
from keras import layers

import converters
from architecture import EfficientNet
from small_models import IMAGES, TINY

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the converters need TensorFlow")


def test_a_frozen_graph_is_constant_and_in_inference():
    image = layers.Input((4, 4, 3))
    model = keras.Model(image, layers.Dropout(0.9)(layers.BatchNormalization()(layers.Conv2D(2, 3)(image))))
    frozen, x = converters.frozen(model), np.ones((5, 4, 4, 3), "float32")
    assert not frozen.captured_inputs and not frozen.graph.variables
    np.testing.assert_allclose(frozen(keras.ops.convert_to_tensor(x))[0], model(x, training=False), atol=1e-6)
    assert frozen.inputs[0].shape == (None, 4, 4, 3) and converters.frozen(model, 1).inputs[0].shape == (1, 4, 4, 3)


def test_what_an_interpreter_leaves_unfilled_is_no_infinite_map(monkeypatch):
    import tensorflow as tf

    read = tf.lite.Interpreter.get_tensor

    def dirty(self, index):
        named = {details["index"]: details["name"] for details in self.get_tensor_details()}
        return read(self, index) if named[index] else np.full(3, np.nan)

    monkeypatch.setattr(tf.lite.Interpreter, "get_tensor", dirty)
    with converters.quiet():
        assert converters.litert(EfficientNet(TINY), "int8", IMAGES)


def test_quiet_is_over_when_it_is_over(recwarn):
    logger = logging.getLogger("tf2onnx")
    with pytest.raises(OSError, match="disk full"), converters.quiet():
        assert not logger.isEnabledFor(logging.ERROR)
        warnings.warn("a converter says something", stacklevel=1)
        raise OSError("disk full")
    assert logger.isEnabledFor(logging.ERROR)
    assert not [warning for warning in recwarn if "a converter says" in str(warning.message)]
    with pytest.warns(UserWarning, match="loud"):
        warnings.warn("loud", stacklevel=1)


def test_what_is_written_past_python_is_off_the_screen_and_back_afterwards(capfd):
    with converters.quiet():
        os.write(2, b"a screen of MLIR")
    os.write(2, b"loud")
    assert capfd.readouterr().err == "loud"


def test_another_backend_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="^the Keras backend is jax; allowed: tensorflow"):
        converters.tensorflow_module()


@pytest.mark.extras
def test_an_onnx_file_takes_any_number_of_images_and_turns_them_first():
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    image = layers.Input((6, 4, 3))
    content = converters.onnx(keras.Model(image, layers.Conv2D(2, 3)(layers.Rescaling(2.0, 1.0)(image))))
    graph = onnx.load_from_string(content).graph
    dims = [dim.dim_param or dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim]
    assert dims == [converters.BATCH, 6, 4, 3]
    assert [node.op_type for node in graph.node[:4]] == ["Transpose", "Mul", "Add", "Conv"]


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_memory_is_given_back_where_the_c_library_can_and_nothing_happens_elsewhere(monkeypatch, error):
    asked = []

    class Library:
        def __init__(self, name):
            self.malloc_trim = asked.append

    monkeypatch.setattr(converters.ctypes, "CDLL", Library)
    converters.release_memory()
    assert asked == [0]

    def missing(name):
        raise error(name)

    monkeypatch.setattr(converters.ctypes, "CDLL", missing)
    converters.release_memory()
