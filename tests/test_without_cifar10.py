"""Lessons run without CIFAR-10, whose authors state no licence: `fashion_mnist` takes its place, word for word."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
WORD = re.compile(r"\bcifar10\b")


def uses_it(path):
    cells = nbformat.read(path, as_version=4).cells
    return any(cell.cell_type == "code" and WORD.search(cell.source) for cell in cells)


LESSONS = [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if uses_it(path)]


def test_some_lessons_use_it():
    assert len(LESSONS) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_when_one_word_is_changed(lesson, tmp_path):
    """In a copy that has no CIFAR-10 at all."""
    for name in ("src", "data"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("cache", "__pycache__", "cifar10*"))
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.read(ROOT / "notebooks" / lesson, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = WORD.sub("fashion_mnist", cell.source)
    place = dict(metadata=dict(path=str(tmp_path / "notebooks")))
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
