"""Files of arrays and tables: written whole or not at all, read with care, and locked while somebody writes."""

import csv
import io
import os
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

MOST = 2**31  # bytes that are read from one file of arrays: more only fills the memory


def write_atomically(path, write):
    """Calls `write(file)`, a binary file, on a temporary one that gets its name only once it is complete.

    Raises OSError, which names `path`, where nothing can be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from error  # not the temporary one
    finally:
        with suppress(OSError):  # it has its name, or could not be made
            temporary.unlink()


def read_arrays(path):
    """The arrays of an .npz, {name: array}. A pickle in it is not opened, and no more than MOST bytes are unpacked.

    Raises ValueError, OSError, and what zipfile and NumPy raise for a damaged file, all in one line.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MOST:
        raise ValueError(f"it unpacks to {unpacked:,} bytes")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def read_rows(path):
    """The rows of a CSV as dicts of text; none if the file is not there yet. Raises ValueError that names it."""
    path = Path(path)
    if not path.exists():
        return []
    try:
        text = path.read_bytes().decode("utf-8-sig")  # a spreadsheet begins a file with a mark
        reader = csv.DictReader(io.StringIO(text), strict=True)
        rows, columns = list(reader), reader.fieldnames or []
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{str(path)!r} is no table of commas in UTF-8 ({error}); get the file anew.") from error
    if len(set(columns)) < len(columns):
        raise ValueError(f"{str(path)!r} names a column twice: {', '.join(columns)}; give each its own name.")
    return rows


def write_rows(path, rows):
    """Writes dicts as a CSV. A column that a row does not have stays empty there."""
    write_atomically(path, lambda file: file.write(rows_text(rows).encode("utf-8")))


def rows_text(rows):
    """Dicts as the text of a CSV."""
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@contextmanager
def locked(path, wait=True):
    """Nobody else holds this lock on `path` meanwhile; it ends with the process, however that ends.

    Raises BlockingIOError at once if somebody holds it and `wait` is False, and where files cannot be locked.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w", encoding="utf-8") as file:
        try:
            _lock(file, wait)
        except OSError as error:
            raise BlockingIOError(
                f"another process works on {path}, or it cannot be locked: {error.strerror}"
            ) from error
        yield


def _lock(file, wait):
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
