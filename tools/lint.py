"""Rules for notebooks as documents: what every lesson has, and what no lesson contains.

    python tools/lint.py                          all of notebooks/
    python tools/lint.py notebooks/01_*.ipynb     some
    python tools/lint.py --rules                  what is checked

A rule takes a Notebook and yields one message for each offence; the exit status is 1 if there is one.
"""

import argparse
import ast
import builtins
import copy
import re
import symtable
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import median

import nbformat

from execute import CELL_METADATA, KERNELSPEC, LIVE, badge, notebooks, read, setup_cell
from lesson_form import CHECK_CALL, form_of, leaks, too_much
from markup import dead_links, foreign_places, images_without_alt, prose
from submission import free_names

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
from command import fails_in_one_line

SECTIONS = ("What you will be able to do", "Before you start", "In this notebook we", "Exercises", "References")
SLIDES = ("slide", "subslide", "fragment", "skip", "notes", "-")
EXEMPT_TAGS = {"nbval-ignore-output", "nbval-skip"}
EXEMPT_COMMENT = re.compile(r"^\s*#\s*(NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE_OUTPUT)", re.M | re.I)

RULES = {}


def rule(function):
    RULES[function.__name__] = function
    return function


@dataclass
class Notebook:
    """`name` is the file's name, `folder` where it lies, `size` its bytes."""

    name: str
    nb: nbformat.NotebookNode
    folder: Path
    size: int = 0

    @classmethod
    def read(cls, path):
        return cls(path.name, read(path), path.parent, path.stat().st_size)

    @property
    def lesson(self):
        return self.name[:2]

    @property
    def code(self):
        """(label, cell) of each code cell; cells count from 0, as in `nb.cells`."""
        return [(f"cell {i}", cell) for i, cell in enumerate(self.nb.cells) if cell.cell_type == "code"]

    @property
    def markdown(self):
        return [(f"cell {i}", cell) for i, cell in enumerate(self.nb.cells) if cell.cell_type == "markdown"]

    @property
    def outputs(self):
        return [(label, output) for label, cell in self.code for output in cell.outputs]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def is_exempt(cell):
    """Whether nbval does not compare this cell's output."""
    return bool(tags(cell) & EXEMPT_TAGS or EXEMPT_COMMENT.search(cell.source))


def texts(output):
    """Every text of an output: streams, errors, and the text of each mime type."""
    yield output.get("text", "")
    yield from output.get("traceback", [])
    for mime, value in output.get("data", {}).items():
        if not mime.startswith("image/") or mime == "image/svg+xml":
            yield value if isinstance(value, str) else str(value)


# ---------------------------------------------------------------- the file


@rule
def valid_file(notebook):
    """A valid notebook of format 4.5 or later; each cell has an id of its own."""
    nb = notebook.nb
    if (nb.nbformat, nb.nbformat_minor) < (4, 5):
        yield f"format {nb.nbformat}.{nb.nbformat_minor}, not 4.5: run tools/execute.py on it"
    ids = [cell.get("id") for cell in nb.cells]
    for i, cell_id in enumerate(ids):
        if not cell_id or ids.count(cell_id) > 1:
            yield f"cell {i} has no id of its own (id is {cell_id!r})"
            return
    try:
        nbformat.validate(copy.deepcopy(nb))  # a copy, because validate repairs
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {str(error).splitlines()[0]}"


@rule
def clean_metadata(notebook):
    """Kernel python3, and nothing that an editor or a run left behind."""
    metadata = notebook.nb.metadata
    if dict(metadata.get("kernelspec", {})) != KERNELSPEC:
        yield f"kernelspec is {dict(metadata.get('kernelspec', {}))}, not {KERNELSPEC}: run tools/execute.py on it"
    for key in sorted(set(metadata) - {"kernelspec", "language_info"}):
        yield f"metadata has {key!r}: run tools/execute.py on it"
    if dict(metadata.get("language_info", {})) != {"name": "python"}:
        yield "language_info holds more than the name: run tools/execute.py on it"
    for i, cell in enumerate(notebook.nb.cells):
        for key in sorted(set(cell.metadata) - set(CELL_METADATA)):
            yield f"cell {i} has metadata {key!r}: run tools/execute.py on it"
    for label, output in notebook.outputs:
        if LIVE & set(output.get("data", {})):
            yield f"{label} holds a widget, which is dead in a saved notebook: run tools/execute.py on it"


@rule
def small_file(notebook):
    """The file stays under 2.5 MB and each image under 300 KB."""
    if notebook.size >= 2_500_000:
        yield f"{notebook.size / 1e6:.1f} MB, limit 2.5: fewer or simpler figures"
    for label, output in notebook.outputs:
        for mime, data in output.get("data", {}).items():
            size = len(data) * (1 if mime == "image/svg+xml" else 3 / 4)
            if mime.startswith("image/") and size > 300_000:
                yield f"{label}: an image of {size / 1000:.0f} KB, limit 300: lower its dpi or its size"


# ---------------------------------------------------------------- code and outputs


@rule
def executed_in_order(notebook):
    """Every code cell was executed, once, from top to bottom, without error."""
    if notebook.code and all(cell.execution_count is None for _, cell in notebook.code):
        yield "was never executed: run tools/execute.py on the notebook"
        return
    for n, (label, cell) in enumerate(notebook.code, start=1):
        if cell.execution_count != n:
            yield f"{label} has execution_count {cell.execution_count}, not {n}: run tools/execute.py on the notebook"
        if "raises-exception" not in tags(cell):
            for output in cell.outputs:
                if output.output_type == "error":
                    yield f"{label} ended in {output.ename}: {output.evalue} (tag raises-exception if that is meant)"


@rule
def no_stderr(notebook):
    """No stored stderr: it differs by machine."""
    for label, output in notebook.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            yield f"{label} wrote to stderr: {output.text.strip().splitlines()[0][:80]!r}; remove its cause"


@rule
def images_have_alt(notebook):
    """Every image that a cell draws has alternative text which says what is seen."""
    for label, output in notebook.outputs:
        for mime in output.get("data", {}):
            if mime.startswith("image/"):
                metadata = output.get("metadata", {}).get(mime, {})
                alt = metadata.get("alt", "") if isinstance(metadata, dict) else ""
                if len(alt.split()) < 5:
                    yield f"{label}: {mime} has alt {alt!r}, under 5 words: show(fig, alt=...) with what is seen"


@rule
def pictures_in_words(notebook):
    """Under every picture stands its text, folded: the alt alone reaches no screen reader in Notebook, Lab or Colab."""
    for label, cell in notebook.code:
        for output, below in zip(cell.outputs, [*cell.outputs[1:], {}]):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "").strip()
            if alt and escape(alt) not in below.get("data", {}).get("text/html", ""):
                yield f"{label}: no *Picture in words* under a picture: run tools/execute.py on the notebook"


@rule
def setup_cell_is_the_same(notebook):
    """The first code cell is the setup cell, word for word, exempt from comparison; nothing else changes the path."""
    if not notebook.code:
        yield "no code cell"
        return
    label, first = notebook.code[0]
    if first.source.strip() != setup_cell():
        yield f"{label} is not the setup cell: paste what `python tools/execute.py --setup-cell` prints"
    if "nbval-ignore-output" not in tags(first):
        yield f"{label}: the setup cell prints versions; tag it nbval-ignore-output"
    if sum(cell.source.count("sys.path") for _, cell in notebook.code) > first.source.count("sys.path"):
        yield "sys.path is changed outside the setup cell"


@rule
def few_cells_exempt(notebook):
    """At most a quarter of the code cells are exempt from comparison."""
    exempt = [label for label, cell in notebook.code if is_exempt(cell)]
    if len(exempt) > len(notebook.code) / 4:
        yield f"{len(exempt)} of {len(notebook.code)} code cells are exempt from comparison, limit a quarter: {exempt}"


@rule
def short_code(notebook):
    """Code cells have at most 25 lines, and 8 in the median, leaving out the setup cell and the exercises."""
    lines = {label: len(cell.source.strip().splitlines()) for label, cell in notebook.code}
    for label, count in lines.items():
        if count > 25:
            yield f"{label} has {count} lines, limit 25: split it, or move it to src"
        if not count:
            yield f"{label} is empty"
    own = [lines[label] for label, cell in notebook.code[1:] if not CHECK_CALL.search(cell.source)]
    if own and median(own) > 8:
        yield f"the median code cell has {median(own)} lines, limit 8"


@rule
def no_machine_paths(notebook):
    """No path of somebody's machine, no registry address."""
    for i, cell in enumerate(notebook.nb.cells):
        where = [("source", cell.source)]
        where += [("output", text) for output in cell.get("outputs", []) for text in texts(output)]
        for kind, text in where:
            for place in foreign_places(text):
                yield f"cell {i}, {kind}: {place!r} means nothing on another machine"


# ---------------------------------------------------------------- the lesson


@rule
def title_then_badge(notebook):
    """The first cell starts with the one H1, then the Colab badge of this very file."""
    first = notebook.nb.cells[0] if notebook.nb.cells else None
    lines = [line for line in first.source.splitlines() if line.strip()] if first else []
    if not lines or first.cell_type != "markdown" or not lines[0].startswith("# "):
        yield "the first cell does not start with '# title'"
    titles = [label for label, cell in notebook.markdown if re.search(r"^# ", prose(cell.source), re.M)]
    if len(titles) > 1:
        yield f"more than one '# title': {titles}"
    if len(lines) < 2 or lines[1].strip() != badge(notebook.name):
        yield f"the line after the title is not this file's badge: {badge(notebook.name)}"
    elsewhere = sum(cell.source.count("colab.research.google.com/github") for _, cell in notebook.markdown)
    if elsewhere > 1:
        yield f"{elsewhere} Colab links, expected one"


@rule
def sections_present(notebook):
    """The sections that every lesson has, in order."""
    starts = [re.sub(r"^[\s#*_>]+", "", line) for _, cell in notebook.markdown for line in cell.source.splitlines()]
    place = -1
    for section in SECTIONS:
        found = [i for i, line in enumerate(starts) if line.startswith(section)]
        if not found:
            yield f"no section {section!r} (a line of a markdown cell that starts with these words)"
        elif found[-1] < place:
            yield f"section {section!r} comes too early; the order is {', '.join(SECTIONS)}"
        else:
            place = next(i for i in found if i >= place)


@rule
def predict_first(notebook):
    """At least three prompts to predict, with the answer folded away."""
    wanted = 3
    sources = [cell.source.lower() for _, cell in notebook.markdown]
    folded = sum(source.count("<details") for source in sources if "predict" in source)
    if folded < wanted:
        yield f"{folded} folded answers (<details>) in cells that say 'Predict', at least {wanted} expected"
    for label, cell in notebook.markdown:
        if cell.source.lower().count("<details") != cell.source.lower().count("</details>"):
            yield f"{label}: <details> that is not closed in its cell"


@rule
def exercise_cells_are_stubs(notebook):
    """Each exercise of the lesson has its cell: the stub and its check, nothing else."""
    import exercises  # starts TensorFlow: not for --help

    called = {}
    for label, cell in notebook.code:
        for number in CHECK_CALL.findall(cell.source):
            called.setdefault(number, []).append((label, cell))
    for number, cells in called.items():
        label, cell = cells[0]
        if number not in exercises.EXERCISES or number[:2] != notebook.lesson:
            yield f"{label}: exercise {number} does not belong to lesson {notebook.lesson}"
        elif cell.source.strip() != exercises.cell(number):
            yield f"{label} differs from exercises.cell({number!r}):\n{exercises.cell(number)}"
        if len(cells) > 1:
            yield f"exercise {number} is checked in {len(cells)} cells"
    wanted = [number for number in exercises.EXERCISES if number[:2] == notebook.lesson]
    if list(called) != wanted:
        yield f"exercises are {list(called)}, expected {wanted}, in this order"
    if not wanted:
        yield f"lesson {notebook.lesson} has no exercises in src/exercises/"


@rule
def exercise_names_are_imported(notebook):
    """What a solution uses (np, plan, ...) is defined in the notebook before the exercise."""
    import exercises

    known = set(dir(builtins))
    for label, cell in notebook.code:
        try:
            scope = symtable.symtable(re.sub(r"^(\s*)[%!].*$", r"\1pass", cell.source, flags=re.M), label, "exec")
        except SyntaxError as error:
            yield f"{label} is not Python: {error.msg}"
            continue
        known |= {name.get_name() for name in scope.get_symbols() if name.is_assigned() or name.is_imported()}
        for number in CHECK_CALL.findall(cell.source):
            if number in exercises.EXERCISES:
                missing = sorted(free_names(ast.parse(exercises.find(number).solution)) - known)
                if missing:
                    yield f"{label}: the solution of {number} uses {', '.join(missing)}, not imported above it"


@rule
def markdown_images_have_alt(notebook):
    """Images in the text have alternative text."""
    for label, cell in notebook.markdown:
        yield from (f"{label}: {message}" for message in images_without_alt(prose(cell.source)))


@rule
def local_links_exist(notebook):
    """Links to files of the repository lead somewhere."""
    for label, cell in notebook.markdown:
        yield from (f"{label}: {message}" for message in dead_links(prose(cell.source), notebook.folder))


@rule
def slides_marked(notebook):
    """Every cell says what it is in the slide show, and what answers a prediction waits for a click."""
    asked = False
    for i, cell in enumerate(notebook.nb.cells):
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        if kind not in SLIDES:
            yield f"cell {i} has slide type {kind!r}; metadata.slideshow.slide_type is one of {', '.join(SLIDES)}"
        if asked and kind == "-":
            yield f"cell {i} follows a prediction on the same slide: make it a 'fragment' or a 'subslide'"
        if kind != "skip":
            asked = "<summary>Answer" in cell.source


@rule
def length(notebook):
    """Words, code cells, their lines and what they print keep the limits in tools/lesson_form.py."""
    yield from too_much(form_of(notebook.nb.cells))


@rule
def reading_time(notebook):
    """*Before you start* says how long reading takes without the exercises, as counted."""
    minutes = form_of(notebook.nb.cells).minutes
    said = f"Reading takes {minutes} minutes without the exercises"
    if not any(said in cell.source for _, cell in notebook.markdown):
        yield f"no cell says {said!r}"


@rule
def predictions_do_not_leak(notebook):
    """What answers a prediction stands neither above it in its section nor in the code below it."""
    for place, told in leaks(notebook.nb.cells):
        yield f"cell {place} says {told!r}, which a prediction beside it asks for"


# ---------------------------------------------------------------- the program


def offences(path):
    """(name of the rule, message) of each offence in one notebook."""
    notebook = Notebook.read(path)
    for name, check in RULES.items():
        for message in check(notebook):
            yield name, message


@fails_in_one_line(ValueError)
def main(arguments=None):
    """Prints the offences in the notebooks that are named, or in all. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Checks notebooks as documents: form, sections, links, exercises.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="files to check; all of notebooks/ if none is named")
    parser.add_argument("--rules", action="store_true", help="print what is checked")
    options = parser.parse_args(arguments)
    if options.rules:
        for name, check in RULES.items():
            print(f"{name:27} {check.__doc__}")
        return 0
    paths, count = notebooks(options.notebooks), 0
    for path in paths:
        for name, message in offences(path):
            count += 1
            print(f"{path.name}: {name}: {message}")
    print(f"{len(paths)} notebooks, {len(RULES)} rules, {count} offences")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
