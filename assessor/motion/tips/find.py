"""Shafts in the whole picture, those set apart that stay where they are."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .shafts import Float, Shaft, find_shafts, straight_edges

LOOK_SIDE_PX = 640  # longest side of the picture that is searched
SETTLES_S = 2.0  # after which an edge that stays counts as background
SETTLED = 0.6
BAR_RANGE = 12  # grey levels: a bar beside or above the picture is even


class Finder:
    """Looks for shafts in pictures of one view."""

    def __init__(self) -> None:
        self._settled: NDArray[np.float32] | None = None
        self._last_s = 0.0

    def shafts(self, grey: NDArray[np.uint8], t_s: float) -> list[Shaft]:
        """Shafts in a uint8 (h, w) picture, in its pixels, best first: of edges not known to stay put."""
        x0, y0, x1, y1 = picture_area(grey)
        part = grey[y0:y1, x0:x1]
        shrink = min(1.0, LOOK_SIDE_PX / max(part.shape))
        size = (round(part.shape[1] * shrink), round(part.shape[0] * shrink))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA) if shrink < 1 else part
        edges = straight_edges(np.asarray(small, np.uint8))
        young = self._young(edges, size, t_s)
        shafts = find_shafts(edges[young], size)
        return [_scaled(s, part.shape[1] / size[0], part.shape[0] / size[1], x0, y0) for s in shafts]

    def _young(self, edges: Float, size: tuple[int, int], t_s: float) -> NDArray[np.bool_]:
        """Which edges lie where none was lately; remembers these ones."""
        shape = (size[1] // 2 + 1, size[0] // 2 + 1)
        drawn = np.zeros(shape, np.uint8)
        for x0, y0, x1, y1 in np.rint(edges / 2).astype(int):
            cv2.line(drawn, (x0, y0), (x1, y1), 1, 3)
        if self._settled is None or self._settled.shape != shape:
            self._settled = np.zeros(shape, np.float32)
            self._last_s = t_s
        along = np.linspace(0.05, 0.95, 12)
        x = edges[:, :1] + (edges[:, 2:3] - edges[:, :1]) * along
        y = edges[:, 1:2] + (edges[:, 3:4] - edges[:, 1:2]) * along
        before = self._settled[np.rint(y / 2).astype(int), np.rint(x / 2).astype(int)].mean(1)
        share = 1 - math.exp(-(t_s - self._last_s) / SETTLES_S)
        cv2.accumulateWeighted(drawn.astype(np.float32), self._settled, share)
        self._last_s = t_s
        return np.asarray(before < SETTLED)


def picture_area(grey: NDArray[np.uint8]) -> tuple[int, int, int, int]:
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


def _scaled(shaft: Shaft, sx: float, sy: float, x0: int, y0: int) -> Shaft:
    """In pixels of the full picture (pixel centres at whole numbers)."""

    def place(p: tuple[float, float]) -> tuple[float, float]:
        return ((p[0] + 0.5) * sx - 0.5 + x0, (p[1] + 0.5) * sy - 0.5 + y0)

    grow = math.sqrt(sx * sy)
    return replace(
        shaft,
        tip_px=place(shaft.tip_px),
        root_px=place(shaft.root_px),
        width_px=shaft.width_px * grow,
        support_px=shaft.support_px * grow,
        edges=shaft.edges * np.array([sx, sy, sx, sy]) + np.array([x0, y0, x0, y0]),
    )
