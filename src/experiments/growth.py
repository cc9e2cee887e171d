"""How cost grows with the network and with the batch: time and memory of an answer and of a step of training.

    python src/measure.py growth            writes data/measured/growth.csv
    python src/measure.py growth --quick    B0 with one image and with two; writes nothing

Protocol, written before the first row
- B0 to B7 at their own resolutions with one image, and B0 with 1 to 64 images: `answer` is a compiled forward pass,
  `training` a step of SGD with momentum on the fused network. Random weights, float32, no XLA.
- Each row has a process of its own, so that its memory is nobody else's: `peak_mb` is the most that the process ever
  held, `start_mb` what it held before the network was built.
- `ms` is the median of CALLS calls after two that are not counted, `ms_low` and `ms_high` their quartiles. The whole
  list is gone through ROUNDS times, so that a slow minute falls on one round and not on one network.
- Simulated devices and two processes are in speed.csv.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import keras
import numpy as np

from architecture import VARIANTS, EfficientNet, plan
from experiments.clock import quartiles, take_turns
from experiments.table import fill
from export import fuse, tensorflow_module

try:
    import resource
except ImportError:  # Windows
    resource = None

FAMILY = tuple(f"b{i}" for i in range(8))
BATCHES = (1, 2, 4, 8, 16, 32, 64)
CALLS, ROUNDS = 5, 3


def keys():
    """What identifies each row, in the order in which they are measured."""
    points = [(name, 1) for name in FAMILY] + [("b0", batch) for batch in BATCHES[1:]]
    found = []
    for number in range(ROUNDS):
        for work in ("answer", "training"):
            found += [dict(work=work, model=name, batch=batch, round=number) for name, batch in points]
    return found


def run(work, model, batch, **_):
    """One row: what `measure` finds in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, work, model, batch).result()


def measure(work, name, batch):
    """Time and memory of one kind of work with one network. Returns a dict."""
    tensorflow_module().config.set_visible_devices([], "GPU")
    paper, size, start = plan(name), VARIANTS[name].resolution, peak_mb()
    images = np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype("float32")
    call = dict(answer=answering, training=training)[work](EfficientNet(name), images)
    call()
    (seconds,) = take_turns([call], CALLS, span=0)  # calls once more, uncounted, before the first
    costs = dict(resolution=size, params=paper.params, macs=paper.macs, activations=paper.activations)
    return costs | quartiles("ms", 1000 * seconds, 1) | dict(start_mb=start, peak_mb=peak_mb())


def answering(model, images):
    """A call that runs the compiled model once on the images."""
    model.compile(jit_compile=False)
    return partial(model.predict_on_batch, images)


def training(model, images):
    """A call that makes one step of training on the images."""
    fused = fuse(model)
    fused.compile(keras.optimizers.SGD(1e-6, momentum=0.9), "sparse_categorical_crossentropy", jit_compile=False)
    return partial(fused.train_on_batch, images, np.arange(len(images)))


def peak_mb():
    """The most memory that this process ever held, in MB (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def main(quick=False):
    """Fills the table."""
    if resource is None:
        raise RuntimeError("growth reads a process's peak memory, which Windows does not tell; use Linux or macOS.")
    if quick:
        for batch in (1, 2):
            print(run("answer", "b0", batch))
    else:
        fill("growth", keys(), run)
