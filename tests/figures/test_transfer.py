"""Pictures of transfer learning show the numbers they are given."""

import re

import matplotlib

matplotlib.use("agg")

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.text import Annotation

from architecture import plan
from datasets import measured
from figures import transfer
from intervals import wilson
from picture_layout import check_layout, headline, words

NETWORK = plan(replace(plan("lite0").scale, resolution=128), include_top=False)


def boxes(fig, colour):
    return sum(patch.get_facecolor() == to_rgba(colour) for patch in fig.axes[0].patches)


def test_steps_free_the_head_then_what_follows_a_block():
    fig = transfer.draw_steps(NETWORK, "7a", list("abcde"), "Found")
    assert boxes(fig, transfer.TRAINED) == 1 + 3  # a head; a head, the top and block 7a
    assert boxes(fig, transfer.FROZEN) == 3 * 18 + 1 - 2
    head = 1280 * 5 + 5
    block = 192 * 1152 + 9 * 1152 + 1152 * 320 + 320 * 1280  # Table 1, without batch norm
    assert f"{head:,} weights learn" in words(fig) and f"{head + block:,} weights learn" in words(fig)
    assert "5 names" in words(fig) and "a,\nb, …" in words(fig)
    check_layout(fig)
    assert boxes(transfer.draw_steps(NETWORK, "1a", ["cat"], "Found"), transfer.TRAINED) == 1 + 18


def history(training, validation):
    return {"accuracy": training, "val_accuracy": validation}


def test_training_goes_on_from_stage_to_stage():
    fig = transfer.draw_training({"head": history([0.5, 0.9], [0.6, 0.8]), "block": history([0.7], [0.85])}, "Found")
    training, validation, border = fig.axes[0].lines
    assert np.allclose(training.get_xydata(), [[1, 50], [2, 90], [3, 70]])
    assert np.allclose(validation.get_xydata(), [[1, 60], [2, 80], [3, 85]])
    assert list(border.get_xdata()) == [2.5, 2.5]  # no line after the last stage
    places = {text.get_text(): text.get_position()[0] for text in fig.axes[0].texts}
    assert (places["head"], places["block"]) == (1.5, 3)
    assert {"training", "validation"} <= set(words(fig).splitlines()) and headline(fig) == "Found"
    check_layout(fig)


def test_recall_sorts_the_classes_and_draws_their_intervals():
    fig = transfer.draw_recall(["cat", "lynx", "dog"], [8, 0, 9], [10, 0, 10], "Found")
    (ax,) = fig.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat  (8 of 10)", "dog  (9 of 10)"]
    spans = [line.get_xdata() for line in ax.lines if line.get_marker() == "|"]
    assert np.allclose(spans, 100 * np.array([wilson(8, 10), wilson(9, 10)]))
    assert "balanced accuracy: 85 %" in words(fig) and headline(fig) == "Found"
    check_layout(fig)


def test_the_study_draws_means_and_seeds_and_names_what_learns():
    top1 = {("frozen", 224): [80.0, 90.0], ("frozen", 32): [40.0, 50.0], ("fine-tuned, batch norm trained", 32): [10.0]}
    fig = transfer.draw_transfer(top1, "Found")
    (ax,) = fig.axes
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xydata().tolist() for line in lines] == [[[32, 45], [224, 85]], [[32, 10]]]
    assert to_hex(lines[0].get_color()) == to_hex(transfer.REGIMES["frozen"][0])
    dots = [line.get_ydata().tolist() for line in ax.lines if line.get_marker() == "."]
    assert dots == [[40, 50], [80, 90], [10]]
    (chance,) = [line for line in ax.lines if line.get_marker() not in (".", "o")]
    assert set(chance.get_ydata()) == {10}
    ends = {text.get_text(): text.xy for text in ax.texts if isinstance(text, Annotation)}
    means = {"45": (32, 45), "85": (224, 85)}
    assert ends == {"head only": (224, 85), "all layers, norm trained": (32, 10)} | means
    assert [text.get_text() for text in ax.texts if not isinstance(text, Annotation)] == ["chance"]
    assert headline(fig) == "Found"
    check_layout(fig)


@pytest.mark.parametrize(("side", "zeros"), [(1, 24), (3, 16), (7, 0)])
def test_padding_counts_the_zeros_that_a_kernel_meets(side, zeros):
    fig = transfer.draw_padding({32: side}, "Found")
    assert [text.get_text() for text in fig.axes[0].texts].count("0") == zeros
    assert boxes(fig, transfer.FROZEN) == side**2
    assert (f"{zeros} zeros" in words(fig)) == (zeros > 0)
    check_layout(fig)


def test_confusions_are_shares_of_the_truth_and_leave_out_what_is_right():
    fig = transfer.draw_confusion({"32 px": [[8, 2], [0, 5]]}, ["cat", "dog"], "Found")
    shown = fig.axes[0].images[0].get_array()
    assert shown.tolist() == [[0, 20], [0, 0]]
    assert [text.get_text() for text in fig.axes[0].texts] == ["20"]


def test_the_rest_of_the_study_shows_its_rows(monkeypatch):
    shown = {}
    monkeypatch.setattr(transfer, "folded_figures", lambda summary, figures: figures)
    for alt, fig in transfer.folded_study().items():
        shown[alt.split()[0]] = fig.axes
    rows = [row for row in measured("transfer") if (row["network"], row["regime"]) == ("lite0", "frozen")]
    rows = [row for row in rows if (row["optimizer"], row["images"]) == ("Adam", 3000)]
    for line, size in zip(shown["Test"][0].lines, (32, 96, 224), strict=True):
        last = [float(row["curve"].split()[-1]) for row in rows if row["resolution"] == size]
        assert np.isclose(line.get_ydata()[-1], np.mean(last)) and len(last) == 3
        gained = line.get_ydata()[-1] - line.get_ydata()[9]
        assert abs(gained) < 1, "all flatten early"
    confused = [axes.images[0].get_array() for axes in shown["Confusions"]]
    assert (confused[0] > 5).sum() > 40 > 10 > (confused[1] > 5).sum()
    check_layout(shown["Test"][0].figure)


def test_folded_figures_have_their_alternative_texts():
    fig = transfer.draw_recall(["cat"], [1], [2], "Found")
    found = transfer.folded_figures("More & more", {'One "class"': fig}).data
    assert found.startswith("<details><summary>More &amp; more</summary>") and found.endswith("</details>")
    assert re.findall('<img alt="([^"]*)" src="data:image/png;base64,', found) == ["One &quot;class&quot;"]
