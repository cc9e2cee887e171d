"""Time and memory of one forward pass on the CPU: B0 to B7 and what a user would take instead; B0 layer by layer.

    python src/measure.py latency            writes data/measured/latency.csv, latency_blocks.csv (five minutes)
    python src/measure.py latency --quick    two networks and five layers, in about a minute; writes nothing

Random weights, float32, one `tf.function` per network and batch size: this script needs the TensorFlow backend. The
points take turns: a round times each of them once, and a row holds the median and the quartiles over the rounds.
So a slow minute of the machine falls on all of them, and their ratios stay honest; compare rows of one table only.
Batches of 16 are left out above LARGE multiply-adds, where one call takes several seconds on two cores.
Peak memory is that of a fresh process that builds the network and runs it once.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from math import prod
from multiprocessing import get_context
from pathlib import Path

import keras
import numpy as np
from keras import layers

from architecture import VARIANTS, EfficientNet, plan
from experiments.clock import compiled, machine, speeds, summary, take_turns
from experiments.table import fill
from export import tensorflow_module
from recipe import progress

FAMILY = tuple(f"b{i}" for i in range(8))
OTHERS = ("ResNet50", "MobileNetV2", "EfficientNetV2B0")  # of keras.applications
BATCHES, LARGE = (1, 16), 4e9
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

# ---------------------------------------------------------------- networks and their costs


def build(name):
    """The Keras model of a name in FAMILY or OTHERS, with random weights."""
    return EfficientNet(name) if name in VARIANTS else getattr(keras.applications, name)(weights=None)


def resolution_of(name):
    """Height and width of the image in pixels, an int."""
    return VARIANTS[name].resolution if name in VARIANTS else 224


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


@cache
def costs_of(name):
    """The same by name: from the plan, or, for the others, from the model."""
    if name not in VARIANTS:
        return costs(build(name))
    paper = plan(name)
    return dict(params=paper.params, macs=paper.macs, activations=paper.activations)


def points():
    """The (name, batch) pairs of the table."""
    names = (*FAMILY, *OTHERS)
    return [(name, batch) for batch in BATCHES for name in names if batch == 1 or costs_of(name)["macs"] < LARGE]


def forward(model, batch):
    """A function without arguments that classifies a batch of random images."""
    return compiled(lambda x: model(x, training=False), (batch, *model.input_shape[1:]), low=0, high=255)


# ---------------------------------------------------------------- memory


def peak_memory():
    """Bytes of memory that this process had at most. Linux keeps it apart from the parent's, getrusage does not."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
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
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        yield from pool.map(run_once, points)


# ---------------------------------------------------------------- the two tables


def measure_networks(names_and_batches, rounds=ROUNDS):
    """Times networks in turns. Returns {(name, batch): row}."""
    # before the models: the processes start from a small parent
    memory = list(_counted(memories(names_and_batches), len(names_and_batches), "memory"))
    calls, work = machine()
    models = {name: build(name) for name in dict(names_and_batches)}
    for name, batch in _counted(names_and_batches, len(names_and_batches), "compile"):
        calls.append(forward(models[name], batch))
    times = take_turns(calls, rounds, SPAN, "networks")
    return {
        (name, batch): dict(resolution=resolution_of(name), **costs_of(name), **summary(seconds), **kept)
        | speeds(times[:2], work)
        for (name, batch), seconds, kept in zip(names_and_batches, times[2:], memory)
    }


def unique_layers(model):
    """The layers of an EfficientNet that differ in kind or shape: {key: (layer, how often it occurs)}."""
    found = {}
    for layer in model.layers:
        kind = next((kind for end, kind in KINDS.items() if layer.name.endswith(end)), None)
        if kind:  # the rest does nothing at inference: the input and the dropouts
            kernel = layer.kernel_size[0] if hasattr(layer, "kernel_size") else 0
            stride = layer.strides[0] if hasattr(layer, "strides") else 1
            part = layer.name.split("_se_")[-1] if kind == "se" else ""
            (_, *inside), (_, *outside) = _shapes(layer)[0], layer.output.shape
            key = (kind, part, "x".join(map(str, inside)), "x".join(map(str, outside)), kernel, stride)
            found[key] = (layer, found.get(key, (layer, 0))[1] + 1)
    return found


def measure_layers(model, batches=BATCHES, rounds=LAYER_ROUNDS):
    """Times each different layer of an EfficientNet in turns. Returns {(key, batch): row}.

    The time of a call that does nothing is measured among them and subtracted.
    """
    calls, work = machine()
    calls.append(compiled(lambda x: x, (1, 1, 1, 1)))
    found = unique_layers(model)
    names = [(key, batch) for batch in batches for key in found]
    for key, batch in names:
        shapes = [(batch, *shape[1:]) for shape in _shapes(found[key][0])]
        calls.append(compiled(_call(found[key][0]), *shapes))
    times = take_turns(calls, rounds, LAYER_SPAN, "layers")
    nothing, rows = np.median(times[2]), {}
    for (key, batch), seconds in zip(names, times[3:]):
        layer, count = found[key]
        inside, outside = sum(prod(s[1:]) for s in _shapes(layer)), prod(layer.output.shape[1:])
        weights = sum(prod(variable.shape) for variable in layer.weights)
        row = dict(count=count, macs=batch * macs_of(layer), bytes=4 * (batch * (inside + outside) + weights))
        rows[key, batch] = row | summary(np.maximum(seconds - nothing, 1e-6)) | speeds(times[:2], work)
    return rows


def _call(layer):
    return lambda *x: layer(x[0] if len(x) == 1 else list(x), training=False)


def _shapes(layer):
    inputs = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    return [tuple(tensor.shape) for tensor in inputs]


def _counted(items, total, label):
    start = time.perf_counter()
    for count, item in enumerate(items, start=1):
        yield item
        progress(f"{label}  {count}/{total}", start, count / total)
    print()


def trial():
    """Prints two networks and five layers."""
    networks = measure_networks([("b0", 1), ("MobileNetV2", 1)])
    layers_of_b0 = measure_layers(build("b0"), (1,), 2)
    for key, row in [*networks.items(), *list(layers_of_b0.items())[:5]]:
        print(*key, row)


def main(quick=False):
    """Fills both tables, that of B0's layers first."""
    tensorflow_module().config.set_visible_devices([], "GPU")
    if quick:
        trial()
        return
    names = ("kind", "part", "input", "output", "kernel", "stride")
    parts = [dict(zip(names, key)) for key in unique_layers(build("b0"))]
    layers_of_b0 = cache(lambda: measure_layers(build("b0")))
    networks = cache(lambda: measure_networks(points()))
    fill(
        "latency_blocks",
        [part | dict(batch=batch) for batch in BATCHES for part in parts],
        lambda batch, **key: layers_of_b0()[tuple(key[name] for name in names), batch],
    )
    keys = [dict(model=name, batch=batch) for name, batch in points()]
    fill("latency", keys, lambda model, batch: networks()[model, batch])
