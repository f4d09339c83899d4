"""The project's printed card in view: markers to a homography to millimetres at the wound, tilt included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.markers import read_markers
from assessor.photo.perception.curve import Pyramid
from assessor.results import Notice, Point, Scale, WoundFinding

from .layout import CARDS, CHECK_BAR_MM, CardLayout
from .surface import pad_colour, sides_on_pad, wound_point

SEARCH_SIDE_PX = 1000  # about the longest side of the picture in which markers are sought
MIN_CORNER_SD_PX = 0.1  # what sub-pixel corners are good for at best
PRINT_SD = 0.005  # a home printer at 100 %, not measured
MEASURED_PRINT_SD = 0.003  # the check bar read on a ruler to 0.15 mm of 50
FLAT_SHARE = 0.04  # of a marker's side: corners farther off than this mean a bent card
MAX_SD = 0.04  # a card too small or too far from the wound to be worth a number
MAX_TILT_DEG = 60.0

RIM_MM = 2.5  # how far from the card's edge the surface is looked at
ON_PAD = 0.5  # share of such points that must look like the pad

Float = NDArray[np.float64]

OFF_PAD = Notice(
    "card_not_on_pad",
    "The printed card does not seem to lie on the pad: what surrounds it has another colour. On the table or "
    "the frame it is farther or nearer than the wound, and all millimetres come out 3 to 15 % wrong.",
)


@dataclass(frozen=True, slots=True)
class CardFit:
    """A card's pose: `mm_to_px` (3, 3), its covariance over the first eight entries, what it was made of."""

    layout: CardLayout
    mm_to_px: Float
    covariance: Float
    markers: int
    rms_px: float
    marker_px: float


def find_card(
    photo: Pyramid, wounds: Sequence[WoundFinding], check_bar_mm: float | None = None
) -> tuple[Scale | None, tuple[Notice, ...]]:
    """The scale at the wound from the best card in view, None without one.

    `check_bar_mm` is what the card's 50 mm bar measures on paper.
    """
    corners = _markers(photo)
    fits = [fit for layout in CARDS if (fit := _fit(layout, corners)) is not None]
    if not fits:
        return None, ()
    at = wound_point(wounds)
    stretch = 1.0 if check_bar_mm is None else check_bar_mm / CHECK_BAR_MM
    print_sd = PRINT_SD if check_bar_mm is None else MEASURED_PRINT_SD
    scales = [(_scale(fit, at, stretch, print_sd), fit) for fit in fits]
    scales.sort(key=lambda pair: pair[0].relative_sd)
    scale, fit = scales[0]
    if scale.relative_sd > MAX_SD:
        return None, (
            Notice(
                "scale_ambiguous",
                f"The printed card ({fit.layout.name}) is too small or too far from the wound for a "
                f"scale (uncertain by {scale.relative_sd:.0%}). Lay it next to the wound, "
                "all its markers in view.",
            ),
        )
    notices = []
    if fit.rms_px > max(FLAT_SHARE * fit.marker_px, 0.7):
        notices.append(
            Notice(
                "card_not_flat",
                f"The printed card ({fit.layout.name}) is bent: its markers are {fit.rms_px:.1f} px off "
                "a plane. Glue it on cardboard and press it flat on the pad.",
            )
        )
    bgr = photo.level(0)
    pad = pad_colour(bgr, wounds, ())
    if pad is not None and sides_on_pad(bgr, _rims(fit), pad) < ON_PAD:
        notices.append(OFF_PAD)
    return scale, tuple(notices)


def _rims(fit: CardFit) -> list[Float]:
    """(n, 2) px a side: points just outside the card's edges and just inside what is cut out of it."""
    layout = fit.layout
    boxes = [(-RIM_MM, -RIM_MM, layout.width_mm + 2 * RIM_MM, layout.height_mm + 2 * RIM_MM)]
    if layout.cut_out is not None:
        x, y, w, h = layout.cut_out
        boxes.append((x + RIM_MM, y + RIM_MM, w - 2 * RIM_MM, h - 2 * RIM_MM))
    t = np.linspace(0.05, 0.95, 25)
    rims = []
    for x, y, w, h in boxes:
        sides = [
            (x + t * w, y + 0 * t),
            (x + t * w, y + h + 0 * t),
            (x + 0 * t, y + t * h),
            (x + w + 0 * t, y + t * h),
        ]
        rims += [_apply(fit.mm_to_px, np.stack(side, 1)) for side in sides]
    return rims


def _markers(photo: Pyramid) -> dict[int, Float]:
    """(4, 2) corners (px) by marker number, found in a smaller picture, refined in the full one."""
    level = max(round(math.log2(max(photo.size) / SEARCH_SIDE_PX)), 0)
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_NONE
    parameters.minMarkerPerimeterRate = 0.045  # of the longer side: below, fewer than half can be decoded
    found = read_markers(photo.grey(level), parameters)
    return {n: _refine(photo.level(0), (quad + 0.5) * 2**level - 0.5) for n, quad in found.items()}


def _refine(bgr: NDArray[np.uint8], quad: Float) -> Float:
    """Corners to sub-pixels in the full picture: a window of less than a module, so only one corner in it."""
    side = float(np.mean(np.hypot(*(quad - np.roll(quad, 1, 0)).T)))
    half = int(np.clip(side / 8 * 0.8, 2, 12))
    low = np.maximum(np.floor(quad.min(0)).astype(int) - half - 8, 0)
    high = np.ceil(quad.max(0)).astype(int) + half + 9
    part = cv2.cvtColor(bgr[low[1] : high[1], low[0] : high[0]], cv2.COLOR_BGR2GRAY)
    points = (quad - low).astype(np.float32).reshape(-1, 1, 2)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.01)
    refined = cv2.cornerSubPix(part, points.copy(), (half, half), (-1, -1), stop)
    moved = np.hypot(*(refined - points).reshape(-1, 2).T)
    # A corner that walks away found something else.
    kept = np.where(moved[:, None] < half + 1, refined.reshape(-1, 2), points.reshape(-1, 2))
    out: Float = kept.astype(np.float64) + low
    return out


def _fit(layout: CardLayout, corners: dict[int, Float]) -> CardFit | None:
    numbers = [n for n in layout.markers if n in corners]
    if not numbers:
        return None
    mm = np.concatenate([layout.corners_mm(n) for n in numbers])
    px = np.concatenate([corners[n] for n in numbers])
    marker_px = float(np.median([np.ptp(corners[n], axis=0).max() for n in numbers]))
    limit = max(0.15 * marker_px, 1.5)
    matrix, mask = cv2.findHomography(mm, px, cv2.RANSAC, limit)
    if matrix is None or int(mask.sum()) < 4:
        return None
    keep = mask.ravel().astype(bool)
    matrix = _refit(matrix, mm[keep], px[keep])
    jacobian, rest = _jacobian(matrix, mm[keep], px[keep])
    free = max(2 * int(keep.sum()) - 8, 1)
    variance = max(float((rest**2).sum()) / free, MIN_CORNER_SD_PX**2)
    covariance: Float = np.asarray(np.linalg.pinv(jacobian.T @ jacobian) * variance, dtype=np.float64)
    rms = float(np.sqrt((rest**2).sum() / max(int(keep.sum()), 1)))
    fit = CardFit(layout, matrix, covariance, len(numbers), rms, marker_px)
    return fit if _tilt_deg(matrix, mm.mean(0)) < MAX_TILT_DEG else None


def _apply(matrix: Float, points: Float) -> Float:
    out: Float = cv2.perspectiveTransform(points.reshape(-1, 1, 2), matrix).reshape(-1, 2)
    return out


def _jacobian(matrix: Float, mm: Float, px: Float) -> tuple[Float, Float]:
    """Derivative of the projected corners by the eight free entries, and the residuals, both (2n, ...)."""
    base = _apply(matrix, mm)
    columns = []
    for k in range(8):
        nudged = matrix.copy()
        step = 1e-6 * max(abs(matrix.flat[k]), 1e-3)
        nudged.flat[k] += step
        columns.append((_apply(nudged, mm) - base).ravel() / step)
    return np.stack(columns, 1), (px - base).ravel()


def _refit(matrix: Float, mm: Float, px: Float) -> Float:
    """Least squares in pixels from the inliers (Gauss-Newton; converges in a few steps)."""
    matrix = matrix / matrix[2, 2]
    for _ in range(5):
        jacobian, rest = _jacobian(matrix, mm, px)
        scale = np.linalg.norm(jacobian, axis=0) + 1e-12
        step = np.linalg.lstsq(jacobian / scale, rest, rcond=None)[0] / scale
        matrix = matrix.copy()
        matrix.flat[:8] += step
    return matrix


def _log_mm_per_px(mm_to_px: Float, at: Point) -> float:
    """Logarithm of the local scale at a pixel: the root of the area ratio."""
    inverse: Float = np.asarray(np.linalg.inv(mm_to_px), dtype=np.float64)
    return 0.5 * math.log(abs(float(np.linalg.det(_local(inverse, at)))))


def _local(matrix: Float, at: Sequence[float] | Float) -> Float:
    """(2, 2) derivative of a homography at a point."""
    x, y, w = matrix @ np.array([at[0], at[1], 1.0])
    first = matrix[:2, :2] / w
    out: Float = first - np.outer([x, y], matrix[2, :2]) / w**2
    return out


def _tilt_deg(mm_to_px: Float, at_mm: Float) -> float:
    """Foreshortening as an angle: how much shorter a millimetre is across than along."""
    large, small = np.linalg.svd(_local(mm_to_px, at_mm), compute_uv=False)
    return math.degrees(math.acos(min(float(small / max(large, 1e-12)), 1.0)))


def _scale(fit: CardFit, at: Point | None, stretch: float, print_sd: float) -> Scale:
    middle = np.array([[fit.layout.width_mm / 2, fit.layout.height_mm / 2]])
    centre = _apply(fit.mm_to_px, middle)[0]
    where = at or (float(centre[0]), float(centre[1]))
    value = _log_mm_per_px(fit.mm_to_px, where)
    gradient = np.empty(8)
    for k in range(8):
        nudged = fit.mm_to_px.copy()
        step = 1e-6 * max(abs(nudged.flat[k]), 1e-3)
        nudged.flat[k] += step
        gradient[k] = (_log_mm_per_px(nudged, where) - value) / step
    fit_sd = math.sqrt(max(float(gradient @ fit.covariance @ gradient), 0.0))
    px_to_mm = np.diag([stretch, stretch, 1.0]) @ np.linalg.inv(fit.mm_to_px)
    px_to_mm /= px_to_mm[2, 2]
    tilt = _tilt_deg(fit.mm_to_px, middle[0])
    return Scale(
        mm_per_px=math.exp(value) * stretch,
        relative_sd=math.hypot(fit_sd, print_sd),
        method="card",
        detail=f"printed card ({fit.layout.name}): {fit.markers} of {len(fit.layout.markers)} markers, "
        f"corners within {fit.rms_px:.2f} px, "
        + (f"a tilt of {tilt:.0f} degrees corrected" if tilt > 5 else "seen from straight above"),
        px_to_mm=tuple(tuple(float(v) for v in row) for row in px_to_mm),
    )
