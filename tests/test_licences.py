"""The licences in LICENCES.md are those that the installed packages state, and none of them forbids anything."""

import re
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.extras  # so that all three files of requirements are installed
ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-extras.txt", "requirements-dev.txt")
FREE = re.compile(r"\b(?:0BSD|MIT|BSD|Apache|PSF|Python Software Foundation|ISC|HPND|CC0|Unlicense|ZPL|MPL|Mozilla)\b")


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def named(file):
    return [
        normal(name) for name in re.findall(r"^[A-Za-z0-9][\w.-]*", (ROOT / file).read_text(encoding="utf-8"), re.M)
    ]


def stated(name):
    """What an installed package says: an expression, classifiers, or how its licence begins."""
    about = metadata.metadata(name)
    kinds = [line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    texts = [about.get("License-Expression"), ", ".join(kinds), about.get("License")]
    for file in about.get_all("License-File", []):
        with suppress(UnicodeDecodeError):  # OpenVINO's is not in UTF-8
            texts.append(metadata.distribution(name).read_text(f"licenses/{file}"))
    return next((text.strip()[:100] for text in texts if text), "")


def installed(names):
    """All installed packages among these and those that they need in turn."""
    found, todo = {}, list(names)
    while todo:
        name = normal(todo.pop())
        if name in found:
            continue
        try:
            found[name] = stated(name)
        except metadata.PackageNotFoundError:  # for another system, or not needed here
            continue
        needed = metadata.requires(name) or []
        todo += [re.match(r"[\w.-]+", line)[0] for line in needed if "extra ==" not in line]
    return found


DIRECT = [name for file in REQUIREMENTS for name in named(file)]
TABLE = dict(re.findall(r"^\| ([\w-]+).*\| ([^|]+) \|$", (ROOT / "LICENCES.md").read_text(encoding="utf-8"), re.M))


def test_every_package_that_we_ask_for_is_in_the_table():
    assert sorted(set(TABLE) - {"package"}) == sorted(set(DIRECT))


@pytest.mark.parametrize("name", DIRECT)
def test_the_table_says_what_the_package_says(name):
    try:
        kinds = re.findall(r"MIT|BSD|Apache|MPL|PSF", stated(name).replace("Python Software Foundation", "PSF"))
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    assert re.match(r"[A-Z]+[a-z]*", TABLE[name])[0] in kinds


def test_all_that_is_installed_for_us_is_free():
    found = installed(DIRECT)
    assert len(found) > 50 and not {name: text for name, text in found.items() if not FREE.search(text)}
