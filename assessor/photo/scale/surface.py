"""Does a ruler lie on the pad? Told by the colour of what surrounds it and that around the wound.

A ruler on the frame or the table is nearer to or farther from the camera than the pad, and reads
3 to 15 % wrong there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.results import Point, WoundFinding

from .comb import Comb

FAR_TICKS = 48  # how far the ruler's body is followed across, in tick periods
END_TICKS = 12  # and beyond its first and last tick
CLUSTER = 10.0  # Lab distance within which samples beside the wound count as one colour
SAME_COLOUR = 12.0  # Lab distance (lightness counts a third) within which it is the same surface


@dataclass(frozen=True, slots=True)
class PadColour:
    """Lab colour of the pad beside the wound (OpenCV's 8-bit Lab, as float) and its spread."""

    lab: NDArray[np.float32]
    spread: float


def pad_colour(
    bgr: NDArray[np.uint8], wounds: Sequence[WoundFinding], rulers: Sequence[Comb]
) -> PadColour | None:
    """The pad's colour beside the wounds and off the rulers; None where nothing tells where they are."""
    h, w = bgr.shape[:2]
    points: list[NDArray[np.float64]] = []
    for wound in wounds:
        line = _line(wound)
        if line is None:
            continue
        length = float(np.hypot(*(line[-1] - line[0])))
        bites = [math.dist(*stitch.bites_px) for stitch in wound.stitches]
        unit = float(np.median(bites)) if bites else 0.2 * length
        t = np.linspace(0, 1, 24)[:, None]
        along = np.stack(
            [np.interp(t[:, 0] * (len(line) - 1), range(len(line)), line[:, i]) for i in (0, 1)], 1
        )
        tangent = (line[-1] - line[0]) / max(length, 1e-6)
        normal = np.array([-tangent[1], tangent[0]])
        points += [along + normal * unit * k for k in (-1.6, -1.2, -0.9, 0.9, 1.2, 1.6)]
    if not points:
        return None
    xy = np.rint(np.concatenate(points)).astype(int)
    xy = xy[(xy[:, 0] >= 0) & (xy[:, 0] < w) & (xy[:, 1] >= 0) & (xy[:, 1] < h)]
    for comb in rulers:
        xy = xy[~_covered(xy, comb)]
    if len(xy) < 20:
        return None
    xy = xy[:: max(len(xy) // 120, 1)]
    lab = _lab(bgr[xy[:, 1], xy[:, 0]][None])[0]
    # The densest colour, not the mean one: a ruler or a shadow may lie on one side of the wound.
    close = _distance(lab[:, None], lab[None]) < CLUSTER
    own = lab[close[int(np.argmax(close.sum(1)))]]
    centre = np.median(own, 0)
    return PadColour(centre, float(np.median(_distance(own, centre))))


def wound_point(wounds: Sequence[WoundFinding]) -> Point | None:
    """The middle of what is to be measured (px)."""
    points: list[Point] = []
    for wound in wounds:
        points += wound.incision_px or ()
        points += [bite for stitch in wound.stitches for bite in stitch.bites_px]
    if not points:
        return None
    x, y = np.mean(points, axis=0)
    return float(x), float(y)


def distance_to_wounds(points: Sequence[Point], wounds: Sequence[WoundFinding]) -> float:
    """Shortest distance (px) from the points to a wound; infinite without one."""
    best = math.inf
    for wound in wounds:
        line = _line(wound)
        if line is None:
            continue
        contour = line.astype(np.float32).reshape(-1, 1, 2)
        # pointPolygonTest measures to the closed outline: an open line there and back is the same.
        there_and_back = np.concatenate([contour, contour[::-1]])
        best = min(best, *(abs(cv2.pointPolygonTest(there_and_back, p, True)) for p in points))
    return best


def share_on_pad(bgr: NDArray[np.uint8], comb: Comb, pad: PadColour) -> float:
    """How much of the ruler's surroundings has the pad's colour: the share on its second best side.

    The second, because a ruler on the frame borders on the pad with one side.
    """
    patch, inside, zero = _straight(bgr, comb)
    lab = _lab(patch)
    like_pad = _distance(lab, pad.lab) < SAME_COLOUR + 2 * pad.spread
    s0, s1, t0 = zero
    middle = lab[t0 - 2 : t0 + 3, s0:s1].reshape(-1, 3)
    # Between dark ticks the bright half of their row is the ruler's face, else the dark half.
    light = middle[:, 0]
    own = light >= np.percentile(light, 60) if comb.dark else light <= np.percentile(light, 40)
    face = np.median(middle[own], 0)
    if _distance(face[None], pad.lab)[0] < SAME_COLOUR:
        return 1.0  # a clear ruler: the pad is seen through it
    like_face = _distance(lab, face) < SAME_COLOUR
    ink = lab[..., 0] < 0.5 * face[0] if comb.dark else lab[..., 0] > face[0] + 60
    body = (like_face | ink) & inside & ~like_pad
    top, bottom = _grow(like_face, body, inside, t0, slice(s0, s1))
    left, right = _grow(like_face.T, body.T, inside.T, (s0 + s1) // 2, slice(top, bottom + 1), (s0, s1))
    sides = (
        (slice(max(top - 5, 0), max(top - 1, 0)), slice(left, right + 1)),
        (slice(bottom + 2, bottom + 6), slice(left, right + 1)),
        (slice(top, bottom + 1), slice(max(left - 5, 0), max(left - 1, 0))),
        (slice(top, bottom + 1), slice(right + 2, right + 6)),
    )
    shares = [0.0, 0.0]
    for side in sides:
        seen = inside[side]
        # What is cut off by the picture's edge cannot speak for the pad.
        if seen.size and seen.mean() > 0.5:
            shares.append(float((like_pad[side] & seen).sum() / seen.sum()))
    return sorted(shares)[-2]


def sides_on_pad(bgr: NDArray[np.uint8], sides: Sequence[NDArray[np.float64]], pad: PadColour) -> float:
    """Share of points of the pad's colour on the second best of the sides; each (n, 2) px.

    1 where fewer than two sides are in the picture: nothing speaks against the pad then.
    """
    h, w = bgr.shape[:2]
    shares = []
    for side in sides:
        xy = np.rint(side).astype(int)
        xy = xy[(xy >= 0).all(1) & (xy < [w, h]).all(1)]
        if len(xy) > len(side) / 2:
            lab = _lab(bgr[xy[:, 1], xy[:, 0]][None])[0]
            shares.append(float((_distance(lab, pad.lab) < SAME_COLOUR + 2 * pad.spread).mean()))
    return sorted(shares)[-2] if len(shares) >= 2 else 1.0


def _covered(xy: NDArray[np.int_], comb: Comb) -> NDArray[np.bool_]:
    """Which points lie on the ruler: beside its ticks, on either side."""
    offset = xy - np.array(comb.ends[0])
    c, s = math.cos(comb.angle), math.sin(comb.angle)
    along = (c * offset[:, 0] + s * offset[:, 1]) / comb.period_px
    across = np.abs(c * offset[:, 1] - s * offset[:, 0]) / comb.period_px
    out: NDArray[np.bool_] = (along > -5) & (along < comb.count + 5) & (across < 10)
    return out


def _line(wound: WoundFinding) -> NDArray[np.float64] | None:
    if wound.incision_px is not None and len(wound.incision_px) >= 2:
        return np.array(wound.incision_px, dtype=np.float64)
    middles = [np.mean(stitch.bites_px, axis=0) for stitch in wound.stitches]
    return np.array(middles, dtype=np.float64) if len(middles) >= 2 else None


def _lab(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    lab: NDArray[np.uint8] = cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2LAB)
    return lab.astype(np.float32)


def _distance(lab: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    d = lab - centre
    out: NDArray[np.float32] = np.sqrt((d[..., 0] / 3) ** 2 + d[..., 1] ** 2 + d[..., 2] ** 2)
    return out


def _straight(
    bgr: NDArray[np.uint8], comb: Comb
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], tuple[int, int, int]]:
    """The ruler's neighbourhood with the comb along a row, two samples a tick; (first, last, row) of it."""
    step = comb.period_px / 2
    (x0, y0), _ = comb.ends
    c, s = math.cos(comb.angle), math.sin(comb.angle)
    columns = np.arange(-2 * END_TICKS, 2 * (comb.count + END_TICKS) + 1)
    rows = np.arange(-2 * FAR_TICKS, 2 * FAR_TICKS + 1)
    map_x = x0 + (c * columns[None] - s * rows[:, None]) * step
    map_y = y0 + (s * columns[None] + c * rows[:, None]) * step
    h, w = bgr.shape[:2]
    inside = (map_x >= 0) & (map_x <= w - 1) & (map_y >= 0) & (map_y <= h - 1)
    patch = cv2.remap(
        bgr,
        map_x.astype(np.float32),
        map_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return patch, inside, (2 * END_TICKS, 2 * (END_TICKS + comb.count) - 1, 2 * FAR_TICKS)


def _grow(
    face: NDArray[np.bool_],
    body: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    start: int,
    across: slice,
    span: tuple[int, int] | None = None,
) -> tuple[int, int]:
    """First and last row of the ruler's body around row `start` (or around `span`)."""
    seen = np.maximum(inside[:, across].sum(1), 1)
    # A row of the body shows the face and is face or ink nearly all along.
    good = (face[:, across].sum(1) / seen > 0.2) & (body[:, across].sum(1) / seen > 0.6)
    edges = []
    for direction in (-1, 1):
        row = start if span is None else span[0 if direction < 0 else 1]
        last, missed = row, 0
        while 0 <= row < len(good) and missed <= 4:
            missed = 0 if good[row] else missed + 1
            last = row if good[row] else last
            row += direction
        edges.append(last)
    return edges[0], edges[1]
