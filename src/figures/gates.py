"""Drawings of squeeze-and-excitation: a block as a mixing desk, gates beside photos, a network with other gates."""

import numpy as np

from figures import canvas
from figures.convolution import GAP, NUMBER, SIGNED, draw_numbers
from figures.labels import write_headline
from figures.style import COLORS, GUESSING, name_rows, subplots

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
    fig, ax = canvas.new(width, height, title)
    after_at, fader_at = 0.3, 0.3 + CELL + 0.35
    before_at = fader_at + FADER + 0.3
    canvas.picture(fig, EDGE, (height - TITLE - PHOTO) / 2, PHOTO, PHOTO, image)
    rows = {"before": before_at + CELL / 2, "gate": fader_at + FADER / 2, "after": after_at + CELL / 2}
    for name, middle in rows.items():
        style = canvas.CAPTION | dict(ha="right", va="center", size=18)
        style |= dict(color=COLORS["se"] if name == "gate" else COLORS["ink"])
        ax.text(left - 0.25, middle, name, **style)
    for i in range(count):
        x, channel = left + i * (CELL + SPACE), before[..., i]
        greys = dict(vmin=min(channel.min(), 0), vmax=channel.max())
        canvas.picture(fig, x, before_at, CELL, CELL, channel, **greys)
        _fader(ax, x + CELL / 2, fader_at, gates[i])
        canvas.picture(fig, x, after_at, CELL, CELL, channel * gates[i], **greys)
    return fig


def _fader(ax, x, bottom, gate):
    """A track from 0 to 1, a knob at the gate, and its value."""
    room = FADER - 0.35
    canvas.line(ax, [(x, bottom + 0.3), (x, bottom + 0.3 + room)], COLORS["line"], lw=5)
    for share in np.linspace(0, 1, 5):
        y = bottom + 0.3 + share * room
        ax.plot([x - 0.14, x + 0.14], [y, y], color=COLORS["line"], marker="", lw=1.2, zorder=1)
    canvas.box(ax, x - 0.24, bottom + 0.3 + gate * room - 0.07, 0.48, 0.14, COLORS["se"], zorder=3)
    ax.text(x, bottom, f"{gate:.2f}", ha="center", va="center", size=18)


def draw_rows(photos, names, gates, mean, title):
    """Draws the mean gates as bars from 0 to 1, and under them what each photo's gates add to them, in colours.

    photos: (n, height, width, 3), pixels 0 to 255; names: n texts; gates: (n, channels), from 0 to 1; mean:
    (channels,). Red is louder than the mean, blue is quieter, and white is the mean itself.
    """
    side, long = 0.68, 8.6
    left, height = EDGE + side + 1.5, TITLE + (1 + len(photos)) * (side + 0.08) + 0.8
    fig, ax = canvas.new(left + long + 2.0, height, title)
    caption, key = canvas.CAPTION | dict(size=17), dict(size=16, weight="bold", va="center")
    row, right = side + 0.08, left + long + 0.2
    bottom = height - TITLE - row
    mean_name = caption | dict(ha="right", color=COLORS["se"])
    ax.text(left - 0.2, bottom + side / 2, "mean gate", va="center", **mean_name)
    canvas.line(ax, [(left, bottom + side), (left + long, bottom + side)], COLORS["line"], lw=1.5)
    step = long / len(mean)
    for c, gate in enumerate(mean):
        canvas.box(ax, left + c * step, bottom, step, side * gate, COLORS["se"])
    ax.text(right, bottom + side, "1", **key)
    ax.text(right, bottom + 0.06, "0", **key)
    ax.text(right, bottom - row + side / 2 - 0.1, "red: +0.25", **key | dict(color=SIGNED(1.0)))
    ax.text(right, bottom - row + side / 2 - 0.44, "blue: −0.25", **key | dict(color=SIGNED(0.0)))
    for i, (photo, name, added) in enumerate(zip(photos, names, gates - mean), start=2):
        bottom = height - TITLE - i * row
        canvas.picture(fig, EDGE, bottom, side, side, photo)
        ax.text(left - 0.2, bottom + side / 2, name, size=16, va="center", ha="right")
        canvas.picture(fig, left, bottom, long, side, added[None], cmap=SIGNED, vmin=-0.25, vmax=0.25)
    ax.text(left + long / 2, 0.35, "channels, from the quietest to the loudest", **caption)
    return fig


def draw_replaced(stored, recomputed, title):
    """Draws top-1 of a network with other gates, a row for each kind: an arrow from the stored statistics of batch
    norm to recomputed ones, which are named where the arrow is longest.

    stored, recomputed: dicts of kind -> top-1 in %.
    """
    fig, ax = subplots(figsize=(11, 1.05 * len(stored) + 1.5))
    name_rows(ax, list(stored))
    ax.axvline(GUESSING, color=COLORS["muted"], ls=":", marker="")
    ax.text(GUESSING, len(stored) - 0.52, " guessing", color=COLORS["muted"], va="bottom", size=15)
    longest = max(stored, key=lambda kind: abs(stored[kind] - recomputed[kind]))
    for row, kind in enumerate(stored):
        before, after = stored[kind], recomputed[kind]
        if abs(before - after) > 4:
            look = dict(arrowstyle="-|>", color=COLORS["muted"], lw=2.5, mutation_scale=22, shrinkB=8)
            ax.annotate("", (after, row), (before, row), arrowprops=look)
        ring = 20 if abs(before - after) < 1 else 15  # else the filled dot would hide it
        ax.plot(before, row, marker="o", ms=ring, mfc="white", mec=COLORS["se"], mew=3, zorder=3)
        ax.plot(after, row, marker="o", ms=15, color=COLORS["se"], zorder=3)
        if kind == longest:
            texts = f"{before:.1f} with stored statistics", f"with recomputed statistics {after:.1f}"
            places = dict(xytext=(-7, 15), ha="left"), dict(xytext=(22, -30), ha="right")
        else:
            texts = f"{before:.1f}", f"{after:.1f}"
            places = dict(xytext=(0, 15), ha="center"), dict(xytext=(0, -30), ha="center")
        look = dict(textcoords="offset points", size=16, bbox=dict(fc="white", ec="none", pad=1))
        ax.annotate(texts[0], (before, row), **places[0], **look)
        ax.annotate(texts[1], (after, row), weight="bold", **places[1], **look)
    ax.set(xlim=(0, 100), xlabel="test top-1 (%)")
    write_headline(ax, title, size=19)
    return fig


def draw_squeeze(maps, reduce, widen, gates, title):
    """Draws squeeze, excite and scale in numbers: maps, their means, a bottleneck of one number, gates, scaled maps.

    maps: whole numbers, (height, width, 2); reduce: (2, 1) and widen: (1, 2), the weights of the two small layers;
    gates: (2,), from 0 to 1.
    """
    side, means = len(maps) * NUMBER, maps.mean(axis=(0, 1))
    at_map, at_mean, at_narrow, at_gate, at_out = 1.5, 4.1, 5.9, 7.7, 10.1
    height = 2 * side + GAP
    fig, ax = canvas.new(at_out + side + 0.35, height + 2.05, title, left=0.1)
    grey, orange = canvas.mix(COLORS["feature"], "white", 0.6), canvas.mix(COLORS["se"], "white", 0.55)
    centre, middles = 0.3 + height / 2, (0.3 + height - side / 2, 0.3 + side / 2)
    (first, second), write = means * reduce[:, 0], dict(ha="center", va="center", size=16)
    narrow = (first + second) / (1 + np.exp(-first - second))
    draw_numbers(ax, at_narrow, centre - NUMBER / 2, [[f"{narrow:.2f}"]], orange)
    ax.text(at_narrow + NUMBER / 2, centre - 0.62, f"swish({first:g} {second:+g})".replace("-", "− "), **write)
    for c, (middle, nudge) in enumerate(zip(middles, (0.12, -0.12))):
        near, gate = centre + nudge, f"{gates[c]:.1f}"
        ax.text(0.1, middle, f"channel {c + 1}", **write | dict(ha="left"))
        scaled = np.char.mod("%.1f", maps[..., c] * gates[c])
        for x, numbers, colour in (
            (at_map, maps[..., c], grey),
            (at_mean, [[f"{means[c]:g}"]], grey),
            (at_gate, [[gate]], orange),
            (at_out, scaled, grey),
        ):
            draw_numbers(ax, x, middle - len(numbers) * NUMBER / 2, numbers, colour)
        canvas.arrow(ax, [(at_map + side + 0.12, middle), (at_mean - 0.12, middle)], COLORS["ink"], lw=1.8)
        canvas.arrow(ax, [(at_mean + NUMBER + 0.08, middle), (at_narrow - 0.08, near)], COLORS["se"], lw=1.8)
        canvas.arrow(ax, [(at_narrow + NUMBER + 0.08, near), (at_gate - 0.08, middle)], COLORS["se"], lw=1.8)
        for x, weight in ((at_mean + NUMBER + 0.7, reduce[c, 0]), (at_gate - 0.7, widen[0, c])):
            ax.text(x, middle, f"× {weight}".replace("-", "−"), **write)
        before = f"σ({narrow * widen[0, c]:.1f})".replace("-", "−")
        ax.text(at_gate + NUMBER / 2, middle + (0.52, -0.52)[c], before, **write)
        ax.text((at_gate + NUMBER + at_out) / 2, middle, "×  map  =", **write | dict(size=18))
    stretches = (
        (at_map, at_mean + NUMBER, "squeeze: average"),
        (at_narrow, at_narrow + NUMBER, "excite"),
        (at_gate, at_out + side, "scale: multiply"),
    )
    canvas.name_stretches(ax, height + 0.85, stretches)
    return fig
