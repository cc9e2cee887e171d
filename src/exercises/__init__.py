"""Exercises: what a learner fills in, the checks, the hints, and a solution each.

    check("01.2", depthwise)    prints one line: right, or which mistake it looks like
    hint("01.2"), hint("01.2", 2), ...    the next nudge
    solution("01.2")            one right answer among many

Each exercise, with the mistakes that its check knows, is a card in the module of its lesson; `cards` says how a card
is written, `checks` how an answer is judged.
"""

from importlib import import_module
from pathlib import Path

from exercises.cards import EXERCISES
from exercises.checks import cell, check, compared, find, hint, solution, verdict

__all__ = ["EXERCISES", "cell", "check", "compared", "find", "hint", "solution", "verdict"]

for lesson in sorted(Path(__file__).parent.glob("lesson_*.py")):
    import_module(f"{__name__}.{lesson.stem}")  # importing a lesson enters its exercises
