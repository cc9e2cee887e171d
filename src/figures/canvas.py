"""Drawing in inches: a canvas, and the slabs, arrows and texts on it."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors
from matplotlib.patches import FancyArrowPatch, PathPatch, Polygon, Rectangle
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
NOTE = dict(size=13.5, color=COLORS["muted"])


def new(width, height, title=None, left=0.3, **look):
    """A figure with one invisible axes whose coordinates are inches, and the title over it. Returns both.

    `left`: where the title begins; `look`: what of it is not that of a HEADLINE.
    """
    use_style()
    fig = plt.figure(figsize=(width, height), layout="none")
    ax = fig.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    if title:
        ax.text(left, height - 0.35, title, **HEADLINE | look)
    return fig, ax


def axes_in_inches(fig, left, bottom, width, height, **limits):
    """Axes at a place of a figure that is given in inches."""
    wide, high = fig.get_size_inches()
    return fig.add_axes((left / wide, bottom / high, width / wide, height / high), **limits)


def write_lines(ax, x, y, texts, size, step=0.235, bold=()):
    """Centred muted lines, those in `bold` excepted, evenly spaced; `y` is the first one's baseline."""
    for i, text in enumerate(texts):
        look = dict(color=COLORS["ink"], weight="bold") if text in bold else dict(color=COLORS["muted"])
        ax.text(x, y - i * step, text, ha="center", size=size, **look)


def name_stretches(ax, y, stretches):
    """A bold name at this height over the middle of each stretch, (start, end, name)."""
    for start, end, name in stretches:
        ax.text((start + end) / 2, y, name, **NAME | dict(size=16.5))


def box(ax, x, y, width, height, colour, **style):
    """A filled rectangle; `x`, `y` is its lower left corner."""
    return ax.add_patch(Rectangle((x, y), width, height, facecolor=colour, **({"lw": 0} | style)))


def mix(colour, other, share):
    """`colour` with `share` of `other` in it."""
    return colors.to_hex(np.array(colors.to_rgb(colour)) * (1 - share) + np.array(colors.to_rgb(other)) * share)


def picture(fig, left, bottom, width, height, image, **look):
    """An image at a place in inches, grey if it has one channel; `look` goes to `imshow`, whose result is returned."""
    ax = axes_in_inches(fig, left, bottom, width, height)
    ax.axis("off")
    return ax.imshow(image, **dict(cmap="gray", aspect="auto", interpolation="nearest") | look)


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
    ax.add_patch(PathPatch(_rounded(points), fill=False, edgecolor=colour, lw=lw, capstyle="butt"))


def arrow(ax, points, colour, lw=THICK_LINE):
    """A line through points, with rounded corners, that ends in an arrow head."""
    look = dict(arrowstyle="-|>", mutation_scale=8 * lw, color=colour, lw=lw, capstyle="butt")
    ax.add_patch(FancyArrowPatch(path=_rounded(points), **look))


def _rounded(points):
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:]):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])


def _towards(start, end):
    """Where a bend at `start` begins or ends on the way to `end`."""
    distance = math.dist(start, end)
    share = min(CORNER, distance / 2) / distance
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def node(ax, x, y, sign, colour):
    """A circled sign, "+" or "x"."""
    ax.plot(x, y, marker="o", ms=144 * NODE, mfc="white", mec=colour, mew=1.8, zorder=3)
    ax.plot(x, y, marker=sign, ms=144 * NODE * (0.57 if sign == "+" else 0.4), mec=colour, mew=1.8, zorder=4)
