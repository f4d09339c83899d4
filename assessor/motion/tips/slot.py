"""A tip's identity over a clip: what is held under one number, lost, and held again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from assessor.motion.flow import Float, Grey
from assessor.results import Point

from .extent import MOST_MOVED, NOTHING_HERE, End, Travel
from .follow import Follower
from .marker import Marked

# Where the instrument ends by what moves with it is looked at every END_S where the tip is sure, else always.
END_S = 0.5
END_MOVED = 0.0019  # of the diagonal: tells most
END_WAITS = 45  # pictures, after which less must do
END_NEAR = 0.02  # of the diagonal: nearer to the end it is the tip
ENDS_AHEAD = 0.005  # of the diagonal
END_FAR = 0.05  # of the diagonal: farther off it was another object's tip
END_CORRECTION = 0.12  # so slow that it adds no tremor
ASTRAY = 2  # looks in a row
# Confidence below which it may have _slipped off: in one picture, on the whole over some.
SLIP, SLIDE, SLIDE_MEMORY = 0.5, 0.75, 0.8
LASTED = 15
HUNT_FOR_S = 2.0  # after it was lost
HUNT_BRIEF_S = 0.5  # for what was never held for long


@dataclass(slots=True)
class Slot:
    """`follower` is None while the tip is lost; `tip`, `axis_rad` are where it was then.

    `sure`: the instrument's end was seen here lately by what moves with it.
    """

    lost_s: float
    tip: Float
    axis_rad: float | None = None
    follower: Follower | None = None
    segment: int = 0
    marked: Marked | None = None  # the same while it is lost, too
    pictures: int = 0  # since it was held or lost last
    lasted: bool = False  # it was held for LASTED pictures once: no passing shadow
    checked_s: float = -math.inf
    sure: bool = False
    _travel: Travel | None = None
    _ended_s: float = -math.inf
    ends_ahead: bool = False  # the last look at its end saw it farther on
    _astray: int = 0  # looks in a row that saw its end elsewhere
    _slipped: bool = False  # hardly followed since its end was seen here
    _followed: float = 1.0  # running mean of the confidence

    def hunted(self, t_s: float) -> bool:
        """Whether it was lost so lately that it is sought near there."""
        return t_s - self.lost_s < (HUNT_FOR_S if self.lasted else HUNT_BRIEF_S)

    def way(self, tip_px: Point | Float, t_s: float, diagonal: float) -> float:
        """How far off a tip is, as a share of how far the lost one may have come."""
        return math.dist(tip_px, self.tip) / (diagonal * (0.08 + 0.4 * (t_s - self.lost_s)))

    def hold(self, follower: Follower, segment: int, *, sure: bool = False) -> None:
        """From now on it is `follower`; what came before does not compare."""
        self.follower, self.segment, self.sure = follower, segment, sure
        self._travel, self._astray, self._slipped, self.pictures = None, 0, False, 0
        self.ends_ahead, self._followed = False, 1.0

    def lose(self, t_s: float) -> None:
        assert self.follower is not None
        self.axis_rad, self.tip = self.follower.axis_rad, self.follower.tip
        self.lasted = self.lasted or self.pictures >= LASTED
        self.follower, self.lost_s, self.pictures = None, t_s, 0

    def step(self, before: Grey, now: Grey, ground: Float | None, t_s: float) -> bool:
        """Follow it to the next picture; False where it got lost."""
        assert self.follower is not None
        if isinstance(self.follower, Marked):
            return self.follower.step(before, now, ground, t_s, held=True)
        if self.sure and t_s - self._ended_s < END_S:
            held = self.follower.step(before, now, ground, t_s, held=True)
        else:
            self._travel = self._travel or Travel(before)
            held = self._travel.step(self.follower, before, now, ground, t_s, held=True)
        confidence = self.follower.confidence
        self._followed += (1 - SLIDE_MEMORY) * (confidence - self._followed)
        self._slipped |= confidence < SLIP or self._followed < SLIDE
        return held and not (self._slipped and self.follower.still)  # then it stands on the ground

    def end_elsewhere(self, grey: Grey, t_s: float, diagonal: float) -> End | None:
        """Where the instrument ends, if surely not where the tip is held; else the tip is drawn there."""
        follower, travel = self.follower, self._travel
        if follower is None or travel is None:
            return None
        apart = travel.apart_px(follower.tip) / diagonal
        if apart < END_MOVED and travel.pictures < END_WAITS:
            return None
        self._travel = None
        if apart > MOST_MOVED:  # fast: shafts lead
            self.sure = False
            return None
        self._ended_s = t_s
        end = travel.end(grey, follower)
        if end is None:
            return None
        if end.off_px < END_NEAR * diagonal:
            follower.draw(END_CORRECTION * (end.tip - follower.aim))
            self.ends_ahead = follower.seen_from(end.tip)[0] > ENDS_AHEAD * diagonal
            self.confirm(grey)
            return None
        if end is NOTHING_HERE:  # on rendered clips never seen in 137 looks at true tips
            return end
        along = follower.seen_from(end.tip)[0]
        turned = math.cos(end.axis_rad - (follower.axis_rad or 0.0)) < 0
        if along < -END_FAR * diagonal and not turned and not end.ground:
            return None
        self._astray += 1
        if self._slipped:
            self._ended_s = -math.inf  # looked at again as soon as it moved
        return end if self._astray >= ASTRAY or (along > 0 and not self.sure) else None

    def confirm(self, grey: Grey) -> None:
        """The tip is the instrument's end for sure."""
        assert self.follower is not None
        self.sure, self._astray, self._slipped = True, 0, False
        self.follower.remember(grey)
