"""The training script: real processes over loopback, killed and continued, train as one unbroken process does."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import train

SCRIPT = Path(train.__file__)
SETTINGS = "cifar10 --depth 0.5 --epochs 1 --batch 100 --rate 0.05 --every 2".split()
RANDOM = [*SETTINGS, "--dropout", "0.3", "--drop", "0.3", "--epochs", "2", "--batch", "200"]
PATIENCE = 240  # seconds, on a machine that does other things as well


def start(out, *more, settings=SETTINGS):
    command = [sys.executable, str(SCRIPT), *settings, "--out", str(out), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start_two(*arguments):
    """Two processes that train together, on ports that the system has just found free. For both, or each: out, ..."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    workers = ",".join(f"127.0.0.1:{s.getsockname()[1]}" for s in sockets)
    for s in sockets:
        s.close()
    return [start(*arguments[i % len(arguments)], "--workers", workers, "--index", str(i)) for i in range(2)]


def saved(out):
    path = out / "checkpoint.npz"
    return train.read_checkpoint(path)[0] if path.exists() else dict(step=0)


class Killer(threading.Thread):
    """Kills a process, as `kill -9` does, once the checkpoint of its run has reached a step."""

    def __init__(self, process, out, step):
        super().__init__(daemon=True)
        self.process, self.out, self.step, self.time = process, out, step, None
        self.start()

    def run(self):
        while self.process.poll() is None:
            if saved(self.out)["step"] >= self.step:
                self.process.kill()
                self.time = time.monotonic()
                return
            time.sleep(0.01)


def run(out, settings=SETTINGS):
    status = train.main([*settings, "--out", str(out)])
    return status, saved(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module", autouse=True)
def running(folder):
    """The processes that later tests kill start now, side by side with the first run in this process."""
    processes = [*start_two([folder / "two"]), start(folder / "random", settings=RANDOM)]
    two, random = Killer(processes[1], folder / "two", 4), Killer(processes[2], folder / "random", 4)
    yield processes[0], two, random
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def unbroken(folder, running):
    status, state = run(folder / "one")
    assert status == 0
    return state


def test_a_lost_worker_stops_the_other_and_the_run_goes_on_to_the_same_end(folder, running, unbroken):
    out, (chief, killer, _) = folder / "two", running
    _, message = chief.communicate(timeout=PATIENCE)
    assert killer.time and time.monotonic() - killer.time < PATIENCE, message
    assert chief.returncode == 3 and "Traceback" not in message
    told = [line for line in message.splitlines() if line.startswith("train.py: ")]
    assert len(told) == 1 and "lost another process" in told[0] and "is whole" in told[0]

    broken = saved(out)
    assert 4 <= broken["step"] < 20 and not list(out.glob("*.part"))
    np.testing.assert_allclose(broken["losses"], unbroken["losses"][: broken["step"]], rtol=1e-3)

    for process in start_two([out]):
        _, message = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, message
    both = saved(out)
    np.testing.assert_allclose(both["losses"], unbroken["losses"], rtol=1e-3)
    assert len(both["losses"]) == 20 and abs(both["top1"][0] - unbroken["top1"][0]) < 0.5


def test_killed_and_interrupted_in_mid_epoch_a_run_ends_like_an_unbroken_one(folder, running, monkeypatch, capsys):
    out, killer = folder / "random", running[2]
    killer.join(PATIENCE)
    assert killer.time and killer.process.wait() != 0
    assert 4 <= saved(out)["step"] < 20
    (out / "checkpoint.npz.1.part").write_bytes(b"what a kill may leave behind")

    draw = train.progress

    def interrupt(text, start, part):
        draw(text, start, part)
        if saved(out)["step"] >= 12:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(train, "progress", interrupt)
    status, state = run(out, RANDOM)
    assert status == 130 and 12 <= state["step"] < 20
    assert "the same command goes on" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.setattr(train, "progress", draw)

    assert run(out, RANDOM)[0] == 0
    status, whole = run(folder / "random unbroken", RANDOM)
    broken = saved(out)
    assert status == 0 and len(broken["losses"]) == 20 and len(broken["top1"]) == 2
    np.testing.assert_allclose(broken["losses"], whole["losses"], rtol=1e-3)
    assert np.abs(np.subtract(broken["top1"], whole["top1"])).max() < 0.5


def test_dropout_draws_anew_in_each_step_and_layer(tmp_path):
    trainer = train.Trainer(
        train.parse([*RANDOM, "--depth", "1", "--out", str(tmp_path)]), tf.distribute.get_strategy()
    )
    drawn = []
    for _ in range(2):
        trainer._train_step(trainer.x[:8], trainer.y[:8])  # without a graph, so without the time to build one
        drawn += [tuple(state.numpy()) for state in trainer.random]
    assert len(trainer.random) == 3 and len(set(drawn)) == 6  # two blocks with a skip, and the classifier


def test_what_a_run_leaves_behind(folder, unbroken):
    out = folder / "one"
    curve = np.genfromtxt(out / "curve.csv", delimiter=",", names=True)
    np.testing.assert_allclose(curve["loss"], unbroken["losses"], atol=1e-6)
    assert curve["rate"][0] == 0 and np.isclose(curve["rate"].max(), 0.05 * 100 / 256)
    assert {path.name for path in out.iterdir()} == {
        *("checkpoint.npz", "curve.csv", "result.json", "final.weights.h5", "logs")
    }
    (log,) = (out / "logs").iterdir()
    events = [value for event in tf.compat.v1.train.summary_iterator(str(log)) for value in event.summary.value]
    losses = [float(tf.make_ndarray(value.tensor)) for value in events if value.tag == "loss"]
    np.testing.assert_allclose(losses, unbroken["losses"], rtol=1e-5)
    assert {value.tag for value in events} == {"loss", "learning rate", "test top-1 (%)"}


def test_a_changed_setting_is_refused_in_one_line(folder, unbroken, capsys):
    assert train.main([*SETTINGS, "--out", str(folder / "one"), "--batch", "50"]) == 2
    line = capsys.readouterr().err
    assert "--batch is 50" in line and "begun with 100" in line and line.count("\n") == 1


def test_a_run_killed_while_it_writes_its_weights_is_not_finished(tmp_path):
    class Model:
        def save_weights(self, path):
            raise KeyboardInterrupt

    trainer = train.Trainer(train.parse([*RANDOM, "--out", str(tmp_path)]), tf.distribute.get_strategy())
    trainer.top1, trainer.model = [50.0], Model()
    with pytest.raises(KeyboardInterrupt):
        train.finish(trainer, tmp_path, 1.0)
    assert not (tmp_path / "result.json").exists()  # else the same command would take it for finished


def test_a_finished_run_stays_as_it_is(folder, unbroken, capsys):
    before = (folder / "one" / "result.json").read_bytes()
    assert train.main([*SETTINGS, "--out", str(folder / "one")]) == 0
    assert "is finished" in capsys.readouterr().out
    assert (folder / "one" / "result.json").read_bytes() == before


def test_machines_that_disagree_stop_at_once(tmp_path, folder, unbroken):
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    (shared / "checkpoint.npz").write_bytes((folder / "one" / "checkpoint.npz").read_bytes())
    for first, second, words in (
        ([shared], [own], "checkpoints of steps 0, 20"),
        ([own], [own, "--seed", "1"], "different settings"),
    ):
        for process in start_two(first, second):
            _, message = process.communicate(timeout=PATIENCE)
            assert process.returncode == 2 and words in message and "Traceback" not in message
    assert not own.exists()


@pytest.mark.parametrize(
    ("jobs", "task", "chief"),
    [
        (["worker"], ("worker", 0), True),
        (["worker"], ("worker", 1), False),
        (["chief", "worker"], ("chief", 0), True),
        (["chief", "worker"], ("worker", 0), False),
    ],
)
def test_one_process_writes(jobs, task, chief):
    cluster = tf.train.ClusterSpec({job: ["a:1", "b:1"][: 1 if job == "chief" else 2] for job in jobs})
    assert train.is_chief(tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, "", *task)) == chief
    assert train.is_chief(None)


def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, folder, unbroken, capsys):
    whole = (folder / "one" / "checkpoint.npz").read_bytes()
    (tmp_path / "checkpoint.npz").write_bytes(whole[: len(whole) // 2])
    assert train.main([*SETTINGS, "--out", str(tmp_path)]) == 2
    line = capsys.readouterr().err
    assert "cannot be read" in line and line.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("mnist --out x", "invalid choice: 'mnist'"),
        ("cifar10", "--out"),
        ("cifar10 --out x --variant b9", "'b9'"),
        ("cifar10 --out x --batch 0", "--batch is 0"),
        ("cifar10 --out x --batch 9999", "2000 training images"),
        ("cifar10 --out x --epochs two", "invalid int value: 'two'"),
        ("cifar10 --out x --rate -1", "--rate above 0"),
        ("cifar10 --out x --epochs 1 --warmup 1", "less than --epochs"),
        ("cifar10 --out x --drop 2", "--drop is 2; allowed: from 0 to less than 1"),
        ("cifar10 --out x --norm-momentum nan", "--norm-momentum is nan; allowed: from 0"),
        ("cifar10 --out x --index 0", "go together"),
        ("cifar10 --out x --workers a:1 --index 0 --devices 2", "without --devices"),
        ("cifar10 --out x --workers a:1,b:1 --index 2", "allowed: 0 to 1"),
        ("cifar10 --out x --epochs 1 --warmup 0.99", "one of the 15 steps"),
        ("cifar10 --out x --width -1", "width"),
        ("cifar10 --out x --width 0", "width"),
        ("cifar10 --out x --devices 99", "began with fewer"),
    ],
)
def test_wrong_arguments_give_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tf.constant(0)  # from here on the number of devices is fixed
    assert train.main(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert words in err and err.count("\n") == 1 and err.startswith("train.py: ") and not out
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(("kind", "more"), [("evaluator", ()), ("worker", ("--devices", "2"))])
def test_a_tf_config_that_cannot_be_used_gives_one_line(kind, more, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", json.dumps(dict(cluster=dict(worker=["a:1"]), task=dict(type=kind, index=0))))
    assert train.main(["cifar10", "--out", str(tmp_path / "x"), *more]) == 2
    line = capsys.readouterr().err
    assert f"for a {kind}" in line and line.count("\n") == 1


def test_each_image_goes_to_one_process_and_the_order_follows_from_seed_and_epoch():
    order, mirrored = train.epoch_order(seed=1, epoch=2, images=50, batch=8)
    assert order.shape == mirrored.shape == (6, 8) and len(set(order.ravel())) == 48
    parts = [train.share(order, i, 4) for i in range(4)]
    assert all(part.shape == (6, 2) for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), order)
    np.testing.assert_array_equal(train.epoch_order(1, 2, 50, 8)[0], order)
    assert (train.epoch_order(1, 3, 50, 8)[0] != order).any() and (train.epoch_order(2, 2, 50, 8)[0] != order).any()


def test_the_learning_rate_scales_with_the_batch_and_warms_up():
    schedule = train.schedule_of(0.1, batch=1024, epochs=10, warmup=2, steps_per_epoch=50)
    rates = [float(schedule(step)) for step in (0, 50, 100, 300, 500)]
    np.testing.assert_allclose(rates, [0, 0.2, 0.4, 0.2, 0], atol=1e-6)
