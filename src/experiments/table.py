"""A table on disk with one row for each finished run, which a broken run cannot damage and several may fill at once."""

import os
import platform
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np

from atomic import locked, read_rows, write_rows

MEASURED = Path(__file__).resolve().parents[2] / "data" / "measured"


def fill(name, keys, run, directory=MEASURED):
    """Fills the table `name`.csv: calls `run(**key)` for each dict in `keys` that has no row yet. Returns its path.

    A row is the key, what `run` returned, and the versions and machine. So an interrupted table goes on where it
    stopped and loses at most the run in flight. Rows stand in the order of `keys`, whenever they were made; rows of
    other keys stay where they are.
    """
    path = Path(directory) / f"{name}.csv"
    todo = [key for key in keys if not _is_there(path, key)]
    print(f"{path.name}: {len(keys) - len(todo)} of {len(keys)} runs are there, {len(todo)} to go", flush=True)
    if todo:
        _refuse_what_cannot_be_written(path)
    start, work = time.perf_counter(), [key.get("epochs", 1) for key in todo]
    for count, key in enumerate(todo, start=1):
        if _is_there(path, key):  # somebody else made it meanwhile
            continue
        row = {**key, **run(**key), **provenance()}
        with locked(path):
            rows = [other for other in read_rows(path) if not _is_of(other, key)]
            rows.insert(_place(rows, keys[keys.index(key) + 1 :]), row)
            write_rows(path, rows)
        left = (time.perf_counter() - start) / sum(work[:count]) * sum(work[count:])
        print(f"\n{path.name}: run {count}/{len(todo)} written, about {left / 60:.0f} min left", flush=True)
    return path


def fill_at_once(name, measure, directory=MEASURED):
    """Writes the table `name`.csv with the rows that `measure()` returns, dicts, unless it is there. Returns its path.

    What is timed in turns compares within one run only: such a table is made as a whole.
    """
    path = Path(directory) / f"{name}.csv"
    if path.exists():
        print(f"{path.name} is there; to measure it anew, delete it", flush=True)
    else:
        _refuse_what_cannot_be_written(path)
        write_rows(path, [{**row, **provenance()} for row in measure()])
        print(f"{path.name}: written", flush=True)
    return path


def _refuse_what_cannot_be_written(path):
    """Raises OSError now, not after an hour of measuring."""
    with locked(path):
        pass


def _is_of(row, key):
    """Whether a row of text belongs to a key."""
    return all(row.get(name) == str(value) for name, value in key.items())


def _is_there(path, key):
    return any(_is_of(row, key) for row in read_rows(path))


def _place(rows, later):
    """Where a row belongs that stands before those of `later` keys: an index in `rows`."""
    return next((i for i, row in enumerate(rows) if any(_is_of(row, key) for key in later)), len(rows))


def written(curve):
    """A curve as one cell of a table: a number in % for each epoch, spaces between."""
    return " ".join(f"{value:.2f}" for value in curve)


def provenance():
    """Versions, machine and date: the columns that every measured row ends with."""
    return dict(
        backend=f"{keras.backend.backend()} {sys.modules[keras.backend.backend()].__version__}",
        keras=keras.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} CPU cores",
        date=time.strftime("%Y-%m-%d"),
    )


def processor():
    """The name of the processor, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", info.read_text(encoding="utf-8")) if info.exists() else []
    return names[0].strip() if names else platform.processor() or "unknown processor"
