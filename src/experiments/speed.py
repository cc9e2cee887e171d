"""What is waited for, against Keras at its best documented settings: one row for each piece of work.

    python src/measure.py speed            writes data/measured/speed.csv (about 20 minutes on two free cores)
    python src/measure.py speed --quick    everything at its smallest, one round; writes nothing

Each row is timed in pairs: the peer and ours, one after the other, so that a slow minute falls on both. `ratio_…` are
the quartiles over the rounds of the peer's time divided by ours, `wanted` what was to be reached; `ms_peer` and
`ms_ours` are medians. The counting of all eight networks has no peer, and is wanted in 2 ms. The peers:

- *building*: `keras.applications`, random weights; ours once with random weights.
- *inference*: `keras.applications` in a `tf.function`, for one shape of input; ours folded and frozen, and the files.
- *a training step*: `train_on_batch` of `keras.applications`, SGD, no XLA, which is slower here; ours fused.
  In both the peer is a plain script in a process of its own (plain.py), since this one keeps memory (start.py), which
  helps whatever runs in it. In the rows *memory kept* the peer runs here: they show what rewriting alone does.
- *a head*: Keras's `fit` through the whole network with a frozen body, 20 epochs of which one is timed; ours the
  features of every image and its mirror image, then 20 epochs on those. *The last blocks*: one epoch, from block 6a on,
  against one with a quarter of the time of the maps and their mirror images, which the four epochs of lesson 06 share.
- *devices*: images per second of `train.py` on 1, 2 and 4 simulated devices and in two processes, in one run each:
  `ratio_median` is speed by that of one device. They share the same cores: what is lost is the cost of sharing.

Batch norms are random, as if trained: with untrained ones TensorFlow leaves out what adds zero.
"""

import json
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

import export
from architecture import EfficientNet, Scale, plan
from experiments import plain as plain_keras
from experiments.clock import ratios, take_turns
from experiments.plain import as_if_trained, of_keras, pixels
from experiments.table import fill_at_once
from features import cut, views
from recipe import epoch_order

FAMILY = [f"b{i}" for i in range(8)]
TRAIN = Path(__file__).resolve().parents[1] / "train.py"
COLUMNS = ("work", "ratio_median", "ratio_low", "ratio_high", "wanted", "ms_peer", "ms_ours", "rounds")
ROUNDS = 15
EPOCHS, PHOTOS, SIZE = 20, 2000, 96  # of the head; as lesson 06 trains
SHARED = 4  # epochs of fine-tuning that use the same maps, as lesson 06 trains on 2,000 photos


def row(work, wanted, peer, ours, rounds):
    """Times two functions without arguments in turns. Returns a dict."""
    times = take_turns([peer, ours], rounds, 0.1, work)
    ms_peer, ms_ours = (round(1000 * float(np.median(each)), 3) for each in times)
    found = dict(work=work) | ratios(*times, digits=3)
    return found | dict(wanted=wanted, ms_peer=ms_peer, ms_ours=ms_ours, rounds=rounds)


# ---------------------------------------------------------------- both sides


@contextmanager
def plain(*arguments):
    """A call without arguments: plain.py, in its own process, does its work once. Raises RuntimeError if it stops."""
    command = [sys.executable, plain_keras.__file__, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:

        def answered():
            if not process.stdout.readline():
                raise RuntimeError(f"plain.py {arguments} stopped: see what it says above")

        def call():
            with suppress(BrokenPipeError):  # it is gone, and `answered` says so
                process.stdin.write(b"\n")
            answered()

        answered()
        yield call


@cache
def folded():
    return export.fold(as_if_trained(EfficientNet("b0")))


# ---------------------------------------------------------------- the rows


def counting(rounds):
    """Plan, parameters and MACs of B0 to B7."""
    times = take_turns([lambda: [(p.params, p.macs) for p in map(plan, FAMILY)]], rounds, 0.1, "counting")
    ms = round(1000 * float(np.median(times)), 3)
    return dict(work="count all eight", wanted="2 ms", ms_ours=ms, rounds=rounds)


def building(names, rounds):
    work = f"build {names[0]}" if len(names) == 1 else "build all eight"
    return row(work, 1.67, lambda: list(map(of_keras, names)), lambda: list(map(EfficientNet, names)), rounds)


def inference(batch, rounds):
    """Folded and frozen, and every file that runs here, against a `tf.function`."""
    images, work = pixels(batch, 224), f"b0, {batch} images"
    with tempfile.TemporaryDirectory() as folder, plain("answer", batch) as peer:
        calls = {name: partial(run, images) for name, run in runners(Path(folder), batch).items()}
        frozen, of_files = calls["TensorFlow"], 3 if batch == 1 else 1
        rows = [row(f"{work}, TensorFlow, memory kept", 1.5, plain_keras.answer(batch), frozen, rounds)]
        for name, call in calls.items():
            rows.append(row(f"{work}, {name}", 1.5 if call is frozen else of_files, peer, call, rounds))
    return rows


def runners(folder, batch):
    """{runtime: a function of images}, for those that are installed."""
    found = dict(TensorFlow=export.compiled(folded()))
    for name, ending in (("LiteRT", ".tflite"), ("ONNX Runtime", ".onnx")):
        if not export.missing(ending):
            export.save(folded(), folder / f"b0{ending}")
            found[name] = export.load(folder / f"b0{ending}")
    if find_spec("openvino") and "ONNX Runtime" in found:
        import openvino

        core = openvino.Core()
        network = core.read_model(folder / "b0.onnx")
        network.reshape([batch, 224, 224, 3])
        request = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
        found["OpenVINO"] = lambda images: request(images)[0]
    return found


def training(size, batch, rounds):
    """A step of SGD, averages included."""
    x, y, work = pixels(batch, size), np.arange(batch), f"training step, {size} px, batch {batch}"
    model = export.fuse(EfficientNet(Scale(1.0, 1.0, size)))
    model.compile(keras.optimizers.SGD(1e-6), "sparse_categorical_crossentropy", jit_compile=False)
    ours = partial(model.train_on_batch, x, y)
    rows = [row(f"{work}, memory kept", 1.5, plain_keras.training(size, batch), ours, rounds)]
    with plain("training", size, batch) as peer:
        return [*rows, row(work, 1.5, peer, ours, rounds)]


def head(images, rounds):
    """20 epochs of a linear head: `fit` through a frozen body, against features that are computed once."""
    x, y = pixels(images, SIZE), np.arange(images) % 10
    body = as_if_trained(EfficientNet(Scale(1.0, 1.0, SIZE), include_top=False))
    body.trainable = False
    dense = keras.layers.Dense(10, activation="softmax")
    whole = keras.Model(body.input, dense(keras.layers.GlobalAveragePooling2D(name="pool")(body.output)))
    lower, upper = cut(whole, "pool")
    for model in (whole, upper):
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)

    def ours():
        both = views(lower, x)
        for epoch in range(EPOCHS):
            for chosen, mirrored in zip(*epoch_order(0, epoch, images, 32)):
                upper.train_on_batch(both[mirrored.astype(int), chosen], y[chosen])

    found = row(f"head, {EPOCHS} epochs", 10, lambda: whole.fit(x, y, batch_size=32, verbose=0), ours, rounds)
    for name in ("ratio_median", "ratio_low", "ratio_high", "ms_peer"):
        found[name] = round(EPOCHS * found[name], 3)
    return found


def last_blocks(images, rounds):
    """An epoch of fine-tuning from block 6a on, batch norms frozen."""
    x, y = pixels(images, SIZE), np.arange(images) % 10
    whole = as_if_trained(EfficientNet(Scale(1.0, 1.0, SIZE), classes=10))
    names = [layer.name for layer in whole.layers]
    for layer in whole.layers:
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = names.index(layer.name) > names.index("block5c_add") and not norm
    lower, upper = cut(whole, "block5c_add")
    upper = export.fuse(upper)
    for model in (whole, upper):
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)

    maps, share = views(lower, x)[0], max(1, images // SHARED)

    def ours():
        views(lower, x[:share])  # an epoch's share of the time that the maps take, which SHARED epochs use
        upper.fit(maps, y, batch_size=32, verbose=0)

    return row("last blocks, an epoch", 2, lambda: whole.fit(x, y, batch_size=32, verbose=0), ours, rounds)


# ---------------------------------------------------------------- devices


def images_per_second(folder, *options):
    """What `train.py` reports of a short run. `options`: a text of them for each process."""
    command = [sys.executable, str(TRAIN), *"cifar10 --batch 128 --epochs 2 --every 5 --out".split(), folder]
    started = [subprocess.Popen([*command, *more.split()], stdout=subprocess.DEVNULL) for more in options]
    statuses = [process.wait() for process in started]  # of all: none may go on into a folder that is gone
    if any(statuses):
        raise RuntimeError(f"train.py {options} failed")
    return json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))["images_per_second"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def devices():
    """`train.py` on 1, 2, 4 simulated devices and in two processes, one run each."""
    workers = ",".join(f"127.0.0.1:{free_port()}" for _ in range(2))
    runs = {f"{count} devices": [f"--devices {count}"] for count in (1, 2, 4)}
    runs["2 processes"] = [f"--workers {workers} --index {index}" for index in range(2)]
    rows, alone = [], None
    for name, options in runs.items():
        with tempfile.TemporaryDirectory() as folder:
            speed = images_per_second(folder, *options)
        alone = alone or speed
        step = round(128_000 / speed, 1)
        rows.append(dict(work=f"train.py, {name}", ratio_median=round(speed / alone, 3), ms_ours=step, rounds=1))
    return rows


def measure(rounds=ROUNDS):
    """Every row, in one run, with every column."""
    slow = max(1, rounds // 5)
    rows = [counting(rounds), building(["b0"], rounds), building(["b7"], slow), building(FAMILY, slow)]
    rows += [*inference(1, rounds), *inference(16, rounds)]
    rows += [*training(224, 16, rounds), *training(64, 32, rounds)]
    rows += [head(PHOTOS, slow), last_blocks(PHOTOS, slow)]
    return [dict.fromkeys(COLUMNS) | each for each in rows + devices()]


def trial():
    """Every kind of row at its smallest."""
    rows = [counting(1), building(["b0"], 1), *inference(1, 1), *training(32, 2, 1), head(64, 1), last_blocks(64, 1)]
    print(*rows, sep="\n")


def main(quick=False):
    """Fills the table, in one run."""
    export.tensorflow_module()
    if quick:
        trial()
    else:
        fill_at_once("speed", measure)
