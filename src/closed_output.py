"""A command whose reader has gone, as in `| head -1`, ends without a word."""

import os
import sys
from contextlib import contextmanager

STATUS = 141  # what a shell shows for a program that a closed pipe ended


@contextmanager
def ends_quietly():
    """Ends the program with STATUS where it prints to nobody; also as `@ends_quietly()` above a function."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        raise SystemExit(STATUS) from None
