"""The clock: functions take turns, and each is called long enough."""

import time

import keras
import numpy as np
import pytest

from experiments import clock


def test_points_take_turns_and_a_span_is_filled():
    order = []
    calls = [lambda: order.append("a") or time.sleep(0.004), lambda: order.append("b") or time.sleep(0.02)]
    times = clock.take_turns(calls, rounds=3, span=0.015)
    turns = [name for i, name in enumerate(order) if i == 0 or order[i - 1] != name]
    assert turns == list("ababab")
    assert times.shape == (2, 3) and (times[0] > 0.004).all() and (times[1] > 0.02).all()
    assert np.median(times[0]) < np.median(times[1])


def test_the_summary_is_median_and_quartiles_in_milliseconds():
    assert clock.summary(np.array([1, 2, 3, 4, 5]) / 1000) == dict(ms_median=3, ms_low=2, ms_high=4, rounds=5)


def test_ratios_are_to_the_reference_of_the_same_round():
    found = clock.ratios(np.array([2, 6, 1.5]), np.array([1, 2, 1]), digits=2)
    assert found == dict(ratio_median=2, ratio_low=1.75, ratio_high=2.5)


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="jax; allowed: tensorflow"):
        clock.call_on_noise(lambda x: x, (1,))


def test_a_slow_call_is_not_repeated_and_a_fast_one_fills_its_span():
    calls = []
    assert 0.01 < clock.seconds_of(lambda: calls.append(time.sleep(0.01)), span=0) and len(calls) == 1
    clock.seconds_of(lambda: calls.append(time.sleep(0.001)), span=0.02)
    assert len(calls) > 3


def test_speeds_are_work_by_the_median_second():
    assert clock.speeds([[1, 2, 9], [0.5]], [4e9, 1e9]) == dict(peak_gmacs_s=2.0, copy_gb_s=2.0)


def test_a_short_call_is_not_timed_with_the_caches_of_the_others():
    last = []

    def call(name):
        time.sleep(0.03 if last[-1:] != [name] else 0.001)
        last.append(name)

    times = clock.take_turns([lambda: call("a"), lambda: call("b")], rounds=3, span=0.01)
    assert times.max() < 0.015
