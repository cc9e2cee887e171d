"""Intervals against published quantiles and examples."""

import math

import numpy as np
import pytest

from intervals import T_95, t_interval, wilson

CDFS = [(1, lambda t: 2 / math.pi * math.atan(t)), (2, lambda t: t / math.sqrt(2 + t * t))]


@pytest.mark.parametrize("df, cdf", CDFS)
def test_the_first_quantiles_are_those_of_the_closed_forms(df, cdf):
    assert cdf(T_95[df - 1]) == pytest.approx(0.95, abs=2e-5)


@pytest.mark.parametrize("df", range(3, 31))
def test_the_density_between_minus_t_and_t_holds_95_percent(df):
    step = T_95[df - 1] / 20000
    at = (np.arange(20000) + 0.5) * step
    density = np.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    inside = 2 * density * step * np.sum((1 + at**2 / df) ** (-(df + 1) / 2))
    assert inside == pytest.approx(0.95, abs=1e-4)


def test_more_values_than_the_table_has_take_its_last_row():
    values = [70.0, 72.0] * 20
    assert t_interval(values)[1] == pytest.approx(2.042 * np.std(values, ddof=1) / math.sqrt(40))


def test_interval_is_mean_and_half_width():
    mean, half = t_interval([70.0, 71.0, 72.0, 73.0, 74.0])
    assert mean == 72 and half == pytest.approx(2.7764 * 2.5**0.5 / 5**0.5, abs=1e-3)


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
