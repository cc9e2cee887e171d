"""The training script: two processes, one of them killed, and an interrupted run end as an unbroken one."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import atomic
import train
from recipe import epoch_order

SCRIPT = Path(train.__file__)
SETTINGS = "cifar10 --depth 0.5 --epochs 1 --batch 100 --rate 0.05 --every 2".split()
RANDOM = [*SETTINGS, *"--dropout 0.3 --drop 0.3 --shift 2 --epochs 2 --batch 400 --size 16".split()]
PATIENCE = 240  # seconds, on a machine that does other things as well


def start_two(*outs):
    """Two processes that train together, on ports that the system has just found free, in one folder or in two."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    workers = ",".join(f"127.0.0.1:{s.getsockname()[1]}" for s in sockets)
    for s in sockets:
        s.close()
    processes = []
    for i in range(2):
        more = ["--out", str(outs[i % len(outs)]), "--workers", workers, "--index", str(i)]
        command = [sys.executable, str(SCRIPT), *SETTINGS, *more]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return processes


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


@pytest.fixture(scope="module")
def running(folder):
    """Two processes, of which one is killed, side by side with the first run in this process."""
    processes = start_two(folder / "two")
    yield processes[0], Killer(processes[1], folder / "two", 4)
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def unbroken(folder):
    status, state = run(folder / "one")
    assert status == 0
    return state


@pytest.mark.slow
def test_a_lost_worker_stops_the_other_and_one_process_goes_on_to_the_same_end(folder, running, unbroken):
    out, (chief, killer) = folder / "two", running
    _, message = chief.communicate(timeout=PATIENCE)
    assert killer.time and time.monotonic() - killer.time < PATIENCE, message
    assert chief.returncode == 3 and "Traceback" not in message
    told = [line for line in message.splitlines() if line.startswith("train.py: ")]
    assert len(told) == 1 and "lost another process" in told[0] and "is whole" in told[0]

    broken = saved(out)
    assert 4 <= broken["step"] < 20 and not list(out.glob("*.part"))
    np.testing.assert_allclose(broken["losses"], unbroken["losses"][: broken["step"]], rtol=1e-3)

    status, whole = run(out)
    assert status == 0 and len(whole["losses"]) == 20
    np.testing.assert_allclose(whole["losses"], unbroken["losses"], rtol=1e-3)
    assert abs(whole["top1"][0] - unbroken["top1"][0]) < 0.5


@pytest.mark.slow
def test_two_processes_end_like_one(tmp_path, unbroken):
    for process in start_two(tmp_path):
        _, message = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, message
    both = saved(tmp_path)
    np.testing.assert_allclose(both["losses"], unbroken["losses"], rtol=1e-3)
    assert len(both["losses"]) == 20 and abs(both["top1"][0] - unbroken["top1"][0]) < 0.5


def test_interrupted_in_mid_epoch_a_run_ends_like_an_unbroken_one(folder, monkeypatch, capsys):
    out, draw = folder / "random", train.progress
    out.mkdir()
    (out / "checkpoint.npz.1.part").write_bytes(b"what a kill may leave behind")

    def interrupt(text, start, part):
        draw(text, start, part)
        if saved(out)["step"] >= 7:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(train, "progress", interrupt)
    status, state = run(out, RANDOM)
    assert status == 130 and 7 <= state["step"] < 10
    assert "the same command goes on" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.setattr(train, "progress", draw)

    assert run(out, RANDOM)[0] == 0
    status, whole = run(folder / "random unbroken", RANDOM)
    broken = saved(out)
    assert status == 0 and len(broken["losses"]) == 10 and len(broken["top1"]) == 2
    np.testing.assert_allclose(broken["losses"], whole["losses"], rtol=1e-3)
    assert np.abs(np.subtract(broken["top1"], whole["top1"])).max() < 0.5


def trainer_of(tmp_path, *more):
    return train.Trainer(train.parse([*SETTINGS, "--out", str(tmp_path), *more]), tf.distribute.get_strategy())


def offsets_of(trainer, epoch, step):
    """By how much each image of a batch was moved, found by looking for it in the padded original."""
    order, mirrored = epoch_order(trainer.args.seed, epoch, len(trainer.x), trainer.args.batch)
    images, labels = (part.numpy() for part in next(iter(trainer._batches(epoch, step))))
    assert labels.tolist() == trainer.y[order[step]].tolist()
    found = []
    for image, place, flip in zip(images, order[step], mirrored[step]):
        upright = trainer.x[place][:, ::-1] if flip else trainer.x[place]
        around = np.pad(upright, ((3, 3), (3, 3), (0, 0)))
        windows = [(i, j) for i in range(7) for j in range(7) if (around[i : i + 32, j : j + 32] == image).all()]
        assert windows
        found.append(windows[0])
    return found


def test_batches_are_the_images_of_the_order_mirrored_and_shifted(tmp_path):
    trainer = trainer_of(tmp_path, "--shift", "3", "--seed", "5")
    found = offsets_of(trainer, 1, 2)
    assert len(set(found)) > 30
    assert found == offsets_of(trainer, 1, 2) != offsets_of(trainer, 0, 2)  # drawn from seed and epoch
    assert found != offsets_of(trainer, 1, 3)
    assert len(list(trainer._batches(1, 2))) == 18
    assert set(offsets_of(trainer_of(tmp_path), 0, 0)) == {(3, 3)}


def test_each_test_image_counts_once(tmp_path):
    trainer, seen = trainer_of(tmp_path, "--batch", "300"), []

    def step(images, labels):
        seen.append(labels.numpy())
        return len(labels) - (labels.numpy() < 0).sum()

    trainer.test_step = step
    assert trainer.test() == 100
    seen = np.concatenate(seen)
    assert len(seen) == 1200 and seen[:1000].tolist() == trainer.y_test.tolist() and set(seen[1000:]) == {-1}


def test_only_kernels_decay(tmp_path):
    optimizer = trainer_of(tmp_path, "--decay", "0.001").optimizer
    assert optimizer.weight_decay == 0.001
    for variable in optimizer._trainable_variables:
        assert optimizer._use_weight_decay(variable) == variable.path.endswith("kernel")
    assert trainer_of(tmp_path).optimizer.weight_decay is None


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    trainer = SimpleNamespace(args=SimpleNamespace(out=tmp_path, every=2), step=0, steps=5, losses=[])

    def train_to(end, stopped):
        trainer.losses, trainer.step = [2.0, float("nan")], end

    trainer.train_to = train_to
    with pytest.raises(train.Stop, match="no number after step 0; try a lower --rate") as stop:
        train.advance(trainer, [])
    assert stop.value.status == 1


def test_dropout_draws_anew_in_each_step_and_layer(tmp_path):
    trainer = trainer_of(tmp_path, *"--dropout 0.3 --drop 0.3 --depth 1".split())
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
        *("checkpoint.npz", "curve.csv", "result.json", "final.weights.h5", "run.lock")
    }
    plain = train.EfficientNet(train.scale_of(train.parse([*SETTINGS, "--out", str(out)]), 32), classes=10)
    plain.load_weights(out / "final.weights.h5")  # trained fused, kept as Keras's own layers
    with np.load(out / "checkpoint.npz") as state:
        kernel = plain.get_layer("predictions").kernel.numpy()
        assert any(np.array_equal(kernel, state[name]) for name in state.files if name != "about")


def test_a_changed_setting_is_refused_in_one_line(folder, unbroken, capsys):
    assert train.main([*SETTINGS, "--out", str(folder / "one"), "--batch", "50"]) == 2
    line = capsys.readouterr().err
    assert "--batch is 50" in line and "begun with 100" in line and line.count("\n") == 1


def test_a_run_killed_while_it_writes_its_weights_is_not_finished(tmp_path, monkeypatch):
    def killed(path):
        raise KeyboardInterrupt

    trainer = trainer_of(tmp_path)
    trainer.top1 = [50.0]
    monkeypatch.setattr(trainer.plain, "save_weights", killed)
    with pytest.raises(KeyboardInterrupt):
        train.finish(trainer, tmp_path, 1.0)
    assert not (tmp_path / "result.json").exists()  # else the same command would take it for finished


def test_a_finished_run_stays_as_it_is(folder, unbroken, capsys):
    before = (folder / "one" / "result.json").read_bytes()
    assert train.main([*SETTINGS, "--out", str(folder / "one")]) == 0
    assert "is finished" in capsys.readouterr().out
    assert (folder / "one" / "result.json").read_bytes() == before


@pytest.mark.slow
def test_machines_that_disagree_stop_at_once(tmp_path, folder, unbroken):
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    (shared / "checkpoint.npz").write_bytes((folder / "one" / "checkpoint.npz").read_bytes())
    for process in start_two(shared, own):
        _, message = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2 and "checkpoints of steps 0, 20" in message and "Traceback" not in message
    assert not own.exists()


def refused(capsys, *arguments):
    """The one line with which a run ends that cannot begin."""
    assert train.main([*SETTINGS, *arguments]) == 2
    line = capsys.readouterr().err
    assert line.startswith("train.py: ") and line.count("\n") == 1
    return line


def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, folder, unbroken, capsys):
    whole = (folder / "one" / "checkpoint.npz").read_bytes()
    (tmp_path / "checkpoint.npz").write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in refused(capsys, "--out", str(tmp_path))


@pytest.mark.parametrize("about", ["[]", "{}", '{"step": 4}', "no JSON"])
def test_a_checkpoint_that_does_not_say_what_it_is_is_refused_in_one_line(about, tmp_path, capsys):
    np.savez(tmp_path / "checkpoint.npz", about=about, **{"0": np.zeros(3)})
    assert f"{tmp_path / 'checkpoint.npz'} cannot be read" in refused(capsys, "--out", str(tmp_path))


@pytest.mark.parametrize("change", ["fewer", "other shape"])
def test_a_checkpoint_of_another_network_is_refused_in_one_line(change, tmp_path, capsys):
    trainer = trainer_of(tmp_path)
    trainer.save(tmp_path / "checkpoint.npz")
    about, state = train.read_checkpoint(tmp_path / "checkpoint.npz")
    state = state[:-1] if change == "fewer" else [np.zeros(3), *state[1:]]
    arrays = {str(i): value for i, value in enumerate(state)}
    np.savez(tmp_path / "checkpoint.npz", about=json.dumps(about), **arrays)
    assert "is of another network" in refused(capsys, "--out", str(tmp_path))


def test_a_checkpoint_from_before_there_was_shift_and_decay_goes_on(tmp_path):
    args = train.parse([*SETTINGS, "--out", str(tmp_path)])
    before = {name: value for name, value in train.settings_of(args).items() if name not in ("shift", "decay")}
    train.refuse_changes(before, args)
    with pytest.raises(train.Stop, match="--shift is 2"):
        train.refuse_changes(before, train.parse([*SETTINGS, "--out", str(tmp_path), "--shift", "2"]))


def test_of_two_runs_in_one_folder_the_second_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "begin", lambda args: trainer_of(tmp_path))
    with atomic.locked(tmp_path / "run"):
        assert "another process works on" in refused(capsys, "--out", str(tmp_path))
    assert not (tmp_path / "checkpoint.npz").exists()


def test_a_folder_that_is_a_file_is_named_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert f"--out is {tmp_path / 'file'}" in refused(capsys, "--out", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("mnist --out x", "invalid choice: 'mnist'"),
        ("cifar10", "--out"),
        ("cifar10 --out x --variant b9", "'b9'"),
        ("cifar10 --out x --batch 0", "--batch is 0"),
        ("cifar10 --out x --batch 9999", "2000 training images"),
        ("cifar10 --out x --epochs two", "invalid int value: 'two'"),
        ("cifar10 --out x --rate -1", "--rate is -1.0; allowed: a number above 0"),
        ("cifar10 --out x --decay -1", "--decay is -1.0"),
        ("cifar10 --out x --shift -1", "--shift is -1"),
        ("cifar10 --out x --seed -1", "--seed is -1"),
        ("cifar10 --out x --epochs 1 --warmup 1", "less than --epochs"),
        ("cifar10 --out x --drop 2", "--drop is 2.0; allowed: from 0 to less than 1"),
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
def test_wrong_arguments_give_one_line(arguments, words, tmp_path, capsys):
    tf.constant(0)  # from here on the number of devices is fixed
    assert train.main(arguments.replace("--out x", f"--out {tmp_path / 'x'}").split()) == 2
    out, err = capsys.readouterr()
    assert words in err and err.count("\n") == 1 and err.startswith("train.py: ") and not out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [("evaluator", (), "for a 'evaluator'"), ("worker", ("--devices", "2"), "--devices is 2"), ("", (), "for a ''")],
)
def test_a_tf_config_that_cannot_be_used_gives_one_line(kind, more, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", json.dumps(dict(cluster=dict(worker=["a:1"]), task=dict(type=kind, index=0))))
    line = refused(capsys, "--out", str(tmp_path / "x"), *more)
    assert words in line and "TF_CONFIG is set" in line


def test_the_learning_rate_scales_with_the_batch_and_warms_up():
    schedule = train.schedule_of(0.1, batch=1024, epochs=10, warmup=2, steps_per_epoch=50)
    rates = [float(schedule(step)) for step in (0, 50, 100, 300, 500)]
    np.testing.assert_allclose(rates, [0, 0.2, 0.4, 0.2, 0], atol=1e-6)
