"""How cost grows: which points are measured, and that time and memory are those of the work."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from architecture import EfficientNet, Scale
from experiments import growth

pytestmark = [
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the script needs TensorFlow"),
    pytest.mark.skipif(growth.resource is None, reason="Windows does not tell a process's peak memory"),
]


@pytest.fixture
def tiny():
    """A network of 32 pixels, and two images for it."""
    return EfficientNet(Scale(0.1, 0.1, 32)), np.zeros((2, 32, 32, 3), "float32")


def test_each_point_is_measured_once_a_round():
    points = [tuple(key.values()) for key in growth.keys()]
    assert len(points) == len(set(points)) == growth.ROUNDS * 2 * (8 + 6)


def test_an_answer_is_that_of_the_model(tiny):
    model, images = tiny
    np.testing.assert_allclose(growth.answering(model, images)(), model(images, training=False), rtol=1e-5, atol=1e-7)


def test_a_step_of_training_changes_the_averages(tiny):
    model, images = tiny
    step = growth.training(model, images + 100)
    assert np.isfinite(step())
    fused = step.func.__self__
    assert not np.allclose(fused.get_layer("stem_bn").moving_variance, model.get_layer("stem_bn").moving_variance)


def test_memory_is_what_the_system_says():
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("only Linux tells the peak a second time")
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
    assert growth.peak_mb() == pytest.approx(int(peak) * 1024 / 1e6, abs=2)


def test_a_row_holds_costs_time_and_memory(monkeypatch):
    monkeypatch.setattr(growth, "CALLS", 2)
    found = growth.measure("answer", "b0", 1)
    assert (found["resolution"], found["params"], found["macs"]) == (224, 5_330_564, 385_814_752)
    assert 0 < found["ms_low"] <= found["ms_median"] <= found["ms_high"]
    assert 100 < found["start_mb"] <= found["peak_mb"]
