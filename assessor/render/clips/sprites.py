"""Pictures with soft edges that are laid over a frame at any sub-pixel place and angle.

OpenCV's linear warp is exact to 1e-5 px from 5.0 on; before, it rounds to 1/32 px of the sprite, a hundredth
of a final pixel at SHARPNESS 3 (cubic and Lanczos still do). So: drawn finer, averaged over a final pixel's
area and the lens's blur once, then sampled linearly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from assessor.render.canvas import Array, Canvas, Points

SHARPNESS = 3  # sprite pixels a final pixel; odd, so that the averaging is centred


@dataclass(frozen=True, slots=True)
class Sprite:
    """Premultiplied float32 BGRA (h, w, 4), 0 to 255 and 0 to 1, drawn `sharpness` times too large.

    `origin` is the sprite's pixel that is laid on the given place: an instrument's tip.
    """

    bgra: Array
    origin: Points
    sharpness: int = SHARPNESS

    def placing(self, at_px: Points, angle_rad: float) -> Points:
        """The 2x3 map from sprite pixels to the frame: origin to `at_px` (2,), x axis turned by the angle."""
        c, s = np.cos(angle_rad) / self.sharpness, np.sin(angle_rad) / self.sharpness
        turn = np.array([[c, -s], [s, c]])
        place: Points = np.c_[turn, np.asarray(at_px, float) - turn @ self.origin]
        return place

    def lay(self, frame: Array, place: Points) -> None:
        """Blend over a float32 frame of planes (3, h, w), in place; planes are four times as fast."""
        x0, y0, x1, y1 = self.reach(place, frame.shape[2], frame.shape[1])
        if x0 >= x1 or y0 >= y1:
            return
        local = place.copy()
        local[:, 2] -= (x0, y0)
        over = cv2.warpAffine(self.bgra, local, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        *colours, alpha = cv2.split(over)
        through = 1 - alpha
        for plane, colour in zip(frame, colours, strict=True):
            roi = plane[y0:y1, x0:x1]
            roi *= through
            roi += colour

    def reach(self, place: Points, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of the frame it covers: x0, y0, x1, y1."""
        h, w = self.bgra.shape[:2]
        corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]]) @ place.T
        low, high = np.floor(corners.min(0)) - 1, np.ceil(corners.max(0)) + 2
        return max(int(low[0]), 0), max(int(low[1]), 0), min(int(high[0]), width), min(int(high[1]), height)

    def alpha_at(self, place: Points, point_px: Points) -> float:
        """How opaque it is at a point of the frame."""
        turn = np.asarray(np.linalg.inv(place[:, :2]), float)
        x, y = turn @ (np.asarray(point_px, float) - place[:, 2])
        if not (0 <= x < self.bgra.shape[1] - 1 and 0 <= y < self.bgra.shape[0] - 1):
            return 0.0
        return float(self.bgra[round(y), round(x), 3])


def draw_sprite(
    paint: Callable[[Canvas], None],
    box_mm: tuple[float, float, float, float],
    px_per_mm: float,
    blur_px: float,
    sharpness: int = SHARPNESS,
) -> Sprite:
    """A sprite of what `paint` puts on a canvas; `box_mm` is x0, y0, x1, y1, (0, 0) becomes the origin.

    `paint` must draw the same each time: it is asked twice, over black and over white, which gives the
    opacity of whatever it does.
    """
    x0, y0, x1, y1 = box_mm
    zoom = px_per_mm * sharpness
    size = (max(8, int(np.ceil((x1 - x0) * zoom))), max(8, int(np.ceil((y1 - y0) * zoom))))
    mm_to_px = np.array([[zoom, 0, -x0 * zoom], [0, zoom, -y0 * zoom], [0, 0, 1]])
    black, white = Canvas(*size, mm_to_px, supersample=1), Canvas(*size, mm_to_px, supersample=1)
    white.fine[:] = 255
    paint(black)
    paint(white)
    alpha = 1 - (white.fine - black.fine).mean(2, keepdims=True) / 255
    bgra = np.concatenate([black.fine, np.clip(alpha, 0, 1)], axis=2).astype(np.float32)
    edge = sharpness + round(3 * blur_px * sharpness)
    bgra = cv2.copyMakeBorder(bgra, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    return Sprite(soften(bgra, blur_px, sharpness), mm_to_px[:2, 2] + edge, sharpness)


def soften(fine: Array, blur_px: float, sharpness: int = SHARPNESS) -> Array:
    """What a pixel's area and the lens make of a picture drawn `sharpness` times too large."""
    soft = cv2.blur(fine, (sharpness, sharpness)) if sharpness > 1 else fine
    if blur_px > 0:
        soft = cv2.GaussianBlur(soft, (0, 0), blur_px * sharpness)
    return np.asarray(soft, np.float32)
