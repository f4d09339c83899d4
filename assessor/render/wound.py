"""A closed wound with all its looks, sampled at random but as one hand and one kit would make it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assessor.render.canvas import Canvas, Colour, Points, apply_homography
from assessor.render.closure import CLOSURES, Closure, Curve, Row, StitchTruth, make_curve
from assessor.render.clutter import INKS
from assessor.render.pad import draw_dimples, draw_dots, draw_incision, draw_staple, smear_dots, wash_ink
from assessor.render.relief import shade_relief
from assessor.render.thread import THREADS, Thread, draw_knot, draw_strand

# how often the training set shows each technique
TECHNIQUE_SHARES = {
    "simple_interrupted": 0.51,
    "simple_running": 0.21,
    "running_locking": 0.03,
    "vertical_mattress": 0.05,
    "horizontal_mattress": 0.03,
    "figure_of_eight": 0.03,
    "subcuticular": 0.06,
    "buried": 0.05,
    "staples": 0.03,
}
# on pig skin courses practise the vertical mattress next, between four dots a stitch
SKIN_SHARES = TECHNIQUE_SHARES | {"simple_interrupted": 0.41, "vertical_mattress": 0.15}


@dataclass(frozen=True, slots=True)
class Wound:
    """One wound in its own millimetres: the incision starts at (0, 0) and runs along +x."""

    kit: str
    technique: str
    curve: Curve
    closure: Closure
    row: Row
    thread: Thread
    stitch_mm: float
    gap_mm: float
    ink: Colour | None
    ink_width_mm: float
    gape_mm: float
    slit_alpha: float
    dots_mm: Points
    dot_ink: Colour
    dot_radius_mm: float
    crosses_mm: tuple[Points, ...]
    holes_mm: Points
    sunk: float  # how far the skin hides the strands between their bites, 0 to 1; above, some are gone whole
    bleed: float  # how far the ink has run into the skin around it, 0 to 1


def sample_wound(
    rng: np.random.Generator, kit: str, technique: str | None = None, count: int | None = None
) -> Wound:
    """Draw a wound: kit is silicone, rubber or skin; technique one of the contract's, else at random."""
    if technique is None:
        shares = SKIN_SHARES if kit == "skin" else TECHNIQUE_SHARES
        technique = str(rng.choice(list(shares), p=list(shares.values())))
    low, high = {"silicone": (5.0, 14.0), "rubber": (0.9, 2.6), "skin": (6.0, 12.0)}[kit]
    stitch = float(rng.uniform(low, high))
    ratio = {"silicone": (0.35, 1.9), "rubber": (0.24, 0.8), "skin": (0.6, 1.7)}[kit]
    gap = stitch * float(np.exp(rng.uniform(np.log(ratio[0]), np.log(ratio[1]))))
    n = count or int(rng.integers(3, {"silicone": 14, "rubber": 19, "skin": 8}[kit]))
    scatter = float(rng.choice([0.04, 0.1, 0.18])) * float(rng.uniform(0.5, 1.4))
    margin = gap * rng.uniform(0.25, 1.3, 2)
    length = float((n - 1) * gap + margin.sum())
    curve = make_curve(length, float(rng.normal(0, 0.03)), 0.03 * stitch * float(rng.exponential(1)), rng)
    at_u = margin[0] + gap * np.arange(n) + rng.normal(0, min(scatter, 0.14) * gap, n)
    asymmetry = float(np.clip(rng.normal(0, 0.11 if kit == "skin" else 0.17), -0.42, 0.42))
    if kit == "rubber":
        diameter = stitch * float(rng.uniform(0.04, 0.115))
    else:
        thinnest = 0.009 if kit == "skin" else 0.022
        diameter = stitch * float(np.exp(rng.uniform(np.log(thinnest), np.log(0.085))))
    # short stitches pulled tight: a big knot over the cut, free ends as long as the bites
    tight = kit == "silicone" and rng.random() < 0.18
    if tight:
        diameter = stitch * float(rng.uniform(0.06, 0.13))
    on_bite = not tight and rng.random() < {"silicone": 0.4, "rubber": 0.8, "skin": 0.6}[kit]
    inset = float(rng.uniform(0, 0.15) if on_bite else rng.uniform(0.1, 1.1))
    row = Row(
        bite_mm=(stitch * (0.5 + asymmetry), stitch * (0.5 - asymmetry)),
        slant_mm=float(rng.normal(0, 0.12)) * stitch,
        scatter=scatter,
        bend=float(rng.exponential(0.025)),
        hook=float(rng.uniform(-0.12, 0.12)) if rng.random() < (0.6 if kit == "rubber" else 0.15) else 0.0,
        knot_side=-1 if rng.random() < 0.5 else 1,
        knot_inset=inset,
        knot_scatter=0.08,
        knot_size=float(rng.uniform(1.8, 5.5)),
        tail_mm=stitch * float(rng.uniform(0.5, 1.3) if tight else rng.uniform(0.2, 1.1)),
        tail_spread=float(rng.uniform(0.1, 1.6)),
        tail_angle=float(rng.normal(rng.choice([0, 0, 0, np.pi / 2, -np.pi / 2, np.pi]), 0.7)),
        tail_count=2 if tight else int(rng.choice([0, 1, 2, 2, 2, 3])),
        throws_mm=stitch * float(rng.uniform(0.08, 0.45)) * (kit == "silicone" and rng.random() < 0.3),
        diameter_mm=diameter,
    )
    if tight and rng.random() < 0.5:  # the bite on the knot's side hardly off the cut
        short = stitch * float(rng.uniform(0.08, 0.3))
        row = replace(row, bite_mm=(stitch - short, short) if row.knot_side > 0 else (short, stitch - short))
    if on_bite:  # a knot lies against the bite, from within; on thin rubber over it
        sit = inset / 0.15 * 1.6 - (0.8 if kit == "rubber" else 0.3)  # in radii of the knot
        row = replace(row, knot_inset=sit * row.knot_size * diameter / stitch)
    if kit != "skin":  # knots of one row here on their bite, there pulled off it
        uneven = rng.spawn(1)[0]  # its draws apart: another wound looks as it did
        if uneven.random() < {"silicone": 0.5, "rubber": 0.15}[kit]:
            row = replace(row, knot_scatter=float(uneven.uniform(0.15, 0.4)))
    stitched = _which_stitched(n, kit, rng)
    bare = technique in ("subcuticular", "buried")
    if technique in ("horizontal_mattress", "figure_of_eight"):
        stitched[:] = True
    closure = CLOSURES[technique](curve, at_u if bare else at_u[stitched], row, rng)
    painted = rng.random() < {"silicone": 0.5, "rubber": 0.12, "skin": 0.88}[kit]
    ink: Colour = INKS[int(rng.integers(0, len(INKS)))]
    if kit == "skin" and rng.random() < 0.8:
        ink = INKS[int(rng.choice([2, 3, 4, 5, 6, 7]))]
    dots = np.zeros((0, 2))
    if rng.random() < {"silicone": 0.08, "rubber": 0.05, "skin": 0.8}[kit]:
        dots = _dots(curve, at_u, row, closure, stitched, bare, rng)
    crosses: list[Points] = []
    if bare and rng.random() < (0.4 if kit == "skin" else 0.65):
        for u in at_u:
            half = stitch * rng.uniform(0.15, 0.4)
            d = rng.normal(0, 0.1) * half
            crosses.append(np.concatenate([curve.to_mm(u - d, -half), curve.to_mm(u + d, half)]))
    if len(dots) and rng.random() < 0.04:  # ink drawn or run from a dot to the cut, on one side
        side = rng.choice([-1.0, 1.0])
        for u in at_u:
            ends = side * sum(row.bite_mm) * np.array([rng.uniform(0.4, 0.55), rng.uniform(-0.1, 0.1)])
            crosses.append(curve.to_mm(u + rng.normal(0, 0.02, 2) * stitch, ends))
    if kit != "skin":  # on skin, dots joined by ink are hard to tell from stitches even for annotators
        pen = rng.spawn(1)[0]
        if pen.random() < (0.5 if bare else 0.08):
            crosses = _hatching(curve, stitch, gap, pen)
    thread = sample_thread(rng, kit, diameter)
    dot_ink = ink if rng.random() < 0.8 else INKS[int(rng.integers(0, len(INKS)))]
    if kit == "skin" and rng.random() < 0.25:  # thread that its ink has dyed
        dyed = np.clip(np.asarray(dot_ink) * rng.uniform(0.7, 1.3), 8, 245)
        thread = replace(thread, colour=(float(dyed[0]), float(dyed[1]), float(dyed[2])))
    holes = np.zeros((0, 2))
    if rng.random() < 0.15:
        k = int(rng.integers(2, 14))
        side = rng.choice([-1.0, 1.0], k) * stitch * rng.uniform(0.3, 0.7, k)
        holes = curve.to_mm(rng.uniform(0, length, k), side)
    # where every stitch has its knot, the skin may close over all else of it
    deepest = 1.4 if technique in ("simple_interrupted", "vertical_mattress") else 0.9
    sides = 0.0
    if kit != "rubber" and rng.random() < 0.22:
        sides = stitch * float(rng.uniform(0.05, 0.4))
    return Wound(
        kit=kit,
        technique=technique,
        curve=curve,
        closure=closure,
        row=row,
        thread=thread,
        sunk=min(0.2 + 1.2 * float(rng.random()) ** 2, deepest)
        if kit == "skin" and rng.random() < 0.4
        else 0.0,
        stitch_mm=stitch,
        gap_mm=gap,
        ink=ink if painted else None,
        ink_width_mm=stitch
        * float(np.exp(rng.uniform(np.log(0.025), np.log(0.4 if kit == "silicone" else 0.22)))),
        gape_mm=sides,
        slit_alpha=float(rng.uniform(0, 0.9 if kit != "rubber" else 0.75) * (rng.random() < 0.75)),
        dots_mm=dots,
        dot_ink=dot_ink,
        dot_radius_mm=stitch * float(rng.uniform(0.025, 0.12)),
        bleed=float(rng.uniform(0.1, 0.5)) if kit == "skin" and rng.random() < 0.3 else 0.0,
        crosses_mm=tuple(crosses),
        holes_mm=holes,
    )


def _hatching(curve: Curve, stitch: float, gap: float, rng: np.random.Generator) -> list[Points]:
    """Strokes of a pen across the cut, by which its lips are put together again: all alike, no knots."""
    every, half = gap * rng.uniform(0.6, 2.0), stitch * rng.uniform(0.2, 0.75)
    lean, off = rng.normal(0, 0.15) * half, rng.normal(0, 0.15) * half
    strokes = []
    for u in np.arange(rng.uniform(0.1, 0.9) * every, curve.length_mm, every):
        d, reach = lean + rng.normal(0, 0.06) * half, half * rng.uniform(0.8, 1.2)
        at = u + rng.normal(0, 0.05) * every
        strokes.append(np.concatenate([curve.to_mm(at - d, off - reach), curve.to_mm(at + d, off + reach)]))
    return strokes


def sample_thread(rng: np.random.Generator, kit: str, diameter_mm: float) -> Thread:
    """A thread: mostly dark, now and then light or clear."""
    names = ["black", "blue", "violet", "green", "white", "clear"]
    shares = [0.66, 0.14, 0.08, 0.03, 0.06, 0.03] if kit != "skin" else [0.45, 0.3, 0.13, 0.04, 0.05, 0.03]
    name = str(rng.choice(names, p=shares))
    base = np.asarray(THREADS[name]) * rng.uniform(0.6, 1.5) + rng.normal(0, 6, 3)
    b, g, r = np.clip(base, 8, 245)
    opacity = float(rng.uniform(0.25, 0.55)) if name == "clear" else float(rng.uniform(0.8, 1.0))
    gloss = float(rng.beta(1.2, 2.5)) if name != "clear" else float(rng.uniform(0.5, 1))
    return Thread((float(b), float(g), float(r)), diameter_mm, gloss, opacity, bool(rng.random() < 0.5))


def with_contrast(wound: Wound, ground: Colour, rng: np.random.Generator) -> Wound:
    """The same wound, its thread changed to black or white where it would vanish on the pad."""
    least = 30 if wound.kit == "skin" else 55
    if np.abs(np.asarray(wound.thread.colour) - np.asarray(ground)).max() > least:
        return wound
    dark = (28.0, 26.0, 28.0) if sum(ground) > 210 or rng.random() < 0.1 else (215.0, 222.0, 225.0)
    return replace(wound, thread=replace(wound.thread, colour=dark, opacity=1.0))


def _which_stitched(n: int, kit: str, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Finished rows mostly; on skin often begun ones, their other places still dots."""
    mask = np.ones(n, bool)
    if rng.random() < {"silicone": 0.15, "rubber": 0.1, "skin": 0.55}[kit]:
        if rng.random() < 0.75:
            k = int(rng.integers(0, n + 1))
            mask[:k] = False
            if rng.random() < 0.5:
                mask = mask[::-1].copy()
        else:
            mask = rng.random(n) < 0.6
    return mask


def _dots(
    curve: Curve,
    at_u: Points,
    row: Row,
    closure: Closure,
    stitched: NDArray[np.bool_],
    bare: bool,
    rng: np.random.Generator,
) -> Points:
    size = sum(row.bite_mm)
    jitter = rng.uniform(0.01, 0.08) * size
    rows = [1.0] if rng.random() < 0.7 else [1.0, float(rng.uniform(0.35, 0.6))]
    if closure.technique == "vertical_mattress" and closure.stitches:
        far, near = (np.linalg.norm(np.subtract(*closure.punctures[k : k + 2])) for k in (0, 2))
        rows = [1.0, float(near / far)]
    places: list[Points] = []
    if not bare and closure.technique not in ("horizontal_mattress", "figure_of_eight"):
        for s in closure.stitches:
            middle = s.bites_mm.mean(0)
            for share in rows:
                places.append(middle + share * (s.bites_mm - middle) + rng.normal(0, jitter, (2, 2)))
        at_u = at_u[~stitched]
    for u in at_u:
        for share in rows:
            pair = np.concatenate(
                [curve.to_mm(u, -row.bite_mm[0] * share), curve.to_mm(u, row.bite_mm[1] * share)]
            )
            places.append(pair + rng.normal(0, jitter, (2, 2)))
    return np.concatenate(places) if places else np.zeros((0, 2))


def paint_wound(canvas: Canvas, wound: Wound, light: Points, rng: np.random.Generator) -> None:
    """Paint all of a wound on the canvas (its mm are the canvas's mm)."""
    closure, thread, stitch = wound.closure, wound.thread, wound.stitch_mm
    higher = draw_incision(
        canvas,
        wound.curve,
        wound.kit,
        stitch,
        wound.ink,
        wound.ink_width_mm,
        wound.gape_mm,
        wound.slit_alpha,
        rng,
    )
    if rng.random() < 0.25:  # dots of ink at the incision's ends
        for u in (0.0, wound.curve.length_mm):
            if rng.random() < 0.8:
                draw_dots(
                    canvas,
                    wound.curve.to_mm(u, 0.0),
                    stitch * rng.uniform(0.08, 0.25),
                    INKS[int(rng.integers(0, 3))],
                    rng,
                )
    for p in wound.dots_mm if wound.bleed else ():
        reach = wound.dot_radius_mm * rng.uniform(1.5, 4.0)
        canvas.disc(p, reach, wound.dot_ink, wound.bleed * rng.uniform(0.3, 1.0), 0.7 * reach)
    draw_dots(canvas, wound.dots_mm, wound.dot_radius_mm, wound.dot_ink, rng)
    worn = rng.spawn(1)[0]  # its draws apart: a wound without it looks as it did
    if wound.kit == "skin" and worn.random() < 0.4:
        smear_dots(canvas, wound.dots_mm, wound.dot_radius_mm, stitch, wound.dot_ink, worn)
    if wound.kit == "skin" and worn.random() < 0.15:
        wash_ink(canvas, wound.curve, stitch, wound.dot_ink, worn)
    for p in wound.holes_mm:
        canvas.disc(p, stitch * rng.uniform(0.01, 0.03), (35, 35, 50), rng.uniform(0.4, 0.9), 0.01 * stitch)
    pen = rng.spawn(1)[0]
    width, alpha, soft = stitch * pen.uniform(0.02, 0.08), pen.uniform(0.4, 1.0), pen.uniform(0.1, 0.6)
    vary = float(pen.choice([0.1, 0.5]))
    for cross in wound.crosses_mm:
        thick, faint = width * np.exp(pen.normal(0, vary)), min(1.0, alpha * np.exp(pen.normal(0, vary)))
        canvas.stroke(cross, thick, wound.dot_ink, faint, thick * soft)
    draw_dimples(canvas, closure, wound.kit, stitch, rng)
    if rng.random() < 0.8:
        shade_relief(canvas, wound.curve, closure, wound.kit, stitch, light, higher, rng)
    if rng.random() < 0.15:
        alpha = rng.uniform(0.05, 0.2)
        for line in closure.buried:
            canvas.stroke(line, thread.diameter_mm, thread.colour, alpha, 0.4 * thread.diameter_mm)
    for bar in closure.staples:
        draw_staple(canvas, bar, rng)
    over = rng.random() < 0.6
    # a strand lies on the pad, a free end stands off it: its shadow lies farther away
    strands = [(s, rng.uniform(0.1, 1.0), True) for s in closure.strands]
    tails = [(s, rng.uniform(0.3, 3.5), False) for s in closure.tails]
    smear = wound.kit == "skin" and rng.random() < 0.4
    for line, lift, lies in strands + tails if over else tails + strands:
        if smear:  # ink rubbed off by the thread
            canvas.stroke(
                line, 3 * thread.diameter_mm, wound.dot_ink, rng.uniform(0.05, 0.35), 1.5 * thread.diameter_mm
            )
        for part, shown in _parts(line, wound.sunk, rng) if lies else [(line, 1.0)]:
            draw_strand(
                canvas,
                part,
                replace(thread, opacity=thread.opacity * shown),
                light * rng.uniform(0.5, 2.0),
                rng,
                thread.diameter_mm * lift,
            )
    for at, size in closure.knots:
        draw_knot(canvas, at, size, thread, light, rng)


def _parts(line: Points, sunk: float, rng: np.random.Generator) -> list[tuple[Points, float]]:
    """A strand cut into pieces and how much of each shows: skin closes over some of it."""
    if not sunk or len(line) < 4:
        return [(line, 1.0)]
    cuts = np.sort(rng.integers(1, len(line) - 1, 2))
    pieces = [line[: cuts[0] + 1], line[cuts[0] : cuts[1] + 1], line[cuts[1] :]]
    return [(p, max(1.0 - sunk * float(rng.uniform(0.2, 1.0)), 0.0)) for p in pieces if len(p) > 1]


@dataclass(frozen=True, slots=True)
class WoundTruth:
    """A wound's exact truth in pixels of the final picture."""

    technique: str
    incision_px: Points
    bites_px: Points  # (n, 2, 2)
    knots_px: tuple[Points | None, ...]
    hidden: tuple[tuple[bool, bool], ...]
    dots_px: Points
    tails_px: tuple[Points, ...]
    stitch_px: float  # typical length of a stitch here, of those that would go here where there is none
    crossing: bool  # whether its stitches' thread runs from bite to bite


def truth_of(wound: Wound, wound_to_px: Points, samples: int = 64) -> WoundTruth:
    """Project a wound's truth through the homography from its mm to pixels."""

    def project(p: Points) -> Points:
        return apply_homography(wound_to_px, np.atleast_2d(p))

    line = project(wound.curve.to_mm(np.linspace(0, wound.curve.length_mm, samples), 0.0))
    stitches: list[StitchTruth] = wound.closure.stitches
    bites = np.array([project(s.bites_mm) for s in stitches]).reshape(-1, 2, 2)
    if len(bites):
        typical = float(np.median(np.linalg.norm(bites[:, 1] - bites[:, 0], axis=1)))
    else:
        mid = wound.curve.length_mm / 2
        a, b = (
            project(wound.curve.to_mm(mid, -wound.row.bite_mm[0])),
            project(wound.curve.to_mm(mid, wound.row.bite_mm[1])),
        )
        typical = float(np.linalg.norm(a - b))
    return WoundTruth(
        technique=wound.technique,
        incision_px=line,
        bites_px=bites,
        knots_px=tuple(None if s.knot_mm is None else project(s.knot_mm)[0] for s in stitches),
        hidden=tuple(s.hidden for s in stitches),
        dots_px=project(wound.dots_mm) if len(wound.dots_mm) else np.zeros((0, 2)),
        tails_px=tuple(project(t) for t in wound.closure.tails),
        stitch_px=typical,
        crossing=wound.technique not in ("horizontal_mattress", "figure_of_eight"),
    )
