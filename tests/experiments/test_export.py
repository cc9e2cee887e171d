"""The export experiment: its head and its rounding are right, the table agrees with the code."""

import keras
import numpy as np
import pytest

import export
from architecture import EfficientNet, Scale, plan
from datasets import PHOTOS, measured
from experiments import export as experiment
from experiments.table import provenance

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
    tiny = EfficientNet(Scale(0.25, 0.25, 32), classes=4)
    rounded, folded = experiment.rounded(tiny, per), export.fold(tiny)
    for layer in rounded.layers:
        if hasattr(layer, "kernel"):
            kernel, exact = layer.get_weights()[0], folded.get_layer(layer.name).get_weights()[0]
            width = np.abs(exact).max() / 127
            assert np.abs(kernel - exact).max() <= width / 2 * 1.001
            whole = kernel / width
            assert per == "channel" or np.allclose(whole, np.round(whole), atol=1e-3)


def test_the_table_has_every_format_and_says_the_same_as_the_code():
    rows = {row["format"]: row for row in measured("export")}
    assert list(rows) == [*experiment.FORMATS, *experiment.STEPS]
    files = {name: row for name, row in rows.items() if row["file_bytes"]}
    assert list(files) == ["Keras", "Keras, folded", "LiteRT", "LiteRT int8", "ONNX"]
    params = plan("lite0").params
    for name, row in files.items():
        assert row["photos_same"] == row["photos"] == len(PHOTOS), name
        size = 1 if name == "LiteRT int8" else 4
        assert 0.98 * size * params < row["file_bytes"] < 1.2 * size * params, name
        assert row["max_difference"] <= (0.1 if size == 1 else 1e-4)
        assert row["agreement"] >= (90 if size == 1 else 99.9)
    for row in rows.values():
        assert row["ratio_low"] <= row["ratio_median"] <= row["ratio_high"] and row["ms_median"] > 0
    assert rows["Keras"]["ratio_median"] == 1 and rows["Keras"]["max_difference"] == 0


def test_the_rows_are_those_of_the_table(monkeypatch):
    probabilities, labels = np.eye(10, dtype="float32")[:5], np.arange(10)

    def runner(name, which, images):  # every format but the first takes each image of CIFAR-10 for a class 0
        right = name == "Keras" or which == 0
        return lambda x: probabilities[: len(x)] if which == 0 else np.eye(10)[labels * right], None

    monkeypatch.setattr(experiment, "photos", lambda: np.zeros((5, 8, 8, 3)))
    monkeypatch.setattr(experiment, "small", lambda images: (None, (np.zeros((10, 8, 8, 3)), labels)))
    monkeypatch.setattr(experiment, "runner", runner)
    monkeypatch.setattr(experiment, "training_step", lambda change: lambda: None)
    monkeypatch.setattr(experiment, "machine", lambda: ([lambda: None] * 2, [1, 1]))
    monkeypatch.setattr(experiment, "version", lambda package: "1.0")
    monkeypatch.setattr(experiment, "SPAN", 0)
    rows = experiment.measure(rounds=2)
    assert [row["format"] for row in rows] == [*experiment.FORMATS, *experiment.STEPS]
    assert [*rows[0], *provenance()] == list(measured("export")[0])
    assert [(row["top1"], row["agreement"]) for row in rows[:2]] == [(100, 100), (10, 10)]
    assert rows[0]["ratio_median"] == rows[-2]["ratio_median"] == 1 and "top1" not in rows[-1]
    assert all(row["photos_same"] == 5 and row["max_difference"] == 0 for row in rows[:-2])


def test_the_head_is_computed_from_the_shipped_images_and_serves_each_precision(monkeypatch):
    keras.utils.set_random_seed(0)
    body = EfficientNet(Scale(0.25, 0.25, 32), include_top=False)
    pooled = keras.Model(body.input, keras.layers.GlobalAveragePooling2D()(body.output))
    monkeypatch.setattr(experiment, "features_of", lambda *_: pooled)
    monkeypatch.setattr(experiment, "pretrained", lambda *_, **__: None)
    monkeypatch.setattr(experiment, "SMALL", 32)
    experiment.small.cache_clear()
    experiment.networks.cache_clear()
    (x, y), _ = experiment.small(images=60)
    _, classifier = experiment.networks(images=60)
    kernel, bias = experiment.linear_head(np.asarray(pooled(x)), y)
    found = classifier.layers[-1].get_weights()[0]  # as a whole: a few images leave single numbers badly determined
    assert np.linalg.norm(found - kernel) < 0.01 * np.linalg.norm(kernel)
    half = experiment.networks("mixed_bfloat16", images=60)[1]
    assert half.layers[-1].dtype_policy.name == "float32" and keras.config.dtype_policy().name == "float32"
    experiment.small.cache_clear()
    experiment.networks.cache_clear()
    keras.utils.clear_session()
