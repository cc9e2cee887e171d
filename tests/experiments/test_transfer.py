"""The transfer experiment: what is trained, with what, from where; its tables agree with the code."""

import csv
from dataclasses import replace

import keras
import numpy as np
import pytest

from architecture import LITE, EfficientNet, Scale, Stage, find_scale, plan
from datasets import CIFAR10_CLASSES, DATA, measured
from experiments import transfer as experiment
from experiments.loop import guess

FROZEN, NORM_FROZEN, NORM_TRAINED = experiment.REGIMES
LABELS = np.arange(64) % 10
IMAGES = np.random.default_rng(0).integers(0, 60, (64, 32, 32, 3)).astype("uint8")
IMAGES += (19 * LABELS[:, None, None, None]).astype("uint8")  # classes differ in brightness
TRAIN, TEST = (IMAGES[:44], LABELS[:44]), (IMAGES[44:], LABELS[44:])
# all that Lite0 has: a stem, blocks with and without a skip connection, stochastic depth, a top
TINY = replace(LITE, stages=(Stage(1, 3, 1, 8, 1), Stage(4, 3, 2, 12, 2)), stem_filters=8, top_filters=24, divisor=1)
BODY = Scale(1.0, 1.0, 32, 0.2, TINY)
TRACED = experiment.compile_for


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """A tiny random network instead of a pretrained one, few epochs, the fake images above.

    It takes seconds to be traced and milliseconds to run, so it runs eagerly; and the compiled classifiers stay for
    the next test, as they stay for the next seed.
    """

    def body(network, include_top, resolution):
        assert not include_top
        keras.utils.set_random_seed(7)
        return EfficientNet(replace(BODY, resolution=resolution), include_top=False)

    def eager(*arguments, **options):
        model = TRACED(*arguments, **options)
        model.run_eagerly = True
        return model

    monkeypatch.setattr(experiment, "compile_for", eager)
    monkeypatch.setattr(experiment, "pretrained", body)
    monkeypatch.setattr(experiment, "data", lambda: (TRAIN, TEST))
    monkeypatch.setattr(experiment, "HEAD", experiment.HEAD | dict(epochs=3, batch=8))
    monkeypatch.setattr(experiment, "FINE_TUNING", experiment.FINE_TUNING | dict(epochs=2, batch=16))


@pytest.fixture(scope="module", autouse=True)
def _empty():
    experiment.classifier.cache_clear()
    yield
    experiment.classifier.cache_clear()
    keras.utils.clear_session()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the features of the fake images are kept, for all tests that do not look at how they are made."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def run(tmp_path, kept):
    def run(regime, optimizer="SGD", seed=0, resolution=32, cached=kept):
        return experiment.run("lite0", regime, optimizer, resolution, 44, seed, cached=cached, measured=tmp_path)

    return run


def fine_tuned(regime, optimizer="SGD", seed=0):
    """A network after fine-tuning, its pretrained weights, and what was measured."""
    model, start = experiment.classifier("lite0", 32, regime, optimizer, 44)
    start = [value.copy() for value in start]
    head = np.zeros((model.layers[-1].kernel.shape), "float32"), np.zeros(10, "float32")
    return model, start, experiment.fine_tune(model, start, head, TRAIN, TEST, seed)


def norm_statistics(model):
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return {layer.name: [np.array(value) for value in layer.get_weights()] for layer in norms}


def test_frozen_trains_nothing_but_the_head(run, monkeypatch, tmp_path):
    bodies, features_of = [], experiment.features_of

    def spy(*arguments):
        bodies.append(features_of(*arguments))
        return bodies[-1]

    monkeypatch.setattr(experiment, "features_of", spy)
    monkeypatch.setattr(experiment, "classifier", lambda *_: pytest.fail("frozen must not build a trainable network"))
    row = run(FROZEN, cached=tmp_path)
    assert len(bodies) == 1 and row["epochs"] == 3
    fresh = features_of("lite0", 32).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(bodies[0].get_weights(), fresh, strict=True))
    assert set(row) < set(measured("transfer")[0])


def test_dead_features_are_those_that_no_training_image_wakes(run, monkeypatch):
    known = np.random.default_rng(0).uniform(0, 1, (44, 24)).astype("float16")
    known[:, :6] = 0
    known[1:, 6:12] = 0  # one image wakes these
    parts = dict(train=known, mirrored=known, test=known[: len(TEST[0])])
    monkeypatch.setattr(experiment, "features", lambda *_: parts)
    assert run(FROZEN)["dead_features"] == 25.0


@pytest.mark.parametrize("regime", [NORM_FROZEN, NORM_TRAINED])
def test_fine_tuning_changes_convolutions_and_batch_norm_only_if_asked(regime):
    fresh = experiment.features_of("lite0", 32)
    before = norm_statistics(fresh)
    model, start, _ = fine_tuned(regime)
    assert all(np.array_equal(a, b) for a, b in zip(start, fresh.get_weights(), strict=True))
    after = norm_statistics(model)
    assert list(after) == list(before)
    for name in before:  # gamma, beta, moving mean, moving variance
        same = [np.array_equal(a, b) for a, b in zip(before[name], after[name])]
        assert all(same) if regime == NORM_FROZEN else not any(same[2:]), name
    names = [variable.path for variable in model.trainable_variables]
    assert any("stem_conv" in name for name in names) and any("top_conv" in name for name in names)
    assert any("gamma" in name for name in names) == (regime == NORM_TRAINED)
    kernel = model.get_layer("stem_conv").get_weights()[0]
    assert not np.array_equal(kernel, start[0])


@pytest.mark.parametrize("name", experiment.OPTIMIZERS)
@pytest.mark.parametrize("regime", [FROZEN, NORM_FROZEN])
def test_the_optimizer_named_is_the_one_that_trains(name, regime, run, monkeypatch):
    used, train = [], experiment.train

    def spy(model, *arguments):
        used.append(model.optimizer)
        return train(model, *arguments)

    monkeypatch.setattr(experiment, "train", spy)
    row = run(regime, name)
    assert len(used) == (1 if regime == FROZEN else 2)
    for optimizer in used:
        assert type(optimizer) is getattr(keras.optimizers, name)
        assert int(optimizer.iterations) > 0
        if name == "SGD":
            assert optimizer.momentum == 0.9 and optimizer.nesterov
            assert any("momentum" in v.path for v in optimizer.variables)
    assert row["trained_with"] == experiment.describe(used[-1]) and row["trained_with"].startswith(name)


def test_adam_and_sgd_train_differently(run):
    assert run(FROZEN, "Adam")["train_curve"] != run(FROZEN, "SGD")["train_curve"]


def test_a_seed_determines_the_run(run):
    rows = [run(FROZEN, "Adam", seed) for seed in (3, 3, 4)]
    same = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    assert same[0] == same[1] != same[2]


def test_the_head_for_raw_features_is_the_head_that_was_trained():
    random = np.random.default_rng(0)
    x = (3 + 2 * random.normal(size=(64, 20)) * np.arange(1, 21)).astype("float16")
    x[:, :10] += LABELS[:, None] * (np.arange(10) == LABELS[:, None])
    x[:, 0] = 5  # a constant feature
    (kernel, bias), found = experiment.train_head(x[:44], x[:44], LABELS[:44], (x[44:], LABELS[44:]), "Adam", 0)
    assert np.isfinite(kernel).all()
    assert np.array_equal((x[44:].astype("float32") @ kernel + bias).argmax(1), found["guesses"])


def test_fine_tuning_starts_from_the_trained_head(run, monkeypatch):
    heads = []
    train_head, fine_tune = experiment.train_head, experiment.fine_tune

    def spy(*arguments):
        heads.append(train_head(*arguments))
        return heads[-1]

    def check(model, start, head, *arguments):
        assert head is heads[-1][0]
        model.set_weights([*start, *head])  # before any step it must answer as the frozen network does
        guesses = guess(model, TEST[0])
        assert np.mean(guesses == heads[-1][1]["guesses"]) > 0.9  # float16 features may tip a tie
        return fine_tune(model, start, head, *arguments)

    monkeypatch.setattr(experiment, "train_head", spy)
    monkeypatch.setattr(experiment, "fine_tune", check)
    run(NORM_FROZEN)
    assert len(heads) == 1


def test_features_are_computed_once_for_each_view_and_kept(tmp_path, monkeypatch):
    parts = experiment.views(IMAGES)
    first = experiment.features("lite0", 32, parts, tmp_path)
    for value in first.values():
        assert value.dtype == np.float16 and value.shape == (64, plan(BODY).top.filters)
    assert not np.array_equal(*first.values())
    upright = experiment.features("lite0", 32, dict(again=parts["mirrored"][:, :, ::-1]), tmp_path)["again"]
    assert np.array_equal(upright, first["train"])
    monkeypatch.setattr(experiment, "features_of", lambda *_: pytest.fail("the features are there"))
    for name, value in experiment.features("lite0", 32, parts, tmp_path).items():
        assert np.array_equal(value, first[name])


class Watcher:
    """Stands in for a training: keeps what `pick` makes of the first images, upright and mirrored, and the test set."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(experiment, "train", self.train)

    def train(self, model, pick, labels, test, *arguments):
        self.labels, self.test = labels, test
        self.upright = pick(np.array([2, 5]), np.array([False, False]))
        self.mirrored = pick(np.array([2, 5]), np.array([False, True]))
        return dict(curve=[50], train_curve=[50], guesses=test[1], seconds=0)


def test_a_head_sees_the_features_of_the_mirrored_image_where_it_is_mirrored(monkeypatch):
    known, flipped = np.random.default_rng(0).normal(3, 2, (2, 44, 24)).astype("float16")
    seen = Watcher(monkeypatch)
    experiment.train_head(known, flipped, LABELS[:44], (known[:20], LABELS[:20]), "SGD", 0)
    wide = known.astype("float32")
    standardised = (wide - wide.mean(0)) / wide.std(0)
    np.testing.assert_allclose(seen.upright, standardised[[2, 5]], atol=1e-4)
    np.testing.assert_allclose(seen.mirrored[0], seen.upright[0])
    np.testing.assert_allclose(seen.mirrored[1], (flipped[5] - wide.mean(0)) / wide.std(0), atol=1e-4)
    np.testing.assert_allclose(seen.test[0], standardised[:20], atol=1e-4)


def test_fine_tuning_sees_images_of_the_models_size_mirrored_where_they_are_mirrored(monkeypatch):
    model, start = experiment.classifier("lite0", 48, NORM_FROZEN, "SGD", 44)
    seen = Watcher(monkeypatch)
    head = np.zeros(model.layers[-1].kernel.shape, "float32"), np.zeros(10, "float32")
    experiment.fine_tune(model, start, head, TRAIN, TEST, 0)
    assert np.array_equal(seen.upright, experiment.enlarge(TRAIN[0][[2, 5]], 48))
    assert np.array_equal(seen.mirrored[0], seen.upright[0])
    assert np.array_equal(seen.mirrored[1], experiment.enlarge(TRAIN[0][5:6, :, ::-1], 48)[0])
    assert np.array_equal(seen.test[0], experiment.enlarge(TEST[0], 48))


def test_enlarging_keeps_pixels_and_pictures():
    larger = experiment.enlarge(IMAGES[:4], 96)
    assert larger.shape == (4, 96, 96, 3) and larger.dtype == np.uint8
    assert np.abs(larger.mean((1, 2, 3)) - IMAGES[:4].mean((1, 2, 3))).max() < 1
    assert experiment.enlarge(IMAGES, 32) is IMAGES


def test_the_confusion_matrix_counts_every_test_image(run, tmp_path):
    top1 = {}
    for regime in (FROZEN, NORM_TRAINED, FROZEN):  # the second time a run replaces its own counts
        top1[regime] = run(regime)["top1"]
    before = (tmp_path / "transfer_confusion.csv").stat().st_mtime_ns
    run(FROZEN, seed=1)
    assert (tmp_path / "transfer_confusion.csv").stat().st_mtime_ns == before  # only seed 0 leaves one
    rows = list(csv.DictReader((tmp_path / "transfer_confusion.csv").open(newline="", encoding="utf-8")))
    assert len(rows) == 200
    for regime in (FROZEN, NORM_TRAINED):
        counts = [int(cell["count"]) for cell in rows if cell["regime"] == regime]
        matrix = np.reshape(counts, (10, 10))
        assert matrix.sum(1).tolist() == np.bincount(TEST[1], minlength=10).tolist()
        assert 100 * np.trace(matrix) / matrix.sum() == pytest.approx(top1[regime], abs=0.01)


def test_confusion_has_labels_in_rows():
    matrix = experiment.confusion(np.array([0, 0, 3]), np.array([0, 2, 3]))
    assert matrix[0].tolist()[:3] == [1, 0, 1] and matrix[3, 3] == 1 and matrix.sum() == 3


def test_keys_are_unique_balanced_and_in_order():
    keys = experiment.keys()
    assert len({tuple(key.values()) for key in keys}) == len(keys)
    assert [key["resolution"] for key in keys[:18]].count(224) == 6 and {key["regime"] for key in keys[:18]} == {FROZEN}
    groups = {}
    for key in keys:
        groups.setdefault((key["network"], key["regime"], key["resolution"]), []).append(
            (key["optimizer"], key["seed"])
        )
    assert all(len(runs) == len(experiment.OPTIMIZERS) * len(experiment.SEEDS) for runs in groups.values())
    assert {key["network"] for key in experiment.keys("imagenet")} == {"b0", "b1", "b2"}


def recorded(name):
    if not (DATA / "measured" / f"{name}.csv").exists():
        pytest.skip(f"{name}.csv has not been measured yet")
    return measured(name)


def test_the_recorded_rows_agree_with_the_plan():
    rows = recorded("transfer")
    sizes = [(weights, images) for weights in experiment.NETWORKS for images in (experiment.IMAGES, 50_000)]
    keys = [key for size in sizes for key in experiment.keys(*size)]
    assert len({tuple(row[k] for k in keys[0]) for row in rows}) == len(rows)
    for row in rows:
        assert {k: row[k] for k in keys[0]} in keys
        paper = plan(replace(find_scale(row["network"]), resolution=row["resolution"]), classes=10)
        assert (row["params"], row["macs"]) == (paper.params, paper.macs)
        assert row["trained_with"].split(",")[0] == row["optimizer"]
        assert ("Nesterov" in row["trained_with"]) == (row["optimizer"] == "SGD")
        for column in ("curve", "train_curve"):
            assert len(str(row[column]).split()) == row["epochs"]
        assert 5 < row["top1"] <= 100 and row["top1"] == float(str(row["curve"]).split()[-1])
        assert 0 <= row["dead_features"] <= 100
        assert row["test_images"] == (10_000 if row["images"] == 50_000 else experiment.TEST)


def test_the_recorded_confusion_agrees_with_the_recorded_accuracy():
    cells, names = recorded("transfer_confusion"), ("network", "regime", "optimizer", "resolution", "images")
    for row in recorded("transfer"):
        if row["seed"] == 0:
            own = [cell for cell in cells if all(cell[k] == row[k] for k in names)]
            assert len(own) == 100 and {cell["label"] for cell in own} == set(CIFAR10_CLASSES)
            assert sum(cell["count"] for cell in own) == row["test_images"]
            right = sum(cell["count"] for cell in own if cell["label"] == cell["predicted"])
            assert 100 * right / row["test_images"] == pytest.approx(row["top1"], abs=0.01)
