"""Pages and decks: pictures are described, nothing is fetched, links lead somewhere, decks keep their rules."""

import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlparse

import nbformat
import numpy as np
import pytest
from PIL import Image

from execute import ROOT, notebooks

pytest.importorskip("latex2mathml", reason="pages need what requirements-dev.txt installs")

import deck
import page
import publish
from lesson_form import PREDICTION
from rendering import Lesson, Renderer, anchor, headings, markdown

pytestmark = pytest.mark.extras
LESSONS = [Lesson.read(path) for path in notebooks([])]
BY_NUMBER = {lesson.number: lesson for lesson in LESSONS}
DECKS = [BY_NUMBER[path.stem] for path in sorted(deck.FOLDER.glob("*.md"))]


class Elements(HTMLParser):
    """All elements of a page as (name, dict of attributes), and its text without scripts."""

    def __init__(self, html):
        super().__init__()
        self.found, self.text, self.inside = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def by_number(lesson):
    return lesson.number


@pytest.fixture(scope="module")
def pages():
    """Each lesson's page, parsed."""
    return {lesson.number: Elements(page.build(lesson, LESSONS, deck=True, handout=True)[0]) for lesson in LESSONS}


def fetched(elements):
    """What a browser loads of its own accord."""
    loaded = [(tag, a.get("src") or "") for tag, a in elements.found if "src" in a]
    return loaded + [("link", a["href"]) for a in elements.all("link")]


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("lesson", LESSONS, ids=by_number)
def test_every_picture_of_a_lesson_arrives_with_its_description(pages, lesson):
    drawn = [o for cell in lesson.nb.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    shown = [image["alt"] for image in pages[lesson.number].all("img") if image["src"].startswith("pictures/")]
    told, on_the_last_page = shown[: len(drawn)], shown[len(drawn) :]
    assert told == [output.metadata["image/png"]["alt"] for output in drawn] and all(told)
    assert set(on_the_last_page) < set(told), "on paper, what answers a prediction stands behind its answer"
    assert all(image.get("alt") for image in pages[lesson.number].all("img"))


@pytest.mark.parametrize("lesson", LESSONS, ids=by_number)
def test_what_comes_out_below_a_prediction_is_folded(pages, lesson):
    folded = [details for details in pages[lesson.number].all("details") if details.get("class") == "result"]
    predictions = 0
    for cell, after in pairwise(lesson.nb.cells):
        is_prediction = cell.cell_type == "markdown" and "<summary>Answer" in cell.source
        if is_prediction and after.cell_type == "code" and not after.source.startswith("check("):
            predictions += 1
    assert len(folded) == predictions > 0


@pytest.mark.parametrize("lesson", LESSONS, ids=by_number)
def test_a_page_loads_nothing_from_elsewhere(pages, lesson):
    assert [target for _, target in fetched(pages[lesson.number]) if re.match(r"\w+:|//", target)] == []


@pytest.mark.parametrize("lesson", LESSONS, ids=by_number)
def test_no_formula_stays_latex(pages, lesson):
    text = pages[lesson.number].text
    assert "$$" not in text and not re.search(r"\\(frac|text|cdot|sum|alpha)\b", text)
    formulas = sum(len(re.findall(r"\$\$.+?\$\$", cell.source, re.S)) for cell in lesson.nb.cells)
    blocks = [math for math in pages[lesson.number].all("math") if math.get("display") == "block"]
    assert len(blocks) == formulas


@pytest.mark.parametrize("lesson", LESSONS, ids=by_number)
def test_links_lead_somewhere(pages, lesson):
    names = {f"{other.name}{ending}" for other in LESSONS for ending in (".html", ".pdf", ".slides.html")}
    ids = {attributes["id"] for _, attributes in pages[lesson.number].found if "id" in attributes}
    for link in pages[lesson.number].all("a"):
        place = link["href"]
        if place.startswith("#"):
            assert place[1:] in ids
        elif not re.match(r"https?:", place):
            assert place.partition("#")[0] in names | {"index.html"}
        elif f"{publish.repository()}/blob/main/" in place and "colab" not in place:
            assert (ROOT / place.partition("/blob/main/")[2].partition("#")[0]).exists(), place


def test_ids_are_unique_and_the_contents_name_every_section(pages):
    for number, elements in pages.items():
        ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
        assert len(ids) == len(set(ids)), number
        assert all(anchor(text) in ids for text in headings(BY_NUMBER[number].nb, 2) if "$" not in text)


def test_lessons_lead_to_the_one_before_and_after():
    assert [re.findall(r'rel="(\w+)" href="(\d\d)', page._around(lesson, LESSONS)) for lesson in LESSONS[:2]] == [
        [("next", "01")],
        [("prev", "00"), ("next", "02")],
    ]
    assert "next" not in page._around(LESSONS[-1], LESSONS)


def test_a_page_says_what_its_widget_was_and_leaves_out_what_waits_for_an_answer(pages):
    text = " ".join(pages["04"].text.split())
    assert "Sliders for phi, depth, width, resolution, which move while the notebook runs" in text
    assert "VBox(" not in text and ("p", {"class": "widget"}) in pages["04"].found
    assert "not answered yet" not in text


def test_answers_stand_folded_and_once_more_at_the_end_for_paper(pages):
    for lesson in LESSONS:
        asked = [cell for cell in lesson.nb.cells if PREDICTION.search(cell.source)]
        folded = [a for a in pages[lesson.number].all("details") if a.get("class") == "answer"]
        assert len(folded) == len(asked)
    end = pages["04"].text.partition("Answers to the predictions")[2]
    assert "B2 needs 2.58 times" in end and "Only 224" in end


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("05_accuracy_against_flops.ipynb", "05_accuracy_against_flops.html"),
        ("05_accuracy_against_flops.ipynb#exercises", "05_accuracy_against_flops.html#exercises"),
        ("../src/architecture.py", "https://github.com/OWNER/blob/main/src/architecture.py"),
        ("../data/README.md#photos", "https://github.com/OWNER/blob/main/data/README.md#photos"),
        ("https://arxiv.org/abs/1905.11946", "https://arxiv.org/abs/1905.11946"),
        ("#exercises", "#exercises"),
    ],
)
def test_where_a_link_leads(url, expected):
    renderer = Renderer([lesson.name for lesson in LESSONS])
    assert renderer.target(url) == expected.replace("OWNER", publish.repository())


def test_a_badge_becomes_its_words_and_an_image_of_ours_is_collected():
    renderer = Renderer()
    assert markdown("[![Open](https://a.org/b.svg)](https://a.org/c)", renderer).strip() == (
        '<p><a href="https://a.org/c">Open</a></p>'
    )
    assert 'src="imgs/b0.png" alt="B0"' in markdown("![B0](../imgs/b0.png)", renderer)
    assert renderer.images == {"imgs/b0.png"}


# ---------------------------------------------------------------- decks


def cut_letters(pixels, rows):
    """How many pixels change sharply across one of the rows at which a picture is cut; a line of the axes does not."""
    cut = [row for row in rows if 0 < row < len(pixels)]
    return max((int((abs(pixels[row] - pixels[row - 1]) > 60).sum()) for row in cut), default=0)


@pytest.mark.parametrize("lesson", DECKS, ids=by_number)
def test_no_crop_cuts_through_letters(lesson):
    for slide in deck.read(lesson):
        if "crop" not in slide.takes:
            continue
        whole = deck._picture({key: value for key, value in slide.takes.items() if key != "crop"}, lesson)
        pixels = np.asarray(Image.open(io.BytesIO(whole.data)).convert("L"), int)
        height, width = pixels.shape
        left, top, right, bottom = (int(number) for number in slide.takes["crop"].split())
        sides = (width * left // 100, width * right // 100)
        ends = (height * top // 100, height * bottom // 100)
        rows = cut_letters(pixels[:, slice(*sides)], ends)
        columns = cut_letters(pixels[slice(*ends)].T, sides)
        assert max(rows, columns) < 9, f"{slide.headline}: crop {slide.takes['crop']} cuts through letters"


@pytest.mark.parametrize("lesson", DECKS, ids=by_number)
def test_a_deck_keeps_the_rules(lesson):
    assert list(deck.problems(deck.read(lesson), lesson)) == []


@pytest.mark.parametrize("lesson", DECKS, ids=by_number)
def test_a_deck_is_complete_and_loads_nothing_from_elsewhere(lesson):
    slides = deck.read(lesson)
    shown, notes = (Elements(html) for html in deck.build(lesson, slides, []))
    assert len(shown.all("section")) == len(slides) == len(notes.all("section"))
    assert [image["alt"] for image in shown.all("img")] == [s.picture.alt for s in slides if s.picture]
    assert [target for _, target in fetched(shown) + fetched(notes) if re.match(r"\w+:|//", target)] == []
    assert all(slide.note.split()[0] in notes.text for slide in slides)


def test_a_question_waits_on_a_slide_of_its_own():
    for lesson in DECKS:
        slides = deck.read(lesson)
        asked = [slide for slide in slides if "ask" in slide.takes]
        assert len(asked) >= 3 and len([slide for slide in slides if slide.answers]) == len(asked)


GOOD = "# One\nWords.\nfigure: drawn\nminutes: 2\nnote: what one says here, in more than eight words, to be heard"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAADklEQVR4nGP4DwYMcAoAR9ML9TK1eD8AAAAASUVORK5CYII="


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A function: text of a deck -> its problems, for a lesson of three cells."""
    picture = nbformat.v4.new_output(
        "display_data", {"image/png": PNG}, metadata={"image/png": {"alt": "two pixels beside two other pixels"}}
    )
    cells = [
        nbformat.v4.new_markdown_cell(
            "**Predict first.** 12?\n<details><summary>Answer</summary>\n34\n</details>", id="q"
        ),
        nbformat.v4.new_code_cell("show()", id="drawn", outputs=[picture]),
        nbformat.v4.new_code_cell("\n".join(f"x = {n}" for n in range(9)), id="long"),
    ]
    path = tmp_path / "07_tiny.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    monkeypatch.setattr(deck, "FOLDER", tmp_path)

    def problems(*slides):
        (tmp_path / "07.md").write_text("\n---\n".join(slides) + "\n", encoding="utf-8")
        lesson = Lesson.read(path)
        return list(deck.problems(deck.read(lesson), lesson))

    return problems


def test_a_good_deck_has_no_problems(tiny):
    assert tiny(*[GOOD] * 14) == []


@pytest.mark.parametrize(
    ("slides", "said"),
    [
        ([GOOD] * 13, "13 slides; allowed are 14 to 22"),
        ([GOOD.replace("Words.", "It has 99 parts.")], "the numbers 99 are not in the lesson"),
        ([GOOD.replace("Words.", "word " * 50)], "50 words under the headline, at most 45"),
        ([GOOD.replace("figure: drawn", "code: long")], "9 lines of code, at most 8"),
        ([GOOD.replace("figure: drawn\n", "")], "words only"),
        ([GOOD.replace("drawn", "drawn\ncode: long 1-2")], "a picture and code"),
        ([GOOD.replace("minutes: 2\n", "")], "no minutes, or no note"),
        ([GOOD.replace("figure: drawn", "figure: drawn\nalt: pixels")], "its picture is not described"),
        ([GOOD.replace("figure: drawn", "code: long 1-2")] * 6, "6 slides with code, at most 5"),
        ([GOOD] * 13 + [GOOD.replace("figure: drawn", "ask: q")], "asks, and the next slide does not answer"),
    ],
)
def test_what_is_wrong_with_a_deck_is_said(tiny, slides, said):
    padded = slides if len(slides) >= 13 else slides + [GOOD] * (14 - len(slides))
    assert any(said in problem for problem in tiny(*padded))


@pytest.mark.parametrize(
    ("slide", "said"),
    [
        (GOOD.replace("drawn", "renamed"), "07_tiny.ipynb has no cell 'renamed'"),
        (GOOD.replace("drawn", "drawn 2"), "cell drawn drew 1 pictures"),
        (GOOD.replace("figure: drawn", "ask: long"), "asks for no prediction"),
        ("Words.", "must begin with its headline"),
    ],
)
def test_a_renamed_cell_is_named(tiny, slide, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        tiny(slide)


def test_a_crop_has_the_size_that_was_asked_for():
    slide = deck.parse("# Badge\nfigure: cell-12\ncrop: 50 0 100 50\nnote: none")
    lesson = BY_NUMBER["04"]
    whole = lesson.pictures(lesson.cells["cell-12"])[0]
    deck.fill(slide, lesson)
    width, height = whole.size
    assert slide.picture.size == (width - width // 2, height // 2) and slide.picture.alt == whole.alt


# ---------------------------------------------------------------- the program


def has_reveal():
    try:
        return bool(metadata.files("sphinx-revealjs"))
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(not has_reveal(), reason="reveal.js comes with sphinx-revealjs of requirements-dev.txt")
def test_the_site_holds_every_file_that_it_shows(tmp_path, capsys):
    assert publish.main([str(BY_NUMBER["04"].path), "--out", str(tmp_path / "site"), "--no-handouts"]) == 0
    assert "deck of" in capsys.readouterr().out
    site = tmp_path / "site"
    assert {path.suffix for path in site.rglob("*") if path.is_file()} == {".html", ".css", ".js", ".png", ""}
    for path in site.glob("*.html"):
        for _, target in fetched(Elements(path.read_text(encoding="utf-8"))):
            assert (site / target).is_file(), f"{path.name} shows {target}"
    listed = Elements((site / "index.html").read_text(encoding="utf-8"))
    assert [a["href"] for a in listed.all("a") if a["href"].startswith("0")] == [
        f"04_compound_scaling{ending}" for ending in (".html", ".html", ".slides.html", ".notes.html")
    ]
    assert "MIT" in (site / "reveal" / "LICENSE").read_text() or "Permission is hereby granted" in (
        (site / "reveal" / "LICENSE").read_text()
    )


def test_without_reveal_one_line_says_what_to_install(tmp_path, monkeypatch, capsys):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(publish.metadata, "files", missing)
    assert publish.main([str(BY_NUMBER["00"].path), "--out", str(tmp_path), "--no-handouts"]) == 2
    assert capsys.readouterr().err == "publish.py: reveal.js is missing: pip install -r requirements-dev.txt.\n"


def test_a_page_is_printed_with_its_style(tmp_path, monkeypatch):
    printed = []

    def browser(command, **_):
        page_file = Path(urlparse(command[-1]).path)
        printed.append((page_file.name, (page_file.parent / "page.css").exists()))
        (target,) = [option.partition("=")[2] for option in command if option.startswith("--print-to-pdf=")]
        Path(target).write_bytes(b"%PDF")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(publish, "find_browser", lambda: "chromium")
    monkeypatch.setattr(publish.subprocess, "run", browser)
    publish.build([LESSONS[0].path], tmp_path)
    assert printed == [(f"{LESSONS[0].name}.html", True)]


def test_a_pdf_of_an_earlier_day_does_not_pass_for_a_new_one(tmp_path, monkeypatch):
    def hangs(*_, **__):
        raise subprocess.TimeoutExpired("chromium", 120)

    (tmp_path / "a.pdf").write_bytes(b"%PDF of yesterday")
    monkeypatch.setattr(publish.subprocess, "run", hangs)
    with pytest.raises(ValueError, match="printed no a.pdf"):
        publish.print_pdf("chromium", tmp_path / "a.html", tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


def test_without_a_browser_one_line_says_how_to_print(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(publish, "_copy_reveal", lambda out: None)
    lines = publish.build([BY_NUMBER["00"].path], tmp_path)
    assert "No PDF" in lines[-1] and not list(tmp_path.glob("*.pdf"))


def test_what_is_no_notebook_is_refused(capsys):
    assert publish.main(["README.md"]) == 2
    assert capsys.readouterr().err == "publish.py: not a notebook: README.md.\n"
