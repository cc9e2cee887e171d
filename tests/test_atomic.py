"""Files are whole or not there, tables come back as they were, and a lock keeps others out."""

import multiprocessing

import pytest

import atomic


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new folder" / "file"
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
    assert path.read_bytes().decode("utf-8").splitlines()[0] == "name,x,y"
    assert atomic.read_rows(path) == [dict(name="a, é", x="1", y=""), dict(name='"', x="", y="2")]


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
