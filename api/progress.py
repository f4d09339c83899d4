"""Did a trainee get better? A change counts only where it is larger than the measurement's own wobble."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Two measurements differ by more than this many of their joint sd in 5 % of cases without any change.
Z95 = 1.96
# Ends of a series are means of up to this many submissions: one bad evening is no trend.
END = 3


@dataclass(frozen=True, slots=True)
class Change:
    """From the mean of the first submissions to that of the last; `least` is what could be wobble
    (the minimal detectable change, 95 %). `counts` None: the uncertainty of a value is not known."""

    difference: float
    least: float | None
    counts: bool | None


def change(values: Sequence[float], sds: Sequence[float | None]) -> Change | None:
    """Change over a series, the oldest first; None where there are fewer than two values."""
    if len(values) < 2:
        return None
    size = min(END, len(values) // 2)
    difference = math.fsum(values[-size:]) / size - math.fsum(values[:size]) / size
    ends = [*sds[:size], *sds[-size:]]
    known = [sd for sd in ends if sd is not None]
    if len(known) < len(ends):
        return Change(difference, None, None)
    least = Z95 * math.sqrt(math.fsum(sd * sd for sd in known)) / size
    return Change(difference, least, abs(difference) > least)
