"""Photo -> wounds and stitches in pixels: a first look finds the wounds, a close look reads each one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.coarse import Place, find_places
from assessor.photo.perception.curve import Curve, Strip, cut_strip, fit_curve
from assessor.photo.perception.fine import STITCH_PX, STRIP_HEIGHT_PX, StripReading, StripStitch, read_strip
from assessor.photo.perception.row import choose
from assessor.results import Point, StitchFinding, WoundFinding

MAX_WOUNDS = 6
_MAX_STRIP_PX = 2560
_LOOKS = 3  # at most: each one better centred and scaled than the one before


def find_wounds(bgr: NDArray[np.uint8]) -> tuple[WoundFinding, ...]:
    """Every wound on an upright photo (h, w, 3) uint8 BGR, the surest first."""
    read = [w for place in find_places(bgr)[:MAX_WOUNDS] if (w := _read_place(bgr, place)) is not None]
    read.sort(key=lambda w: -_evidence(w))
    found: list[WoundFinding] = []
    for wound in read:
        rest = _without_taken(wound, found)
        # beside a sutured wound, a line without stitches is a frame's edge or a scratch
        if _evidence(rest) > 0.15 * _evidence(found[0]) if found else rest.stitches or rest.incision_px:
            found.append(rest)
    return tuple(found)


def _evidence(wound: WoundFinding) -> float:
    return sum(s.confidence for s in wound.stitches)


def _read_place(bgr: NDArray[np.uint8], place: Place) -> WoundFinding | None:
    curve, stitch_px = place.curve, place.stitch_px
    strip, reading, chosen = _look(bgr, curve, stitch_px)
    if curve.length < 3 * stitch_px:  # a short row's long side may be its stitches
        other = _look(bgr, curve.crossed(4 * stitch_px), stitch_px)
        if _sum(other[2]) > _sum(chosen):
            strip, reading, chosen = other
    for _ in range(_LOOKS - 1):
        better = _better_view(strip, reading, chosen, stitch_px)
        if better is None:
            break
        curve, stitch_px = better
        strip, reading, chosen = _look(bgr, curve, stitch_px)
    return _finding(strip, reading, chosen, bgr.shape[1], bgr.shape[0])


def _look(
    bgr: NDArray[np.uint8], curve: Curve, stitch_px: float
) -> tuple[Strip, StripReading, list[StripStitch]]:
    zoom = STITCH_PX / stitch_px
    strip = cut_strip(bgr, curve, zoom, STRIP_HEIGHT_PX, 1.5 * stitch_px, _MAX_STRIP_PX)
    reading = read_strip(strip.bgr, strip.covered)
    return strip, reading, choose(reading.stitches, reading.incision)


def _sum(chosen: list[StripStitch]) -> float:
    return sum(s.probability for s in chosen)


def _better_view(
    strip: Strip, reading: StripReading, chosen: list[StripStitch], stitch_px: float
) -> tuple[Curve, float] | None:
    """The course and stitch length for another look; None when this one is good."""
    if not chosen:
        return None
    lengths = [float(np.linalg.norm(s.bites[1] - s.bites[0])) for s in chosen]
    ratio = float(np.median(lengths)) / STITCH_PX
    middles = np.array([s.bites.mean(0) for s in chosen])
    course = reading.incision if len(reading.incision) else middles
    centre = (STRIP_HEIGHT_PX - 1) / 2
    off = float(np.abs(course[:, 1] - centre).max())
    if abs(np.log2(ratio)) < 0.2 and off < 0.22 * STITCH_PX:
        return None
    points = course if len(course) >= 8 else middles
    curve = None
    if len(points) >= 3:
        curve = fit_curve(strip.to_photo(points), np.ones(len(points)))
    if curve is None:
        curve = strip.curve
    return curve, stitch_px * float(np.clip(ratio, 0.4, 2.5))


def _finding(
    strip: Strip, reading: StripReading, chosen: list[StripStitch], width: int, height: int
) -> WoundFinding | None:
    stitches = tuple(_stitch(strip, s, width, height) for s in chosen)
    incision: tuple[Point, ...] | None = None
    if len(reading.incision) >= 2:
        keep = np.unique(np.linspace(0, len(reading.incision) - 1, 24).round().astype(int))
        incision = tuple(_point(p) for p in strip.to_photo(reading.incision[keep]))
    if incision is None and not stitches:
        return None
    return WoundFinding(incision, reading.incision_probability, 1.2 / strip.zoom, stitches)


def _stitch(strip: Strip, s: StripStitch, width: int, height: int) -> StitchFinding:
    bites = strip.to_photo(s.bites)
    reach = 1.5 / strip.zoom
    cut = bool((bites < reach).any() or (bites > np.array([width, height]) - 1 - reach).any())
    inferred = (False, False)
    if s.knot is not None:
        near = np.linalg.norm(s.bites - s.knot, axis=1) < 0.11 * STITCH_PX
        inferred = (bool(near[0]), bool(near[1] and not near[0]))
    sd = [
        (1.0 + 0.5 * spread + (1.5 if hidden else 0.0)) / strip.zoom
        for spread, hidden in zip(s.spread_px, inferred, strict=True)
    ]
    return StitchFinding(
        bites_px=(_point(bites[0]), _point(bites[1])),
        bite_sd_px=(sd[0], sd[1]),
        inferred=inferred,
        confidence=round(s.probability, 4),
        knot_px=None if s.knot is None else _point(strip.to_photo(s.knot)),
        cut=cut,
    )


def _without_taken(wound: WoundFinding, others: list[WoundFinding]) -> WoundFinding:
    """Leave out stitches that a surer wound already has."""
    taken = [np.asarray(s.bites_px).mean(0) for o in others for s in o.stitches]
    if not taken:
        return wound
    stitches = []
    for s in wound.stitches:
        bites = np.asarray(s.bites_px)
        length = float(np.linalg.norm(bites[1] - bites[0]))
        if min(float(np.linalg.norm(bites.mean(0) - t)) for t in taken) > 0.3 * length:
            stitches.append(s)
    if len(stitches) == len(wound.stitches):
        return wound
    return WoundFinding(
        wound.incision_px if stitches else None,
        wound.incision_confidence,
        wound.incision_sd_px,
        tuple(stitches),
    )


def _point(p: NDArray[np.float64]) -> Point:
    return float(p[0]), float(p[1])
