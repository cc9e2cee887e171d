"""Drawings of blocks show every channel, the sum, the drop rates and the costs that they are given."""

import matplotlib

matplotlib.use("agg")

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from architecture import B0, STAGES, Scale, plan
from figures import blocks as drawing
from figures import draw_costs
from figures.style import COLORS
from picture_layout import check_layout, headline, words


def test_every_channel_has_its_picture():
    maps = {"input": np.random.default_rng(0).normal(size=(56, 56, 24)), "wide": np.zeros((56, 56, 130))}
    maps["wide"][..., 17] = np.arange(56)  # it rises from left to right; the others are flat
    fig = drawing.draw_channels(maps, [("1×1\nexpand", "expand")], "Narrow, wide")
    narrow, wide = (ax.images[0].get_array() for ax in fig.axes[1:])
    step = drawing.PIXELS + 2
    assert narrow.shape == (16 * step, 2 * step) and wide.shape == (16 * step, 9 * step)
    assert wide[step, step] == 0 and wide[step, step + drawing.PIXELS - 1] == 1
    for text in ("Narrow, wide", "input", "24", "130", "expand"):
        assert text in words(fig)
    check_layout(fig)


def test_a_sum_is_drawn_on_one_scale():
    before, correction = np.random.default_rng(0).normal(size=(2, 8, 8))
    fig = drawing.draw_sum(before, correction, before + correction, "It corrects")
    images = [ax.images[0] for ax in fig.axes if ax.images]
    assert np.array_equal(images[0].get_array() + images[1].get_array(), images[2].get_array())
    assert len({image.get_clim() for image in images}) == 1
    shown = words(fig).split("\n")
    assert {"+", "=", "input", "correction", "output", "It corrects"} <= set(shown)
    check_layout(fig)


def test_the_way_back_marks_where_a_block_is_narrow_and_wide():
    widths = np.array([24, 144])
    fig = drawing.draw_way_back({"ReLU": (widths, [67, 22]), "swish": (widths, [62, 17])}, "Wider loses less")
    relu, swish, narrow, wide = fig.axes[0].lines
    assert relu.get_xydata().tolist() == [[24, 67], [144, 22]] and swish.get_xydata().tolist() == [[24, 62], [144, 17]]
    for line, text in ((narrow, "after project:\n24 channels"), (wide, "after expand:\n144 channels")):
        assert f"\n{line.get_xdata()[0]} channels" in text and text in words(fig)
    assert headline(fig) == "Wider loses less"
    check_layout(fig)


def test_only_blocks_with_a_skip_are_filled_and_dropped_cells_are_coloured():
    network, ran = plan("b0"), np.ones((16, 5))
    ran[2, 3] = 0
    fig = drawing.draw_dropped(network.blocks, ran, "Nine can be dropped")
    left, right = fig.axes
    rates = [bar.get_width() for bar in left.patches]
    assert rates == pytest.approx([100 * block.drop_rate for block in network.blocks])
    filled = [bar.get_facecolor() == to_rgba(COLORS["skip"]) for bar in left.patches]
    assert filled == [block.skip for block in network.blocks]
    dropped = [bar.get_xy() for bar in right.patches if bar.get_facecolor() == to_rgba(COLORS["skip"])]
    assert dropped == [(3, 1.5)] and headline(fig) == "Nine can be dropped"
    check_layout(fig)


def test_the_bars_of_versions_are_the_macs_of_their_stages():
    stages = list(STAGES)
    stages[3], stages[4] = replace(stages[3], stride=1), replace(stages[4], stride=2)
    networks = {"five": plan("b0"), "one": plan(Scale(1.0, 1.0, 224, baseline=replace(B0, stages=tuple(stages))))}
    fig = drawing.draw_versions(networks, ("printed: 390", 390e6), "A third more")
    ax = fig.axes[0]
    for place, network in enumerate(networks.values()):
        bars = [bar for bar in ax.patches if bar.get_y() == pytest.approx(place - 0.35)]
        middle = [sum(conv.macs for block in stage for conv in block.convs) for stage in network.stages]
        assert [bar.get_width() * 1e6 for bar in bars[:-1]] == pytest.approx([network.stem.macs, *middle])
        ends = bars[-1].get_x() + bars[-1].get_width()
        assert ends * 1e6 == pytest.approx(network.macs) and f"\n{network.macs / 1e6:.0f}" in words(fig)
    assert ax.lines[0].get_xdata()[0] == 390 and "printed: 390" in words(fig) and headline(fig) == "A third more"
    check_layout(fig)


def test_costs_make_room_for_a_headline():
    fig = draw_costs(plan("b0"), "MACs here, parameters there")
    assert "MACs here, parameters there" in words(fig)
    check_layout(fig)
