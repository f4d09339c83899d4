"""The tremor's frequency: a peak that stands out of what falls off with frequency, or none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PROMINENCE = 5.0  # over the aperiodic fit; at 5 real tremor agrees with motion capture (PMC6806079 data)
EDGE_HZ = 0.25  # a peak this close to the band's edge still belongs to it
_OUTLIER = 3.0


def aperiodic(freq_hz: Array, density: Array) -> Array:
    """The power law (f,) under a spectrum's peaks: a line in log-log, peaks left out step by step."""
    x, y = np.log(freq_hz), np.log(np.maximum(density, 1e-30))
    keep = np.ones(len(x), dtype=bool)
    line = np.zeros_like(x)
    for _ in range(6):
        slope, level = np.polyfit(x[keep], y[keep], 1)
        line = level + slope * x
        line += np.log(np.mean(np.exp(y[keep] - line[keep])))  # the mean, as for a density, not the mean log
        keep = y < line + np.log(_OUTLIER)
    return np.asarray(np.exp(line))


def distinct_peak(freq_hz: Array, density: Array, band_hz: tuple[float, float]) -> float | None:
    """Frequency in Hz of the most prominent local maximum of the whitened spectrum; None where none is clear.

    The plain maximum of a band would pick its lower edge whenever the hand drifts.
    """
    from scipy.signal import find_peaks

    white = density / aperiodic(freq_hz, density)
    at, about = find_peaks(white, prominence=PROMINENCE)
    inside = (freq_hz[at] >= band_hz[0] - EDGE_HZ) & (freq_hz[at] <= band_hz[1] + EDGE_HZ)
    if not inside.any():
        return None
    k = int(at[inside][np.argmax(about["prominences"][inside])])
    below, here, above = np.log(white[k - 1 : k + 2])
    shift = 0.5 * (below - above) / (below - 2 * here + above)
    return float(freq_hz[k] + shift * (freq_hz[1] - freq_hz[0]))
