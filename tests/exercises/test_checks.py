"""How answers are judged and put into words, on exercises made for it."""

import signal
import sys
import threading
import time
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf

from cells import define
from exercises import EXERCISES, answers, check, find, hint, solution, verdict
from exercises.cards import enter_cards
from exercises.slips import slips

TOYS = """
99.1 recall: Divide
def divide(x, n=2):
    return «x / n»
? The one.
? The other.
> (8, 4), (9,), (0.5, 8)
= x * n**-1
✗ x / n -> x // n # do not round down
✗ x / n -> x / 2 # use n
✗ x / n -> x // 2 # use n, and do not round
✓ yes.

99.2 recall: Mean and spread
def spread(table):
    mean = «table.mean(axis=0)»
    return mean, «table - mean»
? The one.
> (np.arange(6.0).reshape(3, 2),), (np.eye(3),)
= np.average(table, axis=0), table - table.sum(axis=0) / len(table)
→ mean, rest
✗ table.mean(axis=0) -> table.mean(axis=1) # columns, not rows
✗ table.mean(axis=0) -> table.mean() # one mean for each column
✗ table - mean -> mean - table # the other way round
✓ yes.
"""


@pytest.fixture(autouse=True)
def toys():
    enter_cards(TOYS, {})
    yield
    for number in ("99.1", "99.2"):
        del EXERCISES[number]


def line(number, answer):
    right, text = verdict(number, answer)
    assert not right and "\n" not in text
    return text


NUMBERS = [Fraction, np.float32, np.float64, tf.constant, tf.Variable, np.asarray]


def gave(number, answer):
    """What the line says of the first call's result."""
    start = {"99.1": "✗ 99.1 divide(8, 4) gave ", "99.2": "✗ 99.2 spread(array (3, 2)) gave "}[number]
    text = line(number, answer)
    assert text.startswith(start)
    return text.removeprefix(start)


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)
def test_right_numbers_of_any_kind_are_right(kind):
    assert verdict("99.1", lambda x, n=2: kind(x / n))[0]
    assert verdict("99.2", lambda t: [t.mean(0).tolist(), tf.constant(t - t.mean(0))])[0]


def test_where_results_differ_is_said():
    assert line("99.1", lambda x, n=2: x / n if n == 4 else 0) == "✗ 99.1 divide(9) gave 0, not 4.5."
    assert gave("99.1", lambda x, n=2: x / n + 1e-4) == "2.0001, not 2: do not round."
    assert gave("99.2", lambda t: t) == "an array of shape (3, 2), not these parts: mean, rest."
    shapes = "rest = an array of shape (2, 3), not an array of shape (3, 2)."
    assert gave("99.2", lambda t: (t.mean(0), t.T)) == shapes
    assert gave("99.2", lambda t: (t.mean(0), np.abs(t - t.mean(0)))) == "rest[0, 0] = 2, not -2."
    assert gave("99.2", lambda t: (t.mean(0) + [0, 1], t)) == "mean = (2, 4), not (2, 3)."
    assert gave("99.2", lambda t: (t.mean(0), np.log(t))).startswith("rest[0, 0] = -inf, not -2")
    assert gave("99.2", lambda t: (t.mean(0), np.sqrt(4 - t))).startswith("rest[2, 1] = nan, not 2")
    assert gave("99.2", lambda t: (t[0] / 0, t)) == "mean = (nan, inf), not (2, 3)."


def test_places_that_look_alike_are_shown_with_more_digits():
    right = np.arange(9.0).reshape(3, 3) / 7
    assert answers.difference(right + 1e-5, right) == "1e-05 at [0, 0], not 0"
    assert answers.difference(right + (right > 1) * 2e-5, right) == "1.1428771 at [2, 2], not 1.1428571"


def test_where_none_may_be_right_it_is_no_missing_return():
    strict = define(find("07.5").solution.replace("1e6 *", "4.9e5 *"), "choose")
    assert line("07.5", strict).endswith(": does a condition let too little through, or is a return missing?")


def test_a_forgotten_bias_is_seen_though_fresh_biases_are_zero():
    before = tf.keras.initializers.Zeros()((2,)).numpy()
    for number, right in (("02.2", '1, activation="silu"'), ("03.3", "channels // 4, 1")):
        source = find(number).solution
        assert source.count(right) == 1
        name = find(number).name
        assert verdict(number, define(source, name))[0]
        assert not verdict(number, define(source.replace(right, f"{right}, use_bias=False"), name))[0]
    assert (tf.keras.initializers.Zeros()((2,)).numpy() == before).all()


def test_results_that_are_no_numbers_are_named():
    assert gave("99.1", lambda x, n=2: None) == "None, not 2: is a return missing, or is the result printed?"
    assert gave("99.1", lambda x, n=2: str(x / n)) == "'2.0', not 2: that is text."
    assert gave("99.1", lambda x, n=2: x / n + 0j) == "(2+0j), not 2: that is not made of real numbers."
    assert "not made of real numbers" in gave("99.1", lambda x, n=2: [[x], [x, n]])
    assert gave("99.1", lambda x, n=2: 10**400) == "a number of 401 digits, not 2: that is not made of real numbers."


def test_texts_and_numbers_without_their_decimals_are_named():
    assert gave("99.1", lambda x, n=2: np.array(str(x / n))).endswith("not 2: that is text.")
    assert (
        gave("99.2", lambda t: (t.mean(0), t.astype(str)))
        == "rest = an array of texts, not an array of shape (3, 2): that is text."
    )
    assert "divide(9) gave 4, not 4.5: the decimals are cut off: do not" in line("99.1", lambda x, n=2: int(x / n))
    half = "spread(array (3, 3)) gave mean = (0, 0, 0), not (0.3333, 0.3333, 0.3333): the decimals are cut off"
    assert half in line("99.2", lambda t: (t.mean(0).astype(int), t - t.mean(0)))
    assert gave("99.1", lambda x, n=2: [x / n]) == "[2], not 2."
    assert "is a return missing" in line("99.1", lambda x, n=2: x / n if n == 4 else None)


TOTAL = """
def total(table):
    answer = 1
    for row in table:
        for number in row:
            answer += (number - 1) * 2
    return answer
"""
SLIPS = [
    ("    return", "        return", "that returns inside the loop"),
    ("    return", "            return", "that returns inside the loop"),
    ("+=", "=", "+= and not ="),
    ("(number - 1)", "number - 1", "brackets of (number - 1)"),
]


def test_slips_are_worked_out_from_a_solution():
    for (old, new, message), (source, told) in zip(SLIPS, slips(TOTAL), strict=True):
        assert source.strip() == TOTAL.replace(old, new).strip() and message in told
    branches = "def f(x):\n    for y in x:\n        print(y)\n    if x:\n        return 1\n    return 2"
    assert not slips(branches), "below a return nothing is run"


def test_mistakes_are_named():
    assert line("99.1", lambda x, n=2: x // n).endswith(": do not round down.")
    assert line("99.1", lambda x, n=2: x / 2).endswith(": use n.")
    assert line("99.1", lambda x, n=2: x / n if n == 4 else x // 2).endswith(": do not round down.")  # in most cases
    assert gave("99.2", lambda t: (t.mean(0), t.mean(0) - t)) == "rest[0, 0] = 2, not -2: the other way round."
    assert gave("99.2", lambda t: (t.mean(), None)) == "mean = 2.5, not (2, 3): one mean for each column."
    assert "columns" in line("99.2", lambda t: np.ones(3) * t + np.ones((2, 1)) - t.mean(1))


def test_the_line_that_raised_is_shown():
    answer = define("def divide(x, n=2):\n    half = x / 0\n    return half\n", "divide")
    said = 'raised ZeroDivisionError: division by zero, in the line "half = x / 0".'
    assert line("99.1", answer) == f"✗ 99.1 divide(8, 4) {said}"
    assert "raised AxisError: axis 5 is out of bounds" in line("99.2", lambda t: t.mean(axis=5))

    def broken(*args):
        raise KeyError("first line\nsecond line")

    assert "raised KeyError" in line("99.1", broken)


def endless(x, n=2):
    while True:
        pass


def stubborn(x, n=2):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms on this platform")
@pytest.mark.parametrize("answer", [endless, stubborn])
def test_an_endless_loop_ends(monkeypatch, answer):
    monkeypatch.setattr(answers, "SECONDS", 0.1)
    before, start = signal.getsignal(signal.SIGALRM), time.monotonic()
    assert "divide(8, 4) was still running after 0.1 seconds: is there a loop" in line("99.1", answer)
    assert time.monotonic() - start < 5
    assert signal.getsignal(signal.SIGALRM) is before and signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms on this platform")
def test_one_wait_is_enough(monkeypatch):
    monkeypatch.setattr(answers, "SECONDS", 0.1)
    calls = []
    line("99.1", lambda x, n=2: calls.append(x) or endless(x))
    assert calls == [8]


def test_errors_agree_in_kind_and_text():
    one, other = answers.Raised(ValueError("one")), answers.Raised(ValueError("other"))
    assert answers.same(one, one) and not answers.same(one, other)
    assert answers.same(one, answers.Raised(ValueError())) and not answers.same(one, answers.Raised(TypeError()))


def test_answers_are_judged_in_other_threads_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(verdict("99.1", lambda x, n=2: x / n)))
    thread.start()
    thread.join()
    assert found == [(True, "✓ 99.1 divide: yes.")]


def test_exit_is_a_mistake_and_ctrl_c_interrupts():
    assert "ended with exit()" in line("99.1", lambda x, n=2: sys.exit(3))

    def interrupted(x, n=2):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verdict("99.1", interrupted)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("= x * n**-1", "= x * m", NameError),
        ("> (8, 4)", "> (8, 1 / 0)", ZeroDivisionError),
        ("✗ x / n -> x // n #", "✗ x / m -> x // n #", ValueError),
        ("✗ x / n -> x // n #", "✗ x / n -> x // #", SyntaxError),
    ],
)
def test_a_fault_of_a_card_is_raised(old, new, error):
    enter_cards(TOYS.replace(old, new), {})
    with pytest.raises(error):
        check("99.1", lambda x, n=2: 7)


def test_an_ellipsis_in_an_index_is_no_gap():
    source = find("00.2").solution
    assert verdict("00.2", define(source.replace("[:, class_index]", "[..., class_index]"), "activation_map"))[0]
    assert "✗" in line("00.2", define(source.replace("[:, class_index]", "[..., 0]"), "activation_map"))
    assert "not finished" in line("99.1", define("def divide(x, n=2):\n    return x + ...", "divide"))


def test_what_is_printed(capsys):
    def printed(function, *args):
        function(*args)
        return capsys.readouterr().out

    assert printed(check, "99.1", lambda x, n=2: x / n) == "✓ 99.1 divide: yes.\n"
    assert printed(check, "1.1", ...).startswith("○ 01.1 not answered yet")
    assert printed(check, "01.9", len) == 'exercise is \'01.9\'; allowed: "01.1" to "01.5".\n'
    for number in (1.1, None, "77.1"):
        assert printed(check, number, len) == f'exercise is {number!r}; allowed: "00.1" to "99.2".\n'
        assert printed(solution, number) == printed(hint, number) == printed(check, number, len)
    assert printed(hint, "99.1", 2) == "Hint 2 of 2: The other.\n"
    for level in (0, 3, 1.0, "1"):
        said = f'level is {level!r}; allowed: 1 to 2. What comes next is solution("99.1").\n'
        assert printed(hint, "99.1", level) == said
    assert printed(check, "99.1") == '✗ 99.1 wants the function itself, check("99.1", divide), not None.\n'
    assert printed(solution, "99.1") == "def divide(x, n=2):\n    return x / n\n"


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def test_nothing_that_an_answer_returns_or_raises_escapes():
    itself = [1]
    itself.append(itself)
    deep = 1
    for _ in range(5000):
        deep = [deep]

    def wordless(*_):
        raise Wordless

    for answer in (lambda *_: itself, lambda *_: deep, wordless):
        line = check("01.1", answer)
        assert "\n" not in str(line)
