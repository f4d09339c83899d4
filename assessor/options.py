"""What a user may say about a photo before it is graded; checked once, here, before any pixel is read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from assessor.errors import OptionError
from assessor.results import TECHNIQUES

TwoPoints = tuple[float, float, float, float, float]

# USP sizes: 11-0 (finest) ... 2-0, 1-0 or 0, then 1 ... 7 (thickest).
_USP = re.compile(r"(?:1[0-2]|[1-9])-0|[0-7]")


@dataclass(frozen=True, slots=True)
class GradeOptions:
    """Declared facts; all optional, None where the photo itself must tell.

    `suture_size` is USP ("4-0"), `grid_mm` the pitch of a printed grid, `ruler_mm` the length between
    two ticks, `points` = (x, y, x, y, mm): two pixels of the upright photo and the distance between them.
    Raises OptionError where a value makes no sense.
    """

    technique: str | None = None
    rubric: str | None = None
    suture_size: str | None = None
    kit: str | None = None
    mm_per_px: float | None = None
    grid_mm: float | None = None
    ruler_mm: float | None = None
    points: TwoPoints | None = None

    def __post_init__(self) -> None:
        if self.technique is not None and self.technique not in TECHNIQUES:
            raise OptionError(
                "unknown_technique",
                f"There is no technique {self.technique!r}.",
                "Use one of: " + ", ".join(TECHNIQUES) + ".",
            )
        if self.suture_size is not None and not _USP.fullmatch(self.suture_size):
            raise OptionError(
                "bad_suture_size",
                f"{self.suture_size!r} is not a USP suture size.",
                "Write it as on the packet: 4-0, 10-0, 0 or 1.",
            )
        for name in ("mm_per_px", "grid_mm", "ruler_mm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise OptionError(
                    f"bad_{name}", f"{name} must be a length above 0, not {value}.", "Give it in millimetres."
                )
        if self.points is not None:
            _check_points(self.points)


def parse_points(text: str) -> TwoPoints:
    """ "x,y,x,y,mm" as five numbers; OptionError where it is something else."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 5:
        raise _bad_points(f"{text!r} is not five numbers.")
    x0, y0, x1, y1, mm = numbers
    _check_points((x0, y0, x1, y1, mm))
    return x0, y0, x1, y1, mm


def _check_points(points: TwoPoints) -> None:
    if len(points) != 5 or not all(math.isfinite(v) for v in points):
        raise _bad_points("The two points must be five finite numbers.")
    if points[4] <= 0:
        raise _bad_points("The distance between the two points must be above 0 mm.")
    if math.dist(points[:2], points[2:4]) < 1.0:
        raise _bad_points("The two points are the same pixel.")


def _bad_points(text: str) -> OptionError:
    return OptionError(
        "bad_points", text, "Give x,y,x,y,mm: two pixels of the photo and their distance in mm."
    )
