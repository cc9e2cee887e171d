"""One network in every format: size, time, accuracy, and the answers that it wins and loses, against plain Keras.

    python src/measure.py export            writes data/measured/export.csv
    python src/measure.py export --quick    Lite0 with 20 images and one round; writes nothing

Protocol, written before the first row
- Networks: `lite0` with ImageNet weights and the graph of `b0` with random ones, at 224 pixels; `small`, trained on
  CIFAR-10, at 32. `b0` gets a sharper classifier, since 8 bits would round 1,000 equal probabilities to nothing, and
  the batch norm statistics of the calibration images and of noise: `save` tries a file with noise, and random layers
  magnify the rounding of what lies far outside their statistics.
- Formats: Keras as it is, folded, and frozen; FILES, each written from the folded network by `export.save` and run by
  `export.load`, which gives LiteRT one image at a time; one that `save` refuses for other answers has no row. OpenVINO
  reads the ONNX file and computes in 32 bits.
  Ranges for 8 bits are taken from the first CALIBRATION training images of CIFAR-10 and the photos. No file, but what
  files are about: Keras's policies of 16 bits, and weights rounded to 8 bits, a scale for each channel or each layer.
- Time: batches of 1 and 16, all formats of a network in turns; `ratio` is to `Keras`, a tf.function on the network as
  it is, in the same round. peak_gmacs_s and copy_gb_s say what the machine did meanwhile.
- Accuracy: top-1 on the 1,000 shipped test images of CIFAR-10; for `lite0` that of a classifier at 96 pixels, the
  network with a linear head that is computed from the shipped training images. `won` answers are right here and wrong
  in Keras, `lost` ones the reverse: their difference decides, `agreement` is the share of equal answers in %.
- `photos_same`, `max_difference`: on the photos of this repository, equal first answers, and the largest difference of
  a probability.
To renew the table, delete it. Needs the packages of requirements-extras.txt; without openvino its rows are missing.
"""

import tempfile
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

import export
from architecture import EfficientNet
from converters import quiet
from datasets import PHOTOS, cifar10, enlarge, photo
from experiments.clock import machine, ratios, speeds, summary, take_turns
from experiments.loop import in_parts
from experiments.table import fill_at_once
from surgery import recalibrated
from weights import pretrained, small

NETWORKS, BATCHES = ("lite0", "b0", "small"), (1, 16)
CALIBRATION, JUDGED_AT = 100, 96
ROUNDS, SPAN = 9, 0.2
FILES = {  # name -> (ending, what save gets as `quantize`)
    "LiteRT": (".tflite", None),
    "LiteRT float16": (".tflite", "float16"),
    "LiteRT dynamic range": (".tflite", "dynamic range"),
    "LiteRT int8": (".tflite", "int8"),
    "LiteRT integer only": (".tflite", "integer only"),
    "ONNX": (".onnx", None),
}
POLICIES = ("mixed_float16", "mixed_bfloat16")
SCALES = ("channel", "layer")

# ---------------------------------------------------------------- networks


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


def classifier(images=None):
    """Lite0 as a classifier for CIFAR-10 at JUDGED_AT pixels, from the shipped training images or the first of them."""
    (x, y), _ = cifar10()
    body = pretrained("lite0", include_top=False, resolution=JUDGED_AT)
    body = keras.Model(body.input, keras.layers.GlobalAveragePooling2D()(body.output))
    features = in_parts(export.compiled(body), enlarge(x[:images], JUDGED_AT), 100)
    predictions = keras.layers.Dense(10, activation="softmax", name="predictions")
    model = keras.Model(body.input, predictions(body.output), name="cifar10_classifier")
    predictions.set_weights(linear_head(features, y[:images]))
    return model


def timed(network):
    """The network whose size and time are measured."""
    if network != "b0":
        return pretrained(network) if network == "lite0" else small()
    keras.utils.set_random_seed(0)
    random, images = np.random.default_rng(1), calibration(224)
    images = np.concatenate([images, random.uniform(0, 255, images[:21].shape)]).astype("float32")
    model = recalibrated(EfficientNet("b0"), random.permutation(images), batch=21)
    features = export.compiled(keras.Model(model.input, model.get_layer("avg_pool").output))(photos(224))
    kernel, bias = model.get_layer("predictions").get_weights()
    model.get_layer("predictions").set_weights([3 * kernel / (features @ kernel).std(), bias])
    return model


def photos(size):
    """The photos of this repository, float32 (n, size, size, 3), pixels 0 to 255."""
    return np.stack([photo(name, size) for name in PHOTOS]).astype("float32")


def calibration(size):
    """Images for the ranges of 8 bits, float32 (n, size, size, 3), pixels 0 to 255."""
    return np.concatenate([enlarge(cifar10()[0][0][:CALIBRATION], size), photos(size)]).astype("float32")


# ---------------------------------------------------------------- formats


def traced(model):
    """Images -> probabilities by a tf.function on the model, whose weights stay variables."""
    tf = export.tensorflow_module()
    any_number = [tf.TensorSpec((None, *model.input_shape[1:]), "float32")]
    call = tf.function(lambda images: model(images, training=False), any_number, autograph=False)
    return lambda images: call(tf.convert_to_tensor(images, "float32")).numpy()


def in_policy(model, policy):
    """A copy in a dtype policy of Keras, all but its last layer."""

    def copy(layer):
        config = layer.get_config()
        return type(layer).from_config(config if layer.name == "predictions" else config | dict(dtype=policy))

    other = keras.models.clone_model(model, clone_function=copy)
    other.set_weights(model.get_weights())
    return other


def rounded(folded, per):
    """A copy whose kernels have 255 values at most, one scale for each "channel" of outputs or each "layer"."""
    copy = keras.models.clone_model(folded)
    copy.set_weights(folded.get_weights())
    for layer in copy.layers:
        if hasattr(layer, "kernel"):
            kernel, *bias = layer.get_weights()
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            axes = (0, 1) if depthwise else tuple(range(kernel.ndim - 1))
            scale = np.abs(kernel).max(axis=axes if per == "channel" else None, keepdims=True) / 127
            scale = np.maximum(scale, 1e-30)  # some channels of Lite0 are dead, all zero
            layer.set_weights([np.round(kernel / scale) * scale, *bias])
    return copy


def openvino(path):
    """Images -> probabilities by OpenVINO, from an ONNX file."""
    from openvino import Core

    network = Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: network(images.astype("float32"))[0]


def runners(model):
    """Every format of a model: its name -> (function images -> probabilities, bytes of its file or "")."""
    folded, few = export.fold(model), calibration(model.input_shape[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        found = {
            "Keras": (traced(model), export.save(model, folder / "model.keras")),
            "Keras, model.predict": (lambda x: model.predict(x, verbose=0), ""),
            "Keras, folded": (traced(folded), export.save(folded, folder / "folded.keras")),
            "Keras, folded and frozen": (export.compiled(folded), ""),
        }
        for name, (ending, quantize) in FILES.items():
            path = folder / f"{name}{ending}"
            try:
                size = export.save(folded, path, few if export.NEEDS_CALIBRATION.get(quantize) else None, quantize)
            except ValueError as error:  # it answers otherwise
                print(f"no row of {model.name} as {name}: {error}", flush=True)
            else:
                found[name] = export.load(path), size
        if find_spec("openvino") and "ONNX" in found:
            found["OpenVINO"] = openvino(folder / "ONNX.onnx"), found["ONNX"][1]
    for policy in POLICIES:
        found[f"Keras, {policy}"] = traced(in_policy(model, policy)), ""
    for per in SCALES:
        found[f"8-bit weights, one scale per {per}"] = traced(rounded(folded, per)), ""
    return found


# ---------------------------------------------------------------- the table


def judge(network, images=None):
    """What each format of a network answers on the test images, {name: columns}; of `b0`, which knows nothing, {}."""
    if network == "b0":
        return {}
    model = classifier(images) if network == "lite0" else small()
    x, y = (part[:images] for part in cifar10()[1])
    x = enlarge(x, model.input_shape[1])
    guesses = {name: in_parts(run, x, 100).argmax(-1) for name, (run, _) in runners(model).items()}
    return {name: compared(guess, guesses["Keras"], y) for name, guess in guesses.items()}


def compared(guesses, before, labels):
    """Accuracy of guesses, and how they differ from those `before`: the columns of a row."""
    right, was_right = guesses == labels, before == labels
    return dict(
        top1=round(100 * float(right.mean()), 2),
        won=int((right & ~was_right).sum()),
        lost=int((was_right & ~right).sum()),
        agreement=round(100 * float((guesses == before).mean()), 2),
        test_images=len(labels),
    )


def measure(images=None, rounds=ROUNDS, networks=NETWORKS):
    """Everything. Returns a row of each network, batch and format, a dict."""
    rows, (peak, work) = [], machine()
    packages = [name for name in ("ai-edge-litert", "onnxruntime", "openvino") if find_spec(name.replace("-", "_"))]
    versions = {name: version(name) for name in packages}
    for network in networks:
        answers, model = judge(network, images), timed(network)
        found, x = runners(model), photos(model.input_shape[1])
        expected = found["Keras"][0](x)
        for batch in BATCHES:
            some = np.resize(x, (batch, *x.shape[1:]))  # the photos again and again
            times = take_turns([*peak, *[partial(run, some) for run, _ in found.values()]], rounds, SPAN, network)
            of_machine, of_formats = times[: len(peak)], dict(zip(found, times[len(peak) :]))
            for name, seconds in of_formats.items():
                run, size = found[name]
                row = dict(network=network, batch=batch, format=name, file_bytes=size) | agreement(run(x), expected)
                row |= answers.get(name, {}) | summary(seconds) | ratios(seconds, of_formats["Keras"])
                rows.append(row | speeds(of_machine, work) | versions)
    return rows


def agreement(found, expected):
    """How far probabilities are those of Keras: the columns of a row."""
    same = int((found.argmax(-1) == expected.argmax(-1)).sum())
    return dict(photos_same=same, photos=len(found), max_difference=float(f"{np.abs(found - expected).max():.3g}"))


def main(quick=False):
    """Fills the table, in one run. Raises RuntimeError, in one line, if a runtime is missing."""
    for ending in export.EXTRAS:
        if line := export.missing(ending):
            raise RuntimeError(line)
    if not find_spec("openvino"):
        print("openvino is not installed, so its rows are left out; pip install openvino", flush=True)
    if quick:
        for row in measure(20, 1, ["lite0"]):
            print(row)
    else:
        with quiet():  # TensorFlow warns of so many functions
            fill_at_once("export", measure)
