"""What a user may say about a clip or a live session; checked once, before any picture is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from assessor.errors import OptionError
from assessor.motion.results import Hand, Task
from assessor.results import Point

MM_PER_PX = (0.0005, 5.0)  # from a microscope at its limit to a camera across the room
MOST_TIPS = 2
LONGEST_EXPOSURE_S = 0.5


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """Declared facts; all optional. Raises OptionError where a value makes no sense.

    `tips` are start points of instrument tips in the first picture, px; `hand` the dominant hand, or that
    of the only tip; `exposure_s` how long the shutter is open, where known: it damps fast tremor.
    """

    mm_per_px: float | None = None
    tips: tuple[Point, ...] = ()
    task: Task = "suture"
    hand: Hand = "unknown"
    exposure_s: float | None = None

    def __post_init__(self) -> None:
        if self.mm_per_px is not None and not MM_PER_PX[0] <= self.mm_per_px <= MM_PER_PX[1]:
            raise OptionError(
                "bad_mm_per_px",
                f"{self.mm_per_px} mm per pixel is no scale of such a picture.",
                f"Give millimetres per pixel, {MM_PER_PX[0]} to {MM_PER_PX[1]}.",
            )
        if len(self.tips) > MOST_TIPS or not all(
            len(tip) == 2 and all(math.isfinite(v) and v >= 0 for v in tip) for tip in self.tips
        ):
            raise OptionError(
                "bad_tip", "A start point is not a pixel of the picture.", "Give --tip x,y, at most twice."
            )
        if self.task not in ("hold", "suture"):
            raise OptionError("unknown_task", f"There is no task {self.task!r}.", "Use hold or suture.")
        if self.hand not in ("left", "right", "unknown"):
            raise OptionError("unknown_hand", f"There is no hand {self.hand!r}.", "Use left or right.")
        if self.exposure_s is not None and not 0 < self.exposure_s <= LONGEST_EXPOSURE_S:
            raise OptionError(
                "bad_exposure",
                f"An exposure of {self.exposure_s} s is none of a video.",
                "Give milliseconds, such as 8.3 for 1/120 s.",
            )


def parse_tip(text: str) -> Point:
    """ "x,y" as two numbers; OptionError where it is something else."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise OptionError(
            "bad_tip",
            f"{text!r} is not two numbers.",
            "Give --tip x,y: the tip's pixel in the first picture.",
        ) from None
    return x, y
