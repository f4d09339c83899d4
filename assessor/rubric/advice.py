"""The single pieces of advice, each for a family of metrics that one movement of the hand mends."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from assessor.photo.validity import WIDE_GAP
from assessor.results import Hint, Metric, Point, Stitch
from assessor.rubric import words
from assessor.rubric.judge import beyond, share

GUARD = 2.0  # standard uncertainties
MAX_NAMED = 3  # stitches named in one hint
LEAN_DEG = 5.0  # a single stitch is called leaning from here (guide 2.4: good within 5 degrees)
END_GAP_SHARE, END_GAP_WORTH = 1.5, 2.0  # unjudged: an end this many spacings bare is worth a word


@dataclass(frozen=True, slots=True)
class Case:
    """The judged wound that advice is given on."""

    stitches: tuple[Stitch, ...]
    metrics: dict[str, Metric]
    technique: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A hint and the points that its fault cost."""

    lost: float
    hint: Hint


def lost(case: Case, *names: str) -> float:
    """Points lost on these metrics together."""
    total = 0.0
    for name in names:
        m = case.metrics.get(name)
        if m is not None and m.target is not None and m.points is not None:
            total += m.target.weight - m.points
    return total


def off(case: Case, name: str) -> Metric | None:
    """The metric where it lies outside its target by more than its uncertainty, else None."""
    m = case.metrics.get(name)
    if m is None or m.target is None or m.points is None or m.value is None:
        return None
    return m if beyond(m.value, m.target) > GUARD * (m.sd or 0.0) else None


def below(m: Metric) -> bool:
    """Whether the value is too low rather than too high."""
    return bool(m.target and m.target.low is not None and m.value is not None and m.value < m.target.low)


def symmetry(case: Case) -> Advice | None:
    """Stitches with one bite clearly shorter than the other."""
    m = case.metrics.get("symmetry")
    if m is None or m.target is None or m.points is None:
        return None
    uneven: list[tuple[float, int, int]] = []  # points lost, stitch, side of the shorter bite
    for i, s in enumerate(case.stitches):
        sides = _bites(s)
        if sides is None or s.symmetry is None:
            continue
        short = beyond(s.symmetry, m.target)
        if short > GUARD * (s.symmetry_sd or 0.0):
            uneven.append((1 - share(s.symmetry, m.target), i, int(sides[1] < sides[0])))
    if not uneven:
        return None
    cost = m.target.weight * sum(u[0] for u in uneven) / max(m.n, 1)
    side = max((0, 1), key=lambda k: sum(u[0] for u in uneven if u[2] == k))
    alike = sorted((u for u in uneven if u[2] == side), key=lambda u: (-round(u[0], 6), u[1]))
    named = tuple(sorted(u[1] for u in alike[:MAX_NAMED]))
    differences = [_shorter_by(case.stitches[i], side) for i in named]
    unit = "mm" if case.stitches[named[0]].bite_left_mm is not None else ""
    amount = words.mm(statistics.fmean(differences)) if unit else words.percent(statistics.fmean(differences))
    here, there = ("left", "right") if side == 0 else ("right", "left")
    text = f"{words.stitches(named)}: {here} bite {amount} shorter than {there}."
    if len(alike) > max(MAX_NAMED, m.n / 2):
        text += f" It is so in {len(alike)} of {m.n}: start further from the edge on the {here}."
    return Advice(max(cost, lost(case, "symmetry")), Hint("bites_uneven_sides", text, named))


def bite_size(case: Case) -> Advice | None:
    """Bites and spacing in millimetres or, without a scale, their proportion."""
    names = ("bite_left_mm", "bite_right_mm", "spacing_mm", "bite_travel_ratio")
    left, right = off(case, "bite_left_mm"), off(case, "bite_right_mm")
    gap, ratio = off(case, "spacing_mm"), off(case, "bite_travel_ratio")
    options: list[tuple[float, str, str]] = []
    bites = [(side, m) for side, m in (("left", left), ("right", right)) if m is not None]
    if bites:
        size = "short" if below(bites[0][1]) else "long"
        same = [(side, m) for side, m in bites if below(m) == below(bites[0][1])]
        measured = " and ".join(f"{words.mm(m.value or 0.0)} {side}" for side, m in same)
        target = same[0][1].target
        assert target is not None  # off() gives judged metrics only
        text = f"Bites are too {size}: {measured} on average. Aim for {words.aim(target, 'mm')}."
        options.append((lost(case, "bite_left_mm", "bite_right_mm"), f"bites_{size}", text))
    if gap is not None and gap.target is not None and gap.value is not None:
        how, code = ("too close", "spacing_close") if below(gap) else ("too far apart", "spacing_wide")
        text = f"Stitches are {how}: {words.mm(gap.value)} on average. Aim for {words.aim(gap.target, 'mm')}."
        options.append((lost(case, "spacing_mm"), code, text))
    if not options and ratio is not None and ratio.target is not None and ratio.value is not None:
        advice = (
            "set them closer or take larger bites" if below(ratio) else "set them wider or take smaller bites"
        )
        text = (
            f"Bite and spacing do not match: each stitch spans {words.number(ratio.value)} of the way to the "
            f"next. Aim for {words.aim(ratio.target)}: {advice}."
        )
        options.append((lost(case, "bite_travel_ratio"), "bite_to_spacing", text))
    if not options:
        return None
    _, code, text = max(options)
    return Advice(lost(case, *names), Hint(code, text))


def spacing_evenness(case: Case) -> Advice | None:
    """The gap that strays most from the others; a wide one even where a stitch may have been missed in it."""
    gaps = _gaps(case)
    if lost(case, "spacing_cv") <= 0 or len(gaps) < 2:
        return None
    pair, worst = max(gaps.items(), key=lambda g: abs(math.log(g[1] / _others(gaps, g[0]))))
    usual = _others(gaps, pair)
    wide = worst > WIDE_GAP * usual
    if not wide and off(case, "spacing_cv") is None:
        return None
    a, b = pair
    mean = case.metrics.get("spacing_mm")
    if mean is not None and mean.value is not None and mean.status == "measured":
        per_unit = mean.value / statistics.fmean(gaps.values())
        text = (
            f"Gap between stitches {a + 1} and {b + 1}: {words.mm(worst * per_unit)}, "
            f"the others about {words.mm(usual * per_unit)}."
        )
    else:
        more = "wider" if worst > usual else "narrower"
        by = words.percent(abs(worst / usual - 1))
        text = f"Gap between stitches {a + 1} and {b + 1}: {by} {more} than the others."
    if wide:
        text += " Is a stitch missing there?"
    return Advice(lost(case, "spacing_cv"), Hint("spacing_uneven", text, pair))


def bite_evenness(case: Case) -> Advice | None:
    """The stitches whose length strays most from the others."""
    if off(case, "bite_cv") is None:
        return None
    spans = {i: s.length_mm or s.length_px for i, s in enumerate(case.stitches) if not s.cut}
    if len(spans) < 3:
        return None
    usual = statistics.median(spans.values())
    worst = max(spans, key=lambda i: abs(spans[i] - usual))
    longer = spans[worst] > usual
    named = sorted(
        (i for i in spans if (spans[i] - usual) * (1 if longer else -1) > 0.5 * abs(spans[worst] - usual)),
        key=lambda i: -abs(spans[i] - usual),
    )[:MAX_NAMED]
    span = statistics.fmean(spans[i] for i in named)
    if case.stitches[worst].length_mm is not None:
        what = f"{words.mm(span)} long, the others about {words.mm(usual)}"
    else:
        what = f"{words.percent(abs(span / usual - 1))} {'longer' if longer else 'shorter'} than the others"
    chosen = tuple(sorted(named))
    text = f"{words.stitches(chosen)}: {what}. Take every bite at the same distance."
    return Advice(lost(case, "bite_cv"), Hint("bites_uneven", text, chosen))


def angle(case: Case) -> Advice | None:
    """A row that leans as a whole, or single stitches that do."""
    cost = lost(case, "angle_deg", "angle_spread_deg")
    mean, spread = off(case, "angle_deg"), off(case, "angle_spread_deg")
    options: list[tuple[float, Hint]] = []
    if mean is not None and mean.value is not None and mean.target is not None:
        if case.technique == "simple_running":
            text = (
                f"The diagonals lie at {mean.value:.0f} degrees; with this bite and spacing "
                f"{words.aim(mean.target, 'degrees')} is right: pass square to the wound below."
            )
        else:
            text = (
                f"The stitches lean by {90 - mean.value:.0f} degrees on average: go in and come out straight "
                "across the wound."
            )
        options.append((lost(case, "angle_deg"), Hint("stitches_lean", text)))
    if spread is not None:
        named = _leaning(case)
        if named:
            text = f"{words.stitches(named)} not parallel to the others: lay each straight across the wound."
            options.append((lost(case, "angle_spread_deg"), Hint("stitches_not_parallel", text, named)))
    if not options:
        return None
    return Advice(cost, max(options, key=lambda o: o[0])[1])


def knots(case: Case) -> Advice | None:
    """Knots on the side where the fewer are."""
    m = off(case, "knot_side_share")
    if m is None:
        return None
    sides = {i: k for i, s in enumerate(case.stitches) if (k := _knot_side(s)) is not None}
    fewer = min((0, 1), key=lambda k: sum(v == k for v in sides.values()))
    named = tuple(i for i, k in sides.items() if k == fewer)[:MAX_NAMED]
    if not named:
        return None
    text = f"{words.stitches(named)}: knot on the {'left' if fewer == 0 else 'right'}. Bring all to one side."
    return Advice(lost(case, "knot_side_share"), Hint("knots_both_sides", text, named))


def tails(case: Case) -> Advice | None:
    m = off(case, "tail_mm")
    if m is None or m.target is None or m.value is None:
        return None
    size = "short" if below(m) else "long"
    text = f"Thread ends are too {size}: {words.mm(m.value)} on average. Leave {words.aim(m.target, 'mm')}."
    return Advice(lost(case, "tail_mm"), Hint(f"tails_{size}", text))


def bare_end(case: Case) -> Advice | None:
    """An end of the wound without a stitch, where the rubric does not ask for it."""
    end, gap = case.metrics.get("end_gap_mm"), case.metrics.get("spacing_mm")
    if end is None or gap is None or end.value is None or gap.value is None:
        return None
    if end.value - GUARD * (end.sd or 0.0) <= END_GAP_SHARE * gap.value:
        return None
    text = f"{words.mm(end.value)} of the wound lie bare at one end: place the last stitch nearer to it."
    return Advice(END_GAP_WORTH, Hint("end_bare", text))


def plain(case: Case, name: str) -> Advice | None:
    """Any other target that is clearly missed, in its own words."""
    m = off(case, name)
    if m is None or m.target is None or m.value is None:
        return None
    unit = "" if m.unit == "1" else m.unit
    label = words.LABELS[name]
    text = (
        f"{label[0].upper()}{label[1:]}: {words.number(m.value)}{f' {unit}' if unit else ''}. "
        f"Aim for {words.aim(m.target, unit)}."
    )
    return Advice(lost(case, name), Hint(f"off_target_{name}", text))


FAMILIES: tuple[Callable[[Case], Advice | None], ...] = (
    symmetry,
    bite_size,
    spacing_evenness,
    bite_evenness,
    angle,
    knots,
    tails,
    bare_end,
)
# Metrics that the families speak about; all others get plain advice.
COVERED: tuple[tuple[str, ...], ...] = (
    ("symmetry",),
    ("bite_left_mm", "bite_right_mm", "spacing_mm", "bite_travel_ratio"),
    ("spacing_cv",),
    ("bite_cv",),
    ("angle_deg", "angle_spread_deg"),
    ("knot_side_share",),
    ("tail_mm",),
)


def _bites(s: Stitch) -> tuple[float, float] | None:
    if s.bite_left_mm is not None and s.bite_right_mm is not None:
        return s.bite_left_mm, s.bite_right_mm
    if s.bite_left_px is not None and s.bite_right_px is not None:
        return s.bite_left_px, s.bite_right_px
    return None


def _shorter_by(s: Stitch, side: int) -> float:
    """How much shorter a side's bite is: millimetres, or a share of the other without a scale."""
    bites = _bites(s)
    assert bites is not None  # chosen among those that have them
    difference = bites[1 - side] - bites[side]
    return difference if s.bite_left_mm is not None else difference / bites[1 - side]


def _crossing(s: Stitch) -> Point:
    """Where the stitch crosses the wound; its middle where that is not known. Pixels."""
    (ax, ay), (bx, by) = s.bites
    bites = _bites(s)
    t = 0.5 if bites is None else bites[0] / (bites[0] + bites[1])
    return ax + t * (bx - ax), ay + t * (by - ay)


def _gaps(case: Case) -> dict[tuple[int, int], float]:
    """Pixel distances between neighbours, by their indices; none across a cut stitch or to an end loop."""
    gaps = {}
    ends = _end_loops(case)
    for i in range(len(case.stitches) - 1):
        a, b = case.stitches[i], case.stitches[i + 1]
        if not a.cut and not b.cut and ends.isdisjoint((i, i + 1)):
            gaps[i, i + 1] = max(math.dist(_crossing(a), _crossing(b)), 1e-9)
    return gaps


def _end_loops(case: Case) -> set[int]:
    """Knotted ends of a running row: closed square, half a gap from the next pass, and right so."""
    if case.technique != "simple_running":
        return set()
    return {i for i in (0, len(case.stitches) - 1) if case.stitches[i].knot is not None}


def _others(gaps: dict[tuple[int, int], float], pair: tuple[int, int]) -> float:
    return statistics.median(v for k, v in gaps.items() if k != pair)


def _leaning(case: Case) -> tuple[int, ...]:
    """The stitches that lean most, beyond their uncertainty: from square, running ones from the rest."""
    ends = _end_loops(case)
    angles = {i: s for i, s in enumerate(case.stitches) if s.angle_deg is not None and i not in ends}
    if len(angles) < 3:
        return ()
    running = case.technique == "simple_running"
    right = statistics.median(s.angle_deg or 0.0 for s in angles.values()) if running else 90.0
    apart = {i: abs((s.angle_deg or 0.0) - right) for i, s in angles.items()}
    clear = [i for i, s in angles.items() if apart[i] > max(GUARD * (s.angle_sd_deg or 0.0), LEAN_DEG)]
    return tuple(sorted(sorted(clear, key=lambda i: -apart[i])[:MAX_NAMED]))


def _knot_side(s: Stitch) -> int | None:
    """0 left, 1 right of the wound; None on it or unknown."""
    if s.knot is None or s.cut or _bites(s) is None:
        return None
    (ax, ay), (bx, by) = s.bites
    cx, cy = _crossing(s)
    along = (s.knot[0] - cx) * (bx - ax) + (s.knot[1] - cy) * (by - ay)
    reach = along / max((bx - ax) ** 2 + (by - ay) ** 2, 1e-9)  # in stitch lengths
    return None if abs(reach) < 0.125 else int(reach > 0)
