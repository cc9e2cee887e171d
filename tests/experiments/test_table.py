"""The table of an experiment: runs go on where they stopped, rows stand in order, several may fill it."""

import csv
import multiprocessing
import time

import keras
import pytest

from atomic import read_rows, write_rows
from experiments import table

KEYS = [dict(network="a, b", seed=0), dict(network="a, b", seed=1), dict(network="c", seed=0)]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_fill_runs_each_key_once_and_keeps_the_order(tmp_path, capsys):
    calls = []

    def run(network, seed):
        calls.append((network, seed))
        return dict(top1=50 + seed)

    path = table.fill("table", KEYS, run, tmp_path)
    table.fill("table", KEYS, run, tmp_path)
    assert calls == [("a, b", 0), ("a, b", 1), ("c", 0)]
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert [(row["network"], row["seed"], row["top1"]) for row in rows] == [
        ("a, b", "0", "50"),
        ("a, b", "1", "51"),
        ("c", "0", "50"),
    ]
    assert all(row["keras"] == keras.__version__ and row["machine"] and row["date"] for row in rows)
    assert "3 of 3 runs are there, 0 to go" in capsys.readouterr().out


def test_an_interrupted_table_loses_only_the_run_in_flight(tmp_path):
    def broken(network, seed):
        if (network, seed) == ("c", 0):
            raise KeyboardInterrupt
        return dict(top1=1)

    with pytest.raises(KeyboardInterrupt):
        table.fill("table", KEYS, broken, tmp_path)
    again = []
    table.fill("table", KEYS, lambda **key: again.append(key) or dict(top1=2), tmp_path)
    assert again == [KEYS[2]]
    assert [row["top1"] for row in csv.DictReader((tmp_path / "table.csv").open(encoding="utf-8"))] == ["1", "1", "2"]
    assert names_in(tmp_path) == ["table.csv", "table.csv.lock"]


def test_a_row_that_is_made_later_stands_in_its_place(tmp_path):
    path = table.fill("table", KEYS, lambda **key: dict(top1=1), tmp_path)
    other = dict(read_rows(path)[0], network="of other keys")
    write_rows(path, [read_rows(path)[i] for i in (0, 2)] + [other])
    table.fill("table", KEYS, lambda **key: dict(top1=2, new="column"), tmp_path)
    rows = read_rows(path)
    assert [(row["network"], row["seed"], row["top1"], row["new"]) for row in rows] == [
        ("a, b", "0", "1", ""),
        ("a, b", "1", "2", "column"),
        ("c", "0", "1", ""),
        ("of other keys", "0", "1", ""),
    ]


def test_two_that_fill_one_table_lose_no_row(tmp_path):
    def run(network, seed):
        assert (network, seed) == ("a, b", 0)  # meanwhile another one makes the others
        table.fill("table", KEYS[1:], lambda **key: dict(top1=2), tmp_path)
        return dict(top1=1)

    rows = read_rows(table.fill("table", KEYS, run, tmp_path))
    assert [(row["network"], row["seed"], row["top1"]) for row in rows] == [
        ("a, b", "0", "1"),
        ("a, b", "1", "2"),
        ("c", "0", "2"),
    ]


def test_a_table_that_is_made_at_once_is_made_once(tmp_path, capsys):
    calls, row = [], dict(layer="stem", ms=1.5)
    for _ in range(2):
        path = table.fill_at_once("table", lambda: calls.append(1) or [row, dict(layer="top")], tmp_path)
    rows = read_rows(path)
    assert len(calls) == 1 and [(found["layer"], found["ms"]) for found in rows] == [("stem", "1.5"), ("top", "")]
    assert rows[0]["keras"] == keras.__version__ and list(row) == ["layer", "ms"]
    assert "to measure it anew, delete it" in capsys.readouterr().out


def wait_and_fill(folder, keys, start):
    start.wait()
    table.fill("table", keys, lambda number: time.sleep(0.002) or dict(top1=number), folder)


def test_two_processes_that_fill_one_table_at_once_lose_no_row(tmp_path):
    keys, fork = [dict(number=i) for i in range(40)], multiprocessing.get_context("fork")
    start = fork.Barrier(2)
    halves = [fork.Process(target=wait_and_fill, args=(tmp_path, part, start)) for part in (keys[::2], keys[1::2])]
    for half in halves:
        half.start()
    for half in halves:
        half.join(60)
        assert half.exitcode == 0
    assert sorted(int(row["top1"]) for row in read_rows(tmp_path / "table.csv")) == list(range(40))


def test_a_curve_is_one_cell():
    assert table.written([10, 99.999, 5.005]) == "10.00 100.00 5.00"


def test_a_row_says_where_it_was_made():
    found = table.provenance()
    assert found["keras"] == keras.__version__ and found["backend"].startswith(keras.backend.backend())
    assert "CPU cores" in found["machine"] and len(found["date"]) == 10


@pytest.mark.parametrize("fill", [table.fill, lambda name, _, run, folder: table.fill_at_once(name, run, folder)])
def test_where_nothing_can_be_written_nothing_is_measured(fill, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        fill("table", KEYS, lambda **key: pytest.fail("it ran for hours"), tmp_path / "file")
