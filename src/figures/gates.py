"""Drawings of squeeze-and-excitation: a block as a mixing desk, gates beside photos, a network with other gates."""

import matplotlib.pyplot as plt
import numpy as np

from figures import canvas
from figures.labels import write_headline
from figures.style import COLORS, HEAT, name_rows, use_style

PHOTO, CELL, SPACE = 3.0, 1.05, 0.14  # sides of the photo and of a channel's picture, room between channels; inches
FADER, EDGE, NAMES = 1.75, 0.35, 1.15  # height of a fader, margin, room for the names of the rows
TITLE = 0.85


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
        ax.plot([x - 0.14, x + 0.14], [y, y], color=COLORS["line"], marker="", lw=1.2, zorder=1)
    canvas.box(ax, x - 0.24, bottom + 0.3 + gate * room - 0.07, 0.48, 0.14, COLORS["se"], zorder=3)
    ax.text(x, bottom, f"{gate:.2f}", ha="center", va="center", size=14)


def draw_rows(photos, gates, mean, title):
    """Draws photos one under the other, beside each its gates in one row of colours, and over them the mean gates.

    photos: (n, height, width, 3), pixels 0 to 255; gates: (n, channels), from 0 to 1; mean: (channels,).
    """
    side, long = 0.85, 8.6
    height = TITLE + (1 + len(photos)) * (side + 0.08) + 1.0
    fig, ax = canvas.new(EDGE + side + 0.3 + long + 1.5, height)
    ax.text(EDGE, height - TITLE / 2, title, **canvas.HEADLINE)
    for i, values in enumerate([mean, *gates]):
        bottom = height - TITLE - (i + 1) * (side + 0.08)
        if i == 0:
            ax.text(EDGE + side / 2, bottom + side / 2, "mean", va="center", **canvas.CAPTION)
        else:
            _picture(fig, EDGE, bottom, side, photos[i - 1])
        panel = canvas.axes_in_inches(fig, EDGE + side + 0.3, bottom, long, side)
        row = panel.imshow(values[None], cmap=HEAT, vmin=0.2, vmax=0.8, aspect="auto", interpolation="nearest")
        panel.axis("off")
    ax.text(EDGE + side + 0.3 + long / 2, 0.55, "channels, from the quietest to the loudest", **canvas.CAPTION)
    scale = canvas.axes_in_inches(fig, EDGE + side + 0.3 + long + 0.3, 1.0, 0.22, height - TITLE - 1.1)
    bar = fig.colorbar(row, cax=scale, label="gate", extend="both")
    bar.outline.set_visible(False)
    return fig


def draw_replaced(stored, recomputed, title, guessing=10):
    """Draws top-1 of a network with other gates, a row for each kind: an arrow from the stored statistics of batch
    norm to recomputed ones.

    stored, recomputed: dicts of kind -> top-1 in %; guessing: what chance would reach, in %.
    """
    use_style()
    fig, ax = plt.subplots(figsize=(10, 1.0 * len(stored) + 1.9))
    name_rows(ax, list(stored))
    ax.axvline(guessing, color=COLORS["muted"], ls=":", marker="")
    ax.text(guessing, len(stored) - 0.52, " guessing", color=COLORS["muted"], va="bottom")
    for row, kind in enumerate(stored):
        before, after = stored[kind], recomputed[kind]
        if abs(before - after) > 4:
            ax.annotate("", (after, row), (before, row), arrowprops=dict(arrowstyle="-|>", color=COLORS["muted"], lw=2))
        ax.plot(before, row, marker="o", ms=13, mfc="white", mec=COLORS["se"], mew=2.5, zorder=3)
        ax.plot(after, row, marker="o", ms=13, color=COLORS["se"], zorder=3)
        ax.annotate(f"{before:.1f}", (before, row), (0, 13), textcoords="offset points", ha="center", size=13)
        ax.annotate(f"{after:.1f}", (after, row), (0, -24), textcoords="offset points", ha="center", weight="bold")
    ax.set_xlim(0, 100)
    ax.set_xlabel("test top-1 (%)   ○ stored statistics   ● recomputed statistics")
    write_headline(ax, title)
    return fig
