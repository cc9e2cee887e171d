"""What a figure shows and whether it can be read: its texts, their overlaps, and contrasts of colours."""

import itertools

import numpy as np
from matplotlib import colors


def texts(fig):
    """Every visible text of a figure with something written in it."""
    found = [*fig.texts, *(text for legend in fig.legends for text in legend.get_texts())]
    for ax in fig.axes:
        found += ax.texts
        if ax.get_legend():
            found += ax.get_legend().get_texts()
        if ax.axison:
            found += [ax.xaxis.label, ax.yaxis.label]
            for axis in (ax.xaxis, ax.yaxis):
                found += [tick.label1 for tick in axis.get_major_ticks() if _within(axis, tick.get_loc())]
    return [text for text in found if text.get_text() and text.get_visible()]


def _within(axis, place):
    low, high = sorted(axis.get_view_interval())
    return low <= place <= high


def headline(fig):
    """The title over the left edge of the first axes, without line breaks."""
    return fig.axes[0].get_title("left").replace("\n", " ")


def words(fig):
    return "\n".join(text.get_text() for text in texts(fig))


def check_layout(fig):
    """Every text is inside the figure and covers no other text; the headline, too."""
    fig.draw_without_rendering()  # it puts the labels of the axes in their places
    frame, boxes = fig.bbox, [(text.get_text(), text.get_window_extent()) for text in texts(fig)]
    titles = [
        child for ax in fig.axes for child in ax.get_children() if getattr(child, "get_text", str)() in _titles(ax)
    ]
    boxes += [(title.get_text(), title.get_window_extent()) for title in titles]
    for name, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= frame.x1 and box.y1 <= frame.y1
        assert inside, f"{name!r} is clipped"
    for (name, a), (other, b) in itertools.combinations(boxes, 2):
        overlap = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(overlap) <= 1, f"{name!r} covers {other!r} by {overlap} pixels"


def _titles(ax):
    return {ax.get_title(place) for place in ("left", "center", "right")} - {""}


def luminance(colour):
    """Relative luminance of a colour (WCAG 2.2)."""
    rgb = np.array(colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)


def contrast(one, other):
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lightness(colour):
    """CIE L*, 0 to 100, of colours that are not nearly black."""
    return 116 * luminance(colour) ** (1 / 3) - 16
