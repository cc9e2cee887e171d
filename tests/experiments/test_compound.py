"""Images made smaller, as the old and the new study of scaling do it."""

import numpy as np

from experiments import compound


def test_images_are_shrunk_by_averaging_and_never_enlarged():
    x = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1)).astype("uint8")
    smaller = compound.shrink(x, 14)
    assert smaller.shape == (20, 14, 14, 1) and smaller.dtype == np.uint8
    assert np.abs(smaller.mean(axis=(1, 2, 3)) - x.mean(axis=(1, 2, 3))).max() < 3
    assert smaller.std() < 0.7 * x.std()  # picking every other pixel would keep the noise
    assert np.array_equal(compound.shrink(x, 28), x)
