"""Every rule of tools/lint.py on every notebook, and the numbers in their names."""

from functools import cache
from pathlib import Path

import pytest

import lint

PATHS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
read = cache(lint.Notebook.read)


def test_there_are_notebooks_and_they_are_numbered_from_00():
    assert PATHS, "notebooks/ is empty"
    assert [path.name[:3] for path in PATHS] == [f"{i:02}_" for i in range(len(PATHS))]


@pytest.mark.parametrize("rule", lint.RULES)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_notebook(path, rule):
    offences = list(lint.RULES[rule](read(path)))
    if offences:
        pytest.fail(f"{path.name}: {lint.RULES[rule].__doc__}\n  " + "\n  ".join(offences), pytrace=False)
