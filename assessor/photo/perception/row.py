"""The decision over a whole row: which candidates are stitches, given that one hand made them all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.calibration import Calibration
from assessor.photo.perception.fine import STITCH_PX, StripStitch

Points = NDArray[np.float64]
_ASTRIDE = 0.6  # of its length that a stitch's middle may lie off the incision
_AT_END = 0.15  # of a strand: what lies nearer to its end is the end
_SURE = 0.7  # confidence of a pass that may be tied round a corner
_KNOTTED = 0.3  # probability of a knot below which a strand has none
_SAME_STITCH = 0.38  # share of the row's median gap
_LEAST = 0.15  # confidence from which a candidate is a stitch: on rendered pads F1 is flat from 0.1 to 0.4


@dataclass(frozen=True, slots=True)
class RowStitch:
    """A candidate as its row sees it: `cues` (see `_cues`) and what they are known to mean; in the end, where
    its bites are (2, 2) and how widely each may lie elsewhere."""

    seen: StripStitch
    cues: Points
    confidence: float
    bites: Points
    spread_px: tuple[float, float]


def choose(candidates: list[StripStitch], incision: Points, known: Calibration) -> list[RowStitch]:
    """The stitches of one row, left to right; `incision` is its course (n, 2) in strip pixels or empty."""
    straddling = [c for c in candidates if _aside(c, incision) < _ASTRIDE * _length(c)]
    sure = [_length(c) for c in straddling if c.probability > 0.5]
    usual = float(np.median(sure)) if len(sure) >= 3 else None
    judged = []
    for c in straddling:
        cues = _cues(c, incision, usual)
        judged.append(RowStitch(c, cues, known.confidence(cues), c.bites, c.spread_px))
    kept = _without_doubles(judged)
    kept = _without_forks([s for s in kept if s.confidence >= _LEAST])
    return _without_second_strands(_without_end_loops(kept))


def apart(stitches: list[RowStitch]) -> list[RowStitch]:
    """Where the closer look sees two stitches in one place, their bites are where the first look saw them."""

    def taken(k: int) -> bool:
        return any(_conflict(stitches[k].bites, s.bites) for j, s in enumerate(stitches) if j != k)

    def at_first(s: RowStitch) -> RowStitch:
        return replace(s, bites=s.seen.bites, spread_px=s.seen.spread_px)

    return [at_first(s) if taken(k) else s for k, s in enumerate(stitches)]


def _cues(c: StripStitch, incision: Points, usual: float | None) -> Points:
    """How sure the network is of middle, bites and knot; how far its length and place are from what is usual.

    `usual` is the median length of the row's surer stitches, None where there are too few.
    """
    p = min(max(c.probability, 1e-3), 1 - 1e-3)
    length = _length(c)
    aside = _aside(c, incision) / length
    unlike = 0.0 if usual is None else abs(float(np.log2(length / usual)))
    return np.array(
        [
            np.log(p / (1 - p)),
            np.log(min(c.bite_heat) + 0.02),
            np.log(max(c.spread_px) + 0.5),
            c.knot_probability,
            min(abs(float(np.log2(length / STITCH_PX))), 1.5),
            min(aside, 1.0),
            min(unlike, 1.5),
            float(usual is None),
        ]
    )


def _aside(c: StripStitch, incision: Points) -> float:
    """How far its middle lies from the incision's course, px; 0 where there is none."""
    if len(incision) < 2:
        return 0.0
    middle = c.bites.mean(0)
    return abs(float(middle[1] - np.interp(middle[0], incision[:, 0], incision[:, 1])))


def _length(c: StripStitch) -> float:
    return max(float(np.linalg.norm(c.bites[1] - c.bites[0])), 1.0)


def _without_doubles(candidates: list[RowStitch]) -> list[RowStitch]:
    """Of candidates that share both bites, or that cross each other, the surer one."""
    kept: list[RowStitch] = []
    for c in sorted(candidates, key=lambda c: -c.confidence):
        if all(not _conflict(c.seen.bites, k.seen.bites) for k in kept):
            kept.append(c)
    return sorted(kept, key=lambda c: float(c.seen.bites[:, 0].mean()))


def _without_forks(stitches: list[RowStitch]) -> list[RowStitch]:
    """Of two strands that share a bite the less sure one must be likelier than not: so free ends fork."""

    def forks(s: RowStitch) -> bool:
        return any(
            k.confidence > s.confidence
            and np.linalg.norm(s.seen.bites[:, None] - k.seen.bites, axis=2).min() < _AT_END * _length(s.seen)
            for k in stitches
        )

    return [s for s in stitches if s.confidence >= 0.5 or not forks(s)]


def _without_end_loops(stitches: list[RowStitch]) -> list[RowStitch]:
    """A running row's thread leaves a stitch at its knot: one that shares its other bite with a sure pass is
    no stitch but the end of that pass, tied round a corner."""
    if float(np.median([s.seen.knot_probability for s in stitches] or [1.0])) > _KNOTTED:
        return stitches

    def ends(s: RowStitch) -> bool:
        if s.seen.knot is None or s.seen.knot_probability < 0.5:
            return False
        free = int(np.linalg.norm(s.seen.bites - s.seen.knot, axis=1).argmax())
        near = _AT_END * _length(s.seen)
        return any(
            k is not s
            and k.confidence > _SURE
            and k.seen.knot_probability < _KNOTTED
            and np.linalg.norm(k.seen.bites - s.seen.bites[free], axis=1).min() < near
            for k in stitches
        )

    return [s for s in stitches if not ends(s)]


def _without_second_strands(stitches: list[RowStitch]) -> list[RowStitch]:
    """Two strands far nearer to each other than the row's gap are one stitch: a loop, or a tail beside it."""
    while len(stitches) >= 4:
        at = np.array([float(s.seen.bites[:, 0].mean()) for s in stitches])
        gaps = np.diff(at)
        k = int(gaps.argmin())
        if gaps[k] > _SAME_STITCH * float(np.median(gaps)):
            break
        stitches.pop(k if stitches[k].confidence < stitches[k + 1].confidence else k + 1)
    return stitches


def _conflict(a: Points, b: Points) -> bool:
    """Whether two stitches (2, 2) share both bites or cross."""
    ends = np.linalg.norm(a - b, axis=1)
    length = max(1.0, min(float(np.linalg.norm(s[1] - s[0])) for s in (a, b)))
    if ends.max() < 0.15 * length or ends.sum() < 0.2 * length:
        return True
    return _cross(a, b)


def _cross(p: Points, q: Points) -> bool:
    """Whether two strands cross; not where a running row's strands meet, at an end of both."""
    d, e = p[1] - p[0], q[1] - q[0]
    turn = float(d[0] * e[1] - d[1] * e[0])
    if turn == 0.0:
        return False
    between = q[0] - p[0]
    on_p = float(between[0] * e[1] - between[1] * e[0]) / turn
    on_q = float(between[0] * d[1] - between[1] * d[0]) / turn
    if not (0 < on_p < 1 and 0 < on_q < 1):
        return False
    return max(min(on_p, 1 - on_p), min(on_q, 1 - on_q)) > _AT_END
