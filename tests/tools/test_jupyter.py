"""A lesson run in Notebook and in JupyterLab, in a browser: no error, pictures with their words, no host asked."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from execute import ROOT

pytestmark = [pytest.mark.extras, pytest.mark.slow]
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright of requirements-dev.txt")
publish = pytest.importorskip("publish")

CHROMIUM = publish.find_browser()
if not CHROMIUM:
    pytest.skip("needs an installed Chromium", allow_module_level=True)

LESSON = "00_start_here.ipynb"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"  # the one picture that a notebook fetches
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
RUNNING = "() => [...document.querySelectorAll('.jp-InputPrompt')].some((prompt) => prompt.textContent.includes('*'))"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a Jupyter server of its own over a copy of the lesson, which shows the application to scripts."""
    folder, port = tmp_path_factory.mktemp("jupyter"), free_port()
    for name in ("src", "data"):  # a copy of the lesson, because Jupyter saves what it ran
        (folder / name).symlink_to(ROOT / name)
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / LESSON, folder / "notebooks")
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
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5)
                break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("place", ["notebooks", "lab/tree"], ids=["Notebook", "JupyterLab"])
def test_a_lesson_runs_without_an_error_and_its_pictures_are_described(server, place):
    asked = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport=dict(width=1280, height=900))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(f"{server}/{place}/notebooks/{LESSON}")
        tab.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel", timeout=120_000
        )
        tab.evaluate(RUN_ALL)
        tab.wait_for_function(f"!({RUNNING})()", timeout=240_000, polling=1000)
        pictures = tab.locator(".jp-OutputArea img").count()
        described = tab.locator(".jp-OutputArea details:has-text('Picture in words')").count()
        errors = tab.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count()
        browser.close()
    assert errors == 0 and pictures >= 5 and described == pictures
    ours = server, server.replace("http", "ws"), "data:", "blob:", BADGE
    assert [url for url in asked if not url.startswith(ours)] == []
