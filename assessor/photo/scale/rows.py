"""Every row of even ticks in a photo, with what its long ticks say."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.curve import Pyramid

from .comb import Comb, follow
from .seeds import TILE, Seed, find_seeds
from .unit import INCH_MM, Reading, read_unit

WORK_SIDE_PX = 785  # rulers are sought in a picture whose longest side is this to twice this
FINE_PERIOD_PX = 6.0  # ticks closer than this are followed in a finer picture, where there is one
COARSE_FROM_PX = 7.0  # shortest period sought in the smaller pictures
FOLLOWS = 12  # seeds that are followed in one picture at most
FRUITLESS = 2  # tries that led to nothing, after which a picture is given up
SUPPORT, ALONE = 2, 0.8  # other seeds along its row that a seed needs, or the score without any
PARTNERS = (1.0, INCH_MM / 16, 16 / INCH_MM)  # periods of a ruler's other edge, as shares of the known one
CONTRAST = 8.0  # grey levels between a tick and its gaps
EVEN = 0.85  # share of the ticks that must really be there
DECIMAL_TICKS, BINARY_TICKS = 15, 24  # fewer cannot show their long ticks twice or thrice


@dataclass(frozen=True, slots=True)
class Row:
    """A row of ticks and its reading; None where the long ticks tell nothing certain."""

    comb: Comb
    reading: Reading | None


def find_rows(photo: Pyramid) -> list[Row]:
    """All rows of ticks that are even, long and dark enough for a ruler.

    Coarser and coarser pictures are searched until a ruler is found: ticks that are too far apart for
    one picture are found in the next.
    """
    first = max(math.floor(math.log2(max(photo.size) / WORK_SIDE_PX)), 0)
    found: list[Row] = []
    for level in (first, first + 1, first + 2):
        found = _search(photo, level, 0.0 if level == first else COARSE_FROM_PX, found)
        if any(row.reading is not None and row.reading.tick_mm is not None for row in found):
            break
    return _without_overtones(found)


def _search(photo: Pyramid, level: int, from_px: float, known: list[Row]) -> list[Row]:
    """`known` and the rows found in the photo halved `level` times."""
    grey = photo.grey(level)
    pictures = {level: grey.astype(np.float32)}
    found = list(known)
    failed: list[Seed] = []
    follows = 0
    for seed in find_seeds(grey):
        if follows >= FOLLOWS:
            break
        # After some failures only what may be the other edge of a ruler already found is tried.
        likely = len(failed) < FRUITLESS and (seed.support >= SUPPORT or seed.score >= ALONE)
        if not likely and not any(_partner(row, seed, 2**level) for row in found):
            continue
        if seed.period_px < from_px or any(_alike(seed, other) for other in failed):
            continue
        if any(_explains(row.comb, seed, 2**level) for row in found):
            continue
        follows += 1
        row = _row(photo, pictures, seed, level)
        if row is None:
            failed.append(seed)
        elif not any(_same(row.comb, other.comb) for other in found):
            found.append(row)
            failed.clear()
    return found


def _row(photo: Pyramid, pictures: dict[int, NDArray[np.float32]], seed: Seed, level: int) -> Row | None:
    """The row through a seed of the photo halved `level` times, in pixels of the whole one.

    `pictures` are the photo's grey by how often it was halved; a finer one is added where it is needed.
    """
    fine = level - 1 if seed.period_px < FINE_PERIOD_PX and level > 0 else level
    if fine not in pictures:
        pictures[fine] = photo.grey(fine).astype(np.float32)
    combs = follow(pictures[fine], _resized_seed(seed, 2 ** (level - fine)))
    if not combs or not _even(combs[0]):
        return None
    # gaps that pass for bright ticks tell nothing of their length
    read = ((comb, reading) for comb in combs if _even(comb) and (reading := read_unit(comb)) is not None)
    comb, reading = next(read, (combs[0], None))
    enough = DECIMAL_TICKS if reading is None or reading.family == "decimal" else BINARY_TICKS
    return Row(_resized(comb, 2**fine), reading) if comb.count >= enough else None


def _partner(row: Row, seed: Seed, shrink: int) -> bool:
    """The seed runs along a ruler that was read, with a period that its other edge may have."""
    if row.reading is None or abs(math.sin(seed.angle - row.comb.angle)) > 0.1:
        return False
    ratio = seed.period_px * shrink / row.comb.period_px
    return any(abs(ratio / share - 1) < 0.05 for share in PARTNERS)


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


def _alike(seed: Seed, other: Seed) -> bool:
    """Two seeds of one thing, for which one try is enough."""
    near = math.hypot(seed.x - other.x, seed.y - other.y) < TILE / 2
    turned = abs(math.sin(seed.angle - other.angle)) > 0.2
    return near and not turned and abs(math.log(seed.period_px / other.period_px)) < 0.1


def _same(comb: Comb, other: Comb) -> bool:
    """One row of ticks that was found twice."""
    if abs(comb.period_px / other.period_px - 1) > 0.02:
        return False
    middle = (np.array(comb.ends[0]) + np.array(comb.ends[1])) / 2
    return _offset(other, float(middle[0]), float(middle[1])) < other.height_px + other.period_px


def _offset(comb: Comb, x: float, y: float) -> float:
    (x0, y0), (x1, y1) = comb.ends
    length = math.hypot(x1 - x0, y1 - y0)
    return abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / max(length, 1e-6)


def _without_overtones(found: list[Row]) -> list[Row]:
    """Of two combs on one row the coarser is the ruler's, if the finer one is its double or treble."""
    return [row for row in found if not any(_overtone(row.comb, other.comb) for other in found)]


def _overtone(comb: Comb, other: Comb) -> bool:
    if other is comb or other.contrast < 0.8 * comb.contrast:
        return False
    on_row = min(_offset(other, *comb.ends[0]), _offset(other, *comb.ends[1])) < other.height_px
    return on_row and any(abs(other.period_px / comb.period_px / n - 1) < 0.04 for n in (2, 3, 4))


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
