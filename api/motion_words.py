"""Measures of clips as people read them in tables and reports; a clip's page has static/motion-words.js."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from api.store.motion_digest import HANDS

TASKS = {"hold": "hold still", "suture": "suturing"}
HAND_NAMES = {"left": "left hand", "right": "right hand", "unknown": "tip"}
# Name of a metric without its hand -> label, unit.
LABELS = {
    "tremor_rms_um": ("Tremor, 4 to 12 Hz (rms)", "µm"),
    "tremor_rms_px": ("Tremor, 4 to 12 Hz (rms)", "px"),
    "tremor_floor_um": ("What this camera cannot see (rms)", "µm"),
    "tremor_floor_px": ("What this camera cannot see (rms)", "px"),
    "peak_hz": ("Peak frequency", "Hz"),
    "path_length_mm": ("Path of the tip", "mm"),
    "path_length_px": ("Path of the tip", "px"),
    "sparc": ("Smoothness (SPARC)", ""),
    "zone_share": ("Time in the zone", "%"),
    "idle_share": ("At rest", "%"),
    "tracked_share": ("In view", "%"),
}
REASONS = {
    "below_floor": "below what this camera can see",
    "frame_rate": "too few pictures a second",
    "too_short": "too short",
    "no_slow_window": "never still for long enough",
    "gaps": "the tip was lost too often",
    "compressed": "too compressed to tell",
    "no_reference": "no still background in view",
    "not_tracked": "no instrument tip in view",
    "no_movement": "no movement to judge",
    "no_scale": "needs a scale",
    "no_distinct_peak": "no distinct peak",
    "not_measured": "not measured",
}


class Measured(Protocol):
    """A row of `result_metric`, or what becomes one."""

    @property
    def status(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def sd(self) -> float | None: ...


def number(value: float, unit: str) -> str:
    """Three digits at most, with a true minus."""
    value = 100 * value if unit == "%" else value
    text = f"{value:.{0 if abs(value) >= 20 else 1 if abs(value) >= 1 else 2}f}".replace("-", "\u2212")
    return f"{text}\u00a0{unit}" if unit else text


def metric_text(name: str, row: Measured) -> str:
    """A value with its standard deviation, or why there is none."""
    unit = LABELS[name][1]
    if row.value is None or row.status != "measured":
        return REASONS.get(row.status, row.status.replace("_", " "))
    if row.sd is None:
        return number(row.value, unit)
    return f"{number(row.value, '%' if unit == '%' else '')} ± {number(row.sd, unit)}"


def by_hand(metrics: Mapping[str, Measured]) -> list[tuple[str, dict[str, Measured]]]:
    """Metrics "HAND.NAME" -> each hand that was seen, with its own."""
    found = []
    for hand in HANDS:
        own = {name.partition(".")[2]: row for name, row in metrics.items() if name.startswith(f"{hand}.")}
        if own:
            found.append((hand, own))
    return found


def in_short(metrics: Mapping[str, Measured], *names: str) -> list[str]:
    """Of each hand the first of `names` (twins in two units) that it has, in words: "right hand 42 µm"."""
    hands = by_hand(metrics)
    out = []
    for hand, own in hands:
        name = next((name for name in names if name in own), None)
        if name is not None:
            which = f"{HAND_NAMES[hand]} " if len(hands) > 1 or hand != "unknown" else ""
            out.append(which + metric_text(name, own[name]))
    return out
