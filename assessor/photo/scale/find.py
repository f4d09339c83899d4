"""The scale of a photo: what the user gave, else a card, else a ruler; each checked by the others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assessor.errors import ScaleError
from assessor.photo.perception.curve import Pyramid
from assessor.results import Notice, Scale, WoundFinding

from .card import find_card
from .grid import find_grid
from .manual import from_points, from_value
from .options import ScaleOptions
from .rows import Row, find_rows
from .ruler import find_rulers, ruler_scale

DISAGREE_SDS = 2.0  # two scales disagree from this many standard deviations of their difference

NO_SCALE = Notice(
    "no_scale",
    "No scale was found, so there are no millimetres, only ratios, angles and counts. Lay the printed card "
    "(assessor card) or a ruler on the pad beside the wound, or give two points and their distance.",
)


def find_scale(
    photo: NDArray[np.uint8] | Pyramid,
    wounds: Sequence[WoundFinding],
    options: ScaleOptions | None = None,
    rows: Sequence[Row] | None = None,
) -> tuple[Scale | None, tuple[Notice, ...]]:
    """Millimetres a pixel on the wound plane with its uncertainty, or None; and what to know about it.

    `photo` (h, w, 3) uint8 BGR, upright, or what was halved of it already. `wounds` tell where the pad
    is; they may be empty. `rows` of ticks are those of `find_rows`, where it ran already. Raises
    ScaleError where the user asked for a scale that this photo does not give.
    """
    options = options or ScaleOptions()
    halves = photo if isinstance(photo, Pyramid) else Pyramid(photo)
    seen, notices = _in_view(halves, wounds, find_rows(halves) if rows is None else rows, options)
    asked = _asked(halves.level(0), wounds, options, seen)
    if asked is None:
        return (seen[0], notices) if seen else (None, notices or (NO_SCALE,))
    return asked, tuple(n for other in seen for n in _compare(asked, other))


def _in_view(
    photo: Pyramid, wounds: Sequence[WoundFinding], rows: Sequence[Row], options: ScaleOptions
) -> tuple[list[Scale], tuple[Notice, ...]]:
    """Card and ruler as they are seen, the better first."""
    card, card_notices = find_card(photo, wounds, options.check_bar_mm)
    shape = photo.level(0).shape
    ruler, ruler_notices = ruler_scale(find_rulers(photo, wounds, rows), shape, options.ruler_mm)
    if (
        options.ruler_mm is not None
        and ruler is None
        and not any(n.code == "ruler_not_on_pad" for n in ruler_notices)
    ):
        raise ScaleError(
            "ruler_not_found",
            "A tick length was given, but no ruler with even ticks was found in the photo.",
            "Lay the ruler flat beside the wound, all its ticks sharp, or give two points instead.",
        )
    if card is None:
        return [ruler] if ruler else [], card_notices + ruler_notices
    if ruler is None:
        return [card], card_notices
    if options.ruler_mm is not None:
        return [ruler, card], ruler_notices + _compare(ruler, card)
    return [card, ruler], card_notices + _compare(card, ruler)


def _asked(
    bgr: NDArray[np.uint8], wounds: Sequence[WoundFinding], options: ScaleOptions, seen: list[Scale]
) -> Scale | None:
    """The scale that the user gave explicitly; None where nothing was given."""
    if options.points is not None:
        return from_points(options.points, bgr.shape)
    if options.mm_per_px is not None:
        return from_value(options.mm_per_px)
    if options.grid_mm is None:
        return None
    grid = find_grid(bgr, wounds, options.grid_mm)
    if grid is None and not seen:
        raise ScaleError(
            "grid_not_found",
            "A grid pitch was given, but no printed grid could be measured in the photo.",
            "Show three or more grid lines each way, sharp, evenly lit, from straight above; or give points.",
        )
    return grid


def _compare(used: Scale, other: Scale) -> tuple[Notice, ...]:
    """A notice where the scale used and another one in view differ by more than both are unsure."""
    difference = other.mm_per_px / used.mm_per_px - 1
    if abs(difference) <= DISAGREE_SDS * math.hypot(used.relative_sd, other.relative_sd):
        return ()
    name = {"given": "given value", "points": "two given points"}.get(used.method, used.method)
    return (
        Notice(
            "scale_disagrees",
            f"The {other.method} in view gives {difference:+.1%} more millimetres a pixel than the {name}, "
            f"which was used. Check the {name}, and that the {other.method} lies flat on the pad.",
        ),
    )
