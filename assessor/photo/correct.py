"""Points that a person set right take the place of those that were seen; everything else stays as it was.

A correction is the whole state, wound by wound as the result gave them: bites and knots where the person
leaves or puts them, so each stitch is sure to be one. A bite that was not touched keeps its uncertainty;
one that was set by hand has that of a hand on a screen. It belongs to the reading whose points it moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assessor.errors import OptionError
from assessor.photo.validity import HIDDEN
from assessor.results import TECHNIQUES, Point, StitchFinding, WoundFinding

# How exactly a point is set by hand, as a share of the photo's long side: two pixels of a phone's screen in
# the enlarged picture, and never better than one pixel of the photo. An estimate of this project.
HAND_SD_SHARE = 0.001
HAND_SD_PX = 1.0
# Results are rounded to a millionth of a pixel.
SAME_PX = 1e-3
MOST_STITCHES = 500


@dataclass(frozen=True, slots=True)
class SeenStitch:
    """A stitch as a person sees it; pixels of the upright photo."""

    bites: tuple[Point, Point]
    knot: Point | None = None


Seen = tuple[tuple[SeenStitch, ...], ...]


def correct(
    findings: Sequence[WoundFinding], seen: Seen, width: int, height: int
) -> tuple[WoundFinding, ...]:
    """The wounds with the stitches of `seen`, one for each of its wounds.

    OptionError bad_correction where a point lies outside the photo or there are too many stitches.
    """
    _check(seen, width, height)
    sd = max(HAND_SD_PX, HAND_SD_SHARE * max(width, height))
    left = list(findings)
    out = []
    for stitches in seen:
        wound = _same_wound(left, stitches)
        left = [other for other in left if other is not wound]
        looks = _seen_from_above(wound) if stitches else wound.technique_log_p
        set_right = tuple(_stitch(stitch, wound, sd) for stitch in stitches)
        out.append(replace(wound, stitches=set_right, technique_log_p=looks))
    return tuple(out)


def _check(seen: Seen, width: int, height: int) -> None:
    points = np.array([p for stitches in seen for p in _points(stitches)], np.float64).reshape(-1, 2)
    inside = np.isfinite(points) & (points >= -0.5) & (points <= np.array([width, height]) - 0.5)
    if not inside.all() or sum(map(len, seen)) > MOST_STITCHES:
        raise OptionError(
            "bad_correction",
            f"A corrected point lies outside the photo, or there are more than {MOST_STITCHES} stitches.",
            "Points are pixels of the upright photo, of which the result gives width and height.",
        )


def _points(stitches: Sequence[SeenStitch]) -> Iterator[Point]:
    for stitch in stitches:
        yield from stitch.bites
        if stitch.knot is not None:
            yield stitch.knot


def _same_wound(left: Sequence[WoundFinding], stitches: Sequence[SeenStitch]) -> WoundFinding:
    """Of the wounds left that which shares most bites; the first where none does."""
    if not left:
        return WoundFinding(None, 0.0, 0.0, ())
    bites = [bite for stitch in stitches for bite in stitch.bites]

    def shared(wound: WoundFinding) -> int:
        return sum(_same(bite, seen) for s in wound.stitches for bite in s.bites_px for seen in bites)

    return max(left, key=shared)


def _seen_from_above(wound: WoundFinding) -> tuple[float, ...] | None:
    """How it looks, once a person says that it has stitches: no closure that hides them."""
    log_p = wound.technique_log_p
    if log_p is None:
        return None
    return tuple(-math.inf if name in HIDDEN else p for name, p in zip(TECHNIQUES, log_p, strict=True))


def _stitch(seen: SeenStitch, wound: WoundFinding, hand_sd: float) -> StitchFinding:
    was = [_find(bite, wound) for bite in seen.bites]
    known = [found for found in was if found is not None]
    if not known:
        return StitchFinding(seen.bites, (hand_sd, hand_sd), (False, False), 1.0, seen.knot)
    stitch = known[0][0]
    # A bite that was moved stays hidden where it was hidden: the other one says which it is.
    inferred = [found[0].inferred[found[1]] if found else stitch.inferred[1 - known[0][1]] for found in was]
    sd = [found[0].bite_sd_px[found[1]] if found else hand_sd for found in was]
    same_knot = (
        seen.knot is not None and stitch.knot_px is not None and _same(seen.knot, stitch.knot_px)
    ) or seen.knot is stitch.knot_px
    return StitchFinding(
        bites_px=seen.bites,
        bite_sd_px=(sd[0], sd[1]),
        inferred=(inferred[0], inferred[1]),
        confidence=1.0,  # a person looked and left it
        knot_px=seen.knot,
        cut=stitch.cut,
        tails_px=stitch.tails_px if same_knot else (),
    )


def _find(bite: Point, wound: WoundFinding) -> tuple[StitchFinding, int] | None:
    """The stitch that has this very bite, and which of its two it is."""
    for stitch in wound.stitches:
        for side, other in enumerate(stitch.bites_px):
            if _same(bite, other):
                return stitch, side
    return None


def _same(a: Point, b: Point) -> bool:
    return abs(a[0] - b[0]) < SAME_PX and abs(a[1] - b[1]) < SAME_PX
