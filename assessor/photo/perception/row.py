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
_LEAST_OF_ROW = 0.3  # of the row's median: among sure stitches a doubtful one is the dot at an incision's end


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
    return _without_strangers(_without_second_strands(_without_end_loops(kept)))


def apart(stitches: list[RowStitch]) -> list[RowStitch]:
    """Where the closer look sees two stitches in one place, their bites are where the first look saw them."""
    taken = _conflicts(np.array([s.bites for s in stitches]).reshape(-1, 2, 2)).sum(0) > 0
    return [
        replace(s, bites=s.seen.bites, spread_px=s.seen.spread_px) if taken[k] else s
        for k, s in enumerate(stitches)
    ]


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
    conflicts = _conflicts(np.array([c.seen.bites for c in candidates]).reshape(-1, 2, 2))
    kept: list[int] = []
    for k in sorted(range(len(candidates)), key=lambda k: -candidates[k].confidence):
        if not conflicts[k, kept].any():
            kept.append(k)
    return sorted((candidates[k] for k in kept), key=lambda c: float(c.seen.bites[:, 0].mean()))


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


def _without_strangers(stitches: list[RowStitch]) -> list[RowStitch]:
    """Where the others are sure, one that is far less so is none."""
    usual = float(np.median([s.confidence for s in stitches] or [0.0]))
    return [s for s in stitches if s.confidence >= _LEAST_OF_ROW * usual]


def _conflicts(bites: Points) -> NDArray[np.bool_]:
    """Which stitches (n, 2, 2) share both bites or cross, (n, n); none does so with itself."""
    chord = bites[:, 1] - bites[:, 0]
    size = np.maximum(np.linalg.norm(chord, axis=1), 1.0)
    length = np.minimum(size[:, None], size[None])
    ends = np.linalg.norm(bites[:, None] - bites[None], axis=3)
    same = (ends.max(2) < 0.15 * length) | (ends.sum(2) < 0.2 * length)
    conflicts: NDArray[np.bool_] = same | _cross(bites[:, 0], chord)
    np.fill_diagonal(conflicts, False)
    return conflicts


def _cross(start: Points, chord: Points) -> NDArray[np.bool_]:
    """Which strands (n, 2) cross, (n, n); not where a running row's strands meet, at an end of both."""

    def turn(a: Points, b: Points) -> Points:
        result: Points = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        return result

    between = start[None] - start[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):  # parallel strands meet nowhere
        on = turn(between, chord[None]) / turn(chord[:, None], chord[None])  # of the first, from its start
    from_end = np.minimum(on, 1 - on)
    both = np.stack([from_end, from_end.T])
    crossing: NDArray[np.bool_] = (both.min(0) > 0) & (both.max(0) > _AT_END)
    return crossing
