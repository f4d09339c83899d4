"""The close look: stitches and the incision on a straightened strip, every stitch about the same size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.networks import Array, half_to_full, run, sigmoid
from assessor.photo.perception.path import best_path, between_rows

STITCH_PX = 48.0  # length of a stitch in the strip
STRIP_HEIGHT_PX = 128
OFFSET_UNIT = 12.0  # as trained: offsets in half-resolution cells / 12
_PEAK = 0.1  # a middle's probability from which it is a candidate
_INCISION = 0.4
_SEEN, _END, _GONE = 0.9, 0.5, 0.1  # of an incision's map, towards its end

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StripStitch:
    """A candidate in strip pixels: `bites` (2, 2), [0] the upper one."""

    bites: Points
    probability: float
    spread_px: tuple[float, float]  # how far the cues for each bite lie apart
    bite_heat: tuple[float, float]  # how much either looks like a bite, 0 to 1
    knot: Points | None
    knot_probability: float


@dataclass(frozen=True, slots=True)
class LineEnd:
    """Where an incision ends on a strip, px, and over how many it fades out there: from where it is surely
    seen to where it surely is no more."""

    x: float
    fade_px: float


@dataclass(frozen=True, slots=True)
class StripReading:
    """What the strip shows: candidates left to right, the incision's course as (n, 2) or empty, and its ends.

    `seen` (7, h/2, w/2): how likely incision, strand, tail, middle, either bite and knot are everywhere.
    """

    stitches: list[StripStitch]
    incision: Points
    incision_probability: float
    ends: tuple[LineEnd, LineEnd] | None
    seen: Array


def read_strip(bgr: NDArray[np.uint8], covered: NDArray[np.bool_]) -> StripReading:
    """Run the fine network on a strip (h, w, 3) and decode its maps."""
    maps = run("fine", bgr)
    inside = covered[::2, ::2]
    seen = sigmoid(maps[:7])
    incision, middle, bites, knots = seen[0] * inside, seen[3] * inside, seen[4:6], seen[6] * inside
    stitches = []
    for y, x in _peaks(middle, _PEAK, 1):
        offsets = _around(maps[7:11], middle, y, x) * OFFSET_UNIT
        ends, spread, heat = [], [], []
        for k in (0, 1):
            guess = np.array([x + offsets[2 * k], y + offsets[2 * k + 1]])
            end, hot = _settle(bites[k], guess)
            ends.append(end)
            heat.append(hot)
            spread.append(float(np.linalg.norm(end - guess)) * 2)
        knot, sure = _knot_of(knots, np.array(ends))
        stitches.append(
            StripStitch(
                half_to_full(np.array(ends)),
                float(middle[y, x]),
                (spread[0], spread[1]),
                (heat[0], heat[1]),
                None if knot is None else half_to_full(knot),
                sure,
            )
        )
    stitches.sort(key=lambda s: s.bites[:, 0].mean())
    return StripReading(stitches, *_incision(incision), seen)


def _peaks(heat: Array, least: float, radius: int) -> list[tuple[int, int]]:
    size = 2 * radius + 1
    top = cv2.dilate(heat, np.ones((size, size), np.uint8))
    y, x = np.nonzero((heat >= top) & (heat > least))
    return list(zip(y.tolist(), x.tolist(), strict=True))


def _around(values: Array, weight: Array, y: int, x: int) -> Points:
    """The offsets at a peak, averaged over its nearest cells so that each votes for the same two bites."""
    y0, x0 = max(0, y - 1), max(0, x - 1)
    share = weight[y0 : y + 2, x0 : x + 2].astype(float)
    near = values[:, y0 : y + 2, x0 : x + 2].copy()
    near[::2] += (np.arange(x0, x0 + share.shape[1]) - x) / OFFSET_UNIT
    near[1::2] += (np.arange(y0, y0 + share.shape[0]) - y)[:, None] / OFFSET_UNIT
    result: Points = (near * share).sum((1, 2)) / share.sum()
    return result


def _settle(heat: Array, guess: Points, reach: int = 4) -> tuple[Points, float]:
    """Move a guessed bite to the centre of the bite heat around it, as far as there is any; and its heat."""
    h, w = heat.shape
    x, y = guess
    x0, x1 = max(0, round(x) - reach), min(w, round(x) + reach + 1)
    y0, y1 = max(0, round(y) - reach), min(h, round(y) + reach + 1)
    if x0 >= x1 or y0 >= y1:
        return guess, 0.0
    gx, gy = np.arange(x0, x1), np.arange(y0, y1)
    around = heat[y0:y1, x0:x1].astype(float)
    near = np.exp(((gx - x) ** 2 + (gy - y)[:, None] ** 2) / (-2 * 1.8**2))
    iy, ix = np.unravel_index(int((around * near).argmax()), around.shape)
    hot = float(around[iy, ix])
    if hot * near[iy, ix] < 0.05:
        return guess, hot
    rows, columns = slice(max(0, iy - 2), iy + 3), slice(max(0, ix - 2), ix + 3)
    weight = around[rows, columns] ** 2
    seen = np.array([weight.sum(0) @ gx[columns], weight.sum(1) @ gy[rows]]) / weight.sum()
    settled: Points = guess + min(1.0, 1.5 * hot) * (seen - guess)
    return settled, hot


def _knot_of(heat: Array, ends: Points) -> tuple[Points | None, float]:
    """The strongest knot on or near the thread between two bites (half-resolution cells)."""
    h, w = heat.shape
    chord = ends[1] - ends[0]
    normal = np.array([-chord[1], chord[0]]) / max(float(np.linalg.norm(chord)), 1e-6)
    along = np.linspace(-0.15, 1.15, 40)[:, None, None] * chord
    across = np.array([-2.0, 0.0, 2.0])[:, None] * normal
    at = np.round(ends[0] + along + across).astype(int).reshape(-1, 2)
    at = at[((at >= 0) & (at < (w, h))).all(1)]
    heats = heat[at[:, 1], at[:, 0]]
    if not len(at) or heats.max() <= 0.3:
        return None, 0.0
    best = float(heats.max())
    x, y = at[heats.argmax()]
    y0, y1, x0, x1 = max(0, y - 2), min(h, y + 3), max(0, x - 2), min(w, x + 3)
    weight = heat[y0:y1, x0:x1].astype(float) ** 2
    gy, gx = np.mgrid[y0:y1, x0:x1]
    return np.array([(weight * gx).sum(), (weight * gy).sum()]) / weight.sum(), best


def _incision(heat: Array) -> tuple[Points, float, tuple[LineEnd, LineEnd] | None]:
    """The incision's course, the best path from left to right, where it is seen, and its ends."""
    rows = best_path(np.log(np.clip(heat, 0.02, 1)).astype(np.float64))
    along = heat[rows, np.arange(len(rows))]
    smooth = np.convolve(np.pad(along, 3, mode="edge"), np.ones(7) / 7, "valid")
    on = np.flatnonzero(smooth > _INCISION)
    if len(on) < 6:
        return np.zeros((0, 2)), 0.0, None
    first, last = int(on[0]), int(on[-1])
    xs = np.arange(first, last + 1)
    course = between_rows(rows[xs], heat[:, xs].astype(float) ** 2 + 1e-6)
    points = half_to_full(np.stack([xs, course], 1).astype(float))
    near = cv2.dilate(heat, np.ones((7, 1), np.uint8))[rows, np.arange(len(rows))]
    return points, float(along[xs].mean()), (_end(near, first, -1), _end(near, last, 1))


def _end(line: Array, at: int, outwards: int) -> LineEnd:
    """Where a line of so much heat in each column (w,), seen up to column `at`, truly ends: trained on one of
    two cells' width, it is round there."""
    inside, outside = line[at::-outwards], line[at::outwards]

    def inwards(least: float) -> int:
        return int((inside >= least).argmax()) if (inside >= least).any() else len(inside)

    gone = int((outside < _GONE).argmax()) if (outside < _GONE).any() else len(line)
    x = half_to_full(np.array(float(at - outwards * (inwards(_END) + 1))))
    return LineEnd(float(x), 2.0 * (inwards(_SEEN) + gone))
