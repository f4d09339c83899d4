"""A printed marker on an instrument: known by its number, followed by all its pixels.

AprilTag 36h11, as on the calibration card, with numbers of their own; `assessor card` prints them.
What counts as the tip is the marker's middle, or the place that the user points at, carried along with it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.markers import read_markers
from assessor.motion.flow import Float, Grey, apply, fit_rigid
from assessor.results import Point

from .follow import CORRECTION, FAST_CORRECTION, Follower

TIP_MARKERS_MM: dict[int, float] = {90: 10.0, 91: 10.0, 92: 7.0, 93: 7.0}  # number: side of the black square
SLACK_PX = 1.5  # a marker found this far from where it was followed to has drifted
LOST_PX = 25.0
LEAST_SIDE_PX = 10  # none is read below; a textured ground has thousands of smaller squares
NEAR_SIDES = 2.0  # round a marker, for finding it again
REACH_SIDES = 10.0  # from a marker to its instrument's tip


def find_markers(grey: Grey, low: Point = (0.0, 0.0)) -> dict[int, Float]:
    """Number and (4, 2) corners, px, of each marker in `grey`, whose top left pixel lies at `low`."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.minMarkerPerimeterRate = 4 * LEAST_SIDE_PX / max(grey.shape)
    found = read_markers(grey, parameters)
    return {number: quad + low for number, quad in found.items() if number in TIP_MARKERS_MM}


class Marked(Follower):
    """An instrument with marker `number`, seen at `corners` (4, 2) px; set `tip` where it is elsewhere."""

    def __init__(self, number: int, corners: Float) -> None:
        middle = corners.mean(axis=0)
        side = float(np.linalg.norm(np.roll(corners, 1, axis=0) - corners, axis=1).mean())
        super().__init__((float(middle[0]), float(middle[1])), _turn(corners), side, side)
        self.number = number
        self.proven = True
        self._corners = np.array(corners, float)

    def reaches(self, place: Float) -> bool:
        """Whether a tip at `place` (2,) px can be this instrument's."""
        return bool(np.linalg.norm(place - self._corners.mean(axis=0)) < REACH_SIDES * self.width_px)

    def found_at(self, corners: Float) -> Marked:
        """It was lost and is seen at `corners` (4, 2) px: its tip lies to them as it did before."""
        found = Marked(self.number, corners)
        found.tip = apply(fit_rigid(self._corners, corners), self.tip)
        return found

    def body(self, diagonal: float, wider: float = 1.0, *, whole: bool = False) -> NDArray[np.int32]:
        """(4, 2) corners of the marker, or of a square `wider` times as large."""
        middle = self._corners.mean(axis=0)
        corners: NDArray[np.int32] = np.rint(middle + wider * (self._corners - middle)).astype(np.int32)
        return corners

    def step(self, before: Grey, now: Grey, camera: Float | None, t_s: float, *, held: bool) -> bool:
        tip, axis_rad = self.tip, self.axis_rad or 0.0
        followed = super().step(before, now, camera, t_s, held=held)
        turned = (self.axis_rad or 0.0) - axis_rad
        c, s = math.cos(turned), math.sin(turned)
        self._corners = (self._corners - tip) @ np.array([[c, s], [-s, c]]) + self.tip
        return followed

    def check(self, grey: Grey) -> bool:
        """Look for the marker where it should be: drift goes back slowly. False where it is elsewhere."""
        middle = self._corners.mean(axis=0)
        reach = NEAR_SIDES * self.width_px
        h, w = grey.shape
        x0, y0 = np.clip(np.floor(middle - reach).astype(int), 0, [w, h])
        x1, y1 = np.clip(np.ceil(middle + reach).astype(int), 0, [w, h])
        seen = find_markers(np.ascontiguousarray(grey[y0:y1, x0:x1]), (float(x0), float(y0))).get(self.number)
        if seen is None:
            self.missed += 1
            return True
        self.missed = 0
        off = seen.mean(axis=0) - middle
        if np.linalg.norm(off) > LOST_PX:
            return False
        step = (FAST_CORRECTION if np.linalg.norm(off) > SLACK_PX else CORRECTION) * off
        self.tip, self._corners = self.tip + step, self._corners + step
        axis_rad = self.axis_rad or 0.0
        self.axis_rad = axis_rad + CORRECTION * math.remainder(_turn(seen) - axis_rad, math.tau)
        return True


def _turn(corners: Float) -> float:
    along = corners[1] - corners[0]
    return math.atan2(along[1], along[0])
