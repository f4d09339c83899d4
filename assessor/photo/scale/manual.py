"""Scales that the user gave: two points, or the value itself."""

from __future__ import annotations

import math

from assessor.errors import ScaleError
from assessor.results import Scale

POINT_SD_PX = 1.5  # a careful click at either end, as a standard deviation
POINT_SD_SHARE = 0.001  # of the picture's longer side: clicks are made on a shrunken view of it
PLANE_SD = 0.01  # a tilt of 8 degrees foreshortens by 1 %: two points cannot show it
GIVEN_SD = 0.01  # assumed of a value that comes without its own uncertainty


def from_points(points: tuple[float, float, float, float, float], shape: tuple[int, ...]) -> Scale:
    """Millimetres a pixel from two points (px) and the mm between them; `shape` is the picture's."""
    x1, y1, x2, y2, mm = points
    h, w = shape[:2]
    inside = min(x1, x2, y1, y2) >= 0 and max(x1, x2) <= w - 1 and max(y1, y2) <= h - 1
    if not inside:
        raise ScaleError(
            "points_outside",
            f"The two scale points do not both lie in the photo of {w} x {h} px.",
            "Give the points in pixels of the upright photo, x to the right and y down.",
        )
    length = math.hypot(x2 - x1, y2 - y1)
    click = math.sqrt(2) * max(POINT_SD_PX, POINT_SD_SHARE * max(h, w)) / length
    return Scale(
        mm_per_px=mm / length,
        relative_sd=math.hypot(click, PLANE_SD),
        method="points",
        detail=f"{mm:g} mm between the two given points, {length:.0f} px apart; a tilt cannot be seen",
    )


def from_value(mm_per_px: float) -> Scale:
    """The given value as it is, with an assumed uncertainty."""
    return Scale(
        mm_per_px=mm_per_px,
        relative_sd=GIVEN_SD,
        method="given",
        detail=f"given by the user; {GIVEN_SD:.0%} is assumed as its uncertainty",
    )
