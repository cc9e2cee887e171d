"""What the processes of a run agree on, without starting any: places, meeting, shares, who writes."""

import json
import os
import signal
import socket
import threading

import numpy as np
import pytest
import tensorflow as tf

import machines


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


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


@pytest.mark.parametrize(
    "settings, step, words", [([1, 2], [5, 5], "different settings"), ([1, 1], [0, 20], "steps 0, 20")]
)
def test_processes_that_disagree_are_refused(settings, step, words, monkeypatch):
    answers = iter([settings, step])
    monkeypatch.setattr(machines, "everywhere", lambda strategy, number: np.array(next(answers)))
    with pytest.raises(ValueError, match=words):
        machines.refuse_differences(None, dict(seed=0), 0)
