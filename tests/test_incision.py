"""The incision as a curve: exact where points are exact, smooth where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from assessor.photo.incision import row_axis, smooth_curve


def test_the_curve_is_exact_through_exact_points_and_straight_beyond() -> None:
    curve = smooth_curve([(0, 0), (50, 0), (100, 0)], 0.0)
    assert curve is not None
    u, d = curve.project([(-10, -3), (25, 4), (130, 7)])
    assert u == pytest.approx([-10, 25, 130])
    assert d == pytest.approx([-3, 4, 7])
    assert curve.at([-5, 50, 200]) == pytest.approx(np.array([[-5, 0], [50, 0], [200, 0]]), abs=1e-9)


def test_a_noisy_line_is_smoothed_within_its_uncertainty() -> None:
    rng = np.random.default_rng(5)
    x = np.linspace(0, 400, 60)
    y = 30 * np.sin(x / 130)
    curve = smooth_curve(np.column_stack([x, y + rng.normal(0, 1.5, 60)]), 1.5)
    assert curve is not None
    _, d = curve.project(np.column_stack([x, y]))
    assert np.sqrt((d**2).mean()) < 0.75
    straight_line = smooth_curve(np.column_stack([x, rng.normal(0, 1.5, 60)]), 1.6)
    assert straight_line is not None
    assert straight_line.length < 1.002 * 400


@pytest.mark.parametrize("points", [[], [(1, 1)], [(1, 1), (1, 1)], [(float("nan"), 0), (1, 1)]])
def test_no_line_is_no_curve(points: list[tuple[float, float]]) -> None:
    assert smooth_curve(points, 1.0) is None


def test_a_row_axis_needs_two_stitches() -> None:
    assert row_axis([(3, 4)]) is None
    assert row_axis([(3, 4), (3, 4)]) is None
    axis = row_axis([(10, 0), (0, 0), (20, 0)])
    assert axis is not None
    assert axis.points[0] == pytest.approx([0, 0])
    assert axis.length == pytest.approx(20)
