"""A lesson as a page to read: the whole notebook, its pictures described, its links leading out of the repository."""

import copy
from html import escape

from nbconvert.exporters import HTMLExporter

from execute import ROOT, repository
from lesson_form import CHECK_CALL, PREDICTION, below_predictions
from rendering import Renderer, anchor, code_html, headings, markdown, markdown_line

TEMPLATES = ROOT / "tools" / "templates"
ANSWER_FOLD = "<details><summary>Answer</summary>"
# on paper the answer stands at the end, and here is room for a pencil
ANSWER_MARKED = '<p class="pencil">Your prediction:</p>\n\n<details class="answer"><summary>Answer</summary>'


def build(lesson, lessons, deck=False, handout=False):
    """One lesson's page. Returns (HTML, names of the images in imgs/ that it shows).

    lessons: all that have a page, in order. deck, handout: whether there is one to link to.
    """
    renderer = Renderer(other.name for other in lessons)
    nb, answers = _prepared(lesson.nb)
    page = dict(  # what the template shows around the cells
        lesson=lesson,
        around=_around(lesson, lessons),
        contents=_contents(nb, renderer),  # pairs (id, HTML) of the second headings
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
    nb, answers = copy.deepcopy(nb), []
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    code[0].metadata.setup = True
    for cell in code:
        if cell is code[0] or CHECK_CALL.search(cell.source):  # "not answered yet" is for those who can answer
            cell.outputs = []
    for asking, below in below_predictions(nb.cells):
        if below:  # folded together, or they would tell the answer before anyone unfolds it
            below[0].metadata.fold_begins = below[-1].metadata.fold_ends = True
        answer = PREDICTION.search(asking.source)[2].strip()
        answers.append((answer, [output for cell in below for output in cell.outputs]))
        asking.source = asking.source.replace(ANSWER_FOLD, ANSWER_MARKED)
    return nb, answers


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
        html = markdown_line(heading, renderer)
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
