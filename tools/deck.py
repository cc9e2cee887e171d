"""A lesson's deck: slides written in tools/decks/NN.md, with pictures, code and printed lines from the lesson's cells.

A deck file is Markdown. `---` stands between two slides. A slide is its headline, one to three short lines, and
what it takes from the lesson:

    # A larger photo outgrows the network
    B0 sees a quarter of the large one.
    figure: cell-10            the picture that this cell drew; `figure: cell-10 2` is its second one
    image: imgs/b0.png | …     a picture of imgs/, and what one sees in it
    code: cell-5 1-8           lines of a code cell
    printed: code-06           what a cell printed; `printed: code-06 1-3` is a part of it
    ask: cell-7                this slide asks the prediction of that cell, and the next one answers it
    minutes: 2                 how long to stay
    note: what to say, and where classes stumble; it goes on to the end of the slide

`problems` says what a deck lacks; tests hold every deck to it.
"""

import re
from dataclasses import dataclass, field

import jinja2
from markupsafe import Markup

from execute import ROOT
from rendering import Picture, Renderer, code_html, markdown, question_and_answer

FOLDER = ROOT / "tools" / "decks"
TAKES = ("figure", "image", "code", "printed", "ask", "minutes", "note")
SLIDES, CODE_SLIDES, CODE_LINES, WORDS = range(14, 23), 5, 8, 45
WIDE = 1.5  # a picture at least this wide for its height stands under the text, a squarer one beside it


@dataclass
class Slide:
    """One slide as it is written; `picture` and the texts are filled in from the lesson by `fill`."""

    headline: str
    body: str
    takes: dict = field(default_factory=dict)
    answers: bool = False
    picture: Picture = None
    code: str = ""
    printed: str = ""

    @property
    def minutes(self):
        return float(self.takes.get("minutes", 0))

    @property
    def note(self):
        return self.takes.get("note", "")

    @property
    def kind(self):
        """The CSS classes: what the slide is, and how its picture stands."""
        kinds = ["ask"] if "ask" in self.takes else ["answer"] if self.answers else []
        if self.picture and self.body:
            width, height = self.picture.size
            kinds.append("stacked" if width >= WIDE * height else "beside")
        elif not self.picture and not self.code and not self.printed:
            kinds.append("words")
        return " ".join(kinds)


def read(lesson):
    """The slides of a lesson's deck, filled from its cells; none if it has no deck file.

    Raises ValueError, in one line, for a key that is not known or a cell that the lesson does not have.
    """
    path = FOLDER / f"{lesson.number}.md"
    if not path.exists():
        return []
    slides = []
    for text in re.split(r"^---\n", path.read_text(encoding="utf-8"), flags=re.M):
        slides.append(parse(text))
    for before, slide in zip(slides, slides[1:]):
        slide.answers = "ask" in before.takes
    for slide in slides:
        try:
            fill(slide, lesson)
        except ValueError as error:
            raise ValueError(f"tools/decks/{path.name}, slide {slide.headline!r}: {error}") from None
    return slides


def parse(text):
    """One slide of a deck file. Raises ValueError if it has no headline."""
    first, _, rest = text.strip().partition("\n")
    if not first.startswith("# "):
        raise ValueError(f"a slide begins with {first!r}; it must begin with its headline, `# …`.")
    rest, _, note = rest.partition("\nnote:") if "\nnote:" in f"\n{rest}" else (rest, "", "")
    body, takes = [], {}
    for line in rest.splitlines():
        key, colon, value = line.partition(":")
        if colon and key in TAKES:
            takes[key] = value.strip()
        else:
            body.append(line)
    if note:
        takes["note"] = note.strip()
    return Slide(first[2:].strip(), "\n".join(body).strip(), takes)


def fill(slide, lesson):
    """Puts into a slide what it takes from the lesson. Raises ValueError if that is not there."""
    if "image" in slide.takes:
        name, _, alt = slide.takes["image"].partition("|")
        slide.picture = Picture(name.strip(), (ROOT / name.strip()).read_bytes(), alt.strip())
    if "figure" in slide.takes:
        cell, number = _cell(slide.takes["figure"], lesson)
        pictures, place = lesson.pictures(cell), int(number or 1)
        if place > len(pictures):
            raise ValueError(f"cell {cell.id} drew {len(pictures)} pictures; run tools/execute.py on the lesson.")
        slide.picture = pictures[place - 1]
    if "code" in slide.takes:
        cell, lines = _cell(slide.takes["code"], lesson)
        slide.code = _lines(cell.source, lines)
    if "printed" in slide.takes:
        cell, lines = _cell(slide.takes["printed"], lesson)
        slide.printed = _lines(lesson.printed(cell), lines)
    if "ask" in slide.takes:
        cell, _ = _cell(slide.takes["ask"], lesson)
        if not question_and_answer(cell.source):
            raise ValueError(f"cell {cell.id} asks for no prediction with a folded answer.")


def _cell(value, lesson):
    """The cell that `value`, "id" or "id lines", names, and the rest of the value."""
    name, _, rest = value.partition(" ")
    if name not in lesson.cells:
        raise ValueError(f"{lesson.path.name} has no cell {name!r}; its ids stand in the file.")
    return lesson.cells[name], rest.strip()


def _lines(text, which):
    """The lines "2-5" of a text, counted from 1, or all of them."""
    lines = text.splitlines()
    if which:
        first, _, last = which.partition("-")
        lines = lines[int(first) - 1 : int(last or first)]
    return "\n".join(lines)


def problems(slides, lesson):
    """What is wrong with a deck, a line each: too many slides, too much code, no notes, numbers not in the lesson."""
    if len(slides) not in SLIDES:
        yield f"{len(slides)} slides; allowed are {SLIDES[0]} to {SLIDES[-1]}"
    coded = [slide.headline for slide in slides if slide.code]
    if len(coded) > CODE_SLIDES:
        yield f"{len(coded)} slides with code, at most {CODE_SLIDES}: {', '.join(coded)}"
    known = _numbers(_all_text(lesson))
    for slide in slides:
        for problem in _problems_of(slide, known):
            yield f"{slide.headline!r}: {problem}"
    for before, slide in zip(slides, [*slides[1:], None]):
        if "ask" in before.takes and (slide is None or "ask" in slide.takes):
            yield f"{before.headline!r} asks, and the next slide does not answer"


def _problems_of(slide, known):
    words = len(re.findall(r"\w+", re.sub(r"\$.*?\$", "", slide.body)))
    if words > WORDS:
        yield f"{words} words under the headline, at most {WORDS}"
    for what, text in (("code", slide.code), ("printed lines", slide.printed)):
        if len(text.splitlines()) > CODE_LINES:
            yield f"{len(text.splitlines())} lines of {what}, at most {CODE_LINES}"
    if slide.picture and len(slide.picture.alt.split()) < 5:
        yield "its picture is not described"
    if not slide.minutes or len(slide.note.split()) < 8:
        yield "no minutes, or no note that says what to say"
    if "words" in slide.kind and not {"ask", "answer"} & set(slide.kind.split()):
        yield "words only: it needs a picture, code or printed lines"
    missing = sorted(_numbers(f"{slide.headline} {slide.body}") - known)
    if missing:
        yield f"the numbers {', '.join(missing)} are not in the lesson"


def _numbers(text):
    """The numbers with two digits or more in a text, without the commas between thousands."""
    return {number.replace(",", "") for number in re.findall(r"\d[\d,.]*\d", text)}


def _all_text(lesson):
    """All that a lesson says, prints, or describes."""
    texts = []
    for cell in lesson.nb.cells:
        texts += [cell.source, lesson.printed(cell), *(picture.alt for picture in lesson.pictures(cell))]
    return "\n".join(texts)


def build(lesson, slides, pages):
    """(deck, notes), both HTML: the slides, and what the speaker says, to be read or printed before.

    pages: names of the lessons that have a page, to which links lead.
    """
    renderer = Renderer(pages)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "tools" / "templates"), autoescape=True)
    environment.filters["markdown"] = lambda text: Markup(markdown(text, renderer))
    environment.filters["line"] = lambda text: Markup(_line(text, renderer))
    environment.filters["code"] = lambda text: Markup(code_html(text))
    values = dict(lesson=lesson, slides=slides, total=sum(slide.minutes for slide in slides))
    return [environment.get_template(name).render(values) for name in ("deck.html.j2", "notes.html.j2")]


def _line(text, renderer):
    """Markdown of one line, without the paragraph around it."""
    return markdown(text, renderer).strip().removeprefix("<p>").removesuffix("</p>")

