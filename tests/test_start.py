"""start.py: the versions and nothing else reach the screen, and what a lesson writes later still does."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import start

SRC = Path(__file__).resolve().parent.parent / "src"


@pytest.fixture
def python():
    """Runs code in a fresh Python that logs all it can. Returns what the run left on stdout and on stderr."""

    def run(code):
        environment = os.environ | dict(TF_CPP_MIN_LOG_LEVEL="0", PYTHONPATH=str(SRC))
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        return done.stdout, done.stderr

    return run


def test_only_the_versions_are_seen_and_the_next_error_too(python):
    code = "import os; from start import start; start(); start(); import keras; keras.ops.ones(3) + 1"
    code += "; os.write(2, b'a crash')"
    out, error = python(code)
    first, second = out.splitlines()
    assert first == second and first.startswith("keras 3.") and ", numpy " in first
    assert error == "a crash"


def test_without_a_standard_error_it_starts_as_well(python):
    out, _ = python("import os, start; os.close(2)\nwith start.native_log_off(): print('started')")
    assert out == "started\n"


def test_what_is_not_installed_is_named(python):
    out, error = python("import sys; sys.modules['keras'] = None; from start import start; start()")
    assert "keras" in error.splitlines()[-1] and "pip install -r requirements.txt" in error.splitlines()[-1]
    assert not out


@pytest.mark.parametrize(("before", "after"), [(None, "3"), ("1", "1")])
def test_what_tensorflow_logs_later_is_errors_alone_unless_somebody_wants_more(monkeypatch, before, after):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", before or "")
    if before is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    with start.native_log_off():
        pass
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == after


HELD = """
import resource
import start

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

counts = [faults()]
for _ in range(10):
    array = bytearray(b"x") * 2**26
    del array
    counts.append(faults())
print(counts[1] - counts[0], counts[10] - counts[1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other systems' malloc is left as it is")
def test_large_arrays_are_made_where_earlier_ones_were(python):
    first, next_nine = map(int, python(HELD)[0].split())
    assert next_nine < first  # given back to the system, each would cost as many page faults as the first


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_another_malloc_is_left_as_it_is(monkeypatch, error):
    def missing(name):
        raise error

    monkeypatch.setattr(start.ctypes, "CDLL", missing)
    start.keep_memory()


def test_errors_meanwhile_leave_standard_error_as_it_was(capfd):
    with pytest.raises(ZeroDivisionError), start.native_log_off():
        os.write(2, b"hidden")
        raise ZeroDivisionError
    os.write(2, b"seen")
    assert capfd.readouterr().err == "seen"
