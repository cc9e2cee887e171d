"""Where in a photo the evidence for a name lies: a grid of places, each with one number."""

import numpy as np
from matplotlib.patches import Rectangle

from figures import canvas
from figures.convolution import NUMBER, SIGNED, draw_numbers
from figures.labels import write_headline
from figures.style import COLORS, HEAT, bare, subplots, white_or_ink

ABOVE, BELOW = SIGNED(1.0), SIGNED(0.0)


def draw_places(images, maps, names, title):
    """Draws photos, and under each how much every place speaks for its name; the strongest place is framed in both.

    images: n of (height, width, 3); maps: n of (rows, columns), all on one scale that begins at 0, where no place that
    is above it means no frame; names: n texts.
    """
    fig, axes = subplots(2, len(images), figsize=(3.6 * len(images) + 1, 7.6), squeeze=False)
    for column, (image, values, name) in enumerate(zip(images, maps, names)):
        photo, below = axes[:, column]
        frame = photo.imshow(image).get_extent()
        shown = below.imshow(values, cmap=HEAT, vmin=0, vmax=np.max(maps), extent=frame, interpolation="nearest")
        strongest = np.unravel_index(np.argmax(values), np.shape(values))
        for ax in (photo, below):
            bare(ax)
            if np.max(values) > 0:
                _frame_place(ax, strongest, np.shape(values), "white")
        below.set_xlabel(f"“{name}”", size=19, labelpad=8)
    bar = fig.colorbar(shown, ax=axes.ravel().tolist(), pad=0.015, aspect=30)
    bar.set_label("evidence for the name", size=19)
    bar.ax.tick_params(labelsize=17)
    bar.outline.set_visible(False)
    write_headline(axes[0, 0], title)
    return fig


def draw_vote(image, features, weights, constant, name, title):
    """Draws how a photo gets its score for a name: one place's products, their sum in its place, the average of all.

    image: (height, width, 3); features: (rows, columns, n); weights: (n,), those of the name, and its `constant`.
    The place is the strongest one, and the products are its three largest.
    """
    evidence = features @ weights
    place = np.unravel_index(evidence.argmax(), evidence.shape)
    fig, ax = canvas.new(13.2, 5.5, title, size=18)
    photo, grid = (canvas.axes_in_inches(fig, left, 0.95, 3.8, 3.8) for left in (0.3, 9.1))
    frame = photo.imshow(image).get_extent()
    shown = grid.imshow(evidence, cmap=HEAT, vmin=0, extent=frame, interpolation="nearest")
    for each in (photo, grid):
        bare(each)
        _draw_grid(each, evidence.shape)
        _frame_place(each, place, evidence.shape, "white")
    _write_numbers(grid, evidence, lambda value: white_or_ink(shown.cmap(shown.norm(value))), size=14)
    _draw_products(ax, features[place], weights)
    rows, columns = evidence.shape
    mean, score = evidence.mean(), evidence.mean() + constant
    ax.text(2.2, 0.5, f"{rows} × {columns} places", **canvas.NAME | dict(size=18))
    ax.text(11, 0.5, f"evidence for “{name}”", **canvas.NAME | dict(size=18))
    sums = f"average {mean:.2f} + constant {constant:.2f} = score {score:.2f}".replace("-", "−")
    ax.text(12.9, 0.12, sums, ha="right", size=18, weight="bold")
    return fig


def _draw_products(ax, features, weights):
    """Three of a place's features times their weights, and an arrow from the sum of all to the map."""
    left, middle, count, width = 5.85, 2.85, 3, 0.78
    largest = np.argsort(-features * weights)[:count]
    products = features * weights
    rows = (
        ("feature", features, "feature", 1),
        ("× weight", weights, "pointwise", 3),
        ("= product", products, "se", 1),
    )
    ax.text(6.65, 4.4, f"{count} of {len(weights):,} features\nof the framed place", **canvas.NAME | dict(size=17))
    for i, (name, values, colour, digits) in enumerate(rows):
        y = middle + (1 - i) * 0.72
        ax.text(left - 0.15, y, name, ha="right", va="center", size=17)
        texts = [[f"{value:.{digits}f}" for value in values[largest]]]
        draw_numbers(ax, left, y - NUMBER / 2, texts, canvas.mix(COLORS[colour], "white", 0.6), width)
        ax.text(left + count * width + 0.1, y, "…", va="center", size=18)
    ax.text(6.65, 1.35, f"add up all {len(weights):,}:", ha="center", size=17)
    ax.text(6.65, 0.95, f"{features @ weights:.1f}", **canvas.NAME | dict(size=20))
    canvas.arrow(ax, [(4.15, middle), (4.45, middle)], COLORS["ink"])
    canvas.arrow(ax, [(8.6, middle), (9, middle)], COLORS["ink"])


def draw_difference(image, difference, names, title, covered=None):
    """Draws a photo, and beside it which of two names every place prefers: red the first, blue the second.

    image: (height, width, 3); difference: (rows, columns), above zero for the first of the two `names`. White is zero.
    The strongest place of each name, if it has one, is framed in both pictures. `covered`: row, column, height and
    width of places that another picture covers; they get a dashed frame.
    """
    difference, largest = np.asarray(difference), np.abs(difference).max()
    fig, (photo, numbers) = subplots(1, 2, figsize=(12.4, 6.2))
    frame = photo.imshow(image).get_extent()
    numbers.imshow(difference, cmap=SIGNED, vmin=-largest, vmax=largest, extent=frame, interpolation="nearest")
    _draw_grid(photo, difference.shape)
    for ax in (photo, numbers):
        bare(ax)
        for sign, colour in ((1, ABOVE), (-1, BELOW)):
            place = np.unravel_index((sign * difference).argmax(), difference.shape)
            if sign * difference[place] > 0:  # else no place prefers this name
                _frame_place(ax, place, difference.shape, colour)
        if covered:
            _dash_places(ax, covered, difference.shape, "covered" if ax is photo else "")
    _write_numbers(numbers, difference, lambda value: "white" if abs(value) > 0.6 * largest else COLORS["ink"], size=17)
    for x, name, side, colour in (
        (0, f"+ for “{names[0]}”", "left", ABOVE),
        (1, f"− for “{names[1]}”", "right", BELOW),
    ):
        look = dict(transform=numbers.transAxes, va="top", ha=side, size=16.5, weight="bold", color=colour)
        numbers.text(x, -0.02, name, **look)
    write_headline(photo, title)
    return fig


def _write_numbers(ax, values, ink, size):
    """Writes each value in its place; `ink` is a function of the value."""
    for place, value in np.ndenumerate(values):
        x, y, width, height = _box(ax, place, values.shape)
        text = f"{float(value):z.1f}".replace("-", "−")  # z: no minus before a zero
        ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", size=size, color=ink(value))


def _draw_grid(ax, shape):
    """Thin lines between the places."""
    for place in np.ndindex(shape):
        x, y, width, height = _box(ax, place, shape)
        ax.add_patch(Rectangle((x, y), width, height, fill=False, ec="white", lw=0.8, alpha=0.6))


def _box(ax, place, shape):
    """x, y, width and height of a place (row, column) of a grid that covers the picture in `ax`; y runs downwards."""
    left, right, bottom, top = ax.images[0].get_extent()
    width, height = (right - left) / shape[1], (bottom - top) / shape[0]
    return left + place[1] * width, top + place[0] * height, width, height


def _dash_places(ax, covered, shape, text):
    """A dashed frame around several places, with a text below."""
    row, column, rows, columns = covered
    x, y, width, height = _box(ax, (row, column), shape)
    look = dict(fill=False, ls=(0, (3, 2)), lw=2.6, zorder=5)
    ax.add_patch(Rectangle((x, y), columns * width, rows * height, ec=COLORS["ink"], **look))
    middle = x + columns * width / 2, y + (rows + 0.25) * height
    ground = dict(boxstyle="square,pad=0.15", fc="white", ec="none", alpha=0.85)
    ax.text(*middle, text, size=15, weight="bold", ha="center", va="center", zorder=6, bbox=ground)


def _frame_place(ax, place, shape, colour):
    x, y, width, height = _box(ax, place, shape)
    ax.add_patch(Rectangle((x, y), width, height, fill=False, ec=COLORS["ink"], lw=6))
    ax.add_patch(Rectangle((x, y), width, height, fill=False, ec=colour, lw=3.2))
