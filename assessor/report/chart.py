"""A plain chart on a canvas: axes with round ticks, lines, filled areas; what the motion plot is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from assessor.report import canvas
from assessor.report.canvas import Bgr, Box, Colour, Vec

PAPER: Colour = (250, 249, 246)
FAINT: Colour = (95, 98, 104)
GRID: Colour = (226, 225, 220)
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


def put_left(image: Bgr, x: float, y: float, text: str, size_px: int, colour: Colour) -> None:
    """Text that begins at x, its digits' middle at y."""
    wide, _ = canvas.text_size(text, size_px)
    canvas.put_text(image, np.array([x + wide / 2, y]), text, size_px, colour)


@dataclass(frozen=True, slots=True)
class Chart:
    """A panel: `box` is the area inside the axes, px; `x` and `y` are the ranges it shows."""

    image: Bgr
    box: Box
    x: tuple[float, float]
    y: tuple[float, float]
    text_px: int

    def at(self, x: Sequence[float] | Vec, y: Sequence[float] | Vec) -> Vec:
        """Data (n,) and (n,) -> canvas pixels (n, 2), held inside the box."""
        across = (np.asarray(x, float) - self.x[0]) / (self.x[1] - self.x[0])
        up = (np.asarray(y, float) - self.y[0]) / (self.y[1] - self.y[0])
        px = self.box.x0 + np.clip(across, 0, 1) * (self.box.x1 - self.box.x0)
        py = self.box.y1 - np.clip(up, 0, 1) * (self.box.y1 - self.box.y0)
        return np.stack([px, py], axis=1)

    def axes(self, title: str, x_label: str) -> None:
        """Grid, round numbers at it, a title above and the unit of x below."""
        size = round(self.text_px * 0.82)
        for value in ticks(*self.y, 4):
            (point,) = self.at([self.x[0]], [value])
            self._rule(np.array([[self.box.x0, point[1]], [self.box.x1, point[1]]]))
            text = number(value)
            wide, _ = canvas.text_size(text, size)
            put_left(self.image, self.box.x0 - wide - 0.5 * size, float(point[1]), text, size, FAINT)
        for value in ticks(*self.x, 7):
            (point,) = self.at([value], [self.y[0]])
            self._rule(np.array([[point[0], self.box.y0], [point[0], self.box.y1]]))
            below = np.array([point[0], self.box.y1 + 0.95 * size])
            canvas.put_text(self.image, below, number(value), size, FAINT)
        put_left(self.image, self.box.x0, self.box.y0 - 1.1 * self.text_px, title, self.text_px, canvas.INK)
        wide, _ = canvas.text_size(x_label, size)
        put_left(self.image, self.box.x1 - wide, self.box.y1 + 2.2 * size, x_label, size, FAINT)

    def line(
        self, x: Sequence[float], y: Sequence[float], colour: Colour, width: float, dash: float = 0
    ) -> None:
        if len(x) > 1:
            canvas.line(self.image, self.at(x, y), colour, width, dash=dash)

    def area(self, x: Sequence[float], y: Sequence[float], colour: Colour, share: float) -> None:
        """What lies below a curve, blended in by `share`."""
        if len(x) < 2:
            return
        base = self.at([x[-1], x[0]], [self.y[0], self.y[0]])
        outline = np.rint(np.concatenate([self.at(x, y), base]) * 16).astype(np.int32)
        filled = self.image.copy()
        cv2.fillPoly(filled, [outline], colour[::-1], cv2.LINE_AA, 4)
        self.image[:] = cv2.addWeighted(filled, share, self.image, 1 - share, 0)

    def _rule(self, points: Vec) -> None:
        canvas.line(self.image, points, GRID, max(1.0, self.text_px / 20))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers within a range, some `about` of them."""
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in _NICE if nice * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"
