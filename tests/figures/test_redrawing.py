"""Sliders redraw their picture; words say what they are where none moves. A browser moves them in test_jupyter.py."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest

from execute import LIVE
from figures import redrawing


@pytest.fixture
def shown(monkeypatch):
    """What `sliders` displays, in order."""
    shown = []
    monkeypatch.setattr(redrawing, "display", lambda what, raw=False: shown.append(what))
    return shown


def line_to(phi, depth):
    fig, ax = plt.subplots()
    ax.plot([0, phi])
    return fig


def test_sliders_redraw_the_picture_and_leave_no_figure_open(shown):
    widgets, seen = pytest.importorskip("ipywidgets"), []

    def draw(phi, depth):
        seen.append((phi, depth))
        return line_to(phi, depth)

    redrawing.sliders(draw, phi=(-2, 0, 4), depth=(0.5, 1, 4))
    *controls, picture = shown[-1].children
    assert [(c.description, c.min, c.value, c.max) for c in controls] == [("phi", -2, 0, 4), ("depth", 0.5, 1, 4)]
    before = picture.value
    controls[0].value = 2.0
    assert seen == [(0, 1), (2, 1)] and picture.value != before and isinstance(picture, widgets.Image)
    assert not plt.get_fignums()


def test_a_sentence_stays_where_no_slider_moves(shown):
    pytest.importorskip("ipywidgets")
    redrawing.sliders(line_to, phi=(-2, 0, 4), depth=(0.5, 1, 4))
    words, script, box = shown
    assert words["text/plain"].startswith("Sliders for phi, depth, ") and words["text/plain"] in words["text/html"]
    assert set(script) & LIVE and not set(words) & LIVE, "tools/execute.py saves the sentence only"
    assert "redrawing" in box._dom_classes and ".redrawing " in script["application/javascript"]


def test_without_ipywidgets_sliders_print_one_line(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    redrawing.sliders(lambda: None)
    printed = capsys.readouterr().out
    assert "ipywidgets is not installed" in printed and printed.count("\n") == 1
