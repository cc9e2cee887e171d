"""How sure a mean of a few runs is, or a share of some photos: Student's t and Wilson's interval, without SciPy."""

import math
from statistics import NormalDist, fmean, stdev

# Student's t for 1 to 30 degrees of freedom: 95 % lie between -t and t (NIST/SEMATECH e-Handbook, table 1.3.6.7.2)
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def t_interval(values):
    """Mean and half the width of its 95 % t-interval, which is nan for one value, a little too wide for over 31."""
    n, mean = len(values), fmean(values)
    if n == 1:
        return mean, math.nan
    freedom = min(n - 1, len(T_95))
    return mean, T_95[freedom - 1] * stdev(values) / math.sqrt(n)


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
