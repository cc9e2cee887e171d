"""What claims to run on every Keras backend runs on JAX: the network, folding it, and its .keras file."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src"
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import export
from architecture import EfficientNet, Scale, plan

scale = Scale(0.25, 0.5, 32)
model, x = EfficientNet(scale, 3), np.full((2, 32, 32, 3), 99, "float32")
answers = np.asarray(model(x))
assert model.count_params() == plan(scale, 3).params and np.allclose(answers.sum(-1), 1)
np.testing.assert_allclose(export.fold(model)(x), answers, atol=1e-5)
export.save(model, sys.argv[2] + "/a.keras")
np.testing.assert_allclose(export.load(sys.argv[2] + "/a.keras")(x), answers, atol=1e-5)
for refused in (lambda: export.save(model, sys.argv[2] + "/a.onnx"), lambda: export.fuse(model)):
    try:
        refused()
    except (RuntimeError, ImportError) as error:
        print(error)
"""


@pytest.mark.slow  # JAX compiles each operation on its own
@pytest.mark.skipif(find_spec("jax") is None, reason="needs jax")
def test_jax(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(SRC), str(tmp_path)]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 2 * "the Keras backend is jax; allowed: tensorflow (KERAS_BACKEND).\n"
