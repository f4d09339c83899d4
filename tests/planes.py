"""Flat scenes drawn in millimetres and photographed by a known homography: exact truth for the scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.photo.scale.layout import CardLayout
from assessor.results import StitchFinding, WoundFinding

Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Colour = tuple[int, int, int]

TAN, RED, WHITE, BLACK, STEEL = (150, 190, 225), (30, 30, 200), (245, 245, 245), (25, 25, 25), (165, 170, 170)
DRAW = 14.0  # px a mm of the drawing; photos are taken at half of that or less


class Plane:
    """A drawing of `width_mm` by `height_mm`; `at` places and turns what is drawn next."""

    def __init__(self, width_mm: float = 130.0, height_mm: float = 100.0, colour: Colour = TAN) -> None:
        self.size_mm = (width_mm, height_mm)
        self.image: Image = np.empty((round(height_mm * DRAW), round(width_mm * DRAW), 3), np.uint8)
        self.image[:] = colour
        self.pose: Matrix = np.eye(3)

    def at(self, x_mm: float, y_mm: float, angle_deg: float = 0.0, size: float = 1.0) -> Plane:
        c, s = size * math.cos(math.radians(angle_deg)), size * math.sin(math.radians(angle_deg))
        self.pose = np.array([[c, -s, x_mm], [s, c, y_mm], [0, 0, 1]])
        return self

    def _px(self, points: Sequence[Sequence[float]]) -> NDArray[np.int32]:
        mm = np.hstack([np.asarray(points, float), np.ones((len(points), 1))]) @ self.pose.T
        # A sixteenth of a pixel; pixel i covers i / DRAW to (i + 1) / DRAW.
        return np.rint((mm[:, :2] * DRAW - 0.5) * 16).astype(np.int32).reshape(-1, 1, 2)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        cv2.fillPoly(self.image, [self._px(corners)], colour, cv2.LINE_AA, 4)

    def line(self, points: Sequence[Sequence[float]], width_mm: float, colour: Colour) -> None:
        thick = max(round(width_mm * DRAW * abs(np.linalg.det(self.pose)) ** 0.5), 1)
        cv2.polylines(self.image, [self._px(points)], False, colour, thick, cv2.LINE_AA, 4)

    def text(self, x: float, y: float, words: str, size_mm: float, colour: Colour = BLACK) -> None:
        place = (self._px([(x, y)])[0, 0] // 16).tolist()
        cv2.putText(self.image, words, place, cv2.FONT_HERSHEY_SIMPLEX, size_mm * DRAW / 22, colour, 4)


def ruler(
    plane: Plane,
    length_mm: float = 50.0,
    tick_mm: float = 1.0,
    every: dict[int, float] | None = None,
    face: Colour | None = WHITE,
    ink: Colour = BLACK,
    blocks: bool = True,
    width_mm: float = 22.0,
    tick_width_mm: float = 0.25,
) -> None:
    """A ruler with its ticks along y = 0, body below. `every` maps n to the length (mm) of each n-th tick."""
    every = {1: 1.4, 5: 2.2, 10: 5.0} if every is None else every
    if face is not None:
        plane.box(-4, 0, length_mm + 8, width_mm, face)
    for k in range(round(length_mm / tick_mm) + 1):
        reach = max(length for n, length in every.items() if k % n == 0)
        x = k * tick_mm
        plane.box(x - tick_width_mm / 2, 0, tick_width_mm, reach, ink)
    if blocks:
        for k in range(int(length_mm // 5)):
            plane.box(k * 5, 5 if k % 2 else 6.5, 5, 1.5, ink)
        for k in range(1, int(length_mm // 10) + 1):
            plane.text(k * 10 - 2, 4.5, str(k), 1.6, ink)


def inch_side(plane: Plane, length_in: float = 2.0, ink: Colour = BLACK) -> None:
    ruler(plane, length_in * 25.4, 25.4 / 16, {1: 2.4, 4: 5.0, 16: 8.0}, None, ink, blocks=False)


def stitches(plane: Plane, count: int = 6, spacing_mm: float = 6.0, length_mm: float = 9.0) -> None:
    """An incision along y = 0 with stitches across it, each with a knot."""
    plane.line([(-4, 0), (spacing_mm * count, 0)], 0.3, (110, 140, 190))
    for k in range(count):
        x = k * spacing_mm
        plane.line([(x, -length_mm / 2), (x + 0.4, length_mm / 2)], 0.35, BLACK)
        plane.line([(x - 1.5, -2.5), (x + 1.4, -1.4), (x - 1.0, -0.6)], 0.5, BLACK)


def wound_at(plane: Plane, to_px: Matrix, count: int = 6, spacing_mm: float = 6.0) -> WoundFinding:
    """The finding for `stitches` as drawn at the plane's present pose."""
    line = project(to_px @ plane.pose, [(-4.0, 0.0), (spacing_mm * count, 0.0)])
    ends = project(
        to_px @ plane.pose, [(k * spacing_mm, side) for k in range(count) for side in (-4.5, 4.5)]
    ).reshape(-1, 2, 2)
    found = tuple(
        StitchFinding(((a[0], a[1]), (b[0], b[1])), (1.0, 1.0), (False, False), 0.9) for a, b in ends.tolist()
    )
    return WoundFinding(tuple((x, y) for x, y in line.tolist()), 0.9, 1.0, found)


def card(plane: Plane, layout: CardLayout, hidden: Sequence[int] = ()) -> None:
    """The printed card as it lies cut out, module by module; `hidden` markers are covered."""
    plane.box(0, 0, layout.width_mm, layout.height_mm, WHITE)
    if layout.cut_out is not None:
        plane.box(*layout.cut_out, TAN)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    for number, (x, y) in layout.markers.items():
        module = layout.marker_mm / 8
        bits = cv2.aruco.generateImageMarker(dictionary, number, 8, borderBits=1)
        plane.box(x, y, layout.marker_mm, layout.marker_mm, (20, 20, 20))
        for row, column in zip(*np.nonzero(bits), strict=True):
            plane.box(x + column * module, y + row * module, module, module, WHITE)
        if number in hidden:
            plane.box(x, y, layout.marker_mm, layout.marker_mm, RED)


def grid(plane: Plane, pitch_mm: float, lines: int, contrast: int = 22, width_mm: float = 0.15) -> None:
    """A square grid of faint lines, `lines` each way."""
    colour = tuple(c - contrast for c in plane.image[0, 0].tolist())
    end = pitch_mm * (lines - 1)
    for k in range(lines):
        plane.line([(k * pitch_mm, -3), (k * pitch_mm, end + 3)], width_mm, colour)
        plane.line([(-3, k * pitch_mm), (end + 3, k * pitch_mm)], width_mm, colour)


def camera(
    plane: Plane, px_per_mm: float, turn_deg: float = 0.0, tilt_deg: float = 0.0, tilt_axis_deg: float = 0.0
) -> tuple[Matrix, tuple[int, int]]:
    """(3, 3) mm to photo px and the photo's (width, height): the plane's middle in the photo's middle.

    A pinhole camera with a phone's field of view; `px_per_mm` holds in the middle.
    """
    w, h = plane.size_mm
    size = (round(w * px_per_mm), round(h * px_per_mm))
    focal = 0.75 * max(size)
    distance = focal / px_per_mm
    a, t, r = math.radians(turn_deg), math.radians(tilt_deg), math.radians(tilt_axis_deg)
    turn = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    axis = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    lean = np.array([[1, 0, 0], [0, math.cos(t), -math.sin(t)], [0, math.sin(t), math.cos(t)]])
    rotation = axis @ lean @ axis.T @ turn
    inner = np.array([[focal, 0, (size[0] - 1) / 2], [0, focal, (size[1] - 1) / 2], [0, 0, 1]])
    outer = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]])
    centred = np.array([[1, 0, -w / 2], [0, 1, -h / 2], [0, 0, 1]])
    return inner @ outer @ centred, size


def photograph(
    plane: Plane,
    to_px: Matrix,
    size: tuple[int, int],
    blur_px: float = 0.5,
    noise: float = 2.0,
    seed: int = 0,
) -> Image:
    """The photo: pixels that average the plane, a lens blur, sensor noise."""
    k = 2
    from_drawing = np.array([[1 / DRAW, 0, 0.5 / DRAW], [0, 1 / DRAW, 0.5 / DRAW], [0, 0, 1]])
    finer = np.array([[k, 0, (k - 1) / 2], [0, k, (k - 1) / 2], [0, 0, 1]])
    big = cv2.warpPerspective(
        plane.image,
        finer @ to_px @ from_drawing,
        (size[0] * k, size[1] * k),
        flags=cv2.INTER_LINEAR,
        borderValue=(60, 70, 70),
    )
    small = cv2.resize(big, size, interpolation=cv2.INTER_AREA)
    if blur_px > 0:
        small = cv2.GaussianBlur(small, (0, 0), blur_px)
    grain = np.random.default_rng(seed).standard_normal(small.shape, dtype=np.float32) * np.float32(noise)
    return np.clip(small + grain, 0, 255).astype(np.uint8)


def project(matrix: Matrix, points: Sequence[Sequence[float]]) -> Matrix:
    """(n, 2) points through a homography."""
    out = np.hstack([np.asarray(points, float), np.ones((len(points), 1))]) @ matrix.T
    return out[:, :2] / out[:, 2:]


def true_mm_per_px(to_px: Matrix, point_mm: Sequence[float]) -> float:
    """Root of the area ratio at a point of the plane, by small steps."""
    step = 0.01
    x, y = point_mm
    p = project(to_px, [(x, y), (x + step, y), (x, y + step)])
    area = abs(np.linalg.det(np.array([p[1] - p[0], p[2] - p[0]])))
    return step / math.sqrt(area)
