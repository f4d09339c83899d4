"""Amplitude, frequency, floor and refusals of the tremor of tip tracks with known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assessor.motion.peaks import distinct_peak
from assessor.motion.results import Tremor
from assessor.motion.spectrum import WindowFit, band_power, grid
from assessor.motion.timing import FULL_HZ, LOW_HZ, PHYSIOLOGICAL_HZ, runs, shows, timing_of
from assessor.motion.tremor import HINTS, Conditions, measure_tremor, standing_share
from assessor.motion.windows import slow_windows
from tests.motion_signals import given, line, signal, times, voluntary

CLEAN, HARD = {}, {"jitter_s": 0.004, "dropped": 0.1}


def trembling(
    rng: np.random.Generator, seconds: float, fps: float, peak_px: float, hz: float, **clock: float
) -> Tremor:
    t = times(rng, seconds, fps, **clock)
    xy = voluntary(rng, t, 6.0) + line(t, peak_px, hz, rng.uniform(0, np.pi), rng.uniform(0, 6))
    return measure_tremor(0, signal(t, xy + rng.normal(0, 0.05, xy.shape), rng), given(t)).tremor


@pytest.mark.parametrize(("fps", "clock"), [(30, CLEAN), (30, HARD), (60, CLEAN), (60, HARD)])
def test_amplitude_and_frequency_come_out(fps: float, clock: dict[str, float]) -> None:
    rng = np.random.default_rng(7)
    right = []
    for hz in np.linspace(4.0, 12.0, 20):
        seen = trembling(rng, 4.0, fps, 0.2, hz, **clock)
        good = seen.status == "measured" and seen.rms is not None and seen.peak_hz is not None
        right.append(good and abs(seen.rms / (0.2 / np.sqrt(2)) - 1) < 0.1 and abs(seen.peak_hz - hz) < 0.2)
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize(("fps", "clock"), [(30, CLEAN), (30, HARD), (60, CLEAN)])
def test_without_tremor_nothing_is_measured_but_the_floor(fps: float, clock: dict[str, float]) -> None:
    rng = np.random.default_rng(8)
    seen = [trembling(rng, 4.0, fps, 0.0, 8.0, **clock) for _ in range(20)]
    assert np.mean([one.status == "below_floor" and one.rms is None for one in seen]) >= 0.95
    # White noise of 0.05 px a coordinate has this power between 4 and 12 Hz.
    truth = 0.05 * np.sqrt(2 * 8.0 / (fps / 2))
    floors = [one.noise_floor for one in seen]
    assert np.median(floors) == pytest.approx(truth, rel=0.25)


def test_peak_to_peak_direction_and_bands_of_a_straight_tremor() -> None:
    rng = np.random.default_rng(1)
    t = times(rng, 6.0, 60)
    xy = line(t, 1.0, 9.0, np.radians(30)) + rng.normal(0, 0.02, (len(t), 2))
    seen = measure_tremor(0, signal(t, xy, rng), given(t, um_per_px=100.0)).tremor
    assert seen.unit == "um"
    assert seen.rms == pytest.approx(70.7, rel=0.03)
    assert seen.peak_to_peak == pytest.approx(200, rel=0.03)
    assert seen.direction_deg == pytest.approx(30, abs=2)
    low, physiological = seen.bands
    assert (low.status, physiological.status) == ("below_floor", "measured")
    assert physiological.rms == pytest.approx(70.7, rel=0.03)
    assert seen.to_json()["rms_um"] == pytest.approx(seen.rms, abs=1e-6)
    assert "rms" not in seen.to_json()


def test_a_round_tremor_is_not_longer_than_its_diameter() -> None:
    rng = np.random.default_rng(2)
    t = times(rng, 6.0, 60)
    xy = line(t, 1.0, 9.0, 0.0) + line(t, 1.0, 9.0, np.pi / 2, np.pi / 2)
    seen = measure_tremor(0, signal(t, xy + rng.normal(0, 0.02, xy.shape), rng), given(t)).tremor
    assert seen.rms == pytest.approx(1.0, rel=0.03)
    assert seen.peak_to_peak == pytest.approx(2.0, rel=0.03)


def test_narrow_band_tremor_keeps_its_power_and_need_not_have_a_peak() -> None:
    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(12):
        t = times(rng, 6.0, 30, jitter_s=0.004, dropped=0.1)
        hz, phase = rng.normal(9.0, 0.6, 60), rng.uniform(0, 2 * np.pi, 60)
        wave = 0.4 / np.sqrt(60) * np.sqrt(2) * np.cos(2 * np.pi * t[:, None] * hz + phase).sum(axis=1)
        xy = np.stack([wave, 0 * wave], axis=1) + rng.normal(0, 0.04, (len(t), 2))
        seen = measure_tremor(0, signal(t, xy, rng), given(t)).tremor
        assert seen.rms is not None
        ratios.append(seen.rms / wave.std())
    assert np.median(ratios) == pytest.approx(1.0, abs=0.05)


def test_the_shutter_is_corrected_where_known_and_stated_where_not() -> None:
    rng = np.random.default_rng(4)
    t = times(rng, 6.0, 30)
    open_s = 1 / 30
    xy = line(t, 0.5 * np.sinc(11.0 * open_s), 11.0, 0.3) + rng.normal(0, 0.03, (len(t), 2))
    known = measure_tremor(0, signal(t, xy, rng), given(t, exposure_s=open_s)).tremor
    unknown = measure_tremor(0, signal(t, xy, rng), given(t)).tremor
    assert known.rms == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert known.shutter_loss is None
    assert unknown.rms is not None
    assert unknown.rms < 0.87 * 0.5 / np.sqrt(2)
    assert unknown.shutter_loss == pytest.approx(1 - np.sinc(11.0 / 30), abs=0.01)


def test_shake_that_is_left_raises_the_floor_and_is_no_tremor() -> None:
    rng = np.random.default_rng(5)
    t = times(rng, 6.0, 30)
    shake = sum(line(t, 0.05, hz, rng.uniform(0, 3), rng.uniform(0, 6)) for hz in rng.uniform(4, 10, 20))
    quiet = rng.normal(0, 0.03, (len(t), 2))
    seen = measure_tremor(0, signal(t, quiet, rng, shake=np.asarray(shake)), given(t)).tremor
    calm = measure_tremor(0, signal(t, quiet, rng), given(t)).tremor
    assert seen.status == "below_floor"
    assert seen.noise_floor is not None
    assert calm.noise_floor is not None
    assert seen.noise_floor > 3 * calm.noise_floor


def test_fast_voluntary_motion_is_no_slow_window() -> None:
    rng = np.random.default_rng(6)
    t = times(rng, 6.0, 30)
    xy = line(t, 60.0, 0.7, 0.0) + line(t, 0.5, 9.0, 1.0)
    seen = measure_tremor(0, signal(t, xy, rng), Conditions(timing_of(t), 100.0, slow_px_s=80.0))
    assert seen.tremor.status == "no_slow_window"
    assert seen.windows == ()
    # Trembling itself is no travelling: 0.6 px at 9 Hz covers 22 px/s.
    held = measure_tremor(0, signal(t, line(t, 0.6, 9.0, 1.0), rng), Conditions(timing_of(t), 100.0, 8.0))
    assert held.tremor.status == "measured"


@pytest.mark.parametrize(
    ("seconds", "fps", "status"),
    [(6.0, 15.0, "frame_rate"), (1.2, 30.0, "too_short"), (6.0, 25.0, "frame_rate"), (6.0, 30.0, "measured")],
)
def test_rate_and_length_are_checked_before_any_spectrum(seconds: float, fps: float, status: str) -> None:
    rng = np.random.default_rng(9)
    t = times(rng, seconds, fps)
    seen = measure_tremor(0, signal(t, line(t, 1.0, 6.0, 0.0), rng), given(t)).tremor
    assert seen.status == status
    assert (seen.rms is None) == (status != "measured")
    assert seen.hint == HINTS[seen.status]
    # At 25 a second the lower band still holds.
    assert seen.bands[0].status == ("measured" if fps >= 20 and seconds > 2 else status)


def test_pieces_are_never_joined() -> None:
    rng = np.random.default_rng(10)
    t = times(rng, 6.0, 30)
    xy = line(t, 0.5, 9.0, 0.0) + rng.normal(0, 0.03, (len(t), 2))
    chopped = np.asarray(t // 1.2, dtype=np.int64)
    assert measure_tremor(0, signal(t, xy, rng, segment=chopped), given(t)).tremor.status == "gaps"
    halves = (t > 3).astype(np.int64)
    jumped = xy + 40.0 * halves[:, None]
    seen = measure_tremor(0, signal(t, jumped, rng, segment=halves), given(t))
    assert seen.tremor.rms == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert [(w.t0_s < 3, w.t1_s < 3.1) for w in seen.windows] == [(True, True), (False, False)]


def test_without_still_background_nothing_is_claimed() -> None:
    rng = np.random.default_rng(11)
    t = times(rng, 6.0, 30)
    blind = signal(t, line(t, 0.5, 9.0, 0.0), rng)
    blind.floor[:] = np.nan
    assert measure_tremor(0, blind, given(t)).tremor.status == "no_reference"


def test_what_was_never_seen_to_be_an_instrument_has_no_tremor() -> None:
    rng = np.random.default_rng(6)
    t = times(rng, 6.0, 30)
    tip = replace(
        signal(t, line(t, 0.4, 9.0, 0.5), rng, segment=np.where(t < 3, 1, 2)), sure=(t > 4) & (t < 5)
    )
    known = measure_tremor(0, tip, given(t))
    assert known.tremor.status == "measured"
    assert [round(w.t0_s) for w in known.windows] == [3]
    assert measure_tremor(0, replace(tip, sure=t < 0), given(t)).tremor.status == "not_tracked"


def test_nothing_and_what_was_blocked() -> None:
    empty = np.zeros(0)
    nobody = signal(empty, np.zeros((0, 2)), np.random.default_rng(0))
    t = np.arange(90) / 30
    assert measure_tremor(0, nobody, Conditions(None, None, 10.0)).tremor.status == "too_short"
    assert measure_tremor(0, nobody, given(t)).tremor.status == "not_tracked"
    blocked = Conditions(timing_of(t), None, 1e6, blocked="compressed")
    assert (
        measure_tremor(0, signal(t, line(t, 1, 9, 0), np.random.default_rng(0)), blocked).tremor.status
        == "compressed"
    )


def test_two_close_sines_do_not_blow_up() -> None:
    """In a short window near the slow terms a joint fit would have any amplitude."""
    rng = np.random.default_rng(12)
    t = times(rng, 1.6, 30)
    xy = line(t, 0.5, 3.7, 0.0) + line(t, 0.5, 4.3, 0.0, 2.0) + voluntary(rng, t, 20.0, 2.4)
    seen = measure_tremor(0, signal(t, xy + rng.normal(0, 0.03, xy.shape), rng), given(t)).tremor
    assert seen.rms is None or seen.rms < 1.0


def test_density_adds_up_to_the_variance() -> None:
    rng = np.random.default_rng(13)
    freq = grid(4.0, 12.0)
    powers = [
        band_power(freq, WindowFit(t, rng.normal(0, 0.3, (len(t), 2)), freq).density, FULL_HZ)
        for t in (times(rng, 3.0, 30, jitter_s=0.004) for _ in range(30))
    ]
    assert np.mean(powers) == pytest.approx(2 * 0.09 * 8 / 15, rel=0.05)
    with pytest.raises(ValueError, match="slow terms"):
        WindowFit(np.arange(12) / 4, np.zeros((12, 2)), freq)


def test_the_peak_is_that_of_the_whitened_spectrum() -> None:
    freq = grid(2.75, 14.5)
    falling = freq**-2.5
    assert distinct_peak(freq, falling, FULL_HZ) is None
    bump = falling * (1 + 12 * np.exp(-(((freq - 9.02) / 0.3) ** 2)))
    assert distinct_peak(freq, bump, FULL_HZ) == pytest.approx(9.0, abs=0.1)
    assert freq[np.argmax(bump)] < 3  # what a plain maximum would say


def test_timing_runs_and_bands() -> None:
    t = np.array([0.0, 0.1, 0.2, 0.7, 0.8, 0.9])
    timing = timing_of(t)
    assert timing is not None
    assert (timing.samples, timing.nominal_fps, timing.largest_gap_s) == (
        6,
        pytest.approx(10),
        pytest.approx(0.5),
    )
    assert runs(t, np.zeros(6, dtype=np.int64)) == [slice(0, 3), slice(3, 6)]
    assert runs(t, np.array([0, 1, 1, 1, 1, 1])) == [slice(0, 1), slice(1, 3), slice(3, 6)]
    assert runs(np.zeros(0), np.zeros(0, dtype=np.int64)) == []
    assert timing_of(t[:2]) is None
    with pytest.raises(ValueError, match="increase"):
        timing_of(np.array([0.0, 0.2, 0.1]))
    rng = np.random.default_rng(0)
    lossy = timing_of(times(rng, 20, 30, dropped=0.1))
    assert lossy is not None
    assert shows(lossy, PHYSIOLOGICAL_HZ)  # 27 a second left at random
    slow = timing_of(np.arange(60) / 24)
    assert slow is not None
    assert (shows(slow, LOW_HZ), shows(slow, PHYSIOLOGICAL_HZ)) == (True, False)


def test_slow_windows_fill_what_is_slow() -> None:
    t = np.arange(0, 12, 1 / 30)
    x = np.where(t < 6, 0.0, 100 * (t - 6))  # still, then 100 px/s
    found = slow_windows(t, np.stack([x, 0 * x], axis=1), np.zeros(len(t), dtype=np.int64), 30.0)
    assert [round(float(t[w.at.start])) for w in found] == [0, 3]
    assert t[found[-1].at.stop - 1] < 6.8
    assert found[0].mean_speed_px_s == pytest.approx(0, abs=0.1)


def test_a_reach_in_between_is_no_tremor() -> None:
    rng = np.random.default_rng(15)
    t = times(rng, 12.0, 30)
    u = np.clip((np.mod(t, 4.0) - 3.2) / 0.8, 0, 1)  # minimum jerk every 4 s, at rest meanwhile
    x = 50 * (np.floor(t / 4.0) + u**3 * (10 - 15 * u + 6 * u**2))
    xy = np.stack([x, 0.5 * x], axis=1) + rng.normal(0, 0.01, (len(t), 2))
    seen = measure_tremor(0, signal(t, xy, rng), replace(given(t), slow_px_s=40.0))
    assert seen.tremor.status == "below_floor"
    assert len(seen.windows) == 3
    assert all(np.mod(w.t0_s, 4.0) < 1 and np.mod(w.t1_s, 4.0) < 3.5 for w in seen.windows)


def test_a_rest_counts_with_the_edges_that_are_left_out_of_it() -> None:
    t = np.arange(0, 6, 1 / 30)
    for rest_s, windows in ((1.2, 0), (1.8, 1)):  # reaches before and after the rest, which begins at 2 s
        x = 100 * (np.minimum(t - 2, 0) + np.maximum(t - 2 - rest_s, 0))
        found = slow_windows(t, np.stack([x, 0 * x], axis=1), np.zeros(len(t), dtype=np.int64), 30.0)
        assert len(found) == windows
    (only,) = found
    assert t[only.at.start] > 2.1
    assert t[only.at.stop - 1] < 3.7


def test_what_was_followed_just_before_a_tip_was_lost_does_not_count() -> None:
    t = np.arange(150) / 30.0
    xy = np.zeros((150, 2))
    segment = np.repeat([1, 2], 75)
    first, last = slow_windows(t, xy, segment, 1.0)
    assert t[first.at][-1] == pytest.approx(t[74] - 0.5, abs=0.07)
    assert t[last.at][0] == t[75]
    assert t[last.at][-1] == pytest.approx(t[149], abs=0.07)


def test_halves_that_disagree_about_the_amplitude_make_it_less_sure() -> None:
    rng = np.random.default_rng(5)
    t = times(rng, 4.0, 30)
    tremor = line(t, 0.4, 9.0, 0.5)
    one = signal(t, voluntary(rng, t, 3.0) + tremor + rng.normal(0, 0.02, tremor.shape), rng)
    halves = [share * tremor + rng.normal(0, 0.003, tremor.shape) for share in (0.0, 0.02)]
    for noise in halves:
        noise[0] = np.nan  # a track's first sample has none
    agree, differ = (measure_tremor(0, replace(one, noise=noise), given(t)) for noise in halves)
    assert agree.tremor.relative_sd == pytest.approx(0.02, abs=0.01)
    assert differ.tremor.relative_sd == pytest.approx(0.14, abs=0.02)


def test_noise_that_both_halves_share_is_in_the_floor() -> None:
    rng = np.random.default_rng(16)
    t = times(rng, 6.0, 30)
    xy = voluntary(rng, t, 3.0) + rng.normal(0, 0.03, (len(t), 2))  # as a compressor's blocks move together
    calm = replace(signal(t, xy, rng), noise=rng.normal(0, 0.003, xy.shape))
    seen = measure_tremor(0, calm, given(t)).tremor
    assert seen.status == "below_floor"
    assert seen.noise_floor == pytest.approx(0.03 * np.sqrt(2 * 8 / 15), rel=0.3)
    trembling = replace(calm, xy=xy + line(t, 0.3, 8.0, 0.5))
    assert measure_tremor(0, trembling, given(t)).tremor.rms == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_errors_that_come_with_the_slow_way_are_no_tremor() -> None:
    rng = np.random.default_rng(19)
    t = times(rng, 4.0, 30)
    calm = []
    for _ in range(10):  # as thin smooth tweezers over stitches have along their axis: most below 6 Hz
        hz, phase = rng.uniform(2.5, 6.0, 40), rng.uniform(0, 2 * np.pi, 40)
        error = np.cos(2 * np.pi * t[:, None] * hz + phase).sum(axis=1) * 0.08 * np.sqrt(2 / 40)
        xy = voluntary(rng, t, 4.0) + np.stack([error, 0 * t], axis=1) + rng.normal(0, 0.02, (len(t), 2))
        calm.append(measure_tremor(0, signal(t, xy, rng), given(t)).tremor.status)
    assert calm.count("below_floor") >= 9
    seen = measure_tremor(0, signal(t, xy + line(t, 0.4, 9.0, 0.3), rng), given(t)).tremor
    assert seen.rms == pytest.approx(0.4 / np.sqrt(2), rel=0.1)
    assert seen.peak_hz == pytest.approx(9.0, abs=0.2)


def test_a_track_that_stands_and_jumps_is_a_recorders_not_a_hands() -> None:
    rng = np.random.default_rng(14)
    t = times(rng, 6.0, 30)
    xy = voluntary(rng, t, 6.0) + line(t, 0.3, 8.0, 0.5) + rng.normal(0, 0.03, (len(t), 2))
    kept = np.maximum.accumulate(np.where(rng.random(len(t)) < 0.6, np.arange(len(t)), 0))
    assert standing_share(xy) < 0.1
    assert standing_share(xy[kept]) > 0.3
    assert measure_tremor(0, signal(t, xy, rng), given(t)).tremor.status == "measured"
    assert measure_tremor(0, signal(t, xy[kept], rng), given(t)).tremor.status == "compressed"
    assert standing_share(line(t, 0.3, 8.0, 0.5)) < 0.15
