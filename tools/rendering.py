"""Markdown, formulas, code and pictures of a lesson as HTML that needs no network and no script."""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from execute import ROOT, read, repository

HEADING = re.compile(r"^(#{1,6}) (.+)$", re.M)
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


@dataclass
class Picture:
    """A PNG that a cell drew, or one of imgs/. `name` is its path inside the site, `alt` says what one sees."""

    name: str
    data: bytes
    alt: str

    @property
    def size(self):
        """(width, height) in pixels, from the header of the file."""
        return int.from_bytes(self.data[16:20]), int.from_bytes(self.data[20:24])


@dataclass
class Lesson:
    """One notebook as the publisher sees it. `cells` maps a cell's id to the cell."""

    path: Path
    nb: nbformat.NotebookNode
    cells: dict = field(default_factory=dict)

    @classmethod
    def read(cls, path):
        nb = read(path)
        return cls(path, nb, {cell.id: cell for cell in nb.cells})

    @property
    def name(self):
        return self.path.stem

    @property
    def number(self):
        return self.path.name[:2]

    @property
    def title(self):
        return HEADING.search(self.nb.cells[0].source)[2]

    @property
    def about(self):
        """The paragraph under the title and the badge, as Markdown."""
        return self.nb.cells[0].source.split("\n\n", 1)[1]

    @property
    def minutes(self):
        """What the lesson says of its reading time, or None."""
        found = re.search(r"Reading takes (\d+) minutes", "".join(cell.source for cell in self.nb.cells[:3]))
        return int(found[1]) if found else None

    def pictures(self, cell):
        """The pictures that a cell drew, in order."""
        found = []
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                name = f"pictures/{self.number}-{cell.id}-{len(found) + 1}.png"
                found.append(Picture(name, b64decode(output.data["image/png"]), alt))
        return found

    def printed(self, cell):
        """The text that a cell printed."""
        return "".join(output.text for output in cell.get("outputs", []) if output.output_type == "stream").rstrip()


class Renderer(IPythonRenderer):
    """Markdown as HTML: formulas as MathML, headings with an id, links that work outside of the repository.

    `pages` names the lessons that have a page. `images` collects the files of the repository that the text shows.
    """

    def __init__(self, pages=()):
        super().__init__(escape=False, exclude_anchor_links=True)
        self.pages, self.images = set(pages), set()

    def heading(self, text, level, **attributes):
        return f'<h{level} id="{anchor(text)}">{text}</h{level}>\n'

    def inline_math(self, body):
        return formula(body, "inline")

    def block_math(self, body):
        return formula(body, "block")

    def block_code(self, code, info=None):
        return code_html(code) if info == "python" else f"<pre><code>{escape(code)}</code></pre>\n"

    def link(self, text, url, title=None):
        return f'<a href="{escape(self.target(url))}">{text}</a>'

    def target(self, url):
        """Where a link of a notebook leads from a page of the site."""
        if re.match(r"[a-z]+:|#", url):
            return url
        path, _, place = url.partition("#")
        if path.endswith(".ipynb") and path[:-6] in self.pages:
            return f"{path[:-6]}.html" + (f"#{place}" if place else "")
        inside = (ROOT / "notebooks" / path).resolve().relative_to(ROOT).as_posix()
        return f"https://github.com/{repository()}/blob/main/{inside}" + (f"#{place}" if place else "")

    def image(self, text, url, title=None):
        if re.match(r"https?:", url):  # a badge: it would be fetched
            return escape(text)
        inside = (ROOT / "notebooks" / url).resolve().relative_to(ROOT).as_posix()
        self.images.add(inside)
        return f'<img src="{inside}" alt="{escape(text)}">'


def formula(tex, display):
    """LaTeX as MathML, which browsers draw without a script. `display` is "inline" or "block"."""
    mathml = convert(tex.strip(), display=display)
    if display == "inline":
        return mathml
    # a wide formula scrolls inside its own line, and the keyboard can reach it
    return f'<span class="formula" role="group" aria-label="formula" tabindex="0">{mathml}</span>'


def markdown(source, renderer):
    """A piece of Markdown as HTML."""
    return MarkdownWithMath(renderer=renderer).render(source)


def markdown_line(source, renderer):
    """Markdown of one line as HTML, without the paragraph around it."""
    return markdown(source, renderer).strip().removeprefix("<p>").removesuffix("</p>")


def code_html(source):
    """Python with its colours as classes, so that light, dark and paper choose their own."""
    return highlight(source, PythonLexer(), HtmlFormatter(cssclass="code"))


def anchor(text):
    """The id of a heading: "Which φ is B4?" -> "which-φ-is-b4"."""
    return "-".join(re.findall(r"\w+", re.sub(r"<[^>]+>", "", text).lower()))


def headings(nb, level):
    """The headings of one level in a notebook, as Markdown, code blocks left out."""
    found = []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            for marks, text in HEADING.findall(FENCE.sub("", cell.source)):
                if len(marks) == level:
                    found.append(text)
    return found
