"""Sub-pixel motion of points from one picture to the next, and the rigid motion behind it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Flags = NDArray[np.bool_]
Grey = NDArray[np.uint8]

WINDOW_PX = 21
THERE_AND_BACK_PX = 0.5  # a point that does not come back to where it was is lost
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.005)
_BACK_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)


def flow(
    before: Grey, now: Grey, points: Float, guess: Float, *, reach_px: int, window_px: int = WINDOW_PX
) -> tuple[Float, Flags]:
    """Where `points` (n, 2) of `before` are in `now`, and which of them were followed there and back.

    `guess` (n, 2) is where they are expected, right to within `reach_px`. Pyramidal Lucas-Kanade on the
    part of both pictures that holds the points.
    """
    if len(points) == 0:
        return points, np.zeros(0, bool)
    margin = reach_px + window_px
    both = np.concatenate([points, guess])
    h, w = before.shape
    x0, y0 = np.maximum(both.min(0) - margin, 0).astype(int)
    x1, y1 = np.minimum(both.max(0) + margin + 1, [w, h]).astype(int)
    if x1 - x0 <= window_px or y1 - y0 <= window_px:
        return points, np.zeros(len(points), bool)
    a, b = before[y0:y1, x0:x1], now[y0:y1, x0:x1]
    origin = np.array([x0, y0])
    levels = max(0, int(np.ceil(np.log2(max(reach_px, 1) / (window_px / 3)))))
    start = (points - origin).astype(np.float32).reshape(-1, 1, 2)
    first = (guess - origin).astype(np.float32).reshape(-1, 1, 2)
    size: Any = {"winSize": (window_px, window_px), "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    there, seen, _ = cv2.calcOpticalFlowPyrLK(a, b, start, first, maxLevel=levels, criteria=_CRITERIA, **size)
    # On all levels, too: without them a point that went astray far off may seem to come back.
    back, seen_back, _ = cv2.calcOpticalFlowPyrLK(
        b, a, there, start.copy(), maxLevel=levels, criteria=_BACK_CRITERIA, **size
    )
    astray = np.hypot(*(back - start).reshape(-1, 2).T)
    good = (seen.ravel() > 0) & (seen_back.ravel() > 0) & (astray < THERE_AND_BACK_PX)
    moved = there.reshape(-1, 2).astype(np.float64) + origin
    good &= (moved >= 0).all(1) & (moved[:, 0] <= w - 1) & (moved[:, 1] <= h - 1)
    return moved, good


def fit_rigid(before: Float, after: Float, weight: Float | None = None) -> Float:
    """(2, 3) rotation and translation that takes `before` (n, 2) to `after`, least squares (Kabsch)."""
    p, q = (np.ascontiguousarray(some, np.float64).view(np.complex128).ravel() for some in (before, after))
    w = np.ones(len(p)) if weight is None else weight
    w = w / w.sum()
    p_mid, q_mid = complex(w @ p), complex(w @ q)
    turn = complex(np.vdot(w * (p - p_mid), q - q_mid))
    turn = turn / abs(turn) if turn else 1.0 + 0.0j
    shift = q_mid - turn * p_mid
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def upper_median(values: NDArray[np.floating[Any]]) -> float:
    """Of values (n,), the upper one of two middle values: a tenth of what np.median takes."""
    half = len(values) // 2
    return float(np.partition(values, half)[half])


def apply(matrix: Float, points: Float) -> Float:
    """Points (n, 2) or (2,) under a (2, 3) matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], float)


def agreeing(before: Float, after: Float, within_px: float) -> Flags:
    """Which of the pairs follow the rigid motion that most of them share (RANSAC, deterministic)."""
    if len(before) < 3:
        return np.zeros(len(before), bool)
    cv2.setRNGSeed(7)
    # Only who agrees counts here: the motion itself is not refined.
    _, inside = cv2.estimateAffinePartial2D(
        before,
        after,
        method=cv2.RANSAC,
        ransacReprojThreshold=within_px,
        maxIters=200,
        confidence=0.995,
        refineIters=0,
    )
    if inside is None:
        return np.zeros(len(before), bool)
    return np.asarray(inside.ravel() > 0)
