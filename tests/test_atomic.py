"""Files are whole or not there, tables come back as they were, and a lock keeps others out."""

import errno
import multiprocessing
import os
import pickle
import zipfile

import numpy as np
import pytest

import atomic


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    atomic.write_atomically(path, lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"ne")
        assert path.read_bytes() == b"old"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        atomic.write_atomically(path, fail)
    assert path.read_bytes() == b"old" and names_in(path.parent) == ["file"]


def test_rows_come_back_and_columns_may_be_missing(tmp_path):
    path = tmp_path / "table.csv"
    assert atomic.read_rows(path) == []
    atomic.write_rows(path, [dict(name="a, é", x=1), dict(name='"', y=2)])
    assert path.read_bytes().decode("utf-8") == 'name,x,y\n"a, é",1,\n"""",,2\n'
    assert atomic.read_rows(path) == [dict(name="a, é", x="1", y=""), dict(name='"', x="", y="2")]
    atomic.write_rows(path, [dict(name="two\r\nlines")])
    assert atomic.read_rows(path) == [dict(name="two\r\nlines")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'a\n"x\n', "'.*table.csv' is no table of commas in UTF-8 .unexpected end of data"),
        (b"a\n\xff\n", "'.*table.csv' is no table of commas in UTF-8 .*; get the file anew"),
        (b"a,b,a\n1,2,3\n", "'.*table.csv' names a column twice: a, b, a; give each its own name"),
    ],
)
def test_what_is_no_table_is_named_in_one_line(tmp_path, content, words):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        atomic.read_rows(tmp_path / "table.csv")
    assert "\n" not in str(caught.value)


def test_an_empty_table_has_no_rows(tmp_path):
    for content in (b"", b"a,b\n"):
        (tmp_path / "table.csv").write_bytes(content)
        assert atomic.read_rows(tmp_path / "table.csv") == []


def test_a_file_that_cannot_be_written_is_named_itself(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as caught:
        atomic.write_atomically(tmp_path / "folder", lambda file: file.write(b"x"))
    assert caught.value.filename == str(tmp_path / "folder") and caught.value.errno in (errno.EISDIR, errno.EACCES)
    assert names_in(tmp_path) == ["folder"]


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        atomic.write_atomically(tmp_path / "file" / "a", lambda file: file.write(b"x"))
    assert names_in(tmp_path) == ["file"]


def test_a_file_of_arrays_may_be_a_checkpoint_of_b7_and_no_more_than_a_laptop_holds():
    assert 3 * 4 * 66_658_680 < atomic.MOST < 4_000_000_000  # weights, gradients' memory and statistics, float32


def test_arrays_come_back(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.ones((2, 2)))
    found = atomic.read_arrays(tmp_path / "a.npz")
    assert sorted(found) == ["x", "y"] and found["x"].tolist() == [0, 1, 2] and found["y"].shape == (2, 2)


class Harm:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("kind", ["a pickle", "a pickle alone", "a bomb", "one array", "text", "empty"])
def test_what_is_no_file_of_arrays_is_refused_and_runs_nothing(tmp_path, monkeypatch, kind):
    path, harm = tmp_path / "a.npz", np.array([Harm(str(tmp_path / "harm"))], object)
    monkeypatch.setattr(atomic, "MOST", 10_000)
    if kind == "a pickle":
        np.savez(path, x=harm)
    elif kind == "a bomb":
        np.savez_compressed(path, x=np.zeros(10_000, np.uint8))
        assert path.stat().st_size < 500
    elif kind == "one array":
        with open(path, "wb") as file:
            np.save(file, np.arange(3))
    else:
        path.write_bytes({"a pickle alone": pickle.dumps(harm), "text": b"<html>", "empty": b""}[kind])
    with pytest.raises((ValueError, zipfile.BadZipFile)) as caught:
        atomic.read_arrays(path)
    assert "\n" not in str(caught.value) and not (tmp_path / "harm").exists()
    if kind == "a bomb":
        assert "it unpacks to 10,128 bytes" in str(caught.value)
        monkeypatch.setattr(atomic, "MOST", 10_128)
        assert atomic.read_arrays(path)["x"].shape == (10_000,)


def test_who_does_not_wait_for_a_lock_is_told_at_once(tmp_path):
    path = tmp_path / "new" / "folder" / "run"
    for _ in range(2):  # a lock that was left behind holds nobody up
        with atomic.locked(path, wait=False):
            with (
                pytest.raises(BlockingIOError, match="another process works on .*run"),
                atomic.locked(path, wait=False),
            ):
                pass
    assert names_in(path.parent) == ["run.lock"]


def hold(path, inside, leave):
    with atomic.locked(path):
        inside.set()
        leave.wait(30)


def test_nobody_else_gets_a_lock_until_its_holder_is_gone(tmp_path):
    fork, path = multiprocessing.get_context("fork"), tmp_path / "table.csv"
    events = [(fork.Event(), fork.Event()) for _ in range(2)]
    first, second = (fork.Process(target=hold, args=(path, *pair)) for pair in events)
    first.start()
    assert events[0][0].wait(30)
    second.start()
    assert not events[1][0].wait(0.3)
    first.kill()  # a killed process holds nothing
    assert events[1][0].wait(30)
    events[1][1].set()
    second.join(30)
    assert second.exitcode == 0
