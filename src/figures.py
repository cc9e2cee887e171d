r"""One palette, one `show(fig, alt=...)`, and drawings made from the plan.

    python src/figures.py         draws every picture of imgs/ again

The drawings read shapes, MACs and parameters from `architecture.plan` and accuracies from `datasets.published`, so
a picture cannot disagree with the code. Every function returns a matplotlib Figure and leaves showing it to `show`.
A drawing of a network or a block works on a canvas whose coordinates are inches.
"""

import base64
import hashlib
import io
import math
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors, ticker
from matplotlib.patches import Circle, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Curve
from matplotlib.transforms import Bbox
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from architecture import Scale, plan
from atomic import write_atomically
from datasets import published

IMGS = Path(__file__).resolve().parent.parent / "imgs"

# Every colour of an operator stands at least 3:1 against white, and any two differ in lightness (CIE L*) by at least 8:
# so they stay apart in greyscale.
COLORS = {
    "ink": "#1F2933",
    "muted": "#66727F",
    "line": "#D5DBE1",
    "feature": "#8B99A8",  # a feature map that comes from elsewhere
    "accent": "#B3263E",
    "expand": "#15305B",
    "depthwise": "#15837D",
    "se": "#D17F00",
    "project": "#B3263E",
    "skip": "#6A2C91",
}
SERIES = ("#15305B", "#D17F00", "#15837D", "#B3263E", "#6A2C91")
MARKERS = ("o", "s", "^", "D", "v")
RAMP = colors.LinearSegmentedColormap.from_list("stages", ("#BFE3DC", "#3F9C9A", "#23527F", "#141F47"))
HEAT = "inferno"  # lightness rises steadily with the value


def use_style():
    """Sets matplotlib's defaults for a projector. The drawings call it; a chart of your own needs it once before."""
    plt.rcParams.update({
        "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
        "font.size": 13, "axes.labelsize": 13, "xtick.labelsize": 12, "ytick.labelsize": 12, "axes.titlesize": 15,
        "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 12,
        "legend.fontsize": 12, "legend.frameon": False,
        "text.color": COLORS["ink"], "axes.labelcolor": COLORS["ink"], "axes.edgecolor": COLORS["muted"],
        "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "axes.axisbelow": True,
        "xtick.color": COLORS["muted"], "ytick.color": COLORS["muted"], "xtick.labelcolor": COLORS["ink"],
        "ytick.labelcolor": COLORS["ink"], "axes.grid": True, "grid.color": COLORS["line"], "grid.linewidth": 0.6,
        "lines.linewidth": 2.2, "lines.markersize": 7, "axes.prop_cycle": plt.cycler(color=SERIES, marker=MARKERS),
        "image.cmap": HEAT, "figure.dpi": 100, "savefig.dpi": 100, "figure.figsize": (9, 5),
        "figure.constrained_layout.use": True,
    })  # fmt: skip


def show(fig, alt):
    """Displays a figure in a notebook, with its alternative text in the output's metadata, and closes it.

    `alt` says in at least 20 characters what the figure shows, else ValueError. A script shows nothing.
    """
    if not isinstance(alt, str) or len(alt.strip()) < 20:
        raise ValueError(f"alt is {alt!r}; allowed: a text of at least 20 characters that says what the figure shows.")
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    if get_ipython():
        picture = base64.b64encode(_png(fig, bbox_inches="tight", pad_inches=0.1)).decode()
        display({"image/png": picture, "text/plain": str(fig)}, raw=True, metadata={"image/png": {"alt": alt.strip()}})
    plt.close(fig)


def sliders(draw, **ranges):
    """Shows a slider for each of `ranges`, name -> (low, start, high), and the figure of `draw(**values)` under them.

    The picture is drawn again as one drags. Only what ipywidgets 7 has is used, so it runs in Notebook, JupyterLab and
    Colab; where ipywidgets is missing, one printed line says so.
    """
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        print("No sliders here, because ipywidgets is not installed; the still picture shows what they redraw.")
        return
    controls = {
        name: ipywidgets.FloatSlider(value=start, min=low, max=high, step=0.1, description=name)
        for name, (low, start, high) in ranges.items()
    }
    picture = ipywidgets.Image(format="png", layout=dict(max_width="100%"))

    def redraw(change=None):
        fig, data = draw(**{name: control.value for name, control in controls.items()}), io.BytesIO()
        fig.savefig(data, format="png", dpi=80)
        plt.close(fig)
        picture.value = data.getvalue()

    redraw()
    for control in controls.values():
        control.observe(redraw, "value")
    display(ipywidgets.VBox([*controls.values(), picture]))


# ---------------------------------------------------------------- an MBConv block


def draw_block(block):
    """Draws a Block of the plan: feature maps as slabs, operators as arrows, and each operator's share of the cost.

    A slab is log2(resolution) high and sqrt(channels) thick, on the same scale for every block.
    """
    fig, ax = _canvas(13.0, 6.4)
    first, mid = block.expand or block.depthwise, 3.62
    operators = [("expand", block.expand), ("depthwise", block.depthwise), ("project", block.project)]
    operators = [(role, conv) for role, conv in operators if conv]
    maps = [(first.size, first.inputs if block.expand else first.filters)]
    maps += [(conv.output_size, conv.filters) for _, conv in operators]
    boxes = [(0.25 * math.log2(1 + size), 0.0125 * math.sqrt(channels)) for size, channels in maps]

    gate, plus = (1.3 if block.se_reduce else 0), (0.85 if block.skip else 0)
    solid = sum(thick + LEAN * side for side, thick in boxes) + gate + plus
    gap = min(2.4, (12.1 - solid) / len(operators))
    x, places = (13.0 - solid - gap * len(operators)) / 2, []
    for (size, channels), (side, thick), (role, conv) in zip(maps, boxes, [("feature", None), *operators]):
        if conv:
            if role == "project" and gate:
                _draw_gate(ax, block, x, mid)
                x += gate
            _arrow(ax, [(x + 0.1, mid), (x + gap - 0.1, mid)], COLORS[role])
            stride = f"\nstride {conv.stride}" if conv.stride > 1 else ""
            name = f"{conv.kernel}×{conv.kernel} {role}{stride}"
            ax.text(x + gap / 2, mid + 0.14, name, ha="center", weight="bold", linespacing=1.3)
            cost = f"{short(conv.macs)} MACs\n{short(conv.params)} params"
            ax.text(
                x + gap / 2, mid - 0.16, cost, ha="center", va="top", size=11.5, color=COLORS["muted"], linespacing=1.4
            )
            x += gap
        _slab(ax, x + LEAN * side / 2, mid, side, thick, COLORS[role])
        places.append((x + (thick + LEAN * side) / 2, mid + side * (1 + RISE) / 2, mid - side * (1 + RISE) / 2))
        ax.text(places[-1][0], places[-1][2] - 0.13, f"{size}×{size}×{channels}", ha="center", va="top", size=12.5)
        x += thick + LEAN * side

    _draw_skip(ax, block, places[0], x, mid, maps)
    _draw_shares(ax, block)
    ratio = first.filters // first.inputs if block.expand else 1
    ax.text(0.45, 6.0, block.name.rstrip("_"), size=20, weight="bold", va="center")
    kind = f"MBConv{ratio}, {block.depthwise.kernel}×{block.depthwise.kernel}, stage {block.stage} of Table 1"
    ax.text(12.55, 6.0, kind, size=14, color=COLORS["muted"], va="center", ha="right")
    return fig


def _draw_gate(ax, block, x, mid):
    """The squeeze-and-excitation branch below the line, and the multiplication on it."""
    colour, wide, narrow = COLORS["se"], block.se_reduce.inputs, block.se_reduce.filters
    down, up, floor = x + 0.24, x + 1.12, 2.1
    _line(ax, [(x + 0.08, mid), (up - 0.15, mid)], COLORS["ink"], 1.6)
    _line(ax, [(down, mid), (down, floor), (x + 0.37, floor)], colour)
    _arrow(ax, [(x + 0.99, floor), (up, floor), (up, mid - 0.17)], colour)
    for i, channels in enumerate((wide, narrow, wide)):
        height = 0.62 * math.sqrt(channels / wide)
        ax.add_patch(Rectangle((x + 0.42 + 0.2 * i, floor - height / 2), 0.11, height, color=colour, lw=0))
    _node(ax, up, mid, "×", COLORS["ink"])
    text = f"{wide} → {narrow} → {wide}"
    macs, params = (sum(getattr(c, what) for c in (block.se_reduce, block.se_expand)) for what in ("macs", "params"))
    ax.text(x + 0.68, 1.66, "squeeze-and-excitation", ha="center", va="top", weight="bold")
    ax.text(x + 0.68, 1.42, text, ha="center", va="top", size=12.5)
    cost = f"{short(macs)} MACs · {short(params)} params"
    ax.text(x + 0.68, 1.2, cost, ha="center", va="top", size=11.5, color=COLORS["muted"])


def _draw_skip(ax, block, start, end, mid, maps):
    """The skip connection and the addition, or the reason why there is none."""
    level, centre = 5.14, (start[0] + end + 0.4) / 2
    if block.skip:
        x = end + 0.4
        _line(ax, [(end + 0.08, mid), (x - 0.15, mid)], COLORS["ink"], 1.6)
        _arrow(ax, [(x + 0.15, mid), (x + 0.5, mid)], COLORS["ink"], 1.6)
        _arrow(ax, [(start[0], start[1] + 0.08), (start[0], level), (x, level), (x, mid + 0.17)], COLORS["skip"])
        _node(ax, x, mid, "+", COLORS["skip"])
        text = "skip connection"
        if block.drop_rate:
            text += f" · in training, the branch is dropped for {100 * block.drop_rate:.3g} % of the images"
        ax.text(centre, level + 0.12, text, ha="center", color=COLORS["skip"])
    else:
        stride, before, after = block.depthwise.stride, maps[0][1], maps[-1][1]
        why = [f"stride {stride}"] * (stride > 1) + [f"{before} → {after} channels"] * (before != after)
        ax.text(centre, level + 0.12, f"no skip connection: {', '.join(why)}", ha="center", color=COLORS["muted"])


def _draw_shares(ax, block):
    """Two bars: where the block's MACs and parameters are."""
    left, right = 1.75, 11.75
    for y, what, name in ((0.5, "macs", "MACs"), (0.14, "params", "parameters")):
        amounts = {role: sum(getattr(c, what) for c in convs) for role, convs in _roles(block).items()}
        total, x = sum(amounts.values()), left
        ax.text(left - 0.14, y + 0.13, name, ha="right", va="center")
        ax.text(right + 0.14, y + 0.13, short(total), ha="left", va="center")
        for role, amount in amounts.items():
            width = (right - left) * amount / total
            ax.add_patch(Rectangle((x, y), width, 0.26, facecolor=COLORS[role], edgecolor="white", lw=1))
            label = f"{100 * amount / total:.0f} %" if width > 0.5 else ""
            label = f"{'SE' if role == 'se' else role} {label}" if width > 1.45 else label
            ink = COLORS["ink"] if role == "se" else "white"
            ax.text(x + width / 2, y + 0.125, label, ha="center", va="center", size=11.5, weight="bold", color=ink)
            x += width


def _roles(block):
    """The convolutions of a block by what they do, in order; the parts that it does not have are left out."""
    roles = {"expand": [block.expand], "depthwise": [block.depthwise], "se": [block.se_reduce, block.se_expand]}
    return {role: [c for c in convs if c] for role, convs in (roles | {"project": [block.project]}).items()}


# ---------------------------------------------------------------- a network, or several on one scale


def draw_network(variants="b0"):
    """Draws one network stage by stage, or several on one scale.

    Width, depth and resolution are the thickness, the number and the height of the slabs.
    `variants`: a name or a Scale; a list of them; or a dict of caption -> name or Scale, for several.
    Every slab is one block's output, sqrt(resolution) high and sqrt(channels) thick.
    """
    if isinstance(variants, (str, Scale)):
        return _draw_stages(plan(variants), _title(variants))
    if not isinstance(variants, dict):
        variants = {_title(variant): variant for variant in variants}
    networks = {caption: plan(variant) for caption, variant in variants.items()}
    unit, columns = _fit_stacks(networks.values(), 12.4)
    tallest = max(math.sqrt(network.stem.output_size) for network in networks.values()) * unit * (1 + RISE)
    fig, ax = _canvas(13.0, tallest + 2.3)
    x = space = (13.0 - sum(columns)) / (len(columns) + 1)
    for (caption, network), column in zip(networks.items(), columns):
        centre = x + column / 2
        _draw_stack(ax, network, centre, 1.98 + tallest / 2, unit)
        ax.text(centre, 1.46, caption, ha="center", weight="bold", size=15)
        _lines(ax, centre, 1.16, [*_facts(network), f"{short(network.macs)} MACs"], 12)
        x += column + space
    ax.text(0.2, 0.08, SLABS, size=11.5, color=COLORS["muted"])
    return fig


SLABS = "A slab is a block's output: √resolution high, √channels thick."


def _draw_stages(network, title):
    rows, stages = _rows(network), network.scale.baseline.stages
    unit, columns = _fit(lambda unit: [max(1.22, _row_extent(maps, unit)) for maps in rows], 12.6)
    tallest = math.sqrt(network.stem.output_size) * unit * (1 + RISE)
    fig, ax = _canvas(13.0, tallest + 2.5)
    x, mid = (13.0 - sum(columns)) / 2, 1.5 + tallest / 2
    for row, (maps, column) in enumerate(zip(rows, columns)):
        centre = x + column / 2
        _draw_row(ax, maps, centre - _thickness(maps, unit) / 2, mid, unit, RAMP(row / (len(rows) - 1)))
        size, channels = maps[-1]
        if 0 < row < len(rows) - 1:
            stage = stages[row - 1]
            name, blocks = f"MBConv{stage.expand}", "1 block" if len(maps) == 1 else f"{len(maps)} blocks"
            kernel = f"{stage.kernel}×{stage.kernel} · {blocks}"
        else:
            name, kernel = "Conv", "3×3" if row == 0 else "1×1"
        ax.text(centre, 1.22, name, ha="center", va="top", weight="bold")
        _lines(ax, centre, 0.82, (kernel, f"{size}×{size}×{channels}"), 11.5)
        x += column
    ax.text(0.45, tallest + 2.12, title, size=20, weight="bold", va="center")
    facts = " · ".join([*_facts(network), f"{short(network.macs)} MACs"])
    ax.text(12.55, tallest + 2.12, facts, size=14, va="center", ha="right", color=COLORS["muted"])
    ax.text(0.45, 0.12, SLABS, size=11.5, color=COLORS["muted"])
    return fig


def _fit(columns, room):
    """The largest unit at which the columns fit side by side, and their widths."""
    units = np.geomspace(0.17, 0.01, 100)
    unit = next((u for u in units if sum(columns(u)) <= room), units[-1])
    return unit, columns(unit)


def _fit_stacks(networks, room):
    gaps = 0.28 * (len(networks) - 1)
    narrow = min(1.2, (room - gaps) / len(networks))  # room for the caption
    return _fit(lambda unit: [max(narrow, _extent(network, unit)) for network in networks], room - gaps)


def _facts(network):
    return f"{network.scale.resolution} px", f"{len(network.blocks)} blocks", f"{short(network.params)} params"


def _lines(ax, x, y, texts, size, step=0.235):
    """Centred muted lines, evenly spaced whatever their letters; `y` is the first one's baseline."""
    for i, text in enumerate(texts):
        ax.text(x, y - i * step, text, ha="center", size=size, color=COLORS["muted"])


def _title(variant):
    if isinstance(variant, str):
        return variant.capitalize()
    return f"w {variant.width:.3g} · d {variant.depth:.3g}"


def _rows(network):
    """The feature maps of each row of Table 1: lists of (resolution, channels)."""
    rows = [[(network.stem.output_size, network.stem.filters)]]
    for row in range(2, len(network.scale.baseline.stages) + 2):
        blocks = [block.project for block in network.blocks if block.stage == row]
        rows.append([(conv.output_size, conv.filters) for conv in blocks])
    return [*rows, [(network.top.output_size, network.top.filters)]]


def _thickness(maps, unit):
    return unit * sum(THICK * math.sqrt(channels) + APART for _, channels in maps)


def _row_extent(maps, unit):
    return _thickness(maps, unit) + LEAN * unit * math.sqrt(maps[0][0])


def _extent(network, unit):
    rows = _rows(network)
    stacked = sum(_thickness(maps, unit) for maps in rows) + unit * BETWEEN * (len(rows) - 1)
    return stacked + LEAN * unit * math.sqrt(rows[0][0][0]) / 2


def _draw_row(ax, maps, x, mid, unit, colour):
    """Draws the slabs of a row from left to right along the axis; returns where the next one would start."""
    for size, channels in maps:
        thick = unit * THICK * math.sqrt(channels)
        _slab(ax, x, mid, unit * math.sqrt(size), thick, colour, edge=min(0.7, 5 * unit))
        x += thick + unit * APART
    return x


def _draw_stack(ax, network, centre, mid, unit):
    rows = _rows(network)
    x = centre - _extent(network, unit) / 2 + LEAN * unit * math.sqrt(rows[0][0][0]) / 2
    for row, maps in enumerate(rows):
        x = _draw_row(ax, maps, x, mid, unit, RAMP(row / (len(rows) - 1))) + unit * BETWEEN


def draw_scaled(scale, caption="scaled"):
    """Draws a Scale beside its unscaled baseline at 224 pixels, and its costs as multiples of the baseline's.

    The bars are counted from the plan; a tick on each says what the power law promises: d w^2 r^2 for MACs, d w^2 for
    parameters, d w r^2 for activations. The canvas keeps its size, so that the picture of a slider stays in place.
    """
    width, depth, times = scale.width, scale.depth, scale.resolution / 224
    networks = {"baseline": plan(Scale(1.0, 1.0, 224, baseline=scale.baseline)), caption: plan(scale)}
    base, scaled = networks.values()
    fig, ax = _canvas(11.0, 6.3)
    unit, _ = _fit(lambda unit: [max(2.4, _extent(network, unit)) for network in (base, scaled)], 10.2)
    tallest = math.sqrt(max(base.stem.output_size, scaled.stem.output_size)) * (1 + RISE)
    unit, x = min(unit, 2.55 / tallest), 0.3
    for name, network in networks.items():
        extent = max(2.4, _extent(network, unit))
        x += (extent + 0.15) / 2
        _draw_stack(ax, network, x, 4.75, unit)
        ax.text(x, 3.08, name, ha="center", weight="bold", size=15)
        _lines(ax, x, 2.8, [" · ".join(_facts(network)[:2])], 12)
        x += (extent + 0.15) / 2 + 0.25
    laws = {"macs": depth * width**2 * times**2, "params": depth * width**2, "activations": depth * width * times**2}
    place = (1.45 / 11, 0.62 / 6.3, 6.5 / 11, 1.75 / 6.3)
    chart = fig.add_axes(place, xscale="log", xlim=(0.1, 1000), ylim=(-2.6, 0.6))
    for y, (what, law) in enumerate(laws.items()):
        old, count = getattr(base, what), getattr(scaled, what)
        start, end = sorted((1, count / old))
        chart.barh(-y, end - start, left=start, height=0.52, color=SERIES[y])
        chart.plot([law, law], [-y - 0.4, -y + 0.4], color=COLORS["ink"], marker="", lw=2.4)
        text = f"{short(count)}  =  {count / old:.2f} × baseline"
        chart.text(1.02, -y, text, va="center", size=13, transform=chart.get_yaxis_transform())
    chart.axvline(1, color=COLORS["muted"], lw=1)
    _plain_ticks(chart.xaxis, (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000))
    chart.set_yticks([0, -1, -2], ["MACs", "parameters", "activations"])
    chart.grid(False, axis="y")
    chart.set_xlabel("multiple of the baseline, log scale (bar: counted; tick: power law)", size=12)
    title = f"width × {width:.2f} · depth × {depth:.2f} · resolution {scale.resolution} px"
    ax.text(10.7, 6.02, title, size=14, weight="bold", va="center", ha="right")
    return fig


# ---------------------------------------------------------------- accuracy against cost


def draw_accuracy():
    """Draws top-1 accuracy against MACs: B0 to B7, and the other networks of Table 2 that state their MACs.

    Accuracies and the others' MACs: arXiv:1905.11946v5, Table 2; MACs of B0 to B7: exact, from the plan.
    """
    use_style()
    fig = plt.figure(figsize=(12, 6.6), layout="none")
    ax = fig.add_axes((0.075, 0.185, 0.905, 0.72))
    _plot_accuracy(ax)
    ax.set_title("Fewer MACs for the same accuracy")
    note = f"{TABLE_2}\nNetworks whose MACs the table does not state are left out."
    fig.text(0.075, 0.02, note, size=11.5, color=COLORS["muted"], va="bottom")
    return fig


TABLE_2 = (
    "Accuracies, and MACs of the grey networks: arXiv:1905.11946v5, Table 2. MACs of B0 to B7: counted from the plan."
)


def draw_family():
    """The picture of the README: B0 to B7 on one scale, each standing over its point of accuracy against MACs."""
    fig, ax = _canvas(16, 9.3)
    x0, y0, wide, high = 0.95, 1.1, 14.75, 3.75
    chart = fig.add_axes((x0 / 16, y0 / 9.3, wide / 16, high / 9.3))
    chart.patch.set_visible(False)
    points = _plot_accuracy(chart, accuracy_labels=True)
    (left, right), (low, top) = chart.get_xlim(), chart.get_ylim()
    networks = [plan(name.lower()) for name, _, _ in points]
    unit, columns = _fit_stacks(networks, 15.4)
    edge = space = (16 - sum(columns)) / (len(columns) + 1)
    for (name, macs, accuracy), network, column in zip(points, networks, columns):
        centre, edge = edge + column / 2, edge + column + space
        _draw_stack(ax, network, centre, 7.25, unit)
        ax.text(centre, 5.86, name, ha="center", weight="bold", size=19, color=COLORS["accent"])
        _lines(ax, centre, 5.6, _facts(network), 12, 0.2)
        x = x0 + wide * math.log(macs / left) / math.log(right / left)
        y = y0 + high * (accuracy - low) / (top - low)
        path = Curve([(centre, 5.1), (centre, 4.8), (x, 5.05), (x, 4.75), (x, y + 0.13)], [1, 4, 4, 4, 2])
        ax.add_patch(PathPatch(path, fill=False, edgecolor="#9AA7B4", lw=1))
    ax.text(0.4, 8.8, "EfficientNet", size=34, weight="bold", va="center")
    motto = "one baseline, scaled in width, depth and resolution together"
    ax.text(3.75, 8.75, motto, size=17.5, va="center", color=COLORS["muted"])
    ax.text(x0, 0.17, f"{SLABS} {TABLE_2}", size=11.5, color=COLORS["muted"])
    return fig


def _plot_accuracy(ax, accuracy_labels=False):
    """Plots B0 to B7 and the others of Table 2; returns (name, billions of MACs, accuracy) of the former."""
    rows = [row for row in published("table2_imagenet") if row["arxiv_version"] == "v5"]
    top1 = {row["model"]: float(row["top1"]) for row in rows}
    family = [(f"B{i}", plan(f"b{i}").macs / 1e9, top1[f"EfficientNet-B{i}"]) for i in range(8)]
    others = [row for row in rows if row["macs_B"] and "EfficientNet" not in row["model"]]
    others = [(row["model"], float(row["macs_B"]), top1[row["model"]]) for row in others]
    for points, style in (
        (family, dict(color=COLORS["accent"], marker="o", ms=9, lw=2.6, mew=1.4, zorder=4)),
        (others, dict(color=COLORS["feature"], marker="D", ms=6.5, ls="None", mew=0.8, zorder=3)),
    ):
        ax.plot([p[1] for p in points], [p[2] for p in points], mec="white", **style)
    ax.set(xscale="log", xlim=(0.28, 66), ylim=(75.4, 85.2))
    _plain_ticks(ax.xaxis, (0.3, 0.5, 1, 2, 5, 10, 20, 50))
    ax.set_xlabel("MACs for one image (billions, log scale)")
    ax.set_ylabel("ImageNet top-1 accuracy (%)")
    bold = dict(color=COLORS["accent"], weight="bold", size=14.5)
    if accuracy_labels:
        _label(ax, [(f"{y:.1f} %", x, y, bold) for _, x, y in family], ((0.8, -0.8), (1, 0), (0, -1)))
    else:
        _label(ax, [(name, x, y, bold) for name, x, y in family], ((0, 1), (-0.8, 0.8), (-1, 0)))
    _label(ax, [(name, x, y, dict(color=COLORS["muted"], size=11.5)) for name, x, y in others])
    return family


def _plain_ticks(axis, values=None):
    """Ticks of a log axis as plain numbers: at `values`, else at 1, 2, 5, 10 ... or, over many decades, at 1, 10 ..."""
    low, high = axis.get_view_interval()
    steps = (1, 2, 5) if high / low < 300 else (1,)
    axis.set_major_locator(ticker.FixedLocator(values) if values else ticker.LogLocator(subs=steps))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))


# ---------------------------------------------------------------- charts of the lessons


def curves(lines, xlabel, ylabel, measured=None, log=""):
    """Draws lines, named in a legend, and measured values as markers on them.

    `lines` and `measured`: dicts of name -> (x, y); the same name has the same colour. `log`: "x", "y" or "xy".
    """
    use_style()
    fig, ax = plt.subplots()
    names = [*lines, *(name for name in measured or {} if name not in lines)]
    look = {name: dict(color=SERIES[i % 5], zorder=3) for i, name in enumerate(names)}
    dashes = dict(zip(names, ("-", "--", "-.", ":", (0, (8, 2))) * len(names)))
    for name, (x, y) in lines.items():
        ax.plot(x, y, marker="", ls=dashes[name], **look[name])
    for name, (x, y) in (measured or {}).items():
        ax.plot(x, y, ls="None", marker=MARKERS[names.index(name) % 5], mec="white", ms=9, **look[name])
    scales = {f"{name}scale": "log" if name in log else "linear" for name in "xy"}
    ax.set(xlabel=xlabel, ylabel=ylabel, **scales)
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        if name in log:
            _plain_ticks(axis)
    if len(names) > 1:
        marks = {name: MARKERS[i % 5] if name in (measured or {}) else "" for i, name in enumerate(names)}
        ax.legend(
            [plt.Line2D([], [], ls=dashes[n] if n in lines else "", marker=marks[n], **look[n]) for n in names], names
        )
    return fig


def roofline(points, peak, bandwidth):
    """Draws speed against MACs per byte, both log, under the roof min(peak, bandwidth * MACs per byte).

    `points`: list of (label, MACs per byte, MACs per second); `peak` is in MACs, `bandwidth` in bytes per second.
    """
    use_style()
    fig = plt.figure(figsize=(10, 5.6), layout="none")
    ax = fig.add_axes((0.1, 0.13, 0.87, 0.83))
    ridge, speeds = peak / bandwidth, [speed for _, _, speed in points]
    intensities = [ridge, *(intensity for _, intensity, _ in points)]
    low, high = min(intensities) / 5, max(intensities) * 4
    floor, roof = min([*speeds, bandwidth * low]) / 2, max([*speeds, peak]) * 2.2
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(floor / 1e9, roof / 1e9))
    limit = np.array([bandwidth * low, peak, peak]) / 1e9
    ax.plot([low, ridge, high], limit, color=COLORS["ink"], marker="", zorder=2)
    ax.fill_between([low, ridge, high], limit, roof / 1e9, color=COLORS["line"], alpha=0.45, lw=0)
    ax.plot([ridge, ridge], [floor / 1e9, peak / 1e9], color=COLORS["muted"], marker="", lw=1, ls=(0, (3, 3)))
    for i, (label, intensity, speed) in enumerate(points):
        colour = COLORS.get(label, SERIES[i % 5])  # a kind of layer keeps its colour
        ax.plot(intensity, speed / 1e9, marker=MARKERS[i % 5], color=colour, ms=11, mec="white", zorder=4)
    _plain_ticks(ax.xaxis)
    _plain_ticks(ax.yaxis)
    ax.set_xlabel("MACs per byte moved (log scale)")
    ax.set_ylabel("billion MACs per second (log scale)")
    ax.text(ridge * 1.1, limit[2] * 1.12, "most that the arithmetic allows", color=COLORS["muted"])
    run, rise = np.subtract(*ax.transData.transform([(ridge, limit[1]), (low, limit[0])]))
    turned = dict(rotation=math.degrees(math.atan2(rise, run)), rotation_mode="anchor", ha="center", va="bottom")
    middle = (low * ridge) ** 0.5
    ax.text(middle, 1.06 * bandwidth * middle / 1e9, "as fast as memory is copied", color=COLORS["muted"], **turned)
    ground = dict(boxstyle="square,pad=0.1", fc="white", ec="none", alpha=0.85)
    style = dict(color=COLORS["ink"], size=12.5, bbox=ground)
    _label(ax, [(label, x, y / 1e9, style) for label, x, y in points])
    return fig


def tradeoff(families, xlabels, ylabel, scattered=(), log="x"):
    """Draws named points, a marker for each family, whose points are joined unless it is among `scattered`.

    `families`: dict of name -> list of (label, x, y); an empty label writes nothing. Several `xlabels` make panels side
    by side that share y; then each x is a tuple, a number for each panel. `log`: "x", "y" or "xy".
    """
    use_style()
    xlabels = (xlabels,) if isinstance(xlabels, str) else tuple(xlabels)
    width = 10 if len(xlabels) == 1 else 6.3 * len(xlabels)
    fig = plt.figure(figsize=(width, 5.8), layout="none")
    wide = (width - 1.05 - 0.35 * (len(xlabels) - 1)) / len(xlabels)
    for panel, xlabel in enumerate(xlabels):
        ax = fig.add_axes(((0.9 + panel * (wide + 0.35)) / width, 0.13, wide / width, 0.77))
        drawn = {
            name: [(label, x[panel] if isinstance(x, tuple) else x, y) for label, x, y in points]
            for name, points in families.items()
        }
        _plot_families(ax, drawn, scattered, log)
        ax.set_xlabel(xlabel)
        if panel == 0:
            ax.set_ylabel(ylabel)
        ax.tick_params(axis="y", labelleft=panel == 0)
    handles, names = ax.get_legend_handles_labels()
    place = dict(loc="lower left", bbox_to_anchor=(0.9 / width, 0.905), borderaxespad=0.0)
    fig.legend(handles, names, ncols=len(names), handlelength=1.8, columnspacing=1.6, **place)
    return fig


def _plot_families(ax, families, scattered, log):
    points = [point for family in families.values() for point in family]
    for name, place in (("x", 1), ("y", 2)):
        low, high = min(p[place] for p in points), max(p[place] for p in points)
        room = 0.06 * (math.log(high / low) if name in log else high - low) or 1
        limits = (low / math.exp(room), high * math.exp(room)) if name in log else (low - room, high + room)
        ax.set(**{f"{name}scale": "log" if name in log else "linear", f"{name}lim": limits})
        if name in log:
            _plain_ticks(getattr(ax, f"{name}axis"))
    labels = []
    for i, (name, family) in enumerate(families.items()):
        colour = (*SERIES, COLORS["muted"])[i]
        look = dict(color=colour, marker=(*MARKERS, "P")[i], ls="None" if name in scattered else "-", zorder=4)
        ax.plot([p[1] for p in family], [p[2] for p in family], label=name, lw=1.4, mec="white", ms=8.5, **look)
        labels += [(text, x, y, dict(color=colour, size=11.5)) for text, x, y in family if text]
    _label(ax, labels)


def shares(bars, colours=None):
    """Draws one bar of 100 % for each of `bars`, a dict of name -> dict of part -> amount, all with the same parts.

    `colours`: dict of part -> colour, for parts that COLORS does not know.
    """
    use_style()
    palette = COLORS | (colours or {})
    fig, ax = plt.subplots(figsize=(11, 1.2 + 0.75 * len(bars)))
    for i, parts in enumerate(bars.values()):
        percent = {part: 100 * amount / sum(parts.values()) for part, amount in parts.items()}
        _stack(ax, -i, percent, palette, 0.66, label_from=4.5, text="{:.0f} %", size=12, gap=1.2)
    ax.set_yticks([-i for i in range(len(bars))], list(bars))
    ax.set(xlim=(0, 100), ylim=(-len(bars) + 0.5, 0.5), xlabel="share (%)")
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    names = list(next(iter(bars.values())))
    handles = [Rectangle((0, 0), 1, 1, facecolor=palette[name]) for name in names]
    fig.legend(handles, names, loc="outside upper center", ncols=len(names), handlelength=1, columnspacing=1.3)
    return fig


def _dark(colour):
    """Whether white letters on a colour have more contrast than letters in ink."""
    rgb = np.array([colors.to_rgb(colour), colors.to_rgb(COLORS["ink"])])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    under, ink = linear @ (0.2126, 0.7152, 0.0722)
    return 1.05 / (under + 0.05) > (under + 0.05) / (ink + 0.05)


def draw_costs(network):
    """Draws where a plan's MACs, parameters and activations are: by kind of layer above, and below by row of Table 1.

    Every bar is a share of the whole network's; the two ends of the network, stem, top and classifier, are grey.
    """
    use_style()
    kinds = {kind: COLORS[kind] for kind in ("expand", "depthwise", "se", "project")} | {"ends": COLORS["feature"]}
    last = len(network.scale.baseline.stages) + 2
    rows = {row: {kind: [] for kind in kinds} for row in range(1, last + 1)}
    rows[1]["ends"] = [network.stem]
    rows[last]["ends"] = [network.top] + ([network.predictions] if network.predictions else [])
    for block in network.blocks:
        for kind, convs in _roles(block).items():
            rows[block.stage][kind] += convs
    fig = plt.figure(figsize=(13, 6.6), layout="none")
    for panel, (what, name) in enumerate((("macs", "MACs"), ("params", "parameters"), ("activations", "activations"))):
        total, left = getattr(network, what), (1.62 + 3.82 * panel) / 13
        upper = fig.add_axes((left, 5.15 / 6.6, 3.5 / 13, 0.55 / 6.6), xlim=(0, 100), ylim=(-0.5, 0.5))
        lower = fig.add_axes((left, 0.75 / 6.6, 3.5 / 13, 3.95 / 6.6), ylim=(last + 0.55, 0.45))
        shares = {
            row: {kind: 100 * sum(getattr(conv, what) for conv in convs) / total for kind, convs in parts.items()}
            for row, parts in rows.items()
        }
        upper.set_title(f"{short(total)} {name}", size=15, pad=6)
        upper.axis("off")
        _stack(upper, 0, {kind: sum(parts[kind] for parts in shares.values()) for kind in kinds}, kinds, 0.8, 8)
        sums = {row: sum(parts.values()) for row, parts in shares.items()}
        for row, parts in shares.items():
            _stack(lower, row, parts, kinds, 0.66, math.inf)
            lower.text(sums[row] + 0.02 * max(sums.values()), row, f"{sums[row]:.1f} %", va="center", size=12)
        lower.set(xlim=(0, 1.27 * max(sums.values())), xlabel="share of all (%)")
        lower.set_yticks(list(rows), [f"stage {row}" for row in rows] if panel == 0 else [""] * last)
        lower.tick_params(axis="y", length=0)
        lower.grid(False, axis="y")
    fig.text(1.5 / 13, 5.425 / 6.6, "all stages (%)", ha="right", va="center", size=12)
    names = ["expand", "depthwise", "squeeze-and-excitation", "project", "stem, top, classifier"]
    handles = [Rectangle((0, 0), 1, 1, facecolor=colour) for colour in kinds.values()]
    fig.legend(handles, names, loc="upper center", ncols=5, handlelength=1, columnspacing=1.8, borderaxespad=0.2)
    return fig


def _stack(ax, y, parts, colours, height, label_from, text="{:.1f}", size=11.5, gap=0.8):
    """A stacked bar; parts of at least `label_from` say their value as `text` formats it."""
    start = 0.0
    for kind, value in parts.items():
        ax.barh(y, value, left=start, height=height, color=colours[kind], edgecolor="white", lw=gap)
        if value >= label_from:
            ink = "white" if _dark(colours[kind]) else COLORS["ink"]
            style = dict(ha="center", va="center", color=ink, size=size, weight="bold")
            ax.text(start + value / 2, y, text.format(value), **style)
        start += value


def seeds(groups, xlabel):
    """Draws a dot per seed, and each group's mean with its 95 % t-interval. `groups`: dict of label -> values."""
    use_style()
    fig, ax = plt.subplots(figsize=(10, 0.9 + 0.85 * len(groups)))
    for i, values in enumerate(groups.values()):
        mean, half = t_interval(values)
        ax.plot([mean - half, mean + half], [-i - 0.22] * 2, color=COLORS["ink"], marker="|", ms=10, lw=2, zorder=3)
        ax.plot(mean, -i - 0.22, marker="D", color=COLORS["ink"], ms=8, zorder=4)
        ax.plot(
            values,
            [-i + 0.12] * len(values),
            ls="None",
            marker="o",
            color=SERIES[i % 5],
            ms=9,
            mec="white",
            mew=1,
            alpha=0.85,
        )
    ax.set_yticks([-i for i in range(len(groups))], [f"{label}\nn = {len(values)}" for label, values in groups.items()])
    ax.set_ylim(-len(groups) + 0.4, 0.55)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"{xlabel}   (dots: seeds; bar: mean and 95 % interval)")
    return fig


def t_interval(values, level=0.95):
    """Mean and half the width of its two-sided t-interval; the half width is nan for fewer than two values."""
    values = np.asarray(values, float)
    n = len(values)
    if n < 2:
        return float(values.mean()), math.nan
    return float(values.mean()), t_quantile(n - 1, level) * float(values.std(ddof=1)) / math.sqrt(n)


def t_quantile(df, level=0.95):
    """The t with P(|T| < t) = `level`, for whole degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4)."""

    def inside(angle):  # of t = sqrt(df) tan(angle)
        odd = df % 2
        term, total = (math.cos(angle) if odd else 1.0), 0.0
        for k in range(1 + odd, df, 2):
            total += term
            term *= math.cos(angle) ** 2 * k / (k + 1)
        return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total

    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle) < level else (low, middle)
    return math.sqrt(df) * math.tan(low)


def board(piles, kinds):
    """Draws piles of cards side by side. `piles`: dict of heading -> list of (text, kind).

    `kinds` names the kinds of card, at most three, in the order of their looks: filled, with a thick edge, dashed.
    """
    names, wide, step, room = list(kinds), 2.5, 0.2, 0.14
    cards = {head: [(textwrap.wrap(text, 25), kind) for text, kind in pile] for head, pile in piles.items()}
    heights = [sum(step * len(lines) + 2 * room for lines, _ in pile) for pile in cards.values()]
    width, height = 0.3 + len(piles) * (wide + 0.08), max(heights) + 1.35
    fig, ax = _canvas(width, height)
    for i, (head, pile) in enumerate(cards.items()):
        x, y, colour = 0.15 + i * (wide + 0.08), height - 0.72, SERIES[i % 5]
        ax.add_patch(Rectangle((x, y), wide, 0.62, facecolor=colour, lw=0))
        style = dict(weight="bold", color="white" if _dark(colour) else COLORS["ink"], va="center", linespacing=1.15)
        ax.text(x + 0.12, y + 0.29, str(len(pile)), size=21, **style)
        ax.text(x + (0.5 if len(pile) < 10 else 0.74), y + 0.31, head, size=12, **style)
        for lines, kind in pile:
            tall = step * len(lines) + 2 * room - 0.08
            y -= tall + 0.08
            _card(ax, x, y, wide, tall, colour, names.index(kind))
            ax.text(x + 0.14, y + tall / 2, "\n".join(lines), size=11, va="center", linespacing=1.2)
    x = 0.15
    for look, kind in enumerate(names):
        _card(ax, x, 0.12, 0.42, 0.26, COLORS["muted"], look)
        ax.text(x + 0.54, 0.25, kind, size=12, va="center")
        x += 0.54 + 0.105 * len(kind) + 0.5
    return fig


def _card(ax, x, y, wide, tall, colour, look):
    edge = (0.8, 3.0, 1.2)[look]
    fill = "white" if look == 2 else _mix(colour, "white", 0.85)
    style = (0, (4, 3)) if look == 2 else "solid"
    inset = edge / 144  # the edge stays inside the card
    box = Rectangle((x + inset, y + inset), wide - 2 * inset, tall - 2 * inset, facecolor=fill)
    box.set(edgecolor=colour, linewidth=edge, linestyle=style)
    ax.add_patch(box)


def image_grid(images, titles=None, columns=4, cmap="gray"):
    """Draws images side by side: (height, width, 3), or (height, width) in `cmap`, each over its own range."""
    use_style()
    rows = math.ceil(len(images) / columns)
    columns = min(columns, len(images))
    height = 2.6 * np.shape(images[0])[0] / np.shape(images[0])[1] + (0.35 if titles is not None else 0.1)
    fig, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, height * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for i, (ax, image) in enumerate(zip(axes.flat, images)):
        ax.imshow(image, cmap=cmap, interpolation="nearest")
        if titles is not None:
            ax.set_title(titles[i], size=13, weight="normal", loc="center", pad=5)
    return fig


def heatmaps(panels, rows, xlabel, label, limits=(0, 1)):
    """Draws matrices one under the other on one colour scale. `panels`: dict of title -> (len(rows), columns).

    `rows` names the rows of each, `label` the numbers, whose darkest and brightest are `limits`.
    """
    use_style()
    fig, axes = plt.subplots(len(panels), figsize=(11, 0.35 + (0.95 + 0.27 * len(rows)) * len(panels)), squeeze=False)
    for ax, (title, values) in zip(axes.flat, panels.items()):
        image = ax.imshow(values, cmap=HEAT, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest")
        ax.set_yticks(range(len(rows)), rows)
        ax.set_title(title, size=13, weight="normal", pad=5)
        ax.tick_params(length=0)
        ax.grid(False)
        ax.spines[:].set_visible(False)
    ax.set_xlabel(xlabel)
    bar = fig.colorbar(image, ax=axes.ravel().tolist(), label=label, pad=0.015, aspect=12 + 8 * len(panels))
    bar.outline.set_visible(False)
    return fig


def class_activation(image, heat, title="where the network looks"):
    """Draws a photo beside its class activation map laid over it.

    `image`: (height, width, 3), uint8 or 0 to 1; `heat`: (rows, columns), of any size and scale.
    """
    use_style()
    image, heat = np.asarray(image), np.asarray(heat, float)
    grey = image[..., :3].mean(-1) / (255 if image.max() > 1 else 1)
    height, width = grey.shape
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 4 * height / width + 0.4))
    left.imshow(image)
    right.imshow(grey, cmap="gray", vmin=0, vmax=1)
    span = np.ptp(heat)
    heat = (heat - heat.min()) / (span if span else 1)
    for length in (width, height):  # each axis in turn to the photo's size, linearly; the transpose swaps them
        at = (np.arange(length) + 0.5) / length * heat.shape[1] - 0.5
        heat = np.array([np.interp(at, np.arange(heat.shape[1]), row) for row in heat]).T
    right.imshow(heat, cmap=HEAT, alpha=0.1 + 0.65 * heat)
    for ax, text in ((left, "photo"), (right, title)):
        ax.axis("off")
        ax.set_title(text, size=14, weight="normal", loc="center", pad=6)
    return fig


# ---------------------------------------------------------------- canvas


LEAN, RISE = 0.36, 0.2  # how far a slab's face leans to the right and rises, per unit of its side
THICK, APART, BETWEEN = 0.028, 0.04, 0.36  # of a network's unit: per sqrt(channel), between blocks, between stages


def short(number):
    """A count in three digits: 385814752 -> "386 M"."""
    units = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
    limit, suffix = next((unit for unit in units if number >= 0.9995 * unit[0]), (1, ""))
    value = number / limit
    decimals = (2 if value < 9.995 else 1 if value < 99.95 else 0) if suffix else 0
    return f"{value:.{decimals}f}{suffix}"


def _canvas(width, height):
    """A figure with one invisible axes whose coordinates are inches."""
    use_style()
    fig = plt.figure(figsize=(width, height), layout="none")
    ax = fig.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return fig, ax


def _mix(colour, other, share):
    return colors.to_hex(np.array(colors.to_rgb(colour)) * (1 - share) + np.array(colors.to_rgb(other)) * share)


def _slab(ax, x, y, side, thick, colour, edge=0.8):
    """A square feature map seen from the right: `x`, `y` is the middle of its left face."""

    def at(s, u, v):
        return x + s * thick + LEAN * u * side / 2, y + v * side / 2 + RISE * u * side / 2

    for shade, corners in (
        (_mix(colour, "black", 0.28), [(0, -1, -1), (1, -1, -1), (1, -1, 1), (0, -1, 1)]),
        (_mix(colour, "white", 0.35), [(0, -1, 1), (1, -1, 1), (1, 1, 1), (0, 1, 1)]),
        (colour, [(1, -1, -1), (1, 1, -1), (1, 1, 1), (1, -1, 1)]),
    ):
        ax.add_patch(Polygon([at(*c) for c in corners], facecolor=shade, edgecolor="white", lw=edge, joinstyle="round"))


def _line(ax, points, colour, lw=2.6):
    """A line through points, with rounded corners."""
    vertices, codes = [points[0]], [Curve.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:]):
        begin, end = (
            tuple(
                c + (t - c) * min(0.16, math.dist(corner, to) / 2) / math.dist(corner, to) for c, t in zip(corner, to)
            )
            for to in (before, after)
        )
        vertices += [begin, corner, end]
        codes += [Curve.LINETO, Curve.CURVE3, Curve.CURVE3]
    path = Curve([*vertices, points[-1]], [*codes, Curve.LINETO])
    ax.add_patch(PathPatch(path, fill=False, edgecolor=colour, lw=lw, capstyle="butt"))


def _arrow(ax, points, colour, lw=2.6):
    """A line through points that ends in an arrow head."""
    (x0, y0), (x1, y1) = points[-2:]
    length, half = 0.1 + 0.035 * lw, 0.025 + 0.025 * lw
    dx, dy = (x1 - x0) / math.dist(*points[-2:]), (y1 - y0) / math.dist(*points[-2:])
    neck = x1 - dx * length, y1 - dy * length
    _line(ax, [*points[:-1], neck], colour, lw)
    wings = [(neck[0] + side * dy * half, neck[1] - side * dx * half) for side in (1, -1)]
    ax.add_patch(Polygon([points[-1], *wings], facecolor=colour, lw=0))


def _node(ax, x, y, sign, colour):
    """A circled plus or times."""
    ax.add_patch(Circle((x, y), 0.15, facecolor="white", edgecolor=colour, lw=1.8, zorder=3))
    d = 0.085
    for dx, dy in ((d, 0), (0, d)) if sign == "+" else ((0.7 * d, 0.7 * d), (0.7 * d, -0.7 * d)):
        ax.plot((x - dx, x + dx), (y - dy, y + dy), color=colour, lw=1.8, marker="", zorder=4)


SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))


def _label(ax, points, sides=SIDES):
    """Writes (text, x, y, style) beside each point, wherever it covers no marker, line or text of the axes.

    Limits and size of the axes must be final.
    """
    grow, taken = ax.figure.dpi / 72, [text.get_window_extent().extents for text in ax.texts]
    for line in ax.lines:
        places = ax.transData.transform(line.get_xydata())
        if line.get_marker() not in ("", "None"):
            taken += [(x - 5 * grow, y - 5 * grow, x + 5 * grow, y + 5 * grow) for x, y in places]
        if line.get_linestyle() != "None":
            for a, b in zip(places, places[1:]):
                along = np.linspace(a, b, max(2, int(math.dist(a, b) / 4)))
                taken += [(x - 2, y - 2, x + 2, y + 2) for x, y in along]
    frame = ax.get_window_extent()
    for text, x, y, style in points:
        options = []
        for rank, (far, (dx, dy)) in enumerate((far, side) for far in (9, 15, 24) for side in sides):
            ha = "left" if dx > 0 else "right" if dx < 0 else "center"
            va = "bottom" if dy > 0 else "top" if dy < 0 else "center_baseline"
            place = dict(ha=ha, va=va, xytext=(dx * far, dy * far * 0.8), textcoords="offset points") | style
            note = ax.annotate(text, (x, y), **place)
            box = note.get_window_extent()
            x0, y0, x1, y1 = np.array(taken).T
            over = np.clip(np.minimum(x1, box.x1) - np.maximum(x0, box.x0), 0, None)
            over = over @ np.clip(np.minimum(y1, box.y1) - np.maximum(y0, box.y0), 0, None)
            inside = Bbox.intersection(box, frame)
            outside = box.width * box.height - (inside.width * inside.height if inside else 0)
            options.append((over + outside + rank, rank, place, box.extents))
            note.remove()
        _, _, place, extents = min(options, key=lambda option: option[:2])
        ax.annotate(text, (x, y), **place)
        taken.append(extents)


# ---------------------------------------------------------------- pictures of imgs/


def _table_7():
    """The networks of Table 7, by name: the baseline, one dimension at a time, and all together."""
    networks = {}
    for row in published("table7_scaled_b0"):
        if row["arxiv_version"] == "v5":
            width, depth, resolution = (float(row[key]) for key in ("w", "d", "r"))
            changed = {"width": width, "depth": depth, "resolution": resolution}
            changed = [f"{name} × {value:g}" for name, value in changed.items() if value != 1]
            caption = changed[0] if len(changed) == 1 else "compound" if changed else "baseline"
            networks[caption] = Scale(width, depth, round(224 * resolution))
    return networks


def _block(variant, name):
    return next(block for block in plan(variant).blocks if block.name == f"{name}_")


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
        lambda: draw_network(_table_7()),
        "Five networks drawn as rows of slabs on one scale: the baseline; one with four times as many blocks; one with "
        "thicker slabs; one with taller slabs; and the compound network, a little longer, thicker and taller.",
    ),
    "b0": (
        lambda: draw_network("b0"),
        "EfficientNet-B0 from left to right: the stem, seven stages of MBConv blocks, and the last convolution. The "
        "slabs get lower, as the resolution is halved again and again, and thicker, as the channels grow.",
    ),
    "block1a": (
        lambda: draw_block(_block("b0", "block1a")),
        "The first MBConv block of B0. It has no expansion and no skip connection: a depthwise convolution, "
        "squeeze-and-excitation on a side branch, and a 1x1 projection to fewer channels.",
    ),
    "block2a": (
        lambda: draw_block(_block("b0", "block2a")),
        "An MBConv block with stride 2: a 1x1 convolution expands the channels sixfold, a depthwise convolution halves "
        "the resolution, squeeze-and-excitation weighs the channels, a 1x1 convolution projects to few. There is no "
        "skip connection.",
    ),
    "block2b": (
        lambda: draw_block(_block("b0", "block2b")),
        "An MBConv block with a skip connection: expand, depthwise convolution, squeeze-and-excitation and project in "
        "a row, and the input, led around them, is added to the result. Expand and project have most of the MACs.",
    ),
    "block2b-lite": (
        lambda: draw_block(_block("lite0", "block2b")),
        "The same MBConv block of EfficientNet-Lite0, which has no squeeze-and-excitation: expand, depthwise "
        "convolution, project, and the skip connection around them.",
    ),
}


def fingerprint(fig):
    """A hash of what a figure shows: positions in data units, texts, colours and images; not how it is rendered."""
    seen = []

    def note(kind, *values):
        seen.append(f"{kind} " + " ".join(v if isinstance(v, str) else _rounded(v) for v in values))

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


def _png(fig, texts=None, **options):
    """A small PNG: 256 colours, and nothing about the software, so that equal figures give equal bytes."""
    buffer, result, info = io.BytesIO(), io.BytesIO(), PngInfo()
    fig.savefig(buffer, format="png", facecolor="white", **options)
    for name, text in (texts or {}).items():
        info.add_itxt(name, text)
    Image.open(buffer).convert("RGB").quantize(256, kmeans=1).save(result, format="png", optimize=True, pnginfo=info)
    return result.getvalue()


def main():
    """Draws every picture of imgs/; its fingerprint and alternative text are stored in the file."""
    for name, (draw, alt) in PICTURES.items():
        fig = draw()
        data = _png(fig, {"Description": alt, "Fingerprint": fingerprint(fig)})
        plt.close(fig)
        path = IMGS / f"{name}.png"
        write_atomically(path, lambda file, data=data: file.write(data))
        print(f"imgs/{path.name}  {len(data) / 1000:.0f} KB")


if __name__ == "__main__":
    plt.switch_backend("agg")
    main()
