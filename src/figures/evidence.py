"""Pictures of evidence: claims beside their numbers, one network by recipes, equal recipes, who wins."""

import html
import math
import textwrap

import matplotlib.pyplot as plt
from IPython.display import HTML

from figures import canvas
from figures.labels import label_points
from figures.style import COLORS, MARKERS, colours_of, log_scales, use_style, white_or_ink

CLAIM_WIDTH, CLAIM_HEIGHT, GAP, VERDICT = 11.2, 1.0, 0.2, 1.2  # of a row, between rows, of the last column; in inches


def draw_claims(claims, title, framed=0):
    """Draws claims as rows. Each is a tuple (claim, first, second, verdict).

    `first` and `second` are (number, where it is from), both as text; `verdict` is "✓", "✗", or "?" for an open case.
    The first `framed` rows have a frame: they weigh more than the others. The verdicts stand in a column at the right:
    without it the picture is a question.
    """
    top = len(claims) * (CLAIM_HEIGHT + GAP) + GAP
    fig, ax = canvas.new(CLAIM_WIDTH + 2 * GAP + VERDICT, top + 0.55, title, left=GAP, size=18)
    for i, claim in enumerate(claims):
        bottom = GAP + (len(claims) - 1 - i) * (CLAIM_HEIGHT + GAP)
        _draw_claim(ax, bottom, *claim)
        if i < framed:
            canvas.box(ax, GAP, bottom, CLAIM_WIDTH, CLAIM_HEIGHT, "none", ec=COLORS["ink"], lw=3)
    return fig


def _draw_claim(ax, bottom, claim, first, second, verdict):
    colour = {"✓": COLORS["resolution"], "✗": COLORS["accent"]}.get(verdict, COLORS["muted"])
    middle = dict(ha="center", va="center")
    canvas.box(ax, GAP, bottom, CLAIM_WIDTH, CLAIM_HEIGHT, canvas.mix(COLORS["line"], "white", 0.6))
    ax.text(GAP + 0.25, bottom + CLAIM_HEIGHT / 2, textwrap.fill(claim, 24), size=17, weight="bold", va="center")
    for (number, where), x in ((first, 5.6), (second, 9.3)):
        ax.text(GAP + x, bottom + 0.63, number, size=26, weight="bold", **middle)
        ax.text(GAP + x, bottom + 0.22, where, size=16, **middle)
    ax.text(GAP + CLAIM_WIDTH + VERDICT / 2, bottom + 0.5, verdict, size=34, weight="bold", color=colour, **middle)


PANEL, PANEL_GAP, SIDE = 3.95, 0.2, 0.95  # width of a panel, between panels, and the left margin, in inches


def draw_equal_recipes(panels, arrows, title):
    """Draws panels side by side, each with families of networks trained in one way, and an arrow that compares two.

    `panels`: dict of recipe -> dict of family -> list of (label, billions of MACs, top-1 in %).
    `arrows`: dict of recipe -> (MACs of the cheaper network, MACs of the other, top-1 of both).
    Two families at most. Of each the first, the last, the most accurate and the compared network are named.
    """
    use_style()
    width, height = SIDE + len(panels) * (PANEL + PANEL_GAP), 5.7
    fig = plt.figure(figsize=(width, height), layout="none")
    points = [point for families in panels.values() for line in families.values() for point in line]
    macs, top1 = [point[1] for point in points], [point[2] for point in points]
    limits = dict(xlim=(min(macs) / 2, max(macs) * 5), ylim=(min(top1) - 0.8, max(top1) + 1.6))
    for i, (recipe, families) in enumerate(panels.items()):
        ax = canvas.axes_in_inches(fig, SIDE + i * (PANEL + PANEL_GAP), 0.75, PANEL, height - 1.5)
        ax.set(**limits)
        log_scales(ax, "x", ticks=(0.3, 1, 3, 10, 30))
        ax.set_xlabel("MACs (billions, log scale)")
        ax.tick_params(axis="y", labelleft=i == 0)
        ax.text(0.03, 0.965, recipe, transform=ax.transAxes, size=15, weight="bold", va="top")
        _draw_lines(ax, families, arrows[recipe])
        if i == 0:
            _name_families(ax, families)
    fig.axes[0].set_ylabel("ImageNet top-1 accuracy (%)")
    fig.text(0.02, 1 - 0.35 / height, title, size=18, weight="bold", va="center")
    return fig


def _draw_lines(ax, families, comparison):
    colours, labels = colours_of(families, shared=True), []
    for marker, (name, points) in zip(MARKERS, families.items()):
        _, x, y = zip(*points)
        ax.plot(x, y, marker=marker, color=colours[name], lw=1.6, ms=8, mec="white", zorder=4)
        best = max(y)
        for point in points:
            if point in (points[0], points[-1]) or point[2] == best or point[1:] == comparison[1:]:
                labels.append((*point, dict(color=colours[name], size=14.5)))
    _draw_comparison(ax, *comparison)
    label_points(ax, labels)


def _name_families(ax, families):
    """Their names in the corner of dear and poor networks, where none lies."""
    colours = colours_of(families, shared=True)
    for i, (name, sign) in enumerate(zip(families, "●■")):
        look = dict(color=colours[name], size=15, weight="bold", ha="right", transform=ax.transAxes)
        ax.text(0.97, 0.14 - 0.08 * i, f"{sign} {name}", **look)


def _draw_comparison(ax, ours, theirs, top1):
    """An arrow from the more expensive network to the cheaper one, with the factor under it."""
    colour = COLORS["ink"]
    ax.plot([ours * 1.1, theirs / 1.13], [top1, top1], color=colour, marker="", lw=2.4, zorder=5)
    head = dict(arrowstyle="-|>", lw=0, color=colour, mutation_scale=18)
    ax.annotate("", (ours, top1), (ours * 1.35, top1), arrowprops=head, zorder=5)
    place = dict(xytext=(0, -6), textcoords="offset points", ha="center", va="top", size=17, weight="bold")
    ax.annotate(f"÷ {theirs / ours:.1f}", (math.sqrt(ours * theirs), top1), **place)


def draw_winners(winners, colours, title):
    """Draws a table of who is cheapest: `winners` is a dict of ruler -> dict of goal in % -> name of a network.

    `colours`: dict of how a name begins -> colour, for the families that stand out; they are named above the table.
    """
    goals = list(next(iter(winners.values())))
    wide, high, left, foot = 2.2, 0.42, 1.0, 0.15
    top = foot + high * len(goals)
    fig, ax = canvas.new(left + wide * len(winners) + 0.1, top + 1.15, title, left=0.15, size=17)
    for j, (start, colour) in enumerate(colours.items()):
        look = dict(size=14.5, weight="bold", color=colour, ha="right", va="center")
        ax.text(left + wide * (len(winners) - j), top + 0.8, f"■ {start.replace('-B', ' · pixels')}", **look)
    for j, (ruler, names) in enumerate(winners.items()):
        x = left + j * wide
        ax.text(x + wide / 2, top + 0.25, ruler, size=15, weight="bold", ha="center", va="center")
        for i, goal in enumerate(goals):
            y = foot + i * high
            name = names[goal]
            known = [colour for start, colour in colours.items() if name.startswith(start)]
            colour = known[0] if known else canvas.mix(COLORS["line"], "white", 0.45)
            canvas.box(ax, x, y, wide - 0.06, high - 0.06, colour)
            style = dict(size=13.2, ha="center", va="center", color=white_or_ink(colour))
            ax.text(x + wide / 2 - 0.03, y + high / 2 - 0.03, name, **style)
    for i, goal in enumerate(goals):
        ax.text(left - 0.15, foot + (i + 0.5) * high - 0.03, f"≥ {goal} %", size=14, ha="right", va="center")
    return fig


STARTS = {  # how an architecture's name begins in timm's tables -> how we write it
    "efficientnetv2": "EfficientNetV2",
    "efficientnet": "EfficientNet",
    "mobilenetv2": "MobileNetV2",
    "mobilenetv3": "MobileNetV3",
    "mobilenetv4": "MobileNetV4",
    "convnext": "ConvNeXt",
    "regnetx": "RegNetX",
    "regnety": "RegNetY",
    "tinynet": "TinyNet",
    "resnet": "ResNet",
}
SIZES = dict(tiny="T", small="S", medium="M", large="L", base="B", xlarge="XL")


def readable(architecture, size=None):
    """An architecture's name in networks.csv as a reader knows it: "tf_efficientnet_b0" -> "EfficientNet-B0"; with
    `size` its image size stands behind B0 to B8."""
    name = architecture.removeprefix("tf_")
    start = next(start for start in STARTS if name.startswith(start))
    words = [STARTS[start]]
    for word in name.removeprefix(start).strip("_").split("_"):
        if word != "conv":
            words.append(SIZES.get(word) or (word.upper() if len(word) < 3 else word))
    name = "-".join(words)
    return f"{name} · {size}" if size and name.startswith("EfficientNet-") else name


def folded_table(summary, rows, columns):
    """A table for a notebook that opens when one clicks on `summary`: these columns of `rows`, a list of dicts."""
    lines = [f"<tr>{''.join(f'<th>{html.escape(column)}</th>' for column in columns)}</tr>"]
    for row in rows:
        cells = [f'<td style="text-align: left">{html.escape(str(row[column]))}</td>' for column in columns]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return HTML(f"<details><summary>{html.escape(summary)}</summary><table>{''.join(lines)}</table></details>")
