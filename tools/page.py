"""A lesson as a page to read: the whole notebook, its pictures described, its links leading out of the repository."""

import copy
import re
from dataclasses import dataclass
from html import escape

from nbconvert.exporters import HTMLExporter

from execute import ROOT, repository
from rendering import Renderer, anchor, code_html, headings, markdown, question_and_answer

TEMPLATES = ROOT / "tools" / "templates"
CHECK = re.compile(r"^check\(", re.M)
ANSWER_FOLD = "<details><summary>Answer</summary>"
# on paper the answer stands at the end, and here is room for a pencil
ANSWER_MARKED = '<p class="pencil">Your prediction:</p>\n\n<details class="answer"><summary>Answer</summary>'


@dataclass
class Page:
    """What the template shows around the cells. `contents` are pairs (id, HTML) of the second headings, `answers` pairs
    (HTML, outputs)."""

    lesson: object
    around: str
    contents: list
    answers: list
    notebook: str
    deck: bool
    handout: bool


def build(lesson, lessons, deck=False, handout=False):
    """One lesson's page. Returns (HTML, names of the images in imgs/ that it shows).

    lessons: all that have a page, in order. deck, handout: whether there is one to link to.
    """
    renderer = Renderer(other.name for other in lessons)
    nb, answers = _prepared(lesson.nb)
    page = Page(
        lesson=lesson,
        around=_around(lesson, lessons),
        contents=_contents(nb, renderer),
        answers=[(markdown(answer, renderer), results) for answer, results in answers],
        notebook=f"https://github.com/{repository()}/blob/main/notebooks/{lesson.path.name}",
        deck=deck,
        handout=handout,
    )
    exporter = HTMLExporter(template_name="page", extra_template_basedirs=[str(TEMPLATES)])
    exporter.register_filter("lesson_markdown", lambda source: markdown(source, renderer))
    exporter.register_filter("lesson_code", code_html)
    exporter.register_filter("lesson_picture", _picture_of(lesson))
    html, _ = exporter.from_notebook_node(nb, resources=dict(page=page))
    return html, renderer.images


def _prepared(nb):
    """A copy of a notebook for the page, and for each prediction its answer and the outputs that tell it, too."""
    nb, answers, setup, results = copy.deepcopy(nb), [], False, None
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            _fold_together(results)
            found = question_and_answer(cell.source)
            results = [] if found else None  # the code cells below a prediction
            if found:
                answers.append((found[1], []))
            cell.source = cell.source.replace(ANSWER_FOLD, ANSWER_MARKED)
        elif cell.cell_type == "code":
            if not setup:
                cell.metadata.setup = setup = True
                cell.outputs = []
            if CHECK.search(cell.source):  # "not answered yet" is for those who can answer
                cell.outputs = []
            elif results is not None:  # it would tell the answer before anyone unfolds it
                results.append(cell)
                answers[-1][1].extend(cell.outputs)
    _fold_together(results)
    return nb, answers


def _fold_together(cells):
    """Marks where a fold around these cells begins and ends."""
    if cells:
        cells[0].metadata.fold_begins = cells[-1].metadata.fold_ends = True


def _around(lesson, lessons):
    """Links to the lesson before, to the list and to the lesson after."""
    place = [other.name for other in lessons].index(lesson.name)
    links = ['<a href="index.html">All lessons</a>']
    if place > 0:
        before = lessons[place - 1]
        links.insert(0, f'<a rel="prev" href="{before.name}.html">← {before.number} · {escape(before.title)}</a>')
    if place + 1 < len(lessons):
        after = lessons[place + 1]
        links.append(f'<a rel="next" href="{after.name}.html">{after.number} · {escape(after.title)} →</a>')
    return "\n".join(links)


def _contents(nb, renderer):
    contents = []
    for heading in headings(nb, 2):
        html = markdown(heading, renderer).strip().removeprefix("<p>").removesuffix("</p>")
        contents.append((anchor(html), html))
    return contents


def _picture_of(lesson):
    """A filter for the template: the <img> of an output."""
    pictures = {}
    for cell in lesson.nb.cells:
        outputs = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        for output, picture in zip(outputs, lesson.pictures(cell)):
            pictures[output.data["image/png"]] = picture

    def show(output):
        picture = pictures[output.data["image/png"]]
        width, height = picture.size
        # loaded only when one scrolls near; width and height keep the text from jumping
        return (
            f'<figure><img src="{picture.name}" width="{width}" height="{height}" alt="{escape(picture.alt)}"></figure>'
        )

    return show
