"""A picture to paint on in millimetres: soft-edged polygons and strokes under a camera homography."""

from __future__ import annotations

import copy

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Points = NDArray[np.float64]
Colour = tuple[float, float, float]
Paint = tuple[float, ...]  # a number for each channel of the canvas
_RING = np.stack([np.cos(np.arange(10) * np.pi / 5), np.sin(np.arange(10) * np.pi / 5)], 1)
_SHIFT = 4  # fractional bits of OpenCV's sub-pixel drawing


class Canvas:
    """A float32 BGR picture, 0 to 255, painted at `supersample` times its final size.

    With one channel it holds a mask or heights instead: a colour is then one number.

    `mm_to_px` is the 3x3 homography from the pad's plane in millimetres to final pixels
    (centre of the top-left pixel = (0, 0)).
    """

    def __init__(
        self, width: int, height: int, mm_to_px: Points, supersample: int = 2, channels: int = 3
    ) -> None:
        self.width, self.height, self.supersample = width, height, supersample
        self.mm_to_px = mm_to_px
        s = float(supersample)
        grow = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
        self._to_fine = grow @ mm_to_px
        self.fine: Array = np.zeros((height * supersample, width * supersample, channels), np.float32)

    def moved(self, place: Points) -> Canvas:
        """The same picture, painted on in other millimetres: `place` maps those to this canvas's."""
        other = copy.copy(self)
        other.mm_to_px, other._to_fine = self.mm_to_px @ place, self._to_fine @ place
        return other

    def project(self, points_mm: Points) -> Points:
        """(n, 2) millimetres on the pad -> (n, 2) final pixels."""
        return apply_homography(self.mm_to_px, points_mm)

    def pixels_per_mm(self, at_mm: Points) -> float:
        """Final pixels a millimetre around one point (2,)."""
        square = at_mm + np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]])
        p = self.project(square)
        return float(np.sqrt(abs(np.linalg.det(p[1:] - p[0]))) / 0.1)

    def polygon(self, points_mm: Points, colour: Paint, alpha: float = 1.0, blur_mm: float = 0.0) -> None:
        """Fill a closed polygon, its edge softened by a Gaussian of `blur_mm`."""
        self._blend([points_mm], colour, alpha, blur_mm)

    def stroke(
        self,
        line_mm: Points,
        width_mm: float | Points,
        colour: Paint,
        alpha: float = 1.0,
        blur_mm: float = 0.0,
    ) -> None:
        """Paint an open polyline (n, 2) of the given full width (one number or one a point)."""
        self._blend(stroke_polygons(line_mm, width_mm), colour, alpha, blur_mm)

    def disc(
        self, centre_mm: Points, radius_mm: float, colour: Paint, alpha: float = 1.0, blur_mm: float = 0.0
    ) -> None:
        """Fill a circle."""
        a = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        self.polygon(centre_mm + radius_mm * np.c_[np.cos(a), np.sin(a)], colour, alpha, blur_mm)

    def multiply(self, field: Array) -> None:
        """Multiply the picture by a light field, (h, w) or (h, w, 3) of any size: it is resized."""
        size = (self.fine.shape[1], self.fine.shape[0])
        f = cv2.resize(field, size, interpolation=cv2.INTER_LINEAR)
        self.fine *= f if f.ndim == 3 else f[:, :, None]

    def blend_mask(self, mask: Array, colour: Colour) -> None:
        """Blend a colour over the whole picture through a mask (h, w), 0 to 1, of the fine size."""
        self.fine += (np.asarray(colour, np.float32) - self.fine) * mask[:, :, None]

    def picture(self) -> Array:
        """The final (height, width, 3) float32 picture."""
        if self.supersample == 1:
            return self.fine
        size = (self.width, self.height)
        return np.asarray(cv2.resize(self.fine, size, interpolation=cv2.INTER_AREA), np.float32)

    def _blend(self, polygons_mm: list[Points], colour: Paint, alpha: float, blur_mm: float) -> None:
        drawn = [apply_homography(self._to_fine, p) for p in polygons_mm if len(p) >= 3]
        if not drawn:
            return
        every = np.concatenate(drawn)
        if not np.isfinite(every).all():
            return
        sigma = 0.0
        if blur_mm > 0:
            at = polygons_mm[0].mean(0)
            sigma = min(blur_mm * self.pixels_per_mm(at) * self.supersample, 60.0)
        pad = int(3 * sigma) + 2
        h, w = self.fine.shape[:2]
        x0, y0 = np.floor(every.min(0)).astype(int) - pad
        x1, y1 = np.ceil(every.max(0)).astype(int) + pad + 1
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, w), min(y1, h)
        if x0 >= x1 or y0 >= y1:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for p in drawn:
            fixed = np.round((np.clip(p, -20000, 20000) - (x0, y0)) * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        weight = mask.astype(np.float32) * (alpha / 255.0)
        if sigma > 0.3:
            weight = cv2.GaussianBlur(weight, (0, 0), sigma)
        roi = self.fine[y0:y1, x0:x1]
        roi += (np.asarray(colour, np.float32) - roi) * weight[:, :, None]


def apply_homography(h: Points, points: Points) -> Points:
    """Map (n, 2) points through a 3x3 homography."""
    p = np.asarray(points, float)
    q = p @ h[:, :2].T + h[:, 2]
    result: Points = q[:, :2] / q[:, 2:]
    return result


def stroke_polygons(line: Points, width: float | Points) -> list[Points]:
    """The outline of a stroked polyline: a ribbon and two round caps."""
    line = np.asarray(line, float)
    half = np.broadcast_to(np.asarray(width, float) / 2, len(line))
    step = line[1:] - line[:-1]
    far = np.hypot(step[:, 0], step[:, 1]) > 1e-9
    if not far.all():
        keep = np.concatenate(([True], far))
        line, half = line[keep], half[keep]
        step = line[1:] - line[:-1]
    if len(line) < 2:
        return []
    d = np.concatenate((step[:1], step[1:] + step[:-1], step[-1:]))
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-12)[:, None]
    n = np.stack((-d[:, 1], d[:, 0]), 1) * half[:, None]
    ribbon = np.concatenate((line + n, (line - n)[::-1]))
    return [ribbon, line[0] + half[0] * _RING, line[-1] + half[-1] * _RING]


def smooth_curve(control: Points, n: int = 24) -> Points:
    """A smooth curve (n, 2) through two to five control points (Lagrange in chord length)."""
    control = np.asarray(control, float)
    t = np.r_[0, np.cumsum(np.linalg.norm(np.diff(control, axis=0), axis=1))]
    t = t / max(t[-1], 1e-9)
    x = np.linspace(0, 1, n)
    out = np.zeros((n, 2))
    for i in range(len(control)):
        basis = np.ones(n)
        for j in range(len(control)):
            if i != j:
                basis *= (x - t[j]) / (t[i] - t[j] if abs(t[i] - t[j]) > 1e-6 else 1e-6)
        out += basis[:, None] * control[i]
    return out
