"""README.md and its sisters keep their word: links, badges, the lesson table; no text file names somebody's machine."""

import json
import re
from pathlib import Path

import pytest

from execute import badge, repository
from markup import dead_links, foreign_places, images_without_alt, prose

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted(path for folder in (ROOT, ROOT / "data", ROOT / "data" / "measured") for path in folder.glob("*.md"))
TEXT_FILES = {".cff", ".cfg", ".csv", ".md", ".py", ".toml", ".txt", ".yml", ".yaml", ".json", ".svg", ""}
# folders that are no part of the repository
SKIPPED = {".git", ".hypothesis", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__", "venv"}
SKIPPED |= {"site"}


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def text_files():
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT)
        if path.is_file() and path.suffix in TEXT_FILES and not SKIPPED & set(inside.parts):
            yield inside


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_images(page):
    text = prose(page.read_text(encoding="utf-8"))
    assert not list(dead_links(text, page.parent)) and not list(images_without_alt(text))


def test_each_notebook_has_its_row_and_its_badge_in_order(readme):
    rows = [line for line in readme.splitlines() if line.lstrip().startswith("|") and ".ipynb" in line]
    linked = [re.search(r"\]\((?:\./)?notebooks/([^)#]+\.ipynb)\)", row) for row in rows]
    assert all(linked), f"a row of the lesson table without a link to notebooks/…: {rows[linked.index(None)]}"
    assert [match[1] for match in linked] == NOTEBOOKS, "the lesson table lists other notebooks than notebooks/ has"
    for name, row in zip(NOTEBOOKS, rows):
        assert badge(name) in row, f"the row of {name} lacks its badge: {badge(name)}"


def test_minutes_are_those_of_the_lessons(readme):
    for name in NOTEBOOKS:
        cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
        lesson = " ".join("".join("".join(cell["source"]) for cell in cells).split())
        row = next(line for line in readme.splitlines() if f"(notebooks/{name})" in line)
        minutes = re.search(r"(\d+) min", row)[1]
        assert f"Reading takes {minutes} minutes" in lesson, name


def test_every_colab_address_is_a_notebook_of_ours(readme):
    addresses = re.findall(r"colab\.research\.google\.com/github/([^)\s\"'>]+)", readme)
    prefix = f"{repository()}/blob/main/notebooks/"
    assert not [a for a in addresses if not a.startswith(prefix) or a.removeprefix(prefix) not in NOTEBOOKS]


def test_readme_counts_no_tests(readme):
    found = re.findall(r"\b\d[\d,]* (?:tests|checks)\b|\d+ ?% coverage", readme)
    assert not found, f"numbers that go stale: {found}"


def test_one_repository():
    name = repository().split("/")[1]
    for file in ("README.md", "CITATION.cff", ".github/ISSUE_TEMPLATE/config.yml"):
        text = (ROOT / file).read_text(encoding="utf-8")
        for slug in re.findall(rf"github\.com/([\w.-]+/{name})\b", text):
            assert slug == repository(), f"{file} names {slug}; pyproject.toml says {repository()}"


def test_no_text_file_names_a_machine_or_a_registry():
    offences = []
    for path in text_files():
        text = (ROOT / path).read_text(encoding="utf-8")
        offences += [f"{path}: {place}" for place in foreign_places(text)]
    assert not offences, offences
