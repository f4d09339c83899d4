"""The decision over a whole row: which candidates are stitches, given that one hand made them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.fine import StripStitch

Points = NDArray[np.float64]
_SAME_STITCH = 0.38  # share of the row's median gap
_LEAST = 0.35  # probability from which a candidate that fits its row is a stitch


def choose(candidates: list[StripStitch], incision: Points) -> list[StripStitch]:
    """The stitches of one row, left to right; `incision` is its course (n, 2) in strip pixels or empty."""
    kept = _without_doubles([c for c in candidates if _straddles(c, incision)])
    sure = [c for c in kept if c.probability > 0.5]
    if len(sure) >= 3:
        length = float(np.median([_length(c) for c in sure]))
        kept = [c for c in kept if 0.45 * length < _length(c) < 2.0 * length]
    return _without_second_strands([c for c in kept if c.probability >= _LEAST])


def _length(c: StripStitch) -> float:
    return float(np.linalg.norm(c.bites[1] - c.bites[0]))


def _straddles(c: StripStitch, incision: Points) -> bool:
    """Whether its middle lies within 0.6 of its length of the incision's course."""
    if len(incision) < 2:
        return True
    middle = c.bites.mean(0)
    course = np.interp(middle[0], incision[:, 0], incision[:, 1])
    return bool(abs(middle[1] - course) < 0.6 * _length(c))


def _without_doubles(candidates: list[StripStitch]) -> list[StripStitch]:
    """Of candidates that share both bites, or that cross each other, the more probable one."""
    kept: list[StripStitch] = []
    for c in sorted(candidates, key=lambda c: -c.probability):
        if all(not _conflict(c, k) for k in kept):
            kept.append(c)
    return sorted(kept, key=lambda c: float(c.bites[:, 0].mean()))


def _without_second_strands(stitches: list[StripStitch]) -> list[StripStitch]:
    """Two strands far nearer to each other than the row's gap are one stitch: a loop, or a tail beside it."""
    while len(stitches) >= 4:
        at = np.array([float(s.bites[:, 0].mean()) for s in stitches])
        gaps = np.diff(at)
        k = int(gaps.argmin())
        if gaps[k] > _SAME_STITCH * float(np.median(gaps)):
            break
        stitches.pop(k if stitches[k].probability < stitches[k + 1].probability else k + 1)
    return stitches


def _conflict(a: StripStitch, b: StripStitch) -> bool:
    ends = np.linalg.norm(a.bites - b.bites, axis=1)
    length = min(_length(a), _length(b))
    if ends.max() < 0.15 * length or ends.sum() < 0.2 * length:
        return True
    return _cross(a.bites, b.bites)


def _cross(p: Points, q: Points) -> bool:
    def side(a: Points, b: Points, c: Points) -> float:
        return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return (
        side(p[0], p[1], q[0]) * side(p[0], p[1], q[1]) < 0
        and side(q[0], q[1], p[0]) * side(q[0], q[1], p[1]) < 0
    )
