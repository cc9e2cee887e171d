"""Transfer as a practitioner does it: a head, then blocks unfrozen; what batch norm, augmentation and optimizer decide.

    python src/measure.py finetuning            writes data/measured/finetuning.csv, about 9 hours of two CPU cores
    python src/measure.py finetuning --quick    two of its rows on 200 images; writes nothing

Protocol, written before the first row
- Data: CIFAR-10, enlarged. Of the training images the first 2,000 train and the last 1,000 choose; the first 2,000 test
  images are looked at once, after the last epoch.
- Network: Lite0 with ImageNet weights, for images of 32, 96 and 224 pixels.
- Head: a softmax layer on the features of the untouched network and of the mirrored images, Adam, HEAD_EPOCHS epochs.
  Every other row of the same resolution and seed starts from this head.
- BASE: all layers unfrozen, batch norm frozen (its statistics, scale and offset stay ImageNet's), augmented (mirrored,
  and shifted by up to an eighth of the image), Adam, EPOCHS epochs. Each row of VARIED changes what it names, nothing
  else; `last blocks` unfreezes stages 6 and 7 and the top. LONGER, up to 96 pixels, trains four times as long: were
  batch norm's loss one of too few steps, it would go.
- Learning rate: for each optimizer the one of RATES with the best validation accuracy of BASE, seed 0, at 32 and at 96
  pixels; at 224 that of 96. The gradient's norm is limited to 1. A cosine falls to zero.
- Statistics: after each training batch norm's mean and variance are also measured anew on the training images,
  augmented or not as they were, and the network tested again (`…_recomputed`): what is gained then was lost to
  statistics alone.
- Reported: validation and test top-1, and the test's balanced accuracy (mean over the classes of the share found),
  seeds 0 to 2; compare rows paired by seed.
- Budget: training costs 60 ms an image at 224 pixels, a fifth of it at 96, a twentieth at 32. At 224, 18 runs of 8
  epochs are 6 hours; at 96 and 32 together, with the rates and LONGER, 3.
"""

from functools import cache

import keras
import numpy as np
from keras import layers

from datasets import cifar10, enlarge, measured
from experiments.loop import compile_for, in_parts, mirror_and_shift, restart, train
from experiments.table import fill, written
from export import compiled, fold, fuse
from recipe import schedule
from surgery import recalibrated
from weights import pretrained

RESOLUTIONS, SEEDS = (32, 96, 224), range(3)
TRAIN, VALIDATION, TEST = 2000, 1000, 2000
BATCH, EPOCHS, HEAD_EPOCHS, HEAD_RATE = 32, 8, 30, 1e-3
RATES = dict(Adam=(3e-5, 1e-4, 3e-4), SGD=(3e-4, 1e-3, 3e-3))
BASE = dict(unfrozen="all", norm="frozen", augmented="yes", optimizer="Adam", epochs=EPOCHS)
VARIED = (
    {},
    dict(norm="trained"),
    dict(unfrozen="last blocks"),
    dict(augmented="no"),
    dict(optimizer="SGD"),
    dict(norm="trained", optimizer="SGD"),
)
LONGER = (dict(epochs=4 * EPOCHS), dict(norm="trained", epochs=4 * EPOCHS))
HEAD = dict(unfrozen="head", norm="frozen", augmented="yes", optimizer="Adam", epochs=HEAD_EPOCHS)


@cache
def images(full):
    """(training, validation, test): three pairs of images of 32 pixels and labels."""
    (x, y), (x_test, y_test) = cifar10(full=full)
    sizes = (TRAIN, VALIDATION, TEST) if full else (200, 100, 100)
    return (x[: sizes[0]], y[: sizes[0]]), (x[-sizes[1] :], y[-sizes[1] :]), (x_test[: sizes[2]], y_test[: sizes[2]])


@cache
def body_of(resolution):
    """Lite0 with ImageNet weights up to the mean of its last map: the features, (n, channels)."""
    body = pretrained("lite0", include_top=False, resolution=resolution)
    return keras.Model(body.input, layers.GlobalAveragePooling2D(name="avg_pool")(body.output))


@cache
def features(resolution, full=True):
    """The features of the training images, of their mirror images and of the validation images, standardised.

    Returns the three, (n, channels) each, and mean and standard deviation, (channels,).
    """
    run, (train_set, validation, _) = compiled(fold(body_of(resolution))), images(full)
    sets = (train_set[0], train_set[0][:, :, ::-1], validation[0])
    found = [in_parts(lambda part: run(enlarge(part, resolution)), each, 100) for each in sets]
    mean, std = found[0].mean(0), found[0].std(0)
    std = np.maximum(std, 0.1 * std.mean())  # a feature that is nearly constant must not be blown up
    return [(each - mean) / std for each in found], mean, std


@cache
def head(resolution, seed, full=True):
    """Kernel and bias of a softmax layer trained on the features, and the curves of its training."""
    (known, flipped, unseen), mean, std = features(resolution, full)
    (_, y), (_, y_validation), _ = images(full)
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(known.shape[1:])
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(inputs))
    compile_for(model, keras.optimizers.Adam(schedule(HEAD_RATE, len(y) // BATCH * HEAD_EPOCHS)))

    def pick(chosen, mirrored):
        return np.where(mirrored[:, None], flipped[chosen], known[chosen])

    found = train(model, pick, y, (unseen, y_validation), HEAD_EPOCHS, seed, BATCH, f"{resolution} px, head {seed}")
    kernel, bias = model.get_weights()
    kernel = kernel / std[:, None]  # so that it takes the features as they are
    return (kernel, bias - mean @ kernel), found


@cache
def classifier(resolution, unfrozen, norm, optimizer, epochs, rate, steps):
    """The compiled model of a row, and its pretrained weights without the head's; kept for the other seeds."""
    body = body_of(resolution)
    outputs = layers.Dense(10, activation="softmax", name="predictions")(body.output)
    model = fuse(keras.Model(body.input, outputs))
    late = False  # stages 6 and 7, and what follows
    for layer in model.layers:
        late = late or layer.name.startswith("block6")
        is_norm = isinstance(layer, layers.BatchNormalization)
        layer.trainable = (unfrozen == "all" or late) and (norm == "trained" or not is_norm)
    rates = schedule(rate, steps * epochs)
    kinds = dict(Adam=keras.optimizers.Adam, SGD=keras.optimizers.SGD)
    options = dict(momentum=0.9, nesterov=True) if optimizer == "SGD" else {}
    # with a momentum of 0.99, ImageNet's statistics would never fade
    compile_for(model, kinds[optimizer](rates, global_clipnorm=1.0, **options), norm_momentum=0.9)
    return model, model.get_weights()[:-2]


def run(resolution, unfrozen, norm, augmented, optimizer, epochs, rate, seed, full=True):
    """One row: trains from the head of `seed`. Returns a dict of what was measured."""
    (x, y), (x_validation, y_validation), (x_test, y_test) = images(full)
    trained_head, found = head(resolution, seed, full)
    model, weights = classifier(resolution, unfrozen, norm, optimizer, epochs, rate, len(y) // BATCH)
    restart(model, [*weights, *trained_head])
    if unfrozen != "head":
        random = np.random.default_rng([seed, 1])

        def pick(chosen, mirrored):
            enlarged = enlarge(x[chosen], resolution)
            return enlarged if augmented == "no" else mirror_and_shift(enlarged, mirrored, random)

        label = f"{resolution} px, {unfrozen}, norm {norm}, augmented {augmented}, {optimizer}, seed {seed}"
        validation = enlarge(x_validation, resolution), y_validation
        found = train(model, pick, y, validation, epochs, seed, BATCH, label)
    row = dict(curve=written(found["curve"]), train_curve=written(found["train_curve"]))
    row |= tested(model, resolution, x_test, y_test)
    if unfrozen != "head":
        met = pick(np.arange(len(y)), np.arange(len(y)) % 2 == 1)  # as in training, each second one mirrored
        again = tested(recalibrated(model, met, BATCH), resolution, x_test, y_test)
        row |= {f"{name}_recomputed": value for name, value in again.items()}
    return row | dict(validation_top1=round(found["curve"][-1], 2), seconds=round(found["seconds"]))


def tested(model, resolution, x, y):
    """Top-1 and balanced accuracy in % on images of 32 pixels, a dict."""
    right = in_parts(compiled(model), enlarge(x, resolution), 100).argmax(-1) == y
    recalls = [right[y == label].mean() for label in np.unique(y)]
    return dict(top1=round(100 * float(right.mean()), 2), balanced=round(100 * float(np.mean(recalls)), 2))


# ---------------------------------------------------------------- the protocol


def choose_rate(resolution, optimizer):
    """Fills the rows that choose a learning rate, and returns it."""
    wanted = dict(resolution=resolution) | BASE | dict(optimizer=optimizer)
    fill("finetuning", [wanted | dict(rate=rate, seed=0) for rate in RATES[optimizer]], run)
    rows = [row for row in measured("finetuning") if wanted.items() <= row.items() and row["seed"] == 0]
    return max(rows, key=lambda row: row["validation_top1"])["rate"]


def keys(resolution, rates):
    """The rows of a resolution, as `fill` wants them, seed by seed; `rates`: of each optimizer."""
    found = []
    for seed in SEEDS:
        for changes in (*VARIED, *(LONGER if resolution < 224 else ())):
            row = dict(resolution=resolution) | BASE | changes
            found.append(row | dict(rate=rates[row["optimizer"]], seed=seed))
        found.append(dict(resolution=resolution) | HEAD | dict(rate=HEAD_RATE, seed=seed))
    return found


def main(quick=False):
    """Fills the table: for each resolution the rates, then the rows, seed by seed."""
    if quick:
        for changes in VARIED[:2]:
            print("", run(32, **BASE | changes | dict(epochs=1), rate=1e-4, seed=0, full=False))
        return
    for resolution in RESOLUTIONS:
        rates = {optimizer: choose_rate(min(resolution, 96), optimizer) for optimizer in RATES}
        fill("finetuning", keys(resolution, rates), run)
        classifier.cache_clear()  # models of one size are enough for the memory
