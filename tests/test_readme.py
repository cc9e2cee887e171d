"""README.md keeps its word: its links, badges, lesson table and commands; no text file names somebody's machine."""

import re
import tomllib
from pathlib import Path

import pytest

import markup
from execute import repository

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
INSTALL = "pip install -r requirements.txt"
TEST_COMMAND = f"{INSTALL} && pytest"
OPEN_COMMAND = f"{INSTALL} && jupyter notebook notebooks"
TEXT_FILES = {".cff", ".cfg", ".csv", ".md", ".py", ".toml", ".txt", ".yml", ".yaml", ".json", ".svg", ""}
# folders that are no part of the repository
SKIPPED = {".git", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__", "venv"}


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def text_files():
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT)
        if path.is_file() and path.suffix in TEXT_FILES and not SKIPPED & set(inside.parts):
            yield inside


def test_links_and_images_exist(readme):
    assert not list(markup.dead_links(markup.prose(readme), ROOT))


def test_images_have_alt_text(readme):
    assert not list(markup.images_without_alt(markup.prose(readme)))


def test_each_notebook_has_its_row_and_its_badge_in_order(readme):
    rows = [line for line in readme.splitlines() if line.lstrip().startswith("|") and ".ipynb" in line]
    linked = [re.search(r"\]\((?:\./)?notebooks/([^)#]+\.ipynb)\)", row) for row in rows]
    assert all(linked), f"a row of the lesson table without a link to notebooks/…: {rows[linked.index(None)]}"
    assert [match[1] for match in linked] == NOTEBOOKS, "the lesson table lists other notebooks than notebooks/ has"
    for name, row in zip(NOTEBOOKS, rows):
        address = f"https://colab.research.google.com/github/{repository()}/blob/main/notebooks/{name}"
        assert f"({address})" in row, f"the row of {name} has no badge to {address}"


def test_every_colab_address_is_a_notebook_of_ours(readme):
    addresses = re.findall(r"colab\.research\.google\.com/github/([^)\s\"'>]+)", readme)
    prefix = f"{repository()}/blob/main/notebooks/"
    assert not [a for a in addresses if not a.startswith(prefix) or a.removeprefix(prefix) not in NOTEBOOKS]


def test_the_two_commands_are_there(readme):
    assert OPEN_COMMAND in readme and TEST_COMMAND in readme


def test_everyone_runs_the_same_command(readme):
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r"sed -n 's/\.\*\\\((.*)\\\)\.\*/", script)[1]
    assert pattern.replace("\\.", ".") == TEST_COMMAND
    assert 'bash -c "$command"' in script
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert ".ci/run" in workflow and f"`{TEST_COMMAND}`" in workflow
    assert not re.search(r"run:.*\bpytest\b", workflow), "a test command of its own in ci.yml"


def test_plain_pytest_runs_tests_and_notebooks():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert options["testpaths"] == ["tests", "notebooks"] and "--nbval " in options["addopts"]


def test_readme_counts_no_tests(readme):
    found = re.findall(r"\b\d[\d,]* (?:tests|checks)\b|\d+ ?% coverage", readme)
    assert not found, f"numbers that go stale: {found}"


def test_one_repository(readme):
    name = repository().split("/")[1]
    for file in ("README.md", "CITATION.cff"):
        text = (ROOT / file).read_text(encoding="utf-8")
        for slug in re.findall(rf"github\.com/([\w.-]+/{name})\b", text):
            assert slug == repository(), f"{file} names {slug}; pyproject.toml says {repository()}"


def test_no_text_file_names_a_machine_or_a_registry():
    offences = []
    for path in text_files():
        text = (ROOT / path).read_text(encoding="utf-8")
        offences += [f"{path}: {place}" for place in markup.foreign_places(text)]
    assert not offences, offences
