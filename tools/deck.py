"""A lesson's deck: slides written in tools/decks/NN.md, with pictures, code and printed lines from the lesson's cells.

A deck file is Markdown. `---` stands between two slides. A slide is its headline, one to three short lines, and
what it takes from the lesson:

    # A larger photo outgrows the network
    B0 sees a quarter of the large one.
    figure: cell-10            the picture that this cell drew; `figure: cell-10 2` is its second one
    image: imgs/b0.png         or a picture of imgs/; `alt` then says what one sees
    crop: 0 8 100 100          a part of the picture in per cent: left, top, right, bottom
    alt: …                     what one sees, in place of what the cell says
    code: cell-5 1-8           lines of a code cell
    printed: code-06           what a cell printed; `printed: code-06 1-3` is a part of it
    ask: cell-7                this slide asks the prediction of that cell, and the next one answers it
    minutes: 2                 how long to stay
    note: what to say, and where classes stumble; it goes on to the end of the slide

`problems` says what a deck lacks; tests hold every deck to it.
"""

import io
import re
import textwrap
from dataclasses import dataclass, field

import jinja2
from markupsafe import Markup
from PIL import Image

from execute import ROOT
from lesson_form import PREDICTION
from rendering import Picture, Renderer, code_html, markdown, markdown_line

FOLDER = ROOT / "tools" / "decks"
TAKES = ("figure", "image", "crop", "alt", "code", "printed", "ask", "minutes", "note")
SLIDES, CODE_SLIDES, LINES, WIDTH, WORDS = range(14, 23), 5, 8, 76, 45
WIDE = 1.45  # a picture at least this wide for its height stands under the text, a squarer one beside it
STRIP = 2.5  # one at least this wide for its height leaves room for larger text
SIZES = (52, 46, 40, 36, 32, 28, 26, 24)  # of code and printed lines, in pixels at 1280 x 720
ADVANCE, LEADING = 0.602, 1.4  # a letter's width and a line's height, for each pixel of size
BESIDE = 570  # pixels of height for a picture beside the text
ROOM = 1100, 400  # pixels for code and printed lines together


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
        return int(self.takes.get("minutes", 0))

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
            if width >= STRIP * height:
                kinds.append("wide")
        elif not self.picture:
            kinds.append("typed" if self.lines else "words")
        return " ".join(kinds)

    @property
    def picture_width(self):
        """Pixels for a picture that stands beside the text, so that it fills the height or leaves room for the text."""
        width, height = self.picture.size
        return min(740, round(BESIDE * width / height))

    @property
    def lines(self):
        """The lines of code and the printed ones."""
        return [*self.code.splitlines(), *self.printed.splitlines()]

    @property
    def size(self):
        """The largest size at which all lines fit."""
        longest, count = max(map(len, self.lines), default=1), len(self.lines)
        for size in SIZES:
            if longest * size * ADVANCE <= ROOM[0] and count * size * LEADING <= ROOM[1]:
                return size
        return SIZES[-1]


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
    if "image" in slide.takes or "figure" in slide.takes:
        slide.picture = _picture(slide.takes, lesson)
    if "code" in slide.takes:
        cell, lines = _cell(slide.takes["code"], lesson)
        slide.code = textwrap.dedent(_lines(cell.source, lines))
    if "printed" in slide.takes:
        cell, lines = _cell(slide.takes["printed"], lesson)
        slide.printed = _lines(lesson.printed(cell), lines)
    if "ask" in slide.takes:
        cell, _ = _cell(slide.takes["ask"], lesson)
        if not PREDICTION.search(cell.source):
            raise ValueError(f"cell {cell.id} asks for no prediction with a folded answer.")


def _picture(takes, lesson):
    """The picture of a slide, cropped and described as it says."""
    if "image" in takes:
        picture = Picture(takes["image"], (ROOT / takes["image"]).read_bytes(), "")
    else:
        cell, number = _cell(takes["figure"], lesson)
        pictures, place = lesson.pictures(cell), int(number or 1)
        if place > len(pictures):
            raise ValueError(f"cell {cell.id} drew {len(pictures)} pictures; run tools/execute.py on the lesson.")
        picture = pictures[place - 1]
    if "crop" in takes:
        picture = _cropped(picture, [int(number) for number in takes["crop"].split()])
    if "alt" in takes:
        picture.alt = takes["alt"]
    return picture


def _cropped(picture, per_cent):
    """A part of a picture, under a name of its own. per_cent: left, top, right, bottom."""
    (width, height), (left, top, right, bottom) = picture.size, per_cent
    box = width * left // 100, height * top // 100, width * right // 100, height * bottom // 100
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture.data)).crop(box).save(buffer, format="png", optimize=True)
    name = f"{picture.name.removesuffix('.png')}-{'-'.join(map(str, per_cent))}.png"
    return Picture(name, buffer.getvalue(), picture.alt)


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
        if len(text.splitlines()) > LINES:
            yield f"{len(text.splitlines())} lines of {what}, at most {LINES}"
        if max(map(len, text.splitlines()), default=0) > WIDTH:
            yield f"{what} wider than {WIDTH} letters"
    if slide.picture and slide.lines:
        yield "a picture and code or printed lines: one of the two is too small to read"
    if slide.picture and len(slide.picture.alt.split()) < 5:
        yield "its picture is not described"
    if not slide.minutes or len(slide.note.split()) < 8:
        yield "no minutes, or no note that says what to say"
    if "words" in slide.kind and not {"ask", "answer"} & set(slide.kind.split()) and "|---" not in slide.body:
        yield "words only: it needs a picture, a table, code or printed lines"
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
    environment.filters["markdown"] = lambda text: Markup(markdown(_unbroken(text), renderer))
    environment.filters["line"] = lambda text: Markup(markdown_line(_unbroken(text), renderer))
    environment.filters["code"] = lambda text: Markup(code_html(text))
    values = dict(lesson=lesson, slides=slides, total=sum(slide.minutes for slide in slides))
    return [environment.get_template(name).render(values) for name in ("deck.html.j2", "notes.html.j2")]


def _unbroken(text):
    """The text with spaces at which no line may end: in "3 × 3" and "7 %"."""
    return text.replace(" × ", "\u00a0×\u00a0").replace(" %", "\u00a0%")
