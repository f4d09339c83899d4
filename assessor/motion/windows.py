"""Where a tip is slow for long enough: the only stretches in which its tremor is looked for.

Over a whole trial the power at tremor frequencies is inverted (experts move faster and leak more): only
windows of at least `SHORTEST_S` that stay below `SLOW_MM_S` tell skill apart. A low mean is not enough: one
reach from bite to bite in a window has 0.02 to 0.1 px rms of its own at 4 to 12 Hz (docs/motion.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.motion.timing import runs

Array = NDArray[np.float64]

SLOW_MM_S = 8.0
SHORTEST_S = 1.5
WANTED_S = 3.0  # clinical convention for tremor (PMC6806079)
# Without a scale the picture is taken to show this much along its longer side, a webcam over a pad: for
# thresholds of speed only, never for a result.
ASSUMED_VIEW_MM = 133.0
GLANCE_S = 0.3  # over which a speed is averaged before it is compared
# Before a tip is found lost it slid along the ground for a while.
UNSURE_S = 0.5
SETTLE_S = 0.15  # of a reach is left over where the speed falls below the limit
SPEED_RATE_HZ = 30.0
SPEED_SIGMA_S = 0.1  # of the Gaussian that leaves voluntary motion: 8 Hz tremor is no speed of the hand


@dataclass(frozen=True, slots=True)
class SlowWindow:
    """Samples `at` of one uncut stretch; `mean_speed_px_s` of the voluntary motion in it."""

    at: slice
    mean_speed_px_s: float


def px_per_mm(mm_per_px: float | None, long_side_px: int) -> float:
    """For thresholds: the scale where there is one, else as if the picture showed `ASSUMED_VIEW_MM`."""
    return 1 / mm_per_px if mm_per_px is not None else long_side_px / ASSUMED_VIEW_MM


def voluntary_speed(t_s: Array, xy: Array) -> tuple[Array, Array]:
    """Uniform times (m,) s and speeds (m,) px/s of the motion below about 1.5 Hz; one uncut stretch."""
    from scipy.ndimage import gaussian_filter1d

    count = max(2, round(float(t_s[-1] - t_s[0]) * SPEED_RATE_HZ) + 1)
    t = np.linspace(t_s[0], t_s[-1], count)
    even = np.stack([np.interp(t, t_s, xy[:, axis]) for axis in (0, 1)], axis=1)
    step_s = float(t[1] - t[0])
    smooth = gaussian_filter1d(even, SPEED_SIGMA_S / step_s, axis=0, mode="nearest")
    return t, np.linalg.norm(np.gradient(smooth, step_s, axis=0), axis=1)


def slow_windows(t_s: Array, xy: Array, segment: NDArray[np.int64], slow_px_s: float) -> list[SlowWindow]:
    """Windows up to 1.5 `WANTED_S` that fill the slow stretches of `SHORTEST_S` or more, in order of time.

    `xy` (n, 2) px, comparable within each `segment` (n,); stretches also end at gaps.
    """
    found: list[SlowWindow] = []
    for run in runs(t_s, segment):
        if run.stop < len(t_s):
            end = np.searchsorted(t_s, t_s[run.stop - 1] - UNSURE_S, side="right")
            run = slice(run.start, max(run.start + 1, int(end)))
        if t_s[run.stop - 1] - t_s[run.start] < SHORTEST_S:
            continue
        t, speed = voluntary_speed(t_s[run], xy[run])
        for t0, t1 in _slow_stretches(t, speed, slow_px_s):
            parts = max(1, round((t1 - t0) / WANTED_S))
            edges = np.linspace(t0, t1, parts + 1)
            edges[-1] += 1e-9
            at = np.searchsorted(t_s[run], edges - 1e-9) + run.start
            for k in range(parts):
                inside = (t >= edges[k]) & (t <= edges[k + 1])
                found.append(SlowWindow(slice(int(at[k]), int(at[k + 1])), float(speed[inside].mean())))
    return found


def _slow_stretches(t: Array, speed: Array, slow_px_s: float) -> list[tuple[float, float]]:
    """Stretches of `SHORTEST_S` or more that are never fast, as (from, to) in s, without what a reach leaves
    at their ends."""
    from scipy.ndimage import uniform_filter1d

    step_s = float(t[1] - t[0])
    usual = uniform_filter1d(speed, max(1, round(GLANCE_S / step_s)), mode="nearest")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (usual < slow_px_s).astype(int), [0]])))
    found = []
    for a, b in edges.reshape(-1, 2):
        if t[b - 1] - t[a] >= SHORTEST_S:
            t0 = float(t[a]) + (SETTLE_S if a > 0 else 0.0)
            t1 = float(t[b - 1]) - (SETTLE_S if b < len(t) else 0.0)
            found.append((t0, t1))
    return found
