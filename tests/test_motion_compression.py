"""A recorder's compression: what it takes is told from the clip, put right, or said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assessor.motion.compression import Shown, shown
from assessor.motion.frames import ALONE, BETWEEN, FORWARD, open_clip
from assessor.motion.results import Tremor
from assessor.motion.spectrum import WindowFit, grid
from assessor.motion.timing import FULL_HZ
from assessor.motion.tremor import measure_tremor
from assessor.render.clips import CameraOrder, ClipOrder, InstrumentOrder, render_clip
from tests.motion_signals import Array, given, line, signal, times, voluntary

SECONDS = 6.0
PATTERN = (FORWARD, BETWEEN, BETWEEN, BETWEEN)  # as x264 writes


def kinds(n: int, pattern: tuple[int, ...] = PATTERN) -> np.ndarray:
    return np.resize(np.array(pattern, np.int8), n)


def damped(rng: np.random.Generator, hz: float, share: float, noise_px: float) -> tuple[Array, Array]:
    """Times and a track whose pictures between others show only `share` of the tremor (0.3 px peak) that the
    others show, which lose two thirds of that themselves."""
    t = times(rng, SECONDS, 30, dropped=0.05)
    tremor = line(t, 0.3, hz, rng.uniform(0, np.pi), rng.uniform(0, 6))
    tremor *= np.where(kinds(len(t)) == BETWEEN, share, 1.0)[:, None] * (1 - 2 / 3 * (1 - share))
    return t, voluntary(rng, t, 3.0) + tremor + rng.normal(0, noise_px, (len(t), 2))


def measured(hz: float, share: float, noise_px: float, seed: int, *, known: bool = True) -> Tremor:
    rng = np.random.default_rng(seed)
    t, xy = damped(rng, hz, share, noise_px)
    return measure_tremor(0, signal(t, xy, rng, coded=kinds(len(t)) if known else None), given(t)).tremor


def test_what_pictures_between_others_lose_is_put_right() -> None:
    off: list[float] = []
    off_before: list[float] = []
    sure = []
    for seed, hz in enumerate(np.linspace(4.3, 11.6, 16)):
        for errors, known in ((off, True), (off_before, False)):
            seen = measured(float(hz), 0.75, 0.03, seed, known=known)
            assert seen.rms is not None
            errors.append(seen.rms / (0.3 / np.sqrt(2)) - 1)
        seen = measured(float(hz), 0.75, 0.03, seed)
        assert seen.relative_sd is not None
        sure.append(abs(off[-1]) < 2 * seen.relative_sd)
    assert np.median(off_before) < -0.25
    assert abs(np.median(off)) < 0.03
    assert np.mean(np.abs(off) < 0.1) >= 0.9
    assert np.mean(sure) >= 0.9


def test_where_nothing_is_lost_the_doubt_about_it_is_said() -> None:
    quiet, loud = (
        [measured(hz, 1.0, noise, seed) for seed, hz in enumerate((4.7, 6.1, 7.9, 9.2, 11.3))]
        for noise in (0.02, 0.07)
    )
    for one in quiet + loud:
        assert one.rms is not None
        assert one.relative_sd is not None
        assert one.rms == pytest.approx(0.3 / np.sqrt(2), rel=2 * one.relative_sd)
    assert all(one.rms == pytest.approx(0.3 / np.sqrt(2), rel=0.06) for one in quiet)
    assert max(one.relative_sd or 1.0 for one in quiet) < 0.05
    assert min(one.relative_sd or 0.0 for one in loud) > 0.05


def test_an_amplitude_that_compression_may_have_swallowed_is_refused() -> None:
    rng = np.random.default_rng(1)
    t, xy = damped(rng, 9.0, 1.0, 0.02)
    restless = signal(t, xy + line(t, 0.24, 13.7, 0.4), rng, coded=kinds(len(t), (FORWARD,)))
    seen = measure_tremor(0, restless, given(t)).tremor
    assert (seen.status, seen.rms) == ("compressed", None)
    alone = measure_tremor(0, replace(restless, coded=kinds(len(t), (ALONE,))), given(t)).tremor
    assert alone.status == "measured"


def test_pictures_coded_alone_and_clips_without_a_tremor_lose_nothing() -> None:
    rng = np.random.default_rng(3)
    t, xy = damped(rng, 9.0, 0.7, 0.03)
    fit = WindowFit(t, xy, grid(2.75, 14.0))
    assert shown([(fit, kinds(len(t), (ALONE,)))], FULL_HZ) == Shown()
    calm = WindowFit(t, rng.normal(0, 0.03, xy.shape), grid(2.75, 14.0))
    assert shown([(calm, kinds(len(t)))], FULL_HZ) == Shown()


@pytest.mark.parametrize(("suffix", "expected"), [(".mp4", {ALONE, FORWARD, BETWEEN}), (".mkv", {ALONE})])
def test_frames_say_how_they_were_coded(suffix: str, expected: set[int], tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    small = CameraOrder(width=160, height=128)
    render_clip(path, ClipOrder(0.8, (InstrumentOrder(),), small, seed=1))
    with open_clip(path) as clip:
        assert {frame.coded for frame in clip} == expected
