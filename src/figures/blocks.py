"""Drawings of what goes on inside MBConv blocks: their channels, the sum, dropped blocks, costs stage by stage."""

import numpy as np

from figures import canvas
from figures.charts import draw_bar
from figures.labels import write_headline
from figures.style import COLORS, RAMP, name_rows, subplots

TILE, ROWS, GAP = 0.3, 16, 1.45  # side of a channel's picture, channels in a column, room for an operator; in inches
PIXELS = 28  # side of a channel's picture in a sheet
EDGE, FOOT, HEAD = 0.3, 0.75, 0.85  # margins of the sheets


def draw_channels(maps, operators, title):
    """Draws every channel of the maps inside a block, a sheet of small pictures for each map.

    `maps`: dict of name -> (height, width, channels), each channel in its own range of greys; `operators`: (text, a
    colour's name in COLORS) of what leads from each map to the next.
    """
    widths = [-(-image.shape[-1] // ROWS) * TILE for image in maps.values()]
    width, height = 2 * EDGE + sum(widths) + GAP * len(operators), ROWS * TILE
    fig, ax = canvas.new(width, FOOT + height + HEAD, title)
    middle, left = FOOT + height / 2, EDGE
    for i, ((name, image), wide) in enumerate(zip(maps.items(), widths)):
        canvas.picture(fig, left, FOOT, wide, height, _contact_sheet(image), vmin=0, vmax=1, interpolation=None)
        ax.text(left + wide / 2, FOOT - 0.3, name, **canvas.CAPTION | dict(size=16))
        ax.text(left + wide / 2, FOOT - 0.6, f"{image.shape[-1]}", ha="center", size=16, color=COLORS["muted"])
        if i < len(operators):
            text, colour = operators[i]
            start = left + wide
            canvas.arrow(ax, [(start + 0.1, middle), (start + GAP - 0.1, middle)], COLORS[colour])
            style = canvas.NAME | dict(size=15.5, linespacing=1.25, color=COLORS[colour])
            ax.text(start + GAP / 2, middle + 0.15, text, va="bottom", **style)
        left += wide + GAP
    return fig


def _contact_sheet(image):
    """The channels of an image as small pictures in columns of ROWS, white between them."""
    columns = -(-image.shape[-1] // ROWS)
    step = PIXELS + 2
    sheet = np.ones((ROWS * step, columns * step))
    for channel in range(image.shape[-1]):
        row, column = channel % ROWS, channel // ROWS
        picture = _smaller(image[..., channel])
        span = np.ptp(picture) or 1
        place = slice(row * step, row * step + PIXELS), slice(column * step, column * step + PIXELS)
        sheet[place] = (picture - picture.min()) / span
    return sheet


def _smaller(picture):
    """PIXELS x PIXELS of a square picture, whose sides are a multiple of PIXELS: the mean of each patch."""
    patch = len(picture) // PIXELS
    return picture.reshape(PIXELS, patch, PIXELS, patch).mean((1, 3))


PICTURE, SIGN, BOTTOM, BAR = 3.5, 0.75, 0.55, 0.22  # sides of a picture, room for a sign, and for the colour bar


def draw_sum(before, correction, after, title):
    """Draws before + correction = after, one channel of each (height, width), all on one scale of greys.

    The scale leaves out the highest and the lowest half percent of `after`.
    """
    images = {"input": before, "correction": correction, "output": after}
    low, high = np.percentile(after, (0.5, 99.5))
    fig, ax = canvas.new(2 * EDGE + 3 * PICTURE + 2 * SIGN + 1.1, BOTTOM + PICTURE + HEAD, title)
    left = EDGE
    for (name, image), sign in zip(images.items(), ("+", "=", "")):
        shown = canvas.picture(fig, left, BOTTOM, PICTURE, PICTURE, image, vmin=low, vmax=high)
        ax.text(left + PICTURE / 2, 0.2, name, **canvas.CAPTION)
        ax.text(left + PICTURE + SIGN / 2, BOTTOM + PICTURE / 2, sign, size=34, ha="center", va="center")
        left += PICTURE + SIGN
    bar = canvas.axes_in_inches(fig, left - SIGN + 0.2, BOTTOM, BAR, PICTURE)
    scale = fig.colorbar(shown, cax=bar)
    scale.outline.set_visible(False)
    scale.ax.tick_params(labelsize=16)
    return fig


def draw_way_back(errors, title):
    """Draws the error of the way back from a wider layer, and where a block's narrow and wide layers stand on it.

    `errors`: dict of activation -> (widths, errors in %); the first width is the narrow layer, the last the wide one.
    """
    fig, ax = subplots(figsize=(11, 5.4))
    looks = (COLORS["ink"], "-"), (COLORS["muted"], "--"), (COLORS["project"], "-")
    for (name, (widths, lost)), (colour, dash) in zip(errors.items(), looks):
        ax.plot(widths, lost, color=colour, ls=dash, marker="o", ms=9, mec="white", zorder=3)
        look = dict(textcoords="offset points", va="center", weight="bold", size=16)
        ax.annotate(name, (widths[-1], lost[-1]), (14, 0), color=colour, **look)
    for width, part in ((widths[0], "project"), (widths[-1], "expand")):
        ax.axvline(width, color=COLORS[part], lw=9, alpha=0.25, marker="", zorder=1)
        near = dict(ha="left", xytext=(10, -2)) if part == "project" else dict(ha="right", xytext=(-10, -2))
        text = f"after {part}:\n{width} channels"
        look = dict(xycoords=("data", "axes fraction"), textcoords="offset points", va="top", weight="bold", size=16)
        ax.annotate(text, (width, 1), color=COLORS[part], **near, **look)
    ax.set(ylim=(-3, 85), xticks=widths)
    ax.set(xlabel=f"channels that carry {widths[0]} numbers", ylabel="error of the way back (%)")
    write_headline(ax, title, size=19)
    return fig


def draw_dropped(blocks, ran, title):
    """Draws the drop rate of each Block beside the blocks that ran; `ran`: (blocks, images), 0 where one was dropped.

    Bars of blocks without a skip connection are hollow, their rows stay white: they always run.
    """
    fig, (left, right) = subplots(1, 2, figsize=(12, 5.6), sharey=True, width_ratios=[1, 2])
    fills = [COLORS["skip"] if block.skip else "white" for block in blocks]
    rates = [100 * block.drop_rate for block in blocks]
    left.barh(range(len(blocks)), rates, color=fills, edgecolor=COLORS["skip"], lw=1.4)
    names = [block.name.removeprefix("block").rstrip("_") for block in blocks]
    name_rows(left, names)
    left.set(xlabel="drop rate (%), hollow: no skip", ylabel="block")
    images = ran.shape[1]
    for block, image in np.ndindex(*ran.shape):
        if not blocks[block].skip:
            continue
        colour = COLORS["line"] if ran[block, image] else COLORS["skip"]
        right.barh(block, 1, left=image, height=1, color=colour, edgecolor="white", lw=1.2)
    right.set(xlim=(0, images), xlabel=f"{images} images of a batch; filled: the block was dropped")
    right.grid(False)
    right.tick_params(length=0, labelbottom=False)
    right.spines[:].set_visible(False)
    write_headline(left, title)
    return fig


def draw_versions(networks, printed, title):
    """Draws the MACs of several plans as bars, a part for each stage, and the cost that the paper prints as a line.

    `networks`: dict of name -> Plan; `printed`: (label, MACs).
    """
    fig, ax = subplots(figsize=(12, 1.9 + 0.95 * len(networks)))
    label, at = printed
    largest = max(network.macs for network in networks.values()) / 1e6
    for place, network in enumerate(networks.values()):
        parts = [network.stem.macs, *(sum(block.macs for block in stage) for stage in network.stages)]
        parts.append(network.macs - sum(parts))
        stages = {f"{i}": macs / 1e6 for i, macs in enumerate(parts, start=1)}
        colours = {name: RAMP(i / (len(parts) - 1)) for i, name in enumerate(stages)}
        draw_bar(ax, place, stages, colours, lambda name, macs: name if macs > 0.018 * largest else "", size=15)
        end = max(network.macs, at) / 1e6
        ax.text(end + 5, place, f"{network.macs / 1e6:.0f}", va="center", size=17, weight="bold")
    ax.axvline(at / 1e6, color=COLORS["accent"], lw=2, zorder=4)
    ax.text(at / 1e6 + 5, -0.5, label, color=COLORS["accent"], va="center", weight="bold", size=15)
    name_rows(ax, networks)
    ax.set(xlim=(0, 1.1 * largest), ylim=(len(networks) - 0.5, -0.75))
    ax.set_xlabel("million MACs; the numbers are stages")
    write_headline(ax, title, size=19)
    return fig
