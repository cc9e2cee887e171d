"""Every number in the text of a lesson, of README.md and of the guides comes from somewhere that can be named.

It stands, rounded, in the code, the outputs or the small tables of its section or an earlier one, in the lesson's test,
or in the facts of the series; or its paragraph works it out; or its sentence names a source. Not looked at: whole
numbers up to 10, names as B0 and CIFAR-10, versions, years, minutes, questions, code and references.
"""

import math
import re
from itertools import permutations
from pathlib import Path

import nbformat
import pytest

from architecture import VARIANTS, plan
from lint import texts

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
SMALL = 120  # different numbers in a table; among more of them, any number would find itself

SILENT = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|<[^>]*>|https?://\S+|^## References.*", re.S | re.M)
NAME = re.compile(
    r"^ *\d+\.(?= )|\b0\d(?:\.\d)?\b|[A-Za-zα-ω#_{]+[-‑]?\d[\d.]*\b|\b(?:19|20)\d\d\b|\b\d+[a-z]\w*|\d+\s+min"
    r"|\b(?:RTX|Core|Python|TensorFlow|Keras|Colab|NumPy) [\d.]+(?: to [\d.]+)?",
    re.M,
)
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")
SOURCE = re.compile(r"§|\bet al\.|arXiv|\bTables? \d|\bequation \d|\bpaper\b|\bauthors\b|\?\W*$", re.I)
UNITS = {"%": 100, "per": 100, "points": 100, "thousand": 1e-3, "million": 1e-6, "billion": 1e-9, "MB": 1e-6}
SIGNS = {r"\\cdot|·|×": "*", "÷": "/", r"\^": "**", "−": "-", r"\be\b": str(math.e)}


def value(text):
    return abs(float(text.replace(",", "").replace("−", "-")))


def values(text):
    return {value(found) for found in NUMBER.findall(text)}


def facts():
    """What is true in every lesson: the plans, the constants of the code, the sizes of the data and their files."""
    files = ("src/architecture.py", "src/datasets.py", "data/README.md")
    known = {math.e, *(path.stat().st_size for path in (ROOT / "data").glob("*.*"))}
    known = known.union(*(values((ROOT / name).read_text(encoding="utf-8")) for name in files))
    for network in map(plan, VARIANTS):
        known |= {network.params, network.macs, len(network.blocks), network.blocks[-1].drop_rate}
    for conv in plan("b0").convs:
        known |= {conv.inputs, conv.filters, conv.size, conv.output_size, conv.output_size**2}
    return known | {sum(not conv.bias for conv in plan("b0").convs)}  # its batch norms


def is_known(number, unit, known):
    """Whether a number as written is one of the known ones, rounded, or one of them in its unit."""
    wanted, decimals = value(number), len(number.partition(".")[2])
    scales = {1, UNITS.get(unit, 1)}
    return any(abs(one * scale - wanted) <= 0.5001 * 10**-decimals for one in known for scale in scales)


def worked_out(paragraph):
    """The numbers of a paragraph's equations that are right, and what any two of its numbers make."""
    made = set()
    for a, b in permutations(values(NAME.sub(" ", paragraph)) - {0, 1}, 2):
        made |= {a + b, a - b, a * b, a / b}
    for sign, python in SIGNS.items():
        paragraph = re.sub(sign, python, paragraph)
    paragraph = re.sub(r"\\ln *\(?([\d./]+)\)?", lambda found: str(math.log(eval(found[1]))), paragraph)
    for equation in re.findall(r"[-+*/().\d ]+(?: *=[-+*/().\d ]*\d)+", paragraph):
        try:
            first, *others = (eval(side) for side in equation.split("="))
        except SyntaxError:  # a list's dash, half a formula
            continue
        if all(abs(first - other) < 0.006 for other in others):
            made |= values(equation)
    return made


def orphans(text, known):
    """The numbers of a Markdown text that have no home, each with its sentence."""
    text = SILENT.sub(" ", re.sub(r"\]\((?:https?:|\.\./)[^)]*\)", " §", text))
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*[-|>\d])", text):
        made = worked_out(paragraph)
        for sentence in re.split(r"(?<=[.!?])\s+", paragraph):
            bare = NAME.sub(" ", sentence)
            for match in () if SOURCE.search(sentence) else NUMBER.finditer(bare):
                unit = re.match(r"\s*(%|\w*)", bare[match.end() :])[1]
                small = "." not in match[0] and value(match[0]) <= 10
                if not small and not is_known(match[0], unit, known | made):
                    yield f"{match[0]} in: {' '.join(sentence.split())[:150]}"


def lesson_orphans(nb, known):
    section = []
    for cell in [*nb.cells, nbformat.v4.new_markdown_cell("## end")]:
        if cell.cell_type == "code":
            known |= values(cell.source)
            known = known.union(*(values(text) for output in cell.outputs for text in texts(output)))
            for table in re.findall(r"""(?:published|measured)\(["'](\w+)""", cell.source):
                (path,) = (ROOT / "data").glob(f"*/{table}.csv")
                found = values(path.read_text(encoding="utf-8"))
                known |= found if len(found) <= SMALL else set()
            continue
        if cell.source.startswith("## "):
            for text in section:
                yield from orphans(text, known)
            section = []
        section.append(cell.source)


@pytest.mark.parametrize("name", LESSONS)
def test_lesson(name):
    test = ROOT / "tests" / f"test_lesson_{name[:2]}.py"
    known = facts() | (values(test.read_text(encoding="utf-8")) if test.exists() else set())
    assert not list(lesson_orphans(nbformat.read(ROOT / "notebooks" / name, as_version=4), known))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_page(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    code = set().union(*map(values, re.findall(r"```.*?```|`[^`]*`", text, re.S)))
    assert not list(orphans(text, facts() | code))


def test_what_has_no_home_is_found():
    text = "81.27 % and 81.3 %, not 81.4. 3.14 · 2 = 6.28, not 6.29: 30 ÷ 2.5 is 12. 471.1! 1.78 as [x](https://x.y)."
    assert [found.split()[0] for found in orphans(text, {0.8127})] == ["81.4", "6.29", "471.1"]
