"""Small networks with statistics as if trained, their answers in inference, and how to compare them."""

import keras
import numpy as np
from keras import layers

from architecture import Scale

TINY = Scale(0.25, 0.5, 32)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0, 255, (4, 32, 32, 3)).astype("float32")
SMALL = IMAGES[:3, :12, :12]


def begin_anew():
    """Every test draws the same numbers, in whichever order tests run: for a deep network 1e-5 is near its rounding."""
    keras.utils.set_random_seed(0)
    RANDOM.bit_generator.state = np.random.default_rng(0).bit_generator.state


def randomised(model):
    """Batch norms with statistics as if trained, so that folding has something to do."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            randomised(layer)
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([RANDOM.uniform(0.5, 1.5, w.shape) for w in layer.weights])
        if isinstance(layer, layers.Normalization) and layer.input_mean is None:
            layer.adapt(RANDOM.normal(100, 50, (20, 4, 4, 3)).astype("float32"))
    return model


def model_of(build, size=12, **options):
    image = layers.Input((size, size, 3), **options)
    return randomised(keras.Model(image, build(image)))


def values(model, images=IMAGES):
    """In inference, said so: layers such as RandomFlip take a bare call for training."""
    return keras.ops.convert_to_numpy(model(images, training=False))


def kinds(model):
    """The types of all layers, those of models inside too."""
    found = []
    for layer in model.layers:
        found += kinds(layer) if isinstance(layer, keras.Model) else [type(layer)]
    return found


def assert_same(found, expected, tolerance=1e-5):
    assert found.shape == expected.shape and np.abs(expected).max() > 0
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def body(size=None, channels=3):
    image = layers.Input((size, size, channels))
    return keras.Model(image, layers.BatchNormalization()(layers.Conv2D(channels, 3, padding="same")(image)))


def called_twice_inside(x):
    inner = body()
    return inner(layers.ReLU()(inner(x)))
