"""The site in a browser, with the network cut: decks fit their screen, pages a phone, and axe-core is content."""

import pytest

from execute import notebooks

pytestmark = pytest.mark.extras
WHERE = "requirements-dev.txt has it"
pytest.importorskip("latex2mathml", reason=f"needs latex2mathml; {WHERE}")
pytest.importorskip("playwright.sync_api", reason=f"needs playwright; {WHERE}")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=f"needs axe-playwright-python; {WHERE}")
deck, publish = pytest.importorskip("deck"), pytest.importorskip("publish")

CHROMIUM = publish.find_browser()
if not CHROMIUM:
    pytest.skip("needs an installed Chromium", allow_module_level=True)

LESSONS = [path.stem for path in notebooks([])]
DECKS = [name for name in LESSONS if (deck.FOLDER / f"{name[:2]}.md").exists()]
SIZES = [(1280, 720), (1366, 768), (1920, 1080)]

# Goes through a deck; each slide must show all of itself, with letters of at least 24 px where it is 720 px high.
LOOK_AT_SLIDES = """() => {
  const found = [], scale = Reveal.getScale(), edge = 1;
  for (let n = 0; n < Reveal.getTotalSlides(); n++) {
    Reveal.slide(n);
    const slide = Reveal.getCurrentSlide(), name = slide.querySelector("h1, h2").textContent;
    const frame = slide.getBoundingClientRect();
    if (frame.bottom > innerHeight + edge || frame.right > innerWidth + edge) found.push(name + ": beyond the screen");
    for (const element of slide.querySelectorAll("*")) {
      if (element.closest("aside")) continue;
      const box = element.getBoundingClientRect();
      if (box.bottom > frame.bottom + edge || box.right > frame.right + edge || box.top < frame.top - edge)
        found.push(name + ": " + element.tagName + " leaves the slide");
      if (element.tagName == "IMG" && (!element.naturalWidth || box.height < 150 * scale))
        found.push(name + ": a picture is missing or tiny");
    }
    for (const part of slide.querySelectorAll(".room, .text, .lines, pre, h1, h2"))
      if (part.scrollWidth > part.clientWidth + edge || part.scrollHeight > part.clientHeight + 6)
        found.push(name + ": " + part.className + " overflows");
    const room = slide.querySelector(".room"), parts = [...room.children].map((part) => part.getBoundingClientRect());
    for (let i = 1; i < parts.length; i++)
      if (parts[i].top < parts[i - 1].bottom - edge && parts[i].left < parts[i - 1].right - edge)
        found.push(name + ": parts overlap");
    const texts = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const parent = texts.currentNode.parentElement;
      if (!texts.currentNode.textContent.trim() || parent.closest("aside, annotation")) continue;
      const size = parseFloat(getComputedStyle(parent).fontSize);
      if (size < 24) found.push(name + ": " + texts.currentNode.textContent.trim() + " has " + size + " px");
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    publish.build(notebooks([]), folder, handouts=False)
    return folder


@pytest.fixture
def visit(browser, site):
    """A function that opens a file of the site; at the end nothing may have been asked of a host, or gone wrong."""
    contexts, trouble = [], []

    def visit(name, width=1280, height=720, **options):
        context = browser.new_context(viewport=dict(width=width, height=height), offline=True, **options)
        contexts.append(context)
        context.on("request", lambda request: None if request.url.startswith("file:") else trouble.append(request.url))
        # axe-core asks for the style sheets once more, which no browser allows from file://
        context.on("requestfailed", lambda r: None if r.resource_type == "xhr" else trouble.append(f"failed: {r.url}"))
        tab = context.new_page()
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.goto((site / name).as_uri())
        return tab

    yield visit
    for context in contexts:
        context.close()
    assert trouble == []


def serious(tab):
    """What axe-core holds against a page, of those findings that keep people out."""
    findings = axe.Axe().run(tab).response["violations"]
    return [
        f"{finding['id']}: {finding['nodes'][0]['html'][:150]}"
        for finding in findings
        if finding["impact"] in ("serious", "critical")
    ]


def slides(visit, name, width=1280, height=720):
    tab = visit(f"{name}.slides.html", width, height)
    tab.wait_for_function("window.Reveal && Reveal.isReady()")
    return tab


@pytest.mark.parametrize("name", DECKS)
def test_every_slide_shows_all_of_itself(visit, name):
    tab = slides(visit, name)
    for width, height in SIZES:
        tab.set_viewport_size(dict(width=width, height=height))
        tab.wait_for_function("(width) => Math.abs(Reveal.getScale() - width / 1280) < 0.01", arg=width)
        assert tab.evaluate(LOOK_AT_SLIDES) == [], f"{width} x {height}"


@pytest.mark.parametrize("name", DECKS)
def test_axe_finds_nothing_serious_on_slides(visit, name):
    tab, found = slides(visit, name), []
    for kind in (".title", ".ask", ".typed"):
        tab.evaluate(
            "(kind) => { const i = Reveal.getIndices(document.querySelector(kind)); Reveal.slide(i.h); }", kind
        )
        found += serious(tab)
    assert found == []


def test_the_speaker_sees_the_notes(visit):
    tab = slides(visit, DECKS[0])
    with tab.expect_popup() as opened:
        tab.keyboard.press("s")
    opened.value.wait_for_function("document.querySelector('.speaker-controls-notes .value')?.textContent.length > 40")


@pytest.mark.parametrize("name", ["index", *LESSONS, f"{DECKS[0]}.notes"])
def test_a_page_fits_a_phone_and_axe_finds_nothing_serious(visit, name):
    tab = visit(f"{name}.html")
    assert tab.evaluate("[...document.images].filter((image) => !image.naturalWidth).length") == 0
    for width in (390, 640):  # a phone; a screen of 1280 pixels at 200 per cent
        tab.set_viewport_size(dict(width=width, height=800))
        assert tab.evaluate("document.scrollingElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        assert serious(tab) == [], scheme


def test_the_keyboard_skips_to_the_lesson_and_reaches_wide_output(visit):
    tab = visit("01_depthwise_convolution.html", 390, 800)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the lesson"
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('main') !== null")
    assert tab.evaluate("[...document.querySelectorAll('pre.output')].every((part) => part.tabIndex === 0)")


def test_a_handout_is_a_pdf_with_its_pictures(site, tmp_path):
    publish.print_pdf(CHROMIUM, site / "00_start_here.html", tmp_path / "00.pdf")
    data = (tmp_path / "00.pdf").read_bytes()
    assert data.startswith(b"%PDF") and data.count(b"/Subtype /Image") >= 5
    assert b"/StructTreeRoot" in data  # tagged: a screen reader finds headings and descriptions


def test_a_slide_on_a_phone_keeps_its_pictures(visit):
    tab = visit("00_start_here.slides.html", 390, 844)
    tab.evaluate("Reveal.slide(4)")
    tab.wait_for_function("document.querySelector('section.present .room > img')?.height > 40", timeout=5000)
