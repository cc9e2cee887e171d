"""What lesson 04 says about equation 3 and the paper's tables holds for the plan and the tables."""

import numpy as np

from architecture import VARIANTS, Scale, compound_scale, plan
from datasets import measured, published
from intervals import t_interval


def test_only_b2_has_one_phi_and_after_it_depth_falls_behind():
    needed, found = {}, {}
    for name in (f"b{i}" for i in range(1, 8)):
        scale = VARIANTS[name]
        growth = np.array([scale.depth, scale.width, scale.resolution / 224])
        needed[name] = np.log(growth) / np.log([1.2, 1.1, 1.15])
        found[name] = needed[name] - needed[name].mean()
    assert np.allclose(np.round(needed["b4"], 2), [3.22, 3.53, 3.78])
    spread = {name: np.ptp(phis) for name, phis in found.items()}
    assert (
        min(spread, key=spread.get) == "b2" and spread["b2"] < 0.1 and min(set(spread.values()) - {spread["b2"]}) > 0.2
    )
    behind = [found[f"b{i}"][0] for i in range(2, 8)]  # depth
    assert behind == sorted(behind, reverse=True) and round(behind[-1], 2) == -0.64
    assert all(found[f"b{i}"].argmin() == 0 for i in range(3, 8))


def test_every_alpha_from_105_to_125_gives_the_same_23_blocks():
    assert {len(plan(Scale(1, alpha, 224)).blocks) for alpha in np.linspace(1.05, 1.25, 21)} == {23}


def test_all_three_dials_beat_the_best_single_one_by_06_to_20_points():
    rows = [row for row in published("table7_scaled_b0") if row["arxiv_version"] == "v5"]
    leads = [rows[4]["top1"] - max(row["top1"] for row in rows[1:4])]
    by_family = {}
    for row in published("table3_scaling_existing_nets"):
        by_family.setdefault(row["family"], {})[row["method"]] = row["top1"]
    for found in by_family.values():
        singles = [found[dial] for dial in ("depth", "width", "resolution") if dial in found]
        leads.append(found["compound"] - max(singles))
    assert (round(min(leads), 1), round(max(leads), 1)) == (0.6, 2.0)


LEADS = (("resolution", "compound", 2), ("compound", "width", 2), ("width", "depth", 1))


def test_on_photos_of_16_pixels_resolution_wins_and_depth_is_last():
    top1 = {}
    for row in measured("scaling"):
        if (row["multiple"], row["epochs"]) == (4, 20):
            top1.setdefault(row["shape"], {})[row["seed"]] = row["top1"]
    top1 = {shape: np.array([rows[seed] for seed in range(3)]) for shape, rows in top1.items()}
    for better, worse, least in LEADS:
        mean, half = t_interval(top1[better] - top1[worse])
        assert mean > least and mean - half > 0, (better, worse)
    mean, half = t_interval(top1["resolution"] - top1["compound"])
    assert (round(mean, 1), round(half, 1)) == (2.3, 0.7)
    means = {shape: round(values.mean(), 1) for shape, values in top1.items()}
    assert means == {"resolution": 89.5, "compound": 87.1, "width": 83.4, "depth": 81.9}


def test_after_seven_epochs_the_order_is_the_same_at_rates_that_validation_chose():
    runs = {}
    for row in measured("scaling"):
        if (row["multiple"], row["epochs"]) == (4, 7):
            runs.setdefault((row["shape"], row["rate"]), {})[row["seed"]] = row
    trials, long = {}, {}
    for (shape, rate), rows in runs.items():
        trials.setdefault(shape, {})[rate] = rows[0]["validation_top1"]
    for row in measured("scaling"):
        if row["epochs"] == 20:
            long.setdefault(row["shape"], set()).add(row["rate"])
    top1 = {}
    for shape, by_rate in trials.items():
        best = max(by_rate, key=by_rate.get)
        assert min(by_rate) < best < max(by_rate), "the rate is not at an end of those tried"
        assert long[shape] == {best}
        top1[shape] = np.array([runs[shape, best][seed]["top1"] for seed in range(3)])
    for better, worse, least in LEADS:
        mean, half = t_interval(top1[better] - top1[worse])
        assert mean > least and mean - half > 0, (better, worse)
    means = {shape: round(values.mean(), 1) for shape, values in top1.items()}
    assert means == {"resolution": 84.5, "compound": 81.9, "width": 77.8, "depth": 73.0}


def test_the_phi_of_their_width_makes_every_layer_of_b2_to_b4_and_blocks_are_missing_from_b5_on():
    missing = {}
    for name in (f"b{i}" for i in range(2, 8)):
        rule = plan(compound_scale(np.log(VARIANTS[name].width) / np.log(1.1)))
        layers = []
        for blocks in (rule.blocks, plan(name).blocks):
            layers.append([[(c.kernel, c.stride, c.inputs, c.filters) for c in block.convs] for block in blocks])
        missing[name] = len(rule.blocks) - len(plan(name).blocks)
        assert (layers[0] == layers[1]) == (missing[name] == 0)
        assert rule.scale.resolution != VARIANTS[name].resolution
    assert list(missing.values()) == [0, 0, 0, 3, 10, 9]
