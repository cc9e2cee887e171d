"""The squeeze-and-excitation experiment: its networks, its gates, what it leaves; the rows agree with the code."""

import csv

import keras
import numpy as np
import pytest

from architecture import EfficientNet, plan
from datasets import CIFAR10_CLASSES, cifar10, measured
from experiments import compound
from experiments import squeeze_excitation as experiment
from experiments.table import MEASURED
from walk import walk_macs

WITH, WITHOUT, WIDENED = experiment.NETWORKS
IMAGES, LABELS = cifar10()[1]


@pytest.fixture(autouse=True)
def _fresh_keras():
    yield
    keras.utils.clear_session()


@pytest.fixture
def model():
    """A network `with`, random, whose gates are stretched so that they differ from image to image."""
    keras.utils.set_random_seed(0)
    model = EfficientNet(experiment.scale_of(WITH), classes=10)
    for layer in model.layers:
        if layer.name.endswith("se_expand"):
            layer.set_weights([30 * value for value in layer.get_weights()])
    return model


@pytest.fixture
def x():
    return compound.shrink(IMAGES[:40], experiment.RESOLUTION)


@pytest.mark.parametrize("network", experiment.NETWORKS)
def test_the_networks_are_what_they_claim(network):
    scale = experiment.scale_of(network)
    model, paper = EfficientNet(scale, classes=10), plan(scale, classes=10)
    assert walk_macs(model) == paper.macs and model.count_params() == paper.params == experiment.params(scale)
    gated = [layer for layer in model.layers if layer.name.endswith("se_excite")]
    assert len(gated) == (len(paper.blocks) if network == WITH else 0)
    assert model.input.shape[1:] == (experiment.RESOLUTION, experiment.RESOLUTION, 3)


def test_only_squeeze_and_excitation_differs():
    one, other = (plan(experiment.scale_of(network), classes=10) for network in (WITH, WITHOUT))
    assert [conv for conv in one.convs if "_se_" not in conv.name] == list(other.convs)


def test_the_parameters_given_back_equal_those_of_with():
    wanted, bare, wider = (experiment.params(experiment.scale_of(network)) for network in experiment.NETWORKS)
    assert wider == pytest.approx(wanted, rel=0.02) and bare < 0.95 * wanted
    assert experiment.scale_of(WIDENED).depth == experiment.scale_of(WITH).depth


def test_the_gates_are_those_of_the_formula(model, x):
    found = experiment.gates(model, x)
    assert list(found) == [block.name.rstrip("_") for block in plan(experiment.scale_of(WITH), classes=10).blocks]
    for block, values in found.items():
        assert 0 <= values.min() and values.max() <= 1 and values.std(0).max() > 0.01
        y = keras.Model(model.input, model.get_layer(f"{block}_activation").output).predict_on_batch(x)
        (w1, b1), (w2, b2) = (model.get_layer(f"{block}_se_{part}").get_weights() for part in ("reduce", "expand"))
        narrow = y.mean((1, 2)) @ w1[0, 0] + b1
        logits = narrow / (1 + np.exp(-narrow)) @ w2[0, 0] + b2
        np.testing.assert_allclose(values, 1 / (1 + np.exp(-logits)), atol=1e-5)


def test_fixed_gates_are_the_same_for_every_image(model, x):
    wanted = {block: values.mean(0) for block, values in experiment.gates(model, x).items()}
    experiment.fix_gates(model, wanted)
    for block, values in experiment.gates(model, x).items():
        np.testing.assert_allclose(values, np.tile(wanted[block], (len(x), 1)), atol=1e-5)


def test_gates_of_one_are_no_gates(model, x):
    bare = EfficientNet(experiment.scale_of(WITHOUT), classes=10)
    for layer in bare.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    experiment.fix_gates(
        model, {block: np.ones(values.shape[1]) for block, values in experiment.gates(model, x).items()}
    )
    np.testing.assert_allclose(model.predict_on_batch(x), bare.predict_on_batch(x), atol=1e-5)


def test_swapped_takes_the_gate_of_the_next_image(model, x):
    other = experiment.swapped(model)
    same = np.repeat(x[:1], 6, axis=0)  # the next image is the same one
    np.testing.assert_allclose(other.predict_on_batch(same), model.predict_on_batch(same), atol=1e-6)
    first = f"{plan(experiment.scale_of(WITH)).blocks[0].name}se_excite"
    a, gate = keras.Model(model.input, model.get_layer(first).input).predict_on_batch(x)
    got = keras.Model(other.input, other.get_layer(first).output).predict_on_batch(x)
    np.testing.assert_allclose(got, a * np.concatenate([gate[1:], gate[:1]]), rtol=1e-5, atol=1e-6)


def test_the_trained_model_comes_back_as_it_was(model, x):
    before = model.get_weights()
    result = experiment.replace_gates(model, x, (x, LABELS[: len(x)]))
    assert list(result) == ["top1_next_gate", "top1_mean_gate", "top1_gate_one"]
    assert all(0 <= value <= 100 for value in result.values())
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


def test_what_a_run_leaves_behind(model, x, tmp_path):
    experiment.save(model, x, LABELS[: len(x)], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "squeeze_excitation.npz",
        "squeeze_excitation_gates.csv",
    ]
    rows = list(csv.DictReader((tmp_path / "squeeze_excitation_gates.csv").open(newline="", encoding="utf-8")))
    blocks = plan(experiment.scale_of(WITH), classes=10).blocks
    assert len(rows) == 10 * sum(block.se_expand.filters for block in blocks)
    values, cats = experiment.gates(model, x)["block2b"], LABELS[: len(x)] == CIFAR10_CLASSES.index("cat")
    (row,) = (r for r in rows if (r["block"], r["channel"], r["label"]) == ("block2b", "7", "cat"))
    assert float(row["mean"]) == pytest.approx(values[cats, 7].mean(), abs=6e-4)
    assert float(row["std"]) == pytest.approx(values[cats, 7].std(), abs=6e-4)
    with np.load(tmp_path / "squeeze_excitation.npz") as file:
        for stored, value in zip(file.values(), model.get_weights(), strict=True):
            np.testing.assert_allclose(stored, value, rtol=1e-3, atol=1e-4)


def recorded(name):
    if not (MEASURED / f"{name}.csv").exists():
        pytest.skip(f"{name}.csv has not been measured yet")
    return measured(name)


def test_the_recorded_rows_agree_with_the_script():
    rows = recorded("squeeze_excitation")
    keys = [tuple(key.values()) for key in experiment.keys()]
    assert [(row["network"], row["seed"], row["epochs"]) for row in rows] == keys  # lesson 02 pairs them by place
    for row in rows:
        scale, paper = experiment.scale_of(row["network"]), plan(experiment.scale_of(row["network"]), classes=10)
        assert (row["width"], row["resolution"]) == (scale.width, scale.resolution)
        assert (row["params"], row["macs"], row["activations"]) == (paper.params, paper.macs, paper.activations)
        assert row["epochs"] == len(row["curve"].split()) and row["top1"] == float(row["curve"].split()[-1])
        assert 10 < row["top1"] < 100
        for name in ("top1_next_gate", "top1_mean_gate", "top1_gate_one"):
            assert (row[name] is not None) == (row["network"] == WITH)


def test_the_recorded_gates_are_gates():
    rows = recorded("squeeze_excitation_gates")
    blocks = {block.name.rstrip("_"): block.se_expand.filters for block in plan(experiment.scale_of(WITH)).blocks}
    keys = {(row["block"], row["channel"], row["label"]) for row in rows}
    assert len(rows) == len(keys)
    assert keys == {(b, channel, label) for b, n in blocks.items() for channel in range(n) for label in CIFAR10_CLASSES}
    assert all(0 <= row["mean"] <= 1 and 0 <= row["std"] <= 0.5 for row in rows)
    assert (MEASURED / "squeeze_excitation_gates.csv").stat().st_size < 150_000


def test_the_recorded_weights_fit_and_give_the_recorded_accuracy():
    path = MEASURED / "squeeze_excitation.npz"
    if not path.exists():
        pytest.skip("squeeze_excitation.npz has not been measured yet")
    model = EfficientNet(experiment.scale_of(WITH), classes=10)
    with np.load(path) as file:
        model.set_weights(list(file.values()))
    found = experiment.top1(model, compound.shrink(IMAGES, experiment.RESOLUTION), LABELS)
    row = recorded("squeeze_excitation")[0]
    assert (row["network"], row["seed"], row["epochs"]) == (WITH, 0, 3)
    assert found == pytest.approx(row["top1"], abs=5)  # 1,000 of the 10,000 test images
    assert path.stat().st_size < 150_000
