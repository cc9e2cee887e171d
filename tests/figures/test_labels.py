"""Texts beside points and lines cover nothing, and stay away if there is no room."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from figures import labels
from figures.style import use_style
from picture_layout import check_layout, headline

INK = dict(color="black")


@pytest.fixture
def ax():
    use_style()
    fig = plt.figure(figsize=(4, 3), layout="none")
    yield fig.add_axes((0.1, 0.1, 0.8, 0.8), xlim=(0, 10), ylim=(0, 10))
    plt.close(fig)


def test_labels_avoid_markers_lines_and_each_other(ax):
    ax.plot([0, 10], [4, 6], marker="")
    ax.plot([5, 6, 5.5], [5, 5.2, 5.6], ls="None", marker="o")
    points = [(name, x, y, INK) for name, x, y in (("first", 5, 5), ("second", 6, 5.2), ("third", 5.5, 5.6))]
    assert labels.label_points(ax, points)
    assert [note.get_text() for note in ax.texts] == ["first", "second", "third"]
    check_layout(ax.figure)
    along = ax.transData.transform(np.linspace((0, 4), (10, 6), 500))
    for note in ax.texts:
        box = note.get_window_extent()
        assert not any(box.contains(x, y) for x, y in along)
        assert not any(box.contains(*ax.transData.transform(point)) for point in ((5, 5), (6, 5.2), (5.5, 5.6)))


@pytest.mark.parametrize("x, y", [(0, 0), (10, 10), (0, 10), (10, 0)])
def test_labels_stay_in_the_axes(ax, x, y):
    ax.plot(x, y, marker="o")
    assert labels.label_points(ax, [("a name", x, y, INK)])
    (note,) = ax.texts
    box, frame = note.get_window_extent(), ax.get_window_extent()
    assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1


def test_names_stand_at_the_ends_of_lines(ax):
    ax.plot([1, 9], [2, 3], marker="")
    ax.plot([1, 9], [2, 8], marker="")
    assert labels.label_ends(ax, {"high": (9, 8, "blue"), "low": (9, 3, "red")})
    for text, name, y, colour in zip(ax.texts, ("low", "high"), (3, 8), ("red", "blue"), strict=True):
        box, end = text.get_window_extent(), ax.transData.transform((9, y))
        assert 0 < box.x0 - end[0] < 20 and box.y0 < end[1] < box.y1
        assert (text.get_text(), text.get_color()) == (name, colour)


def test_names_of_ends_that_lie_close_keep_their_order(ax):
    ends = {"third": (9, 5, "red"), "fourth": (9, 4.9, "red"), "first": (9, 5.3, "red"), "second": (9, 5.1, "red")}
    assert labels.label_ends(ax, ends)
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts}
    for above, below in (("first", "second"), ("second", "third"), ("third", "fourth")):
        assert boxes[above].y0 >= boxes[below].y1 - 1


@pytest.mark.parametrize(
    "names", [[f"line {i}" for i in range(12)], ["a name that is very much too long for a margin"]]
)
def test_names_that_have_no_room_are_not_written(ax, names):
    assert not labels.label_ends(ax, {name: (9, 5 + 0.05 * i, "red") for i, name in enumerate(names)})
    assert not ax.texts


def test_a_name_does_not_cover_another_line(ax):
    ax.plot([1, 9], [5, 5], marker="")
    assert not labels.label_ends(ax, {"breaks off": (3, 5.1, "red"), "goes on": (9, 5, "blue")})
    assert labels.label_ends(ax, {"breaks off": (3, 8, "red"), "goes on": (9, 5, "blue")})


def test_all_or_none(ax):
    crowd = [(f"point {i}", 5, 5, INK) for i in range(40)]
    assert not labels.label_points(ax, crowd, all_or_none=True) and not ax.texts
    assert not labels.label_points(ax, crowd) and len(ax.texts) == 40


def test_gaps_in_a_line_are_no_obstacle(ax):
    ax.plot([1, 5, 9], [2, np.nan, 3], marker="o")
    assert labels.label_ends(ax, {"with a gap": (9, 3, "red")})


def test_a_headline_breaks_into_lines(ax):
    title = "Depth costs more than the power law promised until blocks are no longer rounded up"
    labels.write_headline(ax, title)
    assert headline(ax.figure) == title and "\n" in ax.get_title("left")
