"""Pictures of a network that leaves show the numbers they are given."""

import matplotlib

matplotlib.use("agg")

from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from figures import export
from figures.style import COLORS
from picture_layout import check_layout, words


def test_folding_shows_each_layer_and_each_number():
    before = [("convolution", "× 2", 10), ("batch norm", "− 1", 9)]
    fig = export.draw_fold(5, before, [("convolution", "× 2, − 1", 9)], "Found")
    written = words(fig).splitlines()
    assert [written.count(text) for text in ("5", "10", "9", "convolution", "batch norm", "Found")] == [
        2,
        1,
        2,
        2,
        1,
        1,
    ]
    colours = [patch.get_facecolor() for patch in fig.axes[0].patches if isinstance(patch, Rectangle)]
    assert [colours.count(to_rgba(colour)) for colour in export.LAYERS.values()] == [2, 1]
    check_layout(fig)


def test_an_outlier_leaves_fewer_places():
    fig = export.draw_outlier([0, 1, 2, 3], 9, places=4, title="Found")
    counted = [text for text in words(fig).split("\n") if text.startswith("on ")]
    assert counted == ["on 4 places", "on 2 places"]  # at 0 and at 3, where 2 goes as well
    check_layout(fig)


def test_files_have_a_bar_for_each_value_that_is_known():
    fig = export.draw_files(
        {"float": [18.6, 12, 0], "int8": [5.0, None, 84]}, ["MB", "ms", "changed"], "Found", ["int8"]
    )
    widths = [[bar.get_width() for bar in ax.patches] for ax in fig.axes]
    assert widths == [[18.6, 5.0], [12], [0, 84]]
    texts = [[text.get_text().strip() for text in ax.texts] for ax in fig.axes]
    assert texts == [["18.6", "5.0"], ["12", "not published"], ["0", "84"]]
    assert [bar.get_facecolor() == to_rgba(COLORS["accent"]) for bar in fig.axes[0].patches] == [False, True]
    check_layout(fig)
