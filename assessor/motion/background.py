"""Motion of the camera, or of the table, from what stays where it is: pixels outside tools and hands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .flow import Float, Grey, apply, fit_rigid, flow, upper_median
from .ground import TOOL, Ground

RIM_PX = 8  # along the border of a part of the picture: what lies there may be cut off next time
SIDE_PX = 640  # the longer side is about that long where the ground is looked at
# A table that was bumped: points are sought far away, and those that agree tell by how much.
MOST_POINTS, FEWEST_POINTS = 90, 6
REACH_PX = 24
AGREE_PX = (3.0, 1.5, 0.8)  # from the middle motion, closing in
AGREE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class BackgroundStep:
    """From the picture before to this one: `matrix` (2, 3), and by how much what two halves of the picture
    disagree about it has changed."""

    matrix: Float
    left_px: Float


class Background:
    """Follows the rigid background from picture to picture."""

    def __init__(self) -> None:
        self._ground: Ground | None = None

    def step(self, before: Grey, now: Grey, covered: NDArray[np.uint8]) -> BackgroundStep | None:
        """None where too little of a background is seen. `covered` as of `Ground`."""
        shrink = max(1, round(max(now.shape) / SIDE_PX))
        old, new = (_small(some, shrink) for some in (before, now))
        hidden = covered[shrink // 2 :: shrink, shrink // 2 :: shrink][: new.shape[0], : new.shape[1]]
        ground = self._ground
        if ground is None or ground.due:
            ground = Ground(old, hidden, ground)
        pose, noise = ground.pose, ground.noise
        if not (ground.usable and ground.step(new, hidden)):
            leap = _leap(old, new, hidden)
            ground, pose, noise = Ground(old, hidden, ground), np.eye(3), np.zeros(2)
            if leap is None or not (ground.usable and ground.step(new, hidden, leap)):
                self._ground = None
                return None
        self._ground = ground
        matrix = (ground.pose @ np.linalg.inv(pose))[:2]
        # a pixel of the small picture has its centre in the middle of those it was made of
        middle = np.full(2, (shrink - 1) / 2)
        matrix[:, 2] = shrink * matrix[:, 2] + middle - matrix[:, :2] @ middle
        return BackgroundStep(matrix, shrink * (ground.noise - noise))


def in_whole(grey: Grey, place: tuple[int, int], size: tuple[int, int]) -> tuple[Grey, Grey]:
    """A picture of `size` (width, height) that shows `grey` with its top left at `place` (x, y), and what
    hides its background: all but that part."""
    whole, beyond = np.zeros(size[::-1], np.uint8), np.full(size[::-1], TOOL, np.uint8)
    x, y = place
    part = whole[y : y + grey.shape[0], x : x + grey.shape[1]]
    part[:] = grey[: part.shape[0], : part.shape[1]]
    beyond[y + RIM_PX : y + len(part) - RIM_PX, x + RIM_PX : x + part.shape[1] - RIM_PX] = 0
    return whole, beyond


def _small(grey: Grey, shrink: int) -> Grey:
    if shrink == 1:
        return grey
    h, w = (extent // shrink for extent in grey.shape)
    even = grey[: h * shrink, : w * shrink]
    return np.asarray(cv2.resize(even, (w, h), interpolation=cv2.INTER_AREA), np.uint8)


def _leap(before: Grey, now: Grey, covered: NDArray[np.uint8]) -> Float | None:
    """(2, 3) the rigid motion that most points of the background share; None where they do not agree."""
    spacing = math.hypot(*now.shape) / 30
    found = cv2.goodFeaturesToTrack(before, MOST_POINTS, 0.01, spacing, mask=cv2.bitwise_not(covered))
    if found is None:
        return None
    points = np.asarray(found, float).reshape(-1, 2)
    moved, good = flow(before, now, points, points, reach_px=REACH_PX)
    if good.sum() < FEWEST_POINTS:
        return None
    points, moved = points[good], moved[good]
    matrix = np.column_stack([np.eye(2), [upper_median(way) for way in (moved - points).T]])
    for within_px in AGREE_PX:
        off = moved - apply(matrix, points)
        near = np.hypot(off[:, 0], off[:, 1]) < within_px
        if near.sum() < max(FEWEST_POINTS, AGREE_SHARE * len(points)):
            return None
        matrix = fit_rigid(points[near], moved[near])
    return matrix
