"""address.py: on a copy of the repository, nothing of the old address is left, and the lessons stay valid."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import address
from execute import repository

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ("notebooks", "tools", "src", ".github", "README.md", "CITATION.cff", "CONTRIBUTING.md", "pyproject.toml")


@pytest.fixture
def copy(tmp_path):
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def texts(folder):
    files = [path for path in folder.rglob("*") if path.suffix in address.KINDS]
    return {path.relative_to(folder): path.read_bytes().decode("utf-8") for path in files}


def test_every_place_follows_and_nothing_else_changes(copy):
    before, old = texts(copy), repository()
    changed = address.change(copy, "a-class/nets.2027")
    after = texts(copy)
    assert {path for path in after if after[path] != before[path]} == {path.relative_to(copy) for path in changed}
    assert {"README.md", "CITATION.cff", "pyproject.toml"} <= {path.name for path in changed}
    assert len([path for path in changed if path.suffix == ".ipynb"]) == len(list((copy / "notebooks").glob("*.ipynb")))
    for path, text in after.items():
        assert old not in text and f'Path(\\"{old.split("/")[1]}' not in text, path
        assert len(text.splitlines()) == len(before[path].splitlines())

    # the copy's own tools agree: badges and setup cells are what they now ask for
    code = "import lint; from execute import *; print(repository(), *[m for p in notebooks([]) for r in "
    code += "('title_then_badge', 'setup_cell_is_the_same') for m in lint.RULES[r](lint.Notebook.read(p))])"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy / "tools", capture_output=True, text=True)
    assert done.stdout.strip() == "a-class/nets.2027", done.stdout + done.stderr

    address.change(copy, old)
    assert texts(copy) == before, "and back again"


def test_what_only_resembles_the_address_stays():
    text = 'one/two one/two-three none/two a.one/two Path("two") Path("twofold") two https://one.github.io/two/x'
    new = '1/2 one/two-three none/two a.one/two Path("2") Path("twofold") two https://1.github.io/2/x'
    assert address.replaced(text, "one/two", "1/2") == new


@pytest.mark.parametrize("wrong", ["name", "https://github.com/a/b", "a/b/c", "a b/c", "-a/b", ""])
def test_what_is_no_address_is_refused_in_one_line(wrong, capsys):
    assert address.main([wrong] if wrong[:1] != "-" else ["--", wrong]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "owner/name" in error and repr(wrong) in error
