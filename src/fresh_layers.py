"""Layers that were just made, as the checks of exercises compare them, in a lesson and in the grader alike."""

from unittest.mock import patch

from start import native_log_off

with native_log_off():
    import keras


def biased():
    """While it lasts, what Keras makes as zeros is 0.1: else nobody sees whether a new layer has a bias."""

    def tenth(self, shape, dtype=None):
        return keras.ops.full(shape, 0.1, dtype)

    return patch.object(keras.initializers.Zeros, "__call__", tenth)
