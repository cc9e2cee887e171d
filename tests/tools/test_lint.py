"""Every rule of lint.py on a notebook to which no rule objects, and on something that it must notice."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import exercises
import lint
from execute import KERNELSPEC, badge, setup_cell

ROOT = Path(__file__).resolve().parent.parent.parent


READING = "Reading takes 6 minutes without the exercises"  # 1,046 words, 1 line, 1 chart


def slide(cell, kind="-", *tags):
    cell.metadata = nbformat.from_dict(dict(slideshow=dict(slide_type=kind), **(dict(tags=list(tags)) if tags else {})))
    return cell


def good(name="00_start.ipynb"):
    """A notebook to which no rule objects."""
    picture = new_output("display_data", dict([("image/png", "iVBORw0KGgo="), ("text/plain", "<Figure>")]))
    picture.metadata = nbformat.from_dict({"image/png": {"alt": "Bars of accuracy, the last one the highest."}})
    words = "<details><summary>Picture in words</summary>Bars of accuracy, the last one the highest.</details>"
    below = new_output("display_data", {"text/html": words})
    predict = "**Predict first.** Which, 3.5 or 12.5?\n\n<details><summary>Answer</summary>12.5, the second.</details>"
    markdown, code = new_markdown_cell, new_code_cell
    cells = [
        slide(markdown(f"# Start here\n\n{badge(name)}\n\n## What you will be able to do\n- read"), "slide"),
        slide(markdown(f"## Before you start\n\n{READING}.\n" + "word " * 1000), "subslide"),
        slide(code(setup_cell(), outputs=[new_output("stream", text="keras 3\n")]), "skip", "nbval-ignore-output"),
        slide(
            markdown(predict + "\n\n![A net](../imgs/)\n\n[the plan](../src/architecture.py#L1)\n\n`[code](none)`"),
            "subslide",
        ),
        slide(
            code("import math\n\nimport numpy as np\nfrom architecture import plan\nfrom exercises import check"),
            "fragment",
        ),
        slide(code("show(fig)", outputs=[picture, below])),
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
widget = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}})
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
    ("clean_metadata", change(CODE, outputs=[widget]), "holds a widget"),
    ("small_file", attribute("size", 2_600_000), "2.6 MB"),
    ("small_file", change(PICTURE, outputs=[big_picture]), "375 KB"),
    ("executed_in_order", change(CODE, execution_count=None), "execution_count None"),
    ("executed_in_order", lambda n: [c.update(execution_count=None) for _, c in n.code], "never executed"),
    ("executed_in_order", change(CODE, execution_count=7), "execution_count 7, not 2"),
    ("executed_in_order", change(CODE, outputs=[error]), "ended in ValueError"),
    ("no_stderr", stream("stderr", "a warning"), "a warning"),
    ("images_have_alt", change(PICTURE, outputs=[bare_picture]), "alt ''"),
    ("images_have_alt", change(PICTURE, outputs=[short_alt]), "alt 'a figure'"),
    ("pictures_in_words", lambda n: n.nb.cells[PICTURE].outputs.pop(), "no *Picture in words*"),
    ("pictures_in_words", lambda n: n.nb.cells[PICTURE].outputs.reverse(), "no *Picture in words*"),
    ("setup_cell_is_the_same", text(2, "import os\n", "import os, time\n"), "--setup-cell"),
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
    ("title_then_badge", text(1, "Before", "colab.research.google.com/github Before"), "2 Colab links"),
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
    ("exercise_names_are_imported", text(CODE, "import numpy as np", "def f():\n    import numpy as np"), "uses np"),
    ("markdown_images_have_alt", text(3, "![A net]", "![ ]"), "../imgs/ has no alt"),
    ("markdown_images_have_alt", text(3, "![A net]", "<img src='../imgs/'>"), "has no alt"),
    ("local_links_exist", text(3, "architecture.py", "architektur.py"), "architektur.py#L1"),
    ("local_links_exist", text(3, "../imgs/", "../pictures/"), "../pictures/"),
    ("local_links_exist", text(3, "![A net]", "<a href='none.md'>x</a>"), "none.md"),
    ("slides_marked", lambda n: n.nb.cells[1].metadata.pop("slideshow"), "slide type None"),
    ("slides_marked", lambda n: n.nb.cells[1].metadata.slideshow.update(slide_type="page"), "'page'"),
    ("slides_marked", lambda n: n.nb.cells[4].metadata.slideshow.update(slide_type="-"), "follows a prediction"),
    ("slides_marked", lambda n: n.nb.cells[4].metadata.slideshow.update(slide_type="skip"), "cell 5 follows"),
    ("length", text(1, "word ", ""), "words"),
    ("length", text(1, "word ", "word word "), "words"),
    ("length", text(1, "word word word ", "word (word) word "), "remarks in brackets"),
    ("length", lambda n: [n.nb.cells.insert(3, slide(new_code_cell("x"))) for _ in range(36)], "code cells"),
    ("length", change(PICTURE, source="x = 1\n" * 16), "over 15 lines"),
    ("length", lambda n: [c.update(source="x = 1\n" * 6) for _, c in n.code], "median code cell has 6"),
    ("length", change(PICTURE, outputs=[new_output("stream", text="a\n" * 9)]), "9 lines printed"),
    ("length", change(PICTURE, outputs=[new_output("stream", text="a" * 101)]), "101 characters wraps"),
    ("reading_time", text(1, "6 minutes", "5 minutes"), "6 minutes"),
    ("reading_time", text(1, "word ", "word word "), "11 minutes"),
    ("predictions_do_not_leak", text(PICTURE, "show(fig)", "assert x == 12.5"), "'12.5'"),
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


def test_the_program_prints_each_offence_and_ends_with_1(tmp_path, capsys):
    path = tmp_path / "00_start.ipynb"
    bad = good().nb
    bad.cells[1].source = bad.cells[1].source.replace("Before you start", "Prerequisites")
    nbformat.write(bad, path)
    assert lint.main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("00_start.ipynb: sections_present: ") and "Before you start" in line for line in lines)
    assert lint.main(["--rules"]) == 0 and len(capsys.readouterr().out.splitlines()) == len(lint.RULES)
    assert lint.main([str(tmp_path / "none.ipynb")]) == 2 and "none.ipynb" in capsys.readouterr().err


def test_the_program_is_content_with_our_lessons(capsys):
    first = ROOT / "notebooks" / "00_start_here.ipynb"
    assert lint.main([str(first)]) == 0
    assert capsys.readouterr().out == f"1 notebooks, {len(lint.RULES)} rules, 0 offences\n"
