"""Instrument tips from frame to frame: found without a click or by a marker, followed, lost, found again."""

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
from .tips.follow import DOUBT, Follower
from .tips.marker import Marked, find_markers
from .tips.relations import covers, lies_where, one_thing, same_tip, tip_of, turn_between
from .tips.shafts import Shaft, lies_on

MOST_TIPS = 2
MOST_CANDIDATES = 8
MIN_WATCHED = 8  # pictures
LOOK_S = 0.5  # between looks at the whole picture while every tip is held
HUNT_S = 0.12  # and while one is missing; at every picture for a while after it was lost
HUNT_FOR_S = 2.0
CHECK_S = 0.12  # between looks around a held tip
# Shares of the diagonal: how far a shaft moves against the background to be taken for one in a hand.
OWN_MOTION = 0.004
BLIND_TIMES = 3.0  # as far where no background tells what the camera did
SMALL_MOTION = 0.0005  # enough where it was watched for a while and all else is still
WATCHED_S = 1.0
HELD_STILL_S = 0.7
FLOOR_TIMES = 4.0  # and above what the background's own points seem to move
NEW = 0.35  # mean share of the time that a shaft's edges were there: below this it came just now
LEAST = 0.22  # of the diagonal: support of a shaft below which it may be a finger
LONG = 0.35  # of the diagonal: support of a shaft that needs no further proof where it is new
WATCH_FIRST_S = 0.25
BETTER = 1.5  # times the support
WEAKER = 0.5  # a tip gives way to a shaft seen twice as well
MISSES = 8  # looks in a row without a shaft, after which a tip is given up
MISSES_WEAK = 2  # the same where it stays with the background or few of its points agree
CANDIDATE_S = 2.5


@dataclass(frozen=True, slots=True)
class TipSample:
    """A tip in one frame.

    `x_px`, `y_px`: in the full picture, the camera's motion in it. `fine_x_px`, `fine_y_px`: sub-pixel
    position of points on the instrument, taken to the tip, the camera's motion removed; comparable within
    one `segment` of one `tip` only. `noise_x_px`, `noise_y_px`: half the difference of that position by two
    independent halves of the points, NaN where unknown; it has the position's own noise.
    """

    tip: int
    x_px: float
    y_px: float
    confidence: float
    fine_x_px: float
    fine_y_px: float
    segment: int
    axis_rad: float | None
    noise_x_px: float = math.nan
    noise_y_px: float = math.nan


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
    checked_s: float = -math.inf
    marked: Marked | None = None  # the same while it is lost, too
    pictures: int = 0  # since it was lost


class Tracker:
    """Feed it frames in order; memory does not grow. `start_px`: tips that the user pointed at."""

    def __init__(self, start_px: Sequence[Point] = ()) -> None:
        self._clicks = [np.array(p, float) for p in start_px][:MOST_TIPS]
        self._before: NDArray[np.uint8] | None = None
        self._background = Background()
        self._finder: Finder | None = None
        self._slots: list[_Slot] = []
        self._candidates: list[tuple[Follower, float]] = []
        self._camera: Float = np.zeros(2)
        self._floor: Float = np.zeros(2)
        self._floor_trail: list[Float] = []
        self._looked_s = self._sought_s = -math.inf
        self._segments = 0

    def add_tip(self, x_px: float, y_px: float) -> None:
        """A tip that the user points at now, px of the full picture."""
        self._clicks.append(np.array([x_px, y_px]))

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
                float(s.follower.noise[0]),
                float(s.follower.noise[1]),
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
        self._background, self._finder, self._candidates = Background(), None, []
        for slot in self._slots:
            if slot.follower is not None:
                self._lose(slot, t_s)

    def _follow(self, before: NDArray[np.uint8], now: NDArray[np.uint8], t_s: float) -> bool:
        followers = [s.follower for s in self._slots if s.follower is not None]
        covered = np.zeros(now.shape, np.uint8)
        diagonal = math.hypot(*now.shape)
        for follower in followers + [f for f, _ in self._candidates]:
            cv2.fillConvexPoly(covered, follower.body(diagonal, 1.6), 255)
        # Where nothing moved for a while, the longest candidate is likely held: its hand is no background.
        waited = [f for f, born_s in self._candidates if t_s - born_s > HELD_STILL_S and not self._slots]
        for follower in followers or sorted(waited, key=lambda f: -f.support_px)[:1]:
            if follower.axis_rad is not None:  # what trembles along is no background
                cv2.fillConvexPoly(covered, follower.hand(diagonal), 255)
        step = self._background.step(before, now, covered)
        matrix = None if step is None else step.matrix
        if step is not None:
            middle = np.array([now.shape[1] / 2, now.shape[0] / 2])
            self._camera = self._camera + apply(step.matrix, middle) - middle
            if np.isfinite(step.left_px).all():
                self._floor = self._floor + step.left_px
                self._floor_trail = [*self._floor_trail[-29:], self._floor]
        for slot in self._slots:
            slot.pictures += 1
            if slot.follower is not None and not slot.follower.step(before, now, matrix, t_s, held=True):
                self._lose(slot, t_s)
        self._candidates = [
            (f, born)
            for f, born in self._candidates
            if t_s - born < CANDIDATE_S and f.step(before, now, matrix, t_s, held=False)
        ]
        for follower, born_s in list(self._candidates):
            if self._own_motion(follower, t_s - born_s, diagonal, step is not None):
                self._candidates = [c for c in self._candidates if c[0] is not follower]
                self._promote(follower)
        return step is not None

    def _own_motion(self, follower: Follower, age_s: float, diagonal: float, camera_known: bool) -> bool:
        """Whether it moved against the background, as only what a hand holds does."""
        if follower.seen < 3 or follower.confidence < DOUBT or follower.support_px < LEAST * diagonal:
            return False
        moved = follower.range_px()
        # What most shafts seem to do at once is not theirs: a knock, compression, shadows of what moves.
        ranges = [f.range_px() for f, _ in self._candidates if f is not follower]
        common = float(np.percentile(ranges, 25)) if len(ranges) >= 3 else 0.0
        floor_px = FLOOR_TIMES * max(self._floor_range_px(), common, follower.noise_range_px())
        if moved > max(OWN_MOTION * diagonal * (1 if camera_known else BLIND_TIMES), floor_px):
            return True
        # Held still it trembles; where something else moves, its shadow makes still things tremble, too.
        others = [s.follower for s in self._slots if s.follower is not None]
        if follower.support_px < LONG * diagonal or not camera_known or age_s < WATCHED_S:
            return False
        if any(f.range_px() > OWN_MOTION * diagonal for f in others):
            return False
        return moved > max(SMALL_MOTION * diagonal, floor_px)

    def _floor_range_px(self) -> float:
        return (
            float(np.linalg.norm(np.ptp(np.array(self._floor_trail), axis=0))) if self._floor_trail else 0.0
        )

    def _lose(self, slot: _Slot, t_s: float) -> None:
        assert slot.follower is not None
        slot.axis_rad, slot.tip = slot.follower.axis_rad, slot.follower.tip
        slot.follower, slot.lost_s, slot.pictures = None, t_s, 0

    def _promote(self, follower: Follower) -> None:
        if any(s.follower is not None and same_tip(s.follower, follower) for s in self._slots):
            return
        free = [s for s in self._slots if s.follower is None]
        whole = [s for s in self._slots if s.follower is not None and one_thing(s.follower, follower)]
        if whole:  # the same thing with root and tip exchanged, or a part of it: the better seen counts
            slot = whole[0]
            assert slot.follower is not None
            if follower.support_px < BETTER * slot.follower.support_px:
                return
        elif free and len(self._slots) == MOST_TIPS:
            slot = min(free, key=lambda s: _apart(s, follower))
        elif free and _apart(free[0], follower) < math.radians(40):
            slot = free[0]
        elif len(self._slots) < MOST_TIPS:
            slot = _Slot(None, 0, 0.0, follower.axis_rad, follower.tip)
            self._slots.append(slot)
        else:
            weak = min(self._slots, key=lambda s: s.follower.support_px if s.follower else 0.0)
            if weak.follower is None or weak.follower.support_px > WEAKER * follower.support_px:
                return
            slot = weak
        slot.follower, slot.segment = follower, self._next_segment()
        follower.proven = True
        if self._finder is not None:  # its edges were taken for background while it was held still
            assert self._before is not None
            diagonal = math.hypot(*self._before.shape)
            self._finder.release(follower.body(diagonal, 1.6, whole=True))

    def _next_segment(self) -> int:
        self._segments += 1
        return self._segments

    def _look(self, grey: NDArray[np.uint8], t_s: float) -> None:
        self._look_for_markers(grey, t_s)
        for click in self._clicks:
            self._point(click, 0.02 * math.hypot(*grey.shape), t_s)
        self._clicks = []
        if self._finder is None:
            self._finder = Finder(grey)
        self._check(grey, t_s, self._finder)
        if any(slot.marked is not None for slot in self._slots):
            return  # who marks one instrument wants no other
        held = [s.follower for s in self._slots if s.follower is not None]
        hunting = [s for s in self._slots if s.follower is None and t_s - s.lost_s < HUNT_FOR_S]
        every_s = 0.0 if hunting else LOOK_S if len(held) == MOST_TIPS else HUNT_S
        if t_s - self._looked_s < every_s - 1e-3:
            return
        self._looked_s = t_s
        diagonal = math.hypot(*grey.shape)
        moving, every = self._finder.everywhere(
            grey, t_s, [f.body(diagonal, 1.6, whole=True) for f in held], still=not held
        )
        for slot in hunting:
            self._regain(slot, moving, t_s, diagonal)
        known = [s.follower for s in self._slots if s.follower is not None] + [f for f, _ in self._candidates]
        for shaft in moving + every:
            if not any(covers(shaft, f) for f in known):
                follower = Follower.on(shaft)
                known.append(follower)
                if (
                    shaft.settled < NEW
                    and shaft.support_px > LONG * diagonal
                    and self._finder.watched_s > WATCH_FIRST_S
                ):
                    self._promote(follower)
                elif self._room():
                    self._candidates.append((follower, t_s))

    def _look_for_markers(self, grey: NDArray[np.uint8], t_s: float) -> None:
        """A marker that comes into sight takes the tip that it had, else the nearest one found without."""
        hunting = any(s.marked is not None and s.follower is None for s in self._slots)
        if not self._clicks and t_s - self._sought_s < (HUNT_S if hunting else LOOK_S) - 1e-3:
            return
        self._sought_s = t_s
        for number, corners in sorted(find_markers(grey).items(), key=lambda item: item[0]):
            slot = next((s for s in self._slots if s.marked is not None and s.marked.number == number), None)
            if slot is None:
                slot = self._slot_for(corners.mean(axis=0), t_s)
                if slot is not None:
                    slot.marked = Marked(number, corners)
            elif slot.follower is None and slot.marked is not None:
                slot.marked = slot.marked.found_at(corners)
            else:
                continue
            if slot is not None:
                slot.follower, slot.segment = slot.marked, self._next_segment()

    def _slot_for(self, place: Float, t_s: float) -> _Slot | None:
        """Where a marker's instrument goes; from then on what was found without a marker is no tip."""
        free = [s for s in self._slots if s.marked is None]
        if not any(s.marked is not None for s in self._slots):
            self._candidates = []
            for slot in free:
                if slot.follower is not None:
                    self._lose(slot, t_s)
        if free:
            return min(free, key=lambda s: math.dist(s.tip, place))
        if len(self._slots) == MOST_TIPS:
            return None
        self._slots.append(_Slot(None, 0, t_s, None, place))
        return self._slots[-1]

    def _point(self, click: Float, width_px: float, t_s: float) -> None:
        """The user points at a tip: it goes with the marker that its instrument carries, where one does."""
        for slot in self._slots:
            if slot.marked is not None and slot.follower is not None and slot.marked.reaches(click):
                slot.marked.tip, slot.segment = click, self._next_segment()
                return
        follower = Follower((float(click[0]), float(click[1])), None, width_px, 0.0)
        self._slots.append(_Slot(follower, self._next_segment(), t_s, None, click))

    def _room(self) -> bool:
        """Whether another candidate may be watched: one that moved little makes room, once it had time. Those
        that moved most stay, else what a hand holds still would never be watched for long enough."""
        if len(self._candidates) >= MOST_CANDIDATES:
            least_first = sorted(self._candidates, key=lambda c: c[0].range_px())
            watched = [c for c in least_first[:-MOST_TIPS] if c[0].seen >= MIN_WATCHED]
            if not watched:
                return False
            self._candidates.remove(watched[0])
        return True

    def _check(self, grey: NDArray[np.uint8], t_s: float, finder: Finder) -> None:
        """Each held tip against the shaft that is seen around it."""
        for slot in self._slots:
            follower = slot.follower
            if follower is None or (t_s - slot.checked_s < CHECK_S - 1e-3 and not follower.doubtful):
                continue
            slot.checked_s = t_s
            if isinstance(follower, Marked):
                if not follower.check(grey) or follower.missed >= MISSES:
                    self._lose(slot, t_s)
                continue
            near = finder.near(grey, tip_of(follower))
            if follower.axis_rad is not None:
                near = [s.turned(follower.axis_rad) for s in near]
            passing = any(lies_on(tip_of(follower), follower.axis_rad, s) for s in near)
            near = [s for s in near if lies_where(s, follower)]
            if not near and (passing or follower.unchanged(grey)):
                # In line with another instrument, or edges that LSD misses now and then: the same as before.
                follower.missed = 0
            elif near:
                nearest = near[int(np.argmin([math.dist(s.tip_px, follower.tip) for s in near]))]
                if follower.confirm(nearest, grey):
                    slot.segment = self._next_segment()
            else:
                follower.missed += 1
            weak = follower.still or follower.confidence < DOUBT
            if follower.missed >= (MISSES_WEAK if weak else MISSES):
                self._lose(slot, t_s)

    def _regain(self, slot: _Slot, shafts: list[Shaft], t_s: float, diagonal: float) -> None:
        """A tip lost a moment ago is the moving shaft most like it."""
        best, least = None, 1.0
        for shaft in shafts:
            turned = shaft if slot.axis_rad is None else shaft.turned(slot.axis_rad)
            turn = turn_between(turned.axis_rad, slot.axis_rad) / math.radians(40)
            way = math.dist(turned.tip_px, slot.tip) / (diagonal * (0.08 + 0.4 * (t_s - slot.lost_s)))
            held = any(
                s.follower is not None and covers(turned, s.follower) for s in self._slots if s is not slot
            )
            if max(turn, way) < least and not held and (shaft.settled < NEW or way < 0.15):
                best, least = turned, max(turn, way)
        if best is not None:
            slot.follower, slot.segment = Follower.on(best), self._next_segment()
            slot.follower.proven = True
            slot.follower.velocity = (slot.follower.tip - slot.tip) / max(1, slot.pictures)


def _apart(slot: _Slot, follower: Follower) -> float:
    return turn_between(slot.axis_rad, follower.axis_rad)
