"""Maps of evidence show the numbers that they are given, in the places of the photo where they lie."""

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib.colors import to_hex

from figures import places
from picture_layout import check_layout, headline, words

PHOTO = np.full((60, 80, 3), 128, np.uint8)


def frames(ax):
    """(x, y, width, height) of the rectangles on a picture, in its pixels."""
    return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in ax.patches]


def test_maps_share_a_scale_and_their_strongest_place_is_framed_in_both_pictures():
    first, second = np.zeros((3, 4)), np.full((3, 4), 2.0)
    first[2, 1], second[0, 3] = 5, 3
    fig = places.draw_places([PHOTO, PHOTO], [first, second], ["cat", "cup"], "Found")
    photo, other, left, right, bar = fig.axes
    assert left.images[0].get_clim() == right.images[0].get_clim() == (0, 5)
    assert np.array_equal(right.images[0].get_array(), second)
    assert left.images[0].get_extent() == photo.images[0].get_extent()
    for ax in (photo, left):  # a place is 20 pixels wide and high, and pixel 0 begins at -0.5
        assert set(frames(ax)) == {(19.5, 39.5, 20, 20)}
    assert set(frames(other)) == {(59.5, -0.5, 20, 20)}
    assert (left.get_xlabel(), right.get_xlabel(), bar.get_ylabel()) == ("“cat”", "“cup”", "evidence for the name")
    assert headline(fig) == "Found"
    check_layout(fig)


def test_a_map_without_evidence_has_no_frame():
    fig = places.draw_places([PHOTO] * 2, [np.ones((3, 4)), -np.ones((3, 4))], ["cat", "cup"], "Found")
    photo, other, left, right, _ = fig.axes
    assert frames(photo) and frames(left) and not frames(other) and not frames(right)
    check_layout(fig)


def test_a_difference_is_white_at_zero_and_red_for_the_first_name():
    difference = np.array([[0.0, 4.0], [-2.0, 1.0]])
    fig = places.draw_difference(PHOTO, difference, ("tiger", "tabby"), "Found")
    photo, numbers = fig.axes
    shown = numbers.images[0]
    assert shown.get_clim() == (-4, 4) and min(shown.cmap(shown.norm(0.0))) > 0.99
    for value, channel in ((4.0, 0), (-4.0, 2)):
        assert np.argmax(shown.cmap(shown.norm(value))[:3]) == channel
    *cells, first, second = numbers.texts
    assert {text.get_text(): text.get_position() for text in cells} == {
        "0.0": (19.5, 14.5),
        "4.0": (59.5, 14.5),
        "−2.0": (19.5, 44.5),
        "1.0": (59.5, 44.5),
    }
    named = {text.get_text(): to_hex(text.get_color()) for text in (first, second)}
    assert named == {"+ for “tiger”": "#b3263e", "− for “tabby”": "#2b5c9e"}
    for ax in (photo, numbers):
        framed = [patch for patch in ax.patches if patch.get_linewidth() > 3]
        colours = {(patch.get_x(), patch.get_y()): to_hex(patch.get_edgecolor()) for patch in framed}
        assert colours == {(39.5, -0.5): "#b3263e", (-0.5, 29.5): "#2b5c9e"}
    assert headline(fig) == "Found"
    check_layout(fig)


def test_a_name_that_no_place_prefers_gets_no_frame():
    fig = places.draw_difference(PHOTO, np.array([[1.0, 4.0], [2.0, 1.0]]), ("tiger", "tabby"), "Found")
    for ax in fig.axes:
        framed = {patch.get_xy() for patch in ax.patches if patch.get_linewidth() > 3}
        assert framed == {(39.5, -0.5)}  # the 4


def test_a_vote_adds_up_to_the_score():
    features, weights = np.zeros((2, 3, 4)), np.array([0.5, -1.0, 2.0, 0.1])
    features[1, 2] = (2, 1, 3, 4)  # products 1, -1, 6 and 0.4: together 6.4, and the average over six places is 1.07
    fig = places.draw_vote(PHOTO, features, weights, -0.25, "cup", "Found")
    _, photo, grid = fig.axes
    assert "4 features" in words(fig)
    for text in ("3.0", "2.000", "6.0", "6.4", "average 1.07 + constant −0.25 = score 0.82", "evidence for “cup”"):
        assert text in words(fig), text
    assert np.array_equal(grid.images[0].get_array(), features @ weights)
    for ax in (photo, grid):  # the last of 2 rows and 3 columns
        assert {patch.get_xy() for patch in ax.patches if patch.get_linewidth() > 3} == {(80 * 2 / 3 - 0.5, 29.5)}
    check_layout(fig)


def test_maps_stay_as_they_are():
    values = np.arange(6.0).reshape(2, 3)
    before = values.copy()
    places.draw_places([PHOTO], [values], ["cat"], "Found")
    places.draw_difference(PHOTO, values, ("cat", "cup"), "Found")
    assert np.array_equal(values, before)
