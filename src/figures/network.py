"""Drawings made from `architecture.plan`: a block, networks on one scale, and where a network's costs are.

Shapes, MACs and parameters are read from the plan, so that a picture cannot disagree with the code.
"""

import math

import numpy as np

from architecture import plan
from figures import canvas
from figures.charts import draw_bar
from figures.style import COLORS, RAMP, log_scales, name_rows, short, subplots

COSTS = {"macs": "MACs", "params": "parameters", "activations": "activations"}


# ---------------------------------------------------------------- an MBConv block

WIDTH, HEIGHT, EDGE = 13.0, 6.4, 0.45  # of a block's canvas, and of the margin beside its texts
AXIS, SKIP, FLOOR = 3.62, 5.14, 2.1  # heights of the operators, of the skip connection, and of the gates below
GATE, PLUS, LONGEST_GAP = 1.3, 0.85, 2.4  # lengths along the axis: of the gates, of the addition, between two maps


def draw_block(block, title=None):
    """Draws a Block of the plan: feature maps as slabs, operators as arrows, and each operator's share of the cost.

    A slab is log2(resolution) high and sqrt(channels) thick, on the same scale for every block. Without a
    `title` the block's name is one.
    """
    fig, ax = canvas.new(WIDTH, HEIGHT)
    operators = {role: convs[0] for role, convs in _roles(block).items() if role != "se"}
    first = block.expand or block.depthwise
    maps = [(first.size, first.inputs), *map(_shape, operators.values())]

    solid = sum(_length(*shape) for shape in maps)
    if block.se_reduce:
        solid += GATE
    if block.skip:
        solid += PLUS
    gap = min(LONGEST_GAP, (WIDTH - 2 * EDGE - solid) / len(operators))
    x = start = (WIDTH - solid - gap * len(operators)) / 2
    x += _draw_map(ax, x, maps[0], "feature")
    for (role, conv), shape in zip(operators.items(), maps[1:]):
        if role == "project" and block.se_reduce:
            _draw_gate(ax, block, x)
            x += GATE
        _draw_operator(ax, x, gap, role, conv)
        x += gap
        x += _draw_map(ax, x, shape, role)

    _draw_skip(ax, block, start, x, maps, title)
    _draw_shares(fig, block)
    ratio = first.filters // first.inputs if block.expand else 1
    kind, name = f"MBConv{ratio}, {block.depthwise.kernel}×{block.depthwise.kernel}", block.name.rstrip("_")
    kind = f"{name} in stage {block.stage}: {kind}" if title else f"{kind}, stage {block.stage} of Table 1"
    ax.text(EDGE, HEIGHT - 0.4, title or name, **canvas.HEADLINE)
    ax.text(WIDTH - EDGE, HEIGHT - 0.4, kind, ha="right", **canvas.FACTS)
    return fig


def _roles(block):
    """The convolutions of a block by what they do, in order; the parts that it does not have are left out."""
    convs = {
        "expand": [block.expand],
        "depthwise": [block.depthwise],
        "se": [block.se_reduce, block.se_expand],
        "project": [block.project],
    }
    return {role: parts for role, parts in convs.items() if parts[0]}


def _amounts(block, what):
    """A cost of a block, such as "macs", by what its convolutions do."""
    amounts = {}
    for role, convs in _roles(block).items():
        amounts[role] = sum(getattr(conv, what) for conv in convs)
    return amounts


def _shape(conv):
    """What a convolution makes: (resolution, channels)."""
    return conv.output_size, conv.filters


def _text(shape):
    size, channels = shape
    return f"{size}×{size}×{channels}"


def _face(size, channels):
    """Side and thickness of the slab of a feature map."""
    return 0.25 * math.log2(1 + size), 0.0125 * math.sqrt(channels)


def _length(size, channels):
    side, thick = _face(size, channels)
    return thick + canvas.LEAN * side


def _half_height(size):
    """How far the slab of a feature map reaches over the axis, and as far below it."""
    side, _ = _face(size, 1)
    return side * (1 + canvas.RISE) / 2


def _draw_map(ax, x, shape, role):
    """Draws the slab of a feature map, (resolution, channels), with its left end at `x`; returns its length."""
    length, (side, thick) = _length(*shape), _face(*shape)
    canvas.slab(ax, x + canvas.LEAN * side / 2, AXIS, side, thick, COLORS[role])
    ax.text(x + length / 2, AXIS - _half_height(shape[0]) - 0.13, _text(shape), ha="center", va="top", size=13)
    return length


def _draw_operator(ax, x, gap, role, conv):
    canvas.arrow(ax, [(x + 0.1, AXIS), (x + gap - 0.1, AXIS)], COLORS[role])
    stride = f"\nstride {conv.stride}" if conv.stride > 1 else ""
    ax.text(x + gap / 2, AXIS + 0.14, f"{conv.kernel}×{conv.kernel} {role}{stride}", linespacing=1.3, **canvas.NAME)
    cost = f"{short(conv.macs)} MACs\n{short(conv.params)} params"
    ax.text(x + gap / 2, AXIS - 0.16, cost, ha="center", va="top", linespacing=1.4, **canvas.NOTE)


def _draw_gate(ax, block, x):
    """The squeeze-and-excitation branch below the axis, and the multiplication on it."""
    colour, wide, narrow = COLORS["se"], block.se_reduce.inputs, block.se_reduce.filters
    down, up, centre = x + 0.34, x + 1.14, x + 0.74  # where the branch leaves, where it comes back
    canvas.line(ax, [(x + 0.08, AXIS), (up - canvas.NODE, AXIS)], COLORS["ink"], canvas.THIN_LINE)
    canvas.line(ax, [(down, AXIS), (down, FLOOR), (centre - 0.31, FLOOR)], colour)
    canvas.arrow(ax, [(centre + 0.31, FLOOR), (up, FLOOR), (up, AXIS - canvas.NODE - 0.02)], colour)
    for i, channels in enumerate((wide, narrow, wide)):
        height = 0.62 * math.sqrt(channels / wide)
        canvas.box(ax, centre - 0.26 + 0.2 * i, FLOOR - height / 2, 0.11, height, colour)
    canvas.node(ax, up, AXIS, "x", COLORS["ink"])
    macs, params = _amounts(block, "macs")["se"], _amounts(block, "params")["se"]
    ax.text(centre, FLOOR - 0.44, "squeeze-and-excitation", va="top", **canvas.NAME)
    ax.text(centre, FLOOR - 0.7, f"{wide} → {narrow} → {wide}", ha="center", va="top", size=13.7)
    ax.text(centre, FLOOR - 0.95, f"{short(macs)} MACs · {short(params)} params", ha="center", va="top", **canvas.NOTE)


def _draw_skip(ax, block, start, end, maps, headline):
    """The skip connection and the addition; or, unless the headline tells something else, why there is none."""
    leave, plus = start + _length(*maps[0]) / 2, end + 0.4
    if block.skip:
        colour, text = COLORS["skip"], "skip connection"
        canvas.line(ax, [(end + 0.08, AXIS), (plus - canvas.NODE, AXIS)], COLORS["ink"], canvas.THIN_LINE)
        canvas.arrow(ax, [(plus + canvas.NODE, AXIS), (plus + 0.5, AXIS)], COLORS["ink"], canvas.THIN_LINE)
        above = AXIS + _half_height(maps[0][0]) + 0.08
        canvas.arrow(ax, [(leave, above), (leave, SKIP), (plus, SKIP), (plus, AXIS + canvas.NODE + 0.02)], colour)
        canvas.node(ax, plus, AXIS, "+", colour)
        if block.drop_rate:
            text += f" · in training, the branch is dropped for {100 * block.drop_rate:.3g} % of the images"
    elif headline:
        return
    else:
        colour, reasons = COLORS["muted"], []
        (_, before), (_, after), stride = maps[0], maps[-1], block.depthwise.stride
        if stride > 1:
            reasons.append(f"stride {stride}")
        if before != after:
            reasons.append(f"{before} → {after} channels")
        text = f"no skip connection: {', '.join(reasons)}"
    ax.text((leave + plus) / 2, SKIP + 0.12, text, ha="center", color=colour)


def _draw_shares(fig, block):
    """Two bars: where the block's MACs and parameters are."""
    ax = canvas.axes_in_inches(fig, 1.75, 0.09, 10.0, 0.72, xlim=(0, 100), ylim=(1.5, -0.5))
    ax.axis("off")
    for row, what in enumerate(("macs", "params")):
        amounts = _amounts(block, what)
        total = sum(amounts.values())
        draw_bar(ax, row, {role: 100 * amount / total for role, amount in amounts.items()}, COLORS, _share, size=13.5)
        ax.text(-1.4, row, COSTS[what], ha="right", va="center")
        ax.text(101.4, row, short(total), va="center")


def _share(role, percent):
    """What stands on a part of a bar, as far as it has room."""
    if percent < 5:
        return ""
    text = f"{'SE' if role == 'se' else role} {percent:.0f} %"
    return text if percent > 1.3 * len(text) else f"{percent:.0f} %"


# ---------------------------------------------------------------- a network, or several on one scale

COLUMN = 1.38  # least width of a stage's column, in inches
THICK, APART, BETWEEN = 0.028, 0.04, 0.36  # of a network's unit: per sqrt(channel), between blocks, between stages
THICKER = 2.5 * THICK  # where each stage has a column of its own
SLABS = "A slab is a block's output: √resolution high, √channels thick."


def draw_network(variants, title=None):
    """Draws one network stage by stage, or several on one scale.

    Width, depth and resolution are the thickness, the number and the height of the slabs.
    `variants`: a name or a Scale; or a dict of caption -> name or Scale, for several.
    Every slab is one block's output, sqrt(resolution) high and sqrt(channels) thick.
    """
    if isinstance(variants, dict):
        return _draw_side_by_side({caption: plan(variant) for caption, variant in variants.items()}, title)
    return _draw_stages(plan(variants), title or (variants.capitalize() if isinstance(variants, str) else ""))


def _draw_side_by_side(networks, title):
    unit, centres = fit_stacks(networks.values(), WIDTH)
    tallest = max(_tallest(network) for network in networks.values()) * unit
    roomy, first = len(networks) < 5, None
    letters, texts = (14, 2.0) if roomy else (12, 1.76)  # points, and how high the captions and facts stand
    fig, ax = canvas.new(WIDTH, texts + tallest + (1.39 if title else 0.79), title, left=0.2)
    for (caption, network), centre in zip(networks.items(), centres):
        draw_stack(ax, network, centre, texts + 0.47 + tallest / 2, unit)
        ax.text(centre, texts - 0.05, caption, **canvas.CAPTION)
        pixels, blocks, params = facts(network)
        dials = [pixels, blocks, f"{network.top.filters:,} channels"]
        costs = [params, f"{short(network.macs)} MACs"]
        if roomy:
            costs.append(f"{short(network.activations)} activations")
        first = first or dials
        changed = set(dials) - set(first)
        canvas.write_lines(ax, centre, texts - 0.35, dials + costs, letters, bold=changed)
    ax.text(0.2, 0.08, SLABS, color=COLORS["muted"], size=letters - 0.5)
    return fig


def facts(network):
    """Resolution, blocks and parameters of a network, as texts."""
    return f"{network.scale.resolution} px", f"{len(network.blocks)} blocks", f"{short(network.params)} params"


def _draw_stages(network, title):
    rows, captions = _rows(network), _captions(network)
    extents = [_thickness(maps, THICKER) + 2 * _overhang(maps) for maps in rows]
    unit, columns = _fit(extents, COLUMN, WIDTH - 0.4)
    tallest = _tallest(network) * unit
    fig, ax = canvas.new(WIDTH, tallest + 3.2)
    x = (WIDTH - sum(columns)) / 2
    for row, (maps, column, (name, *texts)) in enumerate(zip(rows, columns, captions)):
        centre, colour = x + column / 2, RAMP(row / (len(rows) - 1))
        start = centre - unit * _thickness(maps, THICKER) / 2
        _draw_row(ax, maps, start, 2.2 + tallest / 2, unit, colour, THICKER)
        ax.text(centre, 1.92, f"stage {row + 1}", va="top", **canvas.NAME | dict(size=14, color=COLORS["muted"]))
        ax.text(centre, 1.62, name, va="top", **canvas.NAME | dict(size=14))
        canvas.write_lines(ax, centre, 1.14, texts, canvas.NOTE["size"], step=0.27)
        x += column
    summary = " · ".join([*facts(network), f"{short(network.macs)} MACs"])
    ax.text(EDGE, tallest + 2.82, title, **canvas.HEADLINE)
    ax.text(WIDTH - EDGE, tallest + 2.82, summary, ha="right", **canvas.FACTS)
    ax.text(EDGE, 0.12, SLABS, **canvas.NOTE)
    return fig


def _captions(network):
    """What stands under each row of Table 1: its operator, its kernel and number of blocks, and its output."""
    stem, top = [
        ("Conv", f"{conv.kernel}×{conv.kernel}", "1 layer", _text(_shape(conv))) for conv in (network.stem, network.top)
    ]
    captions = []
    for stage, blocks in zip(network.scale.baseline.stages, network.stages):
        count = "1 block" if len(blocks) == 1 else f"{len(blocks)} blocks"
        kernel = f"{stage.kernel}×{stage.kernel}"
        captions.append((f"MBConv{stage.expand}", kernel, count, _text(_shape(blocks[-1].project))))
    return [stem, *captions, top]


def _rows(network):
    """The feature maps of each row of Table 1: lists of (resolution, channels)."""
    rows = [[_shape(network.stem)]]
    for blocks in network.stages:
        rows.append([_shape(block.project) for block in blocks])
    return [*rows, [_shape(network.top)]]


def _fit(extents, narrowest, room):
    """The largest unit at which columns fit side by side, and their widths.

    Each is as wide as its extent, in units, or as `narrowest`; narrower than `room` together.
    """
    for unit in np.geomspace(0.17, 0.01, 100):
        columns = np.maximum(narrowest, unit * np.array(extents))
        if columns.sum() <= room:
            break
    return unit, columns


def fit_stacks(networks, width):
    """The largest unit at which networks, each with a caption, fit side by side on a canvas, and their centres."""
    room = width - 0.6 - 0.28 * (len(networks) - 1)
    caption = min(1.2, room / len(networks))
    unit, columns = _fit([_extent(network) for network in networks], caption, room)
    space = (width - columns.sum()) / (len(columns) + 1)
    return unit, np.cumsum(space + columns) - columns / 2


# lengths below are in units of `_fit`


def _tallest(network):
    return math.sqrt(network.stem.output_size) * (1 + canvas.RISE)


def _thickness(maps, per_root=THICK):
    return sum(per_root * math.sqrt(channels) + APART for _, channels in maps)


def _overhang(maps):
    """How far the face of the first slab leans to either side."""
    return canvas.LEAN * math.sqrt(maps[0][0]) / 2


def _extent(network):
    rows = _rows(network)
    return sum(_thickness(maps) + BETWEEN for maps in rows) - BETWEEN + _overhang(rows[0])


def _draw_row(ax, maps, x, y, unit, colour, per_root=THICK):
    """Draws the slabs of a row from left to right along the axis; returns where the next one would start."""
    for size, channels in maps:
        thick = unit * per_root * math.sqrt(channels)
        canvas.slab(ax, x, y, unit * math.sqrt(size), thick, colour, edge=min(0.7, 5 * unit))
        x += thick + unit * APART
    return x


def draw_stack(ax, network, centre, y, unit):
    """Draws all slabs of a network in a row around `centre`, `y`."""
    rows = _rows(network)
    x = centre + unit * (_overhang(rows[0]) - _extent(network) / 2)
    for row, maps in enumerate(rows):
        x = _draw_row(ax, maps, x, y, unit, RAMP(row / (len(rows) - 1))) + unit * BETWEEN


# ---------------------------------------------------------------- a network beside its baseline

STACKS, STACK_HEIGHT, STACK_WIDTH = 4.75, 2.55, 2.4  # height of their axis, their greatest height and least width


def draw_scaled(scale):
    """Draws a scaled B0, "your network", beside B0 itself, and its costs as multiples of B0's.

    The bars are counted from the plan; a tick on each says what the power law promises: d w^2 r^2 for MACs, d w^2 for
    parameters, d w r^2 for activations. The canvas keeps its size, so that the picture of a slider stays in place.
    """
    base, scaled = plan("b0"), plan(scale)
    width, depth, times = scale.width, scale.depth, scale.resolution / 224
    laws = {"macs": depth * width**2 * times**2, "params": depth * width**2, "activations": depth * width * times**2}
    promised = f"{scaled.macs / base.macs:.3g} times the MACs; the power law promises {laws['macs']:.3g}"
    fig, ax = canvas.new(11.0, 6.85, promised)
    _draw_pair(ax, {"B0": base, "your network": scaled})
    title = f"width × {scale.width:.2f} · depth × {scale.depth:.2f} · resolution {scale.resolution} px"
    ax.text(10.7, 6.02, title, size=13, color=COLORS["muted"], va="center", ha="right")

    chart = canvas.axes_in_inches(fig, 1.45, 0.62, 6.5, 1.75, xlim=(0.1, 1000))
    log_scales(chart, "x", ticks=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000))
    for y, (what, law) in enumerate(laws.items()):
        count = getattr(scaled, what)
        multiple = count / getattr(base, what)
        low, high = sorted((1, multiple))
        chart.barh(y, high - low, left=low, height=0.52, color=COLORS["muted"])
        chart.plot([law, law], [y - 0.4, y + 0.4], color=COLORS["ink"], marker="", lw=2.4)
        text = f"{short(count)}  =  {multiple:.2f} × B0"
        chart.text(1.02, y, text, va="center", size=13, transform=chart.get_yaxis_transform())
    chart.axvline(1, color=COLORS["muted"], lw=1)
    name_rows(chart, COSTS.values())
    chart.set_xlabel("multiple of B0, log scale (bar: counted; tick: power law)")
    return fig


def _draw_pair(ax, networks):
    """Two networks side by side on one scale, from the left edge on."""
    unit, _ = _fit([_extent(network) for network in networks.values()], STACK_WIDTH, 10.2)
    unit, x = min(unit, STACK_HEIGHT / max(_tallest(network) for network in networks.values())), 0.3
    for name, network in networks.items():
        column = max(STACK_WIDTH, unit * _extent(network)) + 0.15
        centre = x + column / 2
        draw_stack(ax, network, centre, STACKS, unit)
        ax.text(centre, 3.08, name, **canvas.CAPTION)
        canvas.write_lines(ax, centre, 2.8, [" · ".join(facts(network)[:2])], 12)
        x += column + 0.25


# ---------------------------------------------------------------- where the costs are

ENDS = "ends"  # stem, top and classifier
KINDS = {kind: COLORS[kind] for kind in ("expand", "depthwise", "se", "project")} | {ENDS: COLORS["feature"]}
KIND_NAMES = ("expand", "depthwise", "squeeze-and-excitation", "project", "stem, top, classifier")


def draw_costs(network, title):
    """Draws where a plan's MACs, parameters and activations are: by kind of layer above, and below by row of Table 1.

    Every bar is a share of the whole network's; the two ends of the network, stem, top and classifier, are grey.
    """
    fig, axes = subplots(2, len(COSTS), figsize=(13, 6.6), sharey="row", height_ratios=(1, 7))
    for column, (what, name) in enumerate(COSTS.items()):
        upper, lower = axes[:, column]
        rows = _percent_by_row(network, what)
        upper.set_title(f"{short(getattr(network, what))} {name}", size=17, pad=6)
        upper.set(xlim=(0, 100), xticks=[])
        upper.spines[:].set_visible(False)
        of_kind = {kind: sum(parts[kind] for parts in rows) for kind in KINDS}
        draw_bar(upper, 0, of_kind, KINDS, lambda _, percent: f"{percent:.0f}" if percent >= 5.5 else "", size=14)
        totals = [sum(parts.values()) for parts in rows]
        for y, (parts, total) in enumerate(zip(rows, totals)):
            draw_bar(lower, y, parts, KINDS)
            lower.text(total + 0.02 * max(totals), y, f"{total:.1f} %", va="center", size=16)
        lower.set(xlim=(0, 1.3 * max(totals)), xlabel="share of all (%)")
        name_rows(upper, ["all stages (%)"])
        name_rows(lower, [f"stage {row}" for row in range(1, len(rows) + 1)])
    look = dict(ncols=len(KINDS), handlelength=1, columnspacing=1.8, fontsize=15)
    fig.legend(axes[0, 0].containers, KIND_NAMES, loc="outside lower center", **look)
    fig.suptitle(title, x=0.01, ha="left", size=20, weight="bold")
    return fig


def _percent_by_row(network, what):
    """The percentage of `what` that each kind of layer has: a dict for each row of Table 1."""
    percent = [dict.fromkeys(KINDS, 0) for _ in range(len(network.stages) + 2)]
    whole = getattr(network, what) / 100
    for block in network.blocks:
        for kind, amount in _amounts(block, what).items():
            percent[block.stage - 1][kind] += amount / whole
    percent[0][ENDS] = getattr(network.stem, what) / whole
    percent[-1][ENDS] = sum(getattr(conv, what) for conv in (network.top, network.predictions) if conv) / whole
    return percent
