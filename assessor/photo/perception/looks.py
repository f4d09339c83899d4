"""Looking closely at one place: as often as it takes to see its row level, centred and at normal size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assessor.photo.perception.calibration import Calibration
from assessor.photo.perception.closer import look_closer
from assessor.photo.perception.coarse import Place
from assessor.photo.perception.curve import Curve, Pyramid, Strip, cut_strip, fit_curve
from assessor.photo.perception.fine import STITCH_PX, STRIP_HEIGHT_PX, StripReading, read_strip
from assessor.photo.perception.row import RowStitch, apart, choose

_MAX_STRIP_PX = 2560
_LOOKS = 3  # at most: each one better centred and scaled than the one before
_GOOD_SIZE = 0.2  # octaves that stitches may be off their normal size
_GOOD_CENTRE = 0.22  # of a stitch that the incision may be off the middle
_BENT = 0.3  # of a stitch by which a course must bend for a straight one to be tried as well
_LITTLE = 1.0  # worth of a view that shows a stitch at most
_DOUBT = 0.9  # mean confidence below which half the size is tried: a ruler beside the row doubles it
_SMALLER = 0.75  # of the size: a half that was aimed back above that is the same look again
_OTHER_SIZES = (0.6, 1.6)
_AS_SURE_PX = 2.0  # spread of a closer look's bite that makes it as sure as the first look's
_SHOWN = 0.3  # mean confidence from which stitches are worth aiming at: below, a ruler's ticks may be


@dataclass(frozen=True, slots=True)
class View:
    """One look: the strip, all that was read on it, and the stitches chosen."""

    strip: Strip
    reading: StripReading
    stitches: list[RowStitch]
    stitch_px: float

    @property
    def shown(self) -> float:
        """The sum of its stitches' confidences, whatever their size."""
        return sum(s.confidence for s in self.stitches)

    @property
    def size(self) -> float:
        """Median length of its stitches, in lengths of the size the network knows."""
        lengths = [np.linalg.norm(s.seen.bites[1] - s.seen.bites[0]) for s in self.stitches]
        return float(np.median(lengths)) / STITCH_PX

    @property
    def worth(self) -> float:
        """The sum of its stitches' confidences, less where they are not of the size the network knows."""
        return self.shown * float(np.exp(-0.5 * (np.log2(self.size) / 0.5) ** 2)) if self.stitches else 0.0

    @property
    def sureness(self) -> float:
        """Its worth a stitch."""
        return self.worth / max(len(self.stitches), 1)


def read_place(photo: Pyramid, place: Place, known: Calibration) -> View:
    """The best view of a place."""
    courses = [place.curve]
    if place.curve.length < 3 * place.stitch_px:  # the long side of a short row may be its stitches
        courses.append(place.curve.crossed(4 * place.stitch_px))
    straight = place.curve.straightened()
    if straight.distance(place.curve.points).max() > _BENT * place.stitch_px:
        courses.append(straight)
    best = max((_look(photo, course, place.stitch_px, known) for course in courses), key=lambda v: v.worth)
    if best.worth < _LITTLE:  # the first look may have been wrong about the size
        other = [_look(photo, place.curve, place.stitch_px * share, known) for share in _OTHER_SIZES]
        best = max([best, *other], key=lambda v: v.worth)
    best = _aimed(photo, best, known)
    if best.worth >= _LITTLE and best.sureness < _DOUBT:
        half = _look(photo, best.strip.curve, best.stitch_px / 2, known)
        if half.shown > best.worth:
            half = _aimed(photo, half, known)
            alike = len(half.stitches) == len(best.stitches)
            smaller = half.stitch_px < _SMALLER * best.stitch_px
            # the other was aimed at its size, this one not always: what counts is how surely either is seen
            if smaller and half.shown > best.shown and (alike or half.sureness > best.sureness):
                best = half
    return _seen_closer(photo, best)


def _seen_closer(photo: Pyramid, view: View) -> View:
    """The view with its bites looked for one by one at twice the size, and there as far as that is sure."""
    first = np.array([s.bites for s in view.stitches]).reshape(-1, 2, 2)
    found, spread = look_closer(photo, view.strip.to_photo, view.strip.zoom, first)
    share = _AS_SURE_PX**2 / (_AS_SURE_PX**2 + spread**2)
    bites = first + share[..., None] * (found - first)
    stitches = [
        replace(s, bites=bites[k], spread_px=(float(spread[k, 0]), float(spread[k, 1])))
        for k, s in enumerate(view.stitches)
    ]
    return replace(view, stitches=apart(stitches))


def _aimed(photo: Pyramid, best: View, known: Calibration) -> View:
    """The view, aimed anew at what it shows as long as that shows more."""
    for _ in range(_LOOKS - 1):
        better = _better_aim(best)
        if better is None:
            break
        view = _look(photo, *better, known)
        if view.worth < best.worth:
            break
        best = view
    return best


def _look(photo: Pyramid, curve: Curve, stitch_px: float, known: Calibration) -> View:
    zoom = STITCH_PX / stitch_px
    strip = cut_strip(photo, curve, zoom, STRIP_HEIGHT_PX, 1.5 * stitch_px, _MAX_STRIP_PX)
    reading = read_strip(strip.bgr, strip.covered)
    stitches = choose(reading.stitches, reading.incision, known)
    return View(strip, reading, stitches, stitch_px)


def _better_aim(view: View) -> tuple[Curve, float] | None:
    """The course and stitch length for another look; None when this one is good."""
    if not view.stitches or float(np.mean([s.confidence for s in view.stitches])) < _SHOWN:
        return None
    ratio = view.size
    middles = np.array([s.seen.bites.mean(0) for s in view.stitches])
    course = view.reading.incision if len(view.reading.incision) else middles
    off = float(np.abs(course[:, 1] - (STRIP_HEIGHT_PX - 1) / 2).max())
    if abs(np.log2(ratio)) < _GOOD_SIZE and off < _GOOD_CENTRE * STITCH_PX:
        return None
    points = course if len(course) >= 8 else middles
    curve = fit_curve(view.strip.to_photo(points), np.ones(len(points)))
    return curve or view.strip.curve, view.stitch_px * float(np.clip(ratio, 0.4, 2.5))
