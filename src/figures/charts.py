"""Charts of numbers that a lesson has: lines, points, bars, intervals, images."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np

from architecture import plan
from datasets import published
from figures import canvas
from figures.labels import label_ends, label_points, write_headline, write_headline_above
from figures.style import COLORS, DASHES, MARKERS, colours_of, log_scales, name_rows, subplots, use_style, white_or_ink
from intervals import t_interval

TABLE_2 = (
    "Accuracies, and MACs of the grey networks: arXiv:1905.11946v5, Table 2. MACs of B0 to B7: counted from the plan."
)


def draw_accuracy():
    """Draws top-1 accuracy against MACs: B0 to B7, and the other networks of Table 2 that state their MACs.

    Accuracies and the others' MACs: arXiv:1905.11946v5, Table 2; MACs of B0 to B7: exact, from the plan.
    """
    use_style()
    fig = plt.figure(figsize=(12, 6.6), layout="none")
    ax = fig.add_axes((0.075, 0.185, 0.905, 0.72))
    names = [(name, x, y, dict(color=COLORS["accent"], weight="bold", size=16)) for name, x, y in efficientnets()]
    plot_accuracy(ax, names, ((0, 1), (-0.8, 0.8), (-1, 0)), size=13.5)
    ax.text(2.8, 82.8, "EfficientNet", size=17, weight="bold", color=COLORS["accent"], ha="right", va="center")
    look = dict(arrowstyle="<|-|>", color=COLORS["ink"], lw=1.8, mutation_scale=16, shrinkA=0, shrinkB=0)
    (_, b0, _), *_ = efficientnets()
    (resnet,) = [row["macs_B"] for row in _table_2() if row["model"] == "ResNet-50"]
    ax.annotate("", (b0, 76.6), (resnet, 76.6), arrowprops=look)  # its text keeps clear of the names
    ax.text(0.75, 76.5, "a tenth of the MACs", size=15, weight="bold", ha="center", va="top")
    write_headline(ax, "Fewer MACs for the same accuracy")
    note = f"{TABLE_2}\nNetworks whose MACs the table does not state are left out."
    fig.text(0.075, 0.02, note, va="bottom", **canvas.NOTE)
    return fig


def efficientnets():
    """B0 to B7: a list of (name, billions of MACs, published top-1 in %)."""
    top1 = {row["model"]: row["top1"] for row in _table_2()}
    return [(f"B{i}", plan(f"b{i}").macs / 1e9, top1[f"EfficientNet-B{i}"]) for i in range(8)]


def _table_2():
    return [row for row in published("table2_imagenet") if row["arxiv_version"] == "v5"]


def plot_accuracy(ax, labels, sides, size=canvas.NOTE["size"]):
    """Plots B0 to B7, with `labels` on these `sides` of them, and the others of Table 2, with names of this `size`."""
    others = [row for row in _table_2() if row["macs_B"] and "EfficientNet" not in row["model"]]
    others = [(row["model"], row["macs_B"], row["top1"]) for row in others]
    _, x, y = zip(*efficientnets())
    ax.plot(x, y, color=COLORS["accent"], marker="o", ms=9, lw=2.6, mew=1.4, mec="white", zorder=4)
    _, x, y = zip(*others)
    ax.plot(x, y, color=COLORS["feature"], marker="D", ms=6.5, ls="None", mew=0.8, mec="white", zorder=3)
    ax.set(xlim=(0.28, 66), ylim=(75.4, 85.2))
    log_scales(ax, "x", ticks=(0.3, 0.5, 1, 2, 5, 10, 20, 50))
    ax.set(xlabel="MACs for one image (billions, log scale)", ylabel="ImageNet top-1 accuracy (%)")
    label_points(ax, labels, sides)
    label_points(ax, [(*point, canvas.NOTE | dict(size=size)) for point in others])


def curves(lines, xlabel, ylabel, measured=None, log="", *, title):
    """Draws lines, and measured values as markers on them, named where they end, or in a legend if there is no room.

    `lines` and `measured`: dicts of name -> (x, y); the same name has the same colour. `log`: "x", "y" or "xy".
    """
    fig, ax = subplots()
    measured = measured or {}
    names = list(lines | measured)
    colours, handles = colours_of(names), []
    for i, name in enumerate(names):
        dash = DASHES[i % len(DASHES)] if name in lines else ""
        marker = MARKERS[i % len(MARKERS)] if name in measured else ""
        if name in lines:
            ax.plot(*lines[name], color=colours[name], marker="", ls=dash, zorder=3)
        if name in measured:
            ax.plot(*measured[name], color=colours[name], marker=marker, ls="None", mec="white", ms=9, zorder=4)
        handles.append(plt.Line2D([], [], color=colours[name], marker=marker, ls=dash))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    log_scales(ax, log)
    write_headline(ax, title)
    if len(names) > 1 and not _name_lines(fig, ax, measured | lines, colours):
        ax.legend(handles, names)
    return fig


def _name_lines(fig, ax, lines, colours):
    """Writes each name where its line ends on the right, if all find room there."""
    fig.draw_without_rendering()  # the layout is final
    ends = {}
    for name, (x, y) in lines.items():
        last = np.where(np.isfinite(y), x, -math.inf).argmax()
        ends[name] = x[last], y[last], colours[name]
    return label_ends(ax, ends)


def roofline(points, peak, bandwidth, title):
    """Draws speed against MACs per byte, both log, under the roof min(peak, bandwidth * MACs per byte).

    `points`: list of (label, MACs per byte, MACs per second); `peak` is in MACs, `bandwidth` in bytes per second.
    """
    fig, ax = subplots(figsize=(10, 5.6))
    points = [(name, intensity, speed / 1e9) for name, intensity, speed in points]
    peak, bandwidth = peak / 1e9, bandwidth / 1e9
    names, intensities, speeds = zip(*points)
    ridge = peak / bandwidth
    low, high = min(ridge, *intensities) / 5, max(ridge, *intensities) * 4
    ax.set(xlim=(low, high), ylim=(min(bandwidth * low, *speeds) / 2, max(peak, *speeds) * 2.2))
    log_scales(ax, "xy")
    _draw_roof(ax, ridge, peak, bandwidth)
    colours = colours_of(names, shared=True)
    for i, (name, intensity, speed) in enumerate(points):
        look = dict(marker=MARKERS[i % len(MARKERS)], color=colours[name], ms=11, mec="white", zorder=4)
        ax.plot(intensity, speed, **look)
    ax.set(xlabel="MACs per byte moved (log scale)", ylabel="billion MACs per second (log scale)")
    write_headline(ax, title)
    fig.draw_without_rendering()  # the layout is final
    ground = dict(boxstyle="square,pad=0.1", fc="white", ec="none", alpha=0.85)
    label_points(ax, [(*point, dict(color=COLORS["ink"], size=15, bbox=ground)) for point in points])
    return fig


def _draw_roof(ax, ridge, peak, bandwidth):
    """The roof, what lies above it, and a name along each of its two slopes."""
    (low, high), (floor, ceiling) = ax.get_xlim(), ax.get_ylim()
    x, roof = [low, ridge, high], [bandwidth * low, peak, peak]
    ax.plot(x, roof, color=COLORS["ink"], marker="", zorder=2)
    ax.fill_between(x, roof, ceiling, color=COLORS["line"], alpha=0.45, lw=0)
    ax.plot([ridge, ridge], [floor, peak], color=COLORS["muted"], marker="", lw=1, ls=(0, (3, 3)))
    ax.text(ridge * 1.1, peak * 1.12, "as fast as a large matrix product", color=COLORS["muted"], size=14.5)
    look = dict(color=COLORS["muted"], size=14.5, ha="center", va="bottom", rotation_mode="anchor")
    look |= dict(transform_rotates_text=True)
    middle, slope = (low * ridge) ** 0.5, math.degrees(math.atan(bandwidth))
    ax.text(middle, 1.06 * bandwidth * middle, "as fast as memory is copied", rotation=slope, **look)


def tradeoff(families, xlabel, ylabel, scattered=(), log="x", *, title):
    """Draws named points, a marker for each family, whose points are joined unless it is among `scattered`.

    `families`: dict of name -> list of (label, x, y); an empty label writes nothing. They are named where their lines
    end, or in a legend if there is no room. `log`: "x", "y", "xy" or "".
    """
    fig, ax = subplots(figsize=(10, 5.8))
    colours = colours_of(families)
    for (name, points), marker in zip(families.items(), itertools.cycle(MARKERS)):
        _, x, y = zip(*points)
        look = dict(color=colours[name], marker=marker, ls="None" if name in scattered else "-")
        ax.plot(x, y, label=name, lw=1.4, mec="white", ms=8.5, zorder=4, **look)
        named = [point[1:] for point in points if point[0]]
        if name in scattered and 0 < len(named) < len(points):  # a few names among many points: whose are they?
            ax.scatter(*zip(*named), s=13**2, color=colours[name], marker=marker, ec=COLORS["ink"], zorder=5)
    ax.margins(0.1)
    log_scales(ax, log)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    write_headline(ax, title)
    legend = fig.legend(loc="outside lower center", ncols=len(families))
    fig.draw_without_rendering()  # the layout is final
    fig.set_layout_engine("none")
    if _name_points(ax, families, colours):
        legend.remove()
    return fig


def _name_points(ax, families, colours):
    """Writes the points' labels, and the families' names at their ends; returns whether those found room."""
    labels, ends = [], []
    for name, points in families.items():
        labels += [(*point, dict(color=colours[name])) for point in points if point[0]]
        ends.append((name, *points[-1][1:], dict(color=colours[name], weight="bold")))
    label_points(ax, labels)
    return label_points(ax, ends, all_or_none=True)


def shares(bars, colours, title):
    """Draws one bar of 100 % for each of `bars`, a dict of name -> dict of part -> amount, all with the same parts.

    `colours`: dict of part -> colour, for parts that COLORS does not know.
    """
    palette = COLORS | colours
    fig, ax = subplots(figsize=(11, 1.2 + 0.9 * len(bars)))
    for y, parts in enumerate(bars.values()):
        percent = {part: 100 * amount / sum(parts.values()) for part, amount in parts.items()}
        draw_bar(ax, y, percent, palette, lambda _, percent: f"{percent:.0f} %" if percent >= 4.5 else "", size=14)
    name_rows(ax, bars)
    ax.set(xlim=(0, 100), xlabel="share (%)")
    write_headline(ax, title, distance=42)
    look = dict(ncols=len(parts), handlelength=1, columnspacing=1.3, borderpad=0)
    ax.legend(ax.containers[: len(parts)], parts, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.6, **look)
    return fig


def draw_bar(ax, y, parts, colours, label=None, size=12):
    """A stacked bar; `label(part, value)` is what a part says in letters of `size`, "" where it has no room."""
    start = 0.0
    for part, value in parts.items():
        ax.barh(y, value, left=start, height=0.7, color=colours[part], edgecolor="white", lw=0.8)
        if label:
            style = dict(ha="center", va="center", color=white_or_ink(colours[part]), size=size, weight="bold")
            ax.text(start + value / 2, y, label(part, value), **style)
        start += value


def seeds(groups, xlabel, title):
    """Draws a dot per seed, and each group's mean with its 95 % t-interval. `groups`: dict of label -> values."""
    fig, ax = subplots(figsize=(10, max(4.3, 0.9 + 0.85 * len(groups))))
    colours, ink = colours_of(groups, shared=True), COLORS["ink"]
    dots = dict(ls="None", marker="o", ms=9, mec="white", mew=1, alpha=0.85)
    for y, (name, values) in enumerate(groups.items()):
        mean, half = t_interval(values)
        ax.plot([mean - half, mean + half], [y + 0.22] * 2, color=ink, marker="|", ms=10, lw=2, zorder=3)
        ax.plot(mean, y + 0.22, marker="D", color=ink, ms=8, zorder=4)
        ax.plot(values, [y - 0.12] * len(values), color=colours[name], **dots)
    counts = [len(values) for values in groups.values()]
    same = len(set(counts)) == 1
    name_rows(ax, [name if same else f"{name}\nn = {count}" for name, count in zip(groups, counts)])
    ax.spines["left"].set_visible(False)
    dotted = f"{counts[0]} seeds" if same else "seeds"
    ax.set_xlabel(f"{xlabel}   (dots: {dotted}; bar: mean and 95 % interval)")
    write_headline(ax, title)
    return fig


def paired_bars(labels, series, ylabel, title, numbers):
    """Draws bars side by side for each of `labels`. `series`: dict of name -> (values, colour).

    `numbers`: how each value is written over its bar, as "{:.1f}". A value that is NaN has no bar.
    """
    fig, ax = subplots(figsize=(11, 5))
    places, width = np.arange(len(labels)), 0.8 / len(series)
    for i, (name, (values, colour)) in enumerate(series.items()):
        shifted = places + (i - (len(series) - 1) / 2) * width
        bars = ax.bar(shifted, values, width, color=colour, edgecolor="white", label=name)
        ax.bar_label(bars, fmt=numbers, padding=2, size=13)
    _finish_bars(ax, labels, ylabel, title)
    return fig


def draw_against_rivals(names, blocks, rivals, title):
    """Draws a bar for each MBConv block, in the colours of its parts, beside that of its rival, a dense convolution.

    blocks: for each of `names` a dict of part, such as "expand", -> MACs; rivals: a number of MACs for each. Over a
    block that costs more than its rival stands how many times as much.
    """
    fig, ax = subplots(figsize=(11, 5.2))
    places, tops = np.arange(len(names)), np.zeros(len(names))
    for part in ("expand", "depthwise", "project"):
        millions = np.array([parts.get(part, 0) / 1e6 for parts in blocks])
        ax.bar(places - 0.2, millions, 0.4, bottom=tops, color=COLORS[part], edgecolor="white", lw=0.6, label=part)
        tops += millions
    rivals = np.array(rivals) / 1e6
    ax.bar(places + 0.2, rivals, 0.4, color=COLORS["dense"], edgecolor="white", label="its plain rival, dense")
    for place, (ours, theirs) in enumerate(zip(tops, rivals)):
        if ours > theirs:
            look = dict(ha="center", size=14, weight="bold", textcoords="offset points")
            ax.annotate(f"{ours / theirs:.1f}×", (place, ours), (0, 5), **look)
    _finish_bars(ax, names, "million MACs", title)
    return fig


def _finish_bars(ax, labels, ylabel, title):
    """What all groups of bars have: names below, a legend of what was drawn, a headline."""
    ax.set_xticks(range(len(labels)), labels)
    ax.set_ylabel(ylabel)
    ax.margins(y=0.1)
    ax.grid(False, axis="x")
    ax.figure.legend(loc="outside lower center", ncols=len(ax.containers), fontsize=15)
    write_headline(ax, title)


# ---------------------------------------------------------------- images


def image_grid(images, titles, columns=4, headline=None, side=2.6, size=13):
    """Draws images side by side: (height, width, 3), or (height, width) in grey.

    `side`: the width of each, in inches; `size`: of the titles' letters, in points.
    """
    rows = math.ceil(len(images) / columns)
    columns = min(columns, len(images))
    height = side * np.shape(images[0])[0] / np.shape(images[0])[1] + 0.35
    fig, axes = subplots(rows, columns, figsize=(side * columns, height * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles):
        ax.imshow(image, cmap="gray", interpolation="nearest")
        ax.set_title(title, size=size, weight="normal", loc="center", pad=5)
    if headline:
        fig.set_figheight(fig.get_figheight() + 0.45)
        write_headline_above(fig, headline)
        fig.get_layout_engine().set(h_pad=0.08)
    return fig
