"""The commands that README.md, CONTRIBUTING.md, Makefile and .ci/run give: the same ones, and of files that exist."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OPEN_COMMAND = "pip install -r requirements.txt && jupyter notebook --preferred-dir=notebooks"
TEST_COMMAND = "pip install -r requirements.txt && pytest"
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}

PROGRAMS = [
    path.relative_to(ROOT).as_posix()
    for folder in ("src", "tools")
    for path in sorted((ROOT / folder).glob("*.py"))
    if "__main__" in path.read_text(encoding="utf-8")
]

needs_make = pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="needs make and its shell")
needs_bash = pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash and POSIX permissions")

# `-m venv FOLDER` makes an environment whose commands only say that they were called
FAKE_PYTHON = """#!/bin/sh
if [ "$2" = venv ]; then
    mkdir -p "$3/bin"
    echo 'PATH=$VENV/bin:$PATH' | sed "s|\\$VENV|$3|" > "$3/bin/activate"
    for name in python pip pytest make; do
        printf '#!/bin/sh\\necho "called: %s $*"\\n[ %s != "$BROKEN" ]\\n' $name $name > "$3/bin/$name"
        chmod +x "$3/bin/$name"
    done
    echo "environment: $3"
fi
"""


def make(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ci(tmp_path, **variables):
    """Runs a copy of .ci/run, in a folder whose name has a space, from elsewhere, with a fake Python."""
    series = tmp_path / "the series"
    (series / ".ci").mkdir(parents=True)
    for name in (".ci/run", "README.md"):
        shutil.copy(ROOT / name, series / name)
    python = tmp_path / "fake python"
    python.write_text(FAKE_PYTHON, encoding="utf-8")
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), **variables}
    command = ["bash", str(series / ".ci" / "run")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    left = [line.removeprefix("environment: ") for line in lines if line.startswith("environment: ")]
    assert len(left) == 1 and not Path(left[0]).exists(), "the environment was not removed"
    return done.returncode, [line.removeprefix("called: ") for line in lines if line.startswith("called: ")]


INSTALL, TEST = "pip install -r requirements.txt", "pytest "
SECOND = ["pip install -r requirements-extras.txt -r requirements-dev.txt", "make lint extras"]


@needs_bash
@pytest.mark.parametrize(
    ("variables", "status", "expected"),
    [
        ({}, 0, [INSTALL, TEST, *SECOND]),
        ({"EXTRAS": "0"}, 0, [INSTALL, TEST]),
        ({"EXTRAS": "0", "TESTS": "notebooks"}, 0, [INSTALL, "pytest notebooks"]),
        ({"BROKEN": "pip"}, 1, [INSTALL]),
        ({"BROKEN": "pytest"}, 1, [INSTALL, TEST]),
        ({"BROKEN": "make"}, 1, [INSTALL, TEST, *SECOND]),
    ],
    ids=["all", "only the test command", "of all tests, some", "pip fails", "pytest fails", "lint or extras fail"],
)
def test_ci_runs_the_test_command_and_then_what_needs_more(tmp_path, variables, status, expected):
    assert ci(tmp_path, **variables) == (status, ["python --version", *expected])


MAINTAINERS_TOOLS = r'importorskip\("(hypothesis|latex2mathml|playwright|axe_playwright_python)|requirements-dev\.txt"'


def test_what_needs_the_maintainers_tools_runs_in_the_second_step():
    """The first step has them not, and skips; the second selects what is marked."""
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    need = {name for name, text in tests.items() if re.search(MAINTAINERS_TOOLS, text)} - {"test_commands.py"}
    assert {"test_random_input.py", "test_publish.py", "test_browser.py", "test_licences.py"} <= need
    marked = {name for name in need if re.search(r"^pytestmark = .*mark\.extras", tests[name], re.M)}
    assert need == marked


@needs_bash
def test_versions_are_the_lowest_the_highest_and_lists(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "versions", tmp_path / ".ci" / "versions")
    run, lists = tmp_path / ".ci" / "run", {"requirements.txt": "# ours\na>=1.2,<3\nb-c>=0.11\n"}
    lists |= {"requirements-extras.txt": "d>=2.0,<3\n", ".ci/colab.txt": "a==1.5\n"}
    for name, text in lists.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    run.write_text('#!/bin/sh\ncat "$PIP_CONSTRAINT"\n! grep -q 1.5 "$PIP_CONSTRAINT"\n', encoding="utf-8")
    run.chmod(0o755)

    def versions(*names):
        command = ["bash", str(tmp_path / ".ci" / "versions"), *names]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    lowest = ["== lowest", "a==1.2.*", "b-c==0.11.*", "d==2.0.*"]
    assert versions().stdout.split("\n") == [*lowest, "== highest", ""] and versions().returncode == 0
    done = versions("colab", "lowest")
    assert done.stdout.split("\n") == ["== colab", "a==1.5", *lowest, ""]
    assert done.returncode == 1 and done.stderr == ".ci/versions: failed: colab\n"


def test_the_readme_has_the_two_commands():
    assert f"\n{OPEN_COMMAND}\n" in PAGES["README.md"] and f"\n{TEST_COMMAND}\n" in PAGES["README.md"]


@needs_make
def test_make_runs_the_same_two_commands():
    assert make("test") == TEST_COMMAND and make("notebooks") == OPEN_COMMAND


@needs_make
def test_colab_s_twin_runs_every_notebook_under_its_constraints():
    assert make("colab") == "EXTRAS=0 TESTS=notebooks .ci/versions colab"
    assert (ROOT / ".ci" / "colab.txt").is_file()


@needs_make
def test_make_alone_explains_every_target():
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].split()
    assert [line.split()[0] for line in shown.splitlines()] == phony
    assert all(len(line.split()) > 1 for line in shown.splitlines())


@needs_make
@pytest.mark.parametrize("page", PAGES)
def test_every_target_that_a_page_names_exists(page):
    for target in re.findall(r"(?:`|^)make (\w+)", PAGES[page], re.M):
        make(target)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_ours_that_a_page_names_exists(page):
    named = set(re.findall(r"\b(?:src|tools|tests|data)/[\w/.]*\w", PAGES[page]))
    examples = {name for name in named if "NAME" in name or "NN" in name}
    assert named - examples
    assert not [name for name in sorted(named - examples) if not (ROOT / name).exists()]


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name.startswith("tools/")])
def test_every_tool_ends_quietly_where_nobody_reads_and_prints_in_any_terminal(program):
    text = (ROOT / program).read_text(encoding="utf-8")
    assert re.search(r"\n@(ends_quietly|fails_in_one_line)\(.*\)\ndef main\(", text)


@pytest.mark.slow  # most start TensorFlow
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_answers_help_from_any_folder(program, tmp_path):
    command = [sys.executable, str(ROOT / program), "--help"]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith("usage:") and not done.stderr, done.stderr
    assert not list(tmp_path.iterdir())


def test_the_table_of_the_family_comes_from_its_own_folder_too_and_without_tensorflow_s_log():
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    options = dict(cwd=ROOT / "src", env=environment, capture_output=True, text=True, timeout=120)
    done = subprocess.run([sys.executable, "architecture.py"], **options)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 9 and not done.stderr, done.stderr


def test_plain_pytest_runs_tests_and_notebooks():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert set(options["testpaths"]) == {"tests", "notebooks"} and "--nbval " in options["addopts"]


def test_one_version_of_ruff():
    files = ("requirements-dev.txt", ".pre-commit-config.yaml")
    pins = [re.findall(r"ruff==([\d.]+)", (ROOT / name).read_text(encoding="utf-8")) for name in files]
    assert all(pins) and len(set(sum(pins, []))) == 1, pins
