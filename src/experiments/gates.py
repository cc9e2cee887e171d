"""What the gates of squeeze-and-excitation do: a trained network with other gates in place of its own.

    python src/measure.py gates            writes data/measured/gates.csv and gates_by_block.csv (half an hour)
    python src/measure.py gates --quick    the shipped network on 1,000 test images; writes nothing

Protocol, written before the first row
- Networks: `small`, the one shipped in data/ and trained once; and `mini` of mini.py, trained here from seeds 0 to 2 on
  all 50,000 images of CIFAR-10, Adam with a cosine from RATE, EPOCHS epochs, mirrored. The seeds say how far one
  network can be trusted; `small` is the one that lesson 02 opens.
- Gates: `own`; `mean` of each channel over the CALIBRATION images, the same for every image; `half`; `one`; and those
  of the `next` image of the batch, in the order of the test set.
- Statistics: `stored`, those of the training with its own gates; `recomputed`, batch norm's mean and variance measured
  anew with the gates as they are then, on the CALIBRATION images: the first of the training set, mirrored and, for
  `small`, shifted by up to 4 pixels as in its training. (A trial on a checkpoint without shifts cost even its own gates
  five points.) Nothing is trained again.
- Reported: top-1 on the 10,000 test images; `difference`, in points, to the same network with its own gates and stored
  statistics. gates_by_block.csv takes the gates of `small` on the test images apart: the shares of their variance
  between channels, between the classes' means, and within classes.
"""

from functools import cache

import keras
import numpy as np

import surgery
from architecture import EfficientNet, Scale
from datasets import cifar10
from experiments.loop import compile_for, images_of, in_parts, train
from experiments.table import fill, fill_at_once
from export import compiled, fuse
from mini import mini
from recipe import mirror, schedule, shift
from weights import small

SEEDS, EPOCHS, BATCH, RATE = range(3), 6, 128, 4e-3
CALIBRATION, SHIFT = 2000, 4
GATES = ("own", "mean", "half", "one", "next")
STATISTICS = ("stored", "recomputed")
NETWORKS = [("small", 0), *(("mini", seed) for seed in SEEDS)]


@cache
def images(full=True):
    """((x_train, y_train), (x_test, y_test)), kept for the other runs."""
    return cifar10(full=full)


@cache
def trained(network, seed, full=True):
    """A trained network: the shipped one, or `mini` from a seed."""
    if network == "small":
        return small()
    (x, y), test = images(full)
    keras.utils.set_random_seed(seed)
    model = fuse(EfficientNet(Scale(1.0, 1.0, 32, 0.0, mini()), classes=10))
    compile_for(model, keras.optimizers.Adam(schedule(RATE, EPOCHS * (len(y) // BATCH))), norm_momentum=0.9)
    train(model, images_of(x), y, test, EPOCHS, seed, BATCH, f"mini, seed {seed}")
    return model


def rule_of(gates, model, x):
    """The rule of one of GATES, as `surgery.with_gates` wants it; `mean` takes its means from images x."""
    if gates == "mean":
        return surgery.fixed({block: values.mean(0) for block, values in surgery.gates(model, x).items()})
    return dict(own=surgery.own, half=surgery.half, one=surgery.one, next=surgery.of_next_image)[gates]


@cache
def calibration(network, full=True):
    """Training images as the network met them."""
    (x, _), _ = images(full)
    x, random = x[:CALIBRATION], np.random.default_rng(0)
    x = mirror(x, random.random(len(x)) < 0.5)
    return shift(x, random.integers(-SHIFT, SHIFT, (len(x), 2), endpoint=True)) if network == "small" else x


@cache
def top1(network, seed, gates, statistics, full=True):
    """Top-1 in % on the test images, with these gates and statistics, both as named in GATES and STATISTICS."""
    model, x, (x_test, y_test) = trained(network, seed, full), calibration(network, full), images(full)[1]
    model = surgery.with_gates(model, rule_of(gates, model, x))
    if statistics == "recomputed":
        model = surgery.recalibrated(model, x)
    return 100 * float(np.mean(in_parts(compiled(model), x_test, 500).argmax(-1) == y_test))


def run(network, seed, gates, statistics, full=True):
    """One row: the accuracy of a network with these gates, and its difference to that with its own."""
    found, before = top1(network, seed, gates, statistics, full), top1(network, seed, "own", "stored", full)
    return dict(top1=round(found, 2), difference=round(found - before, 2))


def keys():
    """Every run, as `fill` wants them: network by network, each is trained once."""
    found = []
    for network, seed in NETWORKS:
        for gates in GATES:
            for statistics in STATISTICS:
                found.append(dict(network=network, seed=seed, gates=gates, statistics=statistics))
    return found


def by_block(full=True):
    """Shares in % of the variance of each block's gates, a row of each, a dict: classes are equally frequent."""
    (x, y), rows = images(full)[1], []
    for block, values in surgery.gates(trained("small", 0), x).items():
        classes = np.stack([values[y == label] for label in range(10)])  # (class, image, channel)
        parts = dict(
            between_channels=classes.mean((0, 1)).var(),
            between_classes=classes.mean(1).var(0).mean(),
            within_classes=classes.var(1).mean(),
        )
        whole = sum(parts.values())
        shares = {name: round(100 * float(part / whole), 1) for name, part in parts.items()}
        rows.append(dict(block=block, channels=values.shape[1], mean=round(float(values.mean()), 3)) | shares)
    return rows


def main(quick=False):
    """Fills both tables."""
    if quick:
        for key in keys()[: 2 * len(GATES)]:
            print(key | run(**key, full=False))
    else:
        fill_at_once("gates_by_block", by_block)
        fill("gates", keys(), run)
