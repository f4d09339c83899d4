"""The line that stitches are measured against: a smooth plane curve with arc length and signed distance.

A plane is anything with x right and y down: pixels, or millimetres on the wound plane. Signed
distances are negative left of the curve walking from its first to its last point, positive right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MAX_POINTS = 96  # a longer polyline is thinned by averaging before it is smoothed
SAMPLES = 256  # of the smooth curve; its sagitta is then far below any point's uncertainty
END_SHARE = 0.05  # share of the length over which the direction of a straight extension is taken


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve as a dense polyline (m, 2) with the arc length (m,) of its points, from 0 to `length`."""

    points: FloatArray
    arc: FloatArray
    extended: FloatArray = field(init=False)
    extended_arc: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        line, arc = self._extended()
        object.__setattr__(self, "extended", line)
        object.__setattr__(self, "extended_arc", arc)

    @property
    def length(self) -> float:
        return float(self.arc[-1])

    def project(self, points: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Arc length (k,) of the foot points of (k, 2) points, and their signed distances (k,).

        Straight on beyond both ends: arc lengths below 0 and above `length` are possible.
        """
        p = np.asarray(points, np.float64).reshape(-1, 2)
        line, arc = self.extended, self.extended_arc
        start, step = line[:-1], np.diff(line, axis=0)
        squared = (step**2).sum(1)
        offset = p[:, None] - start
        along = (offset * step).sum(2) / squared
        low, high = np.zeros(len(step)), np.ones(len(step))
        low[0], high[-1] = -np.inf, np.inf
        along = np.clip(along, low, high)
        gap = offset - along[..., None] * step
        best = np.argmin((gap**2).sum(2), axis=1)
        rows = np.arange(len(p))
        foot_share, away, tangent = along[rows, best], gap[rows, best], step[best]
        side = np.sign(tangent[:, 0] * away[:, 1] - tangent[:, 1] * away[:, 0])
        return arc[best] + foot_share * np.sqrt(squared[best]), side * np.hypot(away[:, 0], away[:, 1])

    def at(self, u: ArrayLike) -> FloatArray:
        """Points (k, 2) at the arc lengths `u` (k,), on the straight extensions beyond the ends."""
        line, arc = self.extended, self.extended_arc
        s = np.asarray(u, np.float64).reshape(-1)
        inside = np.column_stack([np.interp(s, arc, line[:, 0]), np.interp(s, arc, line[:, 1])])
        before, after = np.minimum(s - arc[0], 0.0), np.maximum(s - arc[-1], 0.0)
        ahead: FloatArray = before[:, None] * _direction(line[:2]) + after[:, None] * _direction(line[-2:])
        return np.asarray(inside + ahead, np.float64)

    def tangent(self, u: ArrayLike, half_window: ArrayLike) -> FloatArray:
        """Unit tangents (k, 2) at `u`, each the chord over plus-minus `half_window` of arc length.

        Taken over the breadth of a stitch the direction is that of the wound there, not of its jitter.
        """
        s, w = np.asarray(u, np.float64), np.asarray(half_window, np.float64)
        chord = self.at(s + w) - self.at(s - w)
        unit: FloatArray = chord / np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-12)[:, None]
        return unit

    def _extended(self) -> tuple[FloatArray, FloatArray]:
        reach = max(END_SHARE * self.length, 1e-9)
        k = max(1, int(np.searchsorted(self.arc, reach)))
        first = self.points[0] - self.length * _direction(self.points[: k + 1])
        last = self.points[-1] + self.length * _direction(self.points[-k - 1 :])
        line = np.vstack([first, self.points, last])
        return line, np.concatenate([[-self.length], self.arc, [2 * self.length]])


def smooth_curve(points: ArrayLike, sd: float) -> Curve | None:
    """The smoothest curve that the points (n, 2), each off by `sd` across the line, allow.

    Exactly through them where `sd` is 0. None where they are no line: fewer than two distinct
    points, or a length below a nanounit. Whittaker smoothing (second divided differences) of the
    least predicted error (Mallows' Cp, the noise being known); between the points a natural spline.
    """
    p = np.asarray(points, np.float64).reshape(-1, 2)
    if not np.isfinite(p).all():
        return None
    p = _thin(_distinct(p))
    if len(p) < 2:
        return None
    s = _chords(p)
    smooth = _whittaker(s, p, sd) if sd > 0 and len(p) > 2 else p
    u = np.linspace(0.0, s[-1], SAMPLES)
    dense = _natural_spline(s, smooth, u)
    return Curve(dense, _chords(dense))


def row_axis(middles: ArrayLike) -> Curve | None:
    """A stand-in for an unseen incision: the line through stitch middles (n, 2) in any order.

    Straight below five stitches, a parabola from five on. Runs left to right (top to bottom where
    the row is steeper than 45 degrees). None below two distinct middles.
    """
    m = np.asarray(middles, np.float64).reshape(-1, 2)
    if len(m) < 2:
        return None
    centre = m.mean(0)
    _, spread, axes = np.linalg.svd(m - centre)
    if spread[0] < 1e-9:
        return None
    axis = axes[0] * (1.0 if axes[0][np.argmax(np.abs(axes[0]))] > 0 else -1.0)
    normal = np.array([-axis[1], axis[0]])
    x, y = (m - centre) @ axis, (m - centre) @ normal
    fit = np.polynomial.Polynomial.fit(x, y, 2 if len(m) >= 5 else 1)
    at = np.linspace(x.min(), x.max(), SAMPLES)
    dense = centre + at[:, None] * axis + fit(at)[:, None] * normal
    return Curve(dense, _chords(dense))


def _direction(points: FloatArray) -> FloatArray:
    chord = points[-1] - points[0]
    unit: FloatArray = chord / max(float(np.hypot(chord[0], chord[1])), 1e-12)
    return unit


def _chords(points: FloatArray) -> FloatArray:
    step = np.diff(points, axis=0)
    return np.concatenate([[0.0], np.cumsum(np.hypot(step[:, 0], step[:, 1]))])


def _distinct(points: FloatArray) -> FloatArray:
    if len(points) < 2:
        return points
    step = np.diff(points, axis=0)
    return np.asarray(points[np.concatenate([[True], np.hypot(step[:, 0], step[:, 1]) > 1e-9])], np.float64)


def _thin(points: FloatArray) -> FloatArray:
    """Means of neighbouring points, both ends kept, where there are more than MAX_POINTS."""
    if len(points) <= MAX_POINTS:
        return points
    groups = np.array_split(points[1:-1], MAX_POINTS - 2)
    return np.vstack([points[:1], *[g.mean(0, keepdims=True) for g in groups], points[-1:]])


def _whittaker(s: FloatArray, y: FloatArray, sd: float) -> FloatArray:
    n = len(s)
    h = np.diff(s)
    bend = np.zeros((n - 2, n))
    for i in range(n - 2):  # second divided difference, weighted to an integral over arc length
        width = 0.5 * (h[i] + h[i + 1])
        bend[i, i : i + 3] = np.array([1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1]]) / np.sqrt(width)
    values, vectors = np.linalg.eigh(bend.T @ bend)
    values = np.maximum(values, 0.0)
    values[:2] = 0.0  # straight lines are free
    unit = 1.0 / max(float(np.median(values[2:])), 1e-30)
    kept = 1 / (1 + unit * np.logspace(8, -12, 81)[:, None] * values)  # (strengths, n)
    smooth: FloatArray = vectors @ (kept[:, :, None] * (vectors.T @ y))
    off = ((y - smooth) * _normals(y)).sum(2)
    best: FloatArray = smooth[((off**2).mean(1) + 2 * sd**2 * kept.mean(1)).argmin()]
    return best


def _normals(points: FloatArray) -> FloatArray:
    """Unit normals (n, 2) of a polyline, from chords wide enough not to follow its jitter."""
    n = len(points)
    reach = max(1, n // 8)
    at = np.arange(n)
    chord = points[np.minimum(at + reach, n - 1)] - points[np.maximum(at - reach, 0)]
    chord /= np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-12)[:, None]
    return np.column_stack([-chord[:, 1], chord[:, 0]])


def _natural_spline(s: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Natural cubic spline through y (n, 2) at knots s (n,), evaluated at `at` (m,)."""
    n = len(s)
    h = np.diff(s)
    second = np.zeros_like(y)
    if n > 2:
        a = np.diag((h[:-1] + h[1:]) / 3) + np.diag(h[1:-1] / 6, 1) + np.diag(h[1:-1] / 6, -1)
        slope = np.diff(y, axis=0) / h[:, None]
        second[1:-1] = np.linalg.solve(a, np.diff(slope, axis=0))
    k = np.clip(np.searchsorted(s, at, side="right") - 1, 0, n - 2)
    left = ((s[k + 1] - at) / h[k])[:, None]
    right = 1 - left
    bow = (left**3 - left) * second[k] + (right**3 - right) * second[k + 1]
    result: FloatArray = left * y[k] + right * y[k + 1] + bow * (h[k] ** 2 / 6)[:, None]
    return result
