"""The experiments' shared loop and table, and their networks; the recorded rows agree with the code."""

import csv
import io
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from architecture import compound_scale, plan
from datasets import measured
from experiments import compound, depthwise, squeeze_excitation, training
from test_architecture import walk_macs


@pytest.fixture(autouse=True)
def _fresh_keras():
    yield
    keras.utils.clear_session()


@pytest.fixture
def eager():
    """Without graphs: for a few steps, tracing them takes far longer than taking them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("script", [compound, depthwise, squeeze_excitation])
def test_the_quick_trial_is_short_and_fills_no_table(script, monkeypatch, capsys):
    epochs = []
    monkeypatch.setattr(script, "run", lambda *_, **options: epochs.append(options["epochs"]) or dict(top1=50))
    monkeypatch.setattr(script, "fill", lambda *_: pytest.fail("a trial fills no table"))
    script.main(["--quick"])
    assert len(epochs) >= 2 and max(epochs) <= 4 and capsys.readouterr().out.count("'top1': 50") == len(epochs)


KEYS = [dict(network="a, b", seed=0), dict(network="a, b", seed=1), dict(network="c", seed=0)]


def test_fill_runs_each_key_once_and_keeps_the_order(tmp_path, capsys):
    calls = []

    def run(network, seed):
        calls.append((network, seed))
        return dict(top1=50 + seed)

    path = training.fill("table", KEYS, run, tmp_path)
    training.fill("table", KEYS, run, tmp_path)
    assert calls == [("a, b", 0), ("a, b", 1), ("c", 0)]
    rows = list(csv.DictReader(path.open()))
    assert [(row["network"], row["seed"], row["top1"]) for row in rows] == [
        ("a, b", "0", "50"),
        ("a, b", "1", "51"),
        ("c", "0", "50"),
    ]
    assert all(row["keras"] == keras.__version__ and row["machine"] and row["date"] for row in rows)
    assert "3 of 3 runs are there, 0 to go" in capsys.readouterr().out


def test_an_interrupted_table_loses_only_the_run_in_flight(tmp_path):
    def broken(network, seed):
        if (network, seed) == ("c", 0):
            raise KeyboardInterrupt
        return dict(top1=1)

    with pytest.raises(KeyboardInterrupt):
        training.fill("table", KEYS, broken, tmp_path)
    again = []
    training.fill("table", KEYS, lambda **key: again.append(key) or dict(top1=2), tmp_path)
    assert again == [KEYS[2]]
    assert [row["top1"] for row in csv.DictReader((tmp_path / "table.csv").open())] == ["1", "1", "2"]
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_table_that_cannot_be_written_keeps_its_old_rows(tmp_path, monkeypatch):
    path = training.fill("table", KEYS[:1], lambda **key: dict(top1=1), tmp_path)
    before = path.read_bytes()

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[:5])
            raise OSError("disk full")

    monkeypatch.setattr("builtins.open", lambda path, *_: Full(path, "w"))
    with pytest.raises(OSError, match="disk full"):
        training.write_rows(path, 2 * training.read_rows(path))
    monkeypatch.undo()
    assert path.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_row_that_is_made_later_stands_in_its_place(tmp_path):
    path = training.fill("table", KEYS, lambda **key: dict(top1=1), tmp_path)
    other = dict(training.read_rows(path)[0], network="of other keys")
    training.write_rows(path, [training.read_rows(path)[i] for i in (0, 2)] + [other])
    training.fill("table", KEYS, lambda **key: dict(top1=2, new="column"), tmp_path)
    rows = training.read_rows(path)
    assert [(row["network"], row["seed"], row["top1"], row["new"]) for row in rows] == [
        ("a, b", "0", "1", ""),
        ("a, b", "1", "2", "column"),
        ("c", "0", "1", ""),
        ("of other keys", "0", "1", ""),
    ]


def test_two_that_fill_one_table_lose_no_row(tmp_path):
    def run(network, seed):
        assert (network, seed) == ("a, b", 0)  # meanwhile another one makes the others
        training.fill("table", KEYS[1:], lambda **key: dict(top1=2), tmp_path)
        return dict(top1=1)

    rows = training.read_rows(training.fill("table", KEYS, run, tmp_path))
    assert [(row["network"], row["seed"], row["top1"]) for row in rows] == [
        ("a, b", "0", "1"),
        ("a, b", "1", "2"),
        ("c", "0", "2"),
    ]


def images(n, seed):
    """Two classes that differ in brightness, so that a few steps suffice."""
    labels = np.arange(n) % 2
    noise = np.random.default_rng(seed).integers(0, 60, (n, 32, 32, 3))
    return (noise + 120 * labels[:, None, None, None]).astype("uint8"), labels


def test_a_seed_determines_the_run(eager):
    data = images(256, 0), images(64, 1)
    first, second, other = (depthwise.run("separable", 2, seed, data) for seed in (3, 3, 4))
    assert first["curve"] == second["curve"] and first["train_top1"] == second["train_top1"]
    assert other["train_top1"] != first["train_top1"] or other["curve"] != first["curve"]
    assert len(first["curve"].split()) == 2 and first["top1"] == float(first["curve"].split()[-1])


class Recorder:
    """Stands in for a model and keeps what it is trained on."""

    compiled, layers = False, ()

    def __init__(self):
        self.epochs = []

    def compile(self, *_, **__):
        pass

    def fit(self, images, labels, **_):
        self.epochs.append((images, labels))
        return type("History", (), dict(history=dict(accuracy=[0.5])))

    def evaluate(self, *_, **__):
        return 0.0, 0.25


@pytest.mark.parametrize("flip", [False, True])
def test_each_epoch_sees_each_image_once_half_of_them_mirrored(flip):
    x = np.arange(512, dtype="float32")[:, None, None, None] + np.zeros((1, 2, 2, 1), "float32")
    x[:, :, 1] += 0.5  # the right half is brighter
    model = Recorder()
    result = training.train(model, ((x, np.arange(512)), (x, np.arange(512))), 2, seed=0, batch=64, flip=flip)
    for images, labels in model.epochs:
        assert sorted(labels) == list(range(512)) and labels.tolist() != list(range(512))
        assert np.array_equal(images.min(axis=(1, 2, 3)), labels)  # an image keeps its label
        mirrored = images[:, 0, 0, 0] > images[:, 0, 1, 0]
        assert 200 < mirrored.sum() < 312 if flip else not mirrored.any()
    assert model.epochs[0][1].tolist() != model.epochs[1][1].tolist()
    assert (result["top1"], result["train_top1"], result["curve"]) == (25.0, 50.0, "25.00 25.00")


@pytest.mark.parametrize("network", depthwise.NETWORKS)
def test_the_depthwise_networks_are_what_they_claim(network):
    model, paper = depthwise.build(network), depthwise.convs(network, depthwise.width_of(network))
    assert walk_macs(model) == sum(conv.macs for conv in paper)
    spatial = [layer for layer in model.layers if getattr(layer, "kernel_size", None) == (3, 3)]
    assert len(spatial) == 4  # equal depth
    assert sum(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in spatial) == (0 if network == "dense" else 3)


def test_the_widened_network_costs_what_the_dense_one_does():
    macs = {network: depthwise.macs(network, depthwise.width_of(network)) for network in depthwise.NETWORKS}
    assert macs["separable, widened"] == pytest.approx(macs["dense"], rel=0.05)
    assert macs["separable"] < 0.4 * macs["dense"]
    assert depthwise.width_of("separable") == depthwise.width_of("dense")


def test_the_recorded_rows_are_complete_and_agree_with_the_script():
    rows = measured("depthwise")
    runs = list(itertools.product(depthwise.EPOCHS, depthwise.SEEDS, depthwise.NETWORKS))
    assert [(row["epochs"], row["seed"], row["network"]) for row in rows] == runs  # lesson 01 pairs them by place
    for row in rows:
        width = depthwise.width_of(row["network"])
        assert (row["width"], row["macs"]) == (width, depthwise.macs(row["network"], width))
        assert row["epochs"] == len(row["curve"].split()) and row["top1"] == float(row["curve"].split()[-1])
        assert 10 < row["top1"] < 100


SHAPES = [(name, multiple) for multiple in (2, 4) for name in compound.SHAPES] + [("depth", 8), ("width", 8)]


@pytest.mark.parametrize("dataset", compound.CHANNELS)
@pytest.mark.parametrize("multiple", [2, 4, 8])
def test_the_shapes_of_the_miniature_cost_the_same(dataset, multiple):
    base = plan(compound.scale_of(dataset, "base", 1), classes=10).macs
    macs = [compound.macs(compound.scale_of(dataset, name, m)) for name, m in SHAPES if m == multiple]
    middle = np.sqrt(min(macs) * max(macs))
    assert all(abs(cost / middle - 1) < 0.05 for cost in macs)
    assert 0.85 * multiple < middle / base < 1.05 * multiple


def test_the_search_is_a_whole_grid_at_equal_macs():
    assert len(compound.GRID) == 12
    target = compound.macs(compound.scale_of("fashion_mnist", "width", 2))
    for name, (depth, size) in compound.GRID.items():
        scale = compound.scale_of("fashion_mnist", name, 2)
        assert (scale.depth, scale.resolution) == (depth, size)
        assert abs(compound.macs(scale) / target - 1) < 0.015
        known = compound.IN_SHAPES.get((depth, size))
        if known:  # the same network, up to a hundredth of the width
            shape = compound.scale_of("fashion_mnist", known, 2)
            assert len(plan(shape).blocks) == len(plan(scale).blocks) and shape.resolution == size
            assert abs(shape.width - scale.width) <= 0.011


@pytest.mark.parametrize("name, multiple", SHAPES)
def test_each_shape_changes_only_what_its_name_says(name, multiple):
    scale, base = compound.scale_of("cifar10", name, multiple), compound.scale_of("cifar10", "base", 1)
    changed = {field for field in ("depth", "width", "resolution") if getattr(scale, field) != getattr(base, field)}
    assert changed == ({"depth", "width", "resolution"} if name == "compound" else {name})
    assert base.resolution <= scale.resolution <= 28
    if name == "compound":
        exact = compound_scale({2: 1, 4: 2}[multiple], resolution=compound.RESOLUTION)
        assert scale.depth == exact.depth and abs(scale.resolution - exact.resolution) <= 1


def test_images_are_shrunk_by_averaging_and_never_enlarged():
    x = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype("uint8")
    smaller = compound.shrink(x, 14)
    assert smaller.shape == (20, 14, 14, 1) and smaller.dtype == np.uint8
    assert np.abs(smaller.mean(axis=(1, 2, 3)) - x.mean(axis=(1, 2))).max() < 3
    assert smaller.std() < 0.7 * x.std()  # picking every other pixel would keep the noise
    assert np.array_equal(compound.shrink(x, 28)[..., 0], x)


def test_a_model_that_is_used_again_starts_anew(eager, monkeypatch):
    monkeypatch.setattr(compound, "images", lambda dataset, size, full: (images14(256, 0), images14(64, 1)))
    scale = compound.scale_of("cifar10", "base", 1)
    compound.model_of.cache_clear()
    first = [compound.train_scale(scale, "cifar10", 1, seed, "") for seed in (0, 1)]
    again = compound.train_scale(scale, "cifar10", 1, 0, "")  # neither weights nor Adam's moments are left
    assert again["train_top1"] == first[0]["train_top1"] and again["curve"] == first[0]["curve"]
    compound.model_of.cache_clear()
    alone = compound.train_scale(scale, "cifar10", 1, 1, "")
    assert alone["train_top1"] == first[1]["train_top1"] and alone["curve"] == first[1]["curve"]


def images14(n, seed):
    x, y = images(n, seed)
    return x[:, :14, :14], y


def test_the_recorded_rows_of_the_miniature_are_complete_and_agree_with_the_plan():
    rows, keys = measured("compound"), compound.keys()
    assert [{k: row[k] for k in keys[0]} for row in rows] == keys  # all that was planned, in the script's order
    for row in rows:
        scale = compound.scale_of(row["dataset"], row["shape"], row["multiple"])
        paper = plan(scale, classes=10)
        assert (row["params"], row["macs"], row["activations"]) == (paper.params, paper.macs, paper.activations)
        assert (row["width"], row["resolution"]) == (scale.width, scale.resolution)
        assert row["depth"] == round(scale.depth, 3)
        curve = [float(value) for value in str(row["curve"]).split()]
        assert row["epochs"] == len(curve) and 10 < row["top1"] == curve[-1] < 100


def test_the_recorded_steps_of_the_miniature_agree_with_the_plan():
    rows = measured("compound_steps")
    assert [(row["shape"], row["multiple"]) for row in rows] == compound.TABLE
    for row in rows:
        paper = plan(compound.scale_of("fashion_mnist", row["shape"], row["multiple"]), classes=10)
        assert (row["macs"], row["activations"]) == (paper.macs, paper.activations)
        assert 0 < row["ms_low"] <= row["ms_median"] <= row["ms_high"]


def test_training_steps_are_timed_in_turns(eager, monkeypatch):
    monkeypatch.setattr(compound, "TABLE", compound.TABLE[:2])
    rows = compound.time_steps.__wrapped__(batch=2, rounds=2, span=0)
    assert list(rows) == compound.TABLE
    for row in rows.values():
        assert row["batch"] == row["rounds"] == 2 and 0 < row["ms_low"] <= row["ms_high"]
