"""Agreement of markers against published worked examples and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assessor.agreement import bland_altman, icc_2_1

# Shrout & Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
# Bland & Altman 1986, table 1, first readings: peak flow in l/min, large and mini Wright meter.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_icc_of_the_published_example() -> None:
    found = icc_2_1(SHROUT_FLEISS)
    assert found is not None
    assert found.value == pytest.approx(0.29, abs=0.005)  # their table 4
    assert (found.subjects, found.markers) == (6, 4)
    # the interval that R's irr::icc(model="twoway", type="agreement") and psych::ICC give for this table
    assert (found.low, found.high) == (pytest.approx(0.019, abs=0.001), pytest.approx(0.761, abs=0.001))


def test_icc_by_hand() -> None:
    # two markers, the second always one higher: MSR = 8, MSC = 1.5, MSE = 0 -> 8 / (8 + 2 * 1.5 / 3) = 8/9
    found = icc_2_1([[1, 2], [3, 4], [5, 6]])
    assert found is not None
    assert found.value == pytest.approx(8 / 9)
    assert found.low < found.value < found.high <= 1


def test_icc_of_perfect_agreement_and_of_nothing_to_tell_apart() -> None:
    same = icc_2_1([[1, 1], [2, 2], [4, 4]])
    assert same is not None
    assert (same.value, same.low, same.high) == (1, 1, 1)
    assert icc_2_1([[3, 3], [3, 3], [3, 3]]) is None
    assert icc_2_1([[1, 2], [3, 4]]) is None
    with pytest.raises(ValueError, match="two markers"):
        icc_2_1([[1], [2], [3]])


def test_the_interval_of_the_icc_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    truth = 4 / (4 + 1 + 1)  # variances of subjects, markers, error
    hits = 0
    for _ in range(400):
        table = rng.normal(0, 2, (30, 1)) + rng.normal(0, 1, (1, 6)) + rng.normal(0, 1, (30, 6))
        found = icc_2_1(table)
        assert found is not None
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / 400 <= 0.985


def test_limits_of_agreement_of_the_published_example() -> None:
    found = bland_altman(LARGE, MINI)
    assert found is not None
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    # published with 2 sd: -79.7 and 75.5
    assert found.bias - 2 * found.sd == pytest.approx(-79.7, abs=0.1)
    assert (found.lower, found.upper) == (
        pytest.approx(found.bias - 1.96 * found.sd),
        pytest.approx(found.bias + 1.96 * found.sd),
    )
    # published: the bias lies between -22.0 and 17.8
    assert found.bias - found.bias_half_width == pytest.approx(-22.0, abs=0.1)
    assert found.bias + found.bias_half_width == pytest.approx(17.8, abs=0.1)


def test_limits_by_hand() -> None:
    # differences 1, 2, 3: mean 2, sd 1, t(2; 0.975) = 4.303; means 1.5, 3, 4.5: slope 1/1.5 exactly
    found = bland_altman([2, 4, 6], [1, 2, 3])
    assert found is not None
    assert (found.n, found.bias, found.sd) == (3, 2, 1)
    assert found.bias_half_width == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert found.limits_half_width == pytest.approx(4.3027 * math.sqrt(1 / 3 + 1.96**2 / 4), rel=1e-4)
    assert found.slope == pytest.approx(2 / 3)
    assert found.slope_half_width == pytest.approx(0, abs=1e-9)


def test_limits_where_there_is_too_little() -> None:
    assert bland_altman([], []) is None
    assert bland_altman([1, 2], [1, 2]) is None
    flat = bland_altman([1, 2, 3], [3, 2, 1])  # the means do not vary
    assert flat is not None
    assert (flat.slope, flat.slope_half_width) == (None, None)
    with pytest.raises(ValueError, match="equally long"):
        bland_altman([1, 2, 3], [1, 2])
