"""execute.py: notebooks saved in clean form, and the cell that finds the series."""

import os
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import lint
from execute import KERNELSPEC, badge, execute, main, normalise, repository, setup_cell

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_setup_cell_is_short_and_knows_the_one_repository():
    lines = [line for line in setup_cell().splitlines() if line.strip()]
    assert len(lines) <= 12 and all(len(line) <= 120 for line in lines)
    assert setup_cell().count("sys.path.insert") == 1
    assert f'"https://github.com/{repository()}"' in setup_cell()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["series"]["repository"] == repository()
    assert f"/github/{repository()}/blob/main/notebooks/a.ipynb)" in badge("a.ipynb")


def test_the_setup_cell_finds_the_series_or_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for folder in (ROOT, ROOT / "tests"):
        monkeypatch.chdir(folder)
        for _ in range(10):
            exec(setup_cell(), {})
        assert sys.path[0] == str(ROOT / "src")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="inside a copy of the repository"):
        exec(setup_cell(), {})


@pytest.fixture
def colab(tmp_path, monkeypatch):
    """An empty folder on what looks like Colab."""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_on_colab_the_setup_cell_clones_once(colab, monkeypatch):
    commands, name = [], repository().split("/")[1]

    def clone(command):
        commands.append(command)
        (colab / name / "src").mkdir(parents=True)
        (colab / name / "src" / "architecture.py").touch()
        return 0

    monkeypatch.setattr(os, "system", clone)
    for _ in range(10):
        exec(setup_cell(), {})
    assert commands == [f"git clone --depth 1 https://github.com/{repository()}"]
    assert sys.path[0] == str(colab / name / "src")


def test_on_colab_a_clone_that_failed_says_so_and_from_where(colab, monkeypatch):
    monkeypatch.setattr(os, "system", lambda command: 128)
    with pytest.raises(OSError, match=f"git clone https://github.com/{repository()} failed: check the network"):
        exec(setup_cell(), {})


def test_normalise_removes_what_runs_leave_behind():
    streams = [new_output("stream", name="stdout", text=part) for part in ("a\n", "b\n")]
    streams.append(new_output("stream", name="stderr", text="c\n"))
    notebook = new_notebook(cells=[new_code_cell("x", outputs=streams)])
    notebook.metadata.update(widgets={}, kernelspec=dict(name="venv"), language_info=dict(name="python", version="3"))
    cell = notebook.cells[0]
    cell.metadata.update(execution={"x": 1}, collapsed=True, tags=["nbval-skip"])
    del cell["id"]
    normalise(notebook)
    nbformat.validate(notebook)
    assert notebook.metadata == dict(kernelspec=KERNELSPEC, language_info=dict(name="python"))
    assert cell.metadata == dict(tags=["nbval-skip"]) and cell.id
    assert [(output.name, output.text) for output in cell.outputs] == [("stdout", "a\nb\n"), ("stderr", "c\n")]


def test_normalise_keeps_the_words_of_a_widget_and_not_the_widget():
    words = new_output("display_data", {"text/html": "<p>Sliders</p>", "text/plain": "Sliders"})
    script = new_output("display_data", {"application/javascript": "name()", "text/plain": "names"})
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "VBox(children=("}
    outputs = [words, script, new_output("display_data", view)]
    notebook = new_notebook(cells=[new_code_cell("sliders()", outputs=outputs)])
    normalise(notebook)
    assert notebook.cells[0].outputs == [words]


def test_what_runs_is_saved_in_place_and_what_raises_is_not(tmp_path, capsys):
    good, bad = tmp_path / "00_good.ipynb", tmp_path / "01_bad.ipynb"
    cells = [new_code_cell("print(6 * 7, flush=True)\nprint('end')"), new_code_cell("6 * 7")]
    nbformat.write(new_notebook(cells=cells), good)
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), bad)
    before = bad.read_bytes()
    assert main([str(bad), str(good)]) == 1 and bad.read_bytes() == before
    printed = capsys.readouterr()
    assert printed.out.count("FAILED, not saved") == 1 and "ZeroDivisionError" in printed.err
    cells = nbformat.read(good, as_version=nbformat.NO_CONVERT).cells
    assert [cell.execution_count for cell in cells] == [1, 2]
    assert [cell.outputs[0].get("text") or cell.outputs[0].data["text/plain"] for cell in cells] == ["42\nend\n", "42"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00_good.ipynb", "01_bad.ipynb"]

    first = good.read_bytes()
    seconds, peak, error = execute(good)
    assert error is None and seconds > 0 and good.read_bytes() == first
    assert peak is None or 10e6 < peak < 100e9, "in bytes"


NO_NOTEBOOKS = ["[1, 2]", "{}", "no JSON", '{"nbformat": 3, "metadata": {}, "worksheets": []}', '{"nbformat": 4}']
NO_NOTEBOOKS.append('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ["x"]}')


@pytest.mark.parametrize("program", [main, lint.main])
@pytest.mark.parametrize("text", NO_NOTEBOOKS)
def test_a_file_that_only_ends_like_a_notebook_is_told_in_one_line(text, program, tmp_path, capsys):
    path = tmp_path / "odd.ipynb"
    path.write_text(text)
    assert program([str(path)]) == 2
    assert f"not a notebook of format 4: {path}." in capsys.readouterr().err and path.read_text() == text


@pytest.mark.parametrize("name", ["none.ipynb", "README.md"])
def test_what_is_no_notebook_is_refused_before_anything_runs(name, tmp_path, capsys):
    (tmp_path / "README.md").touch()
    assert main([str(tmp_path / name)]) == 2
    printed = capsys.readouterr()
    assert name in printed.err and "not a notebook" in printed.err and not printed.out


def test_the_setup_cell_is_printed_for_pasting(capsys):
    assert main(["--setup-cell"]) == 0 and capsys.readouterr().out.strip() == setup_cell()
