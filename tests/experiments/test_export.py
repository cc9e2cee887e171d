"""The export experiment: its head and its rounding are right, the table agrees with the code."""

from time import sleep
from types import SimpleNamespace

import numpy as np
import pytest

import export
from architecture import EfficientNet, Scale, plan
from datasets import PHOTOS, measured
from experiments import export as experiment

RANDOM = np.random.default_rng(0)


def test_the_linear_head_is_the_posterior_of_gaussians():
    """With one covariance for all classes, equally frequent: computed here from the densities."""
    labels = np.arange(300) % 3
    x = RANDOM.normal(size=(300, 4)) @ RANDOM.normal(size=(4, 4)) + RANDOM.normal(size=(3, 4))[labels]
    kernel, bias = experiment.linear_head(x, labels, shrinkage=0)
    means = [x[labels == k].mean(0) for k in range(3)]
    scatter = sum(np.cov(x[labels == k].T, bias=True) * 100 for k in range(3)) / 297
    apart = [x - m for m in means]
    density = np.stack([np.exp(-0.5 * (a @ np.linalg.inv(scatter) * a).sum(1)) for a in apart], axis=1)
    logits = np.exp(x @ kernel + bias)
    np.testing.assert_allclose(
        logits / logits.sum(1, keepdims=True), density / density.sum(1, keepdims=True), atol=1e-4
    )


@pytest.mark.parametrize("per", ["channel", "layer"])
def test_rounded_weights_have_few_values(per):
    folded = export.fold(EfficientNet(Scale(0.25, 0.25, 32), classes=4))
    rounded = experiment.rounded(folded, per)
    for layer in rounded.layers:
        if hasattr(layer, "kernel"):
            kernel, exact = layer.get_weights()[0], folded.get_layer(layer.name).get_weights()[0]
            width = np.abs(exact).max() / 127
            assert np.abs(kernel - exact).max() <= width / 2 * 1.001
            whole = kernel / width
            assert per == "channel" or np.allclose(whole, np.round(whole), atol=1e-3)


def test_a_policy_of_16_bits_keeps_weights_and_the_last_layer():
    tiny = EfficientNet(Scale(0.25, 0.25, 32), classes=4)
    half = experiment.in_policy(tiny, "mixed_bfloat16")
    assert half.layers[-1].compute_dtype == "float32" and half.get_layer("stem_conv").compute_dtype == "bfloat16"
    for before, after in zip(tiny.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    x = RANDOM.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    assert 0 < np.abs(np.asarray(half(x)) - np.asarray(tiny(x))).max() < 0.05


def test_answers_won_and_lost_are_counted_against_keras():
    labels, before = np.array([0, 1, 2, 3, 4]), np.array([0, 1, 9, 9, 9])
    found = experiment.compared(np.array([0, 8, 2, 3, 8]), before, labels)
    assert found == dict(top1=60.0, won=2, lost=1, agreement=20.0, test_images=5)


def test_the_rows_are_those_of_the_table(monkeypatch):
    answers = np.eye(10, dtype="float32")
    network = SimpleNamespace(input_shape=(None, 8, 8, 3))

    def runners(model):  # the second format is late, and wrong about everything
        return {
            "Keras": (lambda x: answers[: len(x)], 80),
            "slow": (lambda x: sleep(0.01) or answers[1:][: len(x)], ""),
        }

    monkeypatch.setattr(experiment, "runners", runners)
    monkeypatch.setattr(experiment, "timed", lambda name: network)
    monkeypatch.setattr(experiment, "judge", lambda name, images: {"Keras": dict(top1=50)} if name == "lite0" else {})
    monkeypatch.setattr(experiment, "machine", lambda: ([lambda: None] * 2, [1, 1]))
    monkeypatch.setattr(experiment, "SPAN", 0)
    monkeypatch.setattr(experiment, "BATCHES", (1, 5))
    rows = experiment.measure(rounds=3, networks=("lite0", "b0"))
    points = [(row["network"], row["batch"], row["format"]) for row in rows]
    assert points[:4] == [("lite0", 1, "Keras"), ("lite0", 1, "slow"), ("lite0", 5, "Keras"), ("lite0", 5, "slow")]
    assert len(points) == 8 and rows[0]["top1"] == 50 and "top1" not in rows[-1]
    first, slow = rows[:2]
    assert (first["photos_same"], first["photos"], first["max_difference"], first["ratio_median"]) == (5, 5, 0, 1)
    assert (slow["photos_same"], slow["max_difference"]) == (0, 1) and slow["ratio_median"] > 5


def test_the_recorded_files_say_the_same_as_the_code():
    """What holds of each file whatever the machine: its size by its bits, and that it agrees with Keras."""
    rows = [row for row in measured("export") if row["network"] == "lite0" and row["file_bytes"]]
    bits = {"LiteRT float16": 2, "LiteRT dynamic range": 1, "LiteRT int8": 1, "LiteRT integer only": 1}
    params = plan("lite0").params
    assert {"Keras", "Keras, folded", "LiteRT", "LiteRT int8", "ONNX"} <= {row["format"] for row in rows}
    for row in rows:
        size = bits.get(row["format"], 4)
        assert 0.98 * size * params < row["file_bytes"] < 1.2 * size * params, row["format"]
        assert row["photos_same"] == row["photos"] == len(PHOTOS), row["format"]
        assert row["max_difference"] <= {4: 1e-4, 2: 0.02, 1: 0.1}[size]
        assert row["agreement"] >= {4: 99.9, 2: 99, 1: 90}[size]
        assert row["ratio_low"] <= row["ratio_median"] <= row["ratio_high"] and row["ms_median"] > 0
