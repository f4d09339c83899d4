"""When the samples really came: rate, gaps, and which tremor bands such a clock can show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LOW_HZ, PHYSIOLOGICAL_HZ, FULL_HZ = (4.0, 8.0), (8.0, 12.0), (4.0, 12.0)
# Frames a second from which a band can be told from what folds into it: 12 Hz needs 2 x 12 and a margin for
# the filter of the shutter; below 20 a tremor of 8-12 Hz folds into 4-8 Hz.
NEEDED_FPS = {LOW_HZ: 20.0, PHYSIOLOGICAL_HZ: 27.0, FULL_HZ: 27.0}
# Frames dropped at random do not fold (the fit uses true times); below this share of them noise takes over.
KEPT_SHARE = 0.75
MAX_GAP_S = 0.3  # the hand may have gone anywhere meanwhile


@dataclass(frozen=True, slots=True)
class Timing:
    """`nominal_fps` is one over the median step, `real_fps` the samples a second over the whole."""

    samples: int
    duration_s: float
    nominal_fps: float
    real_fps: float
    largest_gap_s: float


def timing_of(t_s: Array) -> Timing | None:
    """Of increasing times (n,) s; None below three samples."""
    if len(t_s) < 3:
        return None
    steps = np.diff(t_s)
    if not np.all(steps > 0):
        raise ValueError("times must increase")
    duration_s = float(t_s[-1] - t_s[0])
    return Timing(
        samples=len(t_s),
        duration_s=duration_s,
        nominal_fps=float(1 / np.median(steps)),
        real_fps=len(steps) / duration_s,
        largest_gap_s=float(steps.max()),
    )


def shows(timing: Timing, band_hz: tuple[float, float]) -> bool:
    """Whether the band can be measured at this rate."""
    needed = NEEDED_FPS[band_hz]
    return timing.nominal_fps >= needed and timing.real_fps >= KEPT_SHARE * needed


def runs(t_s: Array, segment: NDArray[np.int64]) -> list[slice]:
    """Stretches of one segment without a gap over `MAX_GAP_S`: what may be analysed as one signal."""
    if len(t_s) == 0:
        return []
    cuts = np.flatnonzero((np.diff(t_s) > MAX_GAP_S) | (np.diff(segment) != 0)) + 1
    edges = [0, *cuts.tolist(), len(t_s)]
    return [slice(a, b) for a, b in pairwise(edges)]
