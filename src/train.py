r"""One training script for one CPU, several devices and several machines.

    python src/train.py cifar10 --epochs 3 --out runs/one
    python src/train.py cifar10 --epochs 3 --out runs/two --devices 2
    python src/train.py cifar10 --epochs 3 --out runs/far --workers hostA:2222,hostB:2222 --index 0    (on hostA)
    python src/train.py cifar10 --epochs 3 --out runs/far --workers hostA:2222,hostB:2222 --index 1    (on hostB)

A run that was killed continues when the same command is given again, on as many devices or machines as there are now.
`--devices` beyond the GPUs of this machine are simulated on its CPU. Machines share the folder `--out`, and stop at
once if they find different settings or checkpoints; TF_CONFIG may take the place of `--workers` and `--index`. No TPUs.

The engine is `tf.distribute`, which comes with TensorFlow: a strategy copies the model to every device (a replica) and
sums the gradients after each step. `keras.distribution` on JAX was tried; on a CPU it took a minute to build a network.

- *Data.* The global batch is `--batch`, however many replicas share it. The order of images, their mirroring and
  shifts are drawn from the seed and the epoch; each process keeps the indices of its own share: nothing is read twice.
- *Batch norm* is synchronized, or fused on a single device: mean and variance are those of the global batch, summed
  over replicas. With statistics per replica, 2 x 32 images would not train like 1 x 64, and no curve could be compared.
- *Dropout and stochastic depth* draw from (seed, layer, step, replica), so a resumed run draws what an unbroken one
  does. Another number of replicas draws other masks: curves then agree only on average, exactly without both.
- *Learning rate.* `--rate` is for 256 images; its peak is rate x batch / 256 (Goyal et al. 2017, arXiv:1706.02677).
- *Checkpoint.* One file, written by process 0, whole or not at all: weights, optimizer, step, curve, settings. Beside
  checkpoint.npz the folder gets, in the end, curve.csv, result.json and final.weights.h5.
"""

import argparse
import json
import math
import os
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from start import native_log_off

with native_log_off():
    import keras
    import tensorflow as tf

from architecture import VARIANTS, EfficientNet, Scale, find_scale
from arguments import require
from atomic import locked, read_arrays, write_atomically, write_rows
from command import ends_quietly, first_line
from datasets import cifar10, fashion_mnist
from export import fuse
from machines import refuse_differences, share, strategy_of
from mini import SMALL, mini
from recipe import epoch_order, mirror, progress, schedule, sgd, shift
from surgery import with_weights_of

DATASETS = {"cifar10": cifar10, "fashion_mnist": fashion_mnist}
BASE_BATCH = 256  # images that `--rate` is meant for, as in tensorflow/tpu models/official/efficientnet/main.py
SMALL_ONES = {"mini": Scale(1.0, 1.0, 32, 0.0, mini()), "small": SMALL}  # for images of 32 pixels
FREE = ("out", "devices", "workers", "index", "every")  # may change when a run is continued
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(Exception):
    """An end with a message of one line; `status` is the exit status."""

    def __init__(self, message, status=2):
        super().__init__(message)
        self.status = status


# ---------------------------------------------------------------- settings


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Stop(f"{message} (see --help)")


def parse(arguments):
    """The settings of a run, a Namespace. Raises Stop."""
    parser = Parser(prog="train.py", description="Trains an EfficientNet on one or many devices or machines; resumes.")
    add = parser.add_argument
    add("dataset", choices=DATASETS)
    add("--full", action="store_true", help="the whole data set, not the 2,000 images that are shipped")
    add("--variant", default="mini", choices=(*SMALL_ONES, *VARIANTS), help="default mini: trains in minutes")
    add("--width", type=float, help="instead of the variant's")
    add("--depth", type=float, help="instead of the variant's")
    add("--size", type=int, help="pixels to which images are resized; default their own")
    add("--dropout", type=float, default=0.0, help="before the classifier (default 0)")
    add("--drop", type=float, default=0.0, help="stochastic depth, rate of the last block (default 0)")
    add("--norm-momentum", type=float, default=0.9, help="of batch norm; 0.99 suits long runs (default 0.9)")
    add("--epochs", type=int, default=3)
    add("--batch", type=int, default=128, help="global: over all devices and machines together (default 128)")
    add("--rate", type=float, default=0.1, help=f"learning rate for {BASE_BATCH} images (default 0.1)")
    add("--warmup", type=float, default=0.5, help="epochs of linear warm-up (default 0.5)")
    add("--decay", type=float, default=0.0, help="weight decay, of kernels only (default 0)")
    add("--shift", type=int, default=0, help="pixels by which training images are moved at most (default 0)")
    add("--seed", type=int, default=0)
    add("--devices", type=int, help="replicas on this machine; default all GPUs, or one CPU")
    add("--workers", help="host:port of every machine, commas between; the same on all of them")
    add("--index", type=int, help="which of --workers this one is, from 0")
    add("--every", type=int, default=20, help="steps between checkpoints (default 20)")
    add("--out", required=True, help="folder of the run, shared by all machines")
    args = parser.parse_args(arguments)
    try:
        check(args)
    except ValueError as error:
        raise Stop(str(error)) from error
    return args


def check(args):
    """Raises ValueError, in one line, for settings that cannot be used, whatever the data."""
    for name in ("epochs", "batch", "every", "devices", "size"):
        value = getattr(args, name)
        require(value is None or value > 0, f"--{name}", value, "a whole number above 0")
    require(0 <= args.seed < 2**32, "--seed", args.seed, "a whole number from 0 to less than 2**32")
    require(args.shift >= 0, "--shift", args.shift, "a whole number from 0")
    require(0 < args.rate < math.inf, "--rate", args.rate, "a number above 0")
    require(0 <= args.decay < math.inf, "--decay", args.decay, "a number from 0")
    require(0 <= args.warmup < args.epochs, "--warmup", args.warmup, "from 0 to less than --epochs")
    require(0 <= args.drop < 1, "--drop", args.drop, "from 0 to less than 1")
    require(0 <= args.norm_momentum < 1, "--norm-momentum", args.norm_momentum, "from 0 to less than 1")
    require(args.out.strip(), "--out", args.out, "the name of a folder")
    require(args.workers is None or args.workers.strip(), "--workers", args.workers, "host:port of every machine")
    if (args.workers is None) != (args.index is None) or (args.workers and args.devices):
        raise ValueError("--workers and --index go together, without --devices: a machine uses all that it has.")
    if args.workers:
        last = args.workers.count(",")
        require(0 <= args.index <= last, "--index", args.index, f"0 to {last}, one for each of --workers")


def settings_of(args):
    """What may not change while a run goes on."""
    return {name: value for name, value in vars(args).items() if name not in FREE}


def scale_of(args, pixels):
    """The Scale of the network that `args` ask for; images have `pixels` unless they are resized."""
    scale = SMALL_ONES.get(args.variant) or find_scale(args.variant)
    baseline = replace(scale.baseline, stochastic_depth=args.drop)
    width = scale.width if args.width is None else args.width
    depth = scale.depth if args.depth is None else args.depth
    return Scale(width, depth, args.size or pixels, args.dropout, baseline)


def schedule_of(rate, batch, epochs, warmup, steps_per_epoch):
    """The learning rate at each step: up to rate * batch / 256 in a straight line, then down to zero in a cosine."""
    return schedule(rate * batch / BASE_BATCH, epochs * steps_per_epoch, round(warmup * steps_per_epoch))


# ---------------------------------------------------------------- training


class Trainer:
    """A model on the devices of a strategy: steps, tests, and a state that can be saved and restored."""

    def __init__(self, args, strategy):
        self.args, self.strategy, self.replicas = args, strategy, strategy.num_replicas_in_sync
        require(args.batch % self.replicas == 0, "--batch", args.batch, f"a multiple of the {self.replicas} replicas")
        (self.x, self.y), (self.x_test, self.y_test) = DATASETS[args.dataset](full=args.full)
        require(args.batch <= len(self.x), "--batch", args.batch, f"at most the {len(self.x)} training images")
        pixels = self.x.shape[1]
        require(args.shift < pixels, "--shift", args.shift, f"less than the images' {pixels} pixels")
        self.steps = len(self.x) // args.batch
        less = round(args.warmup * self.steps) < args.epochs * self.steps
        require(less, "--warmup", args.warmup, f"less than --epochs by one of the {self.steps} steps")
        self.schedule = schedule_of(args.rate, args.batch, args.epochs, args.warmup, self.steps)
        keras.utils.set_random_seed(args.seed)
        with strategy.scope():
            self._build()
        dropouts = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dropout)]
        self.random = [layer.seed_generator.state for layer in dropouts if layer.rate]
        self.step, self.losses, self.top1 = 0, [], []
        self.train_step, self.test_step = tf.function(self._train_step), tf.function(self._test_step)

    def _build(self):
        self.model = EfficientNet(scale_of(self.args, self.x.shape[1]), classes=int(self.y.max()) + 1)
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized, layer.momentum = self.replicas > 1, self.args.norm_momentum
        self.plain = self.model  # whose file any `EfficientNet` of this shape loads
        if self.replicas == 1:  # a step takes two thirds of the time; statistics of several devices need Keras's own
            self.model = fuse(self.model)
        self.optimizer = sgd(self.schedule, self.args.decay)
        self.optimizer.build(self.model.trainable_variables)

    def _prepared(self, images):
        images = tf.cast(images, tf.float32)
        return tf.image.resize(images, self.model.input_shape[1:3]) if self.args.size else images

    def _train_step(self, images, labels):
        def on_replica(images, labels):
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            draw = tf.cast(self.optimizer.iterations.value * self.replicas, tf.int32) + tf.cast(replica, tf.int32)
            for number, state in enumerate(self.random):
                state.assign(tf.cast(tf.stack([(self.args.seed * 1000 + number) % 2**31, draw]), state.dtype))
            with tf.GradientTape() as tape:
                outputs = self.model(self._prepared(images), training=True)
                # a share of the global mean: replicas are summed, so two of 32 images equal one of 64
                loss = tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(labels, outputs)) / self.args.batch
            weights = self.model.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return loss

        return self.strategy.reduce("SUM", self.strategy.run(on_replica, (images, labels)), axis=None)

    def _test_step(self, images, labels):
        def on_replica(images, labels):
            found = tf.argmax(self.model(self._prepared(images), training=False), axis=-1)
            return tf.reduce_sum(tf.cast(found == labels, tf.int32))

        return self.strategy.reduce("SUM", self.strategy.run(on_replica, (images, labels)), axis=None)

    def _feed(self, read, *tables, shape):
        """A distributed data set of what `read` makes of each row of tables (steps, batch, ...), a share a process."""

        def dataset(context):
            size = context.get_per_replica_batch_size(self.args.batch)
            mine = [share(table, context.input_pipeline_id, context.num_input_pipelines) for table in tables]
            rows = [table.reshape(-1, size, *table.shape[2:]) for table in mine]
            signature = (tf.TensorSpec((size, *shape), tf.uint8), tf.TensorSpec((size,), tf.int64))
            return tf.data.Dataset.from_generator(lambda: map(read, *rows), output_signature=signature).prefetch(2)

        return self.strategy.distribute_datasets_from_function(dataset)

    def _batches(self, epoch, done):
        """The batches of an epoch of training after its first `done` steps."""
        order, mirrored = epoch_order(self.args.seed, epoch, len(self.x), self.args.batch)
        most, random = self.args.shift, np.random.default_rng([self.args.seed, epoch, 1])
        offsets = random.integers(-most, most, (*order.shape, 2), endpoint=True)

        def read(chosen, flip, offset):  # where a larger data set would open files
            images = mirror(self.x[chosen], flip)
            moved = shift(images, offset) if most else images
            return moved, self.y[chosen].astype("int64")

        return self._feed(read, order[done:], mirrored[done:], offsets[done:], shape=self.x.shape[1:])

    def train_to(self, end, stopped):
        """Trains up to step `end` (of the whole run, in the epoch under way), or until the list `stopped` fills."""
        for images, labels in self._batches(*divmod(self.step, self.steps)):
            self.losses.append(self.train_step(images, labels))
            self.step += 1
            if self.step == end or stopped:
                break
        self.losses = [float(loss) for loss in self.losses]

    def test(self):
        """Test top-1 in %."""
        count = len(self.x_test)
        order = np.pad(np.arange(count), (0, -count % self.args.batch), constant_values=-1).reshape(-1, self.args.batch)

        def read(chosen):  # -1 stands for no image, whose label no guess can equal
            return self.x_test[chosen], np.where(chosen < 0, -1, self.y_test[chosen]).astype("int64")

        feed = self._feed(read, order, shape=self.x_test.shape[1:])
        return 100 * sum(int(self.test_step(*batch)) for batch in feed) / count

    def variables(self):
        """All that a checkpoint holds, in the order of its file."""
        return [*self.model.weights, *self.optimizer.variables]

    def save(self, path):
        """Writes everything that the rest of the run depends on as one file, whole or not at all."""
        state = {str(i): keras.ops.convert_to_numpy(variable) for i, variable in enumerate(self.variables())}
        about = dict(step=self.step, losses=self.losses, top1=self.top1, settings=settings_of(self.args))
        write_atomically(path, lambda file: np.savez(file, about=json.dumps(about), **state))

    def restore(self, about, state):
        """Goes back to a saved state, as `read_checkpoint` returns it. Raises ValueError if it is another network's."""
        for variable, value in zip(self.variables(), state, strict=True):
            variable.assign(value)
        self.step, self.losses, self.top1 = about["step"], about["losses"], about["top1"]


# ---------------------------------------------------------------- a run


def read_checkpoint(path):
    """What a checkpoint says about its run, and its arrays. Raises Stop."""
    try:
        arrays = read_arrays(path)
        about = json.loads(str(arrays["about"]))
        state = [arrays[str(i)] for i in range(len(arrays) - 1)]
        return {name: about[name] for name in ("step", "losses", "top1", "settings")}, state
    except Exception as error:  # cut short or changed: numpy and zipfile raise a dozen kinds
        raise Stop(f"{path} cannot be read ({error!r}); move it away to start over.") from error


def refuse_changes(before, args):
    """Raises Stop if a checkpoint, whose settings were `before`, is of another run."""
    before = dict(shift=0, decay=0.0) | before  # older checkpoints do not name these
    for name, value in settings_of(args).items():
        if before.get(name) != value:
            begun = f"{Path(args.out)} was begun with {before.get(name)}"
            raise Stop(f"--{name.replace('_', '-')} is {value}, but {begun}: use that, or another --out.")


def begin(args):
    """The Trainer of a run, at the step of its last checkpoint. Raises Stop."""
    path = Path(args.out) / "checkpoint.npz"
    about, state = read_checkpoint(path) if path.exists() else (None, None)
    if about:
        refuse_changes(about["settings"], args)
    try:
        strategy = strategy_of(args)
        if strategy.cluster_resolver:
            refuse_differences(strategy, settings_of(args), about["step"] if about else 0)
        trainer = Trainer(args, strategy)
    except (ValueError, OSError, tf.errors.OpError) as error:  # architecture and datasets say it in one line
        raise Stop(first_line(error)) from error
    try:
        if about:
            trainer.restore(about, state)
    except (ValueError, tf.errors.OpError) as error:
        raise Stop(f"{path} is of another network; move it away to start over.") from error
    return trainer


def advance(trainer, stopped):
    """Trains up to the next checkpoint, and tests at the end of an epoch. Raises Stop."""
    before, folder = trainer.step, Path(trainer.args.out)
    epoch_end = (before // trainer.steps + 1) * trainer.steps
    try:
        trainer.train_to(min(before + trainer.args.every, epoch_end), stopped)
        if not np.isfinite(trainer.losses[before:]).all():
            raise Stop(f"the loss is no number after step {before}; try a lower --rate, into another --out.", status=1)
        if trainer.step == epoch_end:
            trainer.top1.append(trainer.test())
    except tf.errors.OpError as error:
        if trainer.strategy.cluster_resolver is None or isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        cause = error.message.splitlines()[0][:100]
        raise Stop(f"lost another process after step {before} ({cause}). {resume_hint(folder)}", status=3) from error


@ends_quietly()
def run(args):
    """Trains from the last checkpoint to the end, as the only run in this folder. Returns the exit status."""
    trainer = begin(args)
    chief = trainer.strategy.extended.should_checkpoint  # one process of all: the only one that writes and prints
    with locked(Path(args.out) / "run", wait=False) if chief else nullcontext():
        return carry_on(trainer, args, chief)


def carry_on(trainer, args, chief):
    """Trains until the end, or until a signal. Returns the exit status."""
    folder, first, last = Path(args.out), trainer.step, args.epochs * trainer.steps
    if first == last and (folder / "result.json").exists():
        print(f"{folder} is finished: {last} steps. See its result.json, or train into another --out.")
        return 0
    if chief:
        begun = f"goes on after step {first}" if first else "starts"
        images = f"{trainer.replicas} x {args.batch // trainer.replicas}"
        print(f"{folder} {begun}: {last} steps of {images} images, replicas x the share of each", flush=True)
    stopped, start, warm = catch_signals(), time.perf_counter(), None
    while trainer.step < last and not stopped:
        advance(trainer, stopped)
        if chief:
            trainer.save(folder / "checkpoint.npz")
            tested = f"  test {trainer.top1[-1]:.1f} %" if trainer.top1 else ""
            text = f"step {trainer.step}/{last}  loss {trainer.losses[-1]:.3f}{tested}"
            progress(text, start, (trainer.step - first) / (last - first))
        warm = warm or (time.perf_counter(), trainer.step)  # the first steps build the graph: no measure of speed
    if trainer.step < last:
        raise Stop(f"stopped after step {trainer.step}. {resume_hint(folder)}", status=130)
    if chief:
        since, step = warm or (start, last)
        finish(trainer, folder, (last - step) * args.batch / (time.perf_counter() - since))
    return 0


def finish(trainer, folder, speed):
    """Writes curve, result and weights, and prints the result. `speed`: images/s, 0 if there was no time to measure."""
    rows = []
    for step, loss in enumerate(trainer.losses):
        rows.append(dict(step=step + 1, loss=f"{loss:.6f}", rate=f"{float(trainer.schedule(step)):.6g}"))
    write_rows(folder / "curve.csv", rows)
    part = folder / "part.weights.h5"
    with_weights_of(trainer.model, trainer.plain).save_weights(part)
    os.replace(part, folder / "final.weights.h5")
    result = dict(top1=trainer.top1, images_per_second=round(speed, 1) or None, replicas=trainer.replicas)
    text = json.dumps(result | dict(settings=settings_of(trainer.args)), indent=1)
    write_atomically(folder / "result.json", lambda file: file.write(text.encode()))  # last: it says that all is there
    measured = f", {speed:.0f} images/s after the first --every steps, tests and checkpoints included" if speed else ""
    print(f"\ntest top-1 {trainer.top1[-1]:.2f} %{measured}; see {folder}")


def resume_hint(folder):
    return f"The checkpoint in {folder} is whole: the same command goes on from it, on as many machines as you like."


def catch_signals():
    """A list that fills at Ctrl-C or SIGTERM, so that the step under way can be finished; the second Ctrl-C kills."""
    stopped = []

    def stop(number, frame):
        stopped.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in SIGNALS:
        signal.signal(number, stop)
    return stopped


def main(arguments):
    """Trains. Returns the exit status: 0 done, 1 diverged, 2 wrong arguments or files, 3 process lost, 130 stopped."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        args = parse(arguments)
        try:
            return run(args)
        except OSError as error:
            raise Stop(f"--out is {args.out}, but there: {error}.") from error
        except KeyboardInterrupt:  # before the first step; later `catch_signals` lets the step end
            raise Stop("stopped before the first step.", status=130) from None
    except Stop as stop:
        print(f"train.py: {stop}" if stop.status == 2 else f"\ntrain.py: {stop}", file=sys.stderr, flush=True)
        if stop.status == 3:  # the engine would wait at exit for the process that is gone
            os._exit(3)
        return stop.status
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
