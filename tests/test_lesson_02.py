"""What the headlines of lesson 02 claim of the shipped network."""

import numpy as np
import pytest

from datasets import cifar10, measured, published
from surgery import gates, one, recalibrated, with_gates
from weights import small


@pytest.fixture(scope="module")
def top1():
    """Accuracy in % of a network on 500 test images of CIFAR-10, classes equally frequent."""
    _, (x, y) = cifar10()

    def accuracy(model):
        found = [np.argmax(model.predict_on_batch(part), axis=-1) for part in np.array_split(x[:500], 5)]
        return 100 * np.mean(np.concatenate(found) == y[:500])

    return accuracy


def test_most_of_the_collapse_was_stale_statistics(top1):
    (x, _), _ = cifar10()
    network = small()
    open_wide = with_gates(network, one)
    own, collapsed, renewed = top1(network), top1(open_wide), top1(recalibrated(open_wide, x[:500]))
    assert own > 85 and collapsed < own - 40
    assert renewed - collapsed > (own - collapsed) / 2


def test_each_photo_moves_the_faders():
    _, (x, _) = cifar10()
    last = gates(small(), x[:200])["block2e"]
    assert last.mean(axis=0).var() < 0.6 * last.var()


def test_ten_thousand_photos_say_the_same_with_fresh_statistics():
    rows = [row for row in measured("gates") if row["network"] == "small" and row["statistics"] == "recomputed"]
    top1 = {row["gates"]: round(row["top1"], 1) for row in rows}
    assert top1 == {"own": 88.7, "mean": 83.4, "half": 80.1, "one": 80.1, "next": 72.8}
    lost = [round(top1[a] - top1[b], 1) for a, b in (("own", "mean"), ("mean", "half"), ("own", "next"))]
    assert lost == [5.3, 3.3, 15.9] and round(lost[2]) == 16


def test_the_networks_own_gates_average_048_and_the_class_explains_little():
    rows = measured("gates_by_block")
    assert all(abs(row["mean"] - 0.48) < 0.035 for row in rows)
    (last,) = [row for row in rows if row["block"] == "block2e"]
    assert round(last["between_classes"]) == 12


def test_squeeze_and_excitation_takes_an_eighth_of_the_time():
    ms = {row["model"]: row["ms_median"] for row in measured("latency") if row["batch"] == 16}
    assert round(100 * (1 - ms["b0 without squeeze-and-excitation"] / ms["b0"])) == 13


def test_a_bottleneck_may_be_narrow_within_limits():
    errors = {}
    for row in published("senet_ablations"):
        if row["ablation"] == "reduction_ratio":
            errors[row["setting"]] = row["top1_err"]
    equal = [errors[ratio] for ratio in ("2", "4", "8", "16")]
    assert max(equal) - min(equal) < 0.05 and errors["32"] - errors["16"] == pytest.approx(0.44)
    assert errors["original ResNet-50"] - errors["16"] == pytest.approx(1.02)
