"""Frontiers, speeds and ladders show the numbers that they are given, and nothing overlaps."""

import matplotlib

matplotlib.use("agg")

import pytest
from matplotlib.colors import to_hex

from figures import draw_frontiers, draw_ladder, draw_speeds
from figures.style import COLORS
from picture_layout import check_layout, headline, words


def network(family, model, ms, top1):
    return dict(family=family, model=model, ms=ms, top1=top1)


OURS, RIVAL = network("EfficientNet", "efficientnet_b1", 0.2, 80.4), network("ResNet", "resnet50", 0.5, 81.5)
BEATEN, GREY = network("EfficientNet", "efficientnet_b0", 0.6, 79.0), network("ResNet", "resnet34", 1.0, 76.0)
UNTIMED, BELOW = network("ResNet", "resnet101", None, 82.0), network("ResNet", "resnet18", 0.1, 70.0)


def drawn(ax):
    return {tuple(map(float, xy)) for line in ax.lines[2:] for xy in line.get_xydata()}


def test_frontiers_show_every_point_once_and_say_who_is_on_the_frontier():
    rows = [OURS, RIVAL, BEATEN, GREY, UNTIMED, BELOW]
    panels = {"before": (rows, [OURS, RIVAL], OURS), "after": (rows[1:], [RIVAL], RIVAL)}
    fig = draw_frontiers(panels, "ms", "time (ms)", "top-1 (%)", "One row less", goal=80)
    before, after = fig.axes
    assert drawn(before) == {(0.2, 80.4), (0.5, 81.5), (0.6, 79.0), (1.0, 76.0)}
    assert list(before.lines[0].get_ydata()) == [80, 80], "the goal"
    assert before.lines[1].get_xydata().tolist() == [[0.2, 80.4], [0.5, 81.5]], "the staircase"
    assert before.lines[1].get_drawstyle() == "steps-post"
    markers = {tuple(xy): line for line in before.lines[2:] for xy in line.get_xydata()}
    assert markers[0.2, 80.4].get_color() == COLORS["accent"] and markers[0.6, 79.0].get_color() == "white"
    assert markers[0.5, 81.5].get_color() == COLORS["ink"] and markers[1.0, 76.0].get_color() == COLORS["line"]
    assert before.get_xlim() == after.get_xlim() and before.get_ylim() == after.get_ylim()
    assert before.get_xscale() == "log" and {text.get_text() for text in after.texts} == {"ResNet"}
    assert {text.get_text() for text in before.texts} == {"B1"}
    rings = [[tuple(xy) for ring in ax.collections for xy in ring.get_offsets()] for ax in fig.axes]
    assert rings == [[(0.2, 80.4)], [(0.5, 81.5)]], "the one that is named"
    assert [ax.get_title("left") for ax in fig.axes] == ["before", "after"]
    shown = words(fig)
    assert all(text in shown for text in ("One row less", "reaches 80 %", "time (ms)", "top-1 (%)"))
    check_layout(fig)


def test_speeds_multiply_macs_by_images_and_draw_lines_of_equal_time():
    families = {"EfficientNet": [("B1", 0.7, 5000)], "ResNet-D": [("", 4.0, 3500), ("200", 20.0, 800)]}
    fig = draw_speeds(families, [0.2, 1], "Few MACs, and few in a second")
    ax = fig.axes[0]
    assert ax.lines[0].get_xydata().tolist() == [pytest.approx([0.7, 3.5])]
    for time, line in zip([0.2, 1], ax.lines[-2:], strict=True):
        for x, y in line.get_xydata():
            assert x / y == pytest.approx(time), "billions of MACs ÷ trillions a second are ms"
    assert headline(fig) == "Few MACs, and few in a second"
    colours = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
    assert colours["B1"] == colours["EfficientNet"] == COLORS["EfficientNet"].lower()
    assert {"200", "ResNet-D", "equal time: 0.2 ms", "1 ms"} <= set(colours)


def test_ladder_says_each_number_and_marks_some():
    long = "one with a name that is too long to stand in one line"
    fig = draw_ladder({"plain": 75.1, "new": 78.57, long: 80}, "top-1 (%)", "Training alone", marked=["new"])
    ax = fig.axes[0]
    assert [line.get_xdata()[0] for line in ax.lines] == [75.1, 78.57, 80]
    assert [line.get_color() for line in ax.lines] == [COLORS["accent"], "white", COLORS["accent"]]
    assert [text.get_text() for text in ax.texts] == ["75.1", "78.6", "80.0"]
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert [name.replace("\n", " ") for name in names] == ["plain", "new", long] and "\n" in names[2]
    assert headline(fig) == "Training alone"
    check_layout(fig)
    fig = draw_ladder({"MACs": 0.2, "weights": 12}, "share (%)", "Few MACs", colour=COLORS["se"], start=0)
    assert fig.axes[0].get_xlim()[0] == 0 and {line.get_color() for line in fig.axes[0].lines} == {COLORS["se"]}
    check_layout(fig)
    fig = draw_ladder({"MACs": 0.2, "weights": 12}, "share (%)", "Few MACs", row=0.4)
    assert fig.get_figheight() == pytest.approx(2.4) and {text.get_size() for text in fig.axes[0].texts} == {14.5}
    check_layout(fig)
