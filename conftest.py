"""What every test and every notebook kernel gets: a quiet TensorFlow, and figures as Jupyter draws them."""

import gc
import os

import pytest

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # kernels inherit it; it needs no screen
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"

# Two workers share the cores (-n 2): each computes on half of them, else threads wait for each other
for name in ("TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // 2)))


def pytest_collectstart(collector):
    """Notebooks: stderr is not compared (TensorFlow's log differs by machine); the lint keeps it out of the files."""
    if collector.nodeid.endswith(".ipynb"):
        collector.skip_compare += ("stderr",)


def pytest_collection_finish():
    """What is imported stays: else each `clear_session`, which collects garbage, walks through all of TensorFlow."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items):
    """Lesson 07 exports to every runtime that is installed, so it runs again with the extras."""
    for item in items:
        if item.path.name == "07_from_notebook_to_the_world.ipynb":
            item.add_marker("extras")
