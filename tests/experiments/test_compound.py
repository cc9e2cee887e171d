"""Compound scaling in miniature: its shapes are what they claim, the rows agree with the code."""

import numpy as np
import pytest

from architecture import compound_scale, plan
from datasets import measured
from experiments import compound
from experiments.table import provenance

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
    x = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1)).astype("uint8")
    smaller = compound.shrink(x, 14)
    assert smaller.shape == (20, 14, 14, 1) and smaller.dtype == np.uint8
    assert np.abs(smaller.mean(axis=(1, 2, 3)) - x.mean(axis=(1, 2, 3))).max() < 3
    assert smaller.std() < 0.7 * x.std()  # picking every other pixel would keep the noise
    assert np.array_equal(compound.shrink(x, 28), x)


def test_a_seed_determines_a_run_and_a_model_is_used_again(eager, monkeypatch):
    x = np.random.default_rng(0).integers(0, 255, (128, 14, 14, 3)).astype("uint8")
    labels = np.arange(128) % 10
    monkeypatch.setattr(compound, "images", lambda *_: ((x, labels), (x[:64], labels[:64])))
    compound.model_of.cache_clear()
    rows = [compound.run("cifar10", "base", 1, epochs=1, seed=seed) for seed in (0, 1, 0)]
    recorded = next(row for row in measured("compound") if row["dataset"] == "cifar10" and row["shape"] == "base")
    assert [name for name in recorded if name in rows[0]] == list(rows[0])
    assert all(rows[0][name] == rows[2][name] for name in rows[0] if name != "seconds")
    assert rows[0]["train_top1"] != rows[1]["train_top1"]
    assert compound.model_of.cache_info().misses == 1
    compound.model_of.cache_clear()


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
    rows = compound.time_steps(batch=2, rounds=2, span=0)
    assert [(row["shape"], row["multiple"]) for row in rows] == compound.TABLE
    assert [*rows[0], *provenance()] == list(measured("compound_steps")[0])
    for row in rows:
        assert row["batch"] == row["rounds"] == 2 and 0 < row["ms_low"] <= row["ms_high"]
