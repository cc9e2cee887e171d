"""One network in every format: size, error, agreement, accuracy and time of each, against plain Keras in one run.

    python src/measure.py export            writes data/measured/export.csv (3 minutes on two free cores)
    python src/measure.py export --quick    the same with 20 images and one round; writes nothing

The network is Lite0. Size, time and the largest difference of a probability are those of the ImageNet network at 224
pixels, on the photos of this repository. Accuracy needs labels, so it is that of a CIFAR-10 classifier: Lite0 at 96
pixels with a linear head, which is computed from the 2,000 training images of this repository and tested on its 1,000
test images. Each format is written from both networks by `export.save` and run by `export.load`.

Times are taken in turns as in latency.py, batch 1, so compare rows of one table only. `peak_gmacs_s` is a matrix
product in the same run. The two training steps, plain and with fused batch norm, are those of the CIFAR-10 network on
8 random images; their ratio is to the plain one. To renew the table, delete it. Needs the packages of
requirements-extras.txt.
"""

import sys
import tempfile
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

import export
from datasets import PHOTOS, cifar10, photo
from experiments.clock import machine, speeds, summary, take_turns
from experiments.loop import in_parts
from experiments.table import fill_at_once
from experiments.transfer import enlarge, features_of
from weights import pretrained

RESOLUTION, SMALL = 224, 96
CALIBRATION = 100  # images that the ranges of the 8-bit maps are taken from
STEP_BATCH = 8  # images of a training step
ROUNDS, SPAN = 9, 0.2
FORMATS = {  # name -> (ending of the file, how the model is changed before)
    "Keras": (".keras", "plain"),
    "Keras, folded": (".keras", "folded"),
    "LiteRT": (".tflite", "folded"),
    "LiteRT int8": (".tflite", "int8"),
    "ONNX": (".onnx", "folded"),
    "Keras, model.predict": ("", "plain"),
    "Keras, mixed_float16": ("", "mixed_float16"),
    "Keras, mixed_bfloat16": ("", "mixed_bfloat16"),
    "8-bit weights, one scale per channel": ("", "channel"),
    "8-bit weights, one scale per layer": ("", "layer"),
}
STEPS = ("training step, Keras", "training step, fused")

# ---------------------------------------------------------------- two networks


@cache
def photos():
    """The photos of this repository, float32 (n, 224, 224, 3), pixels 0 to 255."""
    return np.stack([photo(name, RESOLUTION) for name in PHOTOS]).astype("float32")


def linear_head(features, labels, shrinkage=0.1):
    """Kernel and bias of the softmax layer that linear discriminant analysis gives (Fisher 1936): (c, k), (k,).

    All classes share one covariance; `shrinkage` of it is replaced by a multiple of the identity, because there are
    hardly more images than features. Classes are taken as equally frequent.
    """
    x = np.asarray(features, "float64")
    means = np.stack([x[labels == k].mean(0) for k in range(labels.max() + 1)])
    centred = x - means[labels]
    covariance = centred.T @ centred / (len(x) - len(means))
    level = shrinkage * np.trace(covariance) / len(covariance)
    kernel = np.linalg.solve((1 - shrinkage) * covariance + level * np.eye(len(covariance)), means.T)
    return kernel.astype("float32"), (-0.5 * (means.T * kernel).sum(0)).astype("float32")


@cache
def small(images=None):
    """CIFAR-10 at 96 pixels: ((x_train, y_train), (x_test, y_test)), the shipped images or the first of them."""
    return tuple((enlarge(x[:images], SMALL), y[:images]) for x, y in cifar10())


@cache
def networks(policy="float32", images=None):
    """(the ImageNet network, the CIFAR-10 classifier), in a dtype policy of Keras."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        body = features_of("lite0", SMALL)
        predictions = keras.layers.Dense(10, activation="softmax", dtype="float32", name="predictions")
        classifier = keras.Model(body.input, predictions(body.output), name="cifar10_classifier")
        if policy == "float32":
            (x, y), _ = small(images)
            predictions.set_weights(linear_head(in_parts(export.compiled(body), x, 100), y))
        else:
            classifier.set_weights(networks(images=images)[1].get_weights())
        return pretrained("lite0", resolution=RESOLUTION), classifier
    finally:
        keras.config.set_dtype_policy(before)


def rounded(model, per):
    """A folded copy whose kernels have 255 values at most, one scale for each "channel" of outputs or each "layer"."""
    copy = export.fold(model)
    for layer in copy.layers:
        if hasattr(layer, "kernel"):
            kernel, *bias = layer.get_weights()
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            axes = (0, 1) if depthwise else tuple(range(kernel.ndim - 1))
            scale = np.abs(kernel).max(axis=axes if per == "channel" else None, keepdims=True) / 127
            scale = np.maximum(scale, 1e-30)  # some channels of Lite0 are dead, all zero
            layer.set_weights([np.round(kernel / scale) * scale, *bias])
    return copy


# ---------------------------------------------------------------- the table


def runner(name, which, images=None):
    """(function images -> probabilities, bytes of its file or None) of a format; `which` is 0, ImageNet, or 1."""
    ending, change = FORMATS[name]
    model = networks("float32" if "mixed" not in change else change, images)[which]
    if change in ("folded", "int8"):
        model = export.fold(model)
    if change in ("channel", "layer"):
        model = rounded(model, change)
    if name == "Keras, model.predict":
        return lambda x: model.predict(x, verbose=0), None
    if not ending:
        return export.compiled(model), None
    calibration = None
    if change == "int8":
        few = cifar10()[0][0][:CALIBRATION]
        calibration = enlarge(few, SMALL) if which else np.concatenate([enlarge(few, RESOLUTION), photos()])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{ending}"
        size = export.save(model, path, calibration)
        return export.load(path), size


def training_step(change):
    """A function without arguments that trains the CIFAR-10 network on a batch of random images once."""
    keras.utils.set_random_seed(0)
    model = change(networks()[1])
    model.compile(keras.optimizers.SGD(1e-6), "sparse_categorical_crossentropy", jit_compile=False)
    random = np.random.default_rng(0)
    x = random.uniform(0, 255, (STEP_BATCH, *model.input_shape[1:])).astype("float32")
    return lambda: model.train_on_batch(x, np.arange(STEP_BATCH) % 10)


def measure(images=None, rounds=ROUNDS):
    """Everything, in one run. Returns a row of each format, a dict; a training step has a time only."""
    x, (_, (x_test, y_test)) = photos(), small(images)
    calls, work = machine()
    rows, reference = [], None
    for name in FORMATS:
        (run, size), (classify, _) = runner(name, 0, images), runner(name, 1, images)
        found, guesses = run(x), in_parts(classify, x_test, 100).argmax(-1)
        reference = reference or (found, guesses)
        row = dict(
            network="lite0",
            format=name,
            file_bytes=size or "",
            photos_same=int((found.argmax(-1) == reference[0].argmax(-1)).sum()),
            photos=len(x),
            max_difference=float(f"{np.abs(found - reference[0]).max():.3g}"),
            agreement=round(100 * float((guesses == reference[1]).mean()), 2),
            top1=round(100 * float((guesses == y_test).mean()), 2),
            test_images=len(y_test),
        )
        print(row, flush=True)
        rows.append(row)
        calls.append(partial(run, x[:1]))
    for name, change in zip(STEPS, (keras.models.clone_model, export.fuse)):
        rows.append(dict(network="lite0", format=name))
        calls.append(training_step(change))
    times = take_turns(calls, rounds, SPAN, "times")
    ratios = times[2:] / times[2]
    ratios[-2:] = times[-2:] / times[-2]
    versions = {name: version(name) for name in ("ai_edge_litert", "onnxruntime", "tf2onnx")}
    for row, seconds, ratio in zip(rows, times[2:], ratios):
        low, median, high = (round(float(q), 4) for q in np.quantile(ratio, (0.25, 0.5, 0.75)))
        row |= summary(seconds) | dict(ratio_median=median, ratio_low=low, ratio_high=high)
        row |= speeds(times[:2], work) | versions
    return rows


def main(quick=False):
    """Fills the table, in one run. Ends with a line if a runtime is missing."""
    for ending in export.EXTRAS:
        if line := export.missing(ending):
            sys.exit(line)
    if quick:
        for row in measure(20, 1):
            print(row)
    else:
        fill_at_once("export", measure)
