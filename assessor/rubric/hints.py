"""What to do better: one to three hints, those first that cost the most points.

A hint is given only where the deviation exceeds the measurement's uncertainty (guard band of two
standard uncertainties): what may be the photo's fault is not held against the trainee.
"""

from __future__ import annotations

from assessor.results import Hint, Metric, Stitch, Technique
from assessor.rubric import advice, words
from assessor.rubric.advice import Advice, Case
from assessor.rubric.load import Rubric

MAX_HINTS = 3
HIDDEN = ("subcuticular", "buried")


def hints(
    stitches: tuple[Stitch, ...], metrics: dict[str, Metric], rubric: Rubric, technique: Technique
) -> tuple[Hint, ...]:
    """Hints for judged `metrics` (see judge): stitches are named from 1, `Hint.stitches` from 0.

    Always at least one: what to improve, or what was best, or how to get something measured.
    """
    judged = {name: m for name, m in metrics.items() if m.points is not None}
    if not judged:
        return (_nothing(stitches, metrics, technique),)
    case = Case(stitches, metrics, technique.name)
    found = [a for family in advice.FAMILIES if (a := family(case)) is not None]
    covered = {name for family in advice.COVERED for name in family}
    found += [a for name in judged if name not in covered and (a := advice.plain(case, name)) is not None]
    found.sort(key=lambda a: -a.lost)
    return tuple(a.hint for a in found[:MAX_HINTS]) or (_praise(judged),)


def _praise(judged: dict[str, Metric]) -> Hint:
    """Everything inside its target, or not surely outside: say what to keep."""
    full = [n for n, m in judged.items() if m.target and m.points is not None and m.points >= m.target.weight]
    full.sort(key=lambda n: -_weight(judged[n]))
    if len(full) == len(judged):
        text = "All that could be measured is inside its target. Keep it so"
    else:
        text = "Nothing is outside its target by more than this photo's uncertainty"
    if full:
        best = " and ".join(words.LABELS[n] for n in full[:2])
        text += f"; best: {best}"
    return Hint("well_done", text + ".")


def _weight(metric: Metric) -> float:
    return metric.target.weight if metric.target else 0.0


def _nothing(stitches: tuple[Stitch, ...], metrics: dict[str, Metric], technique: Technique) -> Hint:
    if technique.name in HIDDEN:
        text = (
            f"A {technique.name} suture lies below the surface: a photo shows neither its stitches nor its "
            "bites. Ask a teacher to look at the closed line."
        )
        return Hint("technique_hidden", text)
    whole = tuple(i for i, s in enumerate(stitches) if not s.cut)
    if not stitches:
        text = "No stitch was found. Photograph the whole wound from straight above, close, in even light."
        return Hint("no_stitches", text)
    if not whole:
        text = "Every stitch is cut off by the picture's edge. Step back until the whole wound is in it."
        return Hint("all_cut", text, tuple(range(len(stitches))))
    count = metrics.get("stitch_count")
    if count is not None and count.status == "uncertain":
        text = "What was found may not be stitches. Take the photo again, closer and sharp, or correct them."
        return Hint("doubtful", text)
    if any(m.status == "uncertain" for m in metrics.values()):
        text = "The photo is too coarse for numbers that can be trusted. Move closer and hold still."
        return Hint("too_coarse", text)
    if len(whole) < 4:
        text = "Too few stitches to judge. Place at least five for spacing and evenness."
        return Hint("too_few", text)
    text = "Nothing the rubric asks for could be measured. Photograph the whole wound, closer, with the card."
    return Hint("nothing_measured", text)


__all__ = ["Advice", "hints"]
