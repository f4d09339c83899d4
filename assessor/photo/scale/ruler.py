"""A ruler in view: found by its ticks, read by its long ticks, chosen by the surface it lies on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.results import Notice, Scale, WoundFinding

from .comb import Comb, follow
from .pixels import shrunk
from .seeds import Seed, find_seeds
from .surface import distance_to_wounds, pad_colour, share_on_pad
from .unit import Reading, read_unit

WORK_SIDE_PX = 1000  # about the longest side of the picture in which rulers are sought
FINE_PERIOD_PX = 6.0  # ticks closer than this are followed in a finer picture, where there is one
COARSE_FROM_PX = 7.0  # shortest period sought in the smaller pictures
SEEDS = 300  # seeds looked at in each picture; most lie on a comb that is already known
FOLLOWS = 12  # and followed at most
FRUITLESS = 5  # follows that led to nothing, after which a picture is given up
CONTRAST = 8.0  # grey levels between a tick and its gaps
EVEN = 0.85  # share of the ticks that must really be there
ON_PAD = 0.5  # share of the surroundings that must look like the pad
DECIMAL_TICKS, BINARY_TICKS = 15, 24  # fewer cannot show their long ticks twice or thrice

AGREE = 0.025  # two rulers on one plane read the same within this
PLANE_SD = 0.01  # a tilt of 8 degrees foreshortens by 1 %, and a ruler cannot show it
FOCAL_SHARE = 0.75  # focal length of a phone's main camera in shares of the longer side (26 mm equivalent)
LEAN_LIMIT_DEG = 20.0  # guide 5: from here a 1-D scale is not to be trusted

Image = NDArray[np.uint8]

OFF_PAD = Notice(
    "ruler_not_on_pad",
    "A ruler is in view, but not on the pad: on the frame or the table it is nearer or farther than "
    "the wound and reads 3 to 15 % wrong, so it was not used. Lay it on the pad beside the wound.",
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
    """A row of ticks with what it says; `on_pad` None where the pad is not known."""

    comb: Comb
    reading: Reading | None
    on_pad: float | None
    distance_px: float

    @property
    def mm_per_px(self) -> float | None:
        if self.reading is None or self.reading.tick_mm is None:
            return None
        return self.reading.tick_mm / self.comb.period_px


def find_rulers(bgr: Image, grey: Image, wounds: Sequence[WoundFinding]) -> list[Ruler]:
    """Every row of ticks that is even, long and dark enough for a ruler, best first.

    `bgr` (h, w, 3) and `grey` (h, w), uint8, of one photo. On the pad before off it, read before
    unread, then the nearest to a wound.
    """
    combs = _combs(grey)
    pad = pad_colour(bgr, wounds, [comb for comb, _ in combs]) if combs else None
    rulers = [
        Ruler(
            comb,
            reading,
            None if pad is None else share_on_pad(bgr, comb, pad),
            distance_to_wounds(comb.ends, wounds),
        )
        for comb, reading in combs
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


def _combs(full: Image) -> list[tuple[Comb, Reading | None]]:
    factor = max(round(max(full.shape) / WORK_SIDE_PX), 1)
    found: list[tuple[Comb, Reading | None]] = []
    for level in (1, 2, 4):
        shrink = factor * level
        grey = shrunk(full, shrink).astype(np.float32)
        follows = fruitless = 0
        finer: NDArray[np.float32] | None = None
        for seed in find_seeds(grey)[:SEEDS]:
            if level > 1 and seed.period_px < COARSE_FROM_PX:
                continue
            if follows >= FOLLOWS or fruitless >= FRUITLESS:
                break
            if any(_explains(c, seed, shrink) for c, _ in found):
                continue
            follows += 1
            fruitless += 1
            if seed.period_px < FINE_PERIOD_PX and shrink > 1:
                fine = shrink // 2
                finer = shrunk(full, fine).astype(np.float32) if finer is None else finer
                comb, scale = follow(finer, _resized_seed(seed, shrink / fine)), fine
            else:
                comb, scale = follow(grey, seed), shrink
            if comb is None or not _even(comb):
                continue
            reading = read_unit(comb)
            enough = DECIMAL_TICKS if reading is None or reading.family == "decimal" else BINARY_TICKS
            if comb.count >= enough:
                fruitless = 0
                found.append((_resized(comb, scale), reading))
    return _without_overtones(found)


def _even(comb: Comb) -> bool:
    """Nearly every tick is there, about as dark as the others."""
    if comb.count == 0 or comb.contrast < CONTRAST:
        return False
    core = comb.marks[:, np.abs(comb.rows) < 0.4].mean(1)
    return float((core > 0.4).mean()) >= EVEN


def _explains(comb: Comb, seed: Seed, shrink: int) -> bool:
    """`seed` lies on the row of `comb` and has its period."""
    if abs(seed.period_px * shrink / comb.period_px - 1) > 0.06:
        return False
    x, y = (seed.x + 0.5) * shrink - 0.5, (seed.y + 0.5) * shrink - 0.5
    return _offset(comb, x, y) < max(comb.height_px, comb.period_px)


def _offset(comb: Comb, x: float, y: float) -> float:
    (x0, y0), (x1, y1) = comb.ends
    length = math.hypot(x1 - x0, y1 - y0)
    return abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / max(length, 1e-6)


def _without_overtones(found: list[tuple[Comb, Reading | None]]) -> list[tuple[Comb, Reading | None]]:
    """Of two combs on one row the coarser is the ruler's, if the finer one is its double or treble."""
    keep = []
    for comb, reading in found:
        overtone = any(
            other is not comb
            and min(_offset(other, *comb.ends[0]), _offset(other, *comb.ends[1])) < other.height_px
            and any(abs(other.period_px / comb.period_px / n - 1) < 0.04 for n in (2, 3, 4))
            and other.contrast > 0.8 * comb.contrast
            for other, _ in found
        )
        if not overtone:
            keep.append((comb, reading))
    return keep


def _resized_seed(seed: Seed, factor: float) -> Seed:
    return dataclasses.replace(
        seed,
        x=(seed.x + 0.5) * factor - 0.5,
        y=(seed.y + 0.5) * factor - 0.5,
        period_px=seed.period_px * factor,
    )


def _resized(comb: Comb, factor: float) -> Comb:
    ends = tuple(((x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5) for x, y in comb.ends)
    return dataclasses.replace(
        comb,
        ends=(ends[0], ends[1]),
        period_px=comb.period_px * factor,
        period_sd_px=comb.period_sd_px * factor,
        height_px=comb.height_px * factor,
    )


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
        return None, ((OFF_PAD,) if any(r.mm_per_px or tick_mm for r in rulers) else ())
    if tick_mm is not None:
        used = min(known, key=lambda r: r.distance_px)
        mm_per_px = tick_mm / used.comb.period_px
    else:
        used = known[0]
        if used.mm_per_px is None:
            # A texture of even lines is no ruler; a row with longer ticks at some interval is one.
            return None, ((UNREAD,) if used.reading is not None else ())
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
    return Scale(mm_per_px, _relative_sd(used.comb), "ruler", _detail(used, mm_per_px, shape)), tuple(notices)


def _relative_sd(comb: Comb) -> float:
    """Fit, uneven ticks from end to end (the wound is somewhere along it) and a tilt nobody can see."""
    return math.sqrt((comb.period_sd_px / comb.period_px) ** 2 + comb.bend**2 / 12 + PLANE_SD**2)


def _lean_deg(comb: Comb, shape: tuple[int, ...]) -> float:
    """Tilt that would explain the change of period along the ruler, for a phone's usual lens."""
    length = comb.count * comb.period_px
    focal_px = FOCAL_SHARE * max(shape[:2])
    return math.degrees(math.atan(abs(comb.bend) / length * focal_px))


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
