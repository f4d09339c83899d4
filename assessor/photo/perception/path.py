"""The best way through a map from its left edge to its right one, a row a column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def best_path(gain: Points, step_cost: float = 0.4) -> NDArray[np.int64]:
    """The rows (w,) that together gain most of `gain` (h, w), a row up or down from column to column at most.

    Each such step costs `step_cost`. Dynamic programming, O(h w).
    """
    h, w = gain.shape
    columns = np.ascontiguousarray(gain.T)
    back = np.zeros((w, h), np.int8)
    fenced = np.full(h + 2, -np.inf)
    total, above, below = fenced[1:-1], fenced[:-2], fenced[2:]
    total[:] = columns[0]
    for x in range(1, w):
        other = np.maximum(above, below) - step_cost
        back[x] = (other > total) * np.where(above >= below, -1, 1)
        total[:] = np.maximum(total, other) + columns[x]
    path = np.zeros(w, np.int64)
    path[-1] = int(total.argmax())
    for x in range(w - 1, 0, -1):
        path[x - 1] = path[x] + back[x, path[x]]
    return path


def between_rows(path: NDArray[np.int64], weight: Points, reach: int = 3) -> Points:
    """Where between rows a path (w,) runs: the mean row within `reach` of it by `weight` (h, w), above 0."""
    h, w = weight.shape
    near = np.clip(path + np.arange(-reach, reach + 1)[:, None], 0, h - 1)
    share = weight[near, np.arange(w)]
    middles: Points = (share * near).sum(0) / share.sum(0)
    return middles
