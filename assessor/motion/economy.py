"""Path, speed, movements, rest; two hands compared. Nothing of this is quality: speed never buys score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assessor.motion.paths import Stretch, durations_s
from assessor.motion.results import Bimanual, Economy
from assessor.motion.smoothness import MOVE_MM_S, STOP_MM_S

Array = NDArray[np.float64]

STILL_MM_S = 2.0  # the stricter of the two thresholds of rest in use
IDLE_S = 1.0
LEAST_S = 1.0
LEAST_SHARED_S = 3.0


def economy(found: Sequence[Stretch], mm_per_px: float | None, px_per_mm: float) -> Economy:
    """Of one tip's stretches; `px_per_mm` is for thresholds (windows.px_per_mm), `mm_per_px` for lengths."""
    unit: Literal["mm", "px"] = "px" if mm_per_px is None else "mm"
    factor = 1.0 if mm_per_px is None else mm_per_px
    lasts_s = durations_s(found)
    if lasts_s < LEAST_S:
        return Economy(None, None, None, None, None, None, unit, "too_short" if found else "not_tracked")
    path_px = sum(float(np.linalg.norm(np.diff(s.xy, axis=0), axis=1).sum()) for s in found)
    count = sum(peaks(s, px_per_mm) for s in found)
    return Economy(
        path_length=path_px * factor,
        speed=path_px * factor / lasts_s,
        idle_share=_rest_share(found, STOP_MM_S * px_per_mm),
        still_share=_rest_share(found, STILL_MM_S * px_per_mm),
        movements=count,
        movements_per_min=60 * count / lasts_s,
        unit=unit,
        status="measured",
    )


def peaks(stretch: Stretch, px_per_mm: float) -> int:
    """Movements as ICSAD counts them: peaks of the speed below 1.5 Hz over `MOVE_MM_S`, half of it deep."""
    from scipy.signal import find_peaks

    least = MOVE_MM_S * px_per_mm
    return len(find_peaks(stretch.slow_speed, height=least, prominence=least / 2)[0])


def resting(stretch: Stretch, slower_px_s: float) -> NDArray[np.bool_]:
    """Which samples (m,) lie in a rest of at least `IDLE_S`."""
    low = np.concatenate([[0], (stretch.slow_speed < slower_px_s).astype(int), [0]])
    edges = np.flatnonzero(np.diff(low)).reshape(-1, 2)
    rest = np.zeros(len(stretch.t_s), dtype=bool)
    for a, b in edges:
        if b - a >= IDLE_S * stretch.rate_hz:
            rest[a:b] = True
    return rest


def _rest_share(found: Sequence[Stretch], slower_px_s: float) -> float:
    rests = np.concatenate([resting(stretch, slower_px_s) for stretch in found])
    return float(rests.mean())


def bimanual(
    reference: Sequence[Stretch],
    other: Sequence[Stretch],
    *,
    reference_tip: int,
    px_per_mm: float,
    tremor_ratio: float | None,
) -> Bimanual | None:
    """Two hands over the time in which both were seen; None below 3 s of it."""
    stop = STOP_MM_S * px_per_mm
    shared = [pair for a in reference for b in other if (pair := _shared(a, b, stop)) is not None]
    if not shared:
        return None
    both = np.concatenate(shared, axis=2)  # (2 tips, slow speed / speed / rest, m)
    seen_s = both.shape[2] / reference[0].rate_hz
    if seen_s < LEAST_SHARED_S:
        return None
    slow, speed, rest = both[:, 0], both[:, 1], both[:, 2] > 0.5
    paths: Array = np.asarray(speed.sum(axis=1))
    return Bimanual(
        both_moving_share=float(np.mean(np.all(slow > stop, axis=0))),
        both_idle_share=float(np.mean(np.all(rest, axis=0))),
        speed_correlation=float(np.corrcoef(slow[0], slow[1])[0, 1])
        if np.all(slow.std(axis=1) > 0)
        else None,
        path_ratio=float(paths[1] / paths[0]) if paths[0] > 0 else None,
        tremor_ratio=tremor_ratio,
        reference_tip=reference_tip,
        seen_s=seen_s,
    )


def _shared(a: Stretch, b: Stretch, stop_px_s: float) -> Array | None:
    """(2, 3, m): slow speed, speed and rest (0 or 1) of both at the times of `a` that `b` covers too."""
    inside = (a.t_s >= b.t_s[0]) & (a.t_s <= b.t_s[-1])
    if not inside.any():
        return None
    t = a.t_s[inside]
    mine = [a.slow_speed, a.speed, resting(a, stop_px_s).astype(float)]
    theirs = [b.slow_speed, b.speed, resting(b, stop_px_s).astype(float)]
    return np.stack([[one[inside] for one in mine], [np.interp(t, b.t_s, one) for one in theirs]])


def _correlation(a: Array, b: Array) -> float | None:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else None
