"""How sure a tremor's amplitude is, as a relative standard deviation: what the clip tells of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assessor.motion.spectrum import WindowFit
from assessor.motion.timing import FULL_HZ

Array = NDArray[np.float64]

OWN_SD = 0.02  # of the estimator: rms error on rendered clips that lose nothing to compression
# Two halves of the points that disagree about a sine's amplitude share most of what pulls them to the ground:
# times half their difference is the uncertainty.
HALVES_SHARE = 7.0
KNOWN_SHARE = 0.8  # of a window's samples must have them


def halves_sd(fit: WindowFit, density: Array, noise: Array) -> float:
    """By what halves of the points disagree about the strongest sine of a window.

    `density` (f,) is the window's, `noise` (n, 2) px half of what the halves differ by, NaN where there is
    none, as in a track's first sample. NaN where too few have one.
    """
    if np.isfinite(noise).all(axis=1).mean() < KNOWN_SHARE:
        return math.nan
    inside = (fit.freq_hz >= FULL_HZ[0]) & (fit.freq_hz <= FULL_HZ[1])
    strongest_hz = float(fit.freq_hz[np.where(inside, density, 0.0).argmax()])
    return HALVES_SHARE * abs(fit.goes_along(strongest_hz, noise))


def typical(halves: Sequence[float]) -> float:
    """The middle one of those that are known; 0 where none is."""
    known = [sd for sd in halves if not math.isnan(sd)]
    return float(np.median(known)) if known else 0.0


def relative_sd(*, noise: float, bandwidth_hz: Sequence[float], coding: float, halves: float) -> float:
    """Of an amplitude over windows of these bandwidths; `noise` is its floor as a share of it, `coding` and
    `halves` the relative sd for what compression took and for what halves of the points disagree."""
    # Half of the noise's power lies along the motion; in a sine's own band it adds up over the windows.
    own_hz = float(np.mean(bandwidth_hz)) / len(bandwidth_hz)
    return math.hypot(noise * math.sqrt(own_hz / (FULL_HZ[1] - FULL_HZ[0])) / 2, coding, halves, OWN_SD)
