"""Charts show the numbers that they are given; headlines and names find their places."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib.colors import to_hex

from architecture import plan
from datasets import published
from figures import charts
from figures.style import COLORS, MARKERS
from picture_layout import check_layout, contrast, headline, words


def legend(fig):
    found = [*fig.legends, *(ax.get_legend() for ax in fig.axes if ax.get_legend())]
    return [text.get_text() for one in found for text in one.get_texts()]


def test_accuracy_plots_the_published_numbers_against_the_macs_of_the_plan():
    fig = charts.draw_accuracy()
    family, others = (line.get_xydata() for line in fig.axes[0].lines)
    rows = [row for row in published("table2_imagenet") if row["arxiv_version"] == "v5"]
    assert family[:, 0] * 1e9 == pytest.approx([plan(f"b{i}").macs for i in range(8)])
    assert list(family[:, 1]) == [row["top1"] for row in rows if row["model"].startswith("EfficientNet")]
    assert len(others) == len([row for row in rows if row["macs_B"] and not row["model"].startswith("EfficientNet")])
    for row in rows:
        assert not row["macs_B"] or row["model"].removeprefix("EfficientNet-") in words(fig)
    assert "1905.11946v5" in words(fig) and "top-1 accuracy (%)" in words(fig)
    assert headline(fig) == "Fewer MACs for the same accuracy"
    check_layout(fig)


# ---------------------------------------------------------------- curves


@pytest.mark.parametrize("log", ["", "x", "xy"])
def test_curves_puts_measured_values_in_the_colour_of_their_line(log):
    lines, measured = {"k = 3": ([1, 2], [1, 2])}, {"k = 3": ([1], [1]), "other": ([2], [3])}
    fig = charts.curves(lines, "size", "cost", measured=measured, log=log, title="It rises")
    ax = fig.axes[0]
    line, same, other = ax.lines
    assert line.get_color() == same.get_color() != other.get_color()
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[1, 1], [2, 2]], [[1, 1]], [[2, 3]]]
    assert {text.get_text() for text in ax.texts} == {"k = 3", "other"} and headline(fig) == "It rises"
    assert [ax.get_xscale() == "log", ax.get_yscale() == "log"] == ["x" in log, "y" in log]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("size", "cost")
    check_layout(fig)


def test_the_legend_shows_lines_and_markers_as_they_are():
    points = ([1, 2], [1, 2])
    names = [f"line {i}" for i in range(9)]  # more than find room at one place
    fig = charts.curves(
        {"both": points} | dict.fromkeys(names, points), "x", "y", {"both": points, "dots": points}, title="One line"
    )
    shown = [(handle.get_linestyle(), handle.get_marker()) for handle in fig.axes[0].get_legend().legend_handles]
    assert shown[:2] == [("-", "o"), ("--", "")] and shown[-1] == ("None", MARKERS[0])


def test_one_curve_needs_no_legend():
    assert not legend(charts.curves({"only": ([1, 2], [1, 2])}, "x", "y", title="It rises"))


X = np.array([1.0, 2, 4, 8])
GROWTH = {"depth": (X, 1 + 0.3 / X), "width": (X, 1 - 0.02 * X), "resolution": (X, 1 + 0.1 / X)}


@pytest.mark.parametrize("measured", [None, GROWTH])
def test_a_headline_brings_the_names_to_the_lines(measured):
    title = "Depth costs more than the power law promised until blocks are no longer rounded up"
    fig = charts.curves(GROWTH, "growth", "counted / promised", measured=measured, log="x", title=title)
    assert headline(fig) == title and not legend(fig)
    check_layout(fig)
    ax = fig.axes[0]
    assert {text.get_text() for text in ax.texts} == set(GROWTH)
    for text in ax.texts:
        x, y = GROWTH[text.get_text()]
        box, end = text.get_window_extent(), ax.transData.transform((x[-1], y[-1]))
        assert to_hex(text.get_color()) == COLORS[text.get_text()].lower()
        assert 0 < box.x0 - end[0] < 40 and abs(box.y0 + box.y1 - 2 * end[1]) / 2 < 40


def test_long_names_do_not_squeeze_the_chart():
    names = {f"{name} devices, one of them killed, continued": points for name, points in GROWTH.items()}
    fig = charts.curves(names, "growth", "counted / promised", title="They meet")
    check_layout(fig)
    assert fig.axes[0].get_position().width > 0.6


def test_a_line_that_breaks_off_is_named_where_it_does():
    fig = charts.curves({"short": ([3, 1, 2], [np.nan, 1, 2]), "long": (range(1, 4), [0, 0, 0])}, "x", "y", title="Gap")
    assert {text.get_text(): text.xy for text in fig.axes[0].texts} == {"short": (2, 2), "long": (3, 0)}
    check_layout(fig)


def test_names_that_do_not_fit_at_the_ends_stand_in_a_legend():
    together = {f"line {i}": ([1, 2], [i, 50 + 0.01 * i]) for i in range(9)}
    fig = charts.curves(together, "x", "y", title="All end in one place")
    assert legend(fig) == list(together) and not fig.axes[0].texts
    check_layout(fig)


# ---------------------------------------------------------------- points

FAMILIES = {
    "EfficientNet": [("B0", 0.4, 77.1), ("B1", 0.7, 79.1), ("B7", 38.0, 84.3)],
    "others": [("ResNet50", 3.9, 76.0), ("", 0.3, 71.3)],
}


@pytest.mark.parametrize("log", ["x", "y", "xy", ""])
def test_tradeoff_shows_each_point_and_names_families_at_their_ends(log):
    title = "Fewer MACs for the same accuracy"
    fig = charts.tradeoff(FAMILIES, "MACs", "top-1 (%)", scattered=["others"], log=log, title=title)
    (ax,) = fig.axes
    for line, points in zip(ax.lines, FAMILIES.values(), strict=True):
        assert line.get_xydata().tolist() == [[x, y] for _, x, y in points]
    assert {line.get_marker() for line in ax.lines} == set(MARKERS[:2])
    assert [line.get_linestyle() for line in ax.lines] == ["-", "None"]
    assert [ax.get_xscale() == "log", ax.get_yscale() == "log"] == ["x" in log, "y" in log]
    assert (ax.get_xlabel(), ax.get_ylabel(), headline(fig)) == ("MACs", "top-1 (%)", title)
    assert {text.get_text() for text in ax.texts} == {"B0", "B1", "B7", "ResNet50", *FAMILIES} and not legend(fig)
    ends = {text.get_text(): text for text in ax.texts}
    assert ends["EfficientNet"].xy == (38.0, 84.3)
    assert to_hex(ends["EfficientNet"].get_color()) == COLORS["EfficientNet"].lower()
    check_layout(fig)


def test_tradeoff_without_room_for_names_keeps_headline_and_legend_apart():
    crowd = {f"family {i}": [(f"{i}", 1 + 0.001 * i, 1 + 0.001 * i), ("", 9, 9)] for i in range(6)}
    title = "A headline that is so long that it takes two lines, as the finding is not simple"
    fig = charts.tradeoff(crowd, "cost", "gain", title=title)
    assert headline(fig) == title and legend(fig) == list(crowd)
    check_layout(fig)
    assert fig.legends[0].get_window_extent().y1 <= fig.axes[0].xaxis.label.get_window_extent().y0


def test_roofline_meets_where_memory_and_arithmetic_do():
    points = [("dense", 120, 8e10), ("depthwise", 1.1, 3e9), ("close to it", 1.2, 3.1e9)]
    fig = charts.roofline(points, peak=1e11, bandwidth=4e9, title="Far below")
    assert headline(fig) == "Far below"
    roof, _, *drawn = fig.axes[0].lines
    assert tuple(roof.get_xydata()[1]) == pytest.approx((25, 100))
    assert roof.get_ydata()[0] == pytest.approx(4 * roof.get_xdata()[0])
    assert [tuple(line.get_xydata()[0]) for line in drawn] == [(120, 80), (1.1, 3), (1.2, 3.1)]
    assert drawn[1].get_color() == COLORS["depthwise"]
    check_layout(fig)


# ---------------------------------------------------------------- bars and dots


def test_shares_add_up_and_are_legible():
    bars = {"MACs": {"expand": 60, "project": 30, "swish": 0}, "time": {"expand": 1, "project": 1, "swish": 2}}
    fig = charts.shares(bars, {"swish": COLORS["feature"]}, title="Swish has no MACs")
    ax = fig.axes[0]
    assert [patch.get_width() for patch in ax.patches] == pytest.approx([200 / 3, 100 / 3, 0, 25, 25, 50])
    written = [text for text in ax.texts if text.get_text()]
    assert [text.get_text() for text in written] == ["67 %", "33 %", "25 %", "25 %", "50 %"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(bars)
    assert legend(fig) == ["expand", "project", "swish"]
    big = [patch for patch in ax.patches if patch.get_width() > 4]
    for text, patch in zip(written, big, strict=True):
        assert contrast(text.get_color(), patch.get_facecolor()) >= 4.5, text.get_text()
    assert headline(fig) == "Swish has no MACs"
    check_layout(fig)


def test_paired_bars_have_their_numbers_and_a_gap_where_there_is_none():
    series = {"depth": ([np.nan, 1.7], COLORS["depth"]), "compound": ([5.0, 3.8], COLORS["compound"])}
    fig = charts.paired_bars(["V1", "B0"], series, "points", "All three win", "{:.1f}")
    bars = fig.axes[0].patches
    assert [bar.get_height() for bar in bars[1:]] == [1.7, 5.0, 3.8] and np.isnan(bars[0].get_height())
    assert [text.get_text() for text in fig.axes[0].texts if text.get_text()] == ["1.7", "5.0", "3.8"]
    assert headline(fig) == "All three win" and legend(fig) == ["depth", "compound"]
    check_layout(fig)


def test_seeds_shows_every_value_how_many_and_the_interval():
    groups = {"dense": [70.0, 70.5, 71.0], "separable": [69.0, 70.0], "one": [68.0]}
    fig = charts.seeds(groups, "accuracy (%)", "Dense wins")
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert labels == ["dense\nn = 3", "separable\nn = 2", "one\nn = 1"]
    lines = [np.atleast_1d(line.get_xdata()).tolist() for line in fig.axes[0].lines]
    assert lines[2::3] == list(groups.values()), "lesson 06 colours every third line"
    assert lines[0] == pytest.approx([70.5 - 4.3027 * 0.5 / 3**0.5, 70.5 + 4.3027 * 0.5 / 3**0.5], abs=1e-3)
    assert lines[1] == [70.5]
    check_layout(fig)


def test_seeds_gives_a_shape_the_same_colour_twice():
    groups = {"2 ×, minus depth": [1.0, 2], "2 ×, minus width": [1.0, 2], "4 ×, minus depth": [1.0, 2]}
    fig = charts.seeds(groups, "x", "Depth twice")
    assert [line.get_color() for line in fig.axes[0].lines[2::3]] == [COLORS[n] for n in ("depth", "width", "depth")]


# ---------------------------------------------------------------- images


def test_image_grid():
    fig = charts.image_grid([np.full((8, 8), i) for i in range(5)], titles=list("abcde"), columns=3, headline="Five")
    assert [text.get_text() for text in fig.texts] == ["Five"]
    assert [ax.images[0].get_array()[0, 0] for ax in fig.axes if ax.images] == [0, 1, 2, 3, 4] and len(fig.axes) == 6
    assert [ax.get_title() for ax in fig.axes[:5]] == list("abcde")
