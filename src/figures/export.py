"""Pictures of a network that leaves the notebook: two layers folded into one, places for numbers, files to choose."""

import numpy as np

from figures import canvas
from figures.labels import write_headline_above
from figures.style import COLORS, NAVY, RED, name_rows, subplots

LAYERS = {"convolution": NAVY, "batch norm": COLORS["muted"]}
LEFT, RIGHT = 0.3, 9.6  # of a number line, in inches


def draw_fold(start, before, after, title):
    """Draws a number on its way through layers: `before` in the upper row, `after` in the lower one.

    A row is a list of (layer, what it does, the number that comes out).
    """
    fig, ax = canvas.new(12, 5.2, title)
    for y, name, row in ((3.15, "before", before), (1.0, "after", after)):
        ax.text(0.3, y, name, size=17, color=COLORS["muted"], va="center")
        _write_number(ax, 1.8, y, start)
        x, step = 1.8, (11.4 - 1.8) / len(row)
        for layer, deed, number in row:
            canvas.arrow(ax, [(x + 0.45, y), (x + step - 0.5, y)], COLORS["muted"])
            middle = x + step / 2
            canvas.box(ax, middle - 1.6, y - 0.65, 3.2, 1.3, LAYERS[layer], zorder=3)
            look = dict(color="white", size=17, ha="center", va="center", zorder=4)
            ax.text(middle, y + 0.27, layer, weight="bold", **look)
            ax.text(middle, y - 0.27, deed, **look)
            x += step
            _write_number(ax, x, y, number)
    return fig


def _write_number(ax, x, y, number):
    ax.text(x, y, f"{number:g}".replace("-", "−"), size=21, weight="bold", ha="center", va="center")


def draw_outlier(numbers, outlier, places, title):
    """Draws numbers on evenly spaced places, without and with an outlier: each number falls to the nearest place.

    numbers: above 0; `places`: how many places stand from 0 to the largest number, both included.
    """
    fig, ax = canvas.new(12, 4.6, title)

    def along(number):
        return LEFT + 0.1 + (RIGHT - LEFT - 0.2) * number / outlier

    for y, shown in ((2.55, numbers), (0.5, [*numbers, outlier])):
        places_at = np.linspace(0, max(shown), places)
        nearest = [int(np.abs(places_at - number).argmin()) for number in shown]
        for number, place in zip(shown, nearest):
            ends = (along(number), y + 0.95), (along(places_at[place]), y + 0.24)
            canvas.line(ax, ends, COLORS["feature"], lw=1.1)
            colour = RED if number == outlier else NAVY
            ax.plot(along(number), y + 1.0, marker="o", ms=9, mec="white", color=colour, zorder=3)
        for place, number in enumerate(places_at):
            look = dict(color=COLORS["ink"], lw=3.2) if place in nearest else dict(color=COLORS["line"], lw=2)
            ax.plot([along(number)] * 2, [y, y + 0.22], marker="", **look)
        used = set(nearest[: len(numbers)])  # without the outlier's own
        text = f"{len(numbers)} numbers\non {len(used)} places\nscale {max(shown) / (places - 1):g}"
        ax.text(RIGHT + 0.25, y + 0.6, text, size=16, weight="bold", va="center")
        for number in {0, max(numbers), max(shown)}:
            ax.text(along(number), y - 0.08, f"{number:g}", size=15, ha="center", va="top")
    ax.text(along(outlier), 1.62, "outlier", size=15, weight="bold", color=RED, ha="right")
    return fig


def draw_files(files, panels, title, marked=()):
    """Draws a row for each file, and a panel of bars for each thing that one would like to be small.

    files: dict of name -> list of values, one for each of `panels`, None where there is none; panels: what each shows.
    `marked`: names in red.
    """
    fig, axes = subplots(1, len(panels), figsize=(12, 1.9 + 0.7 * len(files)), sharey=True, squeeze=False)
    for i, (ax, panel) in enumerate(zip(axes.flat, panels)):
        largest = max(values[i] for values in files.values() if values[i] is not None)
        for y, (name, values) in enumerate(files.items()):
            value = values[i]
            if value is None:
                ax.text(0, y, " not published", va="center", size=14, color=COLORS["muted"])
                continue
            ax.barh(y, value, height=0.62, color=COLORS["accent" if name in marked else "feature"])
            text = f"{value:.1f}" if isinstance(value, float) and value < 100 else f"{value:.0f}"
            ax.annotate(text, (value, y), (6, 0), textcoords="offset points", va="center", size=15, weight="bold")
        ax.set(xlim=(0, 1.4 * largest), xticks=[])
        ax.set_title(panel, size=14, weight="normal")
        ax.spines["bottom"].set_visible(False)
        name_rows(ax, files)
    write_headline_above(fig, title, size=18)
    fig.get_layout_engine().set(h_pad=0.1)
    return fig
