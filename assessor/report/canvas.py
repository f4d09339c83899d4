"""Drawing primitives for the overlay: anti-aliased cased lines, dashes, rings, outlined text.

Coordinates are pixels of the canvas, x right, y down, centre of the top-left pixel = (0, 0).
Colours are RGB; the canvas itself is BGR uint8 (h, w, 3), changed in place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Bgr = NDArray[np.uint8]
Colour = tuple[int, int, int]
Vec = NDArray[np.float64]

# Okabe & Ito's palette, told apart with every common colour blindness (jfly.uni-koeln.de/color).
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
YELLOW: Colour = (240, 228, 66)
VERMILLION: Colour = (213, 94, 0)
WHITE: Colour = (255, 255, 255)
GREY: Colour = (178, 178, 178)
DARK_GREY: Colour = (110, 112, 116)
INK: Colour = (24, 26, 30)
PLATE_ALPHA = 200  # of 255: what lies below still shows

_SHIFT = 4  # fractional bits of cv2's drawing coordinates: 1/16 px
# Pillow's own font holds Latin only; what it lacks is spelled, never a box.
_SPELLING = {
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "’": "'",
    "→": "->",
    "µ": "u",
    "μ": "u",
}


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle, half open."""

    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def around(cls, centre: Vec, width: float, height: float) -> Box:
        x, y = float(centre[0]), float(centre[1])
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    @property
    def area(self) -> float:
        return max(0.0, self.x1 - self.x0) * max(0.0, self.y1 - self.y0)

    def overlap(self, other: Box) -> float:
        """Shared area, px^2."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0.0, width) * max(0.0, height)

    def count(self, points: Vec) -> int:
        """How many of the points (n, 2) lie inside."""
        x, y = points[:, 0], points[:, 1]
        return int(((x >= self.x0) & (x < self.x1) & (y >= self.y0) & (y < self.y1)).sum())


def spelled(text: str) -> str:
    """The text with only characters that the font can draw; "?" for those nobody can spell."""
    return "".join(c if _has(c) else _SPELLING.get(c, "?") for c in text)


@lru_cache(maxsize=1024)
def _has(character: str) -> bool:
    face = font(20)
    missing, mask = face.getmask("\uffff"), face.getmask(character)  # U+FFFF is in no font
    return (mask.size, bytes(mask)) != (missing.size, bytes(missing))


@lru_cache(maxsize=32)
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font (Aileron): the same picture on every machine."""
    face = ImageFont.load_default(max(6, size_px))
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType")
    return face


def text_size(text: str, size_px: int) -> tuple[float, float]:
    """Width of the text and height of a digit at this size, px."""
    x0, _, x1, _ = font(size_px).getbbox(spelled(text))
    _, y0, _, y1 = font(size_px).getbbox("0")
    return float(x1 - x0), float(y1 - y0)


def line(
    image: Bgr,
    points: Sequence[Vec] | Vec,
    colour: Colour,
    width: float,
    *,
    casing: float = 0.0,
    dash: float = 0.0,
) -> None:
    """A polyline, `casing` px of dark outline each side, dashes of `dash` px where that is not 0."""
    pieces = [np.asarray(points, float)] if dash <= 0 else dashes(np.asarray(points, float), dash)
    if casing > 0:
        _strokes(image, pieces, INK, width + 2 * casing)
    _strokes(image, pieces, colour, width)


def dashes(points: Vec, dash_px: float) -> list[Vec]:
    """The polyline (n, 2) cut into pieces with gaps; a piece and its gap take 1.5 `dash_px`."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    pieces = []
    for start in np.arange(0.0, arc[-1], 1.5 * dash_px):
        stop = min(start + 0.75 * dash_px, arc[-1])
        inner = arc[(arc > start) & (arc < stop)]
        at = np.concatenate([[start], inner, [stop]])
        pieces.append(np.stack([np.interp(at, arc, points[:, 0]), np.interp(at, arc, points[:, 1])], axis=1))
    return pieces


def ring(
    image: Bgr, centre: Vec, radius: float, colour: Colour, width: float, *, dashed: bool = False
) -> None:
    """A hollow circle with a dark casing, so that what it marks stays visible."""
    turn = np.linspace(0.0, 2 * np.pi, 49)
    circle = centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    # Five dashes; round caps eat into the gaps, so the casing stays thin there.
    dash = 2 * np.pi * radius / 7.5 if dashed else 0.0
    line(image, circle, colour, width, casing=width * 0.25 if dashed else max(1.0, width * 0.5), dash=dash)


def disc(image: Bgr, centre: Vec, radius: float, fill: Colour, edge: Colour, width: float) -> None:
    cv2.circle(image, _fixed(centre), _fix(radius), edge[::-1], -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(image, _fixed(centre), _fix(radius - width), fill[::-1], -1, cv2.LINE_AA, _SHIFT)


def capsule(image: Bgr, a: Vec, b: Vec, radius: float, colour: Colour, width: float) -> None:
    """The outline of everything within `radius` px of the segment a-b."""
    along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    start = math.atan2(along[1], along[0]) + math.pi / 2
    turn = np.linspace(0.0, np.pi, 25)
    ends = [
        centre + radius * np.stack([np.cos(start + phase + turn), np.sin(start + phase + turn)], axis=1)
        for centre, phase in ((a, 0.0), (b, np.pi))
    ]
    outline = np.concatenate([*ends, ends[0][:1]])
    _strokes(image, [outline], WHITE, width * 1.9)
    _strokes(image, [outline], colour, width)


def put_text(
    image: Bgr,
    centre: Vec,
    text: str,
    size_px: int,
    colour: Colour,
    *,
    plate: bool = False,
    turned_deg: float = 0.0,
    bold: bool = False,
) -> None:
    """Text centred (by its digits' height) at a point, turned anticlockwise, on a dark plate where asked."""
    text = spelled(text)
    face, pad = font(size_px), round(size_px * 0.22) if plate else 2
    x0, _, x1, bottom = face.getbbox(text)
    _, digit_top, _, digit_bottom = face.getbbox("0")
    # The mask is symmetric about the digits' middle line, so that turning keeps the text centred.
    half = max(digit_bottom - digit_top, 2 * bottom - digit_top - digit_bottom) / 2 + pad
    size = (math.ceil(x1 - x0) + 2 * pad, 2 * math.ceil(half))
    # Whole pixels: at half ones Pillow 13 leaves out the top row of the letters.
    at = (math.floor(pad - x0), math.floor(size[1] / 2 - (digit_top + digit_bottom) / 2))
    weight = max(1, round(size_px / 22)) if bold else 0
    if plate:
        mask = Image.new("L", size, 0)
        corners = (0, 0, size[0] - 1, size[1] - 1)
        ImageDraw.Draw(mask).rounded_rectangle(corners, radius=size[1] * 0.3, fill=PLATE_ALPHA)
        _paint(image, _turned(mask, turned_deg), centre, INK)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).text(at, text, font=face, fill=255, stroke_width=weight, stroke_fill=255)
    _paint(image, _turned(mask, turned_deg), centre, colour)


def _turned(mask: Image.Image, degrees: float) -> NDArray[np.uint8]:
    turned = mask.rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True) if degrees else mask
    return np.asarray(turned, dtype=np.uint8)


def _paint(image: Bgr, mask: NDArray[np.uint8], centre: Vec, colour: Colour) -> None:
    """Blend one colour through a mask (h, w) centred at a point; what lies outside the picture is cut."""
    h, w = mask.shape
    x, y = round(float(centre[0]) - w / 2), round(float(centre[1]) - h / 2)
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(w, image.shape[1] - x), min(h, image.shape[0] - y)
    if left >= right or top >= bottom:
        return
    alpha = mask[top:bottom, left:right, None].astype(np.float32) / 255
    part = image[y + top : y + bottom, x + left : x + right]
    part[...] = np.rint(part * (1 - alpha) + np.array(colour[::-1], np.float32) * alpha).astype(np.uint8)


def _strokes(image: Bgr, pieces: list[Vec], colour: Colour, width: float) -> None:
    whole = [
        np.rint(piece * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2) for piece in pieces if len(piece)
    ]
    if whole:
        cv2.polylines(image, whole, False, colour[::-1], max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _fixed(point: Vec) -> tuple[int, int]:
    return _fix(float(point[0])), _fix(float(point[1]))


def _fix(value: float) -> int:
    return round(value * (1 << _SHIFT))
