"""The palette, one colour for one thing, and what every picture shares: its defaults, its numbers, how it is shown."""

import base64
import io
import re
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib import colors, ticker
from PIL import Image
from PIL.PngImagePlugin import PngInfo

# Each of the five stands at least 3:1 against white, and any two differ in lightness (CIE L*) by at least 8: they stay
# apart in greyscale and for the colour-blind. With so few, a colour serves several groups, but one thing in each.
NAVY, ORANGE, GREEN, RED, PURPLE = SERIES = ("#15305B", "#D17F00", "#15837D", "#B3263E", "#6A2C91")
MARKERS = ("o", "s", "^", "D", "v")
DASHES = ("-", "--", "-.", ":", (0, (8, 2)))

PAGE = {
    "ink": "#1F2933",
    "muted": "#66727F",
    "line": "#D5DBE1",
    "feature": "#8B99A8",  # a feature map that comes from elsewhere
    "accent": RED,
}
OPERATORS = {"expand": NAVY, "depthwise": GREEN, "se": ORANGE, "project": RED, "skip": PURPLE}
SCALING = {"depth": NAVY, "width": ORANGE, "resolution": GREEN, "compound": RED}
FAMILIES = {
    "EfficientNet": RED,
    "B0 to B7": RED,
    "EfficientNetV2": PURPLE,
    "ResNet": NAVY,
    "RegNetY": ORANGE,
    "ConvNeXt": GREEN,
    "MobileNetV1": GREEN,  # nowhere beside ConvNeXt
    "MobileNetV2": ORANGE,  # nowhere beside RegNetY
}
CONVOLUTIONS = {
    "dense": PAGE["muted"],
    "depthwise": GREEN,
    "pointwise": NAVY,
    "separable": GREEN,  # a depthwise and a pointwise one
}  # the pointwise ones of MBConv expand or project
THINGS = OPERATORS | CONVOLUTIONS | SCALING | FAMILIES
COLORS = PAGE | THINGS

RAMP = colors.LinearSegmentedColormap.from_list("stages", ("#BFE3DC", "#3F9C9A", "#23527F", "#141F47"))
GUESSING = 10  # top-1 in % of who guesses among ten classes
HEAT = "inferno"  # lightness rises steadily with the value


def colours_of(names, shared=False):
    """A colour for each name of a chart: that of the thing it speaks of, and for the others the ones left over.

    "plain: ResNet" and "ResNet-50" speak of ResNet, "ResNeXt" does not. Where two names speak of one thing, only the
    first has its colour, unless it is `shared`, as it can be where each name is written beside its values.
    """
    chosen = {}
    for name in names:
        colour = next((THINGS[thing] for thing in THINGS if re.search(rf"\b{thing}\b", str(name))), None)
        if colour and (shared or colour not in chosen.values()):
            chosen[name] = colour
    left_over = [colour for colour in (*SERIES, PAGE["muted"]) if colour not in chosen.values()] or list(SERIES)
    others = [name for name in names if name not in chosen]
    chosen |= {name: left_over[i % len(left_over)] for i, name in enumerate(others)}
    return chosen


def white_or_ink(colour):
    """The colour of letters on `colour` that has more contrast (WCAG 2 relative luminance)."""
    rgb = np.array([colors.to_rgb(colour), colors.to_rgb(COLORS["ink"])])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    under, ink = linear @ (0.2126, 0.7152, 0.0722)
    return "white" if 1.05 / (under + 0.05) > (under + 0.05) / (ink + 0.05) else COLORS["ink"]


def use_style():
    """Sets matplotlib's defaults for a projector. The drawings call it; a chart of your own needs it once before."""
    plt.rcParams.update({
        "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
        "font.size": 13, "axes.labelsize": 15, "xtick.labelsize": 14.5, "ytick.labelsize": 14.5, "axes.titlesize": 15,
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


def subplots(*counts, **options):
    """`plt.subplots` in the style of the series."""
    use_style()
    return plt.subplots(*counts, **options)


def short(number):
    """A count in three digits: 385814752 -> "386 M"."""
    for unit, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * unit:  # 999.6 in three digits is 1.00 k
            return f"{number / unit:#.3g}".rstrip(".") + suffix
    return f"{number:.0f}"


def log_scales(ax, names, ticks=None):
    """Makes the axes among `names`, "x", "y", "xy" or "", logarithmic, with plain numbers.

    They stand at `ticks`, else at 1, 2, 5, 10 ... or, over many decades, at 1, 10 ...
    """
    ax.autoscale_view()
    for name in names:
        ax.set(**{f"{name}scale": "log"})
        axis = getattr(ax, f"{name}axis")
        low, high = axis.get_view_interval()
        steps = (1, 2, 5) if high / low < 300 else (1,)
        axis.set_major_locator(ticker.FixedLocator(ticks) if ticks else ticker.LogLocator(subs=steps))
        axis.set_minor_locator(ticker.NullLocator())
        axis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))


def name_rows(ax, names):
    """Makes the y axis a list of names, from top to bottom at 0, 1, 2 ..., as bars and dots beside them need it."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)


def bare(ax):
    """Leaves of the axes what is drawn in them: no ticks, no grid, no frame."""
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def show(fig, alt, photo=False):
    """Displays a figure in a notebook, with a folded *Picture in words* under it, and closes it.

    The words are in the picture's metadata as well, but no notebook application hands those on to a screen reader.
    `alt` says in at least 20 characters what the figure shows, else ValueError. A script shows nothing.
    `photo`: it shows colour photos, see `png`.
    """
    if not isinstance(alt, str) or len(alt.strip()) < 20:
        raise ValueError(f"alt is {alt!r}; allowed: a text of at least 20 characters that says what the figure shows.")
    if get_ipython():
        picture = base64.b64encode(png(fig, photo=photo, bbox_inches="tight", pad_inches=0.1)).decode()
        display({"image/png": picture, "text/plain": str(fig)}, raw=True, metadata={"image/png": {"alt": alt.strip()}})
        display({"text/html": in_words(alt), "text/plain": f"Picture in words: {alt.strip()}"}, raw=True)
    plt.close(fig)


def in_words(alt):
    """The folded block that says what a picture shows: read aloud by Notebook, JupyterLab, Colab and GitHub alike."""
    return f'<details class="words"><summary>Picture in words</summary>{escape(alt.strip())}</details>'


def png(fig, texts=None, photo=False, **options):
    """A small PNG: 256 colours, and nothing about the software, so that equal figures give equal bytes.

    `texts`: dict of name -> text, stored in the file. `options` go to Figure.savefig. With `photo` the colours are
    spread over all that occur, and mixed in dots, so that small patches of a photo keep theirs; the file is larger.
    """
    buffer, result, info = io.BytesIO(), io.BytesIO(), PngInfo()
    fig.savefig(buffer, format="png", facecolor="white", **options)
    for name, text in (texts or {}).items():
        info.add_itxt(name, text)
    image = Image.open(buffer).convert("RGB")
    if photo:
        palette = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
        page = Image.fromarray((np.asarray(image) == 255).all(axis=-1))
        image = image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        _whiten(image, page)
    else:
        image = image.quantize(256, kmeans=1)
    image.save(result, format="png", optimize=True, pnginfo=info)
    return result.getvalue()


def _whiten(image, page):
    """Makes the page of a picture of 256 colours white, where a near white of a photo has taken its place."""
    colours = np.reshape(image.getpalette(), (-1, 3))
    lightest = int(colours.min(axis=1).argmax())
    if page.getbbox():
        colours[lightest] = 255
        image.putpalette(colours.ravel().tolist())
        image.paste(lightest, (0, 0, *image.size), page)
