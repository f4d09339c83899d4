"""Free thread ends: from each knot along the tail map, as far as one knot alone can claim it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.networks import Array

Points = NDArray[np.float64]
_SEEN = 0.5
_KNOT_CELLS = 2.5  # radius of a knot on the half-resolution map
_REACH_CELLS = 3.0  # how far from a knot's edge its tail may begin
_LEAST_CELLS = 4


def tail_lengths(heat: Array, knots: list[Points], covered: NDArray[np.bool_]) -> list[tuple[float, ...]]:
    """Path length in cells, knot centre to free end, of the tails each knot (2,) has; () where none is sure.

    A tail that more than one knot could own, or that leaves the picture, is left out.
    """
    found: list[list[float]] = [[] for _ in knots]
    if not knots:
        return []
    mask = (heat > _SEEN).astype(np.uint8)
    centres = np.array(knots)
    for x, y in centres:
        cv2.circle(mask, (round(float(x)), round(float(y))), round(_KNOT_CELLS), 0, -1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for k in range(1, count):
        if stats[k, cv2.CC_STAT_AREA] < _LEAST_CELLS:
            continue
        y, x = np.nonzero(labels == k)
        if _leaves(x, y, covered):
            continue
        pixels = np.stack([x, y], 1).astype(float)
        distance = np.linalg.norm(pixels[None] - centres[:, None], axis=2)
        owners = np.flatnonzero(distance.min(1) < _KNOT_CELLS + _REACH_CELLS)
        if len(owners) == 1:
            owner = int(owners[0])
            found[owner].append(_path_length(pixels, centres[owner]))
    return [tuple(f) for f in found]


def _leaves(x: NDArray[np.intp], y: NDArray[np.intp], covered: NDArray[np.bool_]) -> bool:
    h, w = covered.shape
    at_edge = (x < 2) | (y < 2) | (x > w - 3) | (y > h - 3)
    return bool(at_edge.any() or not covered[y, x].all())


def _path_length(pixels: Points, start: Points) -> float:
    """Length of the path through a thin blob (n, 2) from `start`: middles of its rings, joined."""
    todo = {(int(px), int(py)) for px, py in pixels}
    ring = {min(todo, key=lambda p: (p[0] - start[0]) ** 2 + (p[1] - start[1]) ** 2)}
    todo -= ring
    rings = []
    while ring:
        rings.append(np.mean(list(ring), axis=0))
        ring = {
            p for x, y in ring for p in ((x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)) if p in todo
        }
        todo -= ring
    line = np.array([start, *rings[::3], rings[-1]])
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
