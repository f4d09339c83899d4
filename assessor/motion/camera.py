"""How the camera moved, and what of that could not be removed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from assessor.motion.results import CameraMotion
from assessor.motion.spectrum import WindowFit, band_power, grid, parameters
from assessor.motion.timing import FULL_HZ, runs, timing_of
from assessor.motion.windows import SHORTEST_S, WANTED_S

Array = NDArray[np.float64]


def camera_motion(t_s: Array, shift: Array, left: Array) -> CameraMotion | None:
    """From the background's shift and what that left of rigid points, both (f, 2) px, NaN where unseen."""
    if len(t_s) == 0:
        return None
    seen = np.isfinite(shift).all(axis=1)
    drift = None
    if seen.any():
        away = shift[seen] - np.median(shift[seen], axis=0)
        drift = float(np.percentile(np.linalg.norm(away, axis=1), 95))
    return CameraMotion(
        shake_rms_px=_band_rms(t_s, shift),
        drift_px=drift,
        residual_px=_band_rms(t_s, left),
        seen_share=float(seen.mean()),
    )


def _band_rms(t_s: Array, xy: Array) -> float | None:
    """Median over windows of about 3 s of the rms from 4 Hz to 12 Hz, or to what the rate can show."""
    known = np.isfinite(xy).all(axis=1)
    t, xy = t_s[known], xy[known]
    powers = []
    for run in runs(t, np.zeros(len(t), dtype=np.int64)):
        lasts_s = float(t[run.stop - 1] - t[run.start])
        for part in np.array_split(np.arange(run.start, run.stop), max(1, round(lasts_s / WANTED_S))):
            own = timing_of(t[part])
            if own is None or own.duration_s < SHORTEST_S or own.samples < 1.5 * parameters(own.duration_s):
                continue
            high_hz = min(FULL_HZ[1], 0.45 * own.nominal_fps)
            freq = grid(FULL_HZ[0], high_hz)
            powers.append(band_power(freq, WindowFit(t[part], xy[part], freq).density, (FULL_HZ[0], high_hz)))
    return math.sqrt(max(0.0, float(np.median(powers)))) if powers else None
