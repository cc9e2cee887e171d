"""arguments.py: one line for whatever is wrong, and limits that hold on both sides."""

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral

import numpy as np
import pytest

from arguments import FACTOR, RATE, RATIO, WHOLE, is_number, require, require_fields, require_kind


def test_a_complaint_is_one_line_that_ends():
    require(True, "size", 0, "above 0")
    with pytest.raises(ValueError, match="^size is 0; allowed: above 0.$"):
        require(False, "size", 0, "above 0")
    with pytest.raises(ValueError) as caught:
        require(False, "image", np.zeros((99, 99)), "a path")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="^text is 'a{399}...; allowed: a short one.$"):
        require(False, "text", "a" * 9999, "a short one")


@pytest.mark.parametrize("value", [1, 1.5, -2, np.int8(3), np.float32(0.5), Fraction(1, 3), 10**400])
def test_numbers(value):
    assert is_number(value) and is_number(value, Integral) == (int(value) == value)


@pytest.mark.parametrize("value", [True, None, "1", 1j, math.inf, math.nan, [1], np.zeros(2)])
def test_what_is_no_number(value):
    assert not is_number(value) and not is_number(value, Integral)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (WHOLE, (1, 10**6, np.uint8(255)), (0, 10**6 + 1, 1.0, -1)),
        (FACTOR, (1e-9, 1, 10**6), (0, -1, 10**6 + 1, math.nan, 10**400)),
        (RATIO, (0, 0.5, 1), (-1e-9, 1.001, "0")),
        (RATE, (0, 0.999), (1, -0.1)),
    ],
)
def test_kinds_end_at_their_limits(kind, inside, outside):
    for value in inside:
        require_kind(kind, width=value)
    for value in outside:
        with pytest.raises(ValueError, match="^width is .*; allowed: a"):
            require_kind(kind, depth=inside[0], width=value)


def test_fields_become_numbers_of_python_s_own():
    @dataclass(frozen=True)
    class Row:
        kernel: int
        name: str = "any"

        def __post_init__(self):
            require_fields(self, ("kernel",), WHOLE)

    assert type(Row(np.int8(3)).kernel) is int and Row(5).name == "any"
    with pytest.raises(ValueError, match="^kernel is 'x'"):
        Row("x")
