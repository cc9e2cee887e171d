"""Drawings of convolutions: what is marked is what a Conv of the plan multiplies, and the numbers add up."""

import math

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.patches import Rectangle

from architecture import Conv, plan
from figures import (
    draw_against_rivals,
    draw_by_eye,
    draw_convolutions,
    draw_filters,
    draw_kernels,
    draw_rivals,
    draw_wiring,
)
from figures.canvas import mix
from figures.style import COLORS, CONVOLUTIONS
from picture_layout import check_layout, words

KINDS = {
    "dense": Conv("dense", 3, 2, 5, 3),
    "depthwise": Conv("depthwise", 3, 3, 5, 3, depthwise=True),
    "pointwise": Conv("pointwise", 3, 4, 5),
}


def cells(ax, colour):
    wanted = colors.to_rgba(colour)
    return [p for p in ax.patches if isinstance(p, Rectangle) and np.allclose(p.get_facecolor(), wanted)]


@pytest.mark.parametrize("kind", KINDS)
def test_one_output_and_all_that_it_sees_are_marked(kind):
    conv = KINDS[kind]
    fig = draw_convolutions({kind: conv}, "Found")
    one_output = conv.macs // conv.activations  # MACs for one number of the output
    jobs = dict(dense="looks around and mixes", depthwise="looks around", pointwise="mixes")
    assert len(cells(fig.axes[0], CONVOLUTIONS[kind])) == one_output + 1
    for_all = f"{one_output} MACs an output, {one_output * conv.filters} for all {conv.filters}"
    assert {for_all, jobs[kind], "Found"} <= set(words(fig).splitlines())


def test_the_hero_picture_keeps_its_texts_apart():
    check_layout(draw_convolutions(KINDS, "Found"))


def test_the_example_is_a_separable_convolution():
    random = np.random.default_rng(0)
    windows, kernels = random.integers(-3, 4, (2, 2, 3, 3))
    weights = np.array([2, -3])
    fig = draw_by_eye(windows, kernels, weights, "Found")
    texts = words(fig)
    sums = [int(np.vdot(window, kernel)) for window, kernel in zip(windows, kernels, strict=True)]
    for number in (*sums, 2 * sums[0] - 3 * sums[1]):
        assert f"{number}".replace("-", "−") in texts


def test_kernels_share_one_scale_on_which_zero_is_white():
    kernels = np.array([np.full((3, 3), 2.0), np.diag([-1.0, 0.0, -0.01])])
    fig = draw_filters(np.ones((2, 4, 4)), kernels, np.ones((2, 4, 4)), ["a", "b"], "Kernels")
    first, second = (fig.axes[i].images[0] for i in (2, 3))
    assert first.get_clim() == second.get_clim() == (-2, 2)
    assert np.allclose(second.to_rgba(np.zeros((1, 1)))[0, 0, :3], 1, atol=0.01)
    assert "−0.0" not in words(fig) and {"−1.0", "Kernels"} <= set(words(fig).splitlines())
    check_layout(fig)


def test_kernels_of_layers_stand_under_each_other_on_one_scale():
    rows = {"one": np.arange(18.0).reshape(3, 3, 2), "other": -np.ones((3, 3, 2))}
    fig = draw_kernels(rows, "Alike")
    assert [ax.get_ylabel() for ax in fig.axes] == ["one", "", "other", ""]
    assert {ax.images[0].get_clim() for ax in fig.axes} == {(-17, 17)}
    assert np.array_equal(fig.axes[1].images[0].get_array(), rows["one"][..., 1])
    check_layout(fig)


def test_a_block_stands_over_its_plain_rival():
    fig = draw_rivals(plan("b0").blocks[2], "Found")
    texts = words(fig).splitlines()
    assert texts.count("24 channels") == 4 and texts.count("144 channels") == 2
    assert {"MBConv", "1 × 1 expand", "3 × 3 depthwise", "1 × 1 project"} <= set(texts)
    assert {"its plain rival", "3 × 3 dense"} <= set(texts)
    check_layout(fig)


def test_wiring_goes_from_the_colour_of_dense_to_that_of_depthwise():
    fig = draw_wiring([np.ones((8, 8)), np.eye(8)], ["one group", "eight"], "Fewer links")
    dense, depthwise = fig.axes
    assert len(cells(dense, COLORS["dense"])) == 64 and len(cells(depthwise, COLORS["depthwise"])) == 8


def test_bars_of_blocks_are_stacked_from_their_parts_beside_their_rivals():
    blocks = [{"expand": 2e6, "depthwise": 1e6, "project": 3e6}, {"depthwise": 1e6, "project": 1e6}]
    fig = draw_against_rivals(["2b", "1a"], blocks, [4e6, 5e6], "Found")
    (ax,) = fig.axes
    tops = {}
    for bar in ax.patches:
        tops.setdefault(round(bar.get_x() + bar.get_width() / 2, 1), []).append(bar.get_y() + bar.get_height())
    assert tops == {-0.2: [2, 3, 6], 0.8: [0, 1, 2], 0.2: [4], 1.2: [5]}
    assert [text.get_text() for text in ax.texts] == ["1.5×"], "only the one that costs more than its rival"
    check_layout(fig)


def test_wiring_shows_each_connection():
    matrix = np.kron(np.eye(2), np.ones((3, 2)))  # 6 inputs, 4 outputs
    fig = draw_wiring([matrix], ["groups = 2"], "Fewer links")
    (ax,) = fig.axes
    assert [text.get_text() for text in fig.texts] == ["Fewer links"]
    connected = mix(COLORS["depthwise"], COLORS["dense"], math.log(3) / math.log(6))
    marked = {(round(p.get_x()), 5 - round(p.get_y())) for p in cells(ax, connected)}
    assert marked == {(column, row) for row, column in np.argwhere(matrix)}
