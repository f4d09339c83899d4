"""A ruler in view: found by its ticks, read by its long ticks, chosen by the surface it lies on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assessor.photo.perception.curve import Pyramid
from assessor.results import Notice, Point, Scale, WoundFinding

from .comb import Comb
from .rows import Row
from .surface import distance_to_wounds, pad_colour, share_on_pad, wound_point
from .unit import Reading

ON_PAD = 0.5  # share of the surroundings that must look like the pad

CLEAR_TICKS, CLEAR_CONTRAST = 25, 40.0  # what is a ruler even where its long ticks are not seen
AGREE = 0.025  # two rulers on one plane read the same within this
# Seen along a ruler is a tilt along it; one across it is taken to be as large, and no smaller than a hand
# holds a phone. Under both, 95 % of the scales of rendered pads lie within 2 sd (docs/accuracy.md).
HAND_TILT_DEG = 3.0
AREA_SHARE = 0.75  # of the growth of a length along a tilt: what the root of an area grows by
UNKNOWN_AWAY = 0.25  # of the longer side: how far from the ruler a wound is that was not found
FOCAL_SHARE = 0.75  # focal length of a phone's main camera in shares of the longer side (26 mm equivalent)
LEAN_LIMIT_DEG = 20.0  # guide 5: from here a 1-D scale is not to be trusted

OFF_PAD = Notice(
    "ruler_not_on_pad",
    "A ruler is in view, but it does not seem to lie on the pad: on the frame or the table it is nearer or "
    "farther than the wound and reads 3 to 15 % wrong, so it was not used. Lay it on the pad beside the "
    "wound, with pad to be seen on two of its sides.",
)
UNREAD = Notice(
    "scale_ambiguous",
    "A ruler is in view, but what its ticks are worth cannot be told. Say it (--ruler-mm: millimetres "
    "between two neighbouring ticks), or show the side with millimetres, sharp and from closer up.",
)
TWO_RULERS = Notice(
    "scale_ambiguous",
    "Rulers in view disagree, and without a wound nothing tells which one lies on the pad. Leave only "
    "the one on the pad in view, or give two points and their distance.",
)


@dataclass(frozen=True, slots=True)
class Ruler:
    """A row of ticks with what it says; `on_pad` None where the pad is not known.

    `wound_px` is the middle of the wounds, None without any; `distance_px` that to the nearest of them.
    """

    comb: Comb
    reading: Reading | None
    on_pad: float | None
    distance_px: float
    wound_px: Point | None

    @property
    def mm_per_px(self) -> float | None:
        if self.reading is None or self.reading.tick_mm is None:
            return None
        return self.reading.tick_mm / self.comb.period_px


def find_rulers(photo: Pyramid, wounds: Sequence[WoundFinding], rows: Sequence[Row]) -> list[Ruler]:
    """The rulers that `rows` of ticks may be, best first.

    On the pad before off it, read before unread, then the nearest to a wound.
    """
    bgr = photo.level(0)
    pad = pad_colour(bgr, wounds, [row.comb for row in rows if row.reading is not None]) if rows else None
    rulers = [
        Ruler(
            row.comb,
            row.reading,
            None if pad is None else share_on_pad(bgr, row.comb, pad),
            distance_to_wounds(row.comb.ends, wounds),
            wound_point(wounds),
        )
        for row in rows
    ]
    rulers.sort(
        key=lambda r: (
            (r.on_pad or 0.0) < ON_PAD,
            r.mm_per_px is None,
            r.reading is None or r.reading.family != "decimal",
            r.distance_px,
        )
    )
    return rulers


def ruler_scale(
    rulers: Sequence[Ruler], shape: tuple[int, ...], tick_mm: float | None = None
) -> tuple[Scale | None, tuple[Notice, ...]]:
    """The scale that the best of the rulers gives, or None with the reason.

    `rulers` as `find_rulers` sorts them; `shape` is the picture's; `tick_mm` is what the user says
    lies between two neighbouring ticks.
    """
    known = [r for r in rulers if r.on_pad is None or r.on_pad >= ON_PAD]
    if not rulers:
        return None, ()
    if not known:
        return None, ((OFF_PAD,) if any(_surely(r) or tick_mm for r in rulers) else ())
    if tick_mm is not None:
        used = min(known, key=lambda r: r.distance_px)
        mm_per_px = tick_mm / used.comb.period_px
    else:
        used = known[0]
        if used.mm_per_px is None:
            return None, ((UNREAD,) if _surely(used) else ())
        mm_per_px = used.mm_per_px
    others = [r for r in rulers if r is not used and r.mm_per_px is not None]
    notices = []
    apart = [r for r in others if abs((r.mm_per_px or mm_per_px) / mm_per_px - 1) > AGREE]
    if used.on_pad is None and apart and tick_mm is None:
        return None, (TWO_RULERS,)
    if apart:
        worst = max(abs((r.mm_per_px or mm_per_px) / mm_per_px - 1) for r in apart)
        notices.append(
            Notice(
                "ruler_chosen",
                f"Rulers in view differ by {worst:.1%}. Used is the one on the pad next to the wound, "
                f"{_place(used.comb, shape)}; one that lies higher or lower than the pad reads wrong.",
            )
        )
    lean = _lean_deg(used.comb, shape)
    if lean > LEAN_LIMIT_DEG:
        notices.append(
            Notice(
                "scale_tilt",
                f"The ruler's ticks get closer towards one end, as if the photo were tilted by about "
                f"{lean:.0f} degrees. Photograph from straight above, or use the printed card, "
                "which corrects a tilt.",
            )
        )
    detail = _detail(used, mm_per_px, shape)
    at_wound = mm_per_px / (1 + _growth(used, shape))
    return Scale(at_wound, _relative_sd(used, shape), "ruler", detail), tuple(notices)


def _surely(ruler: Ruler) -> bool:
    """A ruler and no texture of even lines: some ticks are longer, or many ticks are very clear."""
    clear = ruler.comb.count >= CLEAR_TICKS and ruler.comb.contrast >= CLEAR_CONTRAST
    return ruler.reading is not None or clear


def _away(ruler: Ruler, shape: tuple[int, ...]) -> tuple[float, float]:
    """Where the wound's middle is: along from the ruler's middle in its lengths, and across it in px."""
    (x0, y0), (x1, y1) = ruler.comb.ends
    if ruler.wound_px is None:
        return 0.0, UNKNOWN_AWAY * max(shape[:2])
    length = math.hypot(x1 - x0, y1 - y0)
    dx, dy = ruler.wound_px[0] - (x0 + x1) / 2, ruler.wound_px[1] - (y0 + y1) / 2
    along = ((x1 - x0) * dx + (y1 - y0) * dy) / length**2
    return along, abs((x1 - x0) * dy - (y1 - y0) * dx) / length


def _growth(ruler: Ruler, shape: tuple[int, ...]) -> float:
    """How much more pixels a mm the wound's middle has than the ruler's, as its ticks show along it."""
    along, _ = _away(ruler, shape)
    return AREA_SHARE * ruler.comb.bend * min(max(along, -1.0), 1.0)


def _relative_sd(ruler: Ruler, shape: tuple[int, ...]) -> float:
    """Of the fit, of half the growth along the ruler, and of a tilt across it, which no ruler shows."""
    comb = ruler.comb
    _, across_px = _away(ruler, shape)
    seen = comb.bend / (comb.count * comb.period_px)
    hand = math.tan(math.radians(HAND_TILT_DEG)) / (FOCAL_SHARE * max(shape[:2]))
    across = 2 * AREA_SHARE * across_px * math.hypot(seen, hand)
    return math.hypot(comb.period_sd_px / comb.period_px, _growth(ruler, shape) / 2, across)


def _lean_deg(comb: Comb, shape: tuple[int, ...]) -> float:
    """Tilt that would explain the change of period along the ruler, for a phone's usual lens.

    Lengths along a slope shrink with the square of the distance: by twice the tilt's tangent a focal length.
    """
    length = comb.count * comb.period_px
    focal_px = FOCAL_SHARE * max(shape[:2])
    return math.degrees(math.atan(abs(comb.bend) / length * focal_px / 2))


def _detail(ruler: Ruler, mm_per_px: float, shape: tuple[int, ...]) -> str:
    comb = ruler.comb
    return (
        f"ruler {_place(comb, shape)}: {comb.count} ticks of {mm_per_px * comb.period_px:.4g} mm, "
        f"{comb.period_px:.2f} px apart; a ruler shows no tilt across it: photograph from straight above"
    )


def _place(comb: Comb, shape: tuple[int, ...]) -> str:
    h, w = shape[:2]
    x, y = (comb.ends[0][0] + comb.ends[1][0]) / 2 / w, (comb.ends[0][1] + comb.ends[1][1]) / 2 / h
    across = "left" if x < 0.4 else "right" if x > 0.6 else ""
    down = "upper" if y < 0.4 else "lower" if y > 0.6 else ""
    words = f"{down} {across}".strip()
    return f"in the {words} part of the photo" if words else "in the middle of the photo"
