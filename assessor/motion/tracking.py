"""Instrument tips from frame to frame: found without a click or by a marker, followed, lost, found again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from assessor.results import Point

from .background import Background, in_whole
from .flow import Float, Grey, apply
from .frames import ALONE, Frame, to_grey
from .ground import HAND, TOOL
from .tips.candidates import LONG, Candidates
from .tips.extent import AHEAD, moved_to
from .tips.find import Finder
from .tips.follow import DOUBT, Follower
from .tips.marker import Marked, find_markers
from .tips.relations import behind, covers, lies_where, one_thing, same_tip, tip_of, turn_between
from .tips.shafts import Shaft, lies_on
from .tips.slot import END_FAR, Slot

MOST_TIPS = 2
LOOK_S = 1.0  # between looks at the whole picture while every tip is held
MARKERS_S = 0.5  # and for markers
HUNT_S = 0.12  # and while one is missing; at every picture for a while after it was lost
FEW_S = 0.05  # or so much between pictures, as of a video call: there is time for each, and tips move far
PATIENT = 90  # pictures with what is held, after which there is likely no more to hold
CHECK_S = 0.12  # between looks around a held tip
NEW = 0.35  # mean share of the time that a shaft's edges were there: below this it came just now
WATCH_FIRST_S = 0.25
BETTER = 1.5  # times the support
WEAKER = 0.5  # a tip gives way to a shaft seen twice as well
MISSES = 8  # looks in a row without a shaft, after which a tip is given up
MISSES_WEAK = 2  # the same where it stays with the background or few of its points agree
SHAFT_NEAR = 0.012  # of the diagonal: a shaft that ends elsewhere broke off, where the tip is sure


@dataclass(frozen=True, slots=True)
class TipSample:
    """A tip in one frame.

    `x_px`, `y_px`: in the full picture, the camera's motion in it. `fine_x_px`, `fine_y_px`: sub-pixel
    position of points on the instrument, taken to the tip, the camera's motion removed; comparable within
    one `segment` of one `tip` only. `noise_x_px`, `noise_y_px`: half the difference of that position by two
    independent halves of the points, NaN where unknown; it has the position's own noise. `sure`: seen to be
    an instrument's end, marked, or pointed at.
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
    sure: bool = True


@dataclass(frozen=True, slots=True)
class FrameMotion:
    """What moved in one frame: tips in sight, the background's shift since the first frame, and what that
    shift leaves of rigid background points kept out of it (None where no background is seen). `coded`: the
    frame's."""

    t_s: float
    tips: tuple[TipSample, ...]
    camera_x_px: float | None
    camera_y_px: float | None
    floor_x_px: float | None
    floor_y_px: float | None
    coded: int = ALONE


class Tracker:
    """Feed it frames in order; memory does not grow. `start_px`: tips that the user pointed at."""

    def __init__(self, start_px: Sequence[Point] = ()) -> None:
        self._clicks = [np.array(p, float) for p in start_px][:MOST_TIPS]
        self._before: Grey | None = None
        self._before_s = math.inf
        self._diagonal = 0.0
        self._background = Background()
        self._finder: Finder | None = None
        self._slots: list[Slot] = []
        self._candidates = Candidates()
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
        grey, beyond = to_grey(frame.bgr), None
        if full_size is not None and (full_size != (grey.shape[1], grey.shape[0])):
            grey, beyond = in_whole(grey, roi, full_size)
        if self._before is not None and self._before.shape != grey.shape:
            self._forget(frame.t_s)
        self._diagonal = math.hypot(*grey.shape)
        before = self._before
        known = before is not None and self._follow(before, grey, frame.t_s, beyond)
        self._look(grey, frame.t_s)
        self._before, self._before_s = grey, frame.t_s
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
                s.sure or s.marked is not None or s.follower.axis_rad is None,
            )
            for k, s in enumerate(self._slots)
            if s.follower is not None
        )
        camera = tuple(map(float, self._camera)) if known else (None, None)
        floor = tuple(map(float, self._floor)) if known else (None, None)
        return FrameMotion(frame.t_s, tips, camera[0], camera[1], floor[0], floor[1], frame.coded)

    def _forget(self, t_s: float) -> None:
        """The picture's size changed: nothing can be carried over."""
        self._before = None
        self._background, self._finder, self._candidates = Background(), None, Candidates()
        for slot in self._slots:
            if slot.follower is not None:
                slot.lose(t_s)

    def _follow(self, before: Grey, now: Grey, t_s: float, beyond: Grey | None) -> bool:
        """`beyond`: what covers the background anyway, as where `now` shows a part of the picture only."""
        followers = [s.follower for s in self._slots if s.follower is not None]
        covered = np.zeros(now.shape, np.uint8) if beyond is None else beyond
        diagonal = self._diagonal
        # Where nothing moved for a while, the longest candidate is likely held: its hand is no background.
        for follower in followers or ([] if self._slots else self._candidates.likely_held(t_s)):
            if follower.axis_rad is not None:  # what trembles along is no background
                cv2.fillConvexPoly(covered, follower.hand(diagonal), HAND)
        for follower in followers + self._candidates.followers:
            cv2.fillConvexPoly(covered, follower.body(diagonal, 1.6), TOOL)
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
            if slot.follower is not None and not slot.step(before, now, matrix, t_s):
                slot.lose(t_s)
        self._candidates.step(before, now, matrix, t_s)
        held = [s.follower for s in self._slots if s.follower is not None]
        for one in self._candidates.moved(t_s, diagonal, self._floor_range_px(), held, step is not None):
            self._candidates.remove(one)
            end = one.travel.end(now, one.follower)
            if end is None:
                self._promote(one.follower, t_s)
            elif end.free:
                self._promote(moved_to(one.follower, end, now), t_s, sure=True)
        if len(held) < MOST_TIPS:
            self._candidates.cut_back(now, t_s)
        doubtful = self._candidates.to_prove(t_s, diagonal)
        end = None if doubtful is None else doubtful.travel.end(now, doubtful.follower)
        if doubtful is not None and end is not None and end.free and end.off_px < END_FAR * diagonal:
            self._candidates.remove(doubtful)
            self._promote(moved_to(doubtful.follower, end, now), t_s, sure=True)
        return step is not None

    def _floor_range_px(self) -> float:
        return (
            float(np.linalg.norm(np.ptp(np.array(self._floor_trail), axis=0))) if self._floor_trail else 0.0
        )

    def _promote(self, follower: Follower, t_s: float, *, sure: bool = False) -> None:
        if any(s.follower is not None and same_tip(s.follower, follower) for s in self._slots):
            return
        if self._part(tip_of(follower), follower.axis_rad):
            return
        free = [s for s in self._slots if s.follower is None]
        whole = [s for s in self._slots if s.follower is not None and one_thing(s.follower, follower)]
        if whole:  # the same thing with root and tip exchanged, or a part of it: the better seen counts
            slot = whole[0]
            assert slot.follower is not None
            if slot.sure or follower.support_px < BETTER * slot.follower.support_px:
                return
        elif free and len(self._slots) == MOST_TIPS:
            idle = [s for s in free if not s.hunted(t_s) or s.way(follower.tip, t_s, self._diagonal) < 1]
            if not idle:
                return
            slot = min(idle, key=lambda s: _apart(s, follower))
        elif free and _apart(free[0], follower) < math.radians(40):
            slot = free[0]
        elif len(self._slots) < MOST_TIPS:
            slot = Slot(0.0, follower.tip, follower.axis_rad)
            self._slots.append(slot)
        else:
            weak = min(self._slots, key=lambda s: (s.sure, s.follower.support_px if s.follower else 0.0))
            if weak.sure or not weak.follower or weak.follower.support_px > WEAKER * follower.support_px:
                return
            slot = weak
        slot.hold(follower, self._next_segment(), sure=sure)
        follower.proven = True
        if self._finder is not None:  # its edges were taken for background while it was held still
            self._finder.release(follower.body(self._diagonal, 1.6, whole=True))

    def _part(self, tip_px: Point, axis_rad: float | None) -> bool:
        """Whether a tip so directed is a part of an instrument whose end is known."""
        reach_px = AHEAD * self._diagonal
        return any(
            slot.sure and slot.follower is not None and behind(tip_px, axis_rad, slot.follower, reach_px)
            for slot in self._slots
        )

    def _next_segment(self) -> int:
        self._segments += 1
        return self._segments

    def _check_ends(self, grey: Grey, t_s: float) -> None:
        """Each held tip against where what moves with it ends."""
        near_px = END_FAR * self._diagonal
        for slot in self._slots:
            if slot.follower is None or slot.marked is not None:
                continue
            if self._part(tip_of(slot.follower), slot.follower.axis_rad):
                slot.lose(-math.inf)
                continue
            end = slot.end_elsewhere(grey, t_s, self._diagonal)
            if end is None:
                continue
            others = [s.follower for s in self._slots if s is not slot and s.follower is not None]
            places = (end.tip, slot.follower.tip) if slot.sure else (end.tip,)  # else it may be no tip
            meets = any(math.dist(place, other.tip) < near_px for place in places for other in others)
            if end.free and end.off_px < near_px:  # the same piece of metal, or what two tips hold together
                if not meets:
                    slot.follower.put(end.tip)
                    slot.confirm(grey)
                continue
            found = moved_to(slot.follower, end, grey) if end.free else None
            if found is None or any(same_tip(found, other) for other in others):
                slot.lose(-math.inf)  # no tip: nothing like it is sought
            elif not meets:
                slot.hold(found, self._next_segment(), sure=True)

    def _look(self, grey: Grey, t_s: float) -> None:
        self._look_for_markers(grey, t_s)
        for click in self._clicks:
            self._point(click, 0.02 * self._diagonal, t_s)
        self._clicks = []
        if self._finder is None:
            self._finder = Finder(grey)
        self._check(grey, t_s, self._finder)
        self._check_ends(grey, t_s)
        if any(slot.marked is not None for slot in self._slots):
            return  # who marks one instrument wants no other
        held = [s.follower for s in self._slots if s.follower is not None]
        missed = [s for s in self._slots if s.follower is None]
        hunting = [s for s in missed if s.hunted(t_s)]
        settled = held and not any(s.lasted for s in missed) and all(f.seen >= PATIENT for f in held)
        every_s = 0.0 if t_s - self._before_s > FEW_S else HUNT_S
        every_s = 0.0 if hunting else LOOK_S if settled or len(held) == MOST_TIPS else every_s
        if t_s - self._looked_s < every_s - 1e-3:
            return
        self._looked_s = t_s
        diagonal = self._diagonal
        moving, every = self._finder.everywhere(
            grey, t_s, [f.body(diagonal, 1.6, whole=True) for f in held], still=not held
        )
        for slot in hunting:
            self._regain(slot, moving, t_s, diagonal)
        known = [s.follower for s in self._slots if s.follower is not None]
        known += self._candidates.followers
        for shaft in moving + every:
            if not any(covers(shaft, f) for f in known) and not self._part(shaft.tip_px, shaft.axis_rad):
                follower = Follower.on(shaft)
                known.append(follower)
                if (
                    shaft.settled < NEW
                    and shaft.support_px > LONG * diagonal
                    and self._finder.watched_s > WATCH_FIRST_S
                ):
                    self._promote(follower, t_s)
                else:
                    self._candidates.add(follower, grey, t_s)

    def _look_for_markers(self, grey: Grey, t_s: float) -> None:
        """A marker that comes into sight takes the tip that it had, else the nearest one found without."""
        hunting = any(s.marked is not None and s.follower is None for s in self._slots)
        if not self._clicks and t_s - self._sought_s < (HUNT_S if hunting else MARKERS_S) - 1e-3:
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
            if slot is not None and slot.marked is not None:
                slot.hold(slot.marked, self._next_segment())

    def _slot_for(self, place: Float, t_s: float) -> Slot | None:
        """Where a marker's instrument goes; from then on what was found without a marker is no tip."""
        free = [s for s in self._slots if s.marked is None]
        if not any(s.marked is not None for s in self._slots):
            self._candidates.clear()
            for slot in free:
                if slot.follower is not None:
                    slot.lose(t_s)
        if free:
            return min(free, key=lambda s: math.dist(s.tip, place))
        if len(self._slots) == MOST_TIPS:
            return None
        self._slots.append(Slot(t_s, place))
        return self._slots[-1]

    def _point(self, click: Float, width_px: float, t_s: float) -> None:
        """The user points at a tip: it goes with the marker that its instrument carries, where one does."""
        for slot in self._slots:
            if slot.marked is not None and slot.follower is not None and slot.marked.reaches(click):
                slot.marked.tip = click
                slot.hold(slot.marked, self._next_segment())
                return
        follower = Follower((float(click[0]), float(click[1])), None, width_px, 0.0)
        self._slots.append(Slot(t_s, click))
        self._slots[-1].hold(follower, self._next_segment())

    def _check(self, grey: Grey, t_s: float, finder: Finder) -> None:
        """Each held tip against the shaft that is seen around it."""
        diagonal = self._diagonal
        for slot in self._slots:
            follower = slot.follower
            if follower is None or (t_s - slot.checked_s < CHECK_S - 1e-3 and not follower.doubtful):
                continue
            slot.checked_s = t_s
            if isinstance(follower, Marked):
                if not follower.check(grey) or follower.missed >= MISSES:
                    slot.lose(t_s)
                continue
            near = finder.near(grey, tip_of(follower))
            if follower.axis_rad is not None:
                near = [s.turned(follower.axis_rad) for s in near]
            passing = any(lies_on(tip_of(follower), follower.axis_rad, s) for s in near)
            near = [s for s in near if lies_where(s, follower)]
            if slot.sure:
                ends = [s for s in near if math.dist(s.tip_px, follower.tip) < SHAFT_NEAR * diagonal]
                passing, near = passing or len(ends) < len(near), ends
            if not near and (passing or follower.unchanged(grey)):
                # In line with another instrument, or edges that LSD misses now and then: the same as before.
                follower.missed = 0
            elif near:
                nearest = near[int(np.argmin([math.dist(s.tip_px, follower.tip) for s in near]))]
                if follower.confirm(nearest, grey, ends_ahead=slot.ends_ahead):
                    slot.hold(follower, self._next_segment())
            else:
                follower.missed += 1
            weak = follower.still or follower.confidence < DOUBT
            if follower.missed >= (MISSES_WEAK if weak else MISSES):
                slot.lose(t_s)

    def _regain(self, slot: Slot, shafts: list[Shaft], t_s: float, diagonal: float) -> None:
        """A tip lost a moment ago is the moving shaft most like it."""
        best, least = None, 1.0
        for shaft in shafts:
            turned = shaft if slot.axis_rad is None else shaft.turned(slot.axis_rad)
            turn = turn_between(turned.axis_rad, slot.axis_rad) / math.radians(40)
            way = slot.way(turned.tip_px, t_s, diagonal)
            held = any(
                s.follower is not None and covers(turned, s.follower) for s in self._slots if s is not slot
            )
            if max(turn, way) < least and not held and (shaft.settled < NEW or way < 0.15):
                best, least = turned, max(turn, way)
        if best is not None:
            follower = Follower.on(best)
            follower.proven = True
            follower.velocity = (follower.tip - slot.tip) / max(1, slot.pictures)
            slot.hold(follower, self._next_segment())


def _apart(slot: Slot, follower: Follower) -> float:
    return turn_between(slot.axis_rad, follower.axis_rad)
