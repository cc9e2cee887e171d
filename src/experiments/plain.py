"""The peer of speed.py: what a script of plain Keras does, in a process of its own. It imports nothing of the series.

    python src/experiments/plain.py answer 1          B0 of `keras.applications` in a `tf.function`, for one photo
    python src/experiments/plain.py training 224 16   a step of SGD at 224 pixels with 16 photos

It says when it is ready. For each line it is then given it does its work once, and answers with a line.
"""

import sys

import keras
import numpy as np


def of_keras(name, **options):
    return getattr(keras.applications, f"EfficientNet{name.upper()}")(weights=None, **options)


def as_if_trained(model):
    """Gives each batch norm random statistics. Returns the model."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
    return model


def pixels(count, size):
    return np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype("float32")


def answer(batch):
    """A call without arguments: B0's answer to as many photos."""
    import tensorflow as tf

    model, images = as_if_trained(of_keras("b0")), tf.constant(pixels(batch, 224))
    call = tf.function(lambda x: model(x, training=False), autograph=False).get_concrete_function(images)
    return lambda: call(images)


def training(size, batch):
    """A call without arguments: a step of B0's training, with the default settings but for XLA, slower here."""
    model, x, y = of_keras("b0", input_shape=(size, size, 3)), pixels(batch, size), np.arange(batch)
    model.compile(keras.optimizers.SGD(1e-6), "sparse_categorical_crossentropy", jit_compile=False)
    return lambda: model.train_on_batch(x, y)


if __name__ == "__main__":
    call = dict(answer=answer, training=training)[sys.argv[1]](*map(int, sys.argv[2:]))
    print("ready", flush=True)
    for _ in sys.stdin:
        call()
        print("done", flush=True)
