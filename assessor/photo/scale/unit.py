"""What one tick is worth: read from which ticks are longer than the others.

On a metric ruler every fifth and tenth tick is longer, on an inch ruler every fourth, eighth, sixteenth.
Which it is, is decided by a test that compares all these readings; where none wins, none is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .comb import Comb

CLEAR = 7.0  # t value from which a reading counts as seen
FAINT = 4.0  # and for one length of tick beside another that is seen
LEAD = 1.8  # times the best reading of the other family
INCH_MM = 25.4
DECIMAL, BINARY, CONTROL = (5, 10, 20), (4, 8, 16, 32), (3, 6, 7, 9)
# Zones beside the short ticks, in periods from their end: medium ticks, long ticks, blocks.
ZONES = ((0.2, 0.7), (0.7, 1.4), (1.4, 2.4), (2.4, 4.0), (4.0, 5.5))


@dataclass(frozen=True, slots=True)
class Reading:
    """`tick_mm` is None where only the family is sure. `side` is the side on which the long ticks reach
    out: +1 right, -1 left walking along the comb; the ruler's near edge is on the other one."""

    family: Literal["decimal", "binary"]
    tick_mm: float | None
    side: int
    evidence: float


def read_unit(comb: Comb) -> Reading | None:
    """The unit of one comb by its own long ticks; None where they tell nothing certain."""
    tables = {side: _evidence(comb, side) for side in (1, -1)}
    side = max(tables, key=lambda s: max((max(t.values(), default=0.0) for t in tables[s]), default=0.0))
    zones = tables[side]
    best = {m: max((z.get(m, 0.0) for z in zones), default=0.0) for m in (*DECIMAL, *BINARY, *CONTROL, 2)}
    decimal = max(best[5], best[10])
    binary = max(best[4], best[8], best[16])
    control = max(best[m] for m in CONTROL)
    if decimal > CLEAR and decimal > LEAD * max(binary, control):
        return Reading("decimal", _decimal_mm(best, zones), side, decimal)
    if binary > CLEAR and binary > LEAD * max(decimal, control):
        return Reading("binary", _binary_mm(zones), side, binary)
    return None


def _decimal_mm(best: dict[int, float], zones: list[dict[int, float]]) -> float | None:
    if best[5] > CLEAR and best[5] > best[2]:
        return 1.0
    # Fifths hardly longer than the others: where they stand out as much as the tenths among them, and
    # every second tick does not.
    if any(z.get(5, 0.0) > max(FAINT, z.get(10, 0.0), 2 * best[2]) for z in zones):
        return 1.0
    # Half millimetres: every second tick is longer, and of those every fifth.
    if best[2] > CLEAR and best[10] > CLEAR and best[5] < CLEAR:
        return 0.5
    return None


def _binary_mm(zones: list[dict[int, float]]) -> float | None:
    """The inch is the longest tick that repeats: the last zone with a clear winner names it."""
    for zone in reversed(zones):
        order = sorted((m for m in BINARY if m in zone), key=lambda m: -zone[m])
        if len(order) > 1 and zone[order[0]] > CLEAR and zone[order[0]] > 1.3 * zone[order[1]]:
            return INCH_MM / order[0] if order[0] >= 8 else None
    return None


def _evidence(comb: Comb, side: int) -> list[dict[int, float]]:
    """For each zone on one side: t value of 'every m-th tick is longer', by m."""
    edge = comb.height_px / comb.period_px / 2
    zones = []
    for near, far in ZONES:
        inside = (comb.rows * side >= edge + near) & (comb.rows * side < edge + far)
        if inside.sum() >= 2:
            zones.append(np.clip(comb.marks[:, inside].mean(1), -1.5, 2.0))
    if not zones:
        return []
    dark = np.stack(zones)
    values = {m: _fold(dark, m) for m in (*DECIMAL, *BINARY, *CONTROL, 2) if dark.shape[1] >= 2 * m}
    return [{m: float(v[z]) for m, v in values.items()} for z in range(len(zones))]


def _fold(dark: NDArray[np.float32], m: int) -> NDArray[np.float64]:
    """(zones,) largest t value, over the m offsets, of every m-th tick against the others.

    `dark` is (zones, ticks).
    """
    n = dark.shape[1]
    member = (np.arange(n)[:, None] % m == np.arange(m)[None]).astype(np.float64)
    on = member.sum(0)
    off = n - on
    first = dark @ member
    mean_on, mean_off = first / on, (dark.sum(1, keepdims=True) - first) / off
    all_second = (dark.astype(np.float64) ** 2).sum(1, keepdims=True)
    within = all_second - on * mean_on**2 - off * mean_off**2
    scatter = np.sqrt(np.maximum(within, 0) / (n - 2)) + 0.05
    t = (mean_on - mean_off) / scatter / np.sqrt(1 / on + 1 / off)
    best: NDArray[np.float64] = t.max(1)
    return best
