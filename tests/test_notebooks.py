"""The notebooks as documents: every rule of lint.py on every notebook, and every rule on something it must notice."""

import base64
import copy
import struct
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import exercises
import lint
from execute import KERNELSPEC, badge, main, normalise, repository, setup_cell

ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks_and_they_are_numbered_from_00():
    assert PATHS, "notebooks/ is empty"
    assert [path.name[:3] for path in PATHS] == [f"{i:02}_" for i in range(len(PATHS))]


@pytest.mark.parametrize("rule", lint.RULES)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_notebook(path, rule):
    offences = list(lint.RULES[rule](lint.Notebook.read(path)))
    if offences:
        pytest.fail(f"{path.name}: {lint.RULES[rule].__doc__}\n  " + "\n  ".join(offences), pytrace=False)


# ---------------------------------------------------------------- the rules themselves


def slide(cell, kind="-", *tags):
    cell.metadata = nbformat.from_dict(dict(slideshow=dict(slide_type=kind), **(dict(tags=list(tags)) if tags else {})))
    return cell


def good(name="00_start.ipynb"):
    """A notebook to which no rule objects."""
    picture = new_output("display_data", dict([("image/png", "iVBORw0KGgo="), ("text/plain", "<Figure>")]))
    picture.metadata = nbformat.from_dict({"image/png": {"alt": "Bars of accuracy, the last one the highest."}})
    predict = "**Predict:** which is bigger?\n\n<details><summary>Answer</summary>The second.</details>"
    markdown, code = new_markdown_cell, new_code_cell
    cells = [
        slide(markdown(f"# Start here\n\n{badge(name)}\n\n## What you will be able to do\n- read"), "slide"),
        slide(markdown("## Before you start\n\n" + "word " * 700), "subslide"),
        slide(code(setup_cell(), outputs=[new_output("stream", text="keras 3\n")]), "skip", "nbval-ignore-output"),
        slide(
            markdown(predict + "\n\n![A net](../imgs/)\n\n[the plan](../src/architecture.py#L1)\n\n`[code](none)`"),
            "subslide",
        ),
        slide(
            code("import math\n\nimport numpy as np\nfrom architecture import plan\nfrom exercises import check"),
            "fragment",
        ),
        slide(code("show(fig)", outputs=[picture])),
        slide(markdown(predict), "fragment"),
        slide(markdown(predict), "subslide"),
        slide(markdown("**In this notebook we:** read\n\n## Exercises"), "slide"),
        *(slide(code(exercises.cell(n)), "subslide") for n in exercises.EXERCISES if n[:2] == name[:2]),
        slide(markdown("## References\n- Tan & Le"), "notes"),
    ]
    nb = new_notebook(cells=cells, metadata=dict(kernelspec=dict(KERNELSPEC), language_info=dict(name="python")))
    for n, cell in enumerate((cell for cell in nb.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = n
    return lint.Notebook(name, nb, ROOT / "notebooks", 10_000)


CODE, PICTURE = 4, 5  # cells of the good notebook: imports, a figure


def change(cell, **values):
    return lambda notebook: notebook.nb.cells[cell].update(nbformat.from_dict(values))


def text(cell, old, new):
    def apply(notebook):
        assert old in notebook.nb.cells[cell].source
        notebook.nb.cells[cell].source = notebook.nb.cells[cell].source.replace(old, new)

    return apply


def stream(name, text):
    return change(CODE, outputs=[new_output("stream", name=name, text=text)])


def without(cell):
    return lambda notebook: notebook.nb.cells.pop(cell)


def attribute(name, value):
    return lambda notebook: setattr(notebook, name, value)


def metadata(**values):
    return lambda notebook: notebook.nb.metadata.update(nbformat.from_dict(values))


error = new_output("error", ename="ValueError", evalue="no", traceback=[])
bare_picture = new_output("display_data", {"image/png": "iVBORw0KGgo="})
short_alt = new_output("display_data", {"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": "a figure"}})
big_picture = new_output("display_data", {"image/png": "A" * 500_000}, metadata=short_alt.metadata)
header = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 900, 800)).decode()
high_picture = new_output("display_data", {"image/png": header}, metadata=short_alt.metadata)
place = "/" + "home" + "/ann/series"

BAD = [  # rule, what is done to the good notebook, words of the message
    ("valid_file", change(1, id="x" * 0), "no id of its own"),
    ("valid_file", lambda n: n.nb.cells[1].update(id=n.nb.cells[0].id), "no id of its own"),
    ("valid_file", lambda n: n.nb.update(nbformat_minor=4), "format 4.4"),
    ("valid_file", change(CODE, outputs=[{"output_type": "nonsense"}]), "not a valid notebook"),
    ("clean_metadata", metadata(kernelspec=dict(name="venv", display_name="venv", language="python")), "kernelspec"),
    ("clean_metadata", metadata(widgets={}), "widgets"),
    ("clean_metadata", metadata(language_info=dict(name="python", version="3.13.0")), "language_info"),
    ("clean_metadata", lambda n: n.nb.cells[CODE].metadata.update(execution={}), "execution"),
    ("small_file", attribute("size", 2_600_000), "2.6 MB"),
    ("small_file", change(PICTURE, outputs=[big_picture]), "375 KB"),
    ("executed_in_order", change(CODE, execution_count=None), "execution_count None"),
    ("executed_in_order", lambda n: [c.update(execution_count=None) for _, c in n.code], "never executed"),
    ("executed_in_order", change(CODE, execution_count=7), "execution_count 7, not 2"),
    ("executed_in_order", change(CODE, outputs=[error]), "ended in ValueError"),
    ("no_stderr", stream("stderr", "a warning"), "a warning"),
    ("images_have_alt", change(PICTURE, outputs=[bare_picture]), "alt ''"),
    ("images_have_alt", change(PICTURE, outputs=[short_alt]), "alt 'a figure'"),
    ("setup_cell_is_the_same", text(2, "import os", "import os, time"), "--setup-cell"),
    ("setup_cell_is_the_same", lambda n: n.nb.cells[2].metadata.pop("tags"), "tag it"),
    ("setup_cell_is_the_same", text(CODE, "import numpy", "sys.path.append('..')\nimport numpy"), "outside the setup"),
    ("few_cells_exempt", lambda n: [c.metadata.update(tags=["nbval-skip"]) for _, c in n.code[1:3]], "3 of 6"),
    ("few_cells_exempt", lambda n: [c.update(source="# NBVAL_IGNORE_OUTPUT\nx") for _, c in n.code[1:3]], "3 of 6"),
    ("short_code", change(CODE, source="x = 1\n" * 26), "26 lines"),
    ("short_code", change(CODE, source=" "), "empty"),
    ("short_code", lambda n: [c.update(source="x = 1\n" * 9) for _, c in n.code], "median"),
    ("no_machine_paths", text(CODE, "import numpy", f"open('{place}')\nimport numpy"), place),
    ("no_machine_paths", stream("stdout", f"saved to {place}"), "output"),
    ("no_machine_paths", stream("stdout", "C:" + "\\Users"), "output"),
    ("no_machine_paths", text(1, "Before", "../" + "shared" + "/ Before"), "source"),
    ("title_then_badge", text(0, "# Start", "## Start"), "# title"),
    ("title_then_badge", text(1, "## Before", "# Before"), "more than one"),
    ("title_then_badge", text(0, "00_start", "01_start"), "this file's badge"),
    ("title_then_badge", attribute("name", "00_begin.ipynb"), "00_begin.ipynb"),
    ("sections_present", text(1, "Before you start", "Prerequisites"), "'Before you start'"),
    ("sections_present", without(-1), "'References'"),
    ("sections_present", lambda n: n.nb.cells.insert(1, n.nb.cells.pop(-1)), "'References' comes too early"),
    ("predict_first", lambda n: [c.update(source="Guess") for _, c in n.markdown[2:5]], "0 folded"),
    ("predict_first", lambda n: (attribute("name", "02_se.ipynb")(n), without(7)(n)), "2 folded"),
    ("predict_first", text(6, "</details>", ""), "not closed"),
    ("exercise_cells_are_stubs", without(-2), "expected ['00.1', '00.2', '00.3']"),
    ("exercise_cells_are_stubs", text(-2, "np.exp(...)", "np.exp(logits)"), "differs from"),
    ("exercise_cells_are_stubs", lambda n: n.nb.cells.append(copy.deepcopy(n.nb.cells[-2])), "in 2 cells"),
    ("exercise_cells_are_stubs", text(-2, '"00.3"', '"01.3"'), "does not belong"),
    ("exercise_cells_are_stubs", attribute("name", "99_end.ipynb"), "has no exercises"),
    ("exercise_names_are_imported", text(CODE, "import numpy as np\n", ""), "00.3 uses np"),
    ("exercise_names_are_imported", text(CODE, "import numpy as np", "import numpy as"), "not Python"),
    ("markdown_images_have_alt", text(3, "![A net]", "![ ]"), "../imgs/ has no alt"),
    ("markdown_images_have_alt", text(3, "![A net]", "<img src='../imgs/'>"), "has no alt"),
    ("local_links_exist", text(3, "architecture.py", "architektur.py"), "architektur.py#L1"),
    ("local_links_exist", text(3, "../imgs/", "../pictures/"), "../pictures/"),
    ("local_links_exist", text(3, "![A net]", "<a href='none.md'>x</a>"), "none.md"),
    ("slides_marked", lambda n: n.nb.cells[1].metadata.pop("slideshow"), "slide type None"),
    ("slides_marked", lambda n: n.nb.cells[1].metadata.slideshow.update(slide_type="page"), "'page'"),
    ("slides_marked", lambda n: n.nb.cells[4].metadata.slideshow.update(slide_type="-"), "follows a prediction"),
    ("slides_fit", change(CODE, source="x = 1\n" * 25, outputs=[new_output("stream", text="1\n" * 20)]), "'subslide'"),
    ("slides_fit", change(PICTURE, outputs=[high_picture]), "from cell 3 to cell 6"),
    ("length", text(1, "word ", ""), "words"),
    ("length", text(1, "word ", "word word word word "), "words"),
]


@pytest.mark.parametrize("rule", lint.RULES)
@pytest.mark.parametrize("name", ["00_start.ipynb", "01_depthwise.ipynb"])
def test_a_good_notebook_passes(rule, name):
    assert not list(lint.RULES[rule](good(name)))


@pytest.mark.parametrize(("rule", "spoil", "words"), BAD, ids=[f"{r}-{i}" for i, (r, _, _) in enumerate(BAD)])
def test_a_rule_notices(rule, spoil, words):
    notebook = good()
    spoil(notebook)
    offences = list(lint.RULES[rule](notebook))
    assert any(words in offence for offence in offences), offences


def test_every_rule_is_shown_to_notice():
    assert {rule for rule, _, _ in BAD} == set(lint.RULES)
    assert all(function.__doc__ for function in lint.RULES.values())


def test_a_meant_exception_may_stay():
    notebook = good()
    change(CODE, outputs=[error])(notebook)
    notebook.nb.cells[CODE].metadata["tags"] = ["raises-exception"]
    assert not list(lint.executed_in_order(notebook))


def test_harmless_text_is_no_machine_path():
    notebook = good()
    notebook.nb.cells[
        1
    ].source += " https://example.org/home/ann/x ~/photos data/photos/ 1/2 a/work/b ImageNet:\\n the paper's /home"
    assert not list(lint.no_machine_paths(notebook))


# ---------------------------------------------------------------- execute.py


def test_the_setup_cell_is_short_and_clones_the_one_repository():
    lines = [line for line in setup_cell().splitlines() if line.strip()]
    assert len(lines) <= 12 and all(len(line) <= 120 for line in lines)
    assert setup_cell().count("sys.path.insert") == 1
    assert f"git clone --depth 1 https://github.com/{repository()}" in setup_cell()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["series"]["repository"] == repository()
    assert f"/github/{repository()}/blob/main/notebooks/a.ipynb)" in badge("a.ipynb")


def test_the_setup_cell_finds_the_series_or_says_so(tmp_path, monkeypatch):
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    for folder in (ROOT, ROOT / "tests"):
        monkeypatch.chdir(folder)
        exec(setup_cell(), {})
        assert sys.path[0] == str(ROOT / "src")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="inside a copy of the repository"):
        exec(setup_cell(), {})


def test_on_colab_the_setup_cell_clones_once_and_moves_there(tmp_path, monkeypatch):
    import os
    import sys

    commands, name = [], repository().split("/")[1]

    def clone(command):
        commands.append(command)
        for file in (tmp_path / name / "src" / "architecture.py", tmp_path / name / "notebooks" / "00.ipynb"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()

    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(os, "system", clone)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        exec(setup_cell(), {})
    assert commands == [f"git clone --depth 1 https://github.com/{repository()}"]
    assert Path.cwd() == tmp_path / name / "notebooks" and sys.path[0] == str(tmp_path / name / "src")


def test_on_colab_a_clone_that_failed_is_named(tmp_path, monkeypatch):
    import os
    import sys

    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(os, "system", lambda command: 128)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="or clone it again"):
        exec(setup_cell(), {})


def test_normalise_removes_what_runs_leave_behind():
    notebook = good().nb
    notebook.metadata.update(widgets={}, language_info=dict(name="python", version="3.13.0"))
    cell = notebook.cells[CODE]
    cell.metadata.update(execution={"x": 1}, collapsed=True)
    del cell["id"]
    cell.outputs = [new_output("stream", name="stdout", text=part) for part in ("a\n", "b\n")]
    normalise(notebook)
    assert [output.text for output in cell.outputs] == ["a\nb\n"]
    again = lint.Notebook("00_start.ipynb", notebook, ROOT / "notebooks")
    assert not list(lint.clean_metadata(again)) and not list(lint.valid_file(again))


def test_executing_saves_in_place_and_twice_the_same(tmp_path, capsys):
    path = tmp_path / "00_small.ipynb"
    cells = [new_code_cell("print(6 * 7, flush=True)\nprint('end')"), new_code_cell("6 * 7")]
    nbformat.write(new_notebook(cells=cells), path)
    assert main([str(path)]) == 0
    first = path.read_bytes()
    notebook = lint.Notebook.read(path)
    assert [output.get("text") or output.data["text/plain"] for _, output in notebook.outputs] == ["42\nend\n", "42"]
    for rule in ("valid_file", "clean_metadata", "executed_in_order", "no_stderr"):
        assert not list(lint.RULES[rule](notebook))
    assert main([str(path)]) == 0 and path.read_bytes() == first
    assert "00_small.ipynb" in capsys.readouterr().out and [p.name for p in tmp_path.iterdir()] == ["00_small.ipynb"]


def test_a_notebook_that_raises_is_not_saved(tmp_path, capsys):
    path = tmp_path / "00_bad.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    assert main([str(path)]) == 1 and path.read_bytes() == before
    printed = capsys.readouterr()
    assert "FAILED, not saved" in printed.out and "ZeroDivisionError" in printed.err
    assert main([str(tmp_path / "none.ipynb")]) == 2 and "not a notebook" in capsys.readouterr().err
