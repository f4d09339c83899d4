"""Smoothness of discrete movements: SPARC and log dimensionless jerk as published.

Balasubramanian, Melendez-Calderon, Burdet 2012 (IEEE TBME 59:2126); Balasubramanian, Melendez-Calderon,
Roby-Brami, Burdet 2015 (J NeuroEng Rehabil 12:112), reference code siva82kb/smoothness. Both were made
for single movements, so they are had between stops, never over a whole trial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assessor.motion.paths import Stretch
from assessor.motion.results import Smoothness

Array = NDArray[np.float64]

SPARC_CUT_HZ = 10.0
SPARC_THRESHOLD = 0.05
PAD_LEVEL = 4
STOP_MM_S = 5.0  # slower than this is a stop (idle, docs/motion.md)
MOVE_MM_S = 10.0  # a movement reaches this somewhere
SHORTEST_S, LONGEST_S = 0.4, 10.0


def sparc(speed: Array, rate_hz: float) -> float:
    """Spectral arc length of a movement's speed profile (n,) of any unit; nearer to 0 is smoother."""
    size = 2 ** (math.ceil(math.log2(len(speed))) + PAD_LEVEL)
    freq = np.arange(size) * rate_hz / size
    magnitude = np.abs(np.fft.fft(speed, size))
    magnitude = magnitude / magnitude.max()
    low = freq <= SPARC_CUT_HZ
    freq, magnitude = freq[low], magnitude[low]
    strong = np.flatnonzero(magnitude >= SPARC_THRESHOLD)
    part = slice(strong[0], strong[-1] + 1)
    freq, magnitude = freq[part], magnitude[part]
    return -float(np.hypot(np.diff(freq) / (freq[-1] - freq[0]), np.diff(magnitude)).sum())


def ldlj(speed: Array, rate_hz: float) -> float:
    """Log dimensionless jerk -ln(T^3 / peak^2 * integral of the speed's second derivative squared)."""
    jerk = np.diff(speed, 2) * rate_hz**2
    duration_s = len(speed) / rate_hz
    return -math.log(duration_s**3 / float(np.abs(speed).max()) ** 2 * float((jerk**2).sum()) / rate_hz)


def movements(stretch: Stretch, px_per_mm: float) -> list[slice]:
    """Samples between two stops, 0.4 to 10 s long, that reach `MOVE_MM_S`; cut ones are left out."""
    moving = stretch.slow_speed > STOP_MM_S * px_per_mm
    edges = np.flatnonzero(np.diff(moving.astype(int)))
    found = []
    for a, b in pairwise(edges):
        inside = slice(int(a) + 1, int(b) + 1)
        lasts_s = (inside.stop - inside.start) / stretch.rate_hz
        reached = stretch.slow_speed[inside].max() >= MOVE_MM_S * px_per_mm
        if moving[inside.start] and reached and SHORTEST_S <= lasts_s <= LONGEST_S:
            found.append(inside)
    return found


def smoothness(found: Sequence[Stretch], px_per_mm: float) -> Smoothness:
    """Medians over all discrete movements, of speeds below 6 Hz."""
    if not found:
        return Smoothness(None, None, 0, "not_tracked")
    moves = [(s.speed[m], s.rate_hz) for s in found for m in movements(s, px_per_mm)]
    if not moves:
        return Smoothness(None, None, 0, "no_movement")
    return Smoothness(
        float(np.median([sparc(*m) for m in moves])), float(np.median([ldlj(*m) for m in moves])),
        len(moves), "measured",
    )  # fmt: skip
