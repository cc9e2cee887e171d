"""Answers: a learner's function run with care, its results compared with others, and both put into words."""

import ast
import copy
import inspect
import linecache
import re
import signal
import textwrap
import threading
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from arguments import is_number
from fresh_layers import biased

NO_NUMBERS = (str, bytes, complex, type(None))
SHORT = ((1,), (2,), (3,), (4,))  # shapes that are shown in full
SECONDS = 5  # for one call; the slowest solution takes a tenth of a second


# ---------------------------------------------------------------- running


@dataclass(frozen=True)
class Raised:
    """The result of a call that raised, and the line that did. An oracle returns it where an answer has to raise."""

    error: BaseException
    line: str = ""


class TimeUp(BaseException):
    """A call took too long. No Exception, so that no `except Exception` in an answer catches it."""


def attempt(function, args):
    """What a call returns, or Raised: on copies, without warnings, with a limit of time. Ctrl-C still interrupts."""
    copies = copy.deepcopy(args)
    try:
        with _time_limit(SECONDS), biased(), np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return function(*copies)
    except (Exception, SystemExit, TimeUp) as error:
        return Raised(error, _line_that_raised(error))


@contextmanager
def _time_limit(seconds):
    """Raises TimeUp after some seconds; does nothing outside the main thread, and where there are no such alarms."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number, frame):
        raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    # again every second, should a bare `except:` have caught the first
    timer_before = signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer_before)
        signal.signal(signal.SIGALRM, before)


def define(source, name, scope=()):
    """The function of that name in a source, which knows the names of the scope, a dict."""
    scope = dict(scope)
    exec(source, scope)
    return scope[name]


def is_stub(function, source, name):
    """Whether a function is what the source of a stub defines, untouched."""
    ours, theirs = define(source, name).__code__, getattr(function, "__code__", None)
    return all(getattr(ours, part) == getattr(theirs, part, None) for part in ("co_code", "co_consts", "co_names"))


def left_open(function):
    """Whether a `...` is left in the source of a function, other than in an index."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # no source, as of a built-in function, or a lambda torn out of its line
        return False
    indices = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Subscript) for part in ast.walk(node.slice)}
    return any(getattr(node, "value", None) is ... and id(node) not in indices for node in ast.walk(tree))


# ---------------------------------------------------------------- comparing


def same(got, right):
    """Whether two results agree: equal shape and, to 5 digits, equal real numbers; or equal texts, None, errors."""
    if isinstance(got, Raised) and isinstance(right, Raised):
        texts = [re.sub(r"_\d+'", "'", str(raised.error)) for raised in (got, right)]  # Keras counts layers: conv2d_7
        return type(got.error) is type(right.error) and texts[1] in ("", texts[0])
    for kind in (Raised, str, type(None)):
        if isinstance(got, kind) or isinstance(right, kind):
            return isinstance(got, kind) and isinstance(right, kind) and got == right
    got, right = numbers(got), numbers(right)
    if got is None or right is None or got.shape != right.shape:
        return False
    return bool(_close(got, right).all())


def same_parts(one, other):
    """Whether two results, as tuples of parts, agree."""
    return len(one) == len(other) and all(map(same, one, other))


def same_results(one, other):
    """Whether two answers agree in every case, as far as both were called."""
    return all(map(same_parts, one, other))


def _close(got, right):
    """Where two arrays of floats agree: to 5 digits, or to a millionth of the largest."""
    largest = np.abs(right[np.isfinite(right)]).max(initial=0)
    return np.isclose(got, right, rtol=1e-5, atol=1e-6 * largest, equal_nan=True)


def numbers(value):
    """A value as an array of floats, or None if it holds anything but real numbers."""
    try:
        array = np.asarray(value)
        objects = array.flat if array.dtype.kind == "O" else ()
        if array.dtype.kind in "cSUMm" or any(isinstance(element, NO_NUMBERS) for element in objects):
            return None  # a cast to float would read texts, drop imaginary parts, and make NaN of None
        return array.astype(float)
    except Exception:  # ragged, 10**400, symbolic, or an object with faults of its own
        return None


# ---------------------------------------------------------------- putting into words


def call(name, args):
    """A call in words, as `name(7, array (5, 5, 2))`."""

    def word(arg):
        if isinstance(arg, np.ndarray):
            return f"array {arg.shape}"
        if isinstance(arg, str):
            return f'"{arg}"'
        if isinstance(arg, (list, dict)) and len(f"{arg}") > 60:
            return f"a {type(arg).__name__} of {len(arg)}"
        return f"{arg:_}" if is_number(arg) else f"{arg}"

    return f"{name}({', '.join(map(word, args))})"


def failure(raised):
    """In words: what a call raised, and where."""
    error = raised.error
    if isinstance(error, TimeUp):
        return f"was still running after {SECONDS} seconds: is there a loop that never ends?"
    if isinstance(error, SystemExit):
        return "ended with exit(): return the result, and leave Python running"
    try:
        text = str(error)
    except Exception:  # it is the learner's class
        text = ""
    reason = (text.splitlines() or ["no message"])[0][:100].rstrip(". ,")
    return f"raised {type(error).__name__}: {reason}" + (f', in the line "{raised.line}"' if raised.line else "")


def _line_that_raised(error):
    """The learner's line where an error started; empty if its source is not known."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    return linecache.getline(own[-1].filename, own[-1].lineno).strip() if own else ""


def describe(value, depth=3):
    """A value in a few words, on one line; lists inside lists `depth` deep, for one may contain itself."""
    if depth == 0:
        return "…"
    array = numbers(value)
    if isinstance(value, (tuple, list)) and len(value) <= 4 or (array is not None and array.shape in SHORT):
        parts = ", ".join(describe(part, depth - 1) for part in value)
        return f"[{parts}]" if len(value) == 1 else f"({parts})"
    if array is not None and array.ndim:
        return f"an array of shape {array.shape}"
    if _is_text(value) and np.ndim(value):
        return "an array of texts"
    if isinstance(value, Integral) and abs(value) >= 10**15:
        return f"a number of {len(str(abs(int(value)))):,} digits" if abs(value) < 10**4000 else "a huge number"
    if array is None:
        try:
            return " ".join(repr(value).split())[:60]
        except Exception:
            return f"an object of type {type(value).__name__}"
    if isinstance(value, (bool, np.bool_)):
        return str(value)
    number = float(array)
    return f"{int(number):,}" if number.is_integer() and abs(number) < 1e15 else f"{number:.4g}"


def difference(got, right, name=""):
    """In words: `7, not 8`, where arrays differ at their first place. name: of a part of the result, said before it."""
    found, wanted = numbers(got), numbers(right)
    alike = found is not None and wanted is not None and found.shape == wanted.shape
    cut = ": the decimals are cut off" if alike and _is_cut_off(got, wanted) else ""
    if alike and wanted.ndim and wanted.shape not in SHORT:
        place = _first_difference(found, wanted)
        value, other = describe(np.asarray(got)[place]), describe(np.asarray(right)[place]) + cut
        if value == other:
            value, other = f"{found[place]:.8g}", f"{wanted[place]:.8g}"
        where = f"[{', '.join(map(str, place))}]"
        return f"{name}{where} = {value}, not {other}" if name else f"{value} at {where}, not {other}"
    value, other = describe(got), describe(right) + cut
    if alike and value == other and isinstance(got, Real):
        value, other = f"{found:.8g}", f"{wanted:.8g}: do not round"
    elif _is_text(got) and not _is_text(right):
        other += ": that is text"
    elif found is None and wanted is not None and got is not None:
        other += ": that is not made of real numbers"
    return f"{name} = {value}, not {other}" if name else f"{value}, not {other}"


def _is_text(value):
    try:
        return np.asarray(value).dtype.kind in "SU"
    except Exception:  # ragged, or an object with faults of its own
        return False


def _is_cut_off(got, wanted):
    """Whether integers are what is left of the wanted numbers without their decimals."""
    return np.asarray(got).dtype.kind in "iu" and np.array_equal(got, np.trunc(wanted))


def _first_difference(found, wanted):
    """The first place at which two arrays of one shape differ; before all others, where one is not finite."""
    unequal = ~_close(found, wanted)
    broken = unequal & ~np.isfinite(found)
    unequal = broken if broken.any() else unequal
    return tuple(int(index) for index in np.unravel_index(np.argmax(unequal), wanted.shape))
