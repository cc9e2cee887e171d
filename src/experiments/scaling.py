"""Compound scaling on CIFAR-10: depth, width, resolution and all three, at 4 and at 2 times the MACs of one network.

    python src/measure.py scaling            writes data/measured/scaling.csv, some 10 hours of two CPU cores
    python src/measure.py scaling --shapes depth width     these alone: a process of one thread for each pair of shapes
                                             (TF_NUM_INTRAOP_THREADS=1) does a third more than one process of two
    python src/measure.py scaling --quick    two shapes, two epochs, on the shipped images; writes nothing

Protocol, written before the first row
- Data: CIFAR-10. Of the 50,000 training images the last 5,000 choose, the first 45,000 train; the 10,000 test images
  are looked at once, after the last epoch. Images are made smaller with an antialiasing filter, never larger.
- Base: 10 MBConv blocks in two stages, for images of 16 x 16 pixels, 2.0 M MACs. Five blocks a stage, so that depth
  can grow by 1.2, 1.4, 2 and 4 without being rounded; widths are not rounded to multiples of 8. No stochastic depth and
  no dropout: both would favour some shapes. (The first base, with five more blocks at full size, had one trial run and
  was given up for its time: memory traffic, not MACs, was most of it.)
- Shapes: `depth` repeats blocks; `resolution` enlarges the image, 32 pixels at most; `compound` takes the paper's
  alpha = 1.2, beta = 1.1, gamma = 1.15 with phi = 1 (2 x) and 2 (4 x); `width` has the width that brings its MACs to
  the mean of the other three. Each comes within 5 % of the multipliers that it claims, and of 2 or 4 times the MACs.
- Recipe, the same for all: SGD with Nesterov momentum 0.9, batches of 128, one epoch of warm-up, a cosine to zero,
  weight decay of 5e-4, mirroring, and shifts by up to an eighth of the image.
- Learning rate: chosen for each shape by validation accuracy after SHORT epochs with seed 0, from RATES; while the best
  is the lowest or highest tried, half or twice that rate is tried too. (RATES were 0.05, 0.1 and 0.2 at first. The two
  shapes tried first, resolution and depth, gained with every doubling up to 0.8, so the other two begin higher.)
- Race: the chosen rate, seeds 0 to 2, over SHORT epochs and over LONG ones. First 4 x, then 2 x.
- Reported: test top-1 after the last epoch, differences between shapes paired by seed with 95 % intervals; validation
  accuracy after each epoch; activations, and the seconds of a training step of each shape, timed in turns.
"""

from functools import cache

import keras
import numpy as np

from architecture import EfficientNet, Scale, Stage, plan
from datasets import cifar10, measured
from experiments.loop import compile_for, guess, mirror_and_shift, restart, shrink, train
from experiments.table import fill, written
from export import fuse
from mini import mini
from recipe import schedule, sgd

STAGES = (
    Stage(expand=4, kernel=3, stride=2, filters=16, repeats=5),
    Stage(expand=4, kernel=3, stride=2, filters=40, repeats=5),
)
BASE = mini(stages=STAGES, stem_filters=8, stem_stride=1)
SHAPES = ("depth", "width", "resolution", "compound")
BUILT = {  # multiple of the base's MACs -> shape -> depth, width, pixels
    1: dict(base=(1, 1, 16)),
    2: dict(depth=(2, 1, 16), width=(1, 1.475, 16), resolution=(1, 1, 22), compound=(1.2, 1.1, 18)),
    4: dict(depth=(4, 1, 16), width=(1, 2.09, 16), resolution=(1, 1, 32), compound=(1.4, 1.21, 22)),
}
BATCH, DECAY, VALIDATION = 128, 5e-4, 5000
SHORT, LONG, SEEDS = 7, 20, range(3)
RATES = (0.4, 0.8, 1.6)


def scale_of(shape, multiple):
    """The Scale of a shape at 2 or 4 times the MACs of the base; ("base", 1) is the base itself."""
    depth, width, pixels = BUILT[multiple][shape]
    return Scale(width, depth, pixels, 0.0, BASE)


@cache
def images(size, full=True):
    """(training, validation, test) at size x size pixels: three pairs of uint8 images and labels."""
    (x, y), (x_test, y_test) = cifar10(full=full)
    x, x_test = shrink(x, size), shrink(x_test, size)
    last = len(x) - (VALIDATION if full else len(x) // 5)
    return (x[:last], y[:last]), (x[last:], y[last:]), (x_test, y_test)


@cache
def model_of(shape, multiple, rate, epochs, steps):
    """The compiled model of a shape, kept for the other seeds."""
    model = fuse(EfficientNet(scale_of(shape, multiple), classes=10))
    return compile_for(model, sgd(schedule(rate, epochs * steps, steps), DECAY))


def run(shape, multiple, epochs, rate, seed, full=True):
    """One row: trains a shape from `seed`. Returns a dict of what was measured."""
    scale = scale_of(shape, multiple)
    paper, (training, validation, test) = plan(scale, classes=10), images(scale.resolution, full)
    x, y = training
    model = model_of(shape, multiple, rate, epochs, len(y) // BATCH)
    keras.utils.set_random_seed(seed)
    restart(model, EfficientNet(scale, classes=10).get_weights())
    random = np.random.default_rng([seed, 1])

    def pick(chosen, mirrored):
        return mirror_and_shift(x[chosen], mirrored, random)

    found = train(model, pick, y, validation, epochs, seed, BATCH, f"{shape} {multiple}x, rate {rate}, seed {seed}")
    return dict(
        depth=scale.depth,
        width=scale.width,
        resolution=scale.resolution,
        params=paper.params,
        macs=paper.macs,
        activations=paper.activations,
        top1=round(100 * float(np.mean(guess(model, test[0]) == test[1])), 2),
        validation_top1=round(found["curve"][-1], 2),
        train_top1=round(found["train_curve"][-1], 2),
        curve=written(found["curve"]),
        train_curve=written(found["train_curve"]),
        seconds=round(found["seconds"]),
    )


# ---------------------------------------------------------------- the protocol


def choose_rate(shape, multiple):
    """Fills the rows that choose the learning rate of a shape, and returns it."""
    rates, trial = sorted(RATES), dict(shape=shape, multiple=multiple, epochs=SHORT, seed=SEEDS[0])
    while True:
        fill("scaling", [key(shape, multiple, SHORT, rate) for rate in rates], run)
        rows = [row for row in measured("scaling") if trial.items() <= row.items()]
        best = max(rows, key=lambda row: row["validation_top1"])["rate"]
        if rates[0] < best < rates[-1]:
            return best
        rates = sorted([*rates, best / 2 if best == rates[0] else best * 2])


def key(shape, multiple, epochs, rate, seed=SEEDS[0]):
    """What identifies a row."""
    return dict(shape=shape, multiple=multiple, epochs=epochs, rate=rate, seed=seed)


def main(quick=False, shapes=SHAPES):
    """Fills the table: for each multiple the rates, then the short race and the long one. `shapes`: these alone."""
    if quick:
        for shape, multiple in (("base", 1), ("compound", 2)):
            print("", run(shape, multiple, epochs=2, rate=RATES[1], seed=0, full=False))
        return
    for multiple in (4, 2):
        rates = {shape: choose_rate(shape, multiple) for shape in shapes}
        for epochs in (SHORT, LONG):
            for seed in SEEDS:
                fill("scaling", [key(shape, multiple, epochs, rates[shape], seed) for shape in shapes], run)
