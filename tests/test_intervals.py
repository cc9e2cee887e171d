"""t-intervals against published quantiles of Student's distribution."""

import math

import pytest

from intervals import t_interval, t_quantile


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


def test_one_value_has_no_interval():
    mean, half = t_interval([70.0])
    assert mean == 70 and math.isnan(half)
