"""Packing what train.py made: every variable, by name, nearly as it was."""

import keras
import numpy as np
import pytest

import pack_small
from architecture import EfficientNet
from mini import SMALL


def test_every_variable_is_packed_and_nearly_as_it_was(tmp_path):
    keras.utils.set_random_seed(1)
    model = EfficientNet(SMALL, classes=10)
    model.save_weights(tmp_path / "final.weights.h5")
    pack_small.pack(tmp_path, tmp_path / "packed.npz")
    with np.load(tmp_path / "packed.npz") as file:
        arrays = dict(file)
    names = set()
    for layer in model.layers:
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            names.add(name)
            largest = np.abs(variable.numpy()).max()
            np.testing.assert_allclose(arrays[name], variable.numpy(), atol=2**-11 * largest)
    assert names == set(arrays)
    size = (tmp_path / "packed.npz").stat().st_size
    assert size < 1e6


def test_a_folder_without_a_run_gets_one_line(tmp_path, capsys):
    assert pack_small.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture(autouse=True)
def clean():
    yield
    keras.utils.clear_session()
