"""The all-reduce adds up what it is given, and bars end at their values."""

import matplotlib

matplotlib.use("agg")

import pytest
from matplotlib.colors import to_hex

from figures import machines
from figures.style import COLORS
from picture_layout import check_layout, headline, words


@pytest.mark.parametrize("devices, images", [(2, 2), (2, 8), (4, 8), (3, 9)])
def test_an_all_reduce_ends_at_the_mean_of_all_images(devices, images):
    gradients = [3 * i % 8 for i in range(images)]
    fig = machines.draw_all_reduce(gradients, devices, "All get the sum")
    said = [text.get_text() for text in fig.axes[0].texts]
    mean = sum(gradients) / images
    assert said.count(f"w ← w − rate × {mean:g}") == devices
    assert [text for text in said if text.startswith("all-reduce")][0].endswith(f" = {mean:g}, handed back to all")
    assert sum(text.startswith("device ") for text in said) == devices
    assert sum(text in {f"{gradient:g}" for gradient in gradients} for text in said) == images
    assert "All get the sum" in said
    check_layout(fig)


@pytest.mark.parametrize("devices", [3, 4])
def test_a_ring_ends_with_every_sum_on_every_device(devices):
    gradients = [[3 * i + 5 * j + i * j for j in range(devices)] for i in range(devices)]
    fig = machines.draw_ring(gradients, "All get the sums")
    ax, moments = fig.axes[0], 2 * devices - 1
    squares = [patch for patch in ax.patches if to_hex(patch.get_facecolor()) == to_hex(COLORS["accent"])]
    numbers = [text for text in ax.texts if text.get_text().isdigit()]
    last = [int(text.get_text()) for text in numbers[-(devices**2) :]]
    assert last == [sum(column) for column in zip(*gradients)] * devices
    handed = (moments - 1) * devices  # each with an arrow
    assert len(numbers) == moments * devices**2 == len(ax.patches) - handed
    assert len(squares) == devices * sum(range(1, devices + 1)), "one complete piece more in each round of copying"
    framed = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()) == to_hex(COLORS["ink"])]
    assert len(framed) == 2 * handed, "each device gets one piece a round: a frame, and an arrow into it"
    check_layout(fig)


def test_bars_end_at_their_values_with_texts_beside_them():
    fig = machines.draw_bars({"slow": 134.0, "fast": 15.2}, "time (ms)", "Nine times", {"slow": "134 ms"}, ["slow"])
    slow, fast = fig.axes[0].patches
    assert (slow.get_width(), fast.get_width()) == (134.0, 15.2)
    assert slow.get_y() < fast.get_y() and fig.axes[0].get_ylim()[0] > fig.axes[0].get_ylim()[1]
    assert to_hex(slow.get_facecolor()) == to_hex(COLORS["accent"]) != to_hex(fast.get_facecolor())
    assert "134 ms" in words(fig) and "15.2" in words(fig) and headline(fig) == "Nine times"
    check_layout(fig)


def test_bars_over_many_decades_stand_on_a_log_axis():
    fig = machines.draw_bars({"a": 13000.0, "b": 23.0}, "hours", "Years and hours", ticks=(10, 100, 1000, 10000))
    assert fig.axes[0].get_xscale() == "log" and list(fig.axes[0].get_xticks()) == [10, 100, 1000, 10000]
    low, high = fig.axes[0].get_xlim()
    assert low < 23 and high > 13000
    check_layout(fig)
