"""Transfer to CIFAR-10: pretrained networks, three input sizes, three regimes, Adam and SGD, three seeds.

    python src/measure.py transfer                      writes data/measured/transfer.csv, transfer_confusion.csv
    python src/measure.py transfer --weights imagenet   the same with B0, B1 and B2, which Keras downloads
    python src/measure.py transfer --full               all 50,000 + 10,000 images, rows of their own
    python src/measure.py transfer --quick              frozen, two sizes, shipped images, a minute; no table

`frozen` trains a linear softmax head on features of the untouched network; they are computed once for each network
and input size, of each image and its mirror image, and kept in data/cache/. The two fine-tuned regimes start from
that very head (same optimizer, same seed) and train everything: in `batch norm frozen` the batch norm layers keep
their ImageNet statistics, scale and offset, in `batch norm trained` they use the batch's and go on averaging.

Every row without --full is trained on the first IMAGES training images and tested on the first TEST test images, at
every size and in every regime, so that rows compare. The learning rates serve all networks, sizes and seeds. Those of
the heads were not searched for; for fine-tuning two were compared for each optimizer, once, with Lite0 at 32 pixels
and its batch norm frozen, 1,000 training images to learn and 500 others of the training set to choose by.

On two free cores the frozen rows of Lite0 take about 10 minutes, those fine-tuned at 32 pixels 10 more, each row
fine-tuned at 96 pixels two minutes and at 224 eight. The rows that settle most come first.
"""

import tempfile
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from architecture import find_scale, plan
from atomic import read_rows, write_atomically, write_rows
from datasets import CACHE, CIFAR10_CLASSES, cifar10
from experiments.loop import compile_for, measures, restart, train
from experiments.table import MEASURED, fill, written
from recipe import mirror, schedule
from weights import pretrained

FROZEN, NORM_FROZEN, NORM_TRAINED = REGIMES = (
    "frozen",
    "fine-tuned, batch norm frozen",
    "fine-tuned, batch norm trained",
)
OPTIMIZERS = ("Adam", "SGD")
NETWORKS = {"lite": ("lite0", "lite1", "lite2"), "imagenet": ("b0", "b1", "b2")}
SEEDS = range(3)
IMAGES, TEST = 3000, 2000
# `clip` is the norm that the gradient of all weights together is cut down to
HEAD = dict(epochs=20, batch=64, rates=dict(Adam=1e-3, SGD=1e-2), clip=None)
# At 32 pixels the first gradient of Lite0 has a norm of 84: without a limit, SGD fell to chance within an epoch
FINE_TUNING = dict(epochs=2, batch=32, rates=dict(Adam=1e-4, SGD=1e-3), clip=1.0)
DROPOUT = 0.2


def optimizer_of(name, settings, images):
    """A new optimizer of OPTIMIZERS for HEAD or FINE_TUNING: a cosine from its rate to zero, SGD with momentum."""
    steps = images // settings["batch"] * settings["epochs"]
    rates = schedule(settings["rates"][name], steps)
    if name == "SGD":
        return keras.optimizers.SGD(rates, momentum=0.9, nesterov=True, global_clipnorm=settings["clip"])
    return keras.optimizers.Adam(rates, global_clipnorm=settings["clip"])


def describe(optimizer):
    """What an optimizer says of itself, for the table: a row must not name one and be trained by another."""
    config = optimizer.get_config()
    momentum = f", momentum {config['momentum']}" if config.get("momentum") else ""
    nesterov = ", Nesterov" if config.get("nesterov") else ""
    clip = f", gradient norm at most {config['global_clipnorm']:g}" if config.get("global_clipnorm") else ""
    rate = optimizer._learning_rate.initial_learning_rate
    return f"{type(optimizer).__name__}{nesterov}{momentum}, cosine from {rate:g}{clip}"


# ---------------------------------------------------------------- images, networks, features


@cache
def data():
    """((x_train, y_train), (x_test, y_test)): all of CIFAR-10, kept for the other runs."""
    return cifar10(full=True)


def enlarge(x, size):
    """Images (n, h, w, 3), uint8, enlarged to size x size pixels with Pillow's bicubic filter; still 0 to 255."""
    if x.shape[1] == size:
        return x
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in x])


def features_of(network, resolution):
    """A network with ImageNet weights whose output is the mean over its last map: the features, (n, channels)."""
    body = pretrained(network, include_top=False, resolution=resolution)
    return keras.Model(body.input, keras.layers.GlobalAveragePooling2D(name="avg_pool")(body.output))


def features(network, resolution, parts, directory=CACHE):
    """The features of several sets of images, float16 (n, channels) each, in a dict of the same keys as `parts`.

    parts: a dict of name -> images. Each is kept in a file named after network, resolution, name and count.
    """
    model, found = None, {}
    for name, x in parts.items():
        path = Path(directory) / f"transfer_{network}_{resolution}_{name}_{len(x)}.npz"
        if not path.exists():
            print(path.name, flush=True)
            model = model or features_of(network, resolution)
            batches = np.array_split(x, -(-len(x) // 100))  # enlarged one by one: together they fill the memory
            done = model.predict(((enlarge(batch, resolution),) for batch in batches), steps=len(batches))
            write_atomically(path, partial(np.savez, features=done.astype("float16")))
        with np.load(path) as file:
            found[name] = file["features"]
    return found


def views(x):
    """Images and their mirror images, under the names that `features` keeps them by."""
    return dict(train=x, mirrored=x[:, :, ::-1])


# ---------------------------------------------------------------- training


def train_head(known, flipped, labels, test, optimizer, seed, label=""):
    """Trains a linear softmax head on features of images, `known`, and of their mirror images, `flipped`.

    test: (features, labels). Returns (weights, measured): kernel and bias for features as they are, and what `train`
    returned. It is trained on standardised features, for which one learning rate fits all networks, and standardising
    is then folded into it.
    """
    mean, std = known.mean(0, dtype="float32"), known.astype("float32").std(0)
    std = np.maximum(std, 0.1 * std.mean())  # a feature that is nearly constant must not be blown up

    def standardised(part):
        return (part.astype("float32") - mean) / std

    def pick(chosen, mirrored):
        return standardised(np.where(mirrored[:, None], flipped[chosen], known[chosen]))

    keras.utils.set_random_seed(seed)
    inputs = keras.Input(known.shape[1:])
    dense = keras.layers.Dense(10, activation="softmax", name="predictions")
    model = keras.Model(inputs, dense(keras.layers.Dropout(DROPOUT)(inputs)))
    compile_for(model, optimizer_of(optimizer, HEAD, len(labels)))
    test = standardised(test[0]), test[1]
    found = train(model, pick, labels, test, HEAD["epochs"], seed, HEAD["batch"], label)
    kernel, bias = dense.get_weights()
    kernel = kernel / std[:, None]
    return (kernel, bias - mean @ kernel), found | dict(optimizer=describe(model.optimizer))


@cache
def classifier(network, resolution, regime, optimizer, images):
    """The compiled model of a fine-tuned regime and its pretrained weights; kept for the other seeds."""
    body = features_of(network, resolution)
    x = keras.layers.Dropout(DROPOUT, name="top_dropout")(body.output)
    model = keras.Model(body.input, keras.layers.Dense(10, activation="softmax", name="predictions")(x))
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # `trainable = False` does two things to a batch norm in Keras: no gradient for scale and offset, and
            # inference mode, so that the moving statistics are used and stay. `training=False` in the call would do
            # the second alone, and switch off stochastic depth as well. It must be set before compiling.
            layer.trainable = regime == NORM_TRAINED
    # with a momentum of 0.99, ImageNet's statistics would never fade
    compile_for(model, optimizer_of(optimizer, FINE_TUNING, images), norm_momentum=0.9)
    return model, model.get_weights()[:-2]


def fine_tune(model, start, head, images, test, seed, label=""):
    """Trains a whole network, body from the weights `start`, head from `head`. Returns what `train` returned.

    images, test: (images, labels) of any size; they are enlarged to the model's.
    """
    restart(model, [*start, *head])
    size, (x, y) = model.input.shape[1], images

    def pick(chosen, mirrored):
        return enlarge(mirror(x[chosen], mirrored), size)

    test = enlarge(test[0], size), test[1]
    found = train(model, pick, y, test, FINE_TUNING["epochs"], seed, FINE_TUNING["batch"], label)
    return found | dict(optimizer=describe(model.optimizer))


# ---------------------------------------------------------------- one row


def confusion(labels, guesses):
    """How often images of a class (row) were taken for another (column): (10, 10)."""
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, guesses), 1)
    return counts


def save_confusion(key, counts, directory):
    """Puts the 100 counts of a run into transfer_confusion.csv, in place of those that are there for it."""
    path = Path(directory) / "transfer_confusion.csv"
    rows = [row for row in read_rows(path) if any(row[k] != str(v) for k, v in key.items())]
    for label, row in zip(CIFAR10_CLASSES, counts):
        for predicted, count in zip(CIFAR10_CLASSES, row):
            rows.append(key | dict(label=label, predicted=predicted, count=int(count)))
    write_rows(path, rows)


def run(network, regime, optimizer, resolution, images, seed, cached=CACHE, measured=MEASURED):
    """One row: trains a head from `seed`, then, unless the regime is frozen, everything. Returns a dict.

    `dead_features`: share in % of the untouched network's features that are 0 for every training image.
    """
    start = time.perf_counter()
    (x, y), (x_test, y_test) = data()
    x, y = x[:images], y[:images]
    if images < 50_000:
        x_test, y_test = x_test[:TEST], y_test[:TEST]
    known, flipped, unseen = features(network, resolution, views(x) | dict(test=x_test), cached).values()
    label = f"{network} {resolution} px, {regime}, {optimizer}, seed {seed}"
    head, found = train_head(known, flipped, y, (unseen, y_test), optimizer, seed, label)
    settings = HEAD if regime == FROZEN else FINE_TUNING
    if regime != FROZEN:
        model, weights = classifier(network, resolution, regime, optimizer, images)
        found = fine_tune(model, weights, head, (x, y), (x_test, y_test), seed, label)
    if seed == 0:
        key = dict(network=network, regime=regime, optimizer=optimizer, resolution=resolution, images=images)
        save_confusion(key, confusion(y_test, found["guesses"]), measured)
    paper = plan(replace(find_scale(network), resolution=resolution), classes=10)
    return dict(
        test_images=len(x_test),
        epochs=settings["epochs"],
        batch=settings["batch"],
        trained_with=found["optimizer"],
        params=paper.params,
        macs=paper.macs,
        **measures(found),
        train_curve=written(found["train_curve"]),
        dead_features=round(100 * float(np.mean(~known.any(axis=0))), 1),
    ) | dict(seconds=round(time.perf_counter() - start, 1))


def keys(weights="lite", images=IMAGES):
    """Every run, those first that settle most; within a group seed by seed, so that a table stopped early compares."""

    def grid(networks, regimes, resolutions, optimizers=OPTIMIZERS):
        return [
            dict(network=n, regime=regime, optimizer=optimizer, resolution=resolution, images=images, seed=seed)
            for n in networks
            for seed in SEEDS
            for resolution in resolutions
            for regime in regimes
            for optimizer in optimizers
        ]

    small, *larger = NETWORKS[weights]
    return [
        *grid([small], [FROZEN], (32, 96)),
        *grid([small], [FROZEN], (224,)),
        *grid([small], [NORM_FROZEN, NORM_TRAINED], (32,)),
        *grid(larger, [FROZEN], (32,)),
        *grid([small], [NORM_FROZEN, NORM_TRAINED], (96,)),
        *grid(larger, [FROZEN], (96,)),
        *grid(larger, [NORM_FROZEN, NORM_TRAINED], (32,)),
        *grid(larger, [FROZEN], (224,)),
        *grid([small], [NORM_FROZEN, NORM_TRAINED], (224,)),
    ]


def main(quick=False, weights="lite", full=False):
    """Fills the table: the Lite networks, or "imagenet" for B0 to B2; a part of CIFAR-10, or all of it."""
    if quick:
        trial()
    else:
        fill("transfer", keys(weights, 50_000 if full else IMAGES), run)


def trial():
    """Prints what Lite0 reaches on 400 of the shipped images: a head at 32 and 96 pixels."""
    (x, y), test = cifar10()
    parts = views(x[:400]) | dict(test=test[0][:400])
    for size in (32, 96):
        with tempfile.TemporaryDirectory() as folder:
            known, flipped, unseen = features("lite0", size, parts, folder).values()
        _, found = train_head(known, flipped, y[:400], (unseen, test[1][:400]), "SGD", 0)
        print(f"\nlite0 frozen, {size} px, {found['optimizer']}: test top-1 {found['curve'][-1]:.1f} %")
