"""What every lesson does first: Keras and its backend start, without their red log, and say their versions."""

import os
import sys
from contextlib import contextmanager


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
