"""Intervals against published quantiles and examples."""

import math

import pytest

from intervals import t_interval, t_quantile, wilson


@pytest.mark.parametrize(
    "df, level, expected",  # NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, read as two-sided
    [
        (1, 0.95, 12.706), (2, 0.95, 4.303), (3, 0.95, 3.182), (4, 0.95, 2.776), (7, 0.95, 2.365), (10, 0.95, 2.228),
        (29, 0.95, 2.045), (100, 0.95, 1.984), (1, 0.90, 6.314), (2, 0.99, 9.925), (5, 0.90, 2.015), (9, 0.99, 3.250),
    ],
)  # fmt: skip
def test_quantiles_are_the_published_ones(df, level, expected):
    assert t_quantile(df, level) == pytest.approx(expected, abs=6e-4)


def test_closed_forms_for_one_and_two_degrees_of_freedom():
    for level in (0.1, 0.5, 0.8, 0.999):
        assert t_quantile(1, level) == pytest.approx(math.tan(math.pi * level / 2))  # Cauchy
        assert t_quantile(2, level) == pytest.approx(level * math.sqrt(2 / (1 - level**2)))


def test_many_degrees_of_freedom_are_nearly_normal():
    assert t_quantile(10_000) == pytest.approx(1.95996, abs=3e-4)


def test_interval_is_mean_and_half_width():
    mean, half = t_interval([70.0, 71.0, 72.0, 73.0, 74.0])
    assert mean == 72 and half == pytest.approx(2.7764 * 2.5**0.5 / 5**0.5, abs=1e-3)
    assert t_interval([70.0, 71.0, 72.0, 73.0, 74.0], 0.5)[1] < half


def test_two_values_have_a_wide_interval():
    assert t_interval([70.0, 72.0]) == pytest.approx((71, 12.706), abs=1e-3)


def test_one_value_has_no_interval():
    mean, half = t_interval([70.0])
    assert mean == 70 and math.isnan(half)


@pytest.mark.parametrize(
    "right, n, low, high",  # Newcombe 1998, Statistics in Medicine 17:857-872, Table I
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_the_published_one(right, n, low, high):
    assert wilson(right, n) == pytest.approx((low, high), abs=6e-5)


def test_the_ends_of_the_interval_of_a_share_are_those_that_the_score_test_just_allows():
    right, n = 340, 400
    for end in wilson(right, n, 0.9):
        assert abs(right / n - end) / math.sqrt(end * (1 - end) / n) == pytest.approx(1.644854, abs=1e-5)
    assert wilson(400, 400)[1] == pytest.approx(1)
