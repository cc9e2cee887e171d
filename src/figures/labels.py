"""Texts beside points and lines that keep out of each other's way."""

import itertools
import math
import textwrap

import numpy as np
from matplotlib.transforms import Bbox

SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))
DISTANCES = (9, 15, 24)  # of a text from its point, in points
MARKER, LINE = 5, 2  # half the width that a marker and a line claim, in points and pixels
MARGIN = 0.25  # share of a figure's width that names beside the axes may take
HEADLINE_COLUMNS = 60  # letters of a headline in a line


def label_points(ax, points, sides=SIDES, all_or_none=False):
    """Writes (text, x, y, style) beside each point, wherever it covers no marker, line or text of the axes.

    Limits and size of the axes must be final. Returns whether every text found a free place; if not, it stands where
    it covers least, or with `all_or_none` nothing is written.
    """
    taken, frame = _taken(ax), ax.get_window_extent()
    notes, free = [], True
    for text, x, y, style in points:
        note = ax.annotate(text, (x, y), (0, 0), textcoords="offset points", **style)
        free = _move_to_best(note, sides, taken, frame) < 1 and free
        taken.append(note.get_window_extent().extents)
        notes.append(note)
    if all_or_none and not free:
        _remove(notes)
    return free


def label_ends(ax, lines):
    """Writes each name to the right of its line's end, from top to bottom as the ends are; if one has no room, none.

    `lines`: dict of name -> (x, y, colour) of the end. The layout makes room beside the axes. Returns whether it wrote.
    """
    taken, frame, point = _taken(ax), ax.get_window_extent(), ax.figure.dpi / 72
    frame = Bbox.from_extents(frame.x0, frame.y0, frame.x1 + MARGIN * ax.figure.bbox.width, frame.y1)
    notes = []
    for name, (x, y, colour) in sorted(lines.items(), key=lambda line: ax.transData.transform(line[1][:2])[1]):
        look = dict(color=colour, weight="bold", va="center", textcoords="offset points")
        notes.append(ax.annotate(name, (x, y), (DISTANCES[0], 0), **look))
    boxes = [note.get_window_extent() for note in notes]
    height = max(box.height for box in boxes)
    shifts = _shifts([(box.y0 + box.y1) / 2 for box in boxes], height)
    for note, shift in zip(notes, shifts):
        note.xyann = (DISTANCES[0], shift / point)
    free = all(_covered(note.get_window_extent(), taken, frame) < 1 for note in notes)
    if free and max(map(abs, shifts)) < 1.5 * height:
        return True
    _remove(notes)
    return False


def _shifts(heights, least):
    """How far rising heights must move so that neighbours are `least` apart, each pair by equal parts."""
    moved = list(heights)
    for _ in range(100):
        for below, above in itertools.pairwise(range(len(moved))):
            lack = max(0, least - (moved[above] - moved[below]))
            moved[below] -= lack / 2
            moved[above] += lack / 2
    return [after - before for before, after in zip(heights, moved)]


def _remove(notes):
    for note in notes:
        note.remove()


def write_headline(ax, title, distance=12, size=15):
    """Writes what a chart found over its left edge, in as many lines as it takes; `distance` from it in points."""
    ax.set_title("\n".join(textwrap.wrap(title, HEADLINE_COLUMNS)), pad=distance, size=size)


def write_headline_above(fig, title, size=15):
    """Writes what a figure of several panels found over its left edge."""
    fig.suptitle(title, x=0.01, ha="left", size=size, weight="bold")


def _move_to_best(note, sides, taken, frame):
    """Moves an Annotation where it covers least, of equals to the first, and returns how many square pixels that is."""
    places, covered = list(itertools.product(DISTANCES, sides)), []
    for place in places:
        _move(note, *place)
        covered.append(_covered(note.get_window_extent(), taken, frame))
    best = np.argmin(covered + np.arange(len(places)))  # a nearer place is worth a pixel or two
    _move(note, *places[best])
    return covered[best]


def _move(note, distance, side):
    dx, dy = side
    note.set_ha("left" if dx > 0 else "right" if dx < 0 else "center")
    note.set_va("bottom" if dy > 0 else "top" if dy < 0 else "center_baseline")
    note.xyann = dx * distance, dy * distance * 0.8


def _covered(box, taken, frame):
    """How many square pixels of a Bbox lie on what is taken or outside of the frame."""
    x0, y0, x1, y1 = np.reshape(taken, (-1, 4)).T
    width = np.clip(np.minimum(x1, box.x1) - np.maximum(x0, box.x0), 0, None)
    height = np.clip(np.minimum(y1, box.y1) - np.maximum(y0, box.y0), 0, None)
    inside = Bbox.intersection(box, frame)
    outside = box.width * box.height - (inside.width * inside.height if inside else 0)
    return width @ height + outside


def _taken(ax):
    """What the markers, lines and texts of the axes cover: a list of (x0, y0, x1, y1) in pixels."""
    taken = [text.get_window_extent().extents for text in ax.texts]
    marker = MARKER * ax.figure.dpi / 72
    for line in ax.lines:
        places = ax.transData.transform(line.get_xydata())
        places = places[np.isfinite(places).all(axis=1)]
        if line.get_marker() not in ("", "None"):
            taken += [(x - marker, y - marker, x + marker, y + marker) for x, y in places]
        if line.get_linestyle() != "None":
            for a, b in itertools.pairwise(places):
                along = np.linspace(a, b, max(2, int(math.dist(a, b) / 4)))
                taken += [(x - LINE, y - LINE, x + LINE, y + LINE) for x, y in along]
    return taken
