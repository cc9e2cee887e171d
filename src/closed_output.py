"""What a command prints to a reader who has gone, as in `| head -1`, or to a terminal that does not know every sign."""

import os
import sys
from contextlib import contextmanager

STATUS = 141  # what a shell shows for a program that a closed pipe ended


@contextmanager
def ends_quietly():
    """Ends the program with STATUS where it prints to nobody; also as `@ends_quietly()` above a function.

    A sign that the terminal's encoding does not have is printed as a question mark.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has it not, and needs it not
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        raise SystemExit(STATUS) from None
