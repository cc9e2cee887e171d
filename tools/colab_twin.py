"""Renews .ci/colab.txt, Colab's own versions of what the series uses, from what `pip freeze` says there.

    python tools/colab_twin.py FREEZE DATE PYTHON      a file, 2026-08-19, 3.13

Google publishes the file as pip-freeze.txt in https://github.com/googlecolab/backend-info; in Colab itself,
`!pip freeze > freeze.txt` writes it. `make colab` then runs every notebook under these versions.
"""

import argparse
import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
from atomic import write_atomically
from command import ends_quietly, fails_in_one_line

CONSTRAINTS = ROOT / ".ci" / "colab.txt"
# what can change an output of ours; the rest follows from these
NAMES = ["h5py", "ipykernel", "ipython", "ipywidgets", "keras", "matplotlib", "nbconvert", "nbformat", "notebook"]
NAMES += ["numpy", "pillow", "scipy", "tensorflow"]
HEAD = """\
# Colab's own versions of what the series uses: Python {python}, published {date}
# (pip-freeze.txt in https://github.com/googlecolab/backend-info). Renewed by tools/colab_twin.py.
"""


def constraints(freeze, date, python):
    """The text of the constraints file. freeze: what `pip freeze` prints. Raises ValueError, in one line."""
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        raise ValueError(f"the date is {date!r}; allowed: year-month-day, as 2026-08-19.") from None
    if not re.fullmatch(r"3\.\d+", python):
        raise ValueError(f"Python is {python!r}; allowed: a version such as 3.13.")
    versions = {}
    for line in freeze.splitlines():
        if match := re.fullmatch(r"([\w.-]+)==([\w.+!]+)\s*", line):
            versions[match[1].lower().replace("_", "-")] = match[2]
    missing = [name for name in NAMES if name not in versions]
    if missing:
        raise ValueError(f"no version of {', '.join(missing)}: is this what `pip freeze` prints on Colab?")
    return HEAD.format(python=python, date=date) + "".join(f"{name}=={versions[name]}\n" for name in NAMES)


@ends_quietly()
@fails_in_one_line(OSError, ValueError)
def main(arguments=None):
    """Writes .ci/colab.txt. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Renews .ci/colab.txt from what `pip freeze` says on Colab.")
    parser.add_argument("freeze", type=Path, help="a file with what `pip freeze` prints there")
    parser.add_argument("date", help="when it was published, as 2026-08-19")
    parser.add_argument("python", help="Colab's Python, as 3.13")
    options = parser.parse_args(arguments)
    text = constraints(options.freeze.read_text(encoding="utf-8"), options.date, options.python)
    write_atomically(CONSTRAINTS, lambda file: file.write(text.encode("utf-8")))
    print(f"{CONSTRAINTS.name}: {len(NAMES)} versions of {options.date}. `make colab` runs the notebooks under them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
