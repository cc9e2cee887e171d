"""What every test and every notebook kernel gets: a quiet TensorFlow, and figures as Jupyter draws them."""

import os

import pytest

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # kernels inherit it; it needs no screen
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


def pytest_collectstart(collector):
    """Notebooks: stderr is not compared (TensorFlow's log differs by machine); the lint keeps it out of the files."""
    if collector.nodeid.endswith(".ipynb"):
        collector.skip_compare += ("stderr",)


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items):
    """Lesson 07 exports to every runtime that is installed, so it runs again with the extras."""
    for item in items:
        if item.path.name == "07_from_notebook_to_the_world.ipynb":
            item.add_marker("extras")
