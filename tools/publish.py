"""Builds pages, decks and handouts of the lessons: a site that works from a memory stick, with the network cut.

    python tools/publish.py                          all lessons, into site/
    python tools/publish.py notebooks/04_*.ipynb     some
    python tools/publish.py --out FOLDER             elsewhere

Open site/index.html. What it needs beside the learner's packages is in requirements-dev.txt. Nothing is executed:
pictures and printed lines are those that the notebooks hold. A deck is written in tools/decks/; a lesson without one
gets a page and a handout only.
"""

import argparse
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from execute import ROOT, notebooks, repository

sys.path.insert(0, str(ROOT / "src"))
from atomic import write_atomically
from command import ends_quietly

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
REVEAL = {  # file of the package -> file of the site
    "dist/reveal.js": "reveal.js",
    "dist/reveal.css": "reveal.css",
    "plugin/notes/notes.js": "notes.js",
    "LICENSE": "LICENSE",
}


def build(paths, out, handouts=True):
    """Builds the site of some notebooks in the folder `out`; links and the index know all of notebooks/.

    Returns the lines to print. Raises ValueError, in one line, if a deck or a package is not as it should be.
    """
    import deck
    from rendering import Lesson

    lessons = [Lesson.read(path) for path in notebooks([])]
    chosen = {path.resolve() for path in paths}
    browser = find_browser() if handouts else None
    lines, decks = [], {lesson.name: deck.read(lesson) for lesson in lessons}
    _copy_reveal(out)
    for name in ("page.css", "deck.css"):  # before the pages, which are printed with it
        _write(out / name, (ROOT / "tools" / "templates" / name).read_bytes())
    for lesson in lessons:
        if lesson.path.resolve() in chosen:
            lines.append(_publish(lesson, lessons, decks[lesson.name], out, browser))
    _write(out / "index.html", _index(lessons, decks, out))
    if handouts and not browser:
        lines.append("No PDF, as no Chromium was found: open a page in a browser and print it, it is made for that.")
    return lines


def _publish(lesson, lessons, slides, out, browser):
    """Writes one lesson's page, deck, notes, pictures and handout. Returns what to say of it."""
    import deck
    import page

    pages = [other.name for other in lessons]
    html, images = page.build(lesson, lessons, deck=bool(slides), handout=bool(browser))
    _write(out / f"{lesson.name}.html", html)
    pictures = [picture for cell in lesson.nb.cells for picture in lesson.pictures(cell)]
    made = "page"
    if slides:
        shown, notes = deck.build(lesson, slides, pages)
        _write(out / f"{lesson.name}.slides.html", shown)
        _write(out / f"{lesson.name}.notes.html", notes)
        pictures += [slide.picture for slide in slides if slide.picture]
        made += f", deck of {len(slides)} slides"
    for picture in pictures:
        _write(out / picture.name, picture.data)
    for name in images:
        _write(out / name, (ROOT / name).read_bytes())
    if browser:
        print_pdf(browser, out / f"{lesson.name}.html", out / f"{lesson.name}.pdf")
        made += ", PDF"
    return f"{lesson.path.name:45} {made}"


def _index(lessons, decks, out):
    """The HTML of the page that lists the lessons whose page is in `out`."""
    import jinja2

    from rendering import Renderer, markdown

    image = "imgs/efficientnet.png"
    _write(out / image, (ROOT / image).read_bytes())
    entries = []  # a lesson, and which forms of it there are
    for lesson in lessons:
        if (out / f"{lesson.name}.html").exists():
            about = markdown(lesson.about, Renderer(other.name for other in lessons))
            handout = (out / f"{lesson.name}.pdf").exists()
            entries.append(dict(lesson=lesson, about=about, deck=bool(decks[lesson.name]), handout=handout))
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "tools" / "templates"))
    return environment.get_template("index.html.j2").render(entries=entries, repository=repository())


def _copy_reveal(out):
    """Copies reveal.js out of the package sphinx-revealjs, which need not be imported for that."""
    try:
        files = metadata.files("sphinx-revealjs")
    except metadata.PackageNotFoundError:
        raise ValueError("reveal.js is missing: pip install -r requirements-dev.txt.") from None
    for file in files:
        inside = file.as_posix().partition("/_static/revealjs/")[2]
        if inside in REVEAL:
            _write(out / "reveal" / REVEAL[inside], Path(file.locate()).read_bytes())


def find_browser():
    """The path of an installed Chromium or one of its relatives, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def print_pdf(browser, page, pdf):
    """Prints a page to a PDF file. Raises ValueError, in one line, if the browser does not."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={pdf}"]
    command = [browser, *options, page.resolve().as_uri()]
    pdf.unlink(missing_ok=True)  # one of an earlier day would pass for this one
    try:
        status = subprocess.run(command, capture_output=True, timeout=120).returncode
    except subprocess.TimeoutExpired:
        status = 1
    if status or not pdf.exists():
        raise ValueError(f"{browser} printed no {pdf.name}; --no-handouts leaves the PDF files out.")


def _write(path, content):
    data = content.encode("utf-8") if isinstance(content, str) else content
    write_atomically(path, lambda file: file.write(data))


@ends_quietly()
def main(arguments=None):
    """Builds the site. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Builds pages, decks and handouts that work without a network.")
    parser.add_argument(
        "lessons",
        nargs="*",
        type=Path,
        help="such as notebooks/04_compound_scaling.ipynb; all of notebooks/ if none is named",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="folder of the site (default: site/)")
    parser.add_argument("--no-handouts", action="store_true", help="no PDF files, which take longest")
    options = parser.parse_args(arguments)
    try:
        lines = build(notebooks(options.lessons), options.out, not options.no_handouts)
    except (ImportError, ValueError, OSError) as error:
        hint = ": pip install -r requirements-dev.txt" if isinstance(error, ImportError) else ""
        print(f"publish.py: {error}{hint}", file=sys.stderr)
        return 2
    print(*lines, f"Open {options.out / 'index.html'}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
