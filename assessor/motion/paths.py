"""A tip's track -> evenly sampled, low-passed stretches: what paths, movements and smoothness are had from.

Stretches end at gaps and segments; nothing is bridged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.motion.timing import runs

Array = NDArray[np.float64]

PATH_HZ = 6.0  # noise above it would add to a path's length; voluntary motion lies below 2 Hz
MOVEMENT_HZ = 1.5  # what ICSAD counts as one movement
MOST_RATE_HZ = 60.0
SHORTEST_S = 0.5
_ORDER = 2  # run forwards and backwards: fourth order, no delay


@dataclass(frozen=True, slots=True)
class Stretch:
    """`rate_hz` samples a second from `t_s` (m,) s: `xy` (m, 2) px below 6 Hz, speeds (m,) px/s.

    `speed` is that of `xy`; `slow_speed` below 1.5 Hz.
    """

    rate_hz: float
    t_s: Array
    xy: Array
    speed: Array
    slow_speed: Array


def stretches(t_s: Array, xy: Array, segment: NDArray[np.int64]) -> list[Stretch]:
    """All uncut stretches of at least `SHORTEST_S`."""
    if len(t_s) < 3:
        return []
    rate_hz = min(float(1 / np.median(np.diff(t_s))), MOST_RATE_HZ)
    found = []
    for run in runs(t_s, segment):
        if t_s[run.stop - 1] - t_s[run.start] >= SHORTEST_S and run.stop - run.start >= 8:
            found.append(_stretch(t_s[run], xy[run], rate_hz))
    return found


def durations_s(found: Sequence[Stretch]) -> float:
    """Seconds that the stretches cover together."""
    return float(sum(len(s.t_s) - 1 for s in found) / found[0].rate_hz) if found else 0.0


def _stretch(t_s: Array, xy: Array, rate_hz: float) -> Stretch:
    from scipy.interpolate import Akima1DInterpolator

    t = t_s[0] + np.arange(int((t_s[-1] - t_s[0]) * rate_hz) + 1) / rate_hz
    even = Akima1DInterpolator(t_s, xy)(t)
    low, slow = low_passed(even, rate_hz, PATH_HZ), low_passed(even, rate_hz, MOVEMENT_HZ)
    return Stretch(rate_hz, t, low, _speed(low, rate_hz), _speed(slow, rate_hz))


def low_passed(xy: Array, rate_hz: float, cut_hz: float) -> Array:
    """Positions (m, 2) below `cut_hz` by a Butterworth filter without delay; as they are below Nyquist."""
    from scipy.signal import butter, sosfiltfilt

    if cut_hz >= 0.45 * rate_hz:
        return xy
    sos = butter(_ORDER, cut_hz, fs=rate_hz, output="sos")
    pad = min(len(xy) - 1, round(rate_hz / cut_hz))
    return np.asarray(sosfiltfilt(sos, xy, axis=0, padlen=pad))


def _speed(xy: Array, rate_hz: float) -> Array:
    return np.asarray(np.linalg.norm(np.gradient(xy, 1 / rate_hz, axis=0), axis=1))
