"""The drawings of lesson 02: faders stand at their gates, rows begin with their mean, dots stand at their accuracy."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from figures import draw_desk, draw_replaced, draw_rows, draw_squeeze
from picture_layout import check_layout, words

PHOTO = np.full((8, 8, 3), 200)


def pictures(fig):
    return [ax.images[0].get_array() for ax in fig.axes if ax.images]


def test_desk_multiplies_each_map_by_its_gate_on_one_scale():
    before = np.ones((4, 4, 2)) * [1.0, 3.0]
    fig = draw_desk(PHOTO, before, np.array([0.5, 1.0]), "Faders")
    _, quiet, quieted, loud, kept = pictures(fig)
    assert quieted.max() == 0.5 * quiet.max() and kept.max() == loud.max() == 3
    limits = [ax.images[0].get_clim() for ax in fig.axes if ax.images]
    assert limits[1] == limits[2] and limits[3] == limits[4]
    assert {"0.50", "1.00", "before", "gate", "after", "Faders"} <= set(words(fig).splitlines())
    check_layout(fig)


def test_rows_begin_with_the_mean_as_bars_and_show_what_each_photo_adds():
    gates = np.array([[0.2, 0.8], [0.4, 0.6]])
    fig = draw_rows([PHOTO, PHOTO], ["cat", "ship"], gates, gates.mean(0), "Rows")
    rows = [picture[0].tolist() for picture in pictures(fig) if picture.shape == (1, 2)]
    assert rows == [pytest.approx(row) for row in ([-0.1, 0.1], [0.1, -0.1])]
    assert sum(picture.shape == PHOTO.shape for picture in pictures(fig)) == 2
    boxes = [patch for patch in fig.axes[0].patches if isinstance(patch, Rectangle)]
    (one,) = [patch for patch in fig.axes[0].patches if patch not in boxes]  # the line over the bars
    side = one.get_path().vertices[0, 1] - boxes[0].get_y()
    assert [box.get_height() / side for box in boxes] == pytest.approx([0.3, 0.7])
    assert {"mean gate", "cat", "ship", "red: +0.25", "blue: −0.25"} <= set(words(fig).splitlines())
    check_layout(fig)


def test_replaced_leads_from_stored_to_recomputed():
    fig = draw_replaced({"own": 88.5, "one": 12.1}, {"own": 88.9, "one": 81.3}, "Stale")
    dots = [tuple(line.get_xydata()[0]) for line in fig.axes[0].lines if len(line.get_xydata()) == 1]
    assert dots == [(88.5, 0), (88.9, 0), (12.1, 1), (81.3, 1)]
    arrows = [note.arrow_patch for note in fig.axes[0].texts if getattr(note, "arrow_patch", None)]
    assert len(arrows) == 1, "only the row that moves"
    assert "12.1 with stored statistics\nwith recomputed statistics 81.3" in words(fig)
    check_layout(fig)


def test_squeeze_can_be_checked_by_eye():
    maps = np.array([[[4, 0], [2, 1]], [[0, 1], [2, 2]]])
    fig = draw_squeeze(maps, np.array([[1], [-1]]), np.array([[3, -3]]), np.array([0.9, 0.1]), "By eye")
    assert {"2", "1", "0.73", "swish(2 − 1)", "σ(2.2)", "0.9", "0.1", "3.6", "× −3"} <= set(words(fig).splitlines())
    check_layout(fig)
