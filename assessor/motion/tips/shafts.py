"""Long thin things in one picture: bundles of straight edges that run side by side, as an instrument's do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.results import Point

Float = NDArray[np.float64]

# Lengths as shares of the picture's diagonal: pictures come at any size.
SHORTEST_EDGE = 0.015  # a straight edge below this is texture
SEED_EDGE = 0.03  # and the longest edge of a shaft is at least this long
SHORTEST_SHAFT = 0.10  # an instrument shows a tenth of the diagonal at least
WIDEST_SHAFT = 0.055  # a wide-open forceps, from arm to arm
LARGEST_GAP = 0.035  # a glint or a finger interrupts the edges of one instrument
HAND = 0.09  # how far around a shaft's end a hand is looked for
AT_BORDER = 0.03
NEARER = 0.4  # of the other end's way to the border: a hand reaches in from there
PART_LEAN_RAD = math.radians(15)
LEAN_DEG = 9.0  # of an edge against the axis: arms of forceps converge


@dataclass(frozen=True, slots=True)
class Shaft:
    """A bundle of edges: from `root_px` to `tip_px` (the end more likely to be free), `width_px` across.

    `edges` (n, 4) holds its straight edges x0, y0, x1, y1. `support_px` is the length of all of them along
    the axis, `settled` the mean share of the time that edges were there before. `at_border`: the root lies
    on the picture's border.
    """

    tip_px: Point
    root_px: Point
    width_px: float
    support_px: float
    at_border: bool
    edges: Float
    settled: float = 1.0

    @property
    def length_px(self) -> float:
        return math.dist(self.tip_px, self.root_px)

    @property
    def axis_rad(self) -> float:
        """Direction from root to tip."""
        return math.atan2(self.tip_px[1] - self.root_px[1], self.tip_px[0] - self.root_px[0])

    def turned(self, axis_rad: float) -> Shaft:
        """This shaft, root and tip exchanged where it points against `axis_rad`."""
        if math.cos(self.axis_rad - axis_rad) >= 0:
            return self
        return replace(self, tip_px=self.root_px, root_px=self.tip_px, at_border=False)


def straight_edges(grey: NDArray[np.uint8], diagonal: float) -> Float:
    """(n, 4) x0, y0, x1, y1 of the straight edges in a uint8 (h, w) picture, longest first.

    `diagonal` is that of the whole picture, of which `grey` may be a part.
    """
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    if found is None:
        return np.empty((0, 4))
    edges = np.asarray(found, float).reshape(-1, 4)
    length = np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1])
    keep = length >= SHORTEST_EDGE * diagonal
    return np.asarray(edges[keep][np.argsort(-length[keep])], float)


def find_shafts(
    edges: Float,
    size: tuple[int, int],
    diagonal: float,
    *,
    origin: Point = (0.0, 0.0),
    most: int = 12,
) -> list[Shaft]:
    """Bundles among `edges` (n, 4), the best supported first.

    They are sought in the part of a picture that begins at `origin` and has `size` (width, height); the
    whole picture's diagonal is `diagonal`.
    """
    pile = _Pile.of(edges)
    free = np.ones(len(edges), bool)
    shafts: list[Shaft] = []
    for seed in range(len(edges)):
        if len(shafts) >= 2 * most or pile.length[seed] < SEED_EDGE * diagonal:
            break
        if not free[seed]:
            continue
        free[seed] = False
        members = _bundle(pile, free, seed, diagonal)
        if len(members) < 2:
            continue
        shaft = _shaft(pile, members, origin, size, diagonal)
        if shaft is not None:
            free[members] = False
            shafts.append(shaft)
    shafts.sort(key=lambda s: -s.support_px)
    kept: list[Shaft] = []
    for shaft in shafts:
        if not any(lies_on(shaft.tip_px, shaft.axis_rad, other) for other in kept):
            kept.append(shaft)
    return kept[:most]


@dataclass(frozen=True, slots=True)
class _Pile:
    """Edges as `ends` (n, 2, 2), with their `middle` and `vector` (n, 2) and `length` (n,)."""

    edges: Float
    ends: Float
    middle: Float
    vector: Float
    length: Float

    @staticmethod
    def of(edges: Float) -> _Pile:
        ends = edges.reshape(-1, 2, 2)
        vector = ends[:, 1] - ends[:, 0]
        return _Pile(
            edges, ends, 0.5 * (ends[:, 0] + ends[:, 1]), vector, np.hypot(vector[:, 0], vector[:, 1])
        )


def lies_on(tip_px: Point, axis_rad: float | None, shaft: Shaft) -> bool:
    """Whether a tip so directed lies on `shaft`, short of its end: a part of the same thing."""
    if axis_rad is not None and abs(math.remainder(axis_rad - shaft.axis_rad, math.pi)) > PART_LEAN_RAD:
        return False
    c, s = math.cos(shaft.axis_rad), math.sin(shaft.axis_rad)
    dx, dy = tip_px[0] - shaft.tip_px[0], tip_px[1] - shaft.tip_px[1]
    return abs(dy * c - dx * s) < 0.7 * shaft.width_px + 3 and -shaft.length_px < dx * c + dy * s < 3


def _bundle(pile: _Pile, free: NDArray[np.bool_], seed: int, diagonal: float) -> NDArray[np.intp]:
    """Indices of the edges that run along the one at `seed`, itself included."""
    members = np.array([seed])
    wide = np.sin(math.radians(2.5 * LEAN_DEG)) * pile.length
    along = pile.vector[seed] / pile.length[seed]
    turned = np.abs(pile.vector[:, 0] * along[1] - pile.vector[:, 1] * along[0])
    here = np.flatnonzero(free & (turned < wide))
    for _ in range(3):
        middle, along = _axis(pile, members)
        across = np.array([-along[1], along[0]])
        away = pile.ends[here] - middle
        lateral = np.abs(away @ across).max(1)
        lean = np.abs(pile.vector[here] @ across)
        near = (lean < math.sin(math.radians(LEAN_DEG)) * pile.length[here]) & (
            lateral < 0.5 * WIDEST_SHAFT * diagonal
        )
        place = np.sort(away[near] @ along, axis=1)
        start = np.sort((pile.ends[seed] - middle) @ along)
        kept = here[near][_chained(place, start, LARGEST_GAP * diagonal)]
        again = np.union1d(kept, [seed])
        if len(again) == len(members) and (again == members).all():
            break
        members = again
    return members


def _axis(pile: _Pile, members: NDArray[np.intp]) -> tuple[Float, Float]:
    """A point on the bundle's middle line and its unit direction, by length."""
    weight = pile.length[members]
    middle = weight @ pile.middle[members] / weight.sum()
    vectors = pile.vector[members]
    total = np.where(vectors @ vectors[0] < 0, -1.0, 1.0) @ vectors
    return middle, total / math.hypot(*total)


def _chained(place: Float, start: Float, gap: float) -> NDArray[np.bool_]:
    """Which intervals (n, 2) join up with `start` (2,) without a gap larger than `gap`."""
    low, high = start
    while True:
        joined = (place[:, 0] <= high + gap) & (place[:, 1] >= low - gap)
        new_low = min(low, place[joined, 0].min(initial=low))
        new_high = max(high, place[joined, 1].max(initial=high))
        if new_low == low and new_high == high:
            return np.asarray(joined)
        low, high = new_low, new_high


def _shaft(
    pile: _Pile, members: NDArray[np.intp], origin: Point, size: tuple[int, int], diagonal: float
) -> Shaft | None:
    middle, along = _axis(pile, members)
    across = np.array([-along[1], along[0]])
    ends = pile.ends[members] - middle
    place = ends @ along
    lateral = ends @ across
    low, high = float(place.min()), float(place.max())
    if high - low < SHORTEST_SHAFT * diagonal:
        return None
    width = float(lateral.max() - lateral.min())
    support = float(np.abs(place[:, 1] - place[:, 0]).sum())
    if support < 1.3 * (high - low):  # one edge alone: a border between two areas
        return None
    a, b = (_end(middle, along, across, place, lateral, at, diagonal) for at in (low, high))
    x, y = origin
    gaps = [min(p[0] - x, p[1] - y, x + size[0] - 1 - p[0], y + size[1] - 1 - p[1]) for p in (a, b)]
    at_border = min(gaps) < AT_BORDER * diagonal
    if at_border:
        root, tip = (a, b) if gaps[0] < gaps[1] else (b, a)
        if max(gaps) < AT_BORDER * diagonal:  # across the whole picture: no end in view
            return None
    else:
        ways = [_way_out(a, -along, origin, size), _way_out(b, along, origin, size)]
        if min(ways) < NEARER * max(ways):
            from_a = ways[0] < ways[1]
        else:
            from_a = _clutter(pile, members, a, diagonal) > _clutter(pile, members, b, diagonal)
        root, tip = (a, b) if from_a else (b, a)
    return Shaft(
        (float(tip[0]), float(tip[1])),
        (float(root[0]), float(root[1])),
        width,
        support,
        at_border,
        pile.edges[members],
    )


def _end(
    middle: Float, along: Float, across: Float, place: Float, lateral: Float, at: float, diagonal: float
) -> Float:
    """The bundle's end at `at` along the axis: in the middle of the edges that reach it."""
    near = np.abs(place - at) < 0.015 * diagonal
    return np.asarray(middle + along * at + across * lateral[near].mean(), float)


def _way_out(end: Float, outward: Float, origin: Point, size: tuple[int, int]) -> float:
    """How far it is from an end, on along the axis, to the border."""
    ways = [
        (low + (extent - 1 if step > 0 else 0) - at) / step
        for at, step, low, extent in zip(end, outward, origin, size, strict=True)
        if abs(step) > 1e-9
    ]
    return float(min(ways))


def _clutter(pile: _Pile, members: NDArray[np.intp], end: Float, diagonal: float) -> float:
    """Length of other edges around an end: a hand has many, the tissue before a tip has few."""
    near = np.hypot(*(pile.middle - end).T) < HAND * diagonal
    near[members] = False
    return float(pile.length[near].sum())
