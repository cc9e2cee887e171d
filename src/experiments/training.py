"""What the experiments share: a training loop, and a table on disk that a broken run cannot damage.

A table is a CSV with one row for each finished run. `fill` skips the rows that are there, so an interrupted
experiment goes on where it stopped and loses at most the run in flight. (transfer.py trains in a loop of its own,
from features and from a trained head, and fills its table here.)
"""

import os
import platform
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np

from atomic import read_rows, write_rows

MEASURED = Path(__file__).resolve().parents[2] / "data" / "measured"


def train(model, data, epochs, seed, batch=128, learning_rate=2e-3, label="", flip=True, norm_momentum=0.9):
    """Trains a classifier with Adam and a cosine schedule down to zero, and tests it after every epoch.

    data: ((x_train, y_train), (x_test, y_test)); images (n, height, width, channels) in pixels 0 to 255, labels (n,).
    Mirrors each training image with probability 1/2 if `flip`. The order of images and the mirroring depend on
    `seed` alone. Batch norm averages with `norm_momentum`: Keras's 0.99 looks back over hundreds of steps, more than a
    short run has. Returns a dict: test top-1 in % after every epoch (`curve`) and after the last (`top1`), the
    training top-1 over the last epoch, and seconds in total.
    """
    (x_train, y_train), (x_test, y_test) = data
    steps = len(x_train) // batch
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps * epochs)
    if model.compiled:  # a model that comes again with other weights and the same schedule
        forget(model.optimizer)
    else:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = norm_momentum
        model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    random, start, curve = np.random.default_rng(seed), time.perf_counter(), []
    for epoch in range(epochs):
        order = random.permutation(len(x_train))[: steps * batch]
        mirrored = random.random(len(order)) < (0.5 if flip else 0)
        images = x_train[order]
        images[mirrored] = images[mirrored, :, ::-1]
        history = model.fit(images, y_train[order], batch_size=batch, shuffle=False, verbose=0)
        curve.append(100 * model.evaluate(x_test, y_test, batch_size=500, verbose=0)[1])
        progress(f"{label}  epoch {epoch + 1}/{epochs}  test top-1 {curve[-1]:.2f} %", start, (epoch + 1) / epochs)
    return dict(
        top1=round(curve[-1], 2),
        train_top1=round(100 * history.history["accuracy"][-1], 2),
        curve=written(curve),
        seconds=round(time.perf_counter() - start, 1),
    )


def in_parts(run, x, most):
    """Outputs of `run` for many images, which it gets in equal parts of at most `most`: an array (n, ...)."""
    return np.concatenate([run(part) for part in np.array_split(x, -(-len(x) // most))])


def forget(optimizer):
    """Sets an optimizer back to its first step: its moments and the count that the schedule reads become zero."""
    for variable in optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))


def written(curve):
    """A curve as one cell of a table: a number in % for each epoch, spaces between."""
    return " ".join(f"{value:.2f}" for value in curve)


def fill(name, keys, run, directory=MEASURED):
    """Fills the table `name`.csv: calls `run(**key)` for each dict in `keys` that has no row yet.

    A row is the key, what `run` returned, and the versions and machine. Rows stand in the order of `keys`, whenever
    they were made. The file is read again before and after each run, for somebody else may fill it too, and is
    replaced only as a whole.
    """

    def ranked(row):
        return rank.get(tuple(str(row[k]) for k in keys[0]))  # None: a row of other keys stays where it is

    path = Path(directory) / f"{name}.csv"
    rank = {tuple(str(value) for value in key.values()): i for i, key in enumerate(keys)}
    there = set(map(ranked, read_rows(path)))
    todo = [key for key in keys if ranked(key) not in there]
    print(f"{path.name}: {len(keys) - len(todo)} of {len(keys)} runs are there, {len(todo)} to go", flush=True)
    start, work = time.perf_counter(), [key.get("epochs", 1) for key in todo]
    for count, key in enumerate(todo, start=1):
        if ranked(key) in map(ranked, read_rows(path)):
            continue
        row = {**key, **run(**key), **provenance()}
        rows = [other for other in read_rows(path) if ranked(other) != ranked(key)]
        later = (i for i, other in enumerate(rows) if (ranked(other) or 0) > ranked(key))
        rows.insert(next(later, len(rows)), row)
        write_rows(path, rows)
        left = (time.perf_counter() - start) / sum(work[:count]) * sum(work[count:])
        print(f"\n{path.name}: run {count}/{len(todo)} written, about {left / 60:.0f} min left", flush=True)
    return path


def provenance():
    """Versions, machine and date: the columns that every measured row ends with."""
    return dict(
        backend=f"{keras.backend.backend()} {sys.modules[keras.backend.backend()].__version__}",
        keras=keras.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} CPU cores",
        date=time.strftime("%Y-%m-%d"),
    )


def processor():
    """The name of the processor, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    return names[0].strip() if names else platform.processor() or "unknown processor"


def progress(text, start, part):
    """Draws a bar over the last one: `part`, from 0 to 1, of the work is done since `start`."""
    elapsed = time.perf_counter() - start
    bar = "#" * round(20 * part) + "." * (20 - round(20 * part))
    print(f"\r[{bar}] {text}  {elapsed:.0f} s, {elapsed / part - elapsed:.0f} s left ", end="", flush=True)
