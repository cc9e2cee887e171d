"""The study of gates: its conditions do what they are called, rows are paired with their network, shares add up."""

import keras
import numpy as np
import pytest

from architecture import Baseline, EfficientNet, Scale, Stage
from datasets import cifar10, measured
from experiments import gates as study

(X, Y), TEST = cifar10()
FEW = (X[:30], Y[:30]), (TEST[0][:40], TEST[1][:40])


@pytest.fixture
def model(monkeypatch):
    """A random network of two blocks in place of those that are trained; its gates differ from image to image."""
    keras.utils.set_random_seed(0)
    base = Baseline(stages=(Stage(3, 3, 2, 8, 2),), stem_filters=8, top_filters=16, divisor=1, stochastic_depth=0.0)
    model = EfficientNet(Scale(1.0, 1.0, 32, 0.0, base), classes=10)
    for layer in model.layers:
        if layer.name.endswith("se_expand"):
            layer.set_weights([30 * value for value in layer.get_weights()])
    monkeypatch.setattr(study, "images", lambda full=True: FEW)
    monkeypatch.setattr(study, "trained", lambda *_: model)
    monkeypatch.setattr(study, "CALIBRATION", 20)
    study.top1.cache_clear()
    study.calibration.cache_clear()
    yield model
    study.top1.cache_clear()
    study.calibration.cache_clear()
    keras.utils.clear_session()


def test_every_network_is_tested_with_every_gate_and_both_statistics():
    keys = study.keys()
    assert len(keys) == len({tuple(key.values()) for key in keys}) == 4 * 5 * 2
    assert [key["network"] for key in keys[::10]] == ["small", "mini", "mini", "mini"]


def test_mean_gates_are_means_over_the_images_given(model):
    rule = study.rule_of("mean", model, FEW[0][0])
    for block in ("block1a", "block1b"):
        y = keras.Model(model.input, model.get_layer(f"{block}_se_expand").output).predict_on_batch(FEW[0][0])
        np.testing.assert_allclose(rule(block, np.zeros_like(y))[0, 0, 0], y.mean((0, 1, 2)), rtol=1e-4)


def test_a_row_is_paired_with_its_own_network(model):
    own = study.run("small", 0, "own", "stored")
    guesses = np.asarray(model(FEW[1][0], training=False)).argmax(-1)
    assert own == dict(top1=round(100 * np.mean(guesses == FEW[1][1]), 2), difference=0)
    for gates in study.GATES[1:]:
        row = study.run("small", 0, gates, "stored")
        assert row["difference"] == pytest.approx(row["top1"] - own["top1"], abs=0.02)


def test_statistics_come_from_images_as_the_network_met_them(model):
    plain = FEW[0][0][:20]
    for network, moved in (("mini", 0), ("small", study.SHIFT)):
        for x, met in zip(plain, study.calibration(network)):
            inner = met[4:-4, 4:-4]
            offsets = [(i, j) for i in range(4 - moved, 5 + moved) for j in range(4 - moved, 5 + moved)]
            crops = [each[i : i + 24, j : j + 24] for each in (x, x[:, ::-1]) for i, j in offsets]
            assert any(np.array_equal(inner, crop) for crop in crops)


def test_statistics_are_measured_with_the_gates_as_they_are_then(model, monkeypatch):
    seen = []
    monkeypatch.setattr(study.surgery, "recalibrated", lambda network, x: seen.append((network, len(x))) or network)
    study.run("small", 0, "half", "recomputed")
    (network, count) = seen[0]
    half = keras.Model(network.input, network.get_layer("block1a_se_excite").input).predict_on_batch(FEW[0][0])
    assert count == 20 and (half[1] == 0.5).all()


def test_the_shares_of_the_variance_are_those_of_the_law_of_total_variance(model, monkeypatch):
    balanced = TEST[0][:50], TEST[1][:50]
    monkeypatch.setattr(study, "images", lambda full=True: (FEW[0], balanced))
    for row in study.by_block():
        name = f"{row['block']}_se_expand"
        s = keras.Model(model.input, model.get_layer(name).output).predict_on_batch(balanced[0])[:, 0, 0]
        channels = 100 * s.mean(0).var() / s.var()
        assert row["channels"] == s.shape[1] and row["between_channels"] == pytest.approx(channels, abs=0.06)
        assert sum(row[k] for k in ("between_channels", "between_classes", "within_classes")) == pytest.approx(
            100, abs=0.2
        )


def test_in_the_recorded_rows_a_uniform_gate_does_nothing_once_the_statistics_are_its_own():
    """And lesson 02 says so: the mean costs least, and another image's gates cost most, in every network."""
    top1 = {tuple(row[k] for k in ("network", "seed", "gates", "statistics")): row["top1"] for row in measured("gates")}
    for network, seed in study.NETWORKS:
        own, mean, half, one, other = (top1[network, seed, gates, "recomputed"] for gates in study.GATES)
        assert one == pytest.approx(half, abs=0.5)
        assert own > mean > max(half, one) and min(half, one) > other
    for row in measured("gates"):
        own = top1[row["network"], row["seed"], "own", "stored"]
        assert row["difference"] == pytest.approx(row["top1"] - own, abs=0.011)
