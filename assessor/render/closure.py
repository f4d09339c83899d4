"""Where stitches lie: the incision's curve and every technique's punctures, strands, knots and tails.

All in millimetres on the pad. Along the incision runs u, across it v; v < 0 is left of it, walking
from its first to its last point (y down).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from assessor.render.canvas import Points, smooth_curve
from assessor.render.thread import tail_curve


@dataclass(frozen=True, slots=True)
class Curve:
    """An incision: dense points (n, 2) in mm, u their arc length, straight beyond its ends."""

    points: Points
    u: Points

    @property
    def length_mm(self) -> float:
        return float(self.u[-1])

    def to_mm(self, u: float | Points, v: float | Points) -> Points:
        """Incision coordinates -> pad coordinates (n, 2)."""
        u, v = np.broadcast_arrays(np.atleast_1d(np.asarray(u, float)), np.asarray(v, float))
        t = np.gradient(self.points, axis=0)
        t /= np.linalg.norm(t, axis=1, keepdims=True)
        base = np.c_[np.interp(u, self.u, self.points[:, 0]), np.interp(u, self.u, self.points[:, 1])]
        at = np.c_[np.interp(u, self.u, t[:, 0]), np.interp(u, self.u, t[:, 1])]
        at /= np.linalg.norm(at, axis=1, keepdims=True)
        beyond = np.where(u < 0, u, np.where(u > self.u[-1], u - self.u[-1], 0.0))
        normal = np.c_[-at[:, 1], at[:, 0]]
        result: Points = base + beyond[:, None] * at + np.asarray(v)[:, None] * normal
        return result


def make_curve(length_mm: float, bow: float, wobble_mm: float, rng: np.random.Generator) -> Curve:
    """An incision from (0, 0) along +x; `bow` is its sagitta as a share of its length."""
    x = np.linspace(0, 1, 80)
    y = 4 * bow * length_mm * x * (1 - x) + 0.3 * bow * length_mm * np.sin(2 * np.pi * x) * rng.normal()
    knots = rng.normal(0, wobble_mm, 9)
    y += np.interp(x, np.linspace(0, 1, 9), knots)
    y = np.convolve(np.pad(y, 6, mode="edge"), np.ones(13) / 13, "valid")
    points = np.c_[x * length_mm, y]
    u = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    return Curve(points, u)


@dataclass(frozen=True, slots=True)
class StitchTruth:
    """The exact truth of one stitch, in mm on the pad."""

    bites_mm: Points  # (2, 2), [0] left of the incision
    knot_mm: Points | None
    hidden: tuple[bool, bool]  # which bite lies under the knot


@dataclass(slots=True)
class Closure:
    """All there is to draw of one closed wound, and its truth."""

    technique: str
    stitches: list[StitchTruth] = field(default_factory=list)
    strands: list[Points] = field(default_factory=list)
    knots: list[tuple[Points, float]] = field(default_factory=list)  # centre, size in thread diameters
    tails: list[Points] = field(default_factory=list)
    punctures: list[Points] = field(default_factory=list)
    staples: list[Points] = field(default_factory=list)
    buried: list[Points] = field(default_factory=list)  # thread that shines through the pad


@dataclass(frozen=True, slots=True)
class Row:
    """How one hand stitched one wound: means and scatter, lengths in mm."""

    bite_mm: tuple[float, float]  # left, right
    slant_mm: float  # u of the right bite minus u of the left one
    scatter: float  # share of the bite by which everything varies
    bend: float  # sag of a strand as a share of its length
    hook: float  # how far a strand's end is turned along the incision, share of its length
    knot_side: int  # -1 left, 1 right
    knot_inset: float  # 0 the knot lies on the bite, 1 on the incision, below 0 beyond the bite
    knot_scatter: float  # how much that differs from stitch to stitch
    knot_size: float  # in thread diameters
    tail_mm: float
    tail_spread: float  # scatter of the tails' direction, rad
    tail_angle: float  # mean direction against the outward normal, rad
    tail_count: int
    throws_mm: float  # how far a knot of many throws reaches from where it was tied; 0 a compact one
    diameter_mm: float
    looped: bool = False  # whether one of a knot's tails is a loop's, whose two ends lie side by side


def _bites(curve: Curve, row: Row, u: float, rng: np.random.Generator, slant: float) -> Points:
    scatter = row.scatter
    size = 0.5 * sum(row.bite_mm)
    left = -max(row.bite_mm[0] * (1 + rng.normal(0, scatter)), 0.15 * size)
    right = max(row.bite_mm[1] * (1 + rng.normal(0, scatter)), 0.15 * size)
    d = 0.5 * (slant + rng.normal(0, scatter * size))
    return np.concatenate([curve.to_mm(u - d, left), curve.to_mm(u + d, right)])


def _strand(a: Points, b: Points, row: Row, rng: np.random.Generator) -> Points:
    """From a to b, its round ends included: a bite is where the last of the thread is seen."""
    chord = b - a
    length = float(np.linalg.norm(chord))
    if length > 2 * row.diameter_mm:
        cap = 0.5 * row.diameter_mm / length * chord
        a, b, chord = a + cap, b - cap, chord - 2 * cap
    n = np.array([-chord[1], chord[0]])
    controls = [a, a + 0.5 * chord + n * rng.normal(0, row.bend), b]
    line = smooth_curve(np.array(controls), 20)
    if row.hook:  # the free end turns along the wound where it dives into the pad
        t = np.linspace(0, 1, 20)
        turn = np.exp(-t * 10)
        line = line + n * (row.hook * rng.uniform(0.3, 1.2) * (turn - turn[0] * (1 - t)))[:, None]
    return line


def _add_knot(
    closure: Closure,
    at: Points,
    outward: Points,
    row: Row,
    rng: np.random.Generator,
) -> None:
    size = row.knot_size * rng.uniform(0.75, 1.3)
    closure.knots.append((at, size))
    base = np.arctan2(outward[1], outward[0]) + row.tail_angle
    if row.throws_mm:
        reach = row.throws_mm * rng.uniform(0.5, 1.2)
        throws = tail_curve(at, base + rng.normal(0, 0.5), reach, rng)
        every = max(1, round(len(throws) * 0.5 * size * row.diameter_mm / reach))
        closure.knots += [(p, size * rng.uniform(0.55, 0.95)) for p in throws[every::every]]
        at = throws[-1]
    for k in range(row.tail_count):
        side = row.tail_spread * (1 if k % 2 else -1) * rng.uniform(0.3, 1.2)
        angle = base + side + rng.normal(0, 0.35)
        length = row.tail_mm * rng.uniform(0.35, 1.6)
        closure.tails.append(tail_curve(at + rng.normal(0, 0.3, 2) * row.diameter_mm, angle, length, rng))
    if row.looped:
        line = closure.tails[-1]
        along = line[-1] - line[0]
        aside = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-9)
        far = row.diameter_mm * rng.choice([-1.0, 1.0]) * np.linspace(0.3, rng.uniform(0.9, 2.5), len(line))
        closure.tails.append(line + far[:, None] * aside)


def _knotted_stitch(closure: Closure, bites: Points, row: Row, rng: np.random.Generator) -> None:
    end = 0 if row.knot_side < 0 else 1
    chord = bites[1 - end] - bites[end]
    length = float(np.linalg.norm(chord))
    inset = float(np.clip(row.knot_inset + rng.normal(0, row.knot_scatter), -0.3, 0.75)) * 0.5
    knot = bites[end] + chord * inset + rng.normal(0, 0.25 * row.knot_scatter * length, 2)
    closure.strands.append(_strand(bites[1 - end], knot, row, rng))
    closure.strands.append(_strand(knot, bites[end], row, rng))
    if rng.random() < 0.12:  # a second strand beside the first: a loose loop
        closure.strands.append(_strand(bites[1 - end], knot + rng.normal(0, 0.05 * length, 2), row, rng))
    _add_knot(closure, knot, -chord, row, rng)
    radius = 0.5 * row.knot_size * row.diameter_mm
    hidden = [False, False]
    hidden[end] = bool(np.linalg.norm(knot - bites[end]) < 1.1 * radius)
    closure.stitches.append(StitchTruth(bites, knot, (hidden[0], hidden[1])))
    closure.punctures += [bites[0], bites[1]]


def simple_interrupted(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    closure = Closure("simple_interrupted")
    for u in at_u:
        bites = _bites(curve, row, float(u), rng, row.slant_mm)
        side = row.knot_side if rng.random() < 0.93 else -row.knot_side
        _knotted_stitch(closure, bites, replace(row, knot_side=side), rng)
    return closure


def simple_running(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """Diagonals over the wound, square passes below it, a knot at each end."""
    if len(at_u) >= 3 and rng.random() < 0.65:
        return _running_between_pairs(curve, at_u, row, rng)
    closure = Closure("simple_running")
    gap = float(np.mean(np.diff(at_u))) if len(at_u) > 1 else sum(row.bite_mm)
    sign = 1.0 if rng.random() < 0.5 else -1.0
    slant = sign * gap * rng.uniform(0.3, 1.1)
    for i, u in enumerate(at_u):
        last = i in (0, len(at_u) - 1)
        bites = _bites(curve, row, float(u), rng, rng.normal(0, 0.1) * gap if last else slant)
        if last and rng.random() < 0.85:
            _knotted_stitch(closure, bites, _tied(row, bool(i), rng), rng)
            if i and rng.random() < 0.5:  # the loop that the last knot was tied with
                knot = closure.knots[-1][0]
                far = bites[int(rng.integers(0, 2))] + rng.normal(0, 0.12, 2) * sum(row.bite_mm)
                closure.strands.append(_strand(knot, far, row, rng))
        else:
            _pass(closure, bites, row, rng)
        if i:
            before = closure.stitches[-2].bites_mm
            closure.buried.append(np.array([before[1], bites[0]]))
    return closure


def _tied(row: Row, last: bool, rng: np.random.Generator) -> Row:
    """A running row's first knot has one free end, as the thread goes on from it; the last is tied to a loop,
    of which two remain. Now and then any number."""
    if rng.random() < 0.15:
        return row
    if not last:
        return replace(row, tail_count=1)
    return replace(row, tail_count=3 if rng.random() < 0.3 else 2, looped=bool(rng.random() < 0.7))


def _pass(closure: Closure, bites: Points, row: Row, rng: np.random.Generator) -> None:
    """Thread that only crosses from bite to bite."""
    closure.strands.append(_strand(bites[0], bites[1], row, rng))
    closure.stitches.append(StitchTruth(bites, None, (False, False)))
    closure.punctures += [bites[0], bites[1]]


def _running_between_pairs(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """As it is taught on marked pads: punctures in pairs, square to the wound; the thread goes over it from
    each pair to the next and below it within a pair. The first knot closes a pair, and the thread leaves
    from it, over the wound, beside it to the next puncture of its side, or below; the last one closes the
    last pair, or ties the last pass itself, drawn round a corner.
    """
    closure = Closure("simple_running")
    start = int(rng.integers(0, 2))  # the side that the thread leaves on
    steady = replace(row, knot_inset=0.3 * row.knot_inset)
    pairs = [_bites(curve, row, float(u), rng, 0.0) for u in at_u]
    way = rng.spawn(1)[0]  # its draws apart: another row looks as it did
    first = 0
    if rng.random() < 0.85:
        chance = way.random()
        side = start if chance < 0.5 else 1 - start
        tied = _tied(replace(steady, knot_side=2 * side - 1), False, rng)
        _knotted_stitch(closure, pairs[0], tied, rng)
        if chance > 0.8:
            closure.buried.append(np.array([pairs[0][side], pairs[1][start]]))
            first = 1
        elif chance > 0.5:
            knot = closure.knots[0 if way.random() < 0.5 else -1][0]
            closure.strands.append(_strand(knot, pairs[1][side], row, way))
            closure.punctures.append(pairs[1][side])
            closure.buried.append(pairs[1])
            first = 1
    at_pair, cornered = 0.3, 0.6
    how = float(rng.random())
    for i in range(first, len(pairs) - 1):
        bites = pairs[i].copy()
        bites[1 - start] = pairs[i + 1][1 - start]
        if i == len(pairs) - 2 and at_pair <= how < at_pair + cornered:
            share = rng.uniform(0.7, 1.1)
            knot = pairs[i][start] + share * (pairs[i + 1][start] - pairs[i][start])
            closure.strands.append(_strand(bites[start], knot, row, rng))
            closure.strands.append(_strand(knot, bites[1 - start], row, rng))
            if rng.random() < 0.5:  # the loop that it was tied with
                far = bites[1 - start] + rng.uniform(0.02, 0.2) * (knot - bites[1 - start])
                closure.strands.append(
                    _strand(knot, far + rng.normal(0, 0.06, 2) * sum(row.bite_mm), row, rng)
                )
            _add_knot(closure, knot, bites[start] - bites[1 - start], _tied(row, True, rng), rng)
            closure.stitches.append(StitchTruth(bites, knot, (False, False)))
            closure.punctures += [bites[0], bites[1]]
        else:
            _pass(closure, bites, row, rng)
        closure.buried.append(pairs[i + 1])
    if how < at_pair:
        side = 1 - start if way.random() < 0.6 else start
        tied = _tied(replace(steady, knot_side=2 * side - 1), True, rng)
        _knotted_stitch(closure, pairs[-1], tied, rng)
    return closure


def running_locking(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """Square rungs, their ends on the knot's side joined by a rail."""
    closure = Closure("running_locking")
    rail = 0 if row.knot_side < 0 else 1
    for i, u in enumerate(at_u):
        bites = _bites(curve, row, float(u), rng, 0.0)
        closure.strands.append(_strand(bites[0], bites[1], row, rng))
        if i:
            before = closure.stitches[-1].bites_mm
            closure.strands.append(_strand(before[rail], bites[rail], row, rng))
        closure.stitches.append(StitchTruth(bites, None, (False, False)))
        closure.punctures += [bites[0], bites[1]]
    for i in {0, len(closure.stitches) - 1} if closure.stitches else ():
        s = closure.stitches[i]
        at = s.bites_mm[rail]
        _add_knot(closure, at, at - s.bites_mm[1 - rail], row, rng)
        closure.stitches[i] = StitchTruth(s.bites_mm, at, (rail == 0, rail == 1))
    return closure


def vertical_mattress(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """Far-far, near-near: short bars beside the wound, next to nothing across. Bites are the far ones."""
    closure = Closure("vertical_mattress")
    end = 0 if row.knot_side < 0 else 1
    near = rng.uniform(0.2, 0.45)
    for u in at_u:
        bites = _bites(curve, row, float(u), rng, row.slant_mm)
        middle = bites.mean(0)
        inner = middle + near * (bites - middle)
        for k in (0, 1):
            closure.strands.append(_strand(bites[k], inner[k], row, rng))
        if rng.random() < 0.35:
            closure.strands.append(_strand(inner[0], inner[1], row, rng))
        knot = bites[end] + (inner[end] - bites[end]) * rng.uniform(0, 0.6)
        _add_knot(closure, knot, bites[end] - middle, row, rng)
        closure.stitches.append(StitchTruth(bites, knot, (end == 0, end == 1)))
        closure.punctures += [*bites, *inner]
    return closure


def _pairs(at_u: Points) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in zip(at_u[::2], at_u[1::2], strict=False)]


def horizontal_mattress(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """Two bars along the wound a stitch; its two passes below are given as two stitches."""
    closure = Closure("horizontal_mattress")
    end = 0 if row.knot_side < 0 else 1
    for a, b in _pairs(at_u):
        first, second = _bites(curve, row, a, rng, 0.0), _bites(curve, row, b, rng, 0.0)
        for k in (0, 1):
            closure.strands.append(_strand(first[k], second[k], row, rng))
        knot = first[end] + (second[end] - first[end]) * rng.uniform(0.2, 0.8)
        _add_knot(closure, knot, first[end] - first[1 - end], row, rng)
        closure.stitches += [
            StitchTruth(first, knot, (False, False)),
            StitchTruth(second, None, (False, False)),
        ]
        closure.punctures += [*first, *second]
    return closure


def figure_of_eight(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """An X over the wound a stitch; its two passes below are given as two stitches."""
    closure = Closure("figure_of_eight")
    end = 0 if row.knot_side < 0 else 1
    for a, b in _pairs(at_u):
        first, second = _bites(curve, row, a, rng, 0.0), _bites(curve, row, b, rng, 0.0)
        closure.strands.append(_strand(first[0], second[1], row, rng))
        closure.strands.append(_strand(second[0], first[1], row, rng))
        _add_knot(closure, first[end], first[end] - first[1 - end], row, rng)
        closure.stitches += [
            StitchTruth(first, first[end], (end == 0, end == 1)),
            StitchTruth(second, None, (False, False)),
        ]
        closure.punctures += [*first, *second]
    return closure


def subcuticular(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """A closed line; thread shows at its two ends at most."""
    closure = Closure("subcuticular")
    for u, sign in ((0.0, -1.0), (curve.length_mm, 1.0)):
        at = curve.to_mm(u + sign * rng.uniform(1, 4), 0.0)[0]
        if rng.random() < 0.7:
            _add_knot(closure, at, np.array([sign, rng.normal(0, 0.5)]), row, rng)
            closure.punctures.append(at)
    return closure


def buried(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """Nothing to be seen."""
    return Closure("buried")


def staples(curve: Curve, at_u: Points, row: Row, rng: np.random.Generator) -> Closure:
    """Bright metal bars across the wound."""
    closure = Closure("staples")
    for u in at_u:
        bites = _bites(curve, replace(row, scatter=0.3 * row.scatter), float(u), rng, 0.0)
        closure.staples.append(bites)
        closure.stitches.append(StitchTruth(bites, None, (False, False)))
        closure.punctures += [bites[0], bites[1]]
    return closure


Technique = Callable[[Curve, Points, Row, np.random.Generator], Closure]
CLOSURES: dict[str, Technique] = {
    f.__name__: f
    for f in (
        simple_interrupted,
        simple_running,
        running_locking,
        vertical_mattress,
        horizontal_mattress,
        figure_of_eight,
        subcuticular,
        buried,
        staples,
    )
}
