"""How well two markers agree: intraclass correlation and Bland-Altman limits.

Pearson's r is not here: two markers can correlate perfectly and never agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.96
FEWEST_SUBJECTS = 3


@dataclass(frozen=True, slots=True)
class Icc:
    """ICC(2,1): share of the variance that lies between subjects; `low` to `high` is its 95 % interval.

    Two-way random effects, absolute agreement, a single marker's mark.
    """

    value: float
    low: float
    high: float
    subjects: int
    markers: int


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences of two markers, in the unit of the marks.

    `bias` is the mean of first less second, `sd` of the differences; 95 % of them lie between `lower` and
    `upper` (bias ± 1.96 sd). Each has the half-width of its own 95 % interval. `slope` is how much the
    difference grows with the mean of both; its interval says whether the bias is proportional.
    """

    n: int
    bias: float
    bias_half_width: float
    sd: float
    lower: float
    upper: float
    limits_half_width: float
    slope: float | None
    slope_half_width: float | None


def icc_2_1(marks: ArrayLike) -> Icc | None:
    """Of marks (subjects x markers, none missing); None for fewer than 3 subjects or where all marks are one.

    Shrout & Fleiss 1979, Psychol Bull 86:420, ICC(2,1); interval after McGraw & Wong 1996, Psychol Methods
    1:30, table 7, case 2A.
    """
    table = np.asarray(marks, dtype=float)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"marks must be subjects x markers with two markers at least, not {table.shape}")
    n, k = table.shape
    if n < FEWEST_SUBJECTS or float(np.ptp(table)) == 0.0:
        return None
    grand = table.mean()
    between = k * float(((table.mean(axis=1) - grand) ** 2).sum())
    markers = n * float(((table.mean(axis=0) - grand) ** 2).sum())
    total = float(((table - grand) ** 2).sum())
    rows = between / (n - 1)
    columns = markers / (k - 1)
    error = max(0.0, total - between - markers) / ((n - 1) * (k - 1))
    value = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    low, high = _interval(value, rows, columns, error, n, k)
    return Icc(value, low, high, n, k)


def _interval(icc: float, rows: float, columns: float, error: float, n: int, k: int) -> tuple[float, float]:
    from scipy.stats import f

    if error == 0.0 and columns == 0.0:  # they agree to the last digit
        return icc, icc
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * error) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    upper, lower = f.ppf(0.975, n - 1, freedom), f.ppf(0.975, freedom, n - 1)
    mixed = k * columns + (k * n - k - n) * error
    low = n * (rows - upper * error) / (upper * mixed + n * rows)
    high = n * (lower * rows - error) / (mixed + n * lower * rows)
    return float(low), float(high)


def bland_altman(first: Sequence[float], second: Sequence[float]) -> BlandAltman | None:
    """Of two markers' marks of the same subjects; None for fewer than 3.

    Bland & Altman 1986, Lancet 327:307; intervals of the limits: 1999, Stat Methods Med Res 8:135.
    """
    from scipy.stats import t

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"two equally long lists of marks are needed, not {a.shape} and {b.shape}")
    n = len(a)
    if n < FEWEST_SUBJECTS:
        return None
    difference, mean = a - b, (a + b) / 2
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    quantile = float(t.ppf(0.975, n - 1))
    slope, slope_half = _slope(mean, difference)
    return BlandAltman(
        n=n,
        bias=bias,
        bias_half_width=quantile * sd / math.sqrt(n),
        sd=sd,
        lower=bias - Z95 * sd,
        upper=bias + Z95 * sd,
        limits_half_width=quantile * sd * math.sqrt(1 / n + Z95**2 / (2 * (n - 1))),
        slope=slope,
        slope_half_width=slope_half,
    )


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Least squares slope of y on x with the half-width of its 95 % interval; None where x does not vary."""
    from scipy.stats import t

    centred = x - x.mean()
    spread = float((centred**2).sum())
    if spread == 0.0:
        return None, None
    slope = float((centred * y).sum()) / spread
    residual = y - y.mean() - slope * centred
    error = math.sqrt(float((residual**2).sum()) / (len(x) - 2) / spread)
    return slope, float(t.ppf(0.975, len(x) - 2)) * error
