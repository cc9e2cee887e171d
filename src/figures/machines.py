"""Pictures of work that is shared or timed: an all-reduce, its ring, and bars with what they stand for beside them."""

from figures import canvas
from figures.labels import write_headline
from figures.style import COLORS, log_scales, name_rows, subplots, white_or_ink

WIDTH, GAP, LEFT = 11.35, 0.25, 0.3  # of the picture, between the devices' columns, and at its sides, in inches
WORKING, SHARED = COLORS["feature"], COLORS["accent"]  # what a device has for itself, and what all of them have


def draw_all_reduce(gradients, devices, title):
    """Draws one training step of a batch that is dealt out to `devices`: what each computes, and what they exchange.

    `gradients`: a number for each image, as many for each device; the step is their mean.
    """
    fig, ax = canvas.new(WIDTH, 6.0, title, size=18)
    share, wide = len(gradients) // devices, (WIDTH - 2 * LEFT + GAP) / devices - GAP
    parts = []
    for i in range(devices):
        mine = gradients[i * share : (i + 1) * share]
        parts.append(sum(mine) / len(gradients))
        _draw_device(ax, LEFT + i * (wide + GAP), wide, f"device {i + 1}", mine, gradients)
    canvas.box(ax, LEFT, 1.72, WIDTH - 2 * LEFT, 0.62, SHARED)
    total = " + ".join(f"{part:g}" for part in parts)
    text = f"all-reduce: {total} = {sum(parts):g}, handed back to all"
    ax.text(WIDTH / 2, 2.03, text, size=16, weight="bold", color="white", ha="center", va="center")
    return fig


def _draw_device(ax, left, wide, name, mine, gradients):
    """A column: a device's images with their gradients, its part of the mean, and the step that it takes."""
    middle, ink, images = left + wide / 2, COLORS["ink"], len(gradients)
    canvas.box(ax, left, 2.75, wide, 2.5, canvas.mix(COLORS["line"], "white", 0.55))
    ax.text(middle, 5.0, f"{name}: weight w", size=14, weight="bold", ha="center", va="center")
    side = min(0.72, (wide - 0.3) / len(mine) - 0.1)
    start = middle - len(mine) * (side + 0.1) / 2 + 0.05
    for j, gradient in enumerate(mine):
        x = start + j * (side + 0.1)
        canvas.box(ax, x, 4.0, side, side, canvas.mix(WORKING, "white", 0.35))
        ax.text(x + side / 2, 4.0 + side / 2, f"{gradient:g}", size=17, weight="bold", ha="center", va="center")
    canvas.arrow(ax, [(middle, 3.93), (middle, 3.55)], ink, lw=1.8)
    if wide > 2.1:
        ax.text(middle + 0.15, 3.74, "gradients", va="center", **canvas.NOTE)
    added = " + ".join(f"{gradient:g}" for gradient in mine)
    ax.text(middle, 3.25, f"({added}) / {images} = {sum(mine) / images:g}", size=15, ha="center", va="center")
    canvas.arrow(ax, [(middle, 2.98), (middle, 2.38)], ink, lw=1.8)
    canvas.arrow(ax, [(middle, 1.68), (middle, 1.12)], SHARED, lw=1.8)
    canvas.box(ax, left, 0.35, wide, 0.72, canvas.mix(SHARED, "white", 0.82))
    step = f"w ← w − rate × {sum(gradients) / images:g}"
    ax.text(middle, 0.71, step, size=15, weight="bold", ha="center", va="center")


SIDE, ROW, BETWEEN, NAMES = 0.56, 0.84, 0.44, 1.2  # a piece, a device's row, a gap between rounds, the names, in inches


def draw_ring(gradients, title):
    """Draws a ring all-reduce round by round: the pieces of the gradient that each device holds, red when complete.

    `gradients`: a row for each device, with one number, a piece, for each device. A frame marks what just came.
    """
    devices = len(gradients)
    step, floor = devices * SIDE + BETWEEN, 0.95
    top = floor + devices * ROW
    fig, ax = canvas.new(2 * LEFT + NAMES + (2 * devices - 1) * step - BETWEEN, top + 1.35, title, size=18)
    rows = [top - device * ROW - SIDE - 0.1 for device in range(devices)]
    for device, y in enumerate(rows):
        ax.text(LEFT, y + SIDE / 2, f"device {device + 1}", size=14.5, va="center")
    for moment, (held, came) in enumerate(_moments(gradients)):
        left = LEFT + NAMES + moment * step
        name = f"round {moment}" if moment else "start"
        ax.text(left + devices * SIDE / 2, top + 0.27, name, size=15, **canvas.NAME)
        for device, y in enumerate(rows):
            for piece, (number, summed) in enumerate(held[device]):
                _draw_piece(ax, left + piece * SIDE, y, number, summed / devices, came.get(device) == piece)
    for first, text in ((1, "add what comes"), (devices, "copy what comes")):
        left = LEFT + NAMES + first * step
        right = left + (devices - 1) * step - BETWEEN
        ax.plot([left, right], [0.7, 0.7], color=COLORS["ink"], lw=1.4, marker="")
        ax.text((left + right) / 2, 0.38, text, size=15, ha="center", va="center")
    return fig


def _moments(gradients):
    """The start of a ring all-reduce and each of its rounds: (what each device holds, which piece just came to it).

    What a device holds is, for each piece, a number and how many devices are in it.
    """
    devices = len(gradients)
    held = [[(number, 1) for number in row] for row in gradients]
    yield held, {}
    for done in range(2 * devices - 2):
        before, held, came = held, [list(row) for row in held], {}  # all hand on at once
        for giver in range(devices):
            taker, piece = (giver + 1) % devices, (giver - done) % devices
            (number, summed), (own, parts) = before[giver][piece], before[taker][piece]
            complete = summed == devices  # then it is copied, else added
            held[taker][piece] = (number, summed) if complete else (number + own, summed + parts)
            came[taker] = piece
        yield held, came


def _draw_piece(ax, x, y, number, share, came):
    """A piece's number on its square; `share`: of the devices that are in it. With a frame if it just `came`."""
    colour = SHARED if share == 1 else canvas.mix(WORKING, "white", 0.35)
    look = dict(ec=COLORS["ink"], lw=2.6, zorder=3) if came else dict(ec="white", lw=1.5)
    canvas.box(ax, x, y, SIDE, SIDE, colour, **look)
    if came:  # the giver holds the same piece, one row above
        canvas.arrow(ax, [(x + SIDE / 2, y + SIDE + 0.24), (x + SIDE / 2, y + SIDE + 0.02)], COLORS["ink"], lw=2)
    text = dict(weight="bold", ha="center", va="center", color=white_or_ink(colour), zorder=4)
    ax.text(x + SIDE / 2, y + SIDE / 2, f"{number:g}", size=14 if number > 99 else 16, **text)


def draw_bars(values, xlabel, title, texts=None, marked=(), ticks=None):
    """Draws a bar for each of `values`, a dict of name -> number, from top to bottom, with its number beside it.

    `texts`: dict of name -> what stands there instead of the number. Names in `marked` are drawn in the accent's
    colour. `ticks` make the axis logarithmic and stand on it; there dots are drawn, because a bar's length would mean
    nothing.
    """
    fig, ax = subplots(figsize=(11, 1.6 + 0.85 * len(values)))
    low, high = min(values.values()), max(values.values())
    for y, (name, value) in enumerate(values.items()):
        colour = COLORS["accent" if name in marked else "feature"]
        if ticks:
            ax.plot([low / 3, value], [y, y], color=COLORS["line"], lw=2, marker="")
            ax.plot(value, y, marker="o", ms=15, color=colour)
        else:
            ax.barh(y, value, height=0.62, color=colour)
        text = (texts or {}).get(name, f"{value:g}")
        look = dict(va="center", weight="bold", bbox=dict(fc="white", ec="none", pad=1))  # over a line that crosses it
        ax.annotate(text, (value, y), (14 if ticks else 7, 0), textcoords="offset points", **look)
    name_rows(ax, values)
    ax.set_xlim((low / 3, high * 12) if ticks else (0, 1.3 * high))
    if ticks:
        log_scales(ax, "x", ticks=ticks)
    ax.set_xlabel(xlabel)
    ax.spines["left"].set_visible(False)
    write_headline(ax, title)
    return fig
