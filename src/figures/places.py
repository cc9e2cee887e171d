"""Where in a photo the evidence for a name lies: a grid of places, each with one number."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from figures.convolution import SIGNED
from figures.labels import write_headline
from figures.style import COLORS, HEAT, bare, use_style

ABOVE, BELOW = SIGNED(1.0), SIGNED(0.0)


def draw_places(images, maps, names, title, roles=()):
    """Draws photos, and under each how much every place speaks for its name; the strongest place is framed in both.

    images: n of (height, width, 3); maps: n of (rows, columns), all on one scale that begins at 0, where no place that
    is above it means no frame; names: n texts; `roles`: what each name is, as "the truth", n texts or none.
    """
    use_style()
    fig, axes = plt.subplots(2, len(images), figsize=(3.6 * len(images) + 1, 7.6), squeeze=False)
    for column, (image, values, name) in enumerate(zip(images, maps, names)):
        photo, below = axes[:, column]
        frame = photo.imshow(image).get_extent()
        shown = below.imshow(values, cmap=HEAT, vmin=0, vmax=np.max(maps), extent=frame, interpolation="nearest")
        strongest = np.unravel_index(np.argmax(values), np.shape(values))
        for ax in (photo, below):
            bare(ax)
            if np.max(values) > 0:
                _frame_place(ax, strongest, np.shape(values), "white")
        role = f"{roles[column]}: " if roles else ""
        below.set_xlabel(f"{role}“{name}”", size=19, labelpad=8)
    bar = fig.colorbar(shown, ax=axes.ravel().tolist(), pad=0.015, aspect=30)
    bar.set_label("evidence for the name", size=19)
    bar.ax.tick_params(labelsize=17)
    bar.outline.set_visible(False)
    write_headline(axes[0, 0], title)
    return fig


def draw_difference(image, difference, names, title):
    """Draws a photo, and beside it which of two names every place prefers: red the first, blue the second.

    image: (height, width, 3); difference: (rows, columns), above zero for the first of the two `names`. White is zero.
    The strongest place for either name is framed in both pictures.
    """
    use_style()
    difference, largest = np.asarray(difference), np.abs(difference).max()
    fig, (photo, numbers) = plt.subplots(1, 2, figsize=(12.4, 6.2))
    frame = photo.imshow(image).get_extent()
    shown = numbers.imshow(difference, cmap=SIGNED, vmin=-largest, vmax=largest, extent=frame, interpolation="nearest")
    for ax in (photo, numbers):
        bare(ax)
        for extreme, colour in ((difference.argmax(), ABOVE), (difference.argmin(), BELOW)):
            _frame_place(ax, np.unravel_index(extreme, difference.shape), difference.shape, colour)
    for place, value in np.ndenumerate(difference):
        x, y, width, height = _box(numbers, place, difference.shape)
        ink = "white" if abs(value) > 0.6 * largest else COLORS["ink"]
        text = f"{round(float(value), 1) + 0:.1f}".replace("-", "−")
        numbers.text(x + width / 2, y + height / 2, text, ha="center", va="center", size=14, color=ink)
    bar = fig.colorbar(shown, ax=numbers, pad=0.02, aspect=17, shrink=0.93)
    bar.set_label(f"“{names[0]}” minus “{names[1]}”", size=15)
    bar.outline.set_visible(False)
    write_headline(photo, title)
    return fig


def _box(ax, place, shape):
    """x, y, width and height of a place (row, column) of a grid that covers the picture in `ax`; y runs downwards."""
    left, right, bottom, top = ax.images[0].get_extent()
    width, height = (right - left) / shape[1], (bottom - top) / shape[0]
    return left + place[1] * width, top + place[0] * height, width, height


def _frame_place(ax, place, shape, colour):
    x, y, width, height = _box(ax, place, shape)
    ax.add_patch(Rectangle((x, y), width, height, fill=False, ec=COLORS["ink"], lw=6))
    ax.add_patch(Rectangle((x, y), width, height, fill=False, ec=colour, lw=3.2))
