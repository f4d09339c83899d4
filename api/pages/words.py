"""Names and numbers as people read them, for the templates; the result page's own are in static/words.js."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api import motion_words
from api.broken import why
from assessor.rubric.words import LABELS, number

METRIC_LABELS = LABELS
HANDS = {"dominant": "dominant hand", "non_dominant": "other hand", None: "hand not said"}
FAULTS = {
    "bites_short": "bites too short",
    "bites_long": "bites too long",
    "bites_uneven": "bites uneven",
    "bites_uneven_sides": "left and right bites differ",
    "spacing_close": "stitches too close",
    "spacing_wide": "stitches too far apart",
    "spacing_uneven": "spacing uneven",
    "bite_to_spacing": "bites out of proportion to spacing",
    "stitches_lean": "stitches lean",
    "stitches_not_parallel": "stitches not parallel",
    "knots_both_sides": "knots on both sides",
    "tails_short": "thread ends too short",
    "tails_long": "thread ends too long",
    "end_bare": "an end of the wound left open",
    "well_done": "everything on target",
}
DECLARATIONS = {
    "technique": "Technique",
    "suture_size": "Thread",
    "kit": "Pad",
    "scale": "Scale",
    "motion": "Task and scale",
}
# Measures that a unit or a share belongs to; the others are plain ratios.
_SHARES = ("knot_side_share", "coverage")


def plain(name: str | None) -> str:
    """`simple_interrupted`, `skin-pad` -> words."""
    return (name or "").replace("_", " ").replace("-", " ")


def technique(name: str | None) -> str:
    return "technique not recognised" if name in (None, "", "unknown") else plain(name)


def metric_label(name: str) -> str:
    hand, _, of_clip = name.rpartition(".")
    if of_clip in motion_words.LABELS:
        text = motion_words.LABELS[of_clip][0]
        return text if not hand else f"{text}, {motion_words.HAND_NAMES[hand]}"
    text = METRIC_LABELS.get(name) or METRIC_LABELS.get(name.removesuffix("_px") + "_mm") or plain(name)
    return text[:1].upper() + text[1:]


def metric_unit(name: str) -> str:
    if name.endswith("_um"):
        return "µm"
    if name.endswith("_mm"):
        return "mm"
    if name.endswith("_px"):
        return "px"
    if name.endswith("_deg"):
        return "°"
    return "%" if name in _SHARES else ""


def metric_number(value: float | None, name: str) -> str:
    """A value of this metric with its unit; a dash where there is none."""
    if value is None:
        return "–"
    unit = metric_unit(name)
    text = number(value * 100 if name in _SHARES else value).replace("-", "−")
    text = "0" if text == "−0" else text
    return text if not unit else text + unit if unit == "°" else f"{text}\u00a0{unit}"


def points(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}".removesuffix(".0")


def percent(share: float | None) -> str:
    return "–" if share is None else f"{round(share * 100)}\u00a0%"


def day(when: datetime) -> str:
    return f"{when.day} {when:%b %Y}"


def stamp(when: datetime) -> str:
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def hand(name: str | None) -> str:
    return HANDS.get(name, "")


def fault(code: str) -> str:
    """A hint's code in words."""
    return FAULTS.get(code) or plain(code.removeprefix("off_target_"))


def redeclared(changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """What is declared otherwise since a photo was graded (`Row.redeclared`), a line each."""
    return [f"{DECLARATIONS[name]}: {_changed(name, *change)}" for name, change in changes.items()]


def _changed(name: str, then: Any, now: Any) -> str:
    if name in ("scale", "motion"):  # figures and points mean nothing to a reader
        return "declared anew since this was graded" if now else "no longer declared"
    was = "graded with none declared" if then is None else f"graded as {_declared(then)}"
    return f"{was}, " + ("no longer declared" if now is None else f"now declared {_declared(now)}")


def _declared(text: str) -> str:
    return text if text[:1].isdigit() else plain(text)  # 4-0 is a thread


FILTERS: dict[str, Any] = {
    "fault": fault,
    "plain": plain,
    "why": why,
    "clip_task": motion_words.TASKS.__getitem__,
    "in_short": motion_words.in_short,
    "technique": technique,
    "metric_label": metric_label,
    "metric_unit": metric_unit,
    "metric_number": metric_number,
    "points": points,
    "percent": percent,
    "day": day,
    "stamp": stamp,
    "hand": hand,
    "redeclared": redeclared,
}
