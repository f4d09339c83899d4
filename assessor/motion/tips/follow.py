"""One instrument followed from picture to picture by points on it: its tip, and its fine motion."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.motion.flow import Flags, Float, Grey, agreeing, apply, fit_rigid, flow
from assessor.results import Point

from .body import Body
from .look import Look, look, same
from .shafts import Shaft

MOST_POINTS = 60
FEWEST_POINTS = 6
IN_VAIN = 4  # pictures until points are sought again where there were no more: a thin tool has few
AGREE_PX = 1.0  # arms of forceps bend and open: the larger party counts
AGREE_SHARE = 0.35
NEAR_TIP = 0.16  # of the diagonal: points farther up the shaft say little about the tip
NEAR_PX = 14  # from where it is expected: what it moves as long as it does not start or stop at once
SURE_SHARE = 0.7  # of the points
REACH_PX = 32
HAND_RAD = 0.4  # half the cone's angle
DOUBT = 0.5
STILL_PX = 0.3
STILL_PICTURES = 4
STRIKES = 3  # disagreements in a row after which a point is not on the instrument
# Re-detections scatter by some pixels: their middle one is followed slowly, and only from NEAR_ENOUGH on.
CORRECTION = 0.06
NEAR_ENOUGH = 0.004  # of the diagonal
EASE = 0.1  # of what is due, a picture
TOO_FAR, FAST_CORRECTION = 0.013, 0.25
FAR_OFF = 0.035
FIRST_CHECKS = 5  # the first place came from a single look
REMEMBERED = 12
BESIDE = 0.15  # of the width: so far aside it was drawn onto another body


class Follower:
    """State of one instrument; pixels of the full picture."""

    def __init__(self, tip_px: Point, axis_rad: float | None, width_px: float, length_px: float) -> None:
        self.tip: Float = np.array(tip_px, float)
        self.axis_rad = axis_rad
        self.width_px = width_px
        self.length_px = length_px
        self.support_px = 0.0  # of the shafts seen here lately
        self.fine: Float = np.zeros(2)
        # Half the difference of `fine` by two independent halves of what it is had from: its own noise.
        self.noise: Float = np.full(2, np.nan)
        self._scattered: Float = np.zeros(2)
        self.confidence = 1.0
        self.offsets: list[Float] = []
        self._due: Float = np.zeros(2)  # px by which it is still to be drawn
        self._drawn: Float = np.zeros(2)  # and by which it was since its body was cut out
        self.checked = 0
        self.missed = 0  # re-detections in a row that found no shaft here
        self.seen = 0  # pictures followed
        self.proven = False  # moved as only what a hand holds does
        self._look: Look | None = None  # where a shaft was last seen here
        self._body: Body | None = None
        # Time, `fine` and `noise` of the last second.
        self.trail: list[tuple[float, float, float, float, float]] = []
        self._points: Float = np.empty((0, 2))
        self._seed_again = 0  # from so many pictures followed on
        self._strikes: NDArray[np.int64] = np.empty(0, np.int64)
        self._half: NDArray[np.bool_] = np.empty(0, bool)
        self.velocity: Float = np.zeros(2)

    @staticmethod
    def on(shaft: Shaft) -> Follower:
        follower = Follower(shaft.tip_px, shaft.axis_rad, shaft.width_px, shaft.length_px)
        follower.support_px = shaft.support_px
        return follower

    def body(self, diagonal: float, wider: float = 1.0, *, whole: bool = False) -> NDArray[np.int32]:
        """(4, 2) corners of the strip from the tip up the shaft, some way or all of it."""
        if self.axis_rad is None:
            r = 0.03 * diagonal * wider
            x, y = self.tip
            return np.rint([(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]).astype(np.int32)
        along, right = heading(self.axis_rad), across(self.axis_rad)
        back = self.tip - along * (self.length_px if whole else min(self.length_px, NEAR_TIP * diagonal))
        thin, thick = max(2.0, 0.2 * self.width_px) * wider, max(3.0, 0.5 * self.width_px) * wider
        corners = [
            self.tip + right * thin,
            back + right * thick,
            back - right * thick,
            self.tip - right * thin,
        ]
        return np.rint(corners).astype(np.int32)

    def hand(self, diagonal: float) -> NDArray[np.int32]:
        """(3, 2) corners of the cone behind the tip in which the instrument and whoever holds it lie."""
        axis_rad = self.axis_rad or 0.0
        ends = [axis_rad + turn for turn in (-HAND_RAD, HAND_RAD)]
        corners = [self.tip, *(self.tip - diagonal * heading(a) for a in ends)]
        return np.rint(corners).astype(np.int32)

    def seen_from(self, place: Float) -> tuple[float, float]:
        """(along, beside) px: where `place` (2,) lies from the tip, along the axis and across it."""
        axis_rad = self.axis_rad or 0.0
        c, s = math.cos(axis_rad), math.sin(axis_rad)
        dx, dy = place - self.tip
        return float(dx * c + dy * s), float(dy * c - dx * s)

    def step(self, before: Grey, now: Grey, camera: Float | None, t_s: float, *, held: bool) -> bool:
        """Follow to the next picture; False when lost. `camera` (2, 3) is the background's motion.

        A tip that is `held` is followed by all pixels of its body, a candidate by points alone.
        """
        diagonal = math.hypot(*now.shape)
        if len(self._points) < MOST_POINTS * 2 // 3 and self.seen >= self._seed_again:
            had = len(self._points)
            self._seed(before, diagonal)
            if len(self._points) == had:
                self._seed_again = self.seen + IN_VAIN
        if len(self._points) < FEWEST_POINTS:
            return False
        moved, good, inside = self._moved(before, now, (NEAR_PX, REACH_PX) if held else (REACH_PX,))
        if inside.sum() < FEWEST_POINTS:
            return False
        share = inside.sum() / good.sum()
        if share < AGREE_SHARE:
            return False
        matrix = fit_rigid(self._points[inside], moved[inside])
        body = self._by_body(before, now, matrix) if held else None
        start, tip, scatter = body or (self.tip, apply(matrix, self.tip), self._scatter(moved, inside))
        still = start if camera is None else apply(camera, start)
        self.fine = self.fine + (tip - still)
        eased = EASE * self._due
        self._due, self._drawn = self._due - eased, self._drawn + eased
        tip = self.tip + (tip - start) + eased
        if scatter is not None:
            self._scattered = self._scattered + scatter
        self.noise = np.full(2, np.nan) if scatter is None else self._scattered
        self.velocity = tip - self.tip - eased
        if self.axis_rad is not None:
            self.axis_rad += math.atan2(matrix[1, 0], matrix[0, 0])
        self.tip = tip
        self.confidence = float(share * min(1.0, 2 * good.mean()))
        self.seen += 1
        fine, noise = self.fine.tolist(), self.noise.tolist()
        self.trail.append((t_s, fine[0], fine[1], noise[0], noise[1]))
        while self.trail[-1][0] - self.trail[0][0] > 1.0:
            del self.trail[0]
        strikes = np.where(inside, 0, self._strikes + 1)
        kept = good & (strikes < STRIKES)
        self._points, self._strikes, self._half = moved[kept], strikes[kept], self._half[kept]
        h, w = now.shape
        return bool(
            (tip > -0.02 * diagonal).all() and tip[0] < w + 0.02 * diagonal and tip[1] < h + 0.02 * diagonal
        )

    def confirm(self, shaft: Shaft, grey: Grey, *, ends_ahead: bool = False) -> bool:
        """A shaft was found here again: drift goes back towards it, so slowly that it adds no tremor; not
        back along the axis where the instrument's end was seen farther on (`ends_ahead`).

        True where the tip was so far off that it was set anew: what was before and after do not compare.
        """
        self.offsets = [*self.offsets[1 - REMEMBERED :], np.array(shaft.tip_px) - self.aim]
        self.checked += 1
        axis_rad = shaft.axis_rad if self.axis_rad is None else self.axis_rad
        self.axis_rad = axis_rad + 0.3 * math.remainder(shaft.axis_rad - axis_rad, 2 * math.pi)
        self.width_px += 0.3 * (shaft.width_px - self.width_px)
        self.length_px = max(self.length_px, shaft.length_px)
        self.missed = 0
        self.remember(grey)
        diagonal = math.hypot(*grey.shape)
        off = self.offset
        if ends_ahead:  # edges break off before it
            along = heading(self.axis_rad)
            off = off - min(0.0, float(off @ along)) * along
        far = float(np.linalg.norm(off)) / diagonal
        if far > FAR_OFF and len(self.offsets) >= (2 if self.confidence < DOUBT else 4):
            self.put(self.aim + off)
            return True
        if far > NEAR_ENOUGH or self.checked < FIRST_CHECKS:
            share = max(FAST_CORRECTION if far > TOO_FAR else CORRECTION, 1 / (1 + self.checked))
            self.draw(share * off, at_once=far > TOO_FAR or self.checked < FIRST_CHECKS)
        return False

    @property
    def aim(self) -> Float:
        """(2,) px: where the tip is drawn to."""
        return self.tip + self._due

    def draw(self, step: Float, *, at_once: bool = False) -> None:
        """The tip is to lie `step` (2,) px further on; it goes there within some pictures, without a jerk, or
        `at_once`."""
        if at_once:
            self.tip, self._drawn = self.tip + step, self._drawn + step
        else:
            self._due = self._due + step
        self.offsets = [o - step for o in self.offsets]

    def put(self, tip: Float) -> None:
        """The tip is at `tip` (2,) px, whatever was known."""
        self.tip, self.offsets, self._due, self._body = tip, [], np.zeros(2), None

    def remember(self, grey: Grey) -> None:
        """What is seen behind the tip now is the instrument for sure."""
        self.missed = 0
        if self.axis_rad is not None:
            self._look = look(grey, self.tip, self.axis_rad, self.width_px)

    def unchanged(self, grey: Grey) -> bool:
        """Whether the tip still lies on what was seen there when a shaft was last found."""
        if self._look is None or self.axis_rad is None or not self.proven:
            return False
        return same(self._look, look(grey, self.tip, self.axis_rad, self.width_px))

    @property
    def offset(self) -> Float:
        """(2,) px: where re-detections put the tip from here, the middle one of the last few."""
        return np.asarray(np.median(self.offsets, axis=0), float) if self.offsets else np.zeros(2)

    @property
    def still(self) -> bool:
        """Whether it did not move against the background lately, as a point on the background does."""
        places = np.array(self.trail[-STILL_PICTURES:])[:, 1:3] if self.trail else np.zeros((1, 2))
        return len(places) == STILL_PICTURES and float(np.ptp(places, axis=0).max()) < STILL_PX

    @property
    def doubtful(self) -> bool:
        return self.confidence < DOUBT or self.missed > 0

    def range_px(self) -> float:
        """How far it moved against the background in the last second."""
        if len(self.trail) < 2:
            return 0.0
        places = np.array(self.trail)[:, 1:3]
        return float(np.linalg.norm(np.ptp(places, axis=0)))

    def noise_range_px(self) -> float:
        """How far it would seem to have moved by its own noise alone."""
        noise = np.array(self.trail)[:, 3:] if self.trail else np.full((1, 2), np.nan)
        known = noise[np.isfinite(noise).all(axis=1)]
        return float(np.linalg.norm(np.ptp(known, axis=0))) if len(known) else 0.0

    def _moved(self, before: Grey, now: Grey, reaches_px: Sequence[int]) -> tuple[Float, Flags, Flags]:
        """Where the points (n, 2) are now, which were followed there, and which of these agree.

        A short reach is quicker: it holds where most are about where they were expected.
        """
        expected = self._points + self.velocity
        for reach_px in reaches_px:
            moved, good = flow(before, now, self._points, expected, reach_px=reach_px)
            inside = np.zeros(len(good), bool)
            if good.sum() >= FEWEST_POINTS:
                inside[good] = agreeing(self._points[good], moved[good], AGREE_PX)
            if inside.mean() > SURE_SHARE and np.abs(moved - expected)[inside].max() < reach_px / 3:
                break
        return moved, good, inside

    def _by_body(self, before: Grey, now: Grey, matrix: Float) -> tuple[Float, Float, Float] | None:
        """The tip in the picture before and in this one, and the step of its noise; None where that fails.

        `matrix` is the points' motion, from which the search starts.
        """
        if self.axis_rad is None:
            return None
        aside = abs(float(self._drawn @ across(self.axis_rad))) > BESIDE * self.width_px
        if self._body is None or self._body.due or aside:
            known = None if aside else self._body  # what lay beside the instrument tells nothing of it
            tip = self.tip if known is None else known.tip
            self._body = Body(before, self.body(math.hypot(*now.shape)), tip, known)
            self._drawn = np.zeros(2)
        body, start, noise = self._body, self._body.tip, self._body.noise
        turned = math.atan2(matrix[1, 0], matrix[0, 0])
        if body.usable and body.follow(now, apply(matrix, start), turned):
            return start, body.tip, body.noise - noise
        self._body = None
        return None

    def _scatter(self, moved: Float, inside: NDArray[np.bool_]) -> Float | None:
        """(2,) px: half of how far two halves of the points disagree about the tip; None with too few."""
        halves = [inside & self._half, inside & ~self._half]
        if min(half.sum() for half in halves) < FEWEST_POINTS // 2:
            return None
        one, other = (apply(fit_rigid(self._points[half], moved[half]), self.tip) for half in halves)
        return np.asarray((one - other) / 2, float)

    def _seed(self, grey: Grey, diagonal: float) -> None:
        corners = self.body(diagonal)
        h, w = grey.shape
        x0, y0 = np.clip(corners.min(0) - 2, 0, [w, h])
        x1, y1 = np.clip(corners.max(0) + 3, 0, [w, h])
        if x1 - x0 < 8 or y1 - y0 < 8:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillConvexPoly(mask, corners - [x0, y0], 255)
        for x, y in self._points:
            cv2.circle(mask, (round(x - x0), round(y - y0)), 3, 0, -1)
        wanted = MOST_POINTS - len(self._points)
        found = cv2.goodFeaturesToTrack(grey[y0:y1, x0:x1], wanted, 0.01, 3, mask=mask, blockSize=5)
        if found is None:
            return
        new = np.asarray(found, float).reshape(-1, 2) + np.array([x0, y0])
        self._points = np.concatenate([self._points, new])
        self._strikes = np.concatenate([self._strikes, np.zeros(len(new), np.int64)])
        self._half = np.concatenate([self._half, np.arange(len(new)) % 2 == 0])


def heading(axis_rad: float) -> Float:
    """(2,) of length 1: the way an axis points."""
    return np.array([math.cos(axis_rad), math.sin(axis_rad)])


def across(axis_rad: float) -> Float:
    """(2,) of length 1: to the right of it."""
    return np.array([-math.sin(axis_rad), math.cos(axis_rad)])
