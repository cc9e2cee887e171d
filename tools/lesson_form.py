"""What a lesson costs its reader, and what it gives away: counted from its cells, up to the exercises.

python tools/lesson_form.py      of every lesson
"""

import argparse
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from execute import notebooks, read

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from command import fails_in_one_line

WORDS, BRACKETS = (1_000, 1_900), 15
CELLS, MEDIAN, LONG = 36, 5, 15  # code cells; the median one's lines; lines that one in ten may exceed
PRINTED, WIDTH = 8, 100  # printed lines of a cell; characters of a line, which wraps beyond on a laptop
PREDICTION = re.compile(r"\*\*Predict first\.\*\*(.*?)<details>\s*<summary>Answer</summary>(.*?)</details>", re.S)
CHECK_CALL = re.compile(r"""^check\(["']([^"']+)""", re.M)
WORD = r"\w[\w'’.,:×/-]*"
SECRET = re.compile(r'\d[\d,]*\.?\d+|(?<=")\w+(?=")')  # a number of two digits at least, a word in quotes
PICTURE_IN_WORDS = re.compile(r'\s*(alt=)?f?"[^"]*"?[,)]*')


@dataclass
class Form:
    """What stands before the exercises: words of Markdown, all of them and those that one reads, brackets, code cells,
    lines of each that one reads, charts, and the printed lines of each cell. Blank lines, pictures in words, setup and
    imports are no code to read; code, tags and targets of links no words to read.
    """

    words: int
    read: int
    cells: int
    brackets: int
    lines: list
    charts: int
    printed: list

    @property
    def minutes(self):
        """200 words and 15 lines of code a minute, half a minute a chart, rounded up."""
        return math.ceil(self.read / 200 + sum(self.lines) / 15 + self.charts / 2)

    def __str__(self):
        longest = max((len(line) for lines in self.printed for line in lines), default=0)
        return (
            f"{self.words:5,} words {self.brackets:3} brackets {self.cells:3} cells {sum(self.lines):4} lines, "
            f"median {median(self.lines):g} {self.charts:3} charts {sum(map(len, self.printed)):4} printed lines, "
            f"longest {longest:3} {self.minutes:3} minutes"
        )


def form_of(cells):
    """The Form of a lesson, from its cells."""
    form, code = Form(0, 0, 0, 0, [], 0, []), []
    for cell in before_the_exercises(cells):
        if cell.cell_type == "markdown":
            form.words += len(cell.source.split())
            form.read += count_words(cell.source)
            form.brackets += readable(cell.source).count("(")
        elif cell.cell_type == "code":  # raw cells show nothing
            code.append(cell)
    form.cells = len(code)
    for cell in code[2:]:
        form.lines.append(len(code_lines(cell.source)))
        printed = "".join(output.get("text", "") for output in cell.outputs).rstrip()
        form.printed.append(printed.splitlines())
        form.charts += sum("image/png" in output.get("data", {}) for output in cell.outputs)
    return form


def before_the_exercises(cells):
    kept = []
    for cell in cells:
        if cell.cell_type == "markdown" and re.search(r"^## Exercises", cell.source, re.M):
            break
        kept.append(cell)
    return kept


def count_words(source):
    """Words and numbers of Markdown, as far as one reads them."""
    return len(re.findall(WORD, readable(source)))


def readable(source):
    """Markdown without code blocks, targets of links, tags and formulas."""
    text = re.sub(r"^ *```.*?^ *```", " ", source, flags=re.M | re.S)
    return re.sub(r"\]\([^)]*\)|<[^>]+>|\$\$.*?\$\$|\$[^$\n]*\$", " ", text, flags=re.S)


def code_lines(source):
    return [line for line in source.splitlines() if line.strip() and not PICTURE_IN_WORDS.fullmatch(line)]


def too_much(form):
    """One message for each limit that a lesson exceeds."""
    fewest, most = WORDS
    if not fewest <= form.words <= most:
        yield f"{form.words:,} words before the exercises; a lesson has {fewest:,} to {most:,}"
    if form.brackets > BRACKETS:
        yield f"{form.brackets} remarks in brackets, limit {BRACKETS}: say it, fold it away, or leave it out"
    if form.cells > CELLS:
        yield f"{form.cells} code cells before the exercises, limit {CELLS}"
    if form.lines and median(form.lines) > MEDIAN:
        yield f"the median code cell has {median(form.lines):g} lines, limit {MEDIAN}"
    if sum(lines > LONG for lines in form.lines) > len(form.lines) / 10:
        yield f"more than a tenth of the code cells have over {LONG} lines"
    for lines in form.printed:
        if len(lines) > PRINTED:
            yield f"{len(lines)} lines printed after {lines[0][:40]!r}, limit {PRINTED}: make them a chart"
        for line in lines:
            if len(line) > WIDTH:
                yield f"a printed line of {len(line)} characters wraps, limit {WIDTH}: {line[:40]!r}"


def below_predictions(cells):
    """(cell that asks, code cells below it) for each prediction: what runs before the next words, checks left out."""
    found, below = [], []
    for cell in cells:
        if cell.cell_type == "markdown":
            below = []
            if PREDICTION.search(cell.source):
                found.append((cell, below))
        elif cell.cell_type == "code" and not CHECK_CALL.search(cell.source):
            below.append(cell)
    return found


def leaks(cells):
    """(number of a cell, what it says) for each number or quoted word of an answer that is told before its time.

    Only the first sentence of an answer counts. Above it, the section may tell no more than the prompt does. Below
    it, the code up to the next output may not tell it at all.
    """
    for i, cell in enumerate(cells):
        for prompt, answer in PREDICTION.findall(cell.source) if cell.cell_type == "markdown" else []:
            sentence = re.split(r"(?<=[.:;])\s", answer.strip())[0]
            secrets = set(SECRET.findall(sentence))
            told = set(SECRET.findall(prompt))
            if not SECRET.match(sentence.strip('"')):  # it does not name one of the choices
                secrets -= told
            for place, text in [*_below(cells, i), *_above(cells, i)]:
                for secret in sorted(secrets - told if place <= i else secrets):
                    if re.search(rf"(?<![\w.,]){re.escape(secret)}(?![\w%]|[.,]\d)", text, re.I):
                        yield place, secret


def _above(cells, prompt):
    """(number, text) of the cells of the prompt's section, up to the prompt."""
    yield prompt, PREDICTION.split(cells[prompt].source)[0]
    for i in range(prompt - 1, -1, -1):
        if re.search(r"^##+ ", cells[i + 1].source, re.M) and cells[i + 1].cell_type == "markdown":
            return
        yield i, cells[i].source


def _below(cells, prompt):
    """(number, source) of the code below the prompt, up to the first that shows something."""
    for i in range(prompt + 1, len(cells)):
        if cells[i].cell_type == "code":
            yield i, cells[i].source
            if cells[i].outputs:
                return


@fails_in_one_line(ValueError)
def main(arguments=None):
    """Prints the Form of the lessons that are named, or of all. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Counts what lessons ask of their reader, up to the exercises.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="files to count; all of notebooks/ if none is named")
    for path in notebooks(parser.parse_args(arguments).notebooks):
        print(f"{path.name[:2]}  {form_of(read(path).cells)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
