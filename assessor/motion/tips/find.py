"""Shafts in the whole picture or near a tip, what stays where it is set apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.results import Point

from .shafts import Float, Shaft, find_shafts, straight_edges

LOOK_SIDE_PX = 640  # longest side of the picture that is searched
MEMORY_S = 10.0  # over which it is remembered where edges are
SETTLED = 0.45  # share of that time, or of the time since the start, after which an edge is background
NEAR = 0.17  # of the diagonal: half the side of the square looked at around a known tip
BAR_RANGE = 12  # grey levels: a bar beside or above the picture is even

Grey = NDArray[np.uint8]
Map = NDArray[np.float32]


class Finder:
    """Looks for shafts in pictures of one view; remembers where edges stay."""

    def __init__(self, grey: Grey) -> None:
        """`grey` uint8 (h, w): the first picture."""
        self._x0, self._y0, self._x1, self._y1 = picture_area(grey)
        longest = max(self._x1 - self._x0, self._y1 - self._y0)
        self._shrink = min(1.0, LOOK_SIDE_PX / longest)
        self._size = (
            round((self._x1 - self._x0) * self._shrink),
            round((self._y1 - self._y0) * self._shrink),
        )
        shape = (self._size[1] // 2 + 1, self._size[0] // 2 + 1)
        self._settled: Map = np.zeros(shape, np.float32)
        self._last_s: float | None = None
        self._watched_s = 0.0  # time between looks so far

    def everywhere(
        self, grey: Grey, t_s: float, held: Sequence[NDArray[np.int32]], *, still: bool
    ) -> tuple[list[Shaft], list[Shaft]]:
        """Shafts in a uint8 (h, w) picture, in its pixels, best first: of moving edges; if `still`, of all.

        `held`: polygons (n, 2) around known instruments: not found again, and never background.
        """
        part = grey[self._y0 : self._y1, self._x0 : self._x1]
        small = cv2.resize(part, self._size, interpolation=cv2.INTER_AREA) if self._shrink < 1 else part
        edges = straight_edges(np.asarray(small, np.uint8), self._diagonal)
        settled = _share(self._settled, edges) if self._watched_s > 0 else np.ones(len(edges))
        young = settled < SETTLED if self._watched_s > 0 else settled > 0
        taken = np.zeros(self._settled.shape, np.uint8)
        for polygon in held:
            cv2.fillPoly(taken, [self._on_map(polygon)], 1)
        young &= _share(taken.astype(np.float32), edges) < 0.5
        self._remember(edges, t_s, taken)
        moving, every = (
            [_dated(shaft, edges, settled) for shaft in find_shafts(some, self._size, self._diagonal)]
            for some in (edges[young], edges if still else edges[:0])
        )
        return [self._in_full(s) for s in moving], [self._in_full(s) for s in every]

    def near(self, grey: Grey, tip_px: Point) -> list[Shaft]:
        """Shafts in the square around `tip_px` of a uint8 (h, w) picture, in the picture's pixels."""
        reach = NEAR * self._diagonal / self._shrink
        x0, x1 = (int(np.clip(tip_px[0] + d, self._x0, self._x1)) for d in (-reach, reach))
        y0, y1 = (int(np.clip(tip_px[1] + d, self._y0, self._y1)) for d in (-reach, reach))
        size = (round((x1 - x0) * self._shrink), round((y1 - y0) * self._shrink))
        if min(size) < 24:
            return []
        part = grey[y0:y1, x0:x1]
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA) if self._shrink < 1 else part
        origin = np.array([x0 - self._x0, y0 - self._y0] * 2) * self._shrink
        edges = straight_edges(np.asarray(small, np.uint8), self._diagonal) + origin
        young = _share(self._settled, edges) < SETTLED
        frame = (float(origin[0]), float(origin[1]))
        return [
            self._in_full(s) for s in find_shafts(edges[young], size, self._diagonal, origin=frame, most=6)
        ]

    def release(self, polygon: NDArray[np.int32]) -> None:
        """What lies in `polygon` (n, 2) turned out to be an instrument: nothing there is background."""
        cv2.fillPoly(self._settled, [self._on_map(polygon)], 0)

    def _on_map(self, polygon: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.rint((polygon - [self._x0, self._y0]) * (self._shrink / 2)).astype(np.int32)

    @property
    def watched_s(self) -> float:
        return self._watched_s

    @property
    def _diagonal(self) -> float:
        return math.hypot(*self._size)

    def _remember(self, edges: Float, t_s: float, taken: NDArray[np.uint8]) -> None:
        drawn = np.zeros(self._settled.shape, np.uint8)
        for x0, y0, x1, y1 in np.rint(edges / 2).astype(int):
            cv2.line(drawn, (x0, y0), (x1, y1), 1, 3)
        drawn[taken > 0] = 0
        if self._last_s is not None:
            self._watched_s += t_s - self._last_s
            share = (t_s - self._last_s) / min(self._watched_s, MEMORY_S)
            cv2.accumulateWeighted(drawn.astype(np.float32), self._settled, min(1.0, share))
        self._last_s = t_s

    def _in_full(self, shaft: Shaft) -> Shaft:
        """In pixels of the full picture (pixel centres at whole numbers)."""
        grow = 1 / self._shrink
        move = np.array([self._x0, self._y0]) + 0.5 * grow - 0.5
        tip, root = np.array(shaft.tip_px) * grow + move, np.array(shaft.root_px) * grow + move
        return replace(
            shaft,
            tip_px=(float(tip[0]), float(tip[1])),
            root_px=(float(root[0]), float(root[1])),
            width_px=shaft.width_px * grow,
            support_px=shaft.support_px * grow,
            edges=shaft.edges * grow + np.tile(move, 2),
        )


def _share(drawn: Map, edges: Float) -> Float:
    """Mean of a half-size map along each edge (n, 4) -> (n,)."""
    along = np.linspace(0.05, 0.95, 12)
    x = edges[:, :1] + (edges[:, 2:3] - edges[:, :1]) * along
    y = edges[:, 1:2] + (edges[:, 3:4] - edges[:, 1:2]) * along
    h, w = drawn.shape
    row, column = np.rint(y / 2).astype(int).clip(0, h - 1), np.rint(x / 2).astype(int).clip(0, w - 1)
    return np.asarray(drawn[row, column].mean(1), float)


def _dated(shaft: Shaft, edges: Float, settled: Float) -> Shaft:
    mine = np.array([np.flatnonzero((edges == edge).all(1))[0] for edge in shaft.edges])
    length = np.hypot(*(shaft.edges[:, 2:] - shaft.edges[:, :2]).T)
    return replace(shaft, settled=float(np.average(settled[mine], weights=length)))


def picture_area(grey: Grey) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the picture without even bars at its sides, as video calls add them."""
    thin = grey[::4, ::4].astype(np.int16)
    columns = np.flatnonzero(np.ptp(thin, axis=0) > BAR_RANGE)
    rows = np.flatnonzero(np.ptp(thin, axis=1) > BAR_RANGE)
    h, w = grey.shape
    if len(columns) < 16 or len(rows) < 16:
        return 0, 0, w, h
    x0, x1 = (0 if columns[0] == 0 else 4 * columns[0] + 2), min(w, 4 * columns[-1] + 4)
    y0, y1 = (0 if rows[0] == 0 else 4 * rows[0] + 2), min(h, 4 * rows[-1] + 4)
    return int(x0), int(y0), int(x1), int(y1)
