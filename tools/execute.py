"""Executes notebooks and saves them in place, with everything that changes from run to run left out.

    python tools/execute.py                          all of notebooks/
    python tools/execute.py notebooks/01_*.ipynb     some
    python tools/execute.py --setup-cell             prints the setup cell that every notebook starts with

A notebook that raises is not saved; the exit status is then 1.
"""

import argparse
import os
import sys
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
from atomic import write_atomically
from command import fails_in_one_line

KERNELSPEC = dict(display_name="Python 3 (ipykernel)", language="python", name="python3")
CELL_METADATA = ("jupyter", "slideshow", "tags")  # the rest is what editors and runs leave behind
LIVE = {"application/javascript", "application/vnd.jupyter.widget-view+json"}  # what works only while a kernel runs
TIMEOUT = 1800  # seconds for one cell

SETUP_CELL = """\
import os
import sys
from pathlib import Path

address = "https://github.com/{repository}"
clone = Path("{name}").resolve()
if "google.colab" in sys.modules and not clone.exists() and os.system(f"git clone --depth 1 {{address}}"):
    raise OSError(f"git clone {{address}} failed: check the network and the address, then run this cell again.")
root = next((p for p in [clone, *clone.parents] if (p / "src/architecture.py").exists()), None)
assert root, "src/architecture.py not found: open this notebook inside a copy of the repository, or clone it again."
sys.path.insert(0, str(root / "src"))
from start import start

start()
"""


def repository():
    """GitHub's owner/name of the series, from pyproject.toml, its only home."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["series"]["repository"]


def setup_cell():
    """The source of the first code cell of every notebook."""
    return SETUP_CELL.format(repository=repository(), name=repository().split("/")[1]).strip()


def badge(file_name):
    """The line under a notebook's title: "Open in Colab"."""
    target = f"https://colab.research.google.com/github/{repository()}/blob/main/notebooks/{file_name}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({target})"


def notebooks(named):
    """The paths that are named, or all of notebooks/. Raises ValueError, in one line, if one is no notebook."""
    paths = named or sorted((ROOT / "notebooks").glob("*.ipynb"))
    missing = [str(path) for path in paths if path.suffix != ".ipynb" or not path.is_file()]
    if missing or not paths:
        raise ValueError(f"not a notebook: {', '.join(missing) or 'notebooks/ is empty'}.")
    return paths


def read(path):
    """The notebook of a file, of format 4. Raises ValueError, in one line, for any other file."""
    try:
        found = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        is_notebook = found.nbformat == 4 and isinstance(found.cells, list)
    except (AttributeError, TypeError, ValueError, nbformat.ValidationError):  # for a list, for {}, no JSON, no cells
        is_notebook = False
    if not is_notebook:
        raise ValueError(f"not a notebook of format 4: {path}.")
    return found


def execute(path):
    """Executes one notebook and saves it. Returns (seconds, peak bytes of its kernel or None, error or None)."""
    path = Path(path)
    notebook = read(path)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources=dict(metadata=dict(path=str(path.resolve().parent))),
        # or Jupyter saves what native code logs, TensorFlow's start-up lines
        extra_arguments=["--IPKernelApp.capture_fd_output=False", "--IPKernelApp.log_level=40"],
    )
    start, error = time.perf_counter(), None
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
        error = str(problem)
    seconds = time.perf_counter() - start
    if error is None:
        normalise(notebook)
        write_atomically(path, lambda file: file.write(nbformat.writes(notebook).encode()))
    return seconds, _peak_of_kernel(), error


def normalise(notebook):
    """Removes, in place, what differs between two runs of the same notebook or two editors."""
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=dict(KERNELSPEC), language_info=dict(name="python"))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for i, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{i}")
        for key in set(cell.metadata) - set(CELL_METADATA):
            del cell.metadata[key]
        if cell.cell_type == "code":
            # saved sliders are the words "Loading widget..."; the sentence above them stays
            cell.outputs = _joined(output for output in cell.outputs if not LIVE & set(output.get("data", {})))


def _joined(outputs):
    """Streams arrive in pieces of any size: joins neighbours of the same name."""
    joined = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _peak_of_kernel():
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _quiet():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    os.environ.pop("MPLBACKEND", None)  # the kernel draws inline


@fails_in_one_line(ValueError, OSError)
def main(arguments=None):
    """Executes the notebooks that are named, or all. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Executes notebooks and saves them in place, in clean form.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="files to execute; all of notebooks/ if none is named")
    parser.add_argument("--setup-cell", action="store_true", help="print the cell that every notebook starts with")
    options = parser.parse_args(arguments)
    if options.setup_cell:
        print(setup_cell())
        return 0
    paths = notebooks(options.notebooks)
    for path in paths:
        read(path)  # what is no notebook is told before anything runs
    return int(_execute_each(paths) > 0)


def _execute_each(paths):
    """Executes and reports one after the other. Returns how many failed."""
    failed = 0
    # one process per notebook: the peak memory of children is then that of its one kernel
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_quiet, max_tasks_per_child=1) as pool:
        for path in paths:
            print(f"{path.name:45}", end="", flush=True)
            seconds, peak, error = pool.submit(execute, path).result()
            memory = f", {peak / 1e9:.1f} GB at most" if peak else ""
            print(f"{seconds:6.0f} s{memory}{'' if error is None else '  FAILED, not saved'}", flush=True)
            if error:
                failed += 1
                print(error, file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
