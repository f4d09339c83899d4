"""What the user may say about the scale, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from assessor.errors import OptionError


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """What is known about the scale beforehand; everything None: look for a card or a ruler.

    mm_per_px: millimetres a pixel of the upright photo. grid_mm: pitch of a printed grid.
    ruler_mm: length between two neighbouring ticks of a ruler that cannot be read.
    points: x1, y1, x2, y2 (px of the upright photo) and the millimetres between the two points.
    check_bar_mm: what the 50 mm bar of the printed card measures on paper, if it is not 50.
    """

    mm_per_px: float | None = None
    grid_mm: float | None = None
    ruler_mm: float | None = None
    points: tuple[float, float, float, float, float] | None = None
    check_bar_mm: float | None = None

    def __post_init__(self) -> None:
        # Wide enough for a stage micrometer and for a whole torso; outside it is a slip of the pen.
        for name, low, high, unit in (
            ("mm_per_px", 1e-5, 10.0, "mm a pixel"),
            ("grid_mm", 0.01, 200.0, "mm"),
            ("ruler_mm", 0.01, 50.0, "mm"),
            ("check_bar_mm", 40.0, 60.0, "mm"),
        ):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise OptionError(
                    f"bad_{name}",
                    f"{name} is {value}; it must be between {low:g} and {high:g} {unit}.",
                    "Give the length in millimetres, with a point as decimal sign.",
                )
        if self.points is not None and not _good_points(self.points):
            raise OptionError(
                "bad_points",
                f"points are {self.points}; wanted are two different points and the mm between them.",
                "Give x,y of either point in pixels and the millimetres, for example 120,80,620,95,50.",
            )


def _good_points(points: tuple[float, ...]) -> bool:
    if len(points) != 5 or not all(math.isfinite(v) for v in points):
        return False
    x1, y1, x2, y2, mm = points
    return math.hypot(x2 - x1, y2 - y1) >= 5 and 0.01 <= mm <= 1000
