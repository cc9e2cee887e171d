"""Odd arguments and strange albums and tables: a right answer, or one line. Nothing here builds a network."""

import os

import numpy as np
import pytest
from PIL import Image

import atomic
import datasets
from architecture import Scale, compound_scale, plan, round_filters


def test_a_number_of_8_bits_scales_as_pythons_own():
    assert plan(Scale(np.uint8(2), np.uint8(2), np.uint8(200))).macs == plan(Scale(2, 2, 200)).macs
    assert compound_scale(1, gamma=np.uint8(3)).resolution == 672
    assert round_filters(1280, 2) == 2560


def test_a_depth_that_no_memory_holds_is_refused_at_once():
    with pytest.raises(ValueError, match="the number of blocks is .*; allowed: at most 10,000"):
        plan(Scale(1, 1_000_000, 32))


def album(folder, *classes, photos=2):
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(photos):
            Image.new("RGB", (9, 9), (20 * number, 10 * i, 0)).save(folder / name / f"{i} фото.png")
    return folder


def test_names_of_other_alphabets_and_of_other_characters(tmp_path):
    names = ("café 😀", "it's [1]", "кошки", "猫")
    images, _, _, classes = datasets.album(album(tmp_path / "фото", *names), 8)
    assert classes == tuple(sorted(names)) and images.shape == (8, 8, 8, 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_among_the_photos_does_not_hang(tmp_path):
    os.mkfifo(album(tmp_path, "cat", "dog") / "cat" / "pipe.jpg")
    with pytest.raises(ValueError, match="cat/pipe.jpg cannot be read as an image .it is no file."):
        datasets.album(tmp_path, 8)


def test_links_in_a_circle_end(tmp_path):
    album(tmp_path, "cat", "dog")
    try:
        (tmp_path / "cat" / "all").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("needs the right to make links")
    with pytest.warns(UserWarning, match="sub-folder cat/all"):
        images, _, _, classes = datasets.album(tmp_path, 8)
    assert classes == ("cat", "dog") and len(images) == 4


def test_copies_are_said(tmp_path):
    album(tmp_path, "cat", "dog")
    (tmp_path / "dog" / "copy.png").write_bytes((tmp_path / "dog" / "0 фото.png").read_bytes())
    with pytest.warns(UserWarning, match="has 1 copies of photos"):
        datasets.album(tmp_path, 8)


@pytest.mark.parametrize("size", [10_001, 10**9])
def test_a_size_that_would_fill_the_memory_is_refused(tmp_path, size):
    for call in (lambda: datasets.photo("chelsea", size), lambda: datasets.album(album(tmp_path, "a", "b"), size)):
        with pytest.raises(ValueError, match="at most 10,000"):
            call()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,a\n1,2\n", "names a column twice"),
        ('a\n"x\n', "is no table"),
        ("a\nx\n".encode("utf-16"), "is no table"),
        ("", "the number of rows of"),
        ("a,b\n", "the number of rows of"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path, monkeypatch, content, words):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    with pytest.raises(ValueError, match=words) as caught:
        datasets.published("t")
    assert "t.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path):
    (tmp_path / "t.csv").write_bytes("top1,name\r\n77,é\r\n".encode("utf-8-sig"))
    assert atomic.read_rows(tmp_path / "t.csv") == [dict(top1="77", name="é")]
