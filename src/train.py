r"""One training script for one CPU, several devices and several machines.

    python src/train.py cifar10 --epochs 3 --out runs/one
    python src/train.py cifar10 --epochs 3 --out runs/two --devices 2
    python src/train.py cifar10 --epochs 3 --out runs/far --workers hostA:2222,hostB:2222 --index 0    (on hostA)
    python src/train.py cifar10 --epochs 3 --out runs/far --workers hostA:2222,hostB:2222 --index 1    (on hostB)

A run that was killed continues when the same command is given again, on as many devices or machines as there are now.
`--devices` beyond the GPUs of this machine are simulated on its CPU. Machines share the folder `--out`, and stop at
once if they find different settings or checkpoints; instead of `--workers` and `--index` the variable TF_CONFIG may
be set, as cloud services do. TPUs are not covered: `tf.distribute.TPUStrategy` could not be tried.

The engine is `tf.distribute`, which comes with TensorFlow. Keras holds the model, a strategy copies it to every device
(a replica) and sums the gradients after each step. `keras.distribution` on JAX was tried too: it needs one package
more, and on a CPU it compiled for over a minute just to build a network that TensorFlow builds in about a second.

- *Data.* The global batch is `--batch`, however many replicas share it. The order of images is drawn from the seed
  and the epoch, and each process keeps the indices of its own share, so nothing is read twice.
- *Batch norm* is synchronized: mean and variance are those of the global batch, summed over replicas. With statistics
  per replica, 2 x 32 images would not train like 1 x 64, and no curve could be compared.
- *Dropout and stochastic depth* draw from (seed, layer, step, replica), so a resumed run draws what an unbroken one
  does. Another number of replicas draws other masks: curves then agree only on average, exactly without both.
- *Learning rate.* `--rate` is for 256 images; the peak is rate x batch / 256 (Goyal et al. 2017, arXiv:1706.02677),
  reached linearly over `--warmup` epochs, then a cosine falls to zero.
- *Checkpoint.* One file, written by process 0, whole or not at all: weights, optimizer, step, curve, settings.

The folder gets checkpoint.npz, curve.csv, result.json, final.weights.h5 and logs for TensorBoard in logs/.
"""

import argparse
import json
import math
import os
import signal
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
import tensorflow as tf

from architecture import VARIANTS, EfficientNet, Scale, find_scale
from atomic import write_atomically, write_rows
from datasets import cifar10, fashion_mnist
from experiments.compound import baseline
from experiments.training import progress

DATASETS = {"cifar10": cifar10, "fashion_mnist": fashion_mnist}
BASE_BATCH = 256  # images that `--rate` is meant for, as in tensorflow/tpu models/official/efficientnet/main.py
MINI = Scale(1.0, 1.0, 32, 0.0, baseline("cifar10"))  # the network that lesson 04 scales
FREE = ("out", "devices", "workers", "index", "every")  # may change when a run is continued


class Stop(Exception):
    """An end with a message of one line; `status` is the exit status."""

    def __init__(self, message, status=2):
        super().__init__(message)
        self.status = status


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Stop(f"{message} (see --help)")


def parse(arguments):
    """The settings of a run, a Namespace. Raises Stop."""
    parser = Parser(prog="train.py", description="Trains an EfficientNet on one or many devices or machines; resumes.")
    add = parser.add_argument
    add("dataset", choices=DATASETS)
    add("--full", action="store_true", help="the whole data set, not the 2,000 images that are shipped")
    add("--variant", default="mini", choices=("mini", *VARIANTS), help="default mini, the small network of lesson 04")
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
    add("--seed", type=int, default=0)
    add("--devices", type=int, help="replicas on this machine; default all GPUs, or one CPU")
    add("--workers", help="host:port of every machine, commas between; the same on all of them")
    add("--index", type=int, help="which of --workers this one is, from 0")
    add("--every", type=int, default=20, help="steps between checkpoints (default 20)")
    add("--out", required=True, help="folder of the run, shared by all machines")
    args = parser.parse_args(arguments)
    for name in ("epochs", "batch", "every", "devices", "size"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise Stop(f"--{name} is {value}; allowed: a whole number above 0.")
    if not (0 < args.rate < math.inf and 0 <= args.warmup < args.epochs and args.seed >= 0):
        raise Stop("allowed: --rate above 0, --warmup from 0 to less than --epochs, --seed from 0.")
    for name, value in (("drop", args.drop), ("norm-momentum", args.norm_momentum)):
        if not 0 <= value < 1:
            raise Stop(f"--{name} is {value:g}; allowed: from 0 to less than 1.")
    if (args.workers is None) != (args.index is None) or (args.workers and args.devices):
        raise Stop("--workers and --index go together, without --devices: each machine uses all its GPUs, or its CPU.")
    if args.workers and not 0 <= args.index < len(args.workers.split(",")):
        raise Stop(f"--index is {args.index}; allowed: 0 to {args.workers.count(',')}, one for each of --workers.")
    return args


def strategy_of(args):
    """The tf.distribute strategy for what this process has: one device, several, or several machines."""
    if args.workers:
        task = dict(type="worker", index=args.index)
        os.environ["TF_CONFIG"] = json.dumps(dict(cluster=dict(worker=args.workers.split(",")), task=task))
    if "TF_CONFIG" in os.environ:
        kind = json.loads(os.environ["TF_CONFIG"]).get("task", {}).get("type")
        if args.devices or kind not in ("chief", "worker"):
            raise Stop(f"TF_CONFIG is set, for a {kind}; allowed: a chief or a worker, without --devices.")
        print(f"joins {os.environ['TF_CONFIG']} and waits until all are there", flush=True)
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus, cpus = tf.config.list_physical_devices("GPU"), tf.config.list_physical_devices("CPU")
    count = args.devices or len(gpus) or 1
    if count == 1:
        return tf.distribute.get_strategy()
    if count <= len(gpus):
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count)])
    try:
        tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:  # TensorFlow runs already
        if len(tf.config.list_logical_devices("CPU")) < count:
            raise Stop(f"--devices is {count}, but this process began with fewer; start one of its own.") from None
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


def is_chief(resolver):
    """Whether this process writes the files. `resolver`: the strategy's cluster_resolver, None for one machine."""
    if resolver is None or resolver.task_type == "chief":
        return True
    return resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs


def everywhere(strategy, number):
    """The whole number that each replica's process holds, (replicas,)."""
    count = strategy.num_replicas_in_sync

    def on_replica():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.one_hot(replica, count, tf.constant(number, tf.int64), tf.constant(0, tf.int64))

    return strategy.reduce("SUM", strategy.run(tf.function(on_replica)), axis=None).numpy()


def refuse_differences(strategy, args, step):
    """Raises Stop in every process, unless all have the same settings and are at the same step."""
    if len(set(everywhere(strategy, zlib.crc32(json.dumps(settings_of(args)).encode())))) > 1:
        raise Stop("the processes were started with different settings; give the same command on all machines.")
    steps = everywhere(strategy, step)
    if len(set(steps)) > 1:
        found = f"checkpoints of steps {', '.join(str(one) for one in sorted(set(steps)))}"
        raise Stop(f"the machines found {found} in --out; allowed: one folder that all of them share.")


def scale_of(args, pixels):
    scale = MINI if args.variant == "mini" else find_scale(args.variant)
    table = replace(scale.baseline, stochastic_depth=args.drop)
    pairs = (args.width, scale.width), (args.depth, scale.depth)
    width, depth = (given if given is not None else own for given, own in pairs)
    return Scale(width, depth, args.size or pixels, args.dropout, table)


def schedule_of(rate, batch, epochs, warmup, steps_per_epoch):
    """The learning rate at each step: up to rate * batch / 256 in a straight line, then down to zero in a cosine."""
    up = round(warmup * steps_per_epoch)
    rest = epochs * steps_per_epoch - up
    return keras.optimizers.schedules.CosineDecay(
        0.0 if up else rate * batch / BASE_BATCH, rest, warmup_target=rate * batch / BASE_BATCH, warmup_steps=up
    )


def epoch_order(seed, epoch, images, batch):
    """Which images each step of an epoch sees, (steps, batch), and which are mirrored. Follows from seed and epoch."""
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(images)[: images // batch * batch].reshape(-1, batch)
    return order, random.random(order.shape) < 0.5


def share(table, process, processes):
    """The columns of a (steps, batch) table that one process reads: each image goes to exactly one."""
    return np.split(table, processes, axis=1)[process]


class Trainer:
    """A model on the devices of a strategy: steps, tests, and a state that can be saved and restored."""

    def __init__(self, args, strategy):
        self.args, self.strategy, self.replicas = args, strategy, strategy.num_replicas_in_sync
        if args.batch % self.replicas:
            raise Stop(f"--batch is {args.batch}; allowed: a multiple of the {self.replicas} replicas.")
        (self.x, self.y), (self.x_test, self.y_test) = DATASETS[args.dataset](full=args.full)
        if args.batch > len(self.x):
            raise Stop(f"--batch is {args.batch}; allowed: at most the {len(self.x)} training images.")
        self.steps = len(self.x) // args.batch
        if round(args.warmup * self.steps) == args.epochs * self.steps:
            raise Stop(f"--warmup is {args.warmup:g}; allowed: less than --epochs by one of the {self.steps} steps.")
        keras.utils.set_random_seed(args.seed)
        with strategy.scope():
            self.model = EfficientNet(scale_of(args, self.x.shape[1]), classes=int(self.y.max()) + 1)
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized, layer.momentum = True, args.norm_momentum
            self.schedule = schedule_of(args.rate, args.batch, args.epochs, args.warmup, self.steps)
            self.optimizer = keras.optimizers.SGD(self.schedule, momentum=0.9, nesterov=True)
            self.optimizer.build(self.model.trainable_variables)
        with tf.device("CPU"):  # once: as NumPy arrays they would be written into the graph of every data set
            self.x, self.y, self.x_test, self.y_test = map(tf.constant, (self.x, self.y, self.x_test, self.y_test))
        dropouts = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dropout)]
        self.random = [layer.seed_generator.state for layer in dropouts if layer.rate]
        self.step, self.losses, self.top1 = 0, [], []
        self.train_step, self.test_step = tf.function(self._train_step), tf.function(self._test_step)

    def _prepared(self, images):
        images = tf.cast(images, tf.float32)
        images = tf.image.grayscale_to_rgb(images) if images.shape[-1] == 1 else images
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

    def _feed(self, images, labels, order, mirrored):
        """A distributed data set of the batches in `order`; -1 stands for no image. Each process takes its share."""

        def dataset(context):
            mine, flip = (share(t, context.input_pipeline_id, context.num_input_pipelines) for t in (order, mirrored))
            mine, flip = mine.ravel(), flip.ravel()

            def read(index, flip):  # where a larger data set would open a file
                there = tf.maximum(index, 0)
                image, label = tf.gather(images, there), tf.gather(labels, there)
                return tf.where(flip, image[:, ::-1], image), tf.where(index < 0, tf.constant(-1, label.dtype), label)

            data = tf.data.Dataset.from_tensor_slices((mine, flip)).map(read, num_parallel_calls=tf.data.AUTOTUNE)
            per_replica = context.get_per_replica_batch_size(self.args.batch)
            return data.batch(per_replica, drop_remainder=True).prefetch(2)

        return self.strategy.distribute_datasets_from_function(dataset)

    def train_to(self, end, stopping):
        """Trains up to step `end` (of the whole run, in the epoch that is under way), or until `stopping()`."""
        epoch, done = divmod(self.step, self.steps)
        order, mirrored = epoch_order(self.args.seed, epoch, len(self.x), self.args.batch)
        for images, labels in self._feed(self.x, self.y, order[done:], mirrored[done:]):
            self.losses.append(self.train_step(images, labels))
            self.step += 1
            if self.step == end or stopping():
                break
        self.losses = [float(loss) for loss in self.losses]

    def test(self):
        """Test top-1 in %."""
        count = len(self.x_test)
        order = np.append(np.arange(count), np.full(-count % self.args.batch, -1)).reshape(-1, self.args.batch)
        feed = self._feed(self.x_test, self.y_test, order, np.zeros(order.shape, bool))
        return 100 * sum(int(self.test_step(*batch)) for batch in feed) / count

    def variables(self):
        return [*self.model.weights, *self.optimizer.variables]

    def save(self, path):
        """Writes everything that the rest of the run depends on as one file, whole or not at all."""
        state = {str(i): keras.ops.convert_to_numpy(variable) for i, variable in enumerate(self.variables())}
        about = dict(step=self.step, losses=self.losses, top1=self.top1, settings=settings_of(self.args))
        write_atomically(path, lambda file: np.savez(file, about=json.dumps(about), **state))

    def restore(self, about, state):
        """Goes back to a saved state, as `read_checkpoint` returns it."""
        for variable, value in zip(self.variables(), state, strict=True):
            variable.assign(value)
        self.step, self.losses, self.top1 = about["step"], about["losses"], about["top1"]


def read_checkpoint(path):
    """What a checkpoint says about its run, and its arrays. Raises Stop."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return json.loads(str(file["about"])), [file[str(i)] for i in range(len(file.files) - 1)]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise Stop(f"{path} cannot be read ({error}); move it away to start over.") from error


def refuse_changes(before, args):
    """Raises Stop if a checkpoint, whose settings were `before`, is of another run."""
    for name, value in settings_of(args).items():
        if before.get(name) != value:
            begun = f"{Path(args.out)} was begun with {before.get(name)}"
            raise Stop(f"--{name.replace('_', '-')} is {value}, but {begun}: use that, or another --out.")


def settings_of(args):
    """What may not change while a run goes on."""
    return {name: value for name, value in vars(args).items() if name not in FREE}


def run(args):
    """Trains from the last checkpoint to the end. Returns the exit status."""
    folder = Path(args.out)
    checkpoint = folder / "checkpoint.npz"
    about, state = read_checkpoint(checkpoint) if checkpoint.exists() else (None, None)
    first = about["step"] if about else 0
    if about:
        refuse_changes(about["settings"], args)
    try:
        strategy = strategy_of(args)
        if strategy.cluster_resolver:
            refuse_differences(strategy, args, first)
        trainer = Trainer(args, strategy)
    except (ValueError, OSError, tf.errors.OpError) as error:  # architecture and datasets say it in one line
        raise Stop(str(error).splitlines()[0]) from error
    chief = is_chief(strategy.cluster_resolver)
    last = args.epochs * trainer.steps
    if first == last and (folder / "result.json").exists():
        print(f"{folder} is finished: {last} steps. See its result.json, or train into another --out.")
        return 0
    if about:
        trainer.restore(about, state)
    if chief:
        begun = f"goes on after step {first}" if first else "starts"
        images = f"{trainer.replicas} x {args.batch // trainer.replicas}"
        print(f"{folder} {begun}: {last} steps of {images} images, replicas x the share of each", flush=True)
    stopped = catch_signals()
    start, warm = time.perf_counter(), None
    logs = tf.summary.create_file_writer(str(folder / "logs")) if chief else tf.summary.create_noop_writer()
    while trainer.step < last and not stopped:
        before, epoch_end = trainer.step, (trainer.step // trainer.steps + 1) * trainer.steps
        try:
            trainer.train_to(min(before + args.every, epoch_end), stopping=lambda: bool(stopped))
            if trainer.step == epoch_end:
                trainer.top1.append(trainer.test())
        except tf.errors.OpError as error:
            if strategy.cluster_resolver is None or isinstance(error, tf.errors.ResourceExhaustedError):
                raise
            cause = error.message.splitlines()[0][:100]
            message = f"lost another process after step {before} ({cause}). {resume_hint(folder)}"
            raise Stop(message, status=3) from error
        if not chief:
            continue
        trainer.save(checkpoint)
        with logs.as_default():
            for step in range(before, trainer.step):
                scalar("loss", trainer.losses[step], step + 1)
                scalar("learning rate", float(trainer.schedule(step)), step + 1)
            if trainer.step == epoch_end:
                scalar("test top-1 (%)", trainer.top1[-1], trainer.step)
        logs.flush()
        tested = f"  test {trainer.top1[-1]:.1f} %" if trainer.top1 else ""
        text = f"step {trainer.step}/{last}  loss {trainer.losses[-1]:.3f}{tested}"
        progress(text, start, (trainer.step - first) / (last - first))
        warm = warm or (time.perf_counter(), trainer.step)  # the first steps build the graph: no measure of speed
    if trainer.step < last:
        raise Stop(f"stopped after step {trainer.step}. {resume_hint(folder)}", status=130)
    if chief:
        begin, since = warm or (start, trainer.step)
        finish(trainer, folder, (trainer.step - since) * args.batch / (time.perf_counter() - begin))
    return 0


def finish(trainer, folder, speed):
    """Writes curve, result and weights, and prints the result. `speed`: images/s, 0 if there was no time to measure."""
    rates = [f"{float(trainer.schedule(step)):.6g}" for step in range(trainer.step)]
    rows = [dict(step=i, loss=f"{loss:.6f}", rate=rate) for i, (loss, rate) in enumerate(zip(trainer.losses, rates), 1)]
    write_rows(folder / "curve.csv", rows)
    result = dict(top1=trainer.top1, images_per_second=round(speed, 1) or None, replicas=trainer.replicas)
    text = json.dumps(result | dict(settings=settings_of(trainer.args)), indent=1)
    part = folder / "part.weights.h5"
    trainer.model.save_weights(part)
    os.replace(part, folder / "final.weights.h5")
    write_atomically(folder / "result.json", lambda file: file.write(text.encode()))  # last: it says that all is there
    measured = f", {speed:.0f} images/s after the first --every steps, tests and checkpoints included" if speed else ""
    print(f"\ntest top-1 {trainer.top1[-1]:.2f} %{measured}; see {folder}")


def scalar(name, value, step):
    """One point of a curve in TensorBoard. `tf.summary.scalar` would do, but wants the package tensorboard to write."""
    kind = tf.compat.v1.SummaryMetadata(data_class=1)  # DATA_CLASS_SCALAR
    kind.plugin_data.plugin_name = "scalars"
    tf.summary.write(name, tf.constant(value, tf.float32), step, kind)


def resume_hint(folder):
    return f"The checkpoint in {folder} is whole: the same command goes on from it, on as many machines as you like."


def catch_signals():
    """A list that fills at Ctrl-C or SIGTERM, so that the step under way can be finished; the second Ctrl-C kills."""
    stopped = []

    def stop(number, frame):
        stopped.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopped


def main(arguments):
    """Trains, or goes on training. Returns the exit status: 0 done, 2 wrong arguments, 3 process lost, 130 stopped."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run(parse(arguments))
    except Stop as stop:
        print(f"\ntrain.py: {stop}" if stop.status > 2 else f"train.py: {stop}", file=sys.stderr, flush=True)
        if stop.status == 3:  # the engine would wait at exit for the process that is gone
            os._exit(3)
        return stop.status
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
