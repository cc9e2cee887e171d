"""The second counter: multiply-adds by a walk over a built Keras model."""

import math

import keras


def walk_macs(model):
    """Multiply-adds counted on the built Keras model, from its kernels and its output shapes alone."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total
