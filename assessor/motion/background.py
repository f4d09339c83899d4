"""Motion of the camera, or of the table, from what stays where it is: points outside tools and hands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .flow import Flags, Float, Grey, apply, fit_rigid, flow, upper_median

MOST_POINTS = 90
FEWEST_POINTS = 6  # below this the background's motion is not known
RESEED_EVERY = 15  # pictures
RESEED_IN_VAIN = 60  # where the last time brought little and there are enough
NEAR_PX = 7  # what a camera on a stand moves between two pictures: no coarse levels are needed
REACH_PX = 24  # and a bumped table
AGREE_PX = (3.0, 1.5, 0.8)  # from the middle motion, closing in
AGREE_SHARE = 0.4
SURE_SHARE = 0.7  # of the points found again nearby, else they are sought farther away
LEAST_PX = 0.02  # no point is followed better than that
# A hand that rests moves less than that a picture: over time its points stand out by their residual.
RESTLESS = 2.5  # times the median residual
DOUBT = 4.0  # times the median square: what a new point starts with, at least
MEMORY = 0.93  # of the residual, a picture
UNKNOWN_PX = 0.2  # what a new point is taken to be off
# A camera on a stand: the ground's points stay where they were in the mean of HOME pictures, a hand's do not.
STANDS_PX, HOME, WATCHED = 0.06, 20, 5  # pictures; by points that were seen in so many
FEWEST_STILL, STILL_SHARE = 3, 0.12  # of the points stay, or the camera moves
# In the first pictures each part of the picture weighs the same: a hand has many points in few parts.
SETTLING, PART = 30, 0.1  # pictures; of the diagonal


@dataclass(frozen=True, slots=True)
class BackgroundStep:
    """From the picture before to this one: `matrix` (2, 3), and what it leaves of points kept out of it."""

    matrix: Float
    left_px: Float


class Background:
    """Follows the rigid background from picture to picture."""

    def __init__(self) -> None:
        self._points: Float = np.empty((0, 2))
        self._residual: Float = np.empty(0)  # running mean square, px^2; nan: new
        self._held_out: Flags = np.empty(0, bool)  # a third makes the floor, not the estimate
        self._home: Float = np.empty((0, 2))  # where a point was, in the mean
        self._wander: Float = np.empty(0)  # running mean square of its way from there, px^2
        self._seen: NDArray[np.int64] = np.empty(0, np.int64)  # pictures
        self._stands = False
        self._seeded = 0
        self._count = 0

    def step(self, before: Grey, now: Grey, covered: NDArray[np.uint8]) -> BackgroundStep | None:
        """None where too little of a background is seen. `covered` uint8 (h, w): 255 where tools are."""
        self._count += 1
        if len(self._points) < MOST_POINTS // 2 and self._count >= self._seeded:
            self._seed(before, covered)
        self._drop_covered(covered)
        if len(self._points) < FEWEST_POINTS:
            return None
        weight = self._weight(math.hypot(*now.shape))
        for reach_px in (NEAR_PX, REACH_PX):
            moved, good = flow(before, now, self._points, self._points, reach_px=reach_px)
            matrix = self._agreed(moved, good & ~self._held_out, weight)
            if matrix is not None and (reach_px == REACH_PX or good.mean() > SURE_SHARE):
                break
        if matrix is None:
            self._keep(good, moved)
            return None
        off = moved - apply(matrix, self._points)
        inside = good & (np.hypot(off[:, 0], off[:, 1]) < AGREE_PX[-1])
        square = np.minimum((off**2).sum(1), 4.0)
        fresh = np.isnan(self._residual)
        # One small residual is no proof yet: it could be an edge's.
        known = self._residual[inside & ~fresh]
        least = DOUBT * upper_median(known) if len(known) else 0.0
        self._residual = np.where(
            fresh, np.maximum(square, least), MEMORY * self._residual + (1 - MEMORY) * square
        )
        usual = upper_median(self._residual[inside]) if inside.any() else 0.0
        calm = self._residual < RESTLESS**2 * max(usual, LEAST_PX**2)
        left = inside & self._held_out & calm
        left_px = off[left].mean(0) if left.sum() >= 3 else np.full(2, np.nan)
        self._home = self._home + (moved - self._home) / np.minimum(self._seen[:, None] + 2, HOME)
        self._wander = MEMORY * self._wander + (1 - MEMORY) * ((moved - self._home) ** 2).sum(1)
        self._seen = self._seen + 1
        self._keep(good & (calm | (square < 1e-3)), moved)
        return BackgroundStep(matrix, left_px)

    def _weight(self, diagonal: float) -> Float:
        """(n,) how much each point counts, 1 / px^2: by how well it went along so far."""
        watched = self._seen >= WATCHED
        still = watched & (self._wander < STANDS_PX**2)
        stood, self._stands = self._stands, still.sum() > max(FEWEST_STILL, STILL_SHARE * len(still))
        if self._stands and not stood:  # who agreed with a hand so far is not to count less
            self._residual = np.where(watched, self._wander, self._residual)
        square = np.where(np.isnan(self._residual), UNKNOWN_PX**2, self._residual) + LEAST_PX**2
        if self._stands:
            return np.asarray(1 / (square + np.where(watched, self._wander, UNKNOWN_PX**2)))
        if self._count > SETTLING:
            return np.asarray(1 / square)
        column, row = (self._points.T / (PART * diagonal)).astype(int)
        _, part, count = np.unique(column + 1000 * row, return_inverse=True, return_counts=True)
        return np.asarray(1 / (square * count[part]))

    def _agreed(self, moved: Float, used: Flags, weight: Float) -> Float | None:
        """The rigid motion that most of the `used` points share; None where they do not agree."""
        if used.sum() < FEWEST_POINTS:
            return None
        points, moved, weight = self._points[used], moved[used], weight[used]
        matrix = np.column_stack([np.eye(2), [upper_median(way) for way in (moved - points).T]])
        for within_px in AGREE_PX:
            off = moved - apply(matrix, points)
            near = np.hypot(off[:, 0], off[:, 1]) < within_px
            if near.sum() < max(FEWEST_POINTS * 2 // 3, AGREE_SHARE * len(points)):
                return None
            matrix = fit_rigid(points[near], moved[near], weight[near])
        return matrix

    def _keep(self, kept: Flags, moved: Float) -> None:
        self._points, self._residual = moved[kept], self._residual[kept]
        self._held_out, self._home = self._held_out[kept], self._home[kept]
        self._wander, self._seen = self._wander[kept], self._seen[kept]

    def _drop_covered(self, covered: NDArray[np.uint8]) -> None:
        if len(self._points):
            x, y = np.rint(self._points).astype(int).T
            h, w = covered.shape
            self._keep(covered[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)] == 0, self._points)

    def _seed(self, grey: Grey, covered: NDArray[np.uint8]) -> None:
        self._seeded = self._count + RESEED_EVERY
        diagonal = math.hypot(*grey.shape)
        mask = cv2.bitwise_not(covered)
        spacing = diagonal / 30
        for x, y in self._points:
            cv2.circle(mask, (round(x), round(y)), round(spacing), 0, -1)
        found = cv2.goodFeaturesToTrack(grey, MOST_POINTS - len(self._points), 0.01, spacing, mask=mask)
        if found is None:
            return
        new = np.asarray(found, float).reshape(-1, 2)
        if len(new) < FEWEST_POINTS < len(self._points) // 2:
            self._seeded = self._count + RESEED_IN_VAIN
        self._points = np.concatenate([self._points, new])
        self._residual = np.concatenate([self._residual, np.full(len(new), np.nan)])
        self._home = np.concatenate([self._home, new])
        self._wander = np.concatenate([self._wander, np.zeros(len(new))])
        self._seen = np.concatenate([self._seen, np.zeros(len(new), np.int64)])
        self._held_out = np.concatenate([self._held_out, np.arange(len(new)) % 3 == 2])
