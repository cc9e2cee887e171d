"""Copies of the series for a class: one for learners, without solutions and outputs, and one for the teacher.

Both run by themselves. In the learners' copy the solutions are encoded, because the checks need them. That hides them
from a glance, and from nobody who wants them.
"""

import ast
import base64
import io
import math
import re
import shutil
import tokenize
import zlib
from pathlib import Path

import nbformat

from execute import normalise, read, repository
from lesson_form import CHECK_CALL, below_predictions, code_lines, count_words
from markup import link_targets

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("notebooks", "src", "data", "imgs", "LICENSE", "requirements.txt", "requirements-extras.txt")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "cache", "*.part", "*.lock", ".git*")
# for one exercise, to plan with: a guess that nobody measured
MINUTES = dict(recall=5, modify=8, build=15, derive=10, decide=8)

SEALED = '''\
"""What is encoded in this copy: solutions, and what a picture shows. Not secret, only not in the way."""

import base64
import zlib


def unseal(text):
    """The text that `seal` in tools/class_copies.py encoded."""
    return zlib.decompress(base64.b64decode(text)).decode("utf-8")
'''
SEALED_LESSON = '''\
"""Lesson {lesson}, encoded: solutions, hints, and the mistakes that the checks know."""

from exercises.sealed import unseal

CARDS = """
{lines}
"""
exec(unseal("".join(CARDS.split())), globals())
'''
CLOSED = '''

def solution(number):
    """Closed in a class's copy: says so."""
    print(f'Solutions are with your teacher. Ask, once you have read hint("{number}"), hint("{number}", 2), ...')
'''
WELCOME = """\
# EfficientNet, from the first multiply-add: your copy

Python 3.11 to 3.13, in a virtual environment:

    pip install -r requirements.txt
    jupyter notebook --preferred-dir=notebooks

Begin with `00_start_here.ipynb`. Read, predict, then run. Each exercise has a check, which names what went wrong, and
hints. Hand in the notebook itself, saved. Its name does not matter; the names of the functions do.
"""


# ---------------------------------------------------------------- the folders


def make_student(out, answers=True):
    """Writes the learners' copy. Raises ValueError if `out` is there already.

    answers=False: the folded answers to predictions go as well.
    """
    from exercises import EXERCISES

    def change(folder):
        _rewrite(folder, lambda notebook: student_notebook(notebook, answers))
        package = folder / "src" / "exercises"
        (package / "sealed.py").write_text(SEALED, encoding="utf-8", newline="\n")
        for lesson in sorted({number[:2] for number in EXERCISES}):
            path = package / f"lesson_{lesson}.py"
            path.write_text(sealed_lesson(lesson, path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
        with open(package / "__init__.py", "a", encoding="utf-8", newline="\n") as file:
            file.write(CLOSED)
        (folder / "README.md").write_text(WELCOME, encoding="utf-8", newline="\n")

    _make(out, change)


def make_teacher(out):
    """Writes the teacher's copy. Raises ValueError if `out` is there already."""

    def change(folder):
        _rewrite(folder, teacher_notebook)
        pages = [Path(shutil.copy(ROOT / name, folder / name)) for name in ("TEACHING.md", "README.md")]
        for page in pages:  # when both are there, because one leads to the other
            text = links_that_lead(page.read_text(encoding="utf-8"), folder, folder)
            page.write_text(text, encoding="utf-8", newline="\n")

    _make(out, change)


def _rewrite(folder, change):
    """Changes each notebook of a copy in place."""
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        notebook = read(path)
        change(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = links_that_lead(cell.source, path.parent, folder)
        path.write_text(nbformat.writes(notebook), encoding="utf-8", newline="\n")


def links_that_lead(text, place, copy):
    """Markdown that stands in the folder `place` of a copy: a link to what the copy lacks leads to this repository."""
    for target in set(link_targets(text)):
        path = place / target.split("#")[0]
        if not re.match(r"[a-z]+:|#", target) and not path.exists():
            inside = path.resolve().relative_to(copy.resolve()).as_posix()
            text = text.replace(f"]({target})", f"](https://github.com/{repository()}/blob/main/{inside})")
    return text


def _make(out, change):
    """Copies the series, changes the copy, and only then gives it its name."""
    out = Path(out)
    if out.exists():
        raise ValueError(f"{str(out)!r} is there already, and may hold work: name another folder with --out.")
    unfinished = out.with_name(f"{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, unfinished / name, ignore=LEFT_OUT)
            else:
                shutil.copy(source, unfinished / name)
        change(unfinished)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def seal(text):
    """A text, encoded. It holds no quotation mark and no backslash, so it may stand between quotes."""
    return base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")


def sealed_lesson(lesson, source):
    """The module of a lesson's exercises, encoded."""
    text = seal(source)
    lines = [text[i : i + 100] for i in range(0, len(text), 100)]
    return SEALED_LESSON.format(lesson=lesson, lines="\n".join(lines))


# ---------------------------------------------------------------- the learners' notebooks


def student_notebook(notebook, answers=True):
    """Takes out, in place, what answers for a learner: outputs, and what code says right after a prediction."""
    normalise(notebook)
    notebook.metadata["colab"] = {"generative_ai_disabled": True}
    for _, below in below_predictions(notebook.cells):
        for cell in below:
            cell.source = without_telling(cell.source)
            if "unseal(" in cell.source:  # long codes are folded; Jupyter and Colab have a word each for it
                cell.metadata["jupyter"] = {"source_hidden": True}
                cell.metadata["cellView"] = "form"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "markdown":
            # the closed `solution` is not offered
            cell.source = re.sub(r",? and `solution\(\"\d\d\.\d\"\)` [^.]*(?=\.)", "", cell.source)
            if not answers:
                cell.source = without_answer(cell.source)


def without_answer(source):
    """A markdown cell without its folded answer."""
    line = "*Write down what you expect, then go on.*"
    return re.sub(r"<details>\s*<summary>Answer.*?</details>", line, source, flags=re.DOTALL)


def without_telling(source):
    """Code without what tells its result: asserts and comments go, texts that describe a picture are encoded."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.Assert):
            del lines[node.lineno - 1 : node.end_lineno]
    source = _without_comments("\n".join(lines))
    texts = _telling_texts(ast.parse(source))
    for node in sorted(texts, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        text = f"({ast.get_source_segment(source, node)})"  # in brackets, for it may go over several lines
        # a generator in the text knows a function's names only if they are global to it
        source = _replaced(source, node, f'eval(unseal("{seal(text)}"), globals() | locals())')
    return f"from exercises.sealed import unseal\n\n{source}" if texts else source


def _without_comments(source):
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


def _telling_texts(tree):
    """The texts in calls of `show`: what a picture shows, its headline. Single words, such as labels, are none."""
    shown = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "show":
            shown += _texts_in(node)
    return [text for text in shown if len(ast.unparse(text).split()) >= 5]


def _texts_in(node):
    """The texts below a node of the syntax tree; an f-string is one text, whatever stands in it."""
    if isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str):
        return [node]
    found = []
    for child in ast.iter_child_nodes(node):
        found += _texts_in(child)
    return found


def _replaced(source, node, text):
    """A source with other text in place of a node. Columns of the syntax tree count bytes."""
    lines = source.encode("utf-8").splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    lines[first : last + 1] = [before + text.encode("utf-8") + after]
    return b"".join(lines).decode("utf-8")


# ---------------------------------------------------------------- the teacher's notebooks


def teacher_notebook(notebook):
    """Puts, in place, solutions into the exercises, notes under them, and the plan of the lesson behind its goals."""
    from exercises import EXERCISES

    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        numbers = CHECK_CALL.findall(cell.source) if cell.cell_type == "code" else []
        if len(numbers) == 1 and numbers[0] in EXERCISES:
            entry = EXERCISES[numbers[0]]
            cell.source = f'{entry.solution}\n\n\ncheck("{entry.number}", {entry.name})'
            said = f"✓ {entry.number} {entry.name}: {entry.praise}\n"
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=said)]
            cells.append(_note(f"teacher-{entry.number.replace('.', '-')}", exercise_note(entry)))
    plan = "\n".join(["**For the teacher: minutes by section**", "", *minutes_table(notebook)])
    cells.insert(2, _note("teacher-plan", plan))
    notebook.cells = cells


def _note(name, text):
    return nbformat.v4.new_markdown_cell(text, id=name, metadata={"slideshow": {"slide_type": "skip"}})


def exercise_note(entry):
    """What a teacher wants to know about an exercise, in Markdown: hints, mistakes, other right answers."""
    lines = [f"**For the teacher: {entry.number}** ({entry.kind}, about {MINUTES[entry.kind]} minutes)", ""]
    lines += ["Hints, in order:", "", *(f"{i}. {_plain(hint)}" for i, hint in enumerate(entry.hints, start=1)), ""]
    lines += ["Mistakes that the check knows, and what it says:", ""]
    for row in entry.rows["✗"]:
        edits, message = row.split(" # ")
        lines.append(f"- {in_words(edits)}: {_plain(message)}")
    if entry.rows["~"]:
        lines += ["", "Right as well:", "", *(f"- {in_words(edits)}" for edits in entry.rows["~"])]
    return "\n".join(lines)


def in_words(edits):
    """The edits of a mistake, in Markdown."""
    parts = []
    for edit in edits.split("; "):
        old, arrow, new = (text.strip() for text in f" {edit} ".rpartition(" -> "))
        wrong = f"`{new}`" if new else "nothing"
        parts.append(f"`{old}` becomes {wrong}" if old else f"{wrong} is written")
    return ", ".join(parts)


def _plain(text):
    """A text whose signs Markdown takes as they are: w**2 is no bold type."""
    return re.sub(r"([*_`$<\[])", r"\\\1", text)


# ---------------------------------------------------------------- minutes


def minutes(notebook):
    """(section, minutes, predictions, charts) for each section of a lesson; its exercises are counted as work.

    Reading: 200 words and 15 lines of code a minute, and half a minute a chart, counted as lesson_form.py counts them.
    """
    from exercises import EXERCISES

    sections = [["Opening", 0.0, 0, 0]]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^## (.+)", cell.source, re.MULTILINE)
            if heading:
                sections.append([heading[1].strip(), 0.0, 0, 0])
            section = sections[-1]
            section[1] += 0 if section[0] == "References" else count_words(cell.source) / 200
            section[2] += "<summary>Answer" in cell.source
            continue
        numbers = [number for number in CHECK_CALL.findall(cell.source) if number in EXERCISES]
        work = sum(MINUTES[EXERCISES[number].kind] for number in numbers)
        charts = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        lines = [] if cell in code[:2] else code_lines(cell.source)  # setup and imports
        sections[-1][1] += work or len(lines) / 15 + charts / 2
        sections[-1][3] += charts
    return [(name, time, predictions, charts) for name, time, predictions, charts in sections if time]


def minutes_table(notebook):
    """The lines of a Markdown table of `minutes`."""
    lines = ["| section | minutes | predictions | charts |", "|---|---|---|---|"]
    found = minutes(notebook)
    for name, time, predictions, charts in found:
        lines.append(f"| {name} | {max(1, round(time))} | {predictions or ''} | {charts or ''} |")
    exercises = sum(time for name, time, _, _ in found if name == "Exercises")
    reading = math.ceil(round(sum(row[1] for row in found) - exercises, 6))  # 29.000000000000004 is 29
    lines += ["", f"Reading {reading} minutes, exercises {round(exercises)}."]
    return lines
