"""A wound's course as a smooth curve, its arc-length frame, and the strip of photo along it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """A polyline (n, 2) in pixels, dense enough to be read as a smooth curve."""

    points: Points

    @property
    def arc(self) -> Points:
        """Arc length at each point (n,)."""
        return np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))))

    @property
    def length(self) -> float:
        return float(self.arc[-1])

    def resampled(self, n: int) -> Curve:
        s = np.linspace(0, self.length, n)
        return Curve(self.at(s, np.zeros(n)))

    def at(self, along: Points, across: Points) -> Points:
        """Positions (..., 2) at arc length `along` (straight beyond the ends) and signed offset `across`
        (positive: right of the course, y down)."""
        base, normal = self.frame(along)
        result: Points = base + across[..., None] * normal
        return result

    def frame(self, along: Points) -> tuple[Points, Points]:
        """Positions (..., 2) on the course and its unit normals there, to the right of it."""
        arc, p = self.arc, self.points
        t = np.gradient(p, arc, axis=0)
        t /= np.linalg.norm(t, axis=1, keepdims=True)
        inside = np.clip(along, 0, arc[-1])
        base = np.stack([np.interp(inside, arc, p[:, k]) for k in (0, 1)], -1)
        tangent = np.stack([np.interp(inside, arc, t[:, k]) for k in (0, 1)], -1)
        tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
        base += (along - inside)[..., None] * tangent
        return base, np.stack([-tangent[..., 1], tangent[..., 0]], -1)

    def straightened(self) -> Curve:
        """The straight course that fits this one best."""
        mean = self.points.mean(0)
        axis = np.linalg.svd(self.points - mean)[2][0]
        reach = (self.points - mean) @ (axis if _forward(axis) else -axis)
        line = np.linspace(reach.min(), reach.max(), len(self.points))
        return Curve(mean + line[:, None] * (axis if _forward(axis) else -axis))

    def crossed(self, length: float) -> Curve:
        """A straight course of the given length square to this one, through its middle."""
        middle = self.length / 2
        reach = np.linspace(-length / 2, length / 2, 16)
        line = self.at(np.full(16, middle), reach)
        return Curve(line if _forward(line[-1] - line[0]) else line[::-1])

    def distance(self, points: Points) -> Points:
        """Distance of each point (m, 2) to the polyline (m,)."""
        a, d = self.points[:-1], np.diff(self.points, axis=0)
        r = points[:, None] - a[None]
        t = np.clip((r * d).sum(2) / np.maximum((d * d).sum(1), 1e-12), 0, 1)
        result: Points = np.linalg.norm(r - t[..., None] * d, axis=2).min(1)
        return result


def _forward(direction: Points) -> bool:
    """To the right, or up where it stands upright: then left on the pad is left in the picture."""
    x, y = float(direction[0]), float(direction[1])
    return x > 0 if abs(x) >= abs(y) else y < 0


def fit_curve(points: Points, weight: Points) -> Curve | None:
    """A cubic through weighted points (n, 2), as a function of the position on their long axis.

    None where there are too few points for any.
    """
    mean = np.average(points, axis=0, weights=weight)
    d = points - mean
    _, value, axes = np.linalg.svd(d * np.sqrt(weight / weight.sum())[:, None], full_matrices=False)
    if len(points) < 3 or value[0] < 1e-6:
        return None
    axis = axes[0] if _forward(axes[0]) else -axes[0]
    normal = np.array([-axis[1], axis[0]])
    s, v = d @ axis, d @ normal
    low, high = np.quantile(s, [0.005, 0.995])
    reach = max(high - low, 1e-6)
    degree = 3 if value[0] > 8 * value[1] else 2 if value[0] > 3 * value[1] else 1
    x = 2 * (s - low) / reach - 1
    # a weak ridge on the bending terms keeps short, noisy pieces straight
    basis = np.polynomial.legendre.legvander(x, degree)
    w = weight / weight.mean()
    ridge = np.diag([0, 0, *([0.02 * len(points)] * (degree - 1))])
    coefficients = np.linalg.solve(basis.T @ (basis * w[:, None]) + ridge, basis.T @ (w * v))
    grid = np.linspace(-1, 1, 48)
    course = np.polynomial.legendre.legval(grid, coefficients)
    along = low + (grid + 1) / 2 * reach
    return Curve(mean + along[:, None] * axis + course[:, None] * normal)


@dataclass(frozen=True, slots=True)
class Strip:
    """The photo along a curve, straightened: `bgr` (h, w, 3); `zoom` strip pixels a photo pixel."""

    bgr: NDArray[np.uint8]
    curve: Curve
    zoom: float
    start_px: float  # arc length of the strip's left edge, photo pixels
    covered: NDArray[np.bool_]  # (h, w): inside the photo

    def to_photo(self, points: Points) -> Points:
        """Strip pixels (..., 2) -> photo pixels."""
        along = self.start_px + points[..., 0] / self.zoom
        across = (points[..., 1] - (self.bgr.shape[0] - 1) / 2) / self.zoom
        return self.curve.at(along, across)


class Pyramid:
    """A photo (h, w, 3) and its halves, each made when first asked for: looking often costs little.

    Threads may share it.
    """

    def __init__(self, bgr: NDArray[np.uint8]) -> None:
        self._levels = [bgr]
        self._making = threading.Lock()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photo."""
        h, w = self._levels[0].shape[:2]
        return w, h

    def level(self, k: int) -> NDArray[np.uint8]:
        """The photo halved `k` times, by area, or fewer where it would vanish."""
        with self._making:
            while len(self._levels) <= k and min(self._levels[-1].shape[:2]) >= 8:
                last = self._levels[-1]
                h, w = last.shape[0] // 2, last.shape[1] // 2
                # an odd row or column is left out: a pixel is two everywhere, and halving is ten times faster
                half = cv2.resize(last[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA)
                self._levels.append(np.asarray(half, np.uint8))
            return self._levels[min(k, len(self._levels) - 1)]

    def halved(self, k: int) -> tuple[NDArray[np.uint8], float]:
        """`level(k)`, and what share of a pixel of its own one of the photo is."""
        part = self.level(k)
        return part, 2.0 ** round(np.log2(part.shape[1] / self.size[0]))

    def grey(self, k: int) -> NDArray[np.uint8]:
        """`level(k)` in grey (h, w). Pixel x of it lies at (x + 0.5) * 2**k - 0.5 of the photo."""
        return np.asarray(cv2.cvtColor(self.level(k), cv2.COLOR_BGR2GRAY), np.uint8)

    def sampled(self, where: Points, zoom: float) -> NDArray[np.uint8]:
        """The photo at positions (h, w, 2) that lie 1 / `zoom` of its pixels apart, (h, w, 3); beyond its
        border that is repeated."""
        part, share = self._fit_for(zoom)
        at = ((where + 0.5) * share - 0.5).astype(np.float32)
        out = cv2.remap(part, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.uint8)

    def warped(self, to_photo: Points, size: tuple[int, int], zoom: float) -> NDArray[np.uint8]:
        """A picture of `size` (height, width), likewise; `to_photo` (2, 3) leads from its pixels."""
        part, share = self._fit_for(zoom)
        to_part = share * to_photo
        to_part[:, 2] += 0.5 * share - 0.5
        how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        out = cv2.warpAffine(part, to_part, size[::-1], flags=how, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.uint8)

    def _fit_for(self, zoom: float) -> tuple[NDArray[np.uint8], float]:
        """The level whose pixels are nearest to 1 / `zoom` of the photo's, as fine detail would alias."""
        return self.halved(max(0, int(np.floor(np.log2(1 / zoom) + 0.6))))


def cut_strip(
    photo: Pyramid, curve: Curve, zoom: float, height: int, margin_px: float, max_width: int
) -> Strip:
    """Sample the strip `height` pixels high along `curve`, `margin_px` photo pixels beyond its ends."""
    width = int(np.ceil((curve.length + 2 * margin_px) * zoom / 32) * 32)
    width = min(max(width, 64), max_width)
    start = curve.length / 2 - width / zoom / 2
    x = start + np.arange(width) / zoom
    y = (np.arange(height) - (height - 1) / 2) / zoom
    base, normal = curve.frame(x)
    # an axis at a time: over a last one of two numpy takes five times as long
    where = np.stack([base[:, k] + y[:, None] * normal[:, k] for k in (0, 1)], -1)
    w, h = photo.size
    covered = (
        (where[..., 0] > -0.5)
        & (where[..., 0] < w - 0.5)
        & (where[..., 1] > -0.5)
        & (where[..., 1] < h - 0.5)
    )
    return Strip(photo.sampled(where, zoom), curve, zoom, start, covered)
