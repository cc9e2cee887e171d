"""Compound scaling for real: what its protocol says of the shapes, the images and the recipe holds."""

import keras
import numpy as np
import pytest

import measure
from architecture import EfficientNet, plan
from datasets import measured
from experiments import scaling
from experiments.table import MEASURED

CLAIMS = {  # multiple of the MACs -> shape -> depth, width and resolution that it claims, as multiples of the base's
    2: dict(depth=(2, 1, 1), width=(1, 1.475, 1), resolution=(1, 1, 2**0.5), compound=(1.2, 1.1, 1.15)),
    4: dict(depth=(4, 1, 1), width=(1, 2.09, 1), resolution=(1, 1, 2), compound=(1.2**2, 1.1**2, 1.15**2)),
}
SHAPES = [(shape, multiple) for multiple in (2, 4) for shape in scaling.SHAPES]


def macs(shape, multiple):
    return plan(scaling.scale_of(shape, multiple), classes=10).macs


@pytest.mark.parametrize("shape, multiple", SHAPES)
def test_each_shape_costs_and_is_what_it_claims(shape, multiple):
    scale, base = scaling.scale_of(shape, multiple), scaling.scale_of("base", 1)
    assert macs(shape, multiple) / macs("base", 1) == pytest.approx(multiple, rel=0.05)
    blocks = len(plan(scale).blocks) / len(plan(base).blocks)
    built = blocks, scale.width, scale.resolution / base.resolution
    assert built == pytest.approx(CLAIMS[multiple][shape], rel=0.05)


def test_the_width_brings_its_macs_to_the_mean_of_the_others():
    for multiple in (2, 4):
        others = [macs(shape, multiple) for shape in scaling.SHAPES if shape != "width"]
        assert macs("width", multiple) == pytest.approx(np.mean(others), rel=0.02)


def test_the_shapes_that_can_be_asked_for_are_those_of_the_table():
    assert tuple(measure.parse(["scaling"]).shapes) == scaling.SHAPES


def test_the_images_that_choose_are_not_those_that_train():
    scaling.images.cache_clear()
    (x, y), (x_chosen, y_chosen), (x_test, y_test) = scaling.images(16, full=False)
    assert x.shape == (1600, 16, 16, 3) and x_chosen.shape[0] == 400 == len(y_chosen) and len(y) == 1600
    assert len(x_test) == len(y_test) == 1000
    scaling.images.cache_clear()


def test_only_kernels_decay():
    scaling.model_of.cache_clear()
    optimizer = scaling.model_of("base", 1, 0.1, 2, 10).optimizer
    optimizer.build(EfficientNet(scaling.scale_of("base", 1), classes=10).trainable_variables)
    for variable in optimizer._trainable_variables:
        assert optimizer._use_weight_decay(variable) == (variable.path.endswith("kernel"))
    assert optimizer.weight_decay == scaling.DECAY
    scaling.model_of.cache_clear()
    keras.utils.clear_session()


def test_rates_are_tried_until_the_best_lies_inside(monkeypatch):
    rows, best_rate = [], 3.2

    def fill(name, keys, run):
        assert name == "scaling"
        rows[:] = [key | dict(validation_top1=-abs(key["rate"] - best_rate)) for key in keys]

    monkeypatch.setattr(scaling, "fill", fill)
    monkeypatch.setattr(scaling, "measured", lambda name: rows)
    assert scaling.choose_rate("depth", 2) == best_rate
    assert [row["rate"] for row in rows] == [0.4, 0.8, 1.6, 3.2, 6.4]
    best_rate = 0.2
    assert scaling.choose_rate("depth", 2) == best_rate
    assert [row["rate"] for row in rows] == [0.1, 0.2, 0.4, 0.8, 1.6]
    best_rate = 0.8
    assert scaling.choose_rate("depth", 2) == best_rate and len(rows) == 3


@pytest.mark.skipif(not (MEASURED / "scaling.csv").exists(), reason="not measured yet")
def test_the_recorded_rows_agree_with_the_plan():
    for row in measured("scaling"):
        paper = plan(scaling.scale_of(row["shape"], row["multiple"]), classes=10)
        assert (row["params"], row["macs"], row["activations"]) == (paper.params, paper.macs, paper.activations)
        assert row["epochs"] == len(str(row["curve"]).split()) and 10 < row["top1"] < 100
