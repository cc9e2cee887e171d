"""Files that are there whole or not at all: written under another name first, and tables that several runs may fill."""

import csv
import io
import os
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path, write):
    """Calls `write(file)`, a binary file, on a temporary one that gets its name only once it is complete."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            write(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_rows(path):
    """The rows of a CSV as dicts of text; none if the file is not there yet."""
    path = Path(path)
    return list(csv.DictReader(path.open(newline="", encoding="utf-8"))) if path.exists() else []


def write_rows(path, rows):
    """Writes dicts as a CSV. A column that a row does not have stays empty there."""
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode("utf-8")))


@contextmanager
def locked(path):
    """Nobody else holds this lock on `path` meanwhile; it ends with the process, however that ends."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w", encoding="utf-8") as file:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
