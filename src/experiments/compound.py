"""What is left of the old study of compound scaling, whose table and story are in data/measured/: images made smaller.

`scaling.py` is the study that took its place; while it runs, it finds this where it was.
"""

import keras
import numpy as np

from experiments.loop import in_parts


def shrink(x, size):
    """Images (n, h, w, channels), uint8, made smaller with an antialiasing filter."""
    if size == x.shape[1]:
        return x

    def smaller(part):
        found = keras.ops.image.resize(part, (size, size), antialias=True)
        return np.asarray(keras.ops.round(keras.ops.clip(found, 0, 255)), "uint8")

    return in_parts(smaller, x, 5000)
