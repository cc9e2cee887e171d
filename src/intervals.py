"""How sure a mean of a few runs is, or a share of some photos: Student's t and Wilson's interval, without SciPy."""

import math
from statistics import NormalDist

import numpy as np


def t_interval(values, level=0.95):
    """Mean and half the width of its two-sided t-interval; the half width is nan for fewer than two values."""
    values = np.asarray(values, float)
    n = len(values)
    if n < 2:
        return float(values.mean()), math.nan
    return float(values.mean()), t_quantile(n - 1, level) * float(values.std(ddof=1)) / math.sqrt(n)


def t_quantile(df, level=0.95):
    """The t with P(|T| < t) = `level`, for whole degrees of freedom, found by halving an interval of angles."""
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        if _within(middle, df) < level:
            low = middle
        else:
            high = middle
    return math.sqrt(df) * math.tan(low)


def _within(angle, df):
    """P(|T| < t) for t = sqrt(df) tan(angle) (Abramowitz & Stegun 26.7.3 for odd `df`, 26.7.4 for even)."""
    odd = df % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for k in range(1 + odd, df, 2):
        total += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def wilson(right, n, level=0.95):
    """Where a share lies of which `right` of `n` were seen: (low, high) of Wilson's score interval, from 0 to 1.

    Unlike the share plus or minus its standard error it stays between 0 and 1 and is honest for few photos (Brown,
    Cai, DasGupta 2001, doi:10.1214/ss/1009213286).
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, pull = right / n, z * z / n
    middle = (share + pull / 2) / (1 + pull)
    half = z * math.sqrt(share * (1 - share) / n + pull / (4 * n)) / (1 + pull)
    return max(0.0, middle - half), min(1.0, middle + half)
