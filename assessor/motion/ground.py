"""The ground under the hands, followed by its pixels all at once against one picture that is kept a while.

Points slide along straight edges, of which a pad or a grid has most; pixels say how far they went across
an edge and nothing else. What is ground is told by four things: hands are behind tips; each part of the
picture counts the same, however many edges it has; pixels that went along so far count more; and so do parts
that wander least, as a hand moves by itself beside what moves the camera.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .flow import Flags, Float, Grey, apply, upper_median
from .tips.body import (
    FEWEST_PIXELS,
    LASTING,
    MARGIN,
    MEMORY,
    MOST_LEFT,
    OUTLIER,
    Body,
    Rows,
    pixels_at,
    smooth,
)

HAND, TOOL = 1, 255  # in a picture of what is covered
PART = 0.05  # of the diagonal: side of the parts that the picture is divided into
MOST_IN_PART = 10  # pixels
ABOVE_NOISE = 16.0  # a steep pixel's squared slope over the median one,
OF_STEEPEST = (0.02, 0.1)  # within these shares of the steepest
LEAST_STEEP = 2.0  # grey levels a pixel, squared
SLACK_PX = 0.1  # an edge that is off by less agrees
AGREES_PX, AGREE_SHARE = 0.3, 0.4  # share of the pixels that must be off by less
CALMEST, LEAST_WANDER_PX = 0.2, 0.05  # share of the parts that tell how little the ground wanders
WATCHED, HOME, WANDER = 3, 30, 20  # pictures until a part's wandering is known, and in its means
UNKNOWN = 0.1  # what a part counts until then
IN_SIGHT = 0.3  # share of a part's steepness that must not be covered


class Ground(Body):
    """What is steep and not `covered` (uint8 (h, w): `TOOL`, or `HAND` where a hand may be) in `grey`.

    `known` is the ground as it was followed until this picture. `tip` is the picture's middle, and `noise`
    half of how far two halves of the picture's parts disagree about it.
    """

    def __init__(self, grey: Grey, covered: NDArray[np.uint8], known: Ground | None = None) -> None:
        self._anchor = np.array(grey.shape[::-1]) / 2
        self._angle, self._shift, self._served = 0.0, np.zeros(2), 0
        self.noise: Float = np.zeros(2)
        part = smooth(grey)
        side = PART * math.hypot(*grey.shape)
        rows, columns = _steep(part, covered, side)
        self._pixels = pixels_at(part, (columns, rows))
        across = int(grey.shape[1] / side) + 1
        self._part = (rows / side).astype(int) * across + (columns / side).astype(int)
        self._parts = (int(grey.shape[0] / side) + 1) * across
        slope = self._pixels.slope
        self._steep = (slope**2).sum(axis=0)
        self._pixels.half = ((self._part // across + self._part % across) % 2).astype(np.float32)
        xx, yy, xy = (self._by_part(v) for v in (slope[0] ** 2, slope[1] ** 2, slope[0] * slope[1]))
        turn = 0.5 * np.arctan2(2 * xy, xx - yy)
        self._normal = np.stack([np.cos(turn), np.sin(turn)])  # the way a part tells most of
        self._slope = (slope * self._normal[:, self._part]).sum(axis=0)
        self._enough = IN_SIGHT * self._by_part(self._slope**2)
        total = self._by_part(self._steep)
        usual = float(np.median(total[total > 0])) if total.any() else 1.0
        self._even = (usual / (usual + total))[self._part].astype(np.float32)
        self._counts = self._even
        self._home = np.full(self._parts, np.nan)  # of each part in its mean, px along its normal
        self._wander = np.zeros(self._parts)  # running mean square of its way from there
        self._seen = np.zeros(self._parts)  # pictures
        self._hidden = np.zeros(len(rows), bool)
        self._agree = 0.0
        if known is not None and known._parts == self._parts:
            self._wander, self._seen = known._wander, known._seen
            if known.usable and self.usable:
                self._take_over(known)

    @property
    def pose(self) -> Float:
        """(3, 3) from the kept picture to the one followed to last."""
        turn, middle = self._turn(), self._pixels.middle
        return np.vstack([np.column_stack([turn, middle + self._shift - turn @ middle]), [0, 0, 1]])

    def step(self, grey: Grey, covered: NDArray[np.uint8], leap: Float | None = None) -> bool:
        """To the next picture, by about `leap` (2, 3) where that is far; False where that fails."""
        h, w = grey.shape
        x, y = np.rint(self._from_middle() + (self._pixels.middle + self._shift)[:, None]).astype(int)
        under = covered[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)]
        self._hidden = under > 0
        if (~self._hidden).sum() < FEWEST_PIXELS:  # better hands in it than nothing
            self._hidden = under == TOOL
        seen = (~self._hidden).sum()
        if seen < FEWEST_PIXELS:
            return False
        self._counts = self._even * self._calm()[self._part] * ~self._hidden
        guess, turned_rad = self.tip, 0.0
        if leap is not None:
            guess, turned_rad = apply(leap, guess), math.atan2(leap[1, 0], leap[0, 0])
        return self.follow(grey, guess, turned_rad) and self._agree > AGREE_SHARE * seen

    def _calm(self) -> Rows:
        """(parts,) how much each part counts: the less, the more it wanders."""
        known = self._seen > WATCHED
        if not known.any():
            return np.ones(self._parts, np.float32)
        least = max(LEAST_WANDER_PX**2, float(np.quantile(self._wander[known], CALMEST)))
        return np.where(known, (least / (least + self._wander)) ** 2, UNKNOWN).astype(np.float32)

    def _robust(self, off: Rows, usual: float) -> Rows:
        # In pixels across an edge, not in grey levels: a steep one is far off in these by very little.
        square = np.float32(usual**2) + np.float32(SLACK_PX**2) * self._steep
        return np.asarray(1 / (square * (1 + off**2 / (np.float32(OUTLIER**2) * square)) ** 2))

    def _trust(self) -> Rows:
        lasting = self._pixels.lasting
        usual = np.float32(upper_median(lasting)) + np.float32(SLACK_PX**2) * self._steep
        return np.asarray(self._counts / (1 + (lasting / (np.float32(LASTING**2) * usual)) ** 2))

    def _remember(self, left: Rows, inside: Flags) -> None:
        lasting = self._pixels.lasting
        new = np.float32(1 - MEMORY) * (np.minimum(left**2, np.float32(MOST_LEFT)) - lasting)
        np.add(lasting, new, out=lasting, where=inside)
        usual = upper_median(lasting)
        near = left**2 < OUTLIER**2 * usual + AGREES_PX**2 * self._steep
        self._agree = float((near & inside & ~self._hidden).sum())
        way = self._from_middle() - self._pixels.at + self._shift.astype(np.float32)[:, None]
        weight = self._slope * (inside & ~self._hidden)
        power = self._by_part(weight * self._slope)
        ahead = (way * self._normal[:, self._part]).sum(axis=0) * self._slope - left
        seen = power > self._enough
        at = np.divide(self._by_part(weight * ahead), power, where=seen, out=np.zeros(self._parts))
        self._seen = self._seen + seen
        home = np.where(np.isnan(self._home), at, self._home)
        home = home + (at - home) / np.minimum(self._seen + 1, HOME)
        self._home = np.where(seen, home, self._home)
        off = np.where(seen, (at - home) ** 2 - self._wander, 0.0)
        self._wander = self._wander + off / np.minimum(self._seen + 1, WANDER)

    def _by_part(self, values: Rows) -> Float:
        return np.asarray(np.bincount(self._part, values, self._parts), float)


def _steep(part: Rows, covered: NDArray[np.uint8], side: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of at most `MOST_IN_PART` steep pixels in each square of `side` px."""
    inner = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    square = np.zeros_like(part)
    square[1:-1, 1:-1] = (part[1:-1, 2:] - part[1:-1, :-2]) ** 2 + (part[2:, 1:-1] - part[:-2, 1:-1]) ** 2
    square /= 4
    some = square[inner][::3, ::3]
    usual, steepest = np.percentile(some, (50, 99))
    low, high = (share * steepest for share in OF_STEEPEST)
    least = max(LEAST_STEEP, float(np.clip(ABOVE_NOISE * usual, low, high)))
    steep = np.zeros(part.shape, bool)
    steep[inner] = square[inner] > least
    rows, columns = np.nonzero(steep & (covered == 0))
    if len(rows) < MOST_IN_PART * FEWEST_PIXELS:
        rows, columns = np.nonzero(steep & (covered < TOOL))
    if not len(rows):
        return rows, columns
    number = (rows / side).astype(int) * 1000 + (columns / side).astype(int)
    order = np.lexsort((-square[rows, columns], number))
    first = np.flatnonzero(np.diff(number[order], prepend=-1))
    count = np.diff(np.append(first, len(order)))
    rank, count = np.arange(len(order)) - np.repeat(first, count), np.repeat(count, count)
    apart = np.maximum(1, count // 2 // MOST_IN_PART)  # evenly among the steeper half of them
    chosen = order[(rank % apart == 0) & (rank < apart * MOST_IN_PART)]
    return rows[chosen], columns[chosen]
