"""Latency: what is counted, how points take turns, and that the recorded rows agree with the plan."""

from collections import Counter
from math import prod

import keras
import pytest

from architecture import EfficientNet, Scale, plan
from datasets import DATA, measured, published
from experiments import latency
from experiments.table import provenance

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
    assert latency.costs(b0) == expected


@pytest.mark.parametrize("name", latency.OTHERS)
def test_the_others_cost_what_is_published(name):
    row = next(row for row in published("keras_applications") if row["model"] == name)
    model = latency.build(name)
    found = latency.costs(model)
    assert (found["params"], found["macs"]) == (row["params"], row["macs"])
    assert model.input_shape[1] == row["resolution"]


def test_activations_agree_with_timm(b0):
    """timm prints millions; its ResNet-50 has the stride in another place than Keras's, its V2 other ends."""
    rows = {row["model"]: row["activations_M"] for row in published("timm_latency")}
    assert latency.costs(b0)["activations"] / 1e6 == pytest.approx(rows["tf_efficientnet_b0"], abs=0.006)
    found = latency.costs(latency.build("MobileNetV2"))["activations"] / 1e6
    assert found == pytest.approx(rows["mobilenetv2_100"], abs=0.006)


def test_each_layer_of_b0_is_timed_as_often_as_it_occurs(b0):
    found = latency.unique_layers(b0)
    counts, paper = Counter(), plan("b0")
    for (kind, *_), (_, count) in found.items():
        counts[kind] += count
    convs = sum(conv.name.endswith(("expand_conv", "project_conv", "dwconv")) for conv in paper.convs)
    assert counts["expand"] + counts["project"] + counts["depthwise"] == convs == 47
    assert (counts["stem"], counts["top"], counts["ends"], counts["add"]) == (1, 1, 3, 9)
    assert counts["batch norm"] == convs + 2 and counts["swish"] == 16 + 15 + 2 and counts["se"] == 4 * 16
    left_out = [layer for layer in b0.layers if not layer.name.endswith(tuple(latency.KINDS))]
    assert {type(layer) for layer in left_out} == {keras.layers.InputLayer, keras.layers.Dropout}
    assert sum(counts.values()) == len(b0.layers) - len(left_out)
    assert sum(count * latency.macs_of(layer) for layer, count in found.values()) == paper.macs


def test_a_tiny_network_and_its_layers_are_measured(monkeypatch, capsys):
    model = EfficientNet(TINY, classes=10)
    monkeypatch.setattr(latency, "build", lambda name: model)
    memory = dict(memory_before_mb=1, memory_peak_mb=2)
    monkeypatch.setattr(latency, "memories", lambda points: [memory for _ in points])
    monkeypatch.setattr(latency, "SPAN", 0.001)
    rows = latency.measure_networks([("ResNet50", 1), ("ResNet50", 2)], rounds=2)
    assert [(row["model"], row["batch"], row["resolution"]) for row in rows] == [
        ("ResNet50", 1, 32),
        ("ResNet50", 2, 32),
    ]
    assert all(0 < row["ms_low"] <= row["ms_median"] <= row["ms_high"] for row in rows)
    assert all(row["peak_gmacs_s"] > 0 and row["memory_peak_mb"] == 2 for row in rows)
    assert [*rows[0], *provenance()] == list(measured("latency")[0])
    layers, paper = latency.measure_layers(model, batches=(2,), rounds=2), plan(TINY, classes=10)
    assert {row["batch"] for row in layers} == {2} and all(row["ms_median"] > 0 for row in layers)
    assert sum(row["count"] * row["macs"] for row in layers) == 2 * paper.macs
    assert [*layers[0], *provenance()] == list(measured("latency_blocks")[0])
    (head,) = (row for row in layers if row["output"] == "10")
    inputs = int(head["input"])
    assert head["bytes"] == 4 * (2 * (inputs + 10) + 10 * inputs + 10)
    assert "round 2/2" in capsys.readouterr().out


@pytest.mark.slow
def test_a_fresh_process_reports_its_memory():
    (row,) = latency.memories([("MobileNetV2", 1)])
    assert 50 < row["memory_before_mb"] < row["memory_peak_mb"] < 4000


@pytest.mark.skipif(not (DATA / "measured/latency.csv").exists(), reason="not measured yet")
def test_the_recorded_rows_are_complete_and_agree_with_the_plan():
    rows = measured("latency")
    assert [(row["model"], row["batch"]) for row in rows] == latency.POINTS
    one, many = ([row for row in rows if row["batch"] == batch] for batch in latency.BATCHES)
    assert [row["model"] for row in many] == [row["model"] for row in one if row["macs"] < 4e9]
    for row in rows:
        if row["model"] in latency.FAMILY:
            paper = plan(row["model"])
            assert (row["params"], row["macs"], row["activations"]) == (paper.params, paper.macs, paper.activations)
            assert row["resolution"] == paper.scale.resolution
        assert 0 < row["ms_low"] <= row["ms_median"] <= row["ms_high"] and row["rounds"] == latency.ROUNDS
        assert row["batch"] * row["macs"] / row["ms_median"] < 1e6 * row["peak_gmacs_s"]  # nothing beats the peak
        assert 4 * row["params"] / 1e6 < row["memory_peak_mb"] - 0.5 * row["memory_before_mb"]


@pytest.mark.skipif(not (DATA / "measured/latency_blocks.csv").exists(), reason="not measured yet")
def test_the_recorded_layers_are_those_of_b0(b0):
    rows, found = measured("latency_blocks"), latency.unique_layers(b0)
    for batch in latency.BATCHES:
        mine = [row for row in rows if row["batch"] == batch]
        keys = [tuple("" if row[name] is None else row[name] for name in latency.LAYER) for row in mine]
        assert keys == list(found)
        assert sum(row["count"] * row["macs"] for row in mine) == batch * plan("b0").macs
        for row in mine:
            layer, _ = found[tuple("" if row[name] is None else row[name] for name in latency.LAYER)]
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            numbers = batch * sum(prod(tensor.shape[1:]) for tensor in [*inputs, layer.output])
            numbers += sum(weight.size for weight in layer.get_weights())
            assert row["bytes"] == 4 * numbers and row["ms_median"] > 0
