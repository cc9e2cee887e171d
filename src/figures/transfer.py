"""Pictures of transfer learning: what is trained, class by class, the study of sizes, and confusions."""

import base64
import html
import io
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import NullLocator

from datasets import CIFAR10_CLASSES, measured
from figures import canvas
from figures.charts import curves
from figures.labels import label_ends, write_headline, write_headline_above
from figures.style import COLORS, GUESSING, NAVY, PURPLE, RED, name_rows, subplots
from intervals import wilson

FROZEN, TRAINED = canvas.mix(COLORS["feature"], "white", 0.35), RED
REGIMES = {  # as data/measured/transfer.csv names them -> colour, and what a reader is told
    "fine-tuned, batch norm frozen": (RED, "all layers, norm frozen"),
    "frozen": (NAVY, "head only"),
    "fine-tuned, batch norm trained": (PURPLE, "all layers, norm trained"),
}
WHITE_TO_RED = LinearSegmentedColormap.from_list("errors", ("white", RED))
LEFT, TEXTS = 3.3, 10.6  # where a network and the names of its classes begin, in inches
KERNEL, PLACE = 5, 0.46  # places that a kernel covers, and the side of one in inches
CELL = 0.42  # inches of a confusion matrix's cell


def draw_steps(network, first, classes, title):
    """Draws Lite0 three times: as it comes, with a new head, and with the blocks from `first` on set free.

    network: a plan without a top; first: the name of a block, such as "7a"; classes: the names that the new head knows.
    Grey is frozen, red is trained; the weights that are trained are counted from the plan, without batch norm's.
    """
    names = [block.name.removeprefix("block").rstrip("_") for block in network.blocks]
    place = names.index(first)
    opened = [*(conv for block in network.blocks[place:] for conv in block.convs), network.top]
    head = (network.top.filters + 1) * len(classes)
    both = head + sum(conv.weights for conv in opened)
    opened_names = [*names[place:], "top"]
    rows = [  # name, facts, which parts of the body learn, the head's colour, its outputs, two of their names
        ("1  Borrow", "from a million photos", [], FROZEN, 1000, ["tiger cat", "espresso"]),
        ("2  New head", f"{head:,} weights learn", [], TRAINED, len(classes), classes[:2]),
        (f"3  Open block {first}", f"{both:,} weights learn", opened_names, TRAINED, len(classes), classes[:2]),
    ]
    fig, ax = canvas.new(12.6, 6.7, title)
    for i, (name, facts, learning, colour, outputs, examples) in enumerate(rows):
        _draw_network(ax, 4.35 - 2.05 * i, network, learning, colour, name, facts)
        ax.text(TEXTS, 5.2 - 2.05 * i, f"{outputs:,} names", size=16, weight="bold", va="center")
        shortened = [textwrap.shorten(example, 13, placeholder="…") for example in examples]
        look = dict(size=15.5, color=COLORS["muted"], va="top", linespacing=1.2)
        ax.text(TEXTS, 5.0 - 2.05 * i, ",\n".join(shortened) + ", …", **look)
    return fig


def _draw_network(ax, bottom, network, learning, head, name, facts):
    """One row: a column for each block, the smaller its map the shorter, red if it is in `learning`; and the head."""
    ax.text(0.3, bottom + 1.0, name, size=19, weight="bold")
    ax.text(0.3, bottom + 0.78, facts, size=16.5, color=COLORS["muted"], va="top")
    pieces = [("stem", network.stem.output_size)]
    pieces += [(block.name.removeprefix("block").rstrip("_"), block.project.output_size) for block in network.blocks]
    pieces.append(("top", network.top.output_size))
    x = LEFT
    for piece, size in pieces:
        height = 0.3 + 1.25 * np.sqrt(size / pieces[0][1])
        canvas.box(ax, x, bottom + 0.72 - height / 2, 0.3, height, TRAINED if piece in learning else FROZEN)
        x += 0.36
    if learning:
        look = dict(size=15.5, ha="center", va="top", color=TRAINED)
        ax.text(x - 0.03 - 0.18 * len(learning), bottom + 0.3, f"{learning[0]} and top", **look)
    canvas.arrow(ax, [(x + 0.02, bottom + 0.72), (x + 0.32, bottom + 0.72)], COLORS["muted"])
    canvas.box(ax, x + 0.36, bottom + 0.57, 0.3, 0.3, head)
    look = dict(size=15.5, ha="center", va="bottom", color=canvas.mix(head, "black", 0.2))
    ax.text(x + 0.51, bottom + 0.97, "head", **look)


def draw_training(stages, title):
    """Draws accuracy by epoch on training and on validation photos, with a dotted line between two stages.

    stages: dict of what learns -> Keras's history, with "accuracy" and "val_accuracy" as shares.
    """
    training = 100 * np.concatenate([history["accuracy"] for history in stages.values()])
    validation = 100 * np.concatenate([history["val_accuracy"] for history in stages.values()])
    epochs = np.arange(1, 1 + len(training))
    lines = {"training": (epochs, training), "validation": (epochs, validation)}
    fig = curves(lines, "epoch", "top-1 (%)", title=title)
    (ax,) = fig.axes
    lowest, highest = ax.get_ylim()
    ax.set_ylim(lowest - 0.12 * (highest - lowest), highest)  # room for the names of the stages
    start = 0.5
    for name, history in stages.items():
        if start > 0.5:
            ax.axvline(start, color=COLORS["muted"], ls=":", marker="")
        middle = start + len(history["accuracy"]) / 2
        ax.text(middle, lowest - 0.08 * (highest - lowest), name, ha="center", weight="bold", color=COLORS["muted"])
        start += len(history["accuracy"])
    return fig


def draw_recall(names, right, counts, title):
    """Draws of each class the share that was recognised, with its 95 % interval, and their mean.

    names: n texts; right and counts: n whole numbers each. A class without photos is left out; the worst comes first.
    """
    shares = [(r / n, r, n, name) for name, r, n in zip(names, right, counts) if n]
    shares.sort()
    fig, ax = subplots(figsize=(10, 1.6 + 0.42 * len(shares)))
    lowest = 1
    for y, (share, r, n, _) in enumerate(shares):
        low, high = wilson(r, n)
        lowest = min(lowest, low)
        ax.plot([100 * low, 100 * high], [y, y], color=COLORS["feature"], marker="|", ms=11, lw=3, zorder=2)
        ax.plot(100 * share, y, marker="o", ms=10, color=NAVY, zorder=3)
    mean = 100 * np.mean([share for share, *_ in shares])
    ax.axvline(mean, color=RED, lw=2, zorder=1)
    name_rows(ax, [f"{name}  ({r:.0f} of {n:.0f})" for _, r, n, name in shares])
    label = f"balanced accuracy: {mean:.0f} %"
    ax.text(mean, -0.62, label, color=RED, weight="bold", ha="right" if mean > 60 else "left", va="bottom")
    ax.set(xlim=(max(-1, 100 * lowest - 3), 101), ylim=(len(shares) - 0.5, -0.6))
    ax.set_xlabel("recognised (% of the class; bar: 95 % interval)")
    write_headline(ax, title, distance=28)
    return fig


def draw_transfer(top1, title):
    """Draws test accuracy against image size, a line for each of REGIMES.

    top1: dict of (regime, pixels) -> the top-1 in % of each seed; their mean is drawn, and each seed as a small dot.
    """
    fig, ax = subplots(figsize=(10.5, 5))
    sizes, ends = sorted({pixels for _, pixels in top1}), {}
    for regime, (colour, name) in REGIMES.items():
        means = {pixels: np.mean(top1[regime, pixels]) for pixels in sizes if (regime, pixels) in top1}
        if not means:
            continue
        lead = dict(lw=4, zorder=4) if regime == "frozen" else dict(zorder=3)
        ax.plot(list(means), list(means.values()), color=colour, marker="o", ms=9, label=name, **lead)
        for pixels, mean in means.items():
            values = top1[regime, pixels]
            ax.plot([pixels] * len(values), values, ls="None", marker=".", ms=5, color=colour, alpha=0.6, zorder=2)
            if regime == "frozen":
                place, side = ((-4, -17), "right") if pixels == sizes[-1] else ((11, -8), "left")
                look = dict(textcoords="offset points", ha=side, va="center", color=colour, weight="bold", size=16)
                ax.annotate(f"{mean:.0f}", (pixels, mean), place, **look)
        ends[name] = (pixels, mean, colour)
    ax.set(xscale="log", xlim=(28, 250), ylim=(0, 100), xlabel="image size (pixels)", ylabel="test top-1 (%)")
    ax.set_xticks(sizes, sizes)
    ax.xaxis.set_minor_locator(NullLocator())
    write_headline(ax, title, distance=17)
    fig.draw_without_rendering()  # the layout is final
    if not label_ends(ax, ends):
        ax.legend(loc="lower right")
    # last, because the names at the ends keep clear of all that is there
    ax.axhline(GUESSING, color=COLORS["muted"], ls=":", lw=1.4, marker="", zorder=1)
    ax.text(sizes[-1], GUESSING, "chance", color=COLORS["muted"], ha="right", va="bottom", size=13)
    return fig


def draw_padding(sides, title):
    """Draws the middle of a last map under a 5 × 5 kernel, framed: its pixels in grey, the zeros around it as 0.

    sides: dict of pixels of an image -> side of its last map, an odd number.
    """
    fig, ax = canvas.new(12, 5.2, title)
    for i, (pixels, side) in enumerate(sides.items()):
        x, y = 2.2 + 3.8 * i, 2.55  # of the middle
        met = min(side, KERNEL) ** 2
        for row, column in np.ndindex(side, side):
            corner = [centre + (place - side / 2) * PLACE for centre, place in ((x, column), (y, row))]
            canvas.box(ax, *corner, PLACE, PLACE, FROZEN, lw=1.5, ec="white")
        for row, column in np.ndindex(KERNEL, KERNEL):
            if max(abs(row - KERNEL // 2), abs(column - KERNEL // 2)) > side / 2:
                place = [centre + (at - KERNEL // 2) * PLACE for centre, at in ((x, column), (y, row))]
                ax.text(*place, "0", size=15, color=COLORS["muted"], ha="center", va="center")
        half = KERNEL / 2 * PLACE
        canvas.box(ax, x - half, y - half, 2 * half, 2 * half, "none", lw=3.5, ec=COLORS["depthwise"])
        ax.text(x, 0.45, f"{pixels} px: map {side} × {side}", **canvas.CAPTION)
        zeros = KERNEL**2 - met
        text = f"{met} pixel{'s' * (met > 1)}" + (f", {zeros} zeros" if zeros else "")
        ax.text(x, 0.12, text, size=15, ha="center", color=COLORS["muted"])
    return fig


def draw_confusion(panels, names, title):
    """Draws what was taken for what, side by side, white to red. panels: dict of title -> counts (classes, classes).

    Rows are the truth, columns the guess, numbers in % of the row; the diagonal, what is right, stays empty.
    """
    side = CELL * len(names)
    size = (side + 0.4) * len(panels) + 1.6, side + 2.5
    fig, axes = subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for ax, (name, counts) in zip(axes.flat, panels.items()):
        counts = np.asarray(counts)
        percent = 100 * counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        np.fill_diagonal(percent, 0)
        ax.imshow(percent, cmap=WHITE_TO_RED, vmin=0, vmax=20)
        for (row, column), value in np.ndenumerate(percent):
            if value >= 1:
                colour = "white" if value > 10 else COLORS["ink"]
                ax.text(column, row, f"{value:.0f}", ha="center", va="center", size=11, color=colour)
        ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
        ax.set_yticks(range(len(names)), names)
        ax.set_xlabel("guess (% of the photos of the true class)")
        ax.grid(False)
        ax.tick_params(length=0)
        ax.set_title(name, size=14, loc="center")
    axes[0, 0].set_ylabel("truth")
    write_headline_above(fig, title)
    return fig


def folded_study():
    """More of the study of sizes for a notebook, folded: learning curves of a new head on Lite0, and its confusions.

    Its rows are those of Adam with 3,000 photos in data/measured/transfer.csv and transfer_confusion.csv.
    """
    head = dict(network="lite0", regime="frozen", optimizer="Adam", images=3000)
    lines = {}
    for size in (32, 96, 224):
        wanted = head | dict(resolution=size)
        curve_of_seed = [row["curve"].split() for row in measured("transfer") if wanted.items() <= row.items()]
        mean = np.mean(np.array(curve_of_seed, float), axis=0)
        lines[f"{size} px"] = np.arange(1, 1 + len(mean)), mean
    errors = {}
    for size in (32, 224):
        wanted = head | dict(resolution=size)
        counts = [row["count"] for row in measured("transfer_confusion") if wanted.items() <= row.items()]
        errors[f"{size} pixels"] = np.reshape(counts, (len(CIFAR10_CLASSES), len(CIFAR10_CLASSES)))
    by_epoch = curves(lines, "epoch", "test top-1 (%)", title="More epochs do not replace pixels")
    by_epoch.axes[0].set_xticks([1, 5, 10, 15, 20])
    confused = "At 32 pixels most classes are mixed up, at 224 mostly look-alikes"
    pictures = {
        "Test accuracy of a new head by epoch, a line for each of three sizes; all flatten early.": by_epoch,
        "Confusions at 32 and 224 pixels. At 224 mostly look-alikes are left.": draw_confusion(
            errors, CIFAR10_CLASSES, confused
        ),
    }
    return folded_figures("More of the study: learning curves, and what is taken for what", pictures)


def folded_figures(summary, figures):
    """Figures for a notebook that open when one clicks on `summary`. figures: dict of alternative text -> Figure."""
    pictures = []
    for alt, fig in figures.items():
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", facecolor="white", dpi=75, bbox_inches="tight")
        plt.close(fig)
        data = base64.b64encode(buffer.getvalue()).decode()
        pictures.append(f'<p><img alt="{html.escape(alt)}" src="data:image/png;base64,{data}"></p>')
    return HTML(f"<details><summary>{html.escape(summary)}</summary>{''.join(pictures)}</details>")
