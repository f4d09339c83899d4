"""Tip tracks with known truth, without pictures: what the signal side is tested on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assessor.motion.timing import timing_of
from assessor.motion.tremor import Conditions, TipSignal

Array = NDArray[np.float64]


def times(
    rng: np.random.Generator, seconds: float, fps: float, *, jitter_s: float = 0.0, dropped: float = 0.0
) -> Array:
    """Frame times (n,) from 0, jittered, some frames lost."""
    n = round(seconds * fps)
    t = np.sort(np.arange(n) / fps + rng.normal(0, jitter_s, n))
    t = t[rng.random(n) >= dropped]
    return np.asarray(t - t[0])


def voluntary(rng: np.random.Generator, t: Array, rms_px: float, below_hz: float = 1.5) -> Array:
    """Smooth motion (n, 2) px of many slow sines."""
    hz = rng.uniform(0.05, below_hz, 25)
    phase = rng.uniform(0, 2 * np.pi, (2, 25))
    waves = np.cos(2 * np.pi * t[:, None, None] * hz + phase)
    return np.asarray(rms_px * np.sqrt(2 / 25) * waves.sum(axis=2))


def line(t: Array, peak_px: float, hz: float, direction_rad: float, phase_rad: float = 0.0) -> Array:
    """A sine along one direction (n, 2) px."""
    along = np.array([np.cos(direction_rad), np.sin(direction_rad)])
    return np.asarray(peak_px * np.cos(2 * np.pi * hz * t + phase_rad)[:, None] * along)


def signal(
    t: Array,
    xy: Array,
    rng: np.random.Generator,
    *,
    still_px: float = 0.02,
    shake: Array | None = None,
    segment: NDArray[np.int64] | None = None,
    coded: NDArray[np.int8] | None = None,
) -> TipSignal:
    """With still background of its own noise, and what the camera's shake left on both."""
    left = np.zeros_like(xy) if shake is None else shake
    return TipSignal(
        t_s=t,
        xy=xy + left,
        segment=np.zeros(len(t), dtype=np.int64) if segment is None else segment,
        floor=left + rng.normal(0, still_px, xy.shape),
        noise=np.full_like(xy, np.nan),
        coded=np.zeros(len(t), np.int8) if coded is None else coded,
        sure=np.ones(len(t), bool),
    )


def given(t: Array, *, um_per_px: float | None = None, exposure_s: float | None = None) -> Conditions:
    """Everything is slow."""
    return Conditions(timing_of(t), um_per_px, slow_px_s=1e6, exposure_s=exposure_s)
