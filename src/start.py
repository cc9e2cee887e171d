"""What every lesson does first: Keras and its backend start, without their red log, and say their versions."""

import ctypes
import os
import sys
from contextlib import contextmanager

# of glibc's malloc.h: (parameter, value)
ONE_HEAP = -8, 1  # M_ARENA_MAX: threads share one heap; that of a thread alone goes back as soon as it is empty
ALL_IN_IT = -4, 0  # M_MMAP_MAX: large arrays, too
NEVER_TRIMMED = -1, 2**31 - 1  # M_TRIM_THRESHOLD, in bytes


def keep_memory():
    """Tells glibc to keep what is freed, for the next step; Linux would have to clear every page of it anew.

    A training step frees and fetches gigabytes. With memory kept, one of B0 takes a quarter less time on two cores
    (16 images of 224 pixels), and no more memory at its peak. Other systems' malloc is left as it is.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS and musl; nowhere known; Windows
        return
    for parameter, value in (ONE_HEAP, ALL_IN_IT, NEVER_TRIMMED):
        mallopt(parameter, value)


keep_memory()  # here, because it must come before TensorFlow starts its threads, and whoever imports Keras comes by


def start():
    """Imports Keras, runs one operation so that the backend starts too, and prints the versions.

    May be called again at any time. Raises ImportError, in one line, if something is not installed.
    """
    try:
        with native_log_off():
            import keras

            keras.ops.zeros(1)
    except ImportError as error:
        todo = "run `pip install -r requirements.txt` in the folder of the series, then restart the kernel"
        raise ImportError(f"{error}: {todo}.") from error
    names = ["keras", keras.config.backend(), "numpy"]
    print(", ".join(f"{name} {sys.modules[name].__version__}" for name in names))


@contextmanager
def native_log_off():
    """Sends file descriptor 2 nowhere meanwhile: TensorFlow's C++ logs there before it reads any setting.

    Python's own warnings and errors still reach Jupyter, which takes them from sys.stderr. What TensorFlow logs later
    is left to TF_CPP_MIN_LOG_LEVEL, which is set to errors alone unless it is set already.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        before = os.dup(2)
    except OSError:  # there is none, as under pythonw
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)
