"""Whether what is seen is what is held: shafts against followed instruments, and these against each other."""

from __future__ import annotations

import math

import numpy as np

from assessor.results import Point

from .follow import Follower
from .shafts import Shaft, lies_on

SAME_TURN_RAD = math.radians(18)
INSIDE = 0.25  # of a length: so far behind its tip is its body
IN_LINE = 0.15  # shanks part behind the joint
ARMS = 0.2  # of the length: as far apart are the arms of forceps


def tip_of(follower: Follower) -> Point:
    return float(follower.tip[0]), float(follower.tip[1])


def turn_between(a: float | None, b: float | None) -> float:
    return 0.0 if a is None or b is None else float(abs(math.remainder(a - b, 2 * math.pi)))


def lies_where(shaft: Shaft, follower: Follower) -> bool:
    """Whether `shaft` is what `follower` holds: same direction, side by side, tip near."""
    if turn_between(shaft.axis_rad, follower.axis_rad) > SAME_TURN_RAD:
        return False
    c, s = math.cos(shaft.axis_rad), math.sin(shaft.axis_rad)
    dx, dy = follower.tip[0] - shaft.tip_px[0], follower.tip[1] - shaft.tip_px[1]
    beside, before = abs(dy * c - dx * s), abs(dx * c + dy * s)
    return bool(beside < 0.5 * shaft.width_px + 8 and before < max(50.0, shaft.width_px))


def covers(shaft: Shaft, follower: Follower) -> bool:
    """Whether `shaft` is, or is part of, what `follower` holds already."""
    if turn_between(shaft.axis_rad, follower.axis_rad) > 2 * SAME_TURN_RAD:
        return False
    if math.dist(shaft.tip_px, follower.tip) < max(20.0, shaft.width_px):
        return True
    if turn_between(shaft.axis_rad, follower.axis_rad) < SAME_TURN_RAD:  # the other arm of forceps
        c, s = math.cos(shaft.axis_rad), math.sin(shaft.axis_rad)
        dx, dy = follower.tip[0] - shaft.tip_px[0], follower.tip[1] - shaft.tip_px[1]
        apart_px = ARMS * max(shaft.length_px, follower.length_px)
        if abs(dy * c - dx * s) < apart_px and abs(dx * c + dy * s) < 1.5 * apart_px:
            return True
    return lies_on(tip_of(follower), follower.axis_rad, shaft)


def behind(tip_px: Point, axis_rad: float | None, follower: Follower, reach_px: float) -> bool:
    """Whether a tip so directed lies behind the one held, in line with it: a part of the same instrument."""
    if turn_between(axis_rad, follower.axis_rad) > SAME_TURN_RAD:
        return False
    along, beside = follower.seen_from(np.array(tip_px))
    return -reach_px < along < 0 and abs(beside) < 0.7 * follower.width_px + 6 - IN_LINE * along


def same_tip(a: Follower, b: Follower) -> bool:
    return bool(math.dist(a.tip, b.tip) < 15) and turn_between(a.axis_rad, b.axis_rad) < SAME_TURN_RAD


def one_thing(a: Follower, b: Follower) -> bool:
    """Whether they lie on each other along one axis, whatever their directions."""
    if a.axis_rad is None or b.axis_rad is None:
        return False
    if abs(math.remainder(a.axis_rad - b.axis_rad, math.pi)) > SAME_TURN_RAD:
        return False
    return any(
        abs(beside) < 0.7 * max(one.width_px, other.width_px) + 6
        and -one.length_px < along < -INSIDE * one.length_px
        for one, other in ((a, b), (b, a))
        for along, beside in [one.seen_from(other.tip)]
    )
