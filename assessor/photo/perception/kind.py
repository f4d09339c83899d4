"""Which technique a strip looks like: a small network on the strip and on what the fine view saw on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.networks import Array, forward, sigmoid

CELL_PX = 16  # of the strip that one place of the network's answer stands for


def technique_input(bgr: NDArray[np.uint8], seen: Array) -> Array:
    """(19, h/2, w/2) 0 to 1: four pixels a place of a strip (h, w, 3), and `seen` (7, h/2, w/2)."""
    h, w = bgr.shape[0] // 2, bgr.shape[1] // 2
    four = bgr.reshape(h, 2, w, 2, 3).transpose(1, 3, 4, 0, 2).reshape(12, h, w) / np.float32(255)
    return np.concatenate([four, seen])


def technique_scores(given: Array, covered: NDArray[np.bool_]) -> Array:
    """Raw score of each of TECHNIQUES (10,) from `technique_input` and where the photo is (h, w).

    Every place votes as much as the network says that it counts.
    """
    maps = forward("technique", given[None])[0]
    half = CELL_PX // 2
    counts = sigmoid(maps[-1]) * np.maximum(covered[half::CELL_PX, half::CELL_PX], 1e-6)
    return np.asarray((maps[:-1] * counts).sum((1, 2)) / counts.sum(), np.float32)


def technique_log_p(scores: Array, sharpness: float) -> NDArray[np.float64]:
    """Log-probability of each of TECHNIQUES (..., 10); `sharpness` as calibrated."""
    z = sharpness * scores.astype(float)
    return np.asarray(z - np.logaddexp.reduce(z, axis=-1, keepdims=True), np.float64)
