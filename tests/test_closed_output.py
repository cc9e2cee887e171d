"""`| head -1` ends a command without a word, and a terminal that does not know a sign shows a question mark."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src"
PROGRAM = """
import sys
sys.path.insert(0, {src!r})
from closed_output import ends_quietly
@ends_quietly()
def main():
    while True:
        print("a line", flush={flush})
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is another error on Windows")
@pytest.mark.parametrize("flush", [True, False])
def test_a_reader_that_leaves_ends_the_program_without_a_word(flush):
    command = [sys.executable, "-c", PROGRAM.format(src=str(SRC), flush=flush)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "a line\n"
        process.stdout.close()
        assert process.stderr.read() == "" and process.wait(30) == 141


def test_a_sign_that_the_terminal_does_not_know_is_a_question_mark():
    program = (
        PROGRAM.format(src=str(SRC), flush=True).replace("while True", "for _ in range(2)").replace("a line", "→ é")
    )
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout.decode("latin-1").split("\n") == ["? é", "? é", ""]
