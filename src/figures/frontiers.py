"""Charts of accuracy against cost: frontiers of several tables, speeds, and one network's accuracies."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from figures import canvas
from figures.charts import tradeoff
from figures.evidence import readable
from figures.labels import label_points, write_headline
from figures.style import COLORS, log_scales, subplots, use_style

COLUMNS = 2  # of panels
WIDE, HIGH = 5.05, 2.3  # of a panel, in inches
LEAST = 74  # top-1 in %: what is below is left out
LEFT, RIGHT, BETWEEN, ABOVE, BOTTOM, HEAD = 0.9, 0.15, 0.95, 1.2, 0.8, 0.1  # room around the panels, in inches
FAMILY = "EfficientNet"  # the one that is marked
KEY = f"red: {FAMILY}, hollow where beaten · dark: others on the frontier · ringed: the fastest that reaches {{}} %"


def draw_frontiers(panels, cost, xlabel, ylabel, title, goal):
    """Draws the frontier of each of several tables, with the points of EfficientNet marked; less of `cost` is better.

    `panels`: dict of heading -> (rows, frontier, named): rows of networks.csv with the column `cost`, those on the
    frontier by rising cost, and the one that is named. All panels share their axes, and a dashed line at `goal`, a
    top-1 in %.
    """
    use_style()
    drawn = {}
    for heading, (rows, frontier, named) in panels.items():
        drawn[heading] = _points(rows, cost, named), _points(frontier, cost, named)
    lines = -(-len(drawn) // COLUMNS)
    width = LEFT + COLUMNS * WIDE + (COLUMNS - 1) * BETWEEN + RIGHT
    height = BOTTOM + lines * (HIGH + ABOVE) + HEAD
    fig = plt.figure(figsize=(width, height), layout="none")
    everything = [point for points, _ in drawn.values() for point in points]
    for i, (heading, (points, frontier)) in enumerate(drawn.items()):
        line, column = divmod(i, COLUMNS)
        left, bottom = LEFT + column * (WIDE + BETWEEN), BOTTOM + (lines - 1 - line) * (HIGH + ABOVE)
        ax = canvas.axes_in_inches(fig, left, bottom, WIDE, HIGH)
        _share_limits(ax, everything)
        ax.axhline(goal, color=COLORS["muted"], lw=1, ls=(0, (4, 3)), marker="")
        _plot_frontier(ax, points, frontier)
        ax.set_title(heading, size=16, pad=7)
        ax.set_xlabel(xlabel, size=13)
        ax.set_ylabel(ylabel, size=13)
    fig.text(LEFT / width, 1 - 0.18 / height, title, size=17, weight="bold", va="top")
    fig.text(LEFT / width, 1 - 0.56 / height, KEY.format(goal), va="top", color=COLORS["muted"], size=13.5)
    return fig


def _points(rows, cost, named):
    """Rows as (family, label, cost, top-1); only the row that is `named` has a label."""
    found = []
    for row in rows:
        if row[cost] and row["top1"] > LEAST:
            found.append((row["family"], _label(row) if row is named else "", row[cost], row["top1"]))
    return found


def _label(row):
    """A short name: of a network of EfficientNet or its successor the size, of others the family."""
    if row["family"].startswith("EfficientNet"):
        return readable(row["model"]).removeprefix("EfficientNet-").replace("EfficientNetV2", "V2")
    return row["family"]


def _share_limits(ax, points):
    x, y = np.array([point[2:] for point in points]).T
    ax.set(xlim=(x.min() / 3, x.max() * 1.15), ylim=(y.min() - 0.6, y.max() + 0.8))
    log_scales(ax, "x")


def _plot_frontier(ax, points, frontier):
    groups = {
        (False, False): dict(marker="o", ms=4.5, color=COLORS["line"], zorder=1),
        (True, False): dict(marker="o", ms=6, color="white", mec=COLORS["accent"], mew=1.3, zorder=2),
        (False, True): dict(marker="s", ms=6, color=COLORS["ink"], zorder=4),
        (True, True): dict(marker="o", ms=10, color=COLORS["accent"], mec="white", zorder=5),
    }
    x, y = zip(*[point[2:] for point in frontier])
    ax.step(x, y, where="post", color=COLORS["ink"], lw=1.2, marker="", zorder=3)
    for (ours, winner), look in groups.items():
        chosen = [point for point in points if (point[0] == FAMILY) == ours and (point in frontier) == winner]
        ax.plot([point[2] for point in chosen], [point[3] for point in chosen], ls="None", **look)
    named = []
    for who, label, x, y in frontier:
        if label:
            colour = COLORS["accent"] if who == FAMILY else COLORS["ink"]
            ax.scatter(x, y, s=15**2, facecolor="none", ec=COLORS["ink"], lw=1.6, zorder=6)
            named.append((label, x, y, dict(color=colour, weight="bold", size=14)))
    label_points(ax, named, sides=((-0.8, 0.8), (-1, 0), (0, 1), (0.8, -0.8), (1, 0), (0, -1)))


def draw_speeds(families, times, title):
    """Draws MACs per second against MACs, both log, with lines of equal time. Time is MACs ÷ MACs per second.

    `families`: dict of name -> list of (label, billions of MACs, images per second). `times`: of the lines, in ms.
    """
    points = {}
    for name, networks in families.items():
        found = [(label, macs, macs * images / 1000) for label, macs, images in networks]
        points[name] = sorted(found, key=lambda point: point[1])  # the name stands at the last one
    xlabel, ylabel = "MACs per image (billions, log scale)", "trillion MACs per second (log scale)"
    fig = tradeoff(points, xlabel, ylabel, scattered=families, log="xy", title=title)
    ax = fig.axes[0]
    (low, high), (floor, ceiling) = ax.get_xlim(), ax.get_ylim()
    for i, time in enumerate(times):
        ax.plot([low, high], [low / time, high / time], color=COLORS["muted"], lw=0.9, ls=(0, (4, 3)), marker="")
        right, text = min(high, ceiling * time), f"{time:g} ms" if i else f"equal time: {time:g} ms"
        look = dict(color=COLORS["muted"], size=13, ha="right", va="bottom", textcoords="offset points")
        ax.annotate(text, (right, right / time), (-16, -14), **look)
    ax.set(xlim=(low, high), ylim=(floor, ceiling))
    return fig


NAME_COLUMNS = 42  # letters of a name in a line


def draw_ladder(values, xlabel, title, marked=(), colour=COLORS["accent"], start=None, row=0.5, form="{:.1f}"):
    """Draws one dot for each of `values`, a dict of name -> number, in a row of its own, with the number beside it.

    Names in `marked` are drawn hollow. `start`: where the axis begins, as 0 for shares; `row`: the height of a row in
    inches; `form`: how numbers are written.
    """
    fig, ax = subplots(figsize=(10, 1.6 + row * len(values)))
    for i, (name, value) in enumerate(values.items()):
        fill = "white" if name in marked else colour
        ax.plot(value, -i, ls="None", marker="o", ms=12, color=fill, mec=colour, mew=2, clip_on=False, zorder=3)
        beside = dict(textcoords="offset points", va="center", weight="bold", size=14.5)
        ax.annotate(form.format(value), (value, -i), (12, 0), color=colour, **beside)
    ax.set_yticks([-i for i in range(len(values))], [textwrap.fill(name, NAME_COLUMNS) for name in values])
    ax.set_ylim(-len(values) + 0.4, 0.6)
    ax.margins(x=0.15)
    ax.set_xlim(left=start)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(xlabel)
    write_headline(ax, title)
    return fig
