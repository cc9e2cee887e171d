"""imgs/ is up to date, described and readable, and --check says when it is not."""

import dataclasses
import shutil

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest
from PIL import Image

import architecture
import draw_imgs
from architecture import plan
from datasets import published
from picture_layout import check_layout


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """imgs/ to spoil."""
    shutil.copytree(draw_imgs.IMGS, tmp_path / "imgs")
    monkeypatch.setattr(draw_imgs, "IMGS", tmp_path / "imgs")
    return tmp_path / "imgs"


@pytest.mark.parametrize("name", draw_imgs.PICTURES)
def test_imgs_are_up_to_date_described_and_nothing_overlaps(name):
    draw, alt = draw_imgs.PICTURES[name]
    path, fig = draw_imgs.IMGS / f"{name}.png", draw()
    with Image.open(path) as image:
        stored = image.text
    assert stored["Fingerprint"] == draw_imgs.fingerprint(fig), f"{path.name} is stale: python tools/draw_imgs.py"
    assert stored["Description"] == alt and 100 < len(alt) < 400
    assert path.stat().st_size < (300_000 if name == "efficientnet" else 120_000)
    check_layout(fig)


def test_imgs_holds_nothing_else():
    assert {path.name for path in draw_imgs.IMGS.iterdir()} == {f"{name}.png" for name in draw_imgs.PICTURES}


def test_every_network_stands_over_its_point():
    fig = draw_imgs.draw_family()
    page, chart = fig.axes
    fig.draw_without_rendering()
    threads = [patch.get_path().vertices for patch in page.patches if not patch.get_fill()]
    ends = chart.transData.inverted().transform(page.transData.transform([thread[-1] for thread in threads]))
    assert ends[:, 0] == pytest.approx([plan(f"b{i}").macs / 1e9 for i in range(8)], rel=1e-3)


def test_table_7_is_read_from_the_published_table():
    networks = draw_imgs.table_7()
    assert list(networks) == ["baseline", "depth × 4", "width × 2", "resolution × 2", "compound"]
    assert (networks["width × 2"].width, networks["resolution × 2"].resolution) == (2, 448)


def test_a_changed_plan_makes_imgs_stale(monkeypatch):
    wider = dataclasses.replace(architecture.STAGES[1], filters=32)
    baseline = dataclasses.replace(architecture.B0, stages=(architecture.STAGES[0], wider, *architecture.STAGES[2:]))

    def changed(variant):
        return plan(dataclasses.replace(architecture.find_scale(variant), baseline=baseline))

    monkeypatch.setattr("figures.network.plan", changed)
    monkeypatch.setattr(draw_imgs, "plan", changed)
    for name in ("b0", "block2b", "scaling"):
        assert "out of date" in draw_imgs.problem_of(name)


def test_a_changed_table_makes_imgs_stale(monkeypatch):
    def corrected(name):
        return [row | ({"top1": 76.1} if row.get("model") == "ResNet-50" else {}) for row in published(name)]

    monkeypatch.setattr("figures.charts.published", corrected)
    assert "out of date" in draw_imgs.problem_of("accuracy")


def test_check_says_what_is_wrong_and_draws_nothing(copy, capsys):
    assert draw_imgs.main(["--check", "b0", "block1a"]) == 0
    assert "up to date" in capsys.readouterr().out
    (copy / "b0.png").unlink()
    shutil.copy(copy / "block2a.png", copy / "block1a.png")
    before = {path.name: path.stat().st_mtime_ns for path in copy.iterdir()}
    assert draw_imgs.main(["--check", "b0", "block1a"]) == 1
    missing, stale = capsys.readouterr().out.splitlines()
    assert "b0.png is missing" in missing and "block1a.png is out of date" in stale
    assert "python tools/draw_imgs.py block1a" in stale
    assert before == {path.name: path.stat().st_mtime_ns for path in copy.iterdir()}


def test_drawing_again_gives_the_same_picture(copy, capsys):
    (copy / "b0.png").unlink()
    assert draw_imgs.main(["b0"]) == 0
    assert draw_imgs.problem_of("b0") is None and "imgs/b0.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, status, says",
    [(["--help"], 0, "--check"), (["b9"], 2, "NAME is 'b9'; allowed: efficientnet, accuracy")],
)
def test_help_and_typing_errors_draw_nothing(arguments, status, says, copy, capsys):
    shutil.rmtree(copy)
    with pytest.raises(SystemExit) as stopped:
        draw_imgs.main(arguments)
    printed = capsys.readouterr()
    assert stopped.value.code == status and says in printed.out + printed.err and not copy.exists()
