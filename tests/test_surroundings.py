"""No home, nothing to write to, no network, a locale that is not UTF-8, a path with odd letters: right, or one line."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import datasets

ROOT = datasets.DATA.parent
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX users and permissions")

# What learners call, each by a name; what it raises is shown in its place.
PROGRAM = """
import os, sys
sys.path.insert(0, "src")
from start import start
start()
import keras, numpy as np
import datasets, downloads, exercises, export, train, weights
nowhere = "http://127.0.0.1:9/"  # nobody listens there
weights.KERAS_URL = nowhere
downloads.SOURCES["cifar10"] = (nowhere, ["cifar-10-binary.tar.gz"])
os.environ["no_proxy"] = "127.0.0.1"
image = keras.layers.Input((8, 8, 3))
model = keras.Model(image, keras.layers.Flatten()(image))

def show(name, call):
    try:
        found = ascii(call())
    except Exception as error:
        found = f"{type(error).__name__}: {ascii(str(error))[1:-1]}"
    print(f"{name} = {found}", flush=True)

show("photo", lambda: datasets.photo("chelsea", 8).shape)
show("album", lambda: datasets.album("photos", 8)[3])
show("cifar10", lambda: datasets.cifar10()[0][0].shape)
show("full", lambda: datasets.cifar10(full=True))
show("table", lambda: len(datasets.published("senet")) > 3)
show("check", lambda: exercises.check("01.1", ...))
show("solution", lambda: exercises.solution("01.1"))
show("small", lambda: weights.small().count_params())
show("b0", lambda: weights.pretrained("b0"))
show("save", lambda: export.save(model, "mine.keras"))
show("train", lambda: train.main("cifar10 --epochs 1 --out runs/x".split()))
"""


def bound_by_permissions():
    """Takes from root, as which tests run in containers, the right to write where it may not (Linux)."""
    if os.getuid() == 0:
        for capability in range(41):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.fixture(scope="module")
def said():
    """{name: what the call gave}, of a run of PROGRAM in a copy of the series that nobody may change."""
    place = Path(tempfile.mkdtemp(prefix="the series, "))
    series = place / "серия"
    left_out = shutil.ignore_patterns("cache", "__pycache__", "published.zip")
    for name in ("src", "data"):
        shutil.copytree(ROOT / name, series / name, ignore=left_out)
    for name in ("кошка", "dog"):
        (series / "photos" / name).mkdir(parents=True)
        for number in "12":
            shutil.copy(datasets.DATA / "photos" / "chelsea.png", series / "photos" / name / f"{number}.png")
    for path in [place, *place.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    odd = dict(
        LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONDONTWRITEBYTECODE="1", HOME=str(place / "none")
    )
    options = dict(cwd=series, env=kept | odd, preexec_fn=bound_by_permissions, capture_output=True, timeout=240)
    try:
        done = subprocess.run([sys.executable, "-c", PROGRAM], **options)
    finally:
        for path in [place, *place.rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(place)
    lines = done.stdout.decode("ascii").splitlines()
    assert done.returncode == 0, done.stderr.decode()
    return dict(line.split(" = ", 1) for line in lines if " = " in line) | {"lines": lines, "err": done.stderr.decode()}


def test_what_needs_no_writing_works_as_ever(said):
    assert said["photo"] == "(8, 8, 3)" and said["cifar10"] == "(2000, 32, 32, 3)" and said["table"] == "True"
    assert int(said["small"]) > 100_000
    assert said["album"] == ascii(("dog", "кошка"))


def test_an_answer_is_judged_and_shown_in_any_terminal(said):
    assert said["check"] == said["solution"] == "None"
    assert any(line.startswith("? 01.1 not answered yet") for line in said["lines"])
    assert any("return" in line for line in said["lines"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("full", "OSError: cifar10 cannot be downloaded; `python tools/prepare_data.py cifar10 --help`"),
        ("b0", "FileNotFoundError: efficientnetb0.h5 cannot be downloaded"),
        ("save", "PermissionError: [Errno 13] Permission denied: 'mine.keras'"),
        ("train", "2"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(said, name, words):
    assert said[name].startswith(words) and "\\n" not in said[name]


def test_train_says_in_one_line_where_it_cannot_write(said):
    (line,) = [line for line in said["err"].splitlines() if line.startswith("train.py")]
    assert line.startswith("train.py: --out is runs/x, but there: [Errno 13] Permission denied: 'runs'")
