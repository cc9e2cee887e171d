"""How a command ends: without a word where its reader has gone, as in `| head -1`, and with one line where it fails."""

import os
import sys
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

CLOSED = 141  # what a shell shows for a program that a closed pipe ended
FAILED = 2


@contextmanager
def ends_quietly():
    """Ends the program with CLOSED where it prints to nobody; also as `@ends_quietly()` above a function.

    A sign that the terminal's encoding does not have is printed as a question mark.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has it not, and needs it not
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        raise SystemExit(CLOSED) from None


def first_line(error):
    """What an error says, in one line; its type if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def fails_in_one_line(*errors):
    """`@fails_in_one_line(ValueError)` above a main: such an error is one line on the screen, and the status FAILED.

    It ends quietly, too.
    """

    def decorate(main):
        @wraps(main)
        def run(*arguments):
            with ends_quietly():
                try:
                    return main(*arguments)
                except BrokenPipeError:  # an OSError, but nobody reads
                    raise
                except errors as error:
                    print(f"{Path(main.__code__.co_filename).name}: {first_line(error)}", file=sys.stderr)
                    return FAILED

        return run

    return decorate
