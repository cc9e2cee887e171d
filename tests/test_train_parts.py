"""train.py in its parts, without a run: settings and their limits, the network, single steps."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import train
from mini import SMALL, mini

ONE = tf.distribute.get_strategy()


def parse(text):
    return train.parse(f"cifar10 --out x {text}".split())


# ---------------------------------------------------------------- settings


def test_what_is_not_said_is_as_the_help_says():
    assert vars(parse("")) == dict(
        **dict(dataset="cifar10", full=False, variant="mini", width=None, depth=None, size=None, dropout=0.0, drop=0.0),
        **dict(norm_momentum=0.9, epochs=3, batch=128, rate=0.1, warmup=0.5, decay=0.0, shift=0, seed=0, devices=None),
        **dict(workers=None, index=None, every=20, out="x"),
    )


def test_what_is_said_is_a_number():
    text = "--full --width 0.5 --depth 2 --size 16 --dropout 0.1 --devices 2 --every 7"
    args = parse(text)
    assert (args.full, args.width, args.depth, args.size) == (True, 0.5, 2.0, 16)
    assert (args.dropout, args.devices, args.every) == (0.1, 2, 7)


@pytest.mark.parametrize(
    "text",
    [
        *("--batch 1", "--every 1", "--size 1", "--devices 1", "--rate 2", "--decay 2", "--warmup 0 --epochs 1"),
        *("--drop 0.99", "--norm-momentum 0", "--workers a:1,b:1 --index 0", "--workers a:1,b:1 --index 1"),
    ],
)
def test_the_ends_of_what_is_allowed_are_allowed(text):
    assert parse(text).out == "x"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--rate 0", "--rate is 0.0"),
        ("--rate inf", "--rate is inf"),
        ("--decay inf", "--decay is inf"),
        ("--drop 1", "--drop is 1.0"),
        ("--norm-momentum 1", "--norm-momentum is 1.0"),
        ("--warmup -1", "--warmup is -1.0"),
        ("--epochs 0", "--epochs is 0"),
        ("--every 0", "--every is 0"),
        ("--size 0", "--size is 0"),
        ("--devices 0", "--devices is 0"),
        ("--workers a:1", "go together"),
        ("--workers a:1 --index -1", "--index is -1; allowed: 0 to 0"),
    ],
)
def test_what_lies_beyond_is_refused(text, words):
    with pytest.raises(train.Stop, match=words) as stop:
        parse(text)
    assert stop.value.status == 2


def test_what_may_change_while_a_run_goes_on_is_no_setting():
    one = train.settings_of(parse("--devices 1 --every 3"))
    assert one == train.settings_of(parse("")) and set(one) & set(train.FREE) == set()
    assert one | dict(seed=4) == train.settings_of(parse("--seed 4"))


def test_the_scale_is_the_variant_s_but_for_what_is_said():
    table = train.replace(mini(), stochastic_depth=0.3)
    assert train.scale_of(parse("--drop 0.3"), 32) == train.Scale(1.0, 1.0, 32, 0.0, table)
    small = train.scale_of(parse("--variant small --dropout 0.1"), 40)
    assert (small.width, small.depth, small.resolution, small.dropout) == (SMALL.width, SMALL.depth, 40, 0.1)
    b1 = train.scale_of(parse("--variant b1 --width 3 --size 64"), 32)
    assert (b1.width, b1.depth, b1.resolution) == (3.0, 1.1, 64)
    assert train.scale_of(parse("--variant b1 --depth 2"), 32).depth == 2.0


# ---------------------------------------------------------------- a trainer


@pytest.fixture(scope="module")
def trainer():
    return train.Trainer(parse("--depth 0.5 --batch 8 --drop 0.2 --dropout 0.3 --norm-momentum 0.8 --seed 5"), ONE)


def test_the_network_is_fused_has_a_class_for_each_label_and_averages_as_asked(trainer):
    assert trainer.model.output_shape == (None, 10) and trainer.model.input_shape == (None, 32, 32, 3)
    norms = [layer for layer in trainer.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms and {type(norm).__name__ for norm in norms} == {"FusedBatchNormalization"}
    assert {norm.momentum for norm in norms} == {0.8} and not any(norm.synchronized for norm in norms)
    assert {type(layer).__name__ for layer in trainer.plain.layers} & {"FusedBatchNormalization"} == set()
    assert trainer.optimizer.momentum == 0.9 and trainer.optimizer.nesterov
    assert (trainer.steps, trainer.step, trainer.losses, trainer.top1) == (250, 0, [], [])


def test_the_seed_decides_where_training_begins(trainer):
    kernels = []
    for seed in (5, 6):
        other = train.Trainer(parse(f"--depth 0.5 --batch 8 --seed {seed}"), ONE)
        kernels.append(other.model.get_layer("stem_conv").kernel.numpy())
    mine = trainer.plain.get_layer("stem_conv").kernel.numpy()
    assert kernels[0].shape == mine.shape and np.abs(kernels[0] - kernels[1]).max() > 0.01


def test_the_data_are_the_ones_asked_for(monkeypatch):
    asked = []

    def images(full):
        asked.append(full)
        return ((np.zeros((9, 32, 32, 3), "uint8"), np.arange(9) % 3),) * 2

    monkeypatch.setitem(train.DATASETS, "cifar10", images)
    whole = train.Trainer(parse("--depth 0.5 --batch 9 --full --warmup 0"), ONE)  # as many images as there are
    assert asked == [True] and whole.model.output_shape == (None, 3) and whole.steps == 1


@pytest.mark.parametrize("replicas", [3, 16])
def test_a_batch_that_the_replicas_cannot_share_is_refused(replicas):
    with pytest.raises(ValueError, match=f"--batch is 100; allowed: a multiple of the {replicas} replicas"):
        train.Trainer(parse("--batch 100"), SimpleNamespace(num_replicas_in_sync=replicas))


def test_the_warm_up_ends_before_the_run_does():
    with pytest.raises(ValueError, match="less than --epochs by one of the 4 steps"):
        train.Trainer(parse("--batch 500 --epochs 2 --warmup 1.9"), ONE)
    train.Trainer(parse("--depth 0.5 --batch 500 --epochs 2 --warmup 1.75"), ONE)


# ---------------------------------------------------------------- steps


def test_a_step_gives_the_mean_loss_and_learns_from_it(trainer):
    x, y = trainer.x[:8], trainer.y[:8].astype("int64")
    kept = trainer.model.get_weights()
    for state in trainer.random:
        state.assign([0, 0])
    before = trainer.model.get_layer("stem_bn").moving_mean.numpy().copy()
    optimizer = trainer.optimizer
    optimizer.iterations.assign(0)
    loss = float(trainer._train_step(x, y))
    seeds = [state.numpy().tolist() for state in trainer.random]
    assert seeds == [[5000, 1]]  # the seed and the layer, the step, and one draw
    assert optimizer.iterations.numpy() == 1
    assert np.abs(trainer.model.get_layer("stem_bn").moving_mean.numpy() - before).max() > 0  # it was training
    trainer.model.set_weights(kept)
    for number, state in enumerate(trainer.random):
        state.assign([5000 + number, 0])
    outputs = trainer.model(x.astype("float32"), training=True).numpy()
    assert loss == pytest.approx(-np.log(outputs[np.arange(8), y]).mean(), rel=1e-4)
    trainer.model.set_weights(kept)
    start = trainer.model.get_layer("stem_conv").kernel.numpy().copy()
    trainer._train_step(x, y)  # at the first one the rate was still zero
    assert np.abs(trainer.model.get_layer("stem_conv").kernel.numpy() - start).max() > 0
    assert [state.numpy().tolist() for state in trainer.random] == [[5000, 2]]  # the second step draws anew


def bare(model, **args):
    """A Trainer that has a model and one device, and nothing else."""
    trainer = object.__new__(train.Trainer)
    trainer.args, trainer.strategy, trainer.model = SimpleNamespace(size=None, **args), ONE, model
    return trainer


def test_a_test_counts_what_is_right_in_inference():
    calls = []

    def model(images, training):
        calls.append((images.dtype, training))
        return tf.one_hot([1, 2, 3, 3], 5) + tf.reduce_sum(images) * 0

    right = bare(model)._test_step(np.zeros((4, 2, 2, 3), "uint8"), np.array([1, 2, 0, -1]))
    assert int(right) == 2 and calls == [(tf.float32, False)]


def test_images_are_resized_only_if_asked():
    images = np.arange(4 * 4 * 3, dtype="uint8").reshape(1, 4, 4, 3)
    same = bare(None)._prepared(images)
    assert same.dtype == tf.float32 and np.array_equal(same, images)
    trainer = bare(SimpleNamespace(input_shape=(None, 2, 6, 3)))
    trainer.args.size = 2
    assert trainer._prepared(images).shape == (1, 2, 6, 3)


def test_training_goes_to_a_step_or_until_it_is_stopped():
    trainer = bare(None)
    trainer.step, trainer.steps, trainer.losses, stopped, asked = 12, 10, [], [], []
    trainer._batches = lambda epoch, done: asked.append((epoch, done)) or iter([("x", "y")] * 8)
    trainer.train_step = lambda images, labels: tf.constant(0.5)
    trainer.train_to(15, stopped)
    assert (trainer.step, trainer.losses, asked) == (15, [0.5] * 3, [(1, 2)])
    stopped.append("a signal")
    trainer.train_to(20, stopped)
    assert trainer.step == 16 and [type(loss) for loss in trainer.losses] == [float] * 4


def test_a_step_that_ends_an_epoch_is_tested(tmp_path):
    trainer, ends = bare(None, out=tmp_path, every=4), []
    trainer.step, trainer.steps, trainer.losses, trainer.top1 = 0, 6, [], []

    def train_to(end, stopped):
        ends.append(end)
        trainer.losses += [1.0] * (end - trainer.step)
        trainer.step = end

    trainer.train_to, trainer.test = train_to, lambda: 12.5
    for _ in range(4):
        train.advance(trainer, [])
    assert ends == [4, 6, 10, 12] and trainer.top1 == [12.5, 12.5]


def test_of_errors_of_several_machines_only_a_lost_one_is_said_to_be_lost(tmp_path):
    trainer = bare(None, out=tmp_path, every=4)
    trainer.step, trainer.steps, trainer.losses = 3, 6, []

    def fail(error):
        def train_to(end, stopped):
            raise error

        trainer.train_to = train_to
        train.advance(trainer, [])

    lost = tf.errors.UnavailableError(None, None, "Connection reset by peer\nand more")
    with pytest.raises(tf.errors.UnavailableError):  # on one machine nobody can be lost
        fail(lost)
    trainer.strategy = SimpleNamespace(cluster_resolver="there are others")
    with pytest.raises(tf.errors.ResourceExhaustedError):
        fail(tf.errors.ResourceExhaustedError(None, None, "no memory"))
    with pytest.raises(train.Stop, match=r"lost another process after step 3 \(Connection reset by peer\)") as stop:
        fail(lost)
    assert stop.value.status == 3 and "is whole: the same command goes on" in str(stop.value)


def test_a_state_comes_back(tmp_path):
    trainer = train.Trainer(parse("--depth 0.5 --batch 8"), ONE)
    trainer.step, trainer.losses, trainer.top1 = 4, [1.0, 0.5], [30.0]
    kept = [variable.numpy().copy() for variable in trainer.variables()]
    trainer.save(tmp_path / "checkpoint.npz")
    for variable in trainer.model.trainable_variables:
        variable.assign(variable + 1)
    trainer.step, trainer.losses, trainer.top1 = 0, [], []
    about, state = train.read_checkpoint(tmp_path / "checkpoint.npz")
    trainer.restore(about, state)
    assert (trainer.step, trainer.losses, trainer.top1) == (4, [1.0, 0.5], [30.0])
    assert about["settings"] == json.loads(json.dumps(train.settings_of(trainer.args)))
    for before, after in zip(kept, trainer.variables(), strict=True):
        np.testing.assert_array_equal(before, after.numpy())


@pytest.mark.parametrize("more", [["--workers", "", "--index", "0"], ["--out", ""], ["--seed", str(2**32)]])
def test_an_empty_variable_of_the_shell_is_refused(more):
    with pytest.raises(train.Stop, match=more[0]):
        train.parse(["cifar10", "--out", "x", *more])
