"""What lesson 06 says about its tables: a row that comes or goes and falsifies a sentence is noticed."""

import math
from dataclasses import replace

import numpy as np
import pytest

from architecture import plan
from datasets import measured, published
from intervals import t_interval, wilson

HEAD, KEPT, TRAINED = "frozen", "fine-tuned, batch norm frozen", "fine-tuned, batch norm trained"


@pytest.fixture(scope="module")
def means():
    """The mean test top-1 of each setting over its seeds."""
    found = {}
    for row in measured("transfer"):
        if row["images"] == 3000:
            key = row["network"], row["regime"], row["optimizer"], row["resolution"]
            found.setdefault(key, []).append(row["top1"])
    return {key: np.mean(values) for key, values in found.items()}


def test_enlarging_nearly_doubles_the_accuracy(means):
    heads = [means["lite0", HEAD, "Adam", size] for size in (32, 96, 224)]
    assert [round(value) for value in heads] == [45, 78, 87]
    for network in ("lite0", "lite1", "lite2"):
        sizes = [means[network, HEAD, "Adam", size] for size in (32, 96, 224)]
        assert sizes == sorted(sizes)


def test_trained_batch_norm_is_far_below_wherever_it_was_measured(means):
    pairs = [key for key in means if key[1] == TRAINED and (key[0], KEPT, *key[2:]) in means]
    assert len(pairs) >= 4
    for network, _, optimizer, size in pairs:
        below = means[network, KEPT, optimizer, size] - means[network, TRAINED, optimizer, size]
        assert below > (15 if network == "lite0" else 3), (network, optimizer, size)
    assert round(means["lite0", KEPT, "Adam", 96] - means["lite0", TRAINED, "Adam", 96]) == 15


def test_trained_batch_norm_fails_on_training_photos_too():
    seen = {KEPT: [], TRAINED: []}
    for row in measured("transfer"):
        if (row["network"], row["optimizer"], row["resolution"], row["images"]) == ("lite0", "Adam", 96, 3000):
            if row["regime"] in seen:
                seen[row["regime"]].append(row["train_top1"])
    assert round(np.mean(seen[KEPT]) - np.mean(seen[TRAINED])) == 23


def test_optimizers_and_larger_networks(means):
    for size in (32, 96, 224):
        assert abs(means["lite0", HEAD, "Adam", size] - means["lite0", HEAD, "SGD", size]) < 1
    for network, size in (("lite0", 32), ("lite0", 96), ("lite1", 32)):  # not lite2, which collapses at 32
        assert means[network, KEPT, "Adam", size] > means[network, KEPT, "SGD", size] + 3
        if (network, TRAINED, "SGD", size) in means:
            assert means[network, TRAINED, "Adam", size] > means[network, TRAINED, "SGD", size]
    for size in (96, 224):
        for network in ("lite1", "lite2"):
            assert means[network, HEAD, "Adam", size] - means["lite0", HEAD, "Adam", size] < 2
    dead = {
        row["dead_features"] for row in measured("transfer") if (row["network"], row["resolution"]) == ("lite2", 32)
    }
    assert {round(value) for value in dead} == {87}


def test_numbers_of_the_text():
    network = plan(replace(plan("lite0").scale, resolution=128), include_top=False)
    top = sum(conv.params for conv in network.convs if conv.name >= "block7a" and conv is not network.stem)
    assert round(100 * top / network.params) == 30
    assert [round(100 * end) for end in wilson(340, 400)] == [81, 88]
    assert round(900 / 930, 2) == 0.97
    assert math.ceil(math.log(0.5) / math.log(0.99)) == 69
    (cifar,) = [row for row in published("table5_transfer") if row["dataset"] == "CIFAR-10"]
    assert cifar["ours_vs_public_acc"] == 98.1
    b0 = {}
    for row in published("google_checkpoints"):
        if row["model"] == "B0" and row["status"] == "current":
            b0[row["training"].split()[0]] = row["top1"]
    assert (b0["AdvProp"], b0["NoisyStudent"], b0["AutoAugment"]) == (77.6, 78.8, 77.1)


def test_more_epochs_help_trained_batch_norm_in_part_and_fresh_statistics_do_not():
    top1 = {}
    for row in measured("finetuning"):
        if (row["resolution"], row["unfrozen"], row["augmented"], row["optimizer"]) == (32, "all", "yes", "Adam"):
            if row["rate"] == 1e-4:
                top1.setdefault((row["norm"], row["epochs"]), {})[row["seed"]] = row
    for epochs, points, half_width in ((8, -37, 2), (32, -26, 3)):
        trained, frozen = top1["trained", epochs], top1["frozen", epochs]
        mean, half = t_interval([trained[seed]["top1"] - frozen[seed]["top1"] for seed in range(3)])
        assert (round(mean), round(half)) == (points, half_width)
        for row in trained.values():
            assert row["top1_recomputed"] == pytest.approx(row["top1"], abs=1.5)
    told = {("trained", 8): 20, ("trained", 32): 40, ("frozen", 8): 57, ("frozen", 32): 65}
    for key, percent in told.items():
        assert round(np.mean([row["top1"] for row in top1[key].values()])) == percent
    fresh = [row["top1_recomputed"] for row in top1["frozen", 8].values()]
    assert round(np.mean(fresh)) == 12, "weights trained with batch norm frozen belong to the statistics of ImageNet"


def test_at_96_pixels_trained_batch_norm_is_behind_too():
    top1, fresh = {}, {}
    for row in measured("finetuning"):
        rate = {"Adam": 3e-4, "SGD": 3e-3}[row["optimizer"]]
        settings = row["resolution"], row["unfrozen"], row["augmented"], row["seed"], row["rate"]
        if settings == (96, "all", "yes", 0, rate):
            top1[row["optimizer"], row["epochs"], row["norm"]] = row["top1"]
            fresh[row["optimizer"], row["epochs"], row["norm"]] = row["top1_recomputed"]
    for optimizer, epochs, points in (("Adam", 8, 7), ("SGD", 8, 29), ("Adam", 32, 5)):
        trained = optimizer, epochs, "trained"
        assert round(top1[optimizer, epochs, "frozen"] - top1[trained]) == points
        assert fresh[trained] == pytest.approx(top1[trained], abs=1.5)


def test_augmentation_keeps_from_learning_by_heart_and_buys_nothing_in_eight_epochs():
    training, test = {"yes": [], "no": []}, {"yes": [], "no": []}
    wanted = dict(resolution=32, unfrozen="all", norm="frozen", optimizer="Adam", rate=1e-4, epochs=8)
    for row in measured("finetuning"):
        if all(row[name] == value for name, value in wanted.items()):
            training[row["augmented"]].append(float(str(row["train_curve"]).split()[-1]))
            test[row["augmented"]].append(row["top1"])
    assert len(test["yes"]) == len(test["no"]) == 3
    assert (round(np.mean(training["no"])), round(np.mean(training["yes"]))) == (87, 64)
    assert round(np.mean(test["no"])) == round(np.mean(test["yes"])) == 57
