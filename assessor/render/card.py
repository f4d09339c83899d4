"""The project's printed card lying on a pad, exactly to scale."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.markers import dictionary
from assessor.photo.scale.layout import MODULES, CardLayout
from assessor.render.canvas import Array, Canvas, Points

_PAPER, _INK, _SHADOW = 232.0, 32.0, 28.0
_MODULE_PX = 10  # of the card's own picture: its edges fall between its pixels, a tenth of a module at most


def draw_card(canvas: Canvas, card: CardLayout, card_to_mm: Points, light: Points) -> None:
    """Lay a card on the canvas; `card_to_mm` (3x3) maps the card's millimetres to the canvas's.

    It is warped from a picture of its own, not filled as polygons: OpenCV's polygons cover half a pixel
    more than they should on every side, which a small marker's size would show.
    """
    px_per_mm = MODULES * _MODULE_PX / card.marker_mm
    face, cover = _face(card, px_per_mm)
    s = 1 / px_per_mm
    face_to_card = np.array([[s, 0, s / 2], [0, s, s / 2], [0, 0, 1]])
    thickness = 0.15 + 0.02 * card.marker_mm
    fallen = np.array([[1, 0, light[0] * thickness], [0, 1, light[1] * thickness], [0, 0, 1]])
    shade = _warped(cover, canvas, fallen @ card_to_mm @ face_to_card)
    middle = np.array([card.width_mm / 2, card.height_mm / 2, 1.0])
    sigma = thickness * canvas.pixels_per_mm((card_to_mm @ middle)[:2]) * canvas.supersample
    canvas.blend_mask(cv2.GaussianBlur(shade, (0, 0), max(sigma, 0.6)) * np.float32(0.45), (_SHADOW,) * 3)
    body = _warped(cover, canvas, card_to_mm @ face_to_card)
    ink = _warped(face, canvas, card_to_mm @ face_to_card)
    canvas.blend_mask(body, (_PAPER, _PAPER, _PAPER))
    canvas.blend_mask(ink, (_INK, _INK, _INK))


def _face(card: CardLayout, px_per_mm: float) -> tuple[Array, Array]:
    """The card's own picture: where there is ink, and where there is card, (h, w) 0 to 1 each."""
    size = (round(card.height_mm * px_per_mm), round(card.width_mm * px_per_mm))
    cover: Array = np.ones(size, np.float32)
    if card.cut_out is not None:
        x, y, w, h = (round(v * px_per_mm) for v in card.cut_out)
        cover[y : y + h, x : x + w] = 0
    ink: Array = np.zeros(size, np.float32)
    side = MODULES * _MODULE_PX
    for number, (x_mm, y_mm) in card.markers.items():
        marker: NDArray[np.uint8] = cv2.aruco.generateImageMarker(dictionary(), number, side, borderBits=1)
        black = (marker < 128).astype(np.float32)
        # A marker rarely starts on a whole pixel: what is left over is shared between two.
        shift = np.array([[1, 0, x_mm * px_per_mm], [0, 1, y_mm * px_per_mm]])
        ink = np.maximum(ink, cv2.warpAffine(black, shift, size[::-1], flags=cv2.INTER_LINEAR))
    return ink, cover


def _warped(mask: Array, canvas: Canvas, mask_to_mm: Points) -> Array:
    """A mask of the card through the camera onto the canvas's fine grid, averaged over each pixel."""
    s = canvas.supersample
    grow = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
    full = grow @ canvas.mm_to_px @ mask_to_mm
    h, w = canvas.fine.shape[:2]
    corners = cv2.perspectiveTransform(
        np.array([[[0, 0], [mask.shape[1], 0], [mask.shape[1], mask.shape[0]], [0, mask.shape[0]]]], float),
        full,
    )[0]
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 3, (w, h))
    out: Array = np.zeros((h, w), np.float32)
    if x0 >= x1 or y0 >= y1:
        return out
    k = 4  # samples a side of a pixel
    finer = np.array([[k, 0, (k - 1) / 2 - k * x0], [0, k, (k - 1) / 2 - k * y0], [0, 0, 1]])
    size = (int(x1 - x0) * k, int(y1 - y0) * k)
    sampled = cv2.warpPerspective(mask, finer @ full, size, flags=cv2.INTER_LINEAR)
    out[y0:y1, x0:x1] = cv2.resize(sampled, (size[0] // k, size[1] // k), interpolation=cv2.INTER_AREA)
    return out
