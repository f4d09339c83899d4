"""What a user may say about a photo before it is graded; checked once, here, before any pixel is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assessor.errors import OptionError
from assessor.results import TECHNIQUES

if TYPE_CHECKING:
    from assessor.photo.scale import ScaleOptions

TwoPoints = tuple[float, float, float, float, float]

# USP sizes: 12-0 (finest) ... 1-0 or 0, then 1 ... 7 (thickest).
_USP = re.compile(r"(?:1[0-2]|[1-9])-0|[0-7]")


@dataclass(frozen=True, slots=True)
class GradeOptions:
    """Declared facts; all optional, None where the photo itself must tell.

    `suture_size` is USP ("4-0"), `grid_mm` the pitch of a printed grid, `ruler_mm` the length between
    two ticks, `check_bar_mm` what the 50 mm bar of a printed card measures, `points` = (x, y, x, y, mm):
    two pixels of the upright photo and the distance between them.
    Raises OptionError where a value makes no sense.
    """

    technique: str | None = None
    rubric: str | None = None
    suture_size: str | None = None
    kit: str | None = None
    mm_per_px: float | None = None
    grid_mm: float | None = None
    ruler_mm: float | None = None
    check_bar_mm: float | None = None
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
        lengths = (self.mm_per_px, self.grid_mm, self.ruler_mm, self.check_bar_mm)
        if self.points is not None or any(v is not None for v in lengths):
            self.scale_options()

    def scale_options(self) -> ScaleOptions:
        """What of it concerns the scale; OptionError where that makes no sense."""
        from assessor.photo.scale import ScaleOptions  # imports OpenCV: only where a scale is asked for

        return ScaleOptions(
            mm_per_px=self.mm_per_px,
            grid_mm=self.grid_mm,
            ruler_mm=self.ruler_mm,
            check_bar_mm=self.check_bar_mm,
            points=self.points,
        )


def parse_points(text: str) -> TwoPoints:
    """ "x,y,x,y,mm" as five numbers; OptionError where it is something else."""
    try:
        x0, y0, x1, y1, mm = (float(part) for part in text.split(","))
    except ValueError:
        raise OptionError(
            "bad_points",
            f"{text!r} is not five numbers.",
            "Give x,y,x,y,mm: two pixels of the photo and their distance in mm.",
        ) from None
    return x0, y0, x1, y1, mm
