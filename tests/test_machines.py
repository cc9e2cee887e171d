"""What the processes of a run agree on, without starting any: places, meeting, shares, who writes."""

import json
import os
import signal
import socket
import struct
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import machines


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def at_the_door(address):
    """A connection to an address, as soon as somebody listens there."""
    host, port = address.split(":")
    while True:
        try:
            return socket.create_connection((host, int(port)))
        except OSError:
            time.sleep(0.05)


def config(kind, index, **cluster):
    return json.dumps(dict(cluster=cluster, task=dict(type=kind, index=index)))


def test_places_count_the_chief_first():
    cluster = dict(chief=["a:1"], worker=["b:1", "c:1"])
    assert machines.places(config("chief", 0, **cluster)) == (["a:1", "b:1", "c:1"], 0)
    assert machines.places(config("worker", 1, **cluster)) == (["a:1", "b:1", "c:1"], 2)
    assert machines.places(config("worker", 1, worker=["a:1", "b:1"])) == (["a:1", "b:1"], 1)


@pytest.mark.parametrize("text", ["", "x", "[]", '{"task": null}', '{"cluster": [], "task": {"type": "worker"}}'])
def test_a_tf_config_that_says_nothing_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match="allowed: a JSON object") as error:
        machines.places(text)
    assert "TF_CONFIG is" in str(error.value) and "\n" not in str(error.value)


def test_a_task_that_trains_nothing_is_refused():
    with pytest.raises(ValueError, match="TF_CONFIG is set, for a 'evaluator'; allowed: a chief or a worker"):
        machines.places(config("evaluator", 0, worker=["a:1"]))


class Devices:
    """Stands in for TensorFlow: devices that are not there, and strategies that only say what they were given."""

    def __init__(self, gpus=0, logical=None):
        self.gpus, self.logical, self.asked = gpus, logical, []
        self.config, self.distribute = self, self
        self.train = SimpleNamespace(ClusterSpec=lambda cluster: cluster)
        self.cluster_resolver = SimpleNamespace(SimpleClusterResolver=lambda *cluster, rpc_layer: cluster)

    def list_physical_devices(self, kind):
        return [f"{kind}:{i}" for i in range(self.gpus if kind == "GPU" else 2)]

    def list_logical_devices(self, kind):
        return [kind] * self.logical

    def LogicalDeviceConfiguration(self):
        return "logical"

    def set_logical_device_configuration(self, device, parts):
        self.asked.append((device, parts))
        if self.logical is not None:
            raise RuntimeError("TensorFlow runs already")

    def get_strategy(self):
        return "one device"

    def MirroredStrategy(self, devices):
        return devices

    def MultiWorkerMirroredStrategy(self, resolver):
        return "several machines", resolver


def strategy(monkeypatch, devices=None, workers=None, index=None, **there):
    fake = Devices(**there)
    monkeypatch.setattr(machines, "tf", fake)
    return machines.strategy_of(SimpleNamespace(devices=devices, workers=workers, index=index)), fake.asked


@pytest.mark.parametrize(
    ("devices", "gpus", "expected"),
    [
        (None, 0, "one device"),
        (None, 1, "one device"),
        (None, 2, ["GPU:0", "GPU:1"]),
        (1, 2, "one device"),
        (2, 3, ["GPU:0", "GPU:1"]),
        (2, 2, ["GPU:0", "GPU:1"]),
    ],
)
def test_a_run_takes_the_devices_that_are_there(monkeypatch, devices, gpus, expected):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert strategy(monkeypatch, devices, gpus=gpus) == (expected, [])


def test_devices_beyond_those_that_are_there_are_parts_of_the_processor(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    expected = (["CPU:0", "CPU:1", "CPU:2"], [("CPU:0", ["logical"] * 3)])
    assert strategy(monkeypatch, 3, gpus=2) == strategy(monkeypatch, 3, logical=3) == expected
    with pytest.raises(ValueError, match="--devices is 3, but this process began with fewer; start another"):
        strategy(monkeypatch, 3, logical=2)


def test_machines_meet_before_the_engine_starts(monkeypatch, capsys):
    met = []
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(machines, "meet", lambda *args: met.append(args))
    cluster = ({"worker": ["a:1", "b:2"]}, "", "worker", 1)
    assert strategy(monkeypatch, workers="a:1,b:2", index=1)[0] == ("several machines", cluster)
    assert met == [(["a:1", "b:2"], 1)] and "waits until all are there" in capsys.readouterr().out
    assert "TF_CONFIG" not in os.environ, "the next run in this process is alone again"
    task = dict(cluster=dict(worker=["c:1", "d:2"]), task=dict(type="worker", index=0))
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))
    assert strategy(monkeypatch)[0] == ("several machines", None) and met[1] == (["c:1", "d:2"], 0)
    with pytest.raises(ValueError, match="--devices is 2, but TF_CONFIG is set"):
        strategy(monkeypatch, devices=2)


def test_a_run_of_one_meets_nobody_whatever_its_address():
    _, port = free_address().split(":")
    assert machines.meet([f"::1:{port}"], 0) is None


def test_one_that_knocks_again_counts_once():
    address, left = free_address(), []
    first = threading.Thread(target=lambda: left.append(machines.meet([address, "b:1", "c:1"], 0)), daemon=True)
    first.start()
    guests = []
    for place in (b"1", b"1", b"2"):
        guests.append(at_the_door(address))
        assert not left
        guests[-1].sendall(place)
        first.join(0.3)
    first.join(20)
    assert left == [None]
    assert [guest.recv(4) for guest in guests[1:]] == [b"come", b"come"]
    for guest in guests:
        guest.close()


def test_a_stranger_who_says_nothing_is_no_machine():
    address, left = free_address(), []
    first = threading.Thread(target=lambda: left.append(machines.meet([address, "b:1"], 0)), daemon=True)
    first.start()
    for words in (b"", b"GET / HT", b"7", b"1"):
        guest = at_the_door(address)
        assert not left
        guest.sendall(words)
        if words == b"1":
            assert guest.recv(4) == b"come"
        guest.close()
        first.join(0.5)
    assert left == [None]


def test_a_stranger_who_hangs_up_or_holds_the_line_keeps_nobody_out(monkeypatch):
    monkeypatch.setattr(machines, "PATIENCE", 0.2)
    address, left = free_address(), []
    first = threading.Thread(target=lambda: left.append(machines.meet([address, "b:1"], 0)), daemon=True)
    first.start()
    hasty = at_the_door(address)
    hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close resets the connection
    hasty.close()
    with at_the_door(address), at_the_door(address) as guest:  # the first of them says nothing
        guest.sendall(b"1")
        guest.settimeout(10)
        assert guest.recv(4) == b"come"
    first.join(5)
    assert left == [None]


@pytest.mark.parametrize(
    ("workers", "place", "words"),
    [
        (["a", "b"], 0, "the address of a machine is 'a'; allowed: host:port"),
        (["a:x", "b:1"], 0, "the address of a machine is 'a:x'; allowed: host:port"),
        (["a:99999"], 0, "the address of a machine is 'a:99999'; allowed: host:port"),
        (["a:1"], 3, "the place of this machine is 3; allowed: 0 to 0"),
    ],
)
def test_addresses_and_places_that_cannot_be_are_refused_before_anybody_waits(workers, place, words, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config("worker", place, worker=workers))
    with pytest.raises(ValueError, match=words):
        machines.strategy_of(SimpleNamespace(devices=None, workers=None, index=None))


def test_nobody_leaves_the_meeting_before_all_are_there():
    addresses, left = [free_address(), "127.0.0.1:1", "127.0.0.1:2"], []

    def go(place):
        machines.meet(addresses, place)
        left.append(place)

    threads = [threading.Thread(target=go, args=(place,), daemon=True) for place in (1, 0, 2)]
    for thread in threads[:2]:
        thread.start()
    threads[0].join(0.6)
    assert not left
    threads[2].start()
    for thread in threads:
        thread.join(20)
    assert sorted(left) == [0, 1, 2]


@pytest.mark.parametrize("place", [0, 1])
def test_one_that_waits_can_be_stopped(place):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's `pytest &` has made to be ignored
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        machines.meet([free_address(), free_address()], place)
    timer.join()


def test_each_image_goes_to_one_process():
    order = np.arange(48).reshape(6, 8)
    parts = [machines.share(order, i, 4) for i in range(4)]
    assert all(part.shape == (6, 2) for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), order)


def test_everybody_learns_what_each_process_holds():
    assert machines.everywhere(tf.distribute.get_strategy(), 2**32 - 1).tolist() == [2**32 - 1]


def test_processes_that_agree_go_on(monkeypatch):
    monkeypatch.setattr(machines, "everywhere", lambda strategy, number: np.array([number, number]))
    machines.refuse_differences(None, dict(seed=0), 7)


def test_settings_are_compared_by_what_they_say(monkeypatch):
    asked = []
    monkeypatch.setattr(machines, "everywhere", lambda strategy, number: asked.append(number) or np.array([number] * 2))
    for seed in (0, 1, 0):
        machines.refuse_differences(None, dict(seed=seed), 7)
    assert asked[0] == asked[4] != asked[2] and asked[1::2] == [7, 7, 7]


@pytest.mark.parametrize(
    "settings, step, words", [([1, 2], [5, 5], "different settings"), ([1, 1], [0, 20], "steps 0, 20")]
)
def test_processes_that_disagree_are_refused(settings, step, words, monkeypatch):
    answers = iter([settings, step])
    monkeypatch.setattr(machines, "everywhere", lambda strategy, number: np.array(next(answers)))
    with pytest.raises(ValueError, match=words):
        machines.refuse_differences(None, dict(seed=0), 0)
