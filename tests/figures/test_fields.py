"""The drawing of receptive fields shows each square at its size, and none that is larger than its photo."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from figures import draw_fields
from picture_layout import check_layout, words


def test_squares_have_the_size_of_the_fields_and_lie_in_the_middle():
    small, large = np.zeros((100, 100, 3), "uint8"), np.zeros((300, 300, 3), "uint8")
    fields = {"stage 4": 60, "stage 5": 140, "stage 6": 340}
    fig = draw_fields({"small": (small, fields, "first"), "large": (large, fields, "second")}, "It outgrows them")
    expected = {100: [60], 300: [60, 140]}
    pictures = [ax for ax in fig.axes if ax.images]
    assert len(pictures) == 2
    for ax, size in zip(pictures, (100, 300)):
        squares = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        assert [square.get_width() for square in squares] == expected[size]
        for square in squares:
            assert square.get_width() == square.get_height()
            assert square.get_x() + square.get_width() / 2 == pytest.approx((size - 1) / 2)  # pixel centres are whole
    shown = words(fig)
    assert shown.count("stage 4") == 2 and shown.count("stage 5") == 1 and "stage 6" not in shown
    for text in ("It outgrows them", "small", "large", "first", "second"):
        assert text in shown
    check_layout(fig)
