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
SHORTEST_SHAFT = 0.10  # an instrument shows a tenth of the diagonal at least
WIDEST_SHAFT = 0.055  # a wide-open forceps, from arm to arm
LARGEST_GAP = 0.05  # a glint or a finger interrupts the edges of one instrument
AT_BORDER = 0.03
PART_LEAN_RAD = math.radians(15)
LEAN_DEG = 9.0  # of an edge against the axis: arms of forceps converge


@dataclass(frozen=True, slots=True)
class Shaft:
    """A bundle of edges: from `root_px` to `tip_px` (the end more likely to be free), `width_px` across.

    `edges` (n, 4) holds its straight edges x0, y0, x1, y1. `support_px` is the length of all of them along
    the axis, `fresh` the share of it that was not here at the look before. `at_border`: the root lies on the
    picture's border.
    """

    tip_px: Point
    root_px: Point
    width_px: float
    support_px: float
    at_border: bool
    edges: Float
    fresh: float = 0.0

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
    free = np.ones(len(edges), bool)
    shafts: list[Shaft] = []
    for seed in range(len(edges)):
        if len(shafts) >= 2 * most:
            break
        if not free[seed]:
            continue
        free[seed] = False
        members = _bundle(edges, free, seed, diagonal)
        if len(members) < 2:
            continue
        shaft = _shaft(edges[members], origin, size, diagonal)
        if shaft is not None:
            free[members] = False
            shafts.append(shaft)
    shafts.sort(key=lambda s: -s.support_px)
    kept: list[Shaft] = []
    for shaft in shafts:
        if not any(lies_on(shaft.tip_px, shaft.axis_rad, other) for other in kept):
            kept.append(shaft)
    return kept[:most]


def lies_on(tip_px: Point, axis_rad: float | None, shaft: Shaft) -> bool:
    """Whether a tip so directed lies on `shaft`, short of its end: a part of the same thing."""
    if axis_rad is not None and abs(math.remainder(axis_rad - shaft.axis_rad, math.pi)) > PART_LEAN_RAD:
        return False
    c, s = math.cos(shaft.axis_rad), math.sin(shaft.axis_rad)
    dx, dy = tip_px[0] - shaft.tip_px[0], tip_px[1] - shaft.tip_px[1]
    return abs(dy * c - dx * s) < 0.7 * shaft.width_px + 3 and -shaft.length_px < dx * c + dy * s < 3


def _bundle(edges: Float, free: NDArray[np.bool_], seed: int, diagonal: float) -> NDArray[np.intp]:
    """Indices of the edges that run along the one at `seed`, itself included."""
    members = np.array([seed])
    ends = edges.reshape(-1, 2, 2)
    vectors = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(vectors, axis=1)
    for _ in range(3):
        middle, along = _axis(edges[members])
        across = np.array([-along[1], along[0]])
        lean = np.abs(vectors @ across) / length
        lateral = np.abs((ends - middle) @ across).max(1)
        place = np.sort((ends - middle) @ along, axis=1)
        near = (lean < math.sin(math.radians(LEAN_DEG))) & (lateral < 0.5 * WIDEST_SHAFT * diagonal)
        near &= free
        near[seed] = True
        members = _chained(np.flatnonzero(near), place, seed, LARGEST_GAP * diagonal)
    return members


def _axis(edges: Float) -> tuple[Float, Float]:
    """A point on the bundle's middle line and its unit direction, by length."""
    ends = edges.reshape(-1, 2, 2)
    weight = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    middle = np.average(ends.mean(1), axis=0, weights=weight)
    vectors = ends[:, 1] - ends[:, 0]
    vectors = vectors * np.where(vectors @ vectors[0] < 0, -1, 1)[:, None]
    total = vectors.sum(0) * 1.0
    return middle, total / np.linalg.norm(total)


def _chained(members: NDArray[np.intp], place: Float, seed: int, gap: float) -> NDArray[np.intp]:
    """Those of `members` that join up with the seed along the axis without a gap larger than `gap`."""
    low, high = place[seed]
    kept = {seed}
    for order in (members[np.argsort(place[members, 0])], members[np.argsort(-place[members, 1])]):
        for k in order:
            if place[k, 0] <= high + gap and place[k, 1] >= low - gap:
                kept.add(int(k))
                low, high = min(low, place[k, 0]), max(high, place[k, 1])
    return np.array(sorted(kept))


def _shaft(edges: Float, origin: Point, size: tuple[int, int], diagonal: float) -> Shaft | None:
    middle, along = _axis(edges)
    across = np.array([-along[1], along[0]])
    ends = edges.reshape(-1, 2, 2) - middle
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
        root, tip = (a, b) if _spread(place, lateral, low) > _spread(place, lateral, high) else (b, a)
    return Shaft(
        (float(tip[0]), float(tip[1])), (float(root[0]), float(root[1])), width, support, at_border, edges
    )


def _end(
    middle: Float, along: Float, across: Float, place: Float, lateral: Float, at: float, diagonal: float
) -> Float:
    """The bundle's end at `at` along the axis: in the middle of the edges that reach it."""
    near = np.abs(place - at) < 0.015 * diagonal
    return np.asarray(middle + along * at + across * lateral[near].mean(), float)


def _spread(place: Float, lateral: Float, at: float) -> float:
    """How far apart the edges lie around the end at `at`: an instrument tapers towards its tip."""
    near = np.abs(place - at) < 0.35 * (place.max() - place.min())
    return float(np.ptp(lateral[near])) if near.any() else 0.0
