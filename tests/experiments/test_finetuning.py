"""The study of fine-tuning: what is trainable, what a row starts from, and that each row changes one thing."""

import keras
import numpy as np
import pytest
from keras import layers

from architecture import EfficientNet, Scale
from datasets import cifar10
from experiments import finetuning as study

(X, Y), TEST = cifar10()
FEW = (X[:64], Y[:64]), (X[-20:], Y[-20:]), (TEST[0][:30], TEST[1][:30])


@pytest.fixture(scope="module")
def body():
    keras.utils.set_random_seed(0)
    body = EfficientNet(Scale(0.25, 0.25, 32), include_top=False)
    return keras.Model(body.input, layers.GlobalAveragePooling2D(name="avg_pool")(body.output))


@pytest.fixture
def tiny(monkeypatch, body):
    """A small random network in place of Lite0, a few images, and nothing kept between tests."""
    monkeypatch.setattr(study, "body_of", lambda resolution: body)
    monkeypatch.setattr(study, "images", lambda full: FEW)
    monkeypatch.setattr(study, "HEAD_EPOCHS", 2)
    kept = (study.features, study.head, study.classifier)
    for function in kept:
        function.cache_clear()
    yield body
    for function in kept:
        function.cache_clear()
    keras.utils.clear_session()


def test_each_row_changes_what_it_names_and_rows_are_paired_by_seed():
    rates = dict(Adam=1e-4, SGD=1e-3)
    for resolution in study.RESOLUTIONS:
        keys = study.keys(resolution, rates)
        assert len(keys) == len({tuple(key.values()) for key in keys}) == 3 * (9 if resolution < 224 else 7)
        for key in keys:
            changed = {name for name, value in study.BASE.items() if key[name] != value}
            assert len(changed) <= 2 and key["resolution"] == resolution
            assert key["unfrozen"] == "head" or key["rate"] == rates[key["optimizer"]]
        without_seed = [
            [tuple(v for k, v in key.items() if k != "seed") for key in keys if key["seed"] == s] for s in (0, 1)
        ]
        assert without_seed[0] == without_seed[1]


def test_the_head_takes_the_features_as_they_are(tiny):
    (kernel, bias), found = study.head(32, seed=0)
    known, mean, std = study.features(32)
    raw = tiny.predict_on_batch(FEW[1][0])
    np.testing.assert_allclose(known[2] * std + mean, raw, atol=1e-3)  # folded, the same features
    guesses = (raw @ kernel + bias).argmax(-1)
    assert 100 * np.mean(guesses == FEW[1][1]) == pytest.approx(found["curve"][-1])


@pytest.mark.parametrize("unfrozen", ["all", "last blocks"])
@pytest.mark.parametrize("norm", ["frozen", "trained"])
def test_what_is_trainable(unfrozen, norm, tiny):
    model, _ = study.classifier(32, unfrozen, norm, "Adam", 1, 1e-3, 2)
    trainable = {layer.name for layer in model.layers if layer.weights and layer.trainable}
    assert "predictions" in trainable and "top_conv" in trainable
    assert ("stem_conv" in trainable) == (unfrozen == "all") and ("block5a_dwconv" in trainable) == (unfrozen == "all")
    assert "block6a_dwconv" in trainable and "block7a_dwconv" in trainable
    assert ("top_bn" in trainable) == (norm == "trained")
    assert ("stem_bn" in trainable) == (unfrozen == "all" and norm == "trained")


def test_a_row_starts_from_the_head_and_reports_both_statistics(tiny, monkeypatch):
    starts = []

    def train(model, pick, labels, validation, epochs, seed, batch, label):
        starts.append(model.get_weights()[-2:])
        assert pick(np.arange(4), np.zeros(4, bool)).shape == (4, 32, 32, 3) and len(validation[1]) == 20
        return dict(curve=[50.0], train_curve=[60.0], seconds=1.2)

    kernel = np.random.default_rng(0).normal(size=(tiny.output.shape[-1], 10)).astype("float32")
    bias = np.arange(10, dtype="float32")
    monkeypatch.setattr(study, "head", lambda resolution, seed, full: ((kernel, bias), dict(curve=[], train_curve=[])))
    monkeypatch.setattr(study, "train", train)
    row = study.run(32, **study.BASE, rate=1e-3, seed=1)
    np.testing.assert_array_equal(starts[0][0], kernel)
    np.testing.assert_array_equal(starts[0][1], bias)
    assert row["validation_top1"] == 50 and {"top1", "balanced", "top1_recomputed", "balanced_recomputed"} < set(row)


def test_balanced_accuracy_is_the_mean_of_the_recalls(monkeypatch):
    monkeypatch.setattr(study, "compiled", lambda model: lambda x: np.eye(10)[[0, 0, 0, 1]])
    found = study.tested(None, 32, X[:4], np.array([0, 0, 1, 1]))
    assert found == dict(top1=75.0, balanced=75.0)
    found = study.tested(None, 32, X[:4], np.array([0, 0, 0, 2]))
    assert found == dict(top1=75.0, balanced=50.0)


def test_the_rate_is_the_best_on_validation(monkeypatch):
    rows = [dict(rate=rate, validation_top1=top1, top1=99 - top1) for rate, top1 in ((1, 50), (2, 70), (3, 60))]
    key = dict(resolution=96) | study.BASE | dict(optimizer="SGD", seed=0)
    monkeypatch.setattr(study, "fill", lambda table, keys, run: None)
    monkeypatch.setattr(study, "measured", lambda name: [key | row for row in rows])
    assert study.choose_rate(96, "SGD") == 2
