"""Task hold: share of time over the dot within a 100 x 100 um zone, and exits (Hsu & Cooley 2003)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assessor.motion.results import Steadiness
from assessor.motion.timing import runs
from assessor.motion.windows import slow_windows

Array = NDArray[np.float64]

ZONE_UM = 100.0
LEAST_S = 2.0
WELL_INSIDE = 0.8
# The track's own noise may take at most this share of the zone's half side, or the share is one of noise.
NOISE_SHARE = 0.33


def steadiness(
    t_s: Array,
    xy: Array,
    segment: NDArray[np.int64],
    *,
    slow_px_s: float,
    um_per_px: float | None,
    noise_px: float | None,
) -> Steadiness:
    """Of one tip's fine track (n, 2) px while it is slow; `noise_px` is the track's noise (rms, both axes).

    Each segment has its own dot, as fine positions compare within one only. Not measured: no_scale,
    too_short (held under 2 s), below_floor (noise too large for the zone).
    """
    held = np.zeros(len(t_s), dtype=bool)
    for window in slow_windows(t_s, xy, segment, slow_px_s):
        held[window.at] = True
    inside_s = held_s = square = 0.0
    exits = 0
    half = ZONE_UM / 2
    for run in runs(t_s, segment):
        kept = held[run]
        if kept.sum() < 2:
            continue
        off_um = (xy[run] - np.median(xy[run][kept], axis=0)) * (um_per_px or 1.0)
        within = np.all(np.abs(off_um) <= half, axis=1)
        step_s = np.diff(t_s[run], append=t_s[run][-1])
        held_s += float(step_s[kept].sum())
        inside_s += float(step_s[kept & within].sum())
        square += float((step_s[kept] * (off_um[kept] ** 2).sum(axis=1)).sum())
        exits += _exits(np.abs(off_um[kept]).max(axis=1))
    if held_s < LEAST_S:
        return Steadiness(ZONE_UM, None, None, None, held_s, "too_short" if len(t_s) else "not_tracked")
    if um_per_px is None:
        return Steadiness(ZONE_UM, None, None, None, held_s, "no_scale")
    if noise_px is None or noise_px * um_per_px > NOISE_SHARE * half:
        return Steadiness(ZONE_UM, None, None, None, held_s, "below_floor")
    return Steadiness(ZONE_UM, inside_s / held_s, exits, float(np.sqrt(square / held_s)), held_s, "measured")


def _exits(off_um: Array) -> int:
    """How often it left the zone; trembling on the edge counts once until it is well inside again."""
    outside, exits = bool(off_um[0] > ZONE_UM / 2), 0
    for off in off_um:
        if not outside and off > ZONE_UM / 2:
            outside, exits = True, exits + 1
        elif off < WELL_INSIDE * ZONE_UM / 2:
            outside = False
    return exits
