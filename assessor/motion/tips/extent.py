"""Where an instrument ends: what lies before a supposed tip and moves along with it belongs to it, too.

Edges break off at a joint, a tape, the ridges of a grip; motion does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.motion.flow import Float, Grey

from .follow import Follower, heading

# Shares of the diagonal.
AHEAD, BEHIND, ASIDE = 0.45, 0.12, 0.12  # what is looked at about the tip, along the axis
GAP, GAP_ASIDE = 0.05, 0.008  # a plain tape shows no motion, nor does a plain piece of metal
BORDER = 0.02
TIP_LENGTH = 0.1  # of the end: by it the axis goes
CELLS = 800.0  # the diagonal, in the cells that are looked at
SMOOTH = 5  # cells
CLEARER = 2.5  # times what it leaves must the other motion leave
ABOVE_NOISE = 4.0  # in squared grey levels, times the usual
ASTRAY_PX = 0.1  # to which the two motions are known: an edge that tells of no more tells neither
STANDS = 0.7  # of what the background's motion leaves
LEAST_MOVED = 0.0007  # of the diagonal: below this the two motions are told apart nowhere
MOST_MOVED = 0.006  # beyond it soft shadows count like metal
SHARP = 4.0  # cells: softer slopes are shadows
AS_CLEAR = 0.06  # of what the body behind the tip shows, at least
THINNEST = 4.0  # cells
FAINT = 0.4  # of what tells clearly: so much where a thin end goes on
FADES, FARTHEST = 0.2, 6  # to this share within SMOOTH cells it ends; cells
STRIP = 0.7  # mean width of a follower's strip over its greatest
WIDEST = 0.08  # of the diagonal: broader ends are hands
FEWEST_CELLS, END_CELLS = 12, 6
CHANGED, MOST_OF_IT = 0.25, 0.8  # share of a shaft's cells that change where it moves; of its length
CUT_FROM, CUT_LENGTH = 0.03, 0.1  # of the diagonal: so far behind the supposed tip, for so long
ACROSS_RAD, SLENDER = 0.35, 1.8  # what moves lies across the supposed axis; times as long as wide


@dataclass(frozen=True, slots=True)
class End:
    """`off_px` from the supposed tip lies the last that moves with it: `tip` (2,) px.

    `axis_rad` and `width_px` are those of the piece before it. `free`: it is thin, and ends in the picture.
    `ground`: that is seen between it and the supposed tip.
    """

    off_px: float
    tip: Float
    axis_rad: float
    width_px: float
    free: bool
    ground: bool = False


NOTHING_HERE = End(math.inf, np.zeros(2), 0.0, 0.0, False)  # ground lies where the instrument should


class Travel:
    """How an instrument and the background have moved since a picture `grey` that is kept."""

    def __init__(self, grey: Grey) -> None:
        self._grey = grey
        self._own: Float = np.eye(3)
        self._ground: Float = np.eye(3)
        self._known = True
        self.pictures = 0

    def step(
        self, follower: Follower, before: Grey, now: Grey, ground: Float | None, t_s: float, *, held: bool
    ) -> bool:
        """As `Follower.step`, the motion added; `ground` (2, 3) is the background's."""
        tip, axis_rad = follower.tip, follower.axis_rad or 0.0
        if not follower.step(before, now, ground, t_s, held=held):
            return False
        turned = (follower.axis_rad or 0.0) - axis_rad
        c, s = math.cos(turned), math.sin(turned)
        own = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        own[:2, 2] = follower.tip - own[:2, :2] @ tip
        self._own = own @ self._own
        if ground is None:
            self._known = False
        else:
            self._ground = np.vstack([ground, [0.0, 0.0, 1.0]]) @ self._ground
        self.pictures += 1
        return True

    def apart(self, tip: Float) -> Float:
        """(2,) px that the instrument at `tip` (2,) has moved against the background; 0 where not known."""
        if not self._known:
            return np.zeros(2)
        here = np.append(tip, 1.0)
        return np.asarray((np.linalg.inv(self._ground) @ here - np.linalg.inv(self._own) @ here)[:2], float)

    def apart_px(self, tip: Float) -> float:
        """How far that is."""
        return float(np.linalg.norm(self.apart(tip)))

    def across_px(self, follower: Follower) -> float:
        """How far across the axis: along a plain edge points slide."""
        x, y = self.apart(follower.tip)
        axis_rad = follower.axis_rad or 0.0
        return float(abs(y * math.cos(axis_rad) - x * math.sin(axis_rad)))

    def end(self, now: Grey, follower: Follower) -> End | None:
        """Where it ends in `now`, the free end if there is one.

        None where the two motions are not told apart behind the supposed tip.
        """
        apart = self.apart_px(follower.tip) / math.hypot(*now.shape)
        if follower.axis_rad is None or not LEAST_MOVED < apart < MOST_MOVED:
            return None
        first = self._end(now, follower, follower.tip, follower.axis_rad)
        cut = self.cut_back(now, follower) if first is NOTHING_HERE else None
        before = None if cut is None else self._end(now, follower, cut.tip, follower.axis_rad)
        if before is not None and before.free:
            return before
        if first is None or first is NOTHING_HERE:
            return first
        root = first.tip - (follower.length_px + first.off_px) * heading(first.axis_rad)
        ahead = _way_out(first.tip, first.axis_rad, now)
        if first.free and ahead > _way_out(root, first.axis_rad + math.pi, now):
            return first
        # It points out of the picture more than its root does, so this may be where the hand is.
        before_it = first.tip - BEHIND * math.hypot(*now.shape) * heading(first.axis_rad)
        other = self._end(now, follower, before_it, first.axis_rad + math.pi)
        if other is None or other is NOTHING_HERE:
            return None
        if not other.free:
            return first
        return first if first.free and ahead > _way_out(other.tip, other.axis_rad, now) else other

    def cut_back(self, now: Grey, follower: Follower) -> Follower | None:
        """The instrument behind a supposed tip that lies on ground in line with it: up to where things cease
        to change against the ground. None where there is no such place."""
        if follower.axis_rad is None or not self._known:
            return None
        diagonal = math.hypot(*now.shape)
        cell = max(1.0, diagonal / CELLS)
        aside, half = round(ASIDE * diagonal / cell), max(3, round(follower.width_px / cell / 2))
        size = (round(follower.length_px / cell), 2 * aside + 1)
        # from cells (column from the supposed tip back, row across) to pixels of `now`
        c, s = -cell * math.cos(follower.axis_rad), -cell * math.sin(follower.axis_rad)
        place = np.array([[c, -s, 0.0], [s, c, 0.0], [0, 0, 1.0]])
        place[:2, 2] = follower.tip - place[:2, :2] @ [0, aside]
        seen = _sampled(now, place, size)
        left = _left(seen, _sampled(self._grey, self._ground_seen(seen, place, size), size))
        changed = left > CLEARER * ABOVE_NOISE * (float(np.median(left)) + 1.0)
        along = cv2.blur(changed[aside - half : aside + half + 1].mean(axis=0)[None], (4 * SMOOTH, 1))[0]
        moves = np.flatnonzero(along > CHANGED)
        if not len(moves) or moves[0] < CUT_FROM * diagonal / cell:
            return None
        back = float(moves[0])
        if np.mean(along[moves[0] :][: round(CUT_LENGTH * diagonal / cell)] > CHANGED) < MOST_OF_IT:
            return None
        x, y = (float(v) for v in place[:2, :2] @ [back, aside] + place[:2, 2])
        new = Follower((x, y), follower.axis_rad, follower.width_px, follower.length_px - back * cell)
        new.support_px = follower.support_px
        return new

    def _end(
        self, now: Grey, follower: Follower, start: Float, axis_rad: float, *, again: bool = False
    ) -> End | None:
        """The end from `start` (2,) on along the axis, which is set by what moves where that lies across."""
        diagonal = math.hypot(*now.shape)
        width_px = follower.width_px
        cell = max(1.0, diagonal / CELLS)
        ahead, behind, aside = (round(share * diagonal / cell) for share in (AHEAD, BEHIND, ASIDE))
        c, s = cell * math.cos(axis_rad), cell * math.sin(axis_rad)
        # from cells (column along the axis, row across it) to pixels of `now`
        place = np.array([[c, -s, 0.0], [s, c, 0.0], [0, 0, 1.0]])
        place[:2, 2] = start - place[:2, :2] @ [behind, aside]
        size = (behind + ahead, 2 * aside + 1)
        half = max(3, round(width_px / cell / 2))
        seen = _sampled(now, place, size)
        back = np.linalg.inv(self._own) @ place
        with_it = _left(seen, _sampled(self._grey, back, size))
        still = self._ground_seen(seen, place, size)
        if self._same_way(still @ np.linalg.inv(place), start, diagonal):
            return NOTHING_HERE
        without = _left(seen, _sampled(self._grey, still, size))
        noise = float(np.median(np.minimum(with_it, without))) + 1.0
        shows = without - with_it
        body = shows[max(0, aside - half) : aside + half + 1, :behind]
        clear = AS_CLEAR * float(np.percentile(body, 90))
        told = ABOVE_NOISE * noise + (ASTRAY_PX / cell) ** 2 * _steepness(seen)
        told[~(_within(now, place, size) & _within(now, still, size) & _within(now, back, size))] = np.inf
        moves = (without > CLEARER * with_it) & (shows > told)
        stays = (with_it > CLEARER * without) & (-shows > told)
        clearly_stays = stays & (-shows > clear)
        gap = (GAP * diagonal / cell, GAP_ASIDE * diagonal / cell)
        own = _own_cells(moves, moves & (shows > clear), clearly_stays, (behind, aside), half, gap)
        if own is None:
            ground = clearly_stays[aside - half : aside + half + 1, :behind].sum()
            return NOTHING_HERE if ground > 2 * FEWEST_CELLS else None
        turn = _turn(own)
        if abs(turn) > ACROSS_RAD and not again:
            middle = place[:2, :2] @ [own[0].mean(), own[1].mean()] + place[:2, 2]
            return self._end(now, follower, middle, axis_rad + turn, again=True)
        column, row, back, width = _last_piece(own, TIP_LENGTH * diagonal / cell)
        if width < THINNEST:
            return None
        thin = place[:2, 0] * _farther(shows, FAINT * told, (column, row), back)
        at, root = (place[:2, :2] @ p + place[:2, 2] for p in (np.array([column, row]), back))
        way = at - root
        border = BORDER * diagonal
        h, w = now.shape
        inside = bool((at > border).all() and at[0] < w - border and at[1] < h - border)
        return End(
            off_px=math.dist(at, follower.tip),
            tip=at + thin,
            axis_rad=math.atan2(way[1], way[0]),
            width_px=width * cell,
            ground=bool(
                stays[aside - half : aside + half + 1, round(column) + SMOOTH : behind].sum() > FEWEST_CELLS
            ),
            free=inside and width * cell < WIDEST * diagonal and column < size[0] - 2 * SMOOTH,
        )

    def _ground_seen(self, seen: NDArray[np.float32], place: Float, size: tuple[int, int]) -> Float:
        """(3, 3) from cells to where the ground in them was in the kept picture.

        Where a hand was followed as background, a camera that does not move fits clearly better.
        """
        moved = np.linalg.inv(self._ground) @ place
        off, still = (np.abs(seen - _sampled(self._grey, one, size)).mean() for one in (moved, place))
        return place if still < STANDS * off else moved

    def _same_way(self, ground: Float, place: Float, diagonal: float) -> bool:
        """Whether at `place` (2,) ground and instrument come from the same: `ground` (3, 3) back in time."""
        here = np.append(place, 1.0)
        off = ground @ here - np.linalg.inv(self._own) @ here
        return float(np.hypot(off[0], off[1])) < 0.5 * LEAST_MOVED * diagonal


def _way_out(place: Float, axis_rad: float, grey: Grey) -> float:
    """How far it is from `place` (2,) along a direction to the picture's border, px; 0 from outside."""
    ways = [
        ((extent - 1 if step > 0 else 0) - at) / step
        for at, step, extent in zip(place, heading(axis_rad), grey.shape[::-1], strict=True)
        if abs(step) > 1e-9
    ]
    return max(0.0, float(min(ways)))


def moved_to(follower: Follower, end: End, now: Grey) -> Follower:
    """The same instrument held at its `end`, as it was seen in `now`."""
    x, y = (float(v) for v in end.tip)
    new = Follower((x, y), end.axis_rad, end.width_px / STRIP, follower.length_px + end.off_px)
    new.support_px, new.proven, new.velocity = follower.support_px, follower.proven, follower.velocity
    new.remember(now)
    return new


def _own_cells(
    moves: NDArray[np.bool_],
    clearly: NDArray[np.bool_],
    stays: NDArray[np.bool_],
    tip: tuple[int, int],
    half: int,
    gap: tuple[float, float],
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Columns and rows of the cells that hang together with what lies behind the supposed tip, up to where
    the last of them moves `clearly`.

    What shows no motion at all is bridged (`gap` along, across), ground that is seen is not.
    """
    along, across = (2 * round(cells / 2) + 1 for cells in gap)
    firm = cv2.morphologyEx(moves.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    joined = cv2.dilate(firm, np.ones((across, along), np.uint8))
    joined[stays] = 0
    _, label = cv2.connectedComponents(joined)
    column, row = tip
    behind = (slice(max(0, row - half), row + half + 1), slice(column))
    counts = np.bincount(label[behind][clearly[behind]], minlength=1)
    counts[0] = 0
    if counts.max(initial=0) < FEWEST_CELLS:
        return None
    mine = label == int(counts.argmax())
    beyond = int(np.flatnonzero((clearly & mine).any(axis=0))[-1]) + 1
    mine[:, beyond:] = False
    rows, columns = np.nonzero(moves & mine)
    return columns, rows


def _turn(own: tuple[NDArray[np.intp], NDArray[np.intp]]) -> float:
    """From the supposed axis to that of the cells, radians; 0 where they are not slender."""
    columns, rows = own
    (cc, cr), (_, rr) = np.cov(columns, rows)
    spread = math.hypot(cc - rr, 2 * cr)
    if cc + rr + spread < SLENDER**2 * (cc + rr - spread):
        return 0.0
    return 0.5 * math.atan2(2 * cr, cc - rr)


def _last_piece(
    own: tuple[NDArray[np.intp], NDArray[np.intp]], length: float
) -> tuple[float, float, Float, float]:
    """Column and row of the end; the middle (column, row) of the piece before it; that piece's width."""
    columns, rows = own
    last = float(np.partition(columns, -END_CELLS)[-END_CELLS])
    row = float(rows[columns > last - SMOOTH].mean())
    back = last - columns
    near = (back >= 0) & (back < length) & (np.abs(rows - row) < 0.5 * back + SMOOTH)
    piece = near & (back > 0.3 * length)
    if piece.sum() < FEWEST_CELLS:
        piece = near
    middle = np.array([columns[piece].mean(), rows[piece].mean()])
    width = max(1.0, float(near.sum()) / length - SMOOTH + 1)
    return last - SMOOTH // 2, row, middle, width


def _farther(
    shows: NDArray[np.float32], least: NDArray[np.float32], end: tuple[float, float], back: Float
) -> int:
    """Columns by which a thin end goes on beyond `end` (column, row), where it shows clearly: until it fades
    at once, or is too faint. `back` (column, row) is the middle of the piece before it."""
    column, row = end
    slope = (row - back[1]) / max(1.0, column - back[0])
    for way in range(FARTHEST):
        at, on = round(column) + way + 1, round(row + slope * (way + SMOOTH // 2))
        if at >= shows.shape[1] or not 1 <= on < len(shows) - 1:
            return way
        three = slice(on - 1, on + 2)
        faded = shows[three, at].max() < FADES * shows[three, at - SMOOTH].max()
        if faded or not (shows[three, at] > least[three, at]).any():
            return way
    return FARTHEST


def _sampled(grey: Grey, place: Float, size: tuple[int, int]) -> NDArray[np.float32]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(grey, place[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32
    )
    return np.asarray(seen - cv2.GaussianBlur(seen, (0, 0), SHARP), np.float32)


def _within(grey: Grey, place: Float, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which cells lie in the picture: beyond it nothing is seen."""
    columns, rows = np.arange(size[0]), np.arange(size[1])[:, None]
    inside = np.ones((size[1], size[0]), bool)
    for axis, extent in enumerate(grey.shape[::-1]):
        at = place[axis, 0] * columns + place[axis, 1] * rows + place[axis, 2]
        inside &= (at >= 0) & (at <= extent - 1)
    return inside


def _steepness(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean squared slope about each cell, grey levels a cell."""
    across, down = (cv2.Sobel(seen, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    return np.asarray(cv2.blur(across**2 + down**2, (SMOOTH, SMOOTH)), np.float32)


def _left(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur((one - other) ** 2, (SMOOTH, SMOOTH)), np.float32)
