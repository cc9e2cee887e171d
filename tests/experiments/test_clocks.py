"""Clocks: what is counted, how points take turns, and that the recorded rows agree with the plan."""

from collections import Counter
from math import prod

import keras
import pytest

from architecture import EfficientNet, Scale, plan
from datasets import DATA, measured, published
from experiments import clocks

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the script needs TensorFlow")
TINY = Scale(0.25, 0.5, 32)


@pytest.fixture(autouse=True)
def _fresh_keras():
    yield
    keras.utils.clear_session()


@pytest.fixture(scope="module")
def b0():
    return EfficientNet("b0")


def test_the_walk_counts_what_the_plan_counts(b0):
    paper = plan("b0")
    expected = dict(params=paper.params, macs=paper.macs, activations=paper.activations)
    assert clocks.costs(b0) == expected


@pytest.mark.parametrize("name", clocks.OTHERS)
def test_the_others_cost_what_is_published(name):
    row = next(row for row in published("keras_applications") if row["model"] == name)
    model = clocks.build(name)
    found = clocks.costs(model)
    assert (found["params"], found["macs"]) == (row["params"], row["macs"])
    assert model.input_shape[1] == row["resolution"]


def test_without_its_gates_b0_is_b0_without_their_parameters():
    paper, model = plan("b0"), clocks.build(clocks.WITHOUT)
    gates = sum(block.se_reduce.params + block.se_expand.params for block in paper.blocks)
    assert model.count_params() == paper.params - gates and not any("_se_" in layer.name for layer in model.layers)
    assert gates == 636_540  # as lesson 02 counts


def test_activations_agree_with_timm(b0):
    """timm prints millions; its ResNet-50 has the stride in another place than Keras's, its V2 other ends."""
    rows = {row["model"]: row["activations_M"] for row in published("timm_latency")}
    assert clocks.costs(b0)["activations"] / 1e6 == pytest.approx(rows["tf_efficientnet_b0"], abs=0.006)
    found = clocks.costs(clocks.build("MobileNetV2"))["activations"] / 1e6
    assert found == pytest.approx(rows["mobilenetv2_100"], abs=0.006)


def test_each_layer_of_b0_is_timed_as_often_as_it_occurs(b0):
    found = clocks.unique_layers(b0)
    counts, paper = Counter(), plan("b0")
    for (kind, *_), (_, count) in found.items():
        counts[kind] += count
    convs = sum(conv.name.endswith(("expand_conv", "project_conv", "dwconv")) for conv in paper.convs)
    assert counts["expand"] + counts["project"] + counts["depthwise"] == convs == 47
    assert (counts["stem"], counts["top"], counts["ends"], counts["add"]) == (1, 1, 3, 9)
    assert counts["batch norm"] == convs + 2 and counts["swish"] == 16 + 15 + 2 and counts["se"] == 4 * 16
    left_out = [layer for layer in b0.layers if not layer.name.endswith(tuple(clocks.KINDS))]
    assert {type(layer) for layer in left_out} == {keras.layers.InputLayer, keras.layers.Dropout}
    assert sum(counts.values()) == len(b0.layers) - len(left_out)
    assert sum(count * clocks.macs_of(layer) for layer, count in found.values()) == paper.macs


@pytest.mark.parametrize("kind, kernel, groups", clocks.CONVOLUTIONS)
def test_each_kind_of_convolution_has_the_macs_of_its_name(kind, kernel, groups):
    layer = clocks.convolution(kernel, groups, 6, 16)
    assert layer.output.shape[1:] == (6, 6, 16)
    each = 16 // (groups or 16)  # inputs that one output sees
    assert clocks.macs_of(layer) == 6 * 6 * 16 * kernel**2 * each == 36 * layer.count_params()
    dense = dict(dense=1, pointwise=1).get(kind)
    named = dense or (16 if kind == "depthwise" else int("".join(filter(str.isdigit, kind))))
    assert named == (groups or 16)


def test_a_dense_convolution_costs_the_same_on_each_map():
    assert len({clocks.macs_of(clocks.convolution(3, 1, size, channels)) for size, channels in clocks.MAPS}) == 1


def test_three_tables_are_measured_in_one_run(monkeypatch, capsys):
    model = EfficientNet(TINY, classes=10)
    monkeypatch.setattr(clocks, "build", lambda name: model)
    monkeypatch.setattr(clocks, "SPAN", 0.001)
    maps = ((4, 16),)
    points = clocks.network_points([("ResNet50", 1), ("ResNet50", 2)]), clocks.layer_points(model, (2,))
    found = clocks.measure(*points, clocks.convolution_points((2,), maps=maps), rounds=2)
    assert list(found) == ["latency", "latency_blocks", "clocks"]
    rows, layers, convolutions = found.values()
    assert [(row["model"], row["batch"], row["resolution"]) for row in rows] == [
        ("ResNet50", 1, 32),
        ("ResNet50", 2, 32),
    ]
    everything = [*rows, *layers, *convolutions]
    assert all(0 < row["ms_low"] <= row["ms_median"] <= row["ms_high"] for row in everything)
    assert len({(row["peak_gmacs_s"], row["copy_gb_s"]) for row in everything}) == 1
    assert set(rows[0]) <= set(measured("latency")[0]) and set(layers[0]) <= set(measured("latency_blocks")[0])
    assert {row["batch"] for row in layers} == {2}
    assert sum(row["count"] * row["macs"] for row in layers) == 2 * plan(TINY, classes=10).macs
    (last,) = (row for row in layers if row["output"] == "10")
    inputs = int(last["input"])
    assert last["bytes"] == 4 * (2 * (inputs + 10) + 10 * inputs + 10)
    dense = convolutions[0]
    assert (dense["kind"], dense["groups"], dense["bytes"]) == ("dense", 1, 4 * (2 * 2 * 16 * 16 + 9 * 16 * 16))
    assert len(convolutions) == len(clocks.CONVOLUTIONS) and "round 2/2" in capsys.readouterr().out


@pytest.mark.skipif(not (DATA / "measured/latency.csv").exists(), reason="not measured yet")
def test_the_recorded_rows_are_complete_and_agree_with_the_plan():
    rows = measured("latency")
    assert [(row["model"], row["batch"]) for row in rows] == clocks.POINTS
    one, many = ([row for row in rows if row["batch"] == batch] for batch in clocks.BATCHES)
    assert [row["model"] for row in many] == [row["model"] for row in one if row["macs"] < 4e9]
    for row in rows:
        if row["model"] in clocks.FAMILY:
            paper = plan(row["model"])
            assert (row["params"], row["macs"], row["activations"]) == (paper.params, paper.macs, paper.activations)
            assert row["resolution"] == paper.scale.resolution
        assert 0 < row["ms_low"] <= row["ms_median"] <= row["ms_high"]
        assert row["batch"] * row["macs"] / row["ms_median"] < 1e6 * row["peak_gmacs_s"]  # nothing beats the peak


@pytest.mark.skipif(not (DATA / "measured/latency_blocks.csv").exists(), reason="not measured yet")
def test_the_recorded_layers_are_those_of_b0(b0):
    rows, found = measured("latency_blocks"), clocks.unique_layers(b0)
    for batch in clocks.BATCHES:
        mine = [row for row in rows if row["batch"] == batch]
        keys = [tuple("" if row[name] is None else row[name] for name in clocks.LAYER) for row in mine]
        assert keys == list(found)
        assert sum(row["count"] * row["macs"] for row in mine) == batch * plan("b0").macs
        for row in mine:
            layer, _ = found[tuple("" if row[name] is None else row[name] for name in clocks.LAYER)]
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            numbers = batch * sum(prod(tensor.shape[1:]) for tensor in [*inputs, layer.output])
            numbers += sum(weight.size for weight in layer.get_weights())
            assert row["bytes"] == 4 * numbers and row["ms_median"] > 0
