"""Instrument tips from frame to frame: found without a click, followed, lost and found again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.results import Point

from .background import Background
from .flow import Float, apply
from .frames import Frame, to_grey
from .tips.find import Finder
from .tips.follow import Follower
from .tips.shafts import Shaft

MOST_TIPS = 2
MOST_CANDIDATES = 6
LOOK_S = 0.4  # between looks at the whole picture while every tip is held
HUNT_S = 0.12  # and while one is missing
HUNT_FOR_S = 2.0
OWN_MOTION = 0.001  # of the diagonal: a shaft that moved this far against the background is held by a hand
SAME_TURN_RAD = math.radians(14)
MISSES = 4  # looks in a row without a shaft, after which a tip is given up
CANDIDATE_S = 2.5


@dataclass(frozen=True, slots=True)
class TipSample:
    """A tip in one frame.

    `x_px`, `y_px`: in the full picture, the camera's motion in it. `fine_x_px`, `fine_y_px`: sub-pixel
    position of points on the instrument, taken to the tip, the camera's motion removed; comparable within
    one `segment` of one `tip` only.
    """

    tip: int
    x_px: float
    y_px: float
    confidence: float
    fine_x_px: float
    fine_y_px: float
    segment: int
    axis_rad: float | None


@dataclass(frozen=True, slots=True)
class FrameMotion:
    """What moved in one frame: tips in sight, the background's shift since the first frame, and what that
    shift leaves of rigid background points kept out of it (None where no background is seen)."""

    t_s: float
    tips: tuple[TipSample, ...]
    camera_x_px: float | None
    camera_y_px: float | None
    floor_x_px: float | None
    floor_y_px: float | None


@dataclass(slots=True)
class _Slot:
    """A tip's identity; `follower` is None while it is lost."""

    follower: Follower | None
    segment: int
    lost_s: float
    axis_rad: float | None
    tip: Float


class Tracker:
    """Feed it frames in order; memory does not grow. `start_px`: tips that the user pointed at."""

    def __init__(self, start_px: Sequence[Point] = ()) -> None:
        self._clicks = [np.array(p, float) for p in start_px][:MOST_TIPS]
        self._before: NDArray[np.uint8] | None = None
        self._background = Background()
        self._finder = Finder()
        self._slots: list[_Slot] = []
        self._candidates: list[tuple[Follower, float]] = []
        self._camera: Float = np.zeros(2)
        self._floor: Float = np.zeros(2)
        self._looked_s = -math.inf
        self._segments = 0

    def step(
        self, frame: Frame, roi: tuple[int, int] = (0, 0), full_size: tuple[int, int] | None = None
    ) -> FrameMotion:
        """`roi` (x, y) is where the frame's top left lies in a picture of `full_size` (width, height)."""
        grey = to_grey(frame.bgr)
        if full_size is not None and (full_size != (grey.shape[1], grey.shape[0])):
            canvas = np.zeros((full_size[1], full_size[0]), np.uint8)
            part = canvas[roi[1] : roi[1] + grey.shape[0], roi[0] : roi[0] + grey.shape[1]]
            part[:] = grey[: part.shape[0], : part.shape[1]]
            grey = canvas
        if self._before is not None and self._before.shape != grey.shape:
            self._forget(frame.t_s)
        known = False
        if self._before is not None:
            known = self._follow(self._before, grey, frame.t_s)
        self._look(grey, frame.t_s)
        self._before = grey
        tips = tuple(
            TipSample(
                k,
                float(s.follower.tip[0]),
                float(s.follower.tip[1]),
                s.follower.confidence,
                float(s.follower.fine[0]),
                float(s.follower.fine[1]),
                s.segment,
                s.follower.axis_rad,
            )
            for k, s in enumerate(self._slots)
            if s.follower is not None
        )
        camera = tuple(map(float, self._camera)) if known else (None, None)
        floor = tuple(map(float, self._floor)) if known else (None, None)
        return FrameMotion(frame.t_s, tips, *camera, *floor)

    def _forget(self, t_s: float) -> None:
        """The picture's size changed: nothing can be carried over."""
        self._before = None
        self._background, self._finder, self._candidates = Background(), Finder(), []
        for slot in self._slots:
            if slot.follower is not None:
                self._lose(slot, t_s)

    def _follow(self, before: NDArray[np.uint8], now: NDArray[np.uint8], t_s: float) -> bool:
        followers = [s.follower for s in self._slots if s.follower is not None]
        covered = np.zeros(now.shape, np.uint8)
        diagonal = math.hypot(*now.shape)
        for follower in followers + [f for f, _ in self._candidates]:
            cv2.fillConvexPoly(covered, follower.body(diagonal, 1.6), 255)
        step = self._background.step(before, now, covered)
        matrix = None if step is None else step.matrix
        if step is not None:
            middle = np.array([now.shape[1] / 2, now.shape[0] / 2])
            self._camera = self._camera + apply(step.matrix, middle) - middle
            if np.isfinite(step.left_px).all():
                self._floor = self._floor + step.left_px
        for slot in self._slots:
            if slot.follower is not None and not slot.follower.step(before, now, matrix, t_s):
                self._lose(slot, t_s)
        self._candidates = [
            (f, born)
            for f, born in self._candidates
            if t_s - born < CANDIDATE_S and f.step(before, now, matrix, t_s)
        ]
        for follower, _ in list(self._candidates):
            if follower.range_px() > OWN_MOTION * diagonal:
                self._candidates = [c for c in self._candidates if c[0] is not follower]
                self._promote(follower)
        return step is not None

    def _lose(self, slot: _Slot, t_s: float) -> None:
        assert slot.follower is not None
        slot.axis_rad, slot.tip = slot.follower.axis_rad, slot.follower.tip
        slot.follower, slot.lost_s = None, t_s

    def _promote(self, follower: Follower) -> None:
        if any(s.follower is not None and _same(s.follower, follower) for s in self._slots):
            return
        free = [s for s in self._slots if s.follower is None]
        if free and len(self._slots) == MOST_TIPS:
            slot = min(free, key=lambda s: _apart(s, follower))
        elif free and _apart(free[0], follower) < math.radians(40):
            slot = free[0]
        elif len(self._slots) < MOST_TIPS:
            slot = _Slot(None, 0, 0.0, follower.axis_rad, follower.tip)
            self._slots.append(slot)
        else:
            return
        slot.follower, slot.segment = follower, self._segments
        self._segments += 1

    def _look(self, grey: NDArray[np.uint8], t_s: float) -> None:
        for click in self._clicks:
            follower = Follower((float(click[0]), float(click[1])), None, 0.02 * math.hypot(*grey.shape), 0.0)
            self._slots.append(_Slot(follower, self._segments, t_s, None, click))
            self._segments += 1
        self._clicks = []
        held = [s.follower for s in self._slots if s.follower is not None]
        hunting = any(s.follower is None and t_s - s.lost_s < HUNT_FOR_S for s in self._slots)
        every_s = HUNT_S if hunting or not held else LOOK_S
        if t_s - self._looked_s < every_s - 1e-3:
            return
        self._looked_s = t_s
        shafts = self._finder.shafts(grey, t_s)
        for follower in held:
            match = [s for s in shafts if _on(s, follower)]
            if match:
                follower.confirm(min(match, key=lambda s: math.dist(s.tip_px, follower.tip)))
            else:
                follower.missed += 1
        for slot in self._slots:
            if slot.follower is not None and slot.follower.missed >= MISSES:
                self._lose(slot, t_s)
        known = [s.follower for s in self._slots if s.follower is not None] + [f for f, _ in self._candidates]
        for shaft in shafts:
            if len(self._candidates) >= MOST_CANDIDATES:
                break
            if not any(_overlap(shaft, f) for f in known):
                follower = Follower.on(shaft)
                self._candidates.append((follower, t_s))
                known.append(follower)


def _turn(a: float | None, b: float | None) -> float:
    return 0.0 if a is None or b is None else abs(math.remainder(a - b, 2 * math.pi))


def _on(shaft: Shaft, follower: Follower) -> bool:
    """Whether `shaft` is what `follower` holds: same direction, tip near."""
    near = math.dist(shaft.tip_px, follower.tip) < max(12.0, 1.2 * shaft.width_px)
    return near and _turn(shaft.axis_rad, follower.axis_rad) < SAME_TURN_RAD


def _overlap(shaft: Shaft, follower: Follower) -> bool:
    return math.dist(shaft.tip_px, follower.tip) < max(20.0, shaft.width_px) and (
        _turn(shaft.axis_rad, follower.axis_rad) < 2 * SAME_TURN_RAD
    )


def _same(a: Follower, b: Follower) -> bool:
    return math.dist(a.tip, b.tip) < 15 and _turn(a.axis_rad, b.axis_rad) < SAME_TURN_RAD


def _apart(slot: _Slot, follower: Follower) -> float:
    return _turn(slot.axis_rad, follower.axis_rad)
