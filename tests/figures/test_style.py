"""The palette tells things apart, also in grey; numbers are short; a picture is shown with its text."""

import base64
import io
import itertools

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from figures import style
from picture_layout import contrast, lightness

ALT = "Two points joined by a straight line that rises"


# ---------------------------------------------------------------- palette


@pytest.mark.parametrize(
    "group", [style.SERIES, style.OPERATORS.values(), style.SCALING.values()], ids=["series", "operators", "scaling"]
)
def test_colours_of_a_group_differ_in_grey_and_stand_out_on_white(group):
    for one, other in itertools.combinations(group, 2):
        assert abs(lightness(one) - lightness(other)) >= 8, (one, other)
    for colour in group:
        assert contrast(colour, "white") >= 3, colour


@pytest.mark.parametrize(
    "chart",
    [
        ("EfficientNet", "EfficientNetV2", "ConvNeXt", "RegNetY", "ResNet"),  # lesson 05
        ("MobileNetV1", "MobileNetV2", "ResNet-50", "EfficientNet-B0"),  # lesson 04
        ("published", "plain: EfficientNet", "plain: RegNetY", "plain: ResNet"),  # a thing among other words
    ],
)
def test_names_of_one_chart_have_different_colours(chart):
    chosen = style.colours_of(chart)
    assert set(chosen) == set(chart)
    assert all(colour == style.COLORS.get(name, colour) for name, colour in chosen.items())
    for one, other in itertools.combinations(chosen.values(), 2):
        assert abs(lightness(one) - lightness(other)) >= 8


def test_a_thing_has_its_colour_in_every_chart():
    for thing in ("depth", "compound", "ResNet", "depthwise"):
        names = ["something else", f"minus {thing}, 2 ×", "more"]
        assert style.colours_of(names)[names[1]] == style.COLORS[thing]
    assert style.colours_of(["ResNeXt"])["ResNeXt"] == style.SERIES[0], "another word is another thing"


def test_rows_that_carry_their_names_may_share_a_colour():
    names = ["2 ×, minus depth", "4 ×, minus depth"]
    assert len(set(style.colours_of(names, shared=True).values())) == 1
    assert len(set(style.colours_of(names).values())) == 2


def test_more_names_than_colours():
    names = [f"number {i}" for i in range(9)]
    chosen = style.colours_of(names)
    assert list(chosen) == names and [chosen[name] for name in names[:5]] == list(style.SERIES)


def test_texts_can_be_read_on_white_and_on_colours():
    for role in ("ink", "muted", "accent", "skip"):
        assert contrast(style.COLORS[role], "white") >= 4.5, f"{role} is a colour of text"
    for colour in style.COLORS.values():
        other = {"white", style.COLORS["ink"]} - {style.white_or_ink(colour)}
        assert contrast(style.white_or_ink(colour), colour) > contrast(*other, colour)


def test_stages_get_steadily_darker():
    shades = [lightness(style.RAMP(i / 8)) for i in range(9)]
    assert all(a - b >= 4 for a, b in itertools.pairwise(shades))


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "number, text",
    [(0, "0"), (768, "768"), (999.6, "1.00 k"), (4032, "4.03 k"), (385_814_752, "386 M"), (37_745_884_192, "37.7 G")],
)
def test_short(number, text):
    assert style.short(number) == text


@pytest.mark.parametrize("limits, expected", [((0.8, 30), [1, 2, 5, 10, 20]), ((0.5, 2000), [1, 10, 100, 1000])])
def test_ticks_of_a_log_axis_are_plain_numbers(limits, expected):
    ax = plt.figure().add_subplot(xlim=limits)
    style.log_scales(ax, "x")
    shown = [tick for tick in ax.get_xticks() if limits[0] <= tick <= limits[1]]
    assert shown == pytest.approx(expected)
    assert [ax.xaxis.get_major_formatter()(tick) for tick in shown] == [str(number) for number in expected]


def test_rows_are_named_from_top_to_bottom():
    ax = plt.figure().add_subplot()
    style.name_rows(ax, {"first": "a key", "second": "another"})
    assert list(ax.get_yticks()) == [0, 1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    (_, first), (_, second) = ax.transLimits.transform([(0, 0), (0, 1)])  # 0 at the foot of the axes, 1 at the top
    assert (first, second) == pytest.approx((0.75, 0.25))


# ---------------------------------------------------------------- show


def straight_line():
    fig, ax = plt.subplots()
    ax.plot([0, 1])
    return fig


def test_show_stores_the_alt_text_in_a_notebook(monkeypatch):
    shown = []
    monkeypatch.setattr(style, "get_ipython", lambda: "a kernel")
    monkeypatch.setattr(style, "display", lambda data, raw, metadata=None: shown.append((data, metadata)))
    for _ in range(2):
        style.show(straight_line(), alt=f" {ALT} ")
    pictures, words = shown[::2], shown[1::2]
    for data, metadata in pictures:
        assert metadata == {"image/png": {"alt": ALT}}
        assert data["text/plain"].startswith("Figure(")
        assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size[0] > 300
    assert pictures[0] == pictures[1], "equal figures give equal bytes"
    for data, _ in words:  # read where the metadata is not
        assert data["text/html"].startswith("<details") and ALT in data["text/html"] and ALT in data["text/plain"]
    assert not plt.get_fignums(), "closed: the inline backend shows no figure of its own"


@pytest.mark.parametrize("alt", [None, "", "a chart", " " * 30, 12345])
def test_show_refuses_a_missing_alt_text(alt):
    with pytest.raises(ValueError, match="alt is .*allowed") as error:
        style.show(plt.figure(), alt=alt)
    assert "\n" not in str(error.value)


def test_show_in_a_script_closes_the_figure():
    style.show(plt.figure(), alt=ALT)
    assert not plt.get_fignums()


def test_equal_figures_give_equal_bytes_that_name_no_software():
    first, second = style.png(straight_line()), style.png(straight_line())
    assert first == second
    assert b"Software" not in first and b"matplotlib" not in first
    assert Image.open(io.BytesIO(style.png(straight_line(), {"Description": "ä"}))).text == {"Description": "ä"}


def test_a_photo_keeps_its_colours_on_average():
    photo = np.zeros((200, 200, 3))
    photo[..., 0], photo[..., 1] = np.meshgrid(np.linspace(0, 1, 200), np.linspace(0, 1, 200))
    photo[..., 2] = (1 - photo[..., 0]) * photo[..., 1]
    fig = plt.figure(figsize=(2, 2), layout="none")
    fig.add_axes((0, 0, 1, 1)).imshow(photo)
    fig.axes[0].axis("off")

    def error(data):
        """Of the mean colours of squares of 4 x 4 pixels, 0 to 255."""
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float)
        squares = (pixels - 255 * photo).reshape(50, 4, 50, 4, 3).mean((1, 3))
        return np.abs(squares).mean()

    assert error(style.png(fig, photo=True)) < error(style.png(fig)) / 2


def test_the_page_around_a_pale_photo_stays_white():
    fig = plt.figure(figsize=(2, 2), layout="none")
    pale = np.random.default_rng(0).uniform(0.97, 1, (200, 200, 3)) ** [1, 2, 3]
    fig.add_axes((0.1, 0, 0.9, 1)).imshow(pale)
    fig.axes[0].axis("off")
    pixels = np.asarray(Image.open(io.BytesIO(style.png(fig, photo=True))).convert("RGB"))
    assert (pixels[:, :15] == 255).all()
