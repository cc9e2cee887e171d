"""Every lesson run in Notebook and in JupyterLab, in a browser: no error, pictures with their words, no host asked.

The sliders of lesson 04 are moved with the mouse and with the keyboard alone. A busy machine needs PATIENCE=3.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from execute import ROOT, notebooks

pytestmark = [pytest.mark.extras, pytest.mark.slow]
WHERE = "requirements-dev.txt has it"
pytest.importorskip("playwright.sync_api", reason=f"needs playwright; {WHERE}")
publish = pytest.importorskip("publish")

if not publish.find_browser():
    pytest.skip("needs an installed Chromium", allow_module_level=True)

PATIENCE = int(os.environ.get("PATIENCE", 1))  # how many times longer to wait, on a machine with other work
LESSONS = [path.name for path in notebooks([])]
SLIDERS = "04_compound_scaling.ipynb"
PLACES = {"Notebook": "notebooks", "JupyterLab": "lab/tree"}
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"  # the one picture that a notebook fetches
READY = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
RUNNING = "() => [...document.querySelectorAll('.jp-InputPrompt')].some((prompt) => prompt.textContent.includes('*'))"
# what a reader meets on the page: errors, red lines, pictures that did not come, tables and lines that leave the column
LOOK = """() => {
  const all = (kind) => [...document.querySelectorAll(kind)];
  const lines = (kind) => all(kind).map((part) => part.textContent.trim().slice(0, 200));
  return {
    errors: lines(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"),
    red: lines(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"),
    missing: all(".jp-Notebook img").filter((image) => image.complete && !image.naturalWidth).map((image) => image.src),
    wide: all(".jp-OutputArea-output").filter((part) => part.scrollWidth > part.clientWidth + 1).map(
      (part) => part.textContent.trim().slice(0, 100)),
    pictures: all(".jp-OutputArea .jp-RenderedImage img").length,
    described: all(".jp-OutputArea details.words").length,
    unrun: all(".jp-CodeCell .jp-InputArea-prompt").filter((part) => /\\[ \\]/.test(part.textContent)).length,
  };
}"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a Jupyter server of its own over a copy of the lessons, which shows the application to scripts."""
    folder, port = tmp_path_factory.mktemp("jupyter"), free_port()
    for name in ("src", "data", "imgs"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")  # a copy, because Jupyter saves what it ran
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", f"--ServerApp.root_dir={folder}"]
    command += ["--allow-root", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True"]
    command += ["--JupyterNotebookApp.expose_app_in_browser=True"]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
    }
    with open(folder / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(120 * PATIENCE):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5)
                break
            except OSError:
                time.sleep(1)
        else:
            pytest.fail(f"Jupyter did not start:\n{(folder / 'log').read_text(encoding='utf-8')[-2000:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture
def visit(browser, server):
    """A function that opens a lesson in one of PLACES; at the end its kernel goes, and no host may have been asked."""
    asked, tabs = [], []

    def visit(place, lesson):
        tab = browser.new_page(viewport=dict(width=1280, height=900))
        tabs.append(tab)
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(f"{server}/{PLACES[place]}/notebooks/{lesson}", timeout=120_000 * PATIENCE)
        tab.wait_for_function(READY, timeout=120_000 * PATIENCE)
        return tab

    yield visit
    for tab in tabs:
        tab.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        tab.close()
    ours = server, server.replace("http", "ws"), "data:", "blob:", BADGE
    assert [url for url in asked if not url.startswith(ours)] == []


def run_all(tab):
    tab.evaluate(RUN_ALL)
    tab.wait_for_function(f"!({RUNNING})()", timeout=600_000 * PATIENCE, polling=1000)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_without_an_error_and_its_pictures_are_described(visit, lesson, place):
    tab = visit(place, lesson)
    run_all(tab)
    seen = tab.evaluate(LOOK)
    seen["missing"] = [place for place in seen["missing"] if place != BADGE]
    assert seen["pictures"] >= 3 and seen["described"] == seen["pictures"]
    assert {key: seen[key] for key in ("errors", "red", "missing", "wide", "unrun")} == dict(
        errors=[], red=[], missing=[], wide=[], unrun=0
    )


# ---------------------------------------------------------------- sliders


def value_of(handle):
    return float(handle.get_attribute("aria-valuenow"))


@pytest.mark.parametrize("place", PLACES)
def test_before_it_runs_a_sentence_says_what_the_sliders_are(visit, place):
    tab = visit(place, SLIDERS)
    tab.wait_for_timeout(3000)  # as long as Jupyter looks for a widget
    text = tab.evaluate("[...document.querySelectorAll('.jp-OutputArea-output')].map((p) => p.textContent).join()")
    assert "Sliders for phi, depth, width, resolution" in text
    assert "Loading widget" not in text and "model not found" not in text


@pytest.mark.parametrize("place", PLACES)
def test_sliders_have_names_and_move_by_mouse_and_by_keyboard(visit, place):
    tab = visit(place, SLIDERS)
    run_all(tab)
    tab.evaluate("document.querySelector('.redrawing').scrollIntoView({ block: 'center' })")
    handles = [tab.get_by_role("slider", name=name, exact=True) for name in ("phi", "depth", "width", "resolution")]
    assert [handle.count() for handle in handles] == [1] * 4
    picture, phi, depth = tab.get_by_alt_text("The picture that the sliders redraw"), handles[0], handles[1]

    before = picture.get_attribute("src")
    phi.hover()
    box = phi.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.down()
    tab.mouse.move(x + 60, y, steps=6)
    tab.mouse.up()
    assert value_of(phi) > 0.5
    tab.wait_for_function("([old, now]) => now.src !== old", arg=[before, picture.element_handle()])

    phi.focus()
    dragged = value_of(phi)
    before = picture.get_attribute("src")
    for key, change in {"ArrowRight": 0.1, "ArrowUp": 0.2, "ArrowLeft": 0.1, "ArrowDown": 0.0}.items():
        tab.keyboard.press(key)
        tab.wait_for_timeout(300)
        assert value_of(phi) == pytest.approx(dragged + change, abs=0.01), key
    tab.keyboard.press("Home")
    assert value_of(phi) == -2
    tab.wait_for_function("([old, now]) => now.src !== old", arg=[before, picture.element_handle()])
    tab.keyboard.press("Tab")  # the number beside the handle, which one can type into
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "depth"
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(300)
    assert value_of(depth) == pytest.approx(1.1)


@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing_serious_in_the_sliders(visit, place):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=f"needs axe-playwright-python; {WHERE}")
    tab = visit(place, SLIDERS)
    run_all(tab)
    tab.evaluate("document.querySelector('.redrawing').scrollIntoView({ block: 'center' })")
    found = axe.Axe().run(tab, context=".redrawing").response["violations"]
    assert [finding["id"] for finding in found if finding["impact"] in ("serious", "critical")] == []
