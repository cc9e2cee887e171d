"""Drawing of receptive fields on the photo that a network is shown."""

from matplotlib import patheffects
from matplotlib.patches import Rectangle

from figures import canvas
from figures.style import COLORS

SIDE, GAP, EDGE = 3.9, 0.4, 0.3  # of a photo, between two, around all; in inches
FOOT, HEAD = 1.2, 0.75
SQUARES = "A square: what the map's middle sees through convolutions, in % of the width."


def draw_fields(panels, title):
    """Draws photos side by side, equally large, and on each the squares that one number in the middle of a map sees.

    `panels`: dict of caption -> (photo (size, size, 3), fields, note); fields: dict of name -> pixels a side, on the
    photo's own scale; those larger than the photo are left out.
    """
    width = 2 * EDGE + len(panels) * SIDE + (len(panels) - 1) * GAP
    fig, ax = canvas.new(width, FOOT + SIDE + HEAD, title)
    left = EDGE
    for caption, (photo, fields, note) in panels.items():
        picture = canvas.picture(fig, left, FOOT, SIDE, SIDE, photo)
        for name, pixels in fields.items():
            if pixels <= len(photo):
                _draw_square(picture.axes, name, pixels, len(photo))
        ax.text(left + SIDE / 2, FOOT - 0.35, caption, **canvas.CAPTION)
        canvas.write_lines(ax, left + SIDE / 2, FOOT - 0.66, [note], 15)
        left += SIDE + GAP
    ax.text(EDGE, 0.12, SQUARES, size=15, color=COLORS["muted"])
    return fig


def _draw_square(ax, name, pixels, size):
    """A square in the middle of a photo of `size` pixels, dark at its edges, its name on the lower right corner."""
    start = (size - pixels) / 2 - 0.5
    square = Rectangle((start, start), pixels, pixels, fill=False, ec="white", lw=2.6, clip_on=False)
    square.set_path_effects([patheffects.Stroke(linewidth=5, foreground=COLORS["ink"]), patheffects.Normal()])
    ax.add_patch(square)
    ground = dict(boxstyle="square,pad=0.1", fc="white", ec=COLORS["ink"], lw=0.8)
    corner = start + pixels
    ax.text(corner, corner, name, size=15, va="center", ha="right", bbox=ground, color=COLORS["ink"])
