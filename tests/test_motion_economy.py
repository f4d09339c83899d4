"""Smoothness equal to the published definitions; path, movements, rest, two hands, steadiness, score."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assessor.motion.economy import bimanual, economy, peaks, resting
from assessor.motion.paths import durations_s, low_passed, stretches
from assessor.motion.results import Steadiness, Tremor
from assessor.motion.score import score, tremor_points
from assessor.motion.smoothness import ldlj, movements, smoothness, sparc
from assessor.motion.steadiness import steadiness
from assessor.motion.tremor import refusal
from tests.motion_signals import Array, given, line

ONE = np.zeros(10_000, dtype=np.int64)


def minimum_jerk(t: Array, start_s: float, lasts_s: float, length: float) -> Array:
    """Position of a movement that starts and ends at rest (Flash & Hogan 1985)."""
    u = np.clip((t - start_s) / lasts_s, 0, 1)
    return np.asarray(length * (10 * u**3 - 15 * u**4 + 6 * u**5))


def reaches(t: Array, px: float = 100.0, lasts_s: float = 1.0, every_s: float = 3.0) -> Array:
    """There and back with rests between, (n, 2) px."""
    x = sum(
        (1 if k % 2 == 0 else -1) * minimum_jerk(t, 1 + k * every_s, lasts_s, px)
        for k in range(int((t[-1] - 1 - lasts_s) / every_s) + 1)
    )
    return np.stack([np.asarray(x), np.zeros(len(t))], axis=1)


def test_the_values_that_the_reference_code_documents() -> None:
    """siva82kb/smoothness gives these for exp(-5 t^2), 100 samples a second."""
    bell = np.exp(-5 * np.arange(-1, 1, 0.01) ** 2)
    assert sparc(bell, 100.0) == pytest.approx(-1.41403, abs=5e-6)
    assert ldlj(bell, 100.0) == pytest.approx(-5.81636, abs=5e-6)


def test_ldlj_of_a_minimum_jerk_movement_is_the_analytic_value() -> None:
    """Its jerk squared integrates to 720 D^2 / T^5, its peak speed is 1.875 D / T."""
    rate_hz = 1000.0
    t = np.arange(0, 2, 1 / rate_hz)
    speed = np.gradient(minimum_jerk(t, 0, 2, 30.0), 1 / rate_hz)
    assert ldlj(speed, rate_hz) == pytest.approx(-math.log(720 / 1.875**2), abs=0.02)


@pytest.mark.parametrize("factor", [1.0, 37.0])
def test_smoothness_does_not_depend_on_length_or_duration(factor: float) -> None:
    u = np.linspace(0, 1, 400)
    speed = u**2 * (1 - u) ** 2
    assert sparc(factor * speed, 100.0) == pytest.approx(sparc(speed, 100.0))
    assert ldlj(factor * speed, 100.0) == pytest.approx(ldlj(speed, 100.0))
    assert ldlj(speed, 50.0) == pytest.approx(ldlj(speed, 100.0))


def test_hesitation_is_less_smooth() -> None:
    u = np.linspace(0, 1, 200)
    once, twice = np.sin(np.pi * u) ** 2, np.sin(2 * np.pi * u) ** 2
    assert sparc(twice, 100.0) < sparc(once, 100.0) - 0.2
    assert ldlj(twice, 100.0) < ldlj(once, 100.0) - 1


def test_three_lines_of_the_definition_agree_on_a_small_example() -> None:
    speed = np.array([0.0, 1.0, 2.0, 1.0, 0.0])
    # Second differences 0, -2, 0 at 10 a second: jerk -200; T = 0.5 s; 0.125 / 4 * 200^2 * 0.1 = 125.
    assert ldlj(speed, 10.0) == pytest.approx(-math.log(125.0))


def test_path_speed_movements_and_rest() -> None:
    t = np.arange(0, 13, 1 / 30)
    found = stretches(t, reaches(t), ONE[: len(t)])
    assert durations_s(found) == pytest.approx(t[-1], abs=0.05)
    seen = economy(found, 0.2, 5.0)
    assert seen.status == "measured"
    assert seen.path_length == pytest.approx(4 * 100 * 0.2, rel=0.02)
    assert seen.speed == pytest.approx(80 / t[-1], rel=0.03)
    assert seen.movements == 4
    assert seen.movements_per_min == pytest.approx(4 * 60 / t[-1], rel=0.02)
    assert seen.idle_share == pytest.approx(1 - 4 / t[-1], abs=0.12)
    assert seen.still_share is not None
    assert seen.still_share <= seen.idle_share
    unscaled = economy(found, None, 5.0)
    assert (unscaled.unit, unscaled.path_length) == ("px", pytest.approx(5 * seen.path_length))


def test_noise_adds_little_path() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(0, 13, 1 / 60)
    noisy = reaches(t) + rng.normal(0, 0.05, (len(t), 2))
    path = economy(stretches(t, noisy, ONE[: len(t)]), None, 5.0).path_length
    assert path == pytest.approx(400, rel=0.05)


def test_gaps_are_not_bridged() -> None:
    t = np.arange(0, 13, 1 / 30)
    xy = reaches(t)
    seen = (t < 4.0) | (t > 5.2)  # the second reach is hidden
    path = economy(stretches(t[seen], xy[seen], ONE[: seen.sum()]), None, 5.0).path_length
    assert path == pytest.approx(300, rel=0.03)


def test_smoothness_of_movements_between_stops() -> None:
    t = np.arange(0, 13, 1 / 60)
    found = stretches(t, reaches(t), ONE[: len(t)])
    assert len(movements(found[0], 5.0)) == 4
    seen = smoothness(found, 5.0)
    assert (seen.status, seen.movements) == ("measured", 4)
    assert seen.sparc == pytest.approx(-1.5, abs=0.15)
    assert seen.ldlj is not None
    assert -5.33 < seen.ldlj < -4.0  # of a whole one -5.32; what is slower than a stop at its ends is cut
    at_rest = stretches(t, np.zeros((len(t), 2)), ONE[: len(t)])
    assert smoothness(at_rest, 5.0).status == "no_movement"
    assert smoothness([], 5.0).status == "not_tracked"


def test_nothing_and_too_little() -> None:
    assert stretches(np.zeros(0), np.zeros((0, 2)), ONE[:0]) == []
    assert economy([], 0.1, 5.0).status == "not_tracked"
    t = np.arange(0, 0.8, 1 / 30)
    short = economy(stretches(t, reaches(t), ONE[: len(t)]), 0.1, 5.0)
    assert (short.status, short.path_length, short.movements) == ("too_short", None, None)


def test_low_pass_keeps_what_is_below_and_stays_off_near_nyquist() -> None:
    t = np.arange(0, 4, 1 / 60)
    slow, fast = line(t, 1.0, 1.0, 0.0), line(t, 1.0, 15.0, 0.0)
    kept = low_passed(slow + fast, 60.0, 6.0)[30:-30, 0]
    assert np.abs(kept - slow[30:-30, 0]).max() < 0.06
    assert low_passed(fast, 12.0, 6.0) is fast


def test_two_hands() -> None:
    t = np.arange(0, 13, 1 / 30)
    right = stretches(t, reaches(t), ONE[: len(t)])
    left = stretches(t, 2 * reaches(t), ONE[: len(t)])
    still = stretches(t, np.zeros((len(t), 2)), ONE[: len(t)])
    seen = bimanual(right, left, reference_tip=1, px_per_mm=5.0, tremor_ratio=None)
    assert seen is not None
    assert seen.path_ratio == pytest.approx(2.0, rel=0.01)
    assert seen.speed_correlation == pytest.approx(1.0, abs=0.01)
    assert 0.2 < seen.both_moving_share < 0.5
    assert 0.5 < seen.both_idle_share < 0.8
    alone = bimanual(right, still, reference_tip=1, px_per_mm=5.0, tremor_ratio=None)
    assert alone is not None
    assert (alone.both_moving_share, alone.speed_correlation) == (0.0, None)
    assert bimanual(right, [], reference_tip=1, px_per_mm=5.0, tremor_ratio=None) is None


def test_a_rest_lasts_a_second() -> None:
    t = np.arange(0, 13, 1 / 30)
    (stretch,) = stretches(t, reaches(t, every_s=1.4), ONE[: len(t)])
    assert not resting(stretch, 25.0)[60:-60].any()
    assert peaks(stretch, 5.0) == 8


def hold(xy: Array, t: Array, um_per_px: float | None = 100.0, noise_px: float | None = 0.03) -> Steadiness:
    return steadiness(t, xy, ONE[: len(t)], slow_px_s=80.0, um_per_px=um_per_px, noise_px=noise_px)


def test_steadiness_over_the_dot() -> None:
    t = np.arange(0, 10, 1 / 30)
    calm = hold(line(t, 0.3, 0.5, 0.0), t)
    assert (calm.status, calm.zone_share, calm.exits) == ("measured", pytest.approx(1.0), 0)
    assert calm.spread_um == pytest.approx(30 / math.sqrt(2), rel=0.05)
    # A slow swing of 100 um reaches over the edge (50 um) for two thirds of the time, twice a period.
    swing = hold(line(t, 1.0, 0.5, 0.0), t)
    assert swing.zone_share == pytest.approx(1 / 3, abs=0.04)
    assert swing.exits == 10
    assert hold(line(t, 0.3, 0.5, 0.0), t, um_per_px=None).status == "no_scale"
    assert hold(line(t, 0.3, 0.5, 0.0), t, noise_px=0.4).status == "below_floor"
    assert hold(line(t, 0.3, 0.5, 0.0), t, noise_px=None).status == "below_floor"
    assert hold(np.zeros((30, 2)), t[:30]).status == "too_short"


def test_each_piece_has_its_own_dot() -> None:
    t = np.arange(0, 10, 1 / 30)
    half = (t > 5).astype(np.int64)
    xy = line(t, 0.2, 0.5, 0.0) + 30.0 * half[:, None]
    seen = steadiness(t, xy, half, slow_px_s=80.0, um_per_px=100.0, noise_px=0.03)
    assert (seen.zone_share, seen.exits) == (pytest.approx(1.0), 0)


def tremor(rms: float | None, floor: float = 5.0) -> Tremor:
    t = np.arange(90) / 30
    none = refusal("no_slow_window", given(t, um_per_px=100.0))
    if rms is None:
        return none
    status = "measured" if rms >= 2 * floor else "below_floor"
    values = {"rms": rms if status == "measured" else None, "noise_floor": floor, "status": status}
    return Tremor(**{**{f: getattr(none, f) for f in Tremor.__slots__}, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "points"),
    [
        (tremor(30.0), 100.0),
        (tremor(119.0), 50.0),
        (tremor(400.0), 0.0),
        (tremor(1.0), 100.0),  # below a floor that is low enough to know
        (tremor(1.0, floor=60.0), None),  # and one that is not
        (tremor(None), None),
    ],
)
def test_points_of_a_tremor(seen: Tremor, points: float | None) -> None:
    assert tremor_points(seen) == (None if points is None else pytest.approx(points))


def test_score_is_of_quality_alone_and_says_what_it_covers() -> None:
    held = Steadiness(100.0, 0.8, 3, 20.0, 10.0, "measured")
    both = score([tremor(119.0), tremor(None)], [held])
    assert both is not None
    assert (both.points, both.coverage) == (pytest.approx(65.0), pytest.approx(2 / 3))
    assert score([tremor(None)], []) is None
    assert score([], []) is None
