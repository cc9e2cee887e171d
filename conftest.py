"""What every test and every notebook kernel gets: a quiet TensorFlow, and figures as Jupyter draws them."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # kernels inherit it; it needs no screen
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


def pytest_collectstart(collector):
    """Notebooks: stderr is not compared (TensorFlow's log differs by machine); the lint keeps it out of the files."""
    if collector.nodeid.endswith(".ipynb"):
        collector.skip_compare += ("stderr",)
