"""Time of one forward pass on the CPU: whole networks, B0 layer by layer, and convolutions of every kind.

    python src/measure.py clocks            writes data/measured/latency.csv, latency_blocks.csv and clocks.csv
    python src/measure.py clocks --quick    a network, five layers and five convolutions; writes nothing

Protocol, written before the first row
- All three tables come from one run and take turns within it: a round times each point once, and a row holds the
  median and the quartiles over the rounds. So a slow minute falls on all, and what one table says holds for the others.
  To renew them, delete all three.
- Random weights, float32, a `tf.function` for each point and batch size, so it needs the TensorFlow backend.
- latency.csv: B0 to B7, B0 without its gates, and OTHERS of keras.applications; batches of 16 only up to 4 billion
  MACs. What a part of a network costs is best seen here, with and without it.
- latency_blocks.csv: each different layer of B0, and how often it occurs. What an empty call takes is subtracted. A
  layer alone still pays for its start, so the small ones look dearer than in a network: their sum exceeds its time.
- clocks.csv: CONVOLUTIONS, each kind with as many outputs as inputs, on four maps where a dense one has equally many
  MACs. A network's time is its MACs divided by their speed, so few MACs at a low speed win nothing.
- peak_gmacs_s is a matrix product of 1,536 x 1,536 numbers and copy_gb_s a copy of 128 MiB, both with all cores, in
  the same rounds: two speeds that a layer may be held against.
"""

from dataclasses import replace
from functools import partial
from math import prod

import keras
import numpy as np
from keras import layers

from architecture import B0, VARIANTS, EfficientNet
from experiments.clock import call_on_noise, machine, speeds, summary, take_turns
from experiments.table import MEASURED, fill_at_once
from export import tensorflow_module

TABLES = ("latency", "latency_blocks", "clocks")
FAMILY = tuple(f"b{i}" for i in range(8))
WITHOUT = "b0 without squeeze-and-excitation"
OTHERS = ("ResNet50", "MobileNetV2", "EfficientNetV2B0")  # of keras.applications
BATCHES = (1, 16)
POINTS = [(name, 1) for name in (*FAMILY, WITHOUT, *OTHERS)]
POINTS += [(name, 16) for name in (*FAMILY[:4], WITHOUT, *OTHERS)]
ROUNDS, SPAN = 15, 0.03
KINDS = {  # the end of a layer's name -> its kind
    "stem_conv": "stem",
    "expand_conv": "expand",
    "dwconv": "depthwise",
    "project_conv": "project",
    "top_conv": "top",
    "bn": "batch norm",
    "activation": "swish",
    "add": "add",
    **dict.fromkeys(("se_squeeze", "se_reduce", "se_expand", "se_excite"), "se"),
    **dict.fromkeys(("rescaling", "avg_pool", "predictions"), "ends"),
}
LAYER = ("kind", "part", "input", "output", "kernel", "stride")  # the columns that tell layers apart
MAPS = ((56, 64), (28, 128), (14, 256), (7, 512))  # pixels a side, channels
CONVOLUTIONS = [  # kind, kernel, groups; None: a group for each channel
    ("dense", 3, 1),
    ("dense", 2, 1),
    ("2 groups", 3, 2),
    ("2 groups", 2, 2),
    ("8 groups", 3, 8),
    ("depthwise", 5, None),
    ("depthwise", 3, None),
    ("depthwise", 2, None),
    ("pointwise", 1, 1),
    ("pointwise, 2 groups", 1, 2),
]

# ---------------------------------------------------------------- networks and their costs


def build(name):
    """The Keras model of a name in POINTS, with random weights."""
    if name == WITHOUT:
        return EfficientNet(replace(VARIANTS["b0"], baseline=replace(B0, se_ratio=0)))
    return EfficientNet(name) if name in VARIANTS else getattr(keras.applications, name)(weights=None)


def costs(model):
    """Parameters, multiply-adds and activations of a built model, for one image, as a dict.

    Activations are the outputs of convolutions and dense layers (Radosavovic et al. 2020, arXiv:2003.13678).
    """
    activations = sum(prod(layer.output.shape[1:]) for layer in model.layers if macs_of(layer))
    return dict(params=model.count_params(), macs=sum(map(macs_of, model.layers)), activations=activations)


def macs_of(layer):
    """Multiply-adds of a built convolution or dense layer, for one image, an int; 0 for other layers."""
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
        return prod(layer.kernel.shape) * prod(layer.output.shape[1:3])
    return prod(layer.kernel.shape) if isinstance(layer, layers.Dense) else 0


def unique_layers(model):
    """The layers of an EfficientNet that differ in LAYER: {its values: (layer, how often it occurs)}."""
    found = {}
    for layer in model.layers:
        kind = next((kind for end, kind in KINDS.items() if layer.name.endswith(end)), None)
        if kind:  # the rest does nothing at inference: the input and the dropouts
            kernel = layer.kernel_size[0] if hasattr(layer, "kernel_size") else 0
            stride = layer.strides[0] if hasattr(layer, "strides") else 1
            part = layer.name.split("_se_")[-1] if kind == "se" else ""
            sizes = ["x".join(map(str, shape)) for shape in (input_shapes(layer)[0], layer.output.shape[1:])]
            key = (kind, part, *sizes, kernel, stride)
            _, count = found.get(key, (layer, 0))
            found[key] = layer, count + 1
    return found


def input_shapes(layer):
    """The shapes of a layer's inputs for one image, tuples in a list."""
    return [tensor.shape[1:] for tensor in keras.tree.flatten(layer.input)]


def convolution(kernel, groups, size, channels):
    """A built convolution, as many outputs as inputs."""
    options = dict(padding="same", use_bias=False)
    if groups is None:
        layer = layers.DepthwiseConv2D(kernel, **options)
    else:
        layer = layers.Conv2D(channels, kernel, groups=groups, **options)
    layer(keras.Input((size, size, channels)))
    return layer


# ---------------------------------------------------------------- points: a row without its time, and a call


def network_points(points=POINTS):
    """Networks, (name, batch)."""
    models = {name: build(name) for name, _ in points}
    for name, batch in points:
        model = models[name]
        row = dict(model=name, batch=batch, resolution=model.input_shape[1]) | costs(model)
        yield row, call_on_noise(partial(_call, model), (batch, *model.input_shape[1:]), low=0, high=255)


def layer_points(model, batches=BATCHES):
    """Each different layer of an EfficientNet."""
    for batch in batches:
        for key, (layer, count) in unique_layers(model).items():
            row = dict(zip(LAYER, key)) | dict(batch=batch, count=count)
            yield row | work_of(layer, batch), on_noise(layer, batch)


def convolution_points(batches=BATCHES, maps=MAPS):
    """Each kind of convolution on each map."""
    for batch in batches:
        for kind, kernel, groups in CONVOLUTIONS:
            for size, channels in maps:
                layer = convolution(kernel, groups, size, channels)
                row = dict(kind=kind, kernel=kernel, groups=groups or channels, size=size, channels=channels)
                yield row | dict(batch=batch) | work_of(layer, batch), on_noise(layer, batch)


def work_of(layer, batch):
    """What a layer computes and moves for a batch, a dict: multiply-adds, and bytes of inputs, weights and outputs."""
    numbers = batch * sum(map(prod, [*input_shapes(layer), layer.output.shape[1:]])) + layer.count_params()
    return dict(macs=batch * macs_of(layer), bytes=4 * numbers)


def on_noise(layer, batch):
    """A call that runs a layer on random maps."""
    return call_on_noise(partial(_call, layer), *[(batch, *shape) for shape in input_shapes(layer)])


def _call(layer, *x):
    return layer(x[0] if len(x) == 1 else list(x), training=False)


# ---------------------------------------------------------------- the tables


def measure(networks, b0_layers, convolutions, rounds=ROUNDS):
    """Times all points in turns. Returns the rows of the three tables, lists of dicts, by the names of the tables."""
    tables = dict(zip(TABLES, (list(networks), list(b0_layers), list(convolutions))))
    calls, work = machine()
    calls.append(call_on_noise(lambda x: x, (1, 1, 1, 1)))
    for points in tables.values():
        calls += [call for _, call in points]
    times = take_turns(calls, rounds, SPAN, f"{len(calls)} points")
    speed = speeds(times[:2], work)
    empty, times = np.median(times[2]), times[3:]
    for name, points in tables.items():
        own, times = times[: len(points)], times[len(points) :]
        subtracted = 0 if name == "latency" else empty
        rows = []
        for (row, _), seconds in zip(points, own):
            rows.append(row | summary(np.maximum(seconds - subtracted, 1e-6)) | speed)
        tables[name] = rows
    return tables


def main(quick=False):
    """Writes the three tables."""
    tensorflow_module().config.set_visible_devices([], "GPU")
    if quick:
        few = list(layer_points(build("b0"), (1,)))[:5]
        for rows in measure(network_points([("b0", 1)]), few, convolution_points((1,), maps=MAPS[:1]), 2).values():
            print(*rows, sep="\n")
    else:
        there = [name for name in TABLES if (MEASURED / f"{name}.csv").exists()]
        if there:
            raise FileExistsError(f"found {', '.join(there)}; to measure anew, delete {', '.join(TABLES)}.")
        tables = measure(network_points(), layer_points(build("b0")), convolution_points())
        for name in TABLES:
            fill_at_once(name, partial(tables.get, name))
