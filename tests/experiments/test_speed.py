"""The benchmark of everything that is waited for: how a pair becomes a row, and what each side of a pair does."""

import ast
import json
from pathlib import Path
from time import sleep

import keras
import numpy as np
import pytest

from architecture import EfficientNet, Scale
from experiments import speed

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the script needs TensorFlow")


def test_a_ratio_is_the_peers_time_by_ours():
    found = speed.row("work", 2, lambda: sleep(0.06), lambda: sleep(0.02), 3)
    assert 1.2 < found["ratio_low"] <= found["ratio_median"] <= found["ratio_high"]
    assert found["ms_peer"] >= 60 and found["ms_ours"] >= 20 and (found["rounds"], found["wanted"]) == (3, 2)


def test_the_counting_is_of_the_whole_family():
    assert speed.counting(2)["ms_ours"] < 100


def test_networks_have_statistics_as_if_trained():
    norm = speed.as_if_trained(EfficientNet(Scale(0.1, 0.1, 32))).get_layer("stem_bn")
    assert all(np.std(keras.ops.convert_to_numpy(weight)) > 0 for weight in norm.weights)


def test_the_peer_answers_each_call_from_a_process_of_its_own(monkeypatch, tmp_path):
    script = tmp_path / "peer.py"
    script.write_text("import sys\nprint(sys.argv, flush=True)\nfor line in list(range(2)): print(input(), flush=True)")
    monkeypatch.setattr(speed.plain_keras, "__file__", str(script))
    with speed.plain("answer", 16) as call:
        call()
        call()
        for _ in range(2):  # it may be on its way out, and is gone the second time
            with pytest.raises(RuntimeError, match="plain.py .*answer.* stopped"):
                call()
            sleep(0.5)


def test_the_peer_imports_nothing_of_the_series():
    tree = ast.parse(Path(speed.plain_keras.__file__).read_text(encoding="utf-8"))
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert modules == {"sys", "keras", "numpy", "tensorflow"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


@pytest.mark.slow
@pytest.mark.parametrize("work", [("answer", 1), ("training", 32, 2)])
def test_the_peer_does_its_work(work):
    with speed.plain(*work) as call:
        call()
        call()


@pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")  # of what `eager` does
@pytest.mark.parametrize("build", [speed.head, speed.last_blocks])
def test_training_on_what_is_computed_once_is_timed(build, monkeypatch, capsys, eager):
    monkeypatch.setattr(speed, "SIZE", 32)
    monkeypatch.setattr(speed, "EPOCHS", 2)
    found = build(32, 1)
    assert found["ratio_median"] > 0 and found["ms_ours"] > 0


def test_devices_are_compared_with_a_single_one(monkeypatch):
    speeds = {"--devices 1": 200.0, "--devices 2": 150.0, "--devices 4": 100.0}
    commands = []

    class Process:
        def __init__(self, command, **_):
            commands.append(command)
            result = dict(images_per_second=speeds.get(" ".join(command[-2:]), 80.0))
            folder = Path(command[command.index("--out") + 1])
            (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")

        def wait(self):
            return 0

    monkeypatch.setattr(speed.subprocess, "Popen", Process)
    rows = speed.devices()
    assert [found["ratio_median"] for found in rows] == [1, 0.75, 0.5, 0.4]
    assert [found["ms_ours"] for found in rows] == [640, 853.3, 1280, 1600]
    one, two = commands[-2:]
    assert one[-4:-1] == two[-4:-1] and (one[-1], two[-1]) == ("0", "1")
