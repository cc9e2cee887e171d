"""What a function may be given: a wrong argument is told in one line, with what was wrong and what is allowed."""

import math
from numbers import Integral, Real


def require(condition, name, value, allowed):
    """Raises ValueError, in one line, unless `condition` holds: what was wrong, and what is allowed."""
    if not condition:
        shown = " ".join(repr(value).split())
        raise ValueError(f"{name} is {shown if len(shown) < 400 else shown[:400] + '...'}; allowed: {allowed}.")


def is_number(value, kind=Real):
    """Whether a value is a finite number, or a whole one if `kind` is Integral."""
    return isinstance(value, kind) and not isinstance(value, bool) and abs(value) < math.inf


# Kinds of numbers: in words, and as a test. Beyond their limits no network was ever near, and floats overflow.
WHOLE = "a whole number from 1 to 1,000,000", lambda value: is_number(value, Integral) and 0 < int(value) <= 10**6
FACTOR = "a number above 0, at most 1,000,000", lambda value: is_number(value) and 0 < value and int(value) <= 10**6
GROWTH = "a number above 0, at most 100", lambda value: is_number(value) and 0 < value <= 100
RATIO = "a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1
RATE = "a number from 0 up to, not including, 1", lambda value: is_number(value) and 0 <= value < 1


def require_kind(kind, **values):
    """Raises ValueError, in one line, unless each of the named values is of its kind."""
    allowed, fits = kind
    for name, value in values.items():
        require(fits(value), name, value, allowed)


def require_fields(owner, names, kind):
    """Raises ValueError, in one line, unless each of the named fields is of its kind. Makes NumPy numbers Python's."""
    for name in names:
        value = getattr(owner, name)
        require_kind(kind, **{name: value})
        if hasattr(value, "item"):  # of NumPy: one of 8 bits would overflow
            object.__setattr__(owner, name, value.item())
