"""Photo -> wounds and stitches in pixels: a first look finds the wounds, a close look reads each one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.calibration import Calibration, shipped
from assessor.photo.perception.coarse import find_places
from assessor.photo.perception.curve import Curve, Points, Pyramid, Strip
from assessor.photo.perception.cut import trace_cut
from assessor.photo.perception.fine import STITCH_PX
from assessor.photo.perception.kind import technique_input, technique_log_p, technique_scores
from assessor.photo.perception.looks import View, read_place
from assessor.photo.perception.row import RowStitch
from assessor.results import Point, StitchFinding, WoundFinding

MAX_WOUNDS = 6
# beside a sutured wound, what shows fewer stitches than these is a frame's edge, a scratch, a tail or a ruler
_SECOND_WOUND = 1.2
_SECOND_SHARE = 0.2
_LIKELY = 0.5  # of those whose confidence is above
_POINTS = 24  # of an incision's course
_AT_BORDER = 0.1  # of a stitch's length: an incision that ends nearer to the photo's border leaves it there
_APART = 0.3  # of a stitch's length that it keeps from another wound's line and stitches


def find_wounds(
    photo: NDArray[np.uint8] | Pyramid, calibration: Calibration | None = None
) -> tuple[WoundFinding, ...]:
    """Every wound on an upright photo, the surest first.

    `photo` (h, w, 3) uint8 BGR, or what was halved of it already.
    """
    known = calibration or shipped()
    halves = photo if isinstance(photo, Pyramid) else Pyramid(photo)
    views = (read_place(halves, place, known) for place in find_places(halves)[:MAX_WOUNDS])
    read = [w for view in views if (w := as_finding(halves, view, known)) is not None]
    read.sort(key=lambda w: -_evidence(w))
    found: list[WoundFinding] = []
    for wound in read:
        rest = _without_taken(wound, found)
        if not found or _evidence(rest, _LIKELY) > max(_SECOND_WOUND, _SECOND_SHARE * _evidence(found[0])):
            found.append(rest)
    return tuple(found)


def _evidence(wound: WoundFinding, least: float = 0.0) -> float:
    """How many stitches it shows, of those with more confidence than `least`."""
    return sum(s.confidence for s in wound.stitches if s.confidence > least)


def _across_px(view: View) -> float:
    """How far its stitches reach across the row, photo pixels: of diagonals less than their length."""
    across = float(np.median([abs(s.seen.bites[1, 1] - s.seen.bites[0, 1]) for s in view.stitches]))
    return max(across / view.strip.zoom, 0.5 * view.stitch_px)


def as_finding(photo: Pyramid, view: View, known: Calibration) -> WoundFinding | None:
    """A view's wound in photo pixels; None where it shows neither line nor stitch."""
    strip, reading, chosen = view.strip, view.reading, view.stitches
    stitches = tuple(_stitch(strip, s, known, photo.size) for s in chosen)
    incision: tuple[Point, ...] | None = None
    spread_px, end_sd_px, cut = 0.0, (0.0, 0.0), (False, False)
    if reading.ends is not None:
        start, end = reading.ends
        end_sd_px = known.end_sd(start.fade_px) / strip.zoom, known.end_sd(end.fade_px) / strip.zoom
        course = strip.to_photo(_between(reading.incision, start.x, end.x))
        if stitches:  # else nothing is measured against it
            course, spread_px = trace_cut(photo, course, _across_px(view))
        keep = np.unique(np.linspace(0, len(course) - 1, _POINTS).round().astype(int))
        incision = tuple(_point(p) for p in course[keep])
        near_px = _AT_BORDER * view.stitch_px
        cut = _leaves(course[0], photo.size, near_px), _leaves(course[-1], photo.size, near_px)
    if incision is None and not stitches:
        return None
    return WoundFinding(
        incision,
        reading.incision_probability,
        known.incision_sd(spread_px * strip.zoom) / strip.zoom,
        stitches,
        _technique(view, known),
        known.bite_common_share,
        end_sd_px,
        cut,
    )


def _leaves(point: Points, size: tuple[int, int], near_px: float) -> bool:
    """Whether a point lies within so many pixels of the photo's border."""
    return bool((point < near_px).any() or (point > np.array(size) - 1 - near_px).any())


def _between(course: Points, start: float, end: float) -> Points:
    """A course (n, 2) from x = start to end; all of it where they leave none."""
    inside = (course[:, 0] > start) & (course[:, 0] < end)
    if inside.sum() < 3:
        return course
    ends = np.array([[x, np.interp(x, *course.T)] for x in (start, end)])
    return np.concatenate([ends[:1], course[inside], ends[1:]])


def _technique(view: View, known: Calibration) -> tuple[float, ...]:
    """How it looks: the log-probability of each of TECHNIQUES."""
    scores = technique_scores(technique_input(view.strip.bgr, view.reading.seen), view.strip.covered)
    return tuple(round(float(p), 3) for p in technique_log_p(scores, known.technique_sharpness))


def _stitch(strip: Strip, chosen: RowStitch, known: Calibration, size: tuple[int, int]) -> StitchFinding:
    s = chosen.seen
    bites = strip.to_photo(chosen.bites)
    cut = any(_leaves(bite, size, 1.5 / strip.zoom) for bite in bites)
    inferred = (False, False)
    if s.knot is not None:
        near = np.linalg.norm(chosen.bites - s.knot, axis=1) < 0.11 * STITCH_PX
        inferred = (bool(near[0]), bool(near[1] and not near[0]))
    first, second = (
        known.bite_sd(spread, hidden) / strip.zoom
        for spread, hidden in zip(chosen.spread_px, inferred, strict=True)
    )
    return StitchFinding(
        bites_px=(_point(bites[0]), _point(bites[1])),
        bite_sd_px=(first, second),
        inferred=inferred,
        confidence=round(chosen.confidence, 4),
        knot_px=None if s.knot is None else _point(strip.to_photo(s.knot)),
        cut=cut,
    )


def _without_taken(wound: WoundFinding, others: list[WoundFinding]) -> WoundFinding:
    """Leave out stitches that a surer wound has, or that lie across its incision: two wounds do not cross."""
    stitches = tuple(s for s in wound.stitches if not any(_belongs_to(s, o) for o in others))
    if len(stitches) == len(wound.stitches):
        return wound
    return replace(wound, incision_px=wound.incision_px if stitches else None, stitches=stitches)


def _belongs_to(s: StitchFinding, other: WoundFinding) -> bool:
    bites = np.asarray(s.bites_px)
    length = float(np.linalg.norm(bites[1] - bites[0]))
    along = np.linspace(bites[0], bites[1], 9)
    if other.incision_px is not None and len(other.incision_px) >= 2:
        line = Curve(np.asarray(other.incision_px))
        if float(line.distance(along).min()) < _APART * length:
            return True
    middles = np.array([np.mean(o.bites_px, axis=0) for o in other.stitches]).reshape(-1, 2)
    return bool((np.linalg.norm(middles - along[4], axis=1) < _APART * length).any())


def _point(p: NDArray[np.float64]) -> Point:
    return float(p[0]), float(p[1])
