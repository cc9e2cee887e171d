"""Drawings of what a convolution looks at: which inputs feed one output, and an example to check by eye.

What is marked follows from a Conv of the plan, so that a picture cannot disagree with the count.
"""

import math

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from figures import canvas
from figures.labels import write_headline_above
from figures.style import COLORS, CONVOLUTIONS, bare, subplots

PIXELS = 5  # height and width of the drawn maps
CELL, BETWEEN, REACH = 0.235, 0.3, 1.45  # of a cell, between two maps of a stack, from the inputs to the outputs
MARGIN, ROOM, TOP, BOTTOM = 0.35, 1.0, 0.75, 1.15  # beside the panels, between them, for title and caption
SIGNED = LinearSegmentedColormap.from_list("signed", ("#2B5C9E", "#FFFFFF", "#B3263E"))  # white is zero


def draw_convolutions(convs, title):
    """Draws what one output of each convolution is computed from, side by side.

    `convs`: dict of a kind in figures.style.CONVOLUTIONS -> architecture.Conv with stride 1 and few channels.
    """
    side = PIXELS * CELL
    channels = max(max(conv.inputs, conv.filters) for conv in convs.values())
    panel, height = 2 * side + REACH, channels * side + (channels - 1) * BETWEEN
    width = 2 * MARGIN + len(convs) * panel + (len(convs) - 1) * ROOM
    fig, ax = canvas.new(width, TOP + height + BOTTOM + 0.7, title, MARGIN, size=24)
    middle = BOTTOM + height / 2
    for i, (kind, conv) in enumerate(convs.items()):
        left, colour = MARGIN + i * (panel + ROOM), CONVOLUTIONS[kind]
        ax.text(left + panel / 2, TOP / 2 + BOTTOM + height, kind, **canvas.CAPTION | dict(size=22, va="center"))
        _draw_panel(ax, left, middle, conv, colour)
        jobs = [job for job, done in (("looks around", conv.kernel > 1), ("mixes", not conv.depthwise)) if done]
        ax.text(left + panel / 2, 0.62, " and ".join(jobs), ha="center", size=20, color=colour)
        inputs = conv.kernel**2 * (1 if conv.depthwise else conv.inputs)
        counted = f"{inputs} MACs an output, {inputs * conv.filters} for all {conv.filters}"
        ax.text(left + panel / 2, 0.2, counted, ha="center", size=18)
    return fig


def _draw_panel(ax, left, middle, conv, colour):
    """The maps of one convolution, and lines from what one output sees to that output."""
    output = 0  # of the first filter: in a depthwise convolution it sees the first channel
    seen = [0] if conv.depthwise else range(conv.inputs)
    centre, half = PIXELS // 2, conv.kernel // 2
    right = left + PIXELS * CELL + REACH
    target = right, _bottom(middle, conv.filters, output) + (centre + 0.5) * CELL
    for channel in range(conv.inputs):
        bottom = _bottom(middle, conv.inputs, channel)
        window = range(centre - half, centre + half + 1) if channel in seen else ()
        _draw_map(ax, left, bottom, window, colour)
        if channel in seen:
            start = left + (centre + half + 1) * CELL
            for row in (centre - half, centre + half + 1):
                ends = (start, target[0] + centre * CELL), (bottom + row * CELL, target[1])
                ax.plot(*ends, color=colour, lw=1.4, marker="", alpha=0.8, zorder=4)
    for number in range(conv.filters):
        window = (centre,) if number == output else ()
        _draw_map(ax, right, _bottom(middle, conv.filters, number), window, colour)


def _bottom(middle, maps, number):
    """Lower edge of a map in a stack of `maps`, the first of which is on top."""
    side = PIXELS * CELL
    height = maps * side + (maps - 1) * BETWEEN
    return middle + height / 2 - side - number * (side + BETWEEN)


def _draw_map(ax, left, bottom, window, colour):
    for row, column in np.ndindex(PIXELS, PIXELS):
        marked = row in window and column in window
        fill = colour if marked else canvas.mix(COLORS["feature"], "white", 0.55)
        canvas.box(ax, left + column * CELL, bottom + row * CELL, CELL, CELL, fill, lw=1.2, edgecolor="white")


NUMBER, SIGN, SUM, GAP = 0.62, 0.62, 1.18, 0.6  # of a cell, of the room for a sign, for "sum =", between two channels
NAMES, HEADS = 1.5, 0.85  # room for the names of the channels, and above the columns


def draw_by_eye(windows, kernels, weights, title):
    """Draws one output of a separable convolution in numbers: window × kernel, a number a channel, × weight, their sum.

    windows, kernels: whole numbers (channels, k, k); weights: (channels,), the pointwise ones.
    """
    sums = (np.asarray(windows) * kernels).sum((1, 2))
    side = len(kernels[0]) * NUMBER
    height = len(sums) * side + (len(sums) - 1) * GAP
    widths = [NAMES, side + SIGN, side + SUM, NUMBER + SIGN, NUMBER + 1.6 * SIGN]
    at_window, at_kernel, at_sum, at_weight, at_output = np.cumsum(widths)
    fig, ax = canvas.new(at_output + NUMBER + 0.3, height + HEADS + 0.9, title, left=0.1)
    grey, green, navy = (canvas.mix(COLORS[name], "white", 0.6) for name in ("feature", "depthwise", "pointwise"))
    centre = 0.3 + height / 2
    for channel, total in enumerate(sums):
        bottom = 0.3 + height - side - channel * (side + GAP)
        middle = bottom + side / 2
        ax.text(0.1, middle, f"channel {channel + 1}", va="center", size=17)
        for start, numbers, colour, sign, room, size in (
            (at_window, windows[channel], grey, "×", SIGN, 24),
            (at_kernel, kernels[channel], green, "sum =", SUM, 18),
            (at_sum, [[total]], green, "×", SIGN, 24),
        ):
            draw_numbers(ax, start, middle - len(numbers) * NUMBER / 2, numbers, colour)
            ax.text(start + len(numbers) * NUMBER + room / 2, middle, sign, ha="center", va="center", size=size)
        draw_numbers(ax, at_weight, middle - NUMBER / 2, [[weights[channel]]], navy)
        end = at_output - 0.08, centre + (0.12 if middle > centre else -0.12)
        canvas.arrow(ax, [(at_weight + NUMBER + 0.08, middle), end], COLORS["ink"], lw=1.8)
    ax.text(at_output - 0.45, centre, "+", ha="center", va="center", size=24)
    draw_numbers(ax, at_output, centre - NUMBER / 2, [[int(sums @ weights)]], navy)
    stretches = (
        (at_window, at_window + side, "window"),
        (at_kernel, at_kernel + side, "depthwise: look around"),
        (at_weight, at_output + NUMBER, "pointwise: mix"),
    )
    canvas.name_stretches(ax, height + 0.75, stretches)
    return fig


def draw_numbers(ax, left, bottom, numbers, colour, width=NUMBER):
    """A table of numbers, or of texts, in boxes of this `width`; `left`, `bottom` is the table's corner in inches."""
    for i, row in enumerate(np.asarray(numbers)[::-1]):
        for j, value in enumerate(row):
            x, y = left + j * width, bottom + i * NUMBER
            canvas.box(ax, x, y, width, NUMBER, colour, lw=1.5, edgecolor="white")
            text = f"{value}".replace("-", "−")
            ax.text(x + width / 2, y + NUMBER / 2, text, ha="center", va="center", size=17)


def draw_filters(inputs, kernels, outputs, titles, headline):
    """Draws channels, their depthwise kernels in numbers, and what comes out: three rows, a column a channel.

    inputs, outputs: (n, height, width), each in grey over its own range; kernels: (n, k, k), all on one scale on which
    white is zero; titles: n texts.
    """
    fig, axes = subplots(3, len(kernels), figsize=(2.3 * len(kernels), 7.4), squeeze=False)
    largest = np.abs(kernels).max()
    for column, title in enumerate(titles):
        axes[0, column].imshow(inputs[column], cmap="gray")
        axes[1, column].imshow(kernels[column], cmap=SIGNED, vmin=-largest, vmax=largest)
        axes[2, column].imshow(outputs[column], cmap="gray")
        axes[0, column].set_title(title, size=16, weight="normal", loc="center", pad=8)
        for (row, at), value in np.ndenumerate(kernels[column]):
            look = dict(ha="center", va="center", size=15, color="w" if abs(value) > 0.6 * largest else "k")
            text = f"{float(value):z.1f}".replace("-", "−")  # z: no minus before a zero
            axes[1, column].text(at, row, text, **look)
    for row, name in enumerate(("channel in", "3 × 3 kernel", "channel out")):
        axes[row, 0].set_ylabel(name, size=16)
    write_headline_above(fig, headline, size=18)
    for ax in axes.flat:
        bare(ax)
    return fig


SIDE, THICK = 1.05, 0.004  # of a map, and of a channel, in inches


def draw_rivals(block, title):
    """Draws the convolutions of an MBConv block that widens, and under them its plain rival: one dense convolution.

    A map is as thick as it has channels.
    """
    fig, ax = canvas.new(13, 5.6, title)
    convs = dict(expand=block.expand, depthwise=block.depthwise, project=block.project)
    narrow, above, below, places = block.expand.inputs, 3.5, 1.1, (0.85, 4.4, 8.1, 11.9)
    for y, row in ((above, "MBConv"), (below, "its plain rival")):
        ax.text(0.3, y + 0.98, row, **canvas.CAPTION | dict(size=19, ha="left", va="center"))
        _draw_thick(ax, places[0], y, narrow, COLORS["feature"])
    before = narrow
    for start, end, (role, conv) in zip(places, places[1:], convs.items()):
        _draw_thick(ax, end, above, conv.filters, COLORS[role])
        _draw_step(ax, start + THICK * before, end, above, f"{conv.kernel} × {conv.kernel} {role}", COLORS[role])
        before = conv.filters
    _draw_thick(ax, places[-1], below, before, COLORS["dense"])
    name = f"{block.depthwise.kernel} × {block.depthwise.kernel} dense"
    _draw_step(ax, places[0] + THICK * narrow, places[-1], below, name, COLORS["dense"])
    return fig


def _draw_thick(ax, x, y, channels, colour):
    canvas.slab(ax, x, y, SIDE, THICK * channels, colour)
    ax.text(x + THICK * channels / 2, y - 0.7 * SIDE, f"{channels} channels", ha="center", va="top", size=17)


def _draw_step(ax, left, right, y, name, colour):
    """An arrow with a name from the right edge of a map to the left edge of the next one."""
    lean = canvas.LEAN * SIDE / 2
    start, end = left + lean + 0.2, right - lean - 0.15
    canvas.arrow(ax, [(start, y), (end, y)], colour)
    ax.text((start + end) / 2, y + 0.18, name, **canvas.NAME | dict(size=18))


def draw_kernels(rows, headline):
    """Draws the kernels of several layers, a layer in each row, all on one scale on which white is zero.

    rows: dict of a layer's name -> (k, k, n), its kernels from left to right.
    """
    count = next(iter(rows.values())).shape[-1]
    fig, axes = subplots(len(rows), count, figsize=(2.5 + 1.15 * count, 1.25 * len(rows) + 0.6), squeeze=False)
    largest = max(np.abs(kernels).max() for kernels in rows.values())
    for row, (name, kernels) in zip(axes, rows.items()):
        for ax, kernel in zip(row, np.moveaxis(kernels, -1, 0)):
            ax.imshow(kernel, cmap=SIGNED, vmin=-largest, vmax=largest)
            bare(ax)
            ax.patch.set(edgecolor=COLORS["feature"], linewidth=1.5)
        row[0].set_ylabel(name, size=16, rotation=0, ha="right", va="center", labelpad=12)
    write_headline_above(fig, headline, size=18)
    return fig


def draw_wiring(matrices, titles, headline):
    """Draws which output channel (column) hears which input channel (row), a square for each of (inputs, outputs).

    titles: a text for each. The fewer inputs an output hears, the greener: from dense to depthwise.
    """
    fig, axes = subplots(1, len(matrices), figsize=(2.9 * len(matrices), 4.4), squeeze=False)
    for ax, matrix, title in zip(axes.flat, matrices, titles):
        inputs, outputs = np.shape(matrix)
        heard = np.mean(np.sum(matrix, axis=0))
        connected = canvas.mix(COLORS["depthwise"], COLORS["dense"], math.log(heard) / math.log(inputs))
        for row, column in np.ndindex(inputs, outputs):
            colour = connected if matrix[row][column] else COLORS["line"]
            canvas.box(ax, column, inputs - 1 - row, 1, 1, colour, lw=1.2, edgecolor="white")
        ax.set(xlim=(0, outputs), ylim=(0, inputs), aspect="equal")
        ax.set_xlabel("output channel")
        ax.set_title(title, size=16, weight="normal", loc="center")
        bare(ax)
    axes[0, 0].set_ylabel("input channel")
    write_headline_above(fig, headline, size=18)
    return fig
