"""Which technique a wound shows: recognised from looks, knots and slants, or declared and checked.

How it looks is a network's word (`WoundFinding.technique_log_p`); interrupted is told from running by knots
and lean, which do so better. Nothing here needs a scale.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from assessor.errors import OptionError
from assessor.photo import estimates
from assessor.photo.layout import Layout, in_order, lay_out_wound
from assessor.photo.validity import HIDDEN, PAIRED
from assessor.results import TECHNIQUES, Notice, StitchFinding, Technique, WoundFinding

MIN_STITCHES = 3  # two stitches show neither a row of knots nor a common slant
NAME_FROM = 0.80  # posterior from which a name is given
OBJECT_FROM = 0.90  # posterior from which a declared name is doubted
MARKS_FROM = 0.50  # posterior of a hidden closure from which what crosses it is taken for ink
MAX_CONFIDENCE = 0.98  # a photo of another technique altogether is always possible

# Before looking: odds of either simple technique against any other (nine rows of ten are simple, each of five
# others 2 %); and of a cut not sutured yet against a closure that hides its stitches, where none are seen.
SIMPLE_ODDS, UNSUTURED_ODDS = 20.0, 3.0
# Share of interrupted among practice pads of the two: it is what trainees start with and practise most.
INTERRUPTED_PRIOR = 0.6
# Chance that a knot is reported at a stitch that has one, and at one that has none; and that the
# knots of a whole photo go unseen (dark, blurred): then their absence tells nothing.
KNOT_SEEN, KNOT_FALSE, KNOTS_LOST = 0.80, 0.10, 0.15
# Lean of a row from square across the wound, degrees: of interrupted stitches, of running ones about
# their geometric lean 90 - atan(total bite / spacing), and the share of running rows sewn square.
INTERRUPTED_SD_DEG, RUNNING_SD_DEG, RUNNING_SQUARE_SHARE = 9.0, 12.0, 0.3


_MARKS = (
    "What crosses the cut looks like strokes of a pen on a closed cut, not like thread, and is not measured. "
    "If these are stitches, declare the technique."
)


def without_marks(wound: WoundFinding, declared: str | None) -> tuple[WoundFinding, tuple[Notice, ...]]:
    """The wound without stitches that are likelier ink on a closure that hides its own; as it is where a
    technique is declared."""
    if declared not in (None, "unknown") or not wound.stitches:
        return wound, ()
    if wound.technique_log_p is None or len(_whole(wound)) < MIN_STITCHES:
        return wound, ()
    chances = _by_looks(wound.technique_log_p)
    if sum(chances[name] for name in HIDDEN) < MARKS_FROM:
        return wound, ()
    return replace(wound, stitches=()), (Notice("marks_not_stitches", _MARKS),)


def recognise(wound: WoundFinding, declared: str | None) -> tuple[Technique, tuple[Notice, ...]]:
    """The technique, and what the user should know about it.

    A declared name stands (confidence 1); notice `technique_disagrees` where the photo shows
    otherwise. `unknown` where too few stitches or too little evidence. OptionError for a name that
    is none of the contract's.
    """
    if declared is not None and declared not in TECHNIQUES:
        raise OptionError(
            "unknown_technique",
            f"There is no technique {declared!r}.",
            "Use one of: " + ", ".join(TECHNIQUES) + ".",
        )
    stitches = _whole(wound)
    chances = technique_chances(wound)
    if declared is None or declared == "unknown":
        return _recognised(chances, len(stitches))
    return Technique(declared, 1.0, declared=True), _objections(declared, chances, stitches)


def technique_chances(wound: WoundFinding) -> dict[str, float] | None:
    """Posterior of each technique; None where there are stitches, but fewer than 3 whole ones."""
    running = running_probability(wound)
    if wound.technique_log_p is None:
        return None if running is None else {"simple_running": running, "simple_interrupted": 1 - running}
    if not wound.stitches and wound.incision_px is not None:
        chances = _likelihoods(wound.technique_log_p)
        return _normalised(chances | {"unknown": UNSUTURED_ODDS * chances["unknown"]})
    if running is None:
        return None
    chances = _by_looks(wound.technique_log_p)
    simple = chances["simple_running"] + chances["simple_interrupted"]
    return chances | {"simple_running": simple * running, "simple_interrupted": simple * (1 - running)}


def _by_looks(log_p: tuple[float, ...]) -> dict[str, float]:
    """Posterior of each technique of a sutured wound, before knots and lean part the simple ones."""
    chances = _likelihoods(log_p) | {"unknown": 0.0}
    simple = {name: SIMPLE_ODDS * chances[name] for name in ("simple_running", "simple_interrupted")}
    return _normalised(chances | simple)


def _likelihoods(log_p: tuple[float, ...]) -> dict[str, float]:
    return {name: math.exp(p) for name, p in zip(TECHNIQUES, log_p, strict=True)}


def _whole(wound: WoundFinding) -> list[StitchFinding]:
    """Its stitches that the photo's border does not cut."""
    return [s for s in wound.stitches if not s.cut and np.isfinite(s.bites_px).all()]


def _normalised(chances: dict[str, float]) -> dict[str, float]:
    total = sum(chances.values())
    return {name: p / total for name, p in chances.items()}


def running_probability(wound: WoundFinding) -> float | None:
    """Posterior of simple running against simple interrupted; None below 3 stitches."""
    if len(_whole(wound)) < MIN_STITCHES:
        return None
    findings = in_order([s for s in wound.stitches if np.isfinite(s.bites_px).all()], wound)
    layout = lay_out_wound(findings, wound, None)
    interrupted, running = _knot_likelihoods(findings)
    square, slanted = _lean_likelihoods(findings, layout)
    interrupted *= square * INTERRUPTED_PRIOR
    running *= slanted * (1 - INTERRUPTED_PRIOR)
    return running / (interrupted + running)


def _knot_likelihoods(findings: list[StitchFinding]) -> tuple[float, float]:
    """Of the knots seen: interrupted (one at every stitch), running (one at each end).

    Where no knot shows at all they are lost in the photo, which says nothing.
    """
    interrupted = running = lost = 1.0
    for i, stitch in enumerate(findings):
        if stitch.cut:
            continue
        knot = stitch.knot_px is not None
        real = KNOT_SEEN if knot else 1 - KNOT_SEEN
        none = KNOT_FALSE if knot else 1 - KNOT_FALSE
        interrupted *= real
        running *= real if i in (0, len(findings) - 1) else none
        lost *= none
    return (
        (1 - KNOTS_LOST) * interrupted + KNOTS_LOST * lost,
        (1 - KNOTS_LOST) * running + KNOTS_LOST * lost,
    )


def _lean_likelihoods(findings: list[StitchFinding], layout: Layout) -> tuple[float, float]:
    """Of the row's mean lean: interrupted, running."""
    whole = np.array([not s.cut for s in findings])
    row = layout.row
    angle = row.angle[whole]
    lean = 90 - math.degrees(estimates.axial_mean(angle))
    sd = math.degrees(math.hypot(float(np.sqrt((row.angle_sd[whole] ** 2).sum())) / len(angle), row.axis_sd))
    gap = float(np.diff(row.crossing[whole]).mean())
    expected = 90 - math.degrees(math.atan2(float(row.total[whole].mean()), max(gap, 1e-9)))
    diagonal = 0.5 * (
        _normal(lean - expected, math.hypot(RUNNING_SD_DEG, sd))
        + _normal(lean + expected, math.hypot(RUNNING_SD_DEG, sd))
    )
    square = _normal(lean, math.hypot(RUNNING_SD_DEG, sd))
    running = (1 - RUNNING_SQUARE_SHARE) * diagonal + RUNNING_SQUARE_SHARE * square
    floor = 1 / 180  # a lean that fits neither decides nothing
    return _normal(lean, math.hypot(INTERRUPTED_SD_DEG, sd)) + 0.05 * floor, running + 0.05 * floor


def _normal(x: float, sd: float) -> float:
    return math.exp(-0.5 * (x / sd) ** 2) / (sd * math.sqrt(2 * math.pi))


def _recognised(chances: dict[str, float] | None, n: int) -> tuple[Technique, tuple[Notice, ...]]:
    if chances is None:
        text = f"{_stitches(n)} measured: too few to tell the technique. Choose it yourself."
        return Technique("unknown", 0.0), (Notice("technique_unknown", text),)
    name = max(chances, key=lambda t: chances[t])
    sure = min(chances[name], MAX_CONFIDENCE)
    if sure >= NAME_FROM and name != "unknown":
        return Technique(name, sure), ()
    if name == "unknown":
        text = (
            "No stitch is seen across the cut. If it is closed below the skin, choose the technique yourself."
        )
        return Technique("unknown", sure), (Notice("technique_unknown", text),)
    others = sorted(chances, key=lambda t: -chances[t])[:2]
    said = " and ".join(t.replace("_", " ") for t in others)
    text = f"The photo fits both {said}. Choose the technique yourself."
    return Technique("unknown", 1 - sure), (Notice("technique_unknown", text),)


def _objections(
    declared: str, chances: dict[str, float] | None, stitches: list[StitchFinding]
) -> tuple[Notice, ...]:
    """Notices where the photo contradicts a declared technique, or cannot show it."""
    n = len(stitches)
    said = declared.replace("_", " ")
    notices: list[Notice] = []
    if declared in HIDDEN:
        text = (
            f"A {said} suture hides its stitches: their number, spacing and bites cannot be seen in a photo, "
            "so nothing is graded. Have the closure itself looked at."
        )
        notices.append(Notice("technique_hidden", text))
        if n >= 2:
            notices.append(_disagrees(f"{_stitches(n)} cross the wound in the photo", said))
    elif chances is not None and declared in chances:
        seen = max(chances, key=lambda t: chances[t])
        if seen not in (declared, "unknown", *HIDDEN) and chances[seen] >= OBJECT_FROM:
            notices.append(_disagrees(f"The photo looks like {seen.replace('_', ' ')}", said))
    if declared in PAIRED and n % 2:
        text = (
            f"A {said} stitch passes under the wound twice, but {n} passes were found: its spacing and count "
            "need every pass. Photograph the whole wound, closer."
        )
        notices.append(Notice("passes_unpaired", text))
    return tuple(notices)


def _disagrees(seen: str, said: str) -> Notice:
    return Notice(
        "technique_disagrees",
        f"{seen}, but {said} was declared. The declared technique is used: check the choice.",
    )


def _stitches(n: int) -> str:
    return "1 stitch" if n == 1 else f"{n} stitches"
