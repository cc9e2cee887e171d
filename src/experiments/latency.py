"""Time and memory of one forward pass on the CPU: B0 to B7 and what a user would take instead; B0 layer by layer.

    python src/measure.py latency            writes data/measured/latency.csv, latency_blocks.csv (five minutes)
    python src/measure.py latency --quick    two networks and five layers, in about a minute; writes nothing

Random weights, float32, one `tf.function` per network and batch size: this script needs the TensorFlow backend. The
points take turns: a round times each of them once, and a row holds the median and the quartiles over the rounds.
So a slow minute of the machine falls on all of them, and their ratios stay honest; compare rows of one table only.
Batches of 16 are left out from B4 on, where one call takes several seconds on two cores.
Peak memory is that of a fresh process that builds the network and runs it once.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import prod
from multiprocessing import get_context
from pathlib import Path

import keras
import numpy as np
from keras import layers

from architecture import VARIANTS, EfficientNet
from experiments.clock import compiled, machine, speeds, summary, take_turns
from experiments.table import fill_at_once
from export import tensorflow_module

FAMILY = tuple(f"b{i}" for i in range(8))
OTHERS = ("ResNet50", "MobileNetV2", "EfficientNetV2B0")  # of keras.applications
BATCHES = (1, 16)
POINTS = [(name, 1) for name in (*FAMILY, *OTHERS)] + [(name, 16) for name in (*FAMILY[:4], *OTHERS)]
ROUNDS, LAYER_ROUNDS = 5, 7
SPAN, LAYER_SPAN = 0.1, 0.02  # seconds: in each round a network, or a layer, is called for that long, at least once
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

# ---------------------------------------------------------------- networks and their costs


def build(name):
    """The Keras model of a name in FAMILY or OTHERS, with random weights."""
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


def forward(model, batch):
    """A function without arguments that classifies a batch of random images."""
    return compiled(lambda x: model(x, training=False), (batch, *model.input_shape[1:]), low=0, high=255)


# ---------------------------------------------------------------- memory


def peak_memory():
    """Bytes of memory that this process had at most. Linux keeps it apart from the parent's, getrusage does not."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run_once(point):
    """Peak memory of this process in MB before the network of a (name, batch) is built, and after it ran, as a dict."""
    tensorflow_module()
    before = peak_memory()
    forward(build(point[0]), point[1])()
    return dict(memory_before_mb=round(before / 1e6), memory_peak_mb=round(peak_memory() / 1e6))


def memories(points):
    """What `run_once` returns for each (name, batch), in order, each in a fresh process of its own, two at a time."""
    print(f"memory of {len(points)} networks, which takes a minute or two", flush=True)
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        return list(pool.map(run_once, points))


# ---------------------------------------------------------------- the two tables


def measure_networks(points=POINTS, rounds=ROUNDS):
    """Times networks, (name, batch), in turns. Returns a row of each, a dict."""
    memory = memories(points)  # before the models: the processes start from a small parent
    models = {name: build(name) for name, _ in points}
    calls, work = machine()
    calls += [forward(models[name], batch) for name, batch in points]
    times, rows = take_turns(calls, rounds, SPAN, "networks"), []
    for (name, batch), seconds, kept in zip(points, times[2:], memory):
        row = dict(model=name, batch=batch, resolution=models[name].input_shape[1])
        rows.append(row | costs(models[name]) | summary(seconds) | kept | speeds(times[:2], work))
    return rows


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
            found[key] = (layer, found.get(key, (layer, 0))[1] + 1)
    return found


def input_shapes(layer):
    """The shapes of a layer's inputs for one image, tuples in a list."""
    return [tensor.shape[1:] for tensor in keras.tree.flatten(layer.input)]


def measure_layers(model, batches=BATCHES, rounds=LAYER_ROUNDS):
    """Times each different layer of an EfficientNet in turns. Returns a row of each, a dict.

    The time of a call that does nothing is measured among them and subtracted.
    """
    found = unique_layers(model)
    points = [(key, batch) for batch in batches for key in found]
    calls, work = machine()
    calls.append(compiled(lambda x: x, (1, 1, 1, 1)))
    for key, batch in points:
        layer, _ = found[key]
        calls.append(compiled(partial(_call, layer), *[(batch, *shape) for shape in input_shapes(layer)]))
    times, rows = take_turns(calls, rounds, LAYER_SPAN, "layers"), []
    nothing = np.median(times[2])
    for (key, batch), seconds in zip(points, times[3:]):
        layer, count = found[key]
        numbers = batch * sum(map(prod, [*input_shapes(layer), layer.output.shape[1:]])) + layer.count_params()
        row = dict(zip(LAYER, key)) | dict(batch=batch, count=count, macs=batch * macs_of(layer), bytes=4 * numbers)
        rows.append(row | summary(np.maximum(seconds - nothing, 1e-6)) | speeds(times[:2], work))
    return rows


def _call(layer, *x):
    return layer(x[0] if len(x) == 1 else list(x), training=False)


def trial():
    """Prints two networks and five layers."""
    networks = measure_networks([("b0", 1), ("MobileNetV2", 1)])
    for row in networks + measure_layers(build("b0"), (1,), 2)[:5]:
        print(row)


def main(quick=False):
    """Writes both tables, that of B0's layers first."""
    tensorflow_module().config.set_visible_devices([], "GPU")
    if quick:
        trial()
    else:
        fill_at_once("latency_blocks", lambda: measure_layers(build("b0")))
        fill_at_once("latency", measure_networks)
