"""Where the numbers of the overlay go: beside the stitches, never over them, all in the frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assessor.report.canvas import Box, Vec, text_size

MIN_TEXT_PX = 13  # below this a number is not read on a phone
_SAMPLE_PX = 3.0  # distance of the points that stand for a drawn line


@dataclass(frozen=True, slots=True)
class Placed:
    """A wound's name, a badge (text = the stitch's number) or a length, centred at `centre`."""

    kind: Literal["wound", "badge", "left", "right"]
    wound: int
    stitch: int
    text: str
    centre: Vec
    size_px: int
    turned_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One wound's stitches on the canvas: bites (n, 2, 2), length texts, which must keep their text."""

    bites: Vec
    texts: Sequence[tuple[str | None, str | None]]
    knots: Sequence[Vec | None]
    marked: frozenset[int]
    incision: Vec | None
    ring_px: float


def place(rows: Sequence[Row], width: int, height: int, text_px: float) -> list[Placed]:
    """Badges first, then lengths; a length without a free place is left out unless its stitch is marked."""
    frame = Box(2, 2, width - 2, height - 2)
    obstacles = np.concatenate([_samples(row) for row in rows]) if rows else np.zeros((0, 2))
    taken: list[Box] = []
    placed: list[Placed] = []
    for wound, row in enumerate(rows):
        if len(rows) > 1:
            label = _wound_label(wound, row, round(text_px), frame, taken, obstacles)
            if label is not None:
                placed.append(label)
        size_px = _text_px(row, text_px)
        radius = badge_radius(size_px)
        end = _badge_end(row, frame, 2 * radius)
        badges: dict[tuple[int, int], Vec] = {}
        for i, bites in enumerate(row.bites):
            for side in (end, 1 - end):
                out = _outward(bites, side)
                base = bites[side] + out * 1.9 * row.ring_px
                spot = _best(base, out, (2 * radius, 2 * radius), frame, taken, obstacles)
                if spot.trouble == 0:
                    break
            taken.append(spot.box)
            badges[i, side] = spot.centre
            placed.append(Placed("badge", wound, i, str(i + 1), spot.centre, size_px))
        for i in sorted(range(len(row.bites)), key=lambda i: i not in row.marked):
            for side in (0, 1):
                text = row.texts[i][side]
                if text is None:
                    continue
                turn = _turn(row, i, text_size(text, size_px)[0])
                out = _outward(row.bites[i], side)
                away = _beside(row, out)
                base = row.bites[i][side] + out * 1.9 * row.ring_px
                if (i, side) in badges:
                    base = badges[i, side] + away * radius * 1.1
                spot = _best(base, away, _extent(text, size_px, turn), frame, taken, obstacles)
                if i in row.marked or spot.trouble == 0:
                    taken.append(spot.box)
                    kind: Literal["left", "right"] = "right" if side else "left"
                    placed.append(Placed(kind, wound, i, text, spot.centre, size_px, turn))
    return placed


def _wound_label(
    wound: int, row: Row, size_px: int, frame: Box, taken: list[Box], obstacles: Vec
) -> Placed | None:
    """The wound's name before the first point of its incision that is in view."""
    if row.incision is None or len(row.incision) < 2:
        return None
    inside = [point for point in row.incision if frame.count(point[None])]
    if not inside:
        return None
    name, out = f"Wound {wound + 1}", _axis(row.incision[0] - row.incision[-1])
    spot = _best(inside[0] + 4 * out, out, _extent(name, size_px, 0), frame, taken, obstacles)
    taken.append(spot.box)
    return Placed("wound", wound, -1, name, spot.centre, size_px)


def badge_radius(size_px: float) -> float:
    return 0.78 * size_px


@dataclass(frozen=True, slots=True)
class _Spot:
    centre: Vec
    box: Box
    trouble: float


def _best(
    base: Vec, out: Vec, extent: tuple[float, float], frame: Box, taken: list[Box], obstacles: Vec
) -> _Spot:
    """The free place for a box nearest to `base`, going out from it and a little to the sides."""
    across = np.array([-out[1], out[0]])
    half = (abs(out[0]) * extent[0] + abs(out[1]) * extent[1]) / 2
    step = max(3.0, min(extent) / 3)
    best: tuple[float, _Spot] | None = None
    for outward in range(6):
        for sideways in (0, 1, -1, 2, -2):
            centre = base + out * (half + outward * step) + across * sideways * step
            box = Box.around(centre, *extent)
            spot = _Spot(centre, box, _trouble(box, frame, taken, obstacles))
            cost = spot.trouble * 50 + outward + 1.2 * abs(sideways)
            if best is None or cost < best[0]:
                best = (cost, spot)
            if cost == 0:
                return spot
    assert best is not None
    return best[1]


def _extent(text: str, size_px: int, turned_deg: float) -> tuple[float, float]:
    """Width and height that the turned text takes, plate included."""
    wide, tall = text_size(text, size_px)
    wide, tall = wide + size_px * 0.6, tall + size_px * 0.65
    c, s = abs(math.cos(math.radians(turned_deg))), abs(math.sin(math.radians(turned_deg)))
    return wide * c + tall * s, wide * s + tall * c


def _axis(out: Vec) -> Vec:
    """The picture's axis nearest to a direction: numbers beside each other line up."""
    if abs(out[0]) >= abs(out[1]):
        return np.array([math.copysign(1.0, out[0]), 0.0])
    return np.array([0.0, math.copysign(1.0, out[1])])


def _beside(row: Row, out: Vec) -> Vec:
    """The picture's axis that leads away from the row on the side of `out`, whatever a stitch's lean."""
    along = row.bites[-1].mean(axis=0) - row.bites[0].mean(axis=0)
    away = np.array([-along[1], along[0]])
    return _axis(math.copysign(1.0, float(away @ out)) * away if len(row.bites) > 1 else out)


def _trouble(box: Box, frame: Box, taken: list[Box], obstacles: Vec) -> float:
    """0 where the box is free and in the frame; else how badly it is not (shares of its area, points hit)."""
    outside = 1 - frame.overlap(box) / max(box.area, 1e-9)
    shared = sum(box.overlap(other) for other in taken) / max(box.area, 1e-9)
    trouble = outside * 8 + shared * 3 + box.count(obstacles) * 0.2
    return trouble if trouble > 1e-3 else 0.0  # boxes side by side share a rounding error


def _badge_end(row: Row, frame: Box, badge_px: float) -> int:
    """All numbers of a row on one side: the one with room in the frame, then the one with fewer knots."""
    cost = [0.0, 0.0]
    for side in (0, 1):
        for bites, knot in zip(row.bites, row.knots, strict=True):
            reach = bites[side] + _outward(bites, side) * (row.ring_px * 2 + badge_px / 2)
            box = Box.around(reach, badge_px, badge_px)
            cost[side] += 2.0 * (frame.overlap(box) < box.area * 0.999)
            if knot is not None:
                cost[side] += float(np.hypot(*(knot - bites[side])) < np.hypot(*(knot - bites[1 - side])))
    return int(cost[1] < cost[0])


def _text_px(row: Row, text_px: float) -> int:
    """Smaller where stitches stand closer than a line of text."""
    return round(max(MIN_TEXT_PX, min(text_px, 0.62 * _spacing(row)), text_px * 0.55))


def _turn(row: Row, i: int, text_width: float) -> float:
    """0, or the stitch's own direction where stitches stand side by side closer than their texts are wide."""
    dx, dy = row.bites[i][1] - row.bites[i][0]
    if abs(dy) <= abs(dx) or _spacing(row) > text_width * 1.15:
        return 0.0
    angle = math.degrees(math.atan2(-dy, dx))
    # Upright enough to be read with the head tilted left, never upside down.
    angle = (angle + 90) % 180 - 90
    return 90.0 if abs(angle) > 70 else angle


def _spacing(row: Row) -> float:
    """The smaller quartile of the distances between neighbours, px."""
    middles = row.bites.mean(axis=1)
    if len(middles) < 2:
        return math.inf
    apart = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return float(np.quantile(apart.min(axis=1), 0.25))


def _outward(bites: Vec, side: int) -> Vec:
    along: Vec = bites[side] - bites[1 - side]
    return along / max(float(np.hypot(*along)), 1e-9)


def _samples(row: Row) -> Vec:
    """Points (n, 2) along everything drawn for the row, rings included."""
    pieces = [_along(bites[0], bites[1]) for bites in row.bites]
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = row.ring_px * 1.3 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    pieces += [bite + circle for bites in row.bites for bite in bites]
    if row.incision is not None:
        pieces += [_along(a, b) for a, b in zip(row.incision[:-1], row.incision[1:], strict=True)]
    return np.concatenate(pieces) if pieces else np.zeros((0, 2))


def _along(a: Vec, b: Vec) -> Vec:
    n = max(2, int(np.hypot(*(b - a)) / _SAMPLE_PX) + 1)
    return a + (b - a) * np.linspace(0, 1, n)[:, None]
