"""Drawings of squeeze-and-excitation: a block as a mixing desk, and what is left of a network whose gates are replaced."""

import numpy as np

from figures import canvas
from figures.style import COLORS, name_rows, use_style

PHOTO, CELL, SPACE = 3.0, 1.05, 0.14  # sides of the photo and of a channel's picture, room between channels; inches
FADER, EDGE, NAMES = 1.75, 0.35, 1.15  # height of a fader, margin, room for the names of the rows
TITLE, SIGN = 0.85, 0.5


def draw_desk(image, before, gates, title):
    """Draws channels of one block as a mixing desk: each map, the fader of its gate, and the map that leaves.

    image: the photo, (height, width, 3), pixels 0 to 255; before: (height, width, n), maps at most about a dozen;
    gates: (n,), from 0 to 1. Each map before and after shares one scale of greys, so a quiet channel turns dark.
    """
    count = before.shape[-1]
    left = EDGE + PHOTO + 0.4 + NAMES
    width = left + count * (CELL + SPACE) + EDGE
    height = TITLE + 2 * CELL + FADER + 1.0
    fig, ax = canvas.new(width, height)
    ax.text(EDGE, height - TITLE / 2, title, **canvas.HEADLINE)
    after_at, fader_at = 0.3, 0.3 + CELL + 0.35
    before_at = fader_at + FADER + 0.3
    _picture(fig, EDGE, (height - TITLE - PHOTO) / 2, PHOTO, image)
    rows = {"before": before_at + CELL / 2, "gate": fader_at + FADER / 2, "after": after_at + CELL / 2}
    for name, middle in rows.items():
        style = canvas.CAPTION | dict(ha="right", va="center", color=COLORS["se"] if name == "gate" else COLORS["ink"])
        ax.text(left - 0.25, middle, name, **style)
    for i in range(count):
        x, channel = left + i * (CELL + SPACE), before[..., i]
        low, high = min(channel.min(), 0), channel.max()
        _picture(fig, x, before_at, CELL, channel, low, high)
        _fader(ax, x + CELL / 2, fader_at, gates[i])
        _picture(fig, x, after_at, CELL, channel * gates[i], low, high)
    return fig


def _picture(fig, left, bottom, side, image, low=0, high=255):
    panel = canvas.axes_in_inches(fig, left, bottom, side, side)
    panel.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    panel.axis("off")


def _fader(ax, x, bottom, gate):
    """A track from 0 to 1, a knob at the gate, and its value."""
    room = FADER - 0.35
    canvas.line(ax, [(x, bottom + 0.3), (x, bottom + 0.3 + room)], COLORS["line"], lw=5)
    for share in np.linspace(0, 1, 5):
        y = bottom + 0.3 + share * room
        ax.plot([x - 0.14, x + 0.14], [y, y], color=COLORS["line"], lw=1.2, zorder=1)
    canvas.box(ax, x - 0.24, bottom + 0.3 + gate * room - 0.07, 0.48, 0.14, COLORS["se"], zorder=3)
    ax.text(x, bottom, f"{gate:.2f}", ha="center", va="center", size=14)


def draw_replaced(stale, fresh, baseline, title, guessing=10):
    """Top-1 with replaced gates: a line from `stale` batch norm statistics to `fresh` ones, a row for each rule.

    stale, fresh: dicts of rule -> top-1 in %; baseline: top-1 of the network as it is; guessing: top-1 by chance.
    """
    use_style()
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(10, 0.85 * len(stale) + 1.9))
    name_rows(ax, list(stale))
    for row, rule in enumerate(stale):
        before, after = stale[rule], fresh[rule]
        ax.annotate("", (after, row), (before, row), arrowprops=dict(arrowstyle="-|>", color=COLORS["muted"], lw=2))
        ax.plot(before, row, "o", ms=12, mfc="white", mec=COLORS["se"], mew=2.5, zorder=3)
        ax.plot(after, row, "o", ms=12, color=COLORS["se"], zorder=3)
        side = 1 if before > after else -1
        ax.annotate(f"{before:.1f}", (before, row), (side * 12, 0), "data", "offset points", va="center", size=13)
    return fig
