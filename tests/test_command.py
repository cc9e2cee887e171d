"""How commands end: after `| head -1`, before a terminal that lacks a sign, and at an error that was foreseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command import fails_in_one_line

SRC = Path(__file__).resolve().parent.parent / "src"
PROGRAM = """
import sys
sys.path.insert(0, {src!r})
from command import ends_quietly, fails_in_one_line
@{decorator}
def main():
    while True:
        print("a line", flush={flush})
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is another error on Windows")
@pytest.mark.parametrize("decorator", ["ends_quietly()", "fails_in_one_line(OSError)"])
@pytest.mark.parametrize("flush", [True, False])
def test_a_reader_that_leaves_ends_the_program_without_a_word(flush, decorator):
    command = [sys.executable, "-c", PROGRAM.format(src=str(SRC), flush=flush, decorator=decorator)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "a line\n"
        process.stdout.close()
        assert process.stderr.read() == "" and process.wait(30) == 141


@pytest.mark.parametrize("text, line", [("no such file", "no such file"), ("first\nsecond", "first"), ("", "OSError")])
def test_an_error_that_was_foreseen_is_one_line_and_a_status(text, line, capsys):
    @fails_in_one_line(OSError, ValueError)
    def main(arguments=None):
        raise OSError(text)

    assert main([]) == 2 and capsys.readouterr() == ("", f"test_command.py: {line}\n")


def test_any_other_error_stays_one_and_results_pass():
    @fails_in_one_line(ValueError)
    def main(number):
        return 1 // number

    assert main(1) == 1
    with pytest.raises(ZeroDivisionError):
        main(0)


def test_a_sign_that_the_terminal_does_not_know_is_a_question_mark():
    program = PROGRAM.format(src=str(SRC), flush=True, decorator="ends_quietly()")
    program = program.replace("while True", "for _ in range(2)").replace("a line", "→ é")
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout.decode("latin-1").split("\n") == ["? é", "? é", ""]
