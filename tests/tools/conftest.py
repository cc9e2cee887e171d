"""A browser for the tests of pages, decks and notebooks, which skip themselves where there is none."""

import pytest


@pytest.fixture(scope="module")
def browser():
    """An installed Chromium, driven by playwright."""
    from playwright.sync_api import sync_playwright

    from publish import find_browser

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield started
        started.close()
