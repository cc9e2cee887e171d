"""mutate.py: it changes what matters, leaves texts alone, and tells a good test from one that sees nothing."""

import ast
import os

import pytest

import mutate

SOURCE = '''
"""Adds 1 + 1."""


def half(x: int = 2, quick=False):
    """Half of x; 3 > 2."""
    require(x > 0, "x", 4, "above 5")
    if quick:
        raise ValueError(f"x is {x + 6}")
    print(str(x))
    return round(x / 2, ndigits=0)
'''


def changed():
    """What each change puts in place of the line that it changes."""
    return [shown.split("->")[-1].strip() for shown, _ in mutate.mutants(SOURCE)]


def test_each_change_is_one_of_the_code_and_none_of_a_text():
    assert sorted(changed()) == sorted(
        [
            "def half(x: int=3, quick=False):",
            "def half(x: int=2, quick=True):",
            "require(x >= 0, 'x', 4, 'above 5')",
            "require(x > 1, 'x', 4, 'above 5')",
            "if not quick:",
            *["pass"] * 3,  # in place of the requirement, of the error, of the print
            "return None",
            "return round(x * 2, ndigits=0)",
            "return round(x / 3, ndigits=0)",
            "return round(x / 2, ndigits=1)",
            "return round(x / 2)",
        ]
    )


def test_every_changed_source_is_another_program():
    sources = [text for _, text in mutate.mutants(SOURCE)]
    assert len({ast.dump(ast.parse(text)) for text in [SOURCE, *sources]}) == len(sources) + 1


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("src/recipe.py", "tests/test_recipe.py"),
        ("src/experiments/loop.py", "tests/experiments/test_loop.py"),
        ("tools/lint.py", "tests/tools/test_lint.py"),
    ],
)
def test_a_module_s_tests_lie_where_it_lies(module, tests):
    assert mutate.tests_of(mutate.Path(module)) == tests and (mutate.ROOT / tests).is_file()


PROJECT = '[tool.pytest.ini_options]\npythonpath = ["src"]\n'


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("test", "unnoticed"),
    [
        ("assert twice(2) == 4", []),
        ("assert twice(1) == 2", ["return 2 / x"]),
        ("twice(1)", ["return 2 / x", "return 3 * x", "return None"]),
    ],
)
def test_what_no_test_notices_is_printed(tmp_path, monkeypatch, capsys, test, unnoticed):
    (tmp_path / "src").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    module = tmp_path / "src" / "arithmetic.py"
    module.write_text("def twice(x):\n    return 2 * x\n", encoding="utf-8")
    text = f"from arithmetic import twice\n\n\ndef test_twice():\n    {test}\n"
    (tmp_path / "tests" / "test_arithmetic.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(mutate, "ROOT", tmp_path)
    monkeypatch.setattr(mutate, "LOADED", ("pytest",))
    before = module.read_text(encoding="utf-8")
    assert mutate.main(["src/arithmetic.py"]) == 0
    *found, last = capsys.readouterr().out.splitlines()
    assert sorted(line.split("->")[1].strip() for line in found) == sorted(unnoticed)
    assert last == f"src/arithmetic.py: {3 - len(unnoticed)} of 3 changes noticed, 0 of them by never ending"
    assert module.read_text(encoding="utf-8") == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_tests_that_fail_without_a_change_are_said(tmp_path, monkeypatch, capsys):
    for name, text in (("src/a.py", "x = 1\n"), ("tests/test_a.py", "assert False\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(mutate, "ROOT", tmp_path)
    monkeypatch.setattr(mutate, "LOADED", ("pytest",))
    assert mutate.main(["src/a.py"]) == 2
    assert capsys.readouterr().err == "mutate.py: tests/test_a.py fail without a change\n"
