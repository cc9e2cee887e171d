"""Texts beside points and lines that keep out of each other's way."""

import itertools
import math
import textwrap

import numpy as np
from matplotlib.transforms import Bbox

SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))
RIGHT = ((1, 0), (0.8, 0.8), (0.8, -0.8))
DISTANCES = (9, 15, 24)  # of a text from its point, in points
MARKER, LINE = 5, 2  # half the width that a marker and a line claim, in points and pixels
HEADLINE_COLUMNS = 60  # letters of a headline in a line


def label_points(ax, points, sides=SIDES, frame=None):
    """Writes (text, x, y, style) beside each point, wherever it covers no marker, line or text of the axes.

    Limits and size of the axes must be final. `frame` is the Bbox to stay in, in pixels; without it, the axes.
    Returns the texts as Annotations, and whether every one found a free place.
    """
    taken, frame = _taken(ax), frame or ax.get_window_extent()
    notes, free = [], True
    for text, x, y, style in points:
        note, covered = _best_place(ax, text, (x, y), style, sides, taken, frame)
        taken.append(note.get_window_extent().extents)
        notes.append(note)
        free = free and covered < 1
    return notes, free


def label_ends(ax, lines, beyond=False):
    """Writes each name at the end of its line; if one finds no free place, none, and the answer is False.

    `lines`: dict of name -> (x, y, colour) of the last point. `beyond`: the texts may leave the axes on the right.
    """
    frame = ax.get_window_extent()
    if beyond:
        frame = Bbox.from_extents(frame.x0, frame.y0, math.inf, frame.y1)
    points = [(name, x, y, dict(color=colour, weight="bold")) for name, (x, y, colour) in lines.items()]
    notes, free = label_points(ax, points, (*RIGHT, *SIDES[1:]), frame)
    if not free:
        for note in notes:
            note.remove()
    return free


def write_headline(ax, title, distance=12):
    """Writes what a chart found over its left edge, in as many lines as it takes; `distance` from it in points."""
    ax.set_title("\n".join(textwrap.wrap(title, HEADLINE_COLUMNS)), pad=distance)


def _best_place(ax, text, point, style, sides, taken, frame):
    """The Annotation that covers least, of equals the first, and how many square pixels that is."""
    best, least, lowest = None, math.inf, math.inf
    for rank, (far, (dx, dy)) in enumerate(itertools.product(DISTANCES, sides)):
        ha = "left" if dx > 0 else "right" if dx < 0 else "center"
        va = "bottom" if dy > 0 else "top" if dy < 0 else "center_baseline"
        place = dict(ha=ha, va=va, xytext=(dx * far, dy * far * 0.8), textcoords="offset points")
        note = ax.annotate(text, point, **(place | style))
        covered = _covered(note.get_window_extent(), taken, frame)
        if covered + rank < lowest:
            if best:
                best.remove()
            best, least, lowest = note, covered, covered + rank
        else:
            note.remove()
    return best, least


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
