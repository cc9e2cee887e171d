"""Draws the pictures of imgs/, which README.md shows, from the plan and the published tables."""

import argparse
import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve
from PIL import Image

from architecture import Scale, plan
from atomic import write_atomically
from command import fails_in_one_line
from datasets import published
from figures import COLORS, canvas, draw_accuracy, draw_block, draw_network
from figures.charts import TABLE_2, efficientnets, plot_accuracy
from figures.network import SLABS, draw_stack, facts, fit_stacks
from figures.style import png

IMGS = ROOT / "imgs"


@fails_in_one_line(OSError)
def main(arguments=None):
    """Draws the pictures, or with --check says which are not up to date. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which pictures; all without it: {', '.join(PICTURES)}"
    )
    parser.add_argument(
        "--check", action="store_true", help="draw nothing; exit 1 if a picture in imgs/ is out of date"
    )
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in PICTURES:
            parser.error(f"NAME is {name!r}; allowed: {', '.join(PICTURES)}.")
    names = options.names or list(PICTURES)
    if not options.check:
        for name in names:
            draw(name)
        return 0
    problems = [problem for problem in map(problem_of, names) if problem]
    if not options.names:
        problems += [
            f"imgs/{path.name}: no picture of this program"
            for path in sorted(IMGS.iterdir())
            if path.stem not in PICTURES
        ]
    print("\n".join(problems) or "imgs/ is up to date")
    return 1 if problems else 0


def draw(name):
    """Draws one picture; its fingerprint and alternative text are stored in the file."""
    make, alt = PICTURES[name]
    fig = make()
    data = png(fig, {"Description": alt, "Fingerprint": fingerprint(fig)})
    plt.close(fig)
    write_atomically(IMGS / f"{name}.png", lambda file: file.write(data))
    print(f"imgs/{name}.png  {len(data) / 1000:.0f} KB")


def problem_of(name):
    """What is wrong with the file of a picture, in a sentence, or nothing."""
    make, alt = PICTURES[name]
    path = IMGS / f"{name}.png"
    if not path.exists():
        return f"imgs/{name}.png is missing: python tools/draw_imgs.py {name}"
    fig = make()
    expected = {"Description": alt, "Fingerprint": fingerprint(fig)}
    plt.close(fig)
    with Image.open(path) as image:
        stored = image.text
    if {key: stored.get(key) for key in expected} != expected:
        return f"imgs/{name}.png is out of date: python tools/draw_imgs.py {name}"
    return None


def fingerprint(fig):
    """A hash of what a figure shows: positions in data units, texts, colours and images; not how it is rendered."""
    seen = []

    def note(kind, *values):
        seen.append(f"{kind} " + " ".join(value if isinstance(value, str) else _rounded(value) for value in values))

    for ax in fig.axes:
        note("axes", ax.get_xlim(), ax.get_ylim(), ax.get_xscale(), ax.get_yscale(), ax.get_position().bounds)
        note("words", ax.get_title("left"), ax.get_title(), ax.get_xlabel(), ax.get_ylabel())
        for line in ax.lines:
            note("line", line.get_xydata(), colors.to_hex(line.get_color()), str(line.get_marker()))
        for patch in ax.patches:
            vertices = patch.get_patch_transform().transform(patch.get_path().vertices)
            note("patch", vertices, colors.to_hex(patch.get_facecolor()), colors.to_hex(patch.get_edgecolor()))
        for image in ax.images:
            note("image", np.asarray(image.get_array()))
    for text in [text for place in (fig, *fig.axes) for text in place.texts]:
        note("text", text.get_text(), getattr(text, "xy", text.get_position()), colors.to_hex(text.get_color()))
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def _rounded(values):
    return " ".join(f"{value + 0.0:.4f}" for value in np.round(np.asarray(values, float), 4).ravel())


# ---------------------------------------------------------------- the pictures

PAGE = 16, 9.3  # of the README's picture, in inches
CHART = 0.95, 1.1, 14.75, 3.75  # left, bottom, width, height of its chart
STACKS = 7.25  # height of the axis of its slabs


def draw_family():
    """The picture of the README: B0 to B7 on one scale, each standing over its point of accuracy against MACs."""
    fig, ax = canvas.new(*PAGE)
    left, bottom, width, height = CHART
    chart = canvas.axes_in_inches(fig, *CHART)
    chart.patch.set_visible(False)
    bold = dict(color=COLORS["accent"], weight="bold", size=14.5)
    points = efficientnets()
    percents = [(f"{accuracy:.1f} %", macs, accuracy, bold) for _, macs, accuracy in points]
    plot_accuracy(chart, percents, ((0.8, -0.8), (1, 0), (0, -1)))
    networks = [plan(name.lower()) for name, _, _ in points]
    unit, centres = fit_stacks(networks, PAGE[0])
    for (name, *point), network, centre in zip(points, networks, centres):
        draw_stack(ax, network, centre, STACKS, unit)
        ax.text(centre, 5.86, name, ha="center", weight="bold", size=19, color=COLORS["accent"])
        canvas.write_lines(ax, centre, 5.6, facts(network), 12, 0.2)
        x, y = chart.transLimits.transform(chart.transScale.transform(point))  # 0 to 1
        _draw_thread(ax, centre, left + width * x, bottom + height * y)
    ax.text(0.4, 8.8, "EfficientNet", size=34, weight="bold", va="center")
    motto = "one baseline, scaled in width, depth and resolution together"
    ax.text(3.75, 8.75, motto, size=17.5, va="center", color=COLORS["muted"])
    ax.text(left, 0.17, f"{SLABS} {TABLE_2}", **canvas.NOTE | dict(size=11.5))
    return fig


def _draw_thread(ax, start, x, y):
    """A line from under a network at `start` down to its point of the chart."""
    path = Curve(
        [(start, 5.1), (start, 4.8), (x, 5.05), (x, 4.75), (x, y + 0.13)],
        [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4, Curve.LINETO],
    )
    ax.add_patch(PathPatch(path, fill=False, edgecolor="#9AA7B4", lw=1))


def table_7():
    """The networks of Table 7, by name: the baseline, one dimension at a time, and all together."""
    networks = {}
    for row in published("table7_scaled_b0"):
        if row["arxiv_version"] == "v5":
            changes = {"width": row["w"], "depth": row["d"], "resolution": row["r"]}
            changed = [f"{name} × {value:g}" for name, value in changes.items() if value != 1]
            caption = changed[0] if len(changed) == 1 else "compound" if changed else "baseline"
            networks[caption] = Scale(row["w"], row["d"], round(224 * row["r"]))
    return networks


def _draw_one(variant, name):
    return draw_block(next(block for block in plan(variant).blocks if block.name == f"{name}_"))


PICTURES = {  # file name -> how to draw it, alternative text
    "efficientnet": (
        draw_family,
        "Eight networks, B0 to B7, each drawn as a row of slabs that starts tall and thin and ends small and thick. "
        "From left to right they grow taller, thicker and longer. Each is tied to its point on a curve of ImageNet "
        "accuracy against MACs, which lies above and to the left of the paper's other networks that state their MACs.",
    ),
    "accuracy": (
        draw_accuracy,
        "ImageNet top-1 accuracy against MACs on a logarithmic axis. The curve of B0 to B7 rises steeply, then "
        "flattens, and lies above and to the left of ResNet, DenseNet, Inception, NASNet and the other networks of "
        "the paper's Table 2 that state their MACs.",
    ),
    "scaling": (
        lambda: draw_network(table_7()),
        "Five networks drawn as rows of slabs on one scale: the baseline; one with four times as many blocks; one with "
        "thicker slabs; one with taller slabs; and the compound network, a little longer, thicker and taller.",
    ),
    "b0": (
        lambda: draw_network("b0"),
        "EfficientNet-B0 from left to right: the stem, seven stages of MBConv blocks, and the last convolution. The "
        "slabs get lower, as the resolution is halved again and again, and thicker, as the channels grow.",
    ),
    "block1a": (
        lambda: _draw_one("b0", "block1a"),
        "The first MBConv block of B0. It has no expansion and no skip connection: a depthwise convolution, "
        "squeeze-and-excitation on a side branch, and a 1x1 projection to fewer channels.",
    ),
    "block2a": (
        lambda: _draw_one("b0", "block2a"),
        "An MBConv block with stride 2: a 1x1 convolution expands the channels sixfold, a depthwise convolution halves "
        "the resolution, squeeze-and-excitation weighs the channels, a 1x1 convolution projects to few. There is no "
        "skip connection.",
    ),
    "block2b": (
        lambda: _draw_one("b0", "block2b"),
        "An MBConv block with a skip connection: expand, depthwise convolution, squeeze-and-excitation and project in "
        "a row, and the input, led around them, is added to the result. Expand and project have most of the MACs.",
    ),
    "block2b-lite": (
        lambda: _draw_one("lite0", "block2b"),
        "The same MBConv block of EfficientNet-Lite0, which has no squeeze-and-excitation: expand, depthwise "
        "convolution, project, and the skip connection around them.",
    ),
}


if __name__ == "__main__":
    plt.switch_backend("agg")
    sys.exit(main())
