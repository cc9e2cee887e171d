"""Drawing in inches: a canvas, and the slabs, arrows and texts on it."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors
from matplotlib.patches import Circle, PathPatch, Polygon, Rectangle
from matplotlib.path import Path

from figures.style import COLORS, use_style

LEAN, RISE = 0.36, 0.2  # how far a slab's face leans to the right and rises, per unit of its side
THICK_LINE, THIN_LINE = 2.6, 1.6  # in points
NODE, CORNER = 0.15, 0.16  # radius of a circled sign, and of a bend

# how texts of a drawing look
HEADLINE = dict(size=20, weight="bold", va="center")
FACTS = dict(size=14, color=COLORS["muted"], va="center")
CAPTION = dict(size=15, weight="bold", ha="center")
NAME = dict(weight="bold", ha="center")
NOTE = dict(size=11.5, color=COLORS["muted"])


def new(width, height):
    """A figure with one invisible axes whose coordinates are inches. Returns both."""
    use_style()
    fig = plt.figure(figsize=(width, height), layout="none")
    ax = fig.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return fig, ax


def axes_in_inches(fig, left, bottom, width, height, **limits):
    """Axes at a place of a figure that is given in inches."""
    wide, high = fig.get_size_inches()
    return fig.add_axes((left / wide, bottom / high, width / wide, height / high), **limits)


def write_lines(ax, x, y, texts, size, step=0.235):
    """Centred muted lines, evenly spaced whatever their letters; `y` is the first one's baseline."""
    for i, text in enumerate(texts):
        ax.text(x, y - i * step, text, ha="center", size=size, color=COLORS["muted"])


def box(ax, x, y, width, height, colour, **style):
    """A filled rectangle; `x`, `y` is its lower left corner."""
    return ax.add_patch(Rectangle((x, y), width, height, facecolor=colour, **({"lw": 0} | style)))


def mix(colour, other, share):
    """`colour` with `share` of `other` in it."""
    return colors.to_hex(np.array(colors.to_rgb(colour)) * (1 - share) + np.array(colors.to_rgb(other)) * share)


def slab(ax, x, y, side, thick, colour, edge=0.8):
    """A square feature map seen from the right: `x`, `y` is the middle of its left face."""

    def at(along, deep, up):
        return x + along * thick + LEAN * deep * side / 2, y + up * side / 2 + RISE * deep * side / 2

    front = [(0, -1, -1), (1, -1, -1), (1, -1, 1), (0, -1, 1)]
    top = [(0, -1, 1), (1, -1, 1), (1, 1, 1), (0, 1, 1)]
    right = [(1, -1, -1), (1, 1, -1), (1, 1, 1), (1, -1, 1)]
    for shade, corners in ((mix(colour, "black", 0.28), front), (mix(colour, "white", 0.35), top), (colour, right)):
        corners = [at(*corner) for corner in corners]
        ax.add_patch(Polygon(corners, facecolor=shade, edgecolor="white", lw=edge, joinstyle="round"))


def line(ax, points, colour, lw=THICK_LINE):
    """A line through points, with rounded corners."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:]):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    path = Path([*vertices, points[-1]], [*codes, Path.LINETO])
    ax.add_patch(PathPatch(path, fill=False, edgecolor=colour, lw=lw, capstyle="butt"))


def _towards(start, end):
    """Where a bend at `start` begins or ends on the way to `end`."""
    distance = math.dist(start, end)
    share = min(CORNER, distance / 2) / distance
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def arrow(ax, points, colour, lw=THICK_LINE):
    """A line through points that ends in an arrow head."""
    (x0, y0), (x1, y1) = points[-2:]
    length, half = 0.1 + 0.035 * lw, 0.025 + 0.025 * lw
    distance = math.dist((x0, y0), (x1, y1))
    dx, dy = (x1 - x0) / distance, (y1 - y0) / distance
    neck = x1 - dx * length, y1 - dy * length
    line(ax, [*points[:-1], neck], colour, lw)
    wings = [(neck[0] + side * dy * half, neck[1] - side * dx * half) for side in (1, -1)]
    ax.add_patch(Polygon([points[-1], *wings], facecolor=colour, lw=0))


def node(ax, x, y, sign, colour):
    """A circled plus or times."""
    ax.add_patch(Circle((x, y), NODE, facecolor="white", edgecolor=colour, lw=1.8, zorder=3))
    d = 0.085
    strokes = ((d, 0), (0, d)) if sign == "+" else ((0.7 * d, 0.7 * d), (0.7 * d, -0.7 * d))
    for dx, dy in strokes:
        ax.plot((x - dx, x + dx), (y - dy, y + dy), color=colour, lw=1.8, marker="", zorder=4)
