"""colab_twin.py: the constraints file from a `pip freeze`, and that it fits requirements.txt."""

import re
from pathlib import Path

import pytest

import colab_twin

ROOT = Path(__file__).resolve().parent.parent.parent
FREEZE = "# a comment\nPillow==11.3.0\njax==0.7.2\ntorch @ https://example.org/torch-2.0+cu118.whl\ntorchaudio==2.8.0+cu126\n"
FREEZE += "".join(f"{name}==1.2.post3\n" for name in colab_twin.NAMES if name != "pillow")


@pytest.fixture
def target(tmp_path, monkeypatch):
    monkeypatch.setattr(colab_twin, "CONSTRAINTS", tmp_path / "colab.txt")
    return colab_twin.CONSTRAINTS


def test_the_file_has_our_packages_and_says_when(target, tmp_path, capsys):
    (tmp_path / "freeze.txt").write_text(FREEZE, encoding="utf-8")
    assert colab_twin.main([str(tmp_path / "freeze.txt"), "2027-01-31", "3.14"]) == 0
    lines = target.read_text(encoding="utf-8").splitlines()
    assert "Python 3.14, published 2027-01-31" in lines[0] and lines[1].startswith("# ")
    assert "pillow==11.3.0" in lines and "tensorflow==1.2.post3" in lines and len(lines) == 2 + len(colab_twin.NAMES)
    assert "2027-01-31" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("freeze", "date", "python", "words"),
    [
        (FREEZE.replace("keras==", "keras @ "), "2027-01-31", "3.14", "no version of keras"),
        ("", "2027-01-31", "3.14", "no version of h5py, ipykernel"),
        (FREEZE, "31.1.2027", "3.14", "31.1.2027"),
        (FREEZE, "2027-01-31", "three", "three"),
    ],
)
def test_what_is_no_freeze_is_refused_in_one_line(target, tmp_path, capsys, freeze, date, python, words):
    (tmp_path / "freeze.txt").write_text(freeze, encoding="utf-8")
    assert colab_twin.main([str(tmp_path / "freeze.txt"), date, python]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not target.exists()
    assert colab_twin.main([str(tmp_path / "none.txt"), date, python]) == 2


def test_the_committed_file_is_what_the_program_writes():
    text = (ROOT / ".ci" / "colab.txt").read_text(encoding="utf-8")
    python, date = re.search(r"Python (\S+), published (\S+)", text).groups()
    assert colab_twin.constraints(text, date, python) == text


def test_nothing_of_colab_s_is_outside_our_ranges():
    requirements = pytest.importorskip("packaging.requirements")
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / ".ci" / "colab.txt").read_text(encoding="utf-8"), re.M))
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            wanted = requirements.Requirement(line)
            assert wanted.name not in pins or pins[wanted.name] in wanted.specifier, line
