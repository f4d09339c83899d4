"""Shafts that are watched until they move against the background, as only what a hand holds does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assessor.motion.flow import Float, Grey

from .extent import Travel
from .follow import DOUBT, Follower

MOST = 8
MOST_MOVED = 2  # of them are never given up for another
MIN_WATCHED = 8  # pictures
WATCH_FOR_S = 2.5
# Shares of the diagonal: how far a shaft moves against the background to be taken for one in a hand.
OWN_MOTION = 0.004
BLIND_TIMES = 3.0  # as far where no background tells what the camera did
SMALL_MOTION = 0.0005  # enough where it was watched for a while and all else is still
WATCHED_S = 1.0
HELD_STILL_S = 0.7
CUT_AFTER_S = 0.8  # without moving by itself
FLOOR_TIMES = 4.0  # and above what the background's own points seem to move
LEAST = 0.22  # of the diagonal: support of a shaft below which it may be a finger
SEEN_MOVED = 0.0012  # across: told apart from the ground in the picture, looked at every SEEN_S at most
SEEN_S = 0.25
LONG = 0.35  # of the diagonal: support of a shaft that needs no further proof where it is new


@dataclass(slots=True)
class Candidate:
    """`travel` is its motion since it was first seen."""

    follower: Follower
    travel: Travel
    born_s: float
    looked_s: float = -math.inf  # when its end was looked for last
    cut: bool = False  # looked at whether an instrument ends behind its tip


class Candidates:
    """At most `MOST` of them."""

    def __init__(self) -> None:
        self._watched: list[Candidate] = []

    @property
    def followers(self) -> list[Follower]:
        return [c.follower for c in self._watched]

    def clear(self) -> None:
        self._watched = []

    def add(self, follower: Follower, grey: Grey, t_s: float) -> None:
        """Watch it, where there is room: one that moved little makes room, once it had time. Those that moved
        most stay, else what a hand holds still would never be watched for long enough."""
        if len(self._watched) >= MOST:
            least_first = sorted(self._watched, key=lambda c: c.follower.range_px())
            spare = [c for c in least_first[:-MOST_MOVED] if c.follower.seen >= MIN_WATCHED]
            if not spare:
                return
            self._watched.remove(spare[0])
        self._watched.append(Candidate(follower, Travel(grey), t_s))

    def likely_held(self, t_s: float) -> list[Follower]:
        """Where nothing moved for a while: the longest one, or none."""
        waited = [c.follower for c in self._watched if t_s - c.born_s > HELD_STILL_S]
        return sorted(waited, key=lambda f: -f.support_px)[:1]

    def step(self, before: Grey, now: Grey, ground: Float | None, t_s: float) -> None:
        """Follow them all; `ground` (2, 3) is the background's motion, None where it is not known."""
        self._watched = [
            c
            for c in self._watched
            if t_s - c.born_s < WATCH_FOR_S
            and c.travel.step(c.follower, before, now, ground, t_s, held=False)
        ]

    def moved(
        self, t_s: float, diagonal: float, floor_px: float, held: Sequence[Follower], known: bool
    ) -> list[Candidate]:
        """Those that moved by themselves. `floor_px` is what the background's points seem to move; `known`:
        whether they tell what the camera did."""
        return [
            c for c in self._watched if self._own_motion(c, t_s - c.born_s, diagonal, floor_px, held, known)
        ]

    def to_prove(self, t_s: float, diagonal: float) -> Candidate | None:
        """One that moved by more than its own points disagree, though not by more than the background's do:
        whether it moves with the ground is to be seen in the picture."""
        due = [
            c
            for c in self._watched
            if t_s - c.looked_s > SEEN_S
            and _well_seen(c.follower, diagonal)
            and c.follower.range_px() > FLOOR_TIMES * c.follower.noise_range_px()
            and c.travel.across_px(c.follower) > SEEN_MOVED * diagonal
        ]
        if not due:
            return None
        first = min(due, key=lambda c: c.looked_s)
        first.looked_s = t_s
        return first

    def cut_back(self, now: Grey, t_s: float) -> None:
        """A tip on ground in line with an instrument goes back to where that ends; one a picture."""
        for k, one in enumerate(self._watched):
            if not one.cut and t_s - one.born_s > CUT_AFTER_S:
                one.cut = True
                found = one.travel.cut_back(now, one.follower)
                if found is not None:
                    self._watched[k] = Candidate(found, Travel(now), t_s, cut=True)
                return

    def remove(self, candidate: Candidate) -> None:
        self._watched = [c for c in self._watched if c is not candidate]

    def _own_motion(
        self,
        one: Candidate,
        age_s: float,
        diagonal: float,
        floor_px: float,
        held: Sequence[Follower],
        known: bool,
    ) -> bool:
        follower = one.follower
        if not _well_seen(follower, diagonal):
            return False
        moved = follower.range_px()
        # What most shafts seem to do at once is not theirs: a knock, compression, shadows of what moves.
        ranges = [c.follower.range_px() for c in self._watched if c is not one]
        common = float(np.percentile(ranges, 25)) if len(ranges) >= 3 else 0.0
        floor_px = FLOOR_TIMES * max(floor_px, common, follower.noise_range_px())
        if moved > max(OWN_MOTION * diagonal * (1 if known else BLIND_TIMES), floor_px):
            return True
        # Held still it trembles; where something else moves, its shadow makes still things tremble, too.
        if follower.support_px < LONG * diagonal or not known or age_s < WATCHED_S:
            return False
        if any(f.range_px() > OWN_MOTION * diagonal for f in held):
            return False
        return moved > max(SMALL_MOTION * diagonal, floor_px)


def _well_seen(follower: Follower, diagonal: float) -> bool:
    return follower.seen >= 3 and follower.confidence >= DOUBT and follower.support_px >= LEAST * diagonal
