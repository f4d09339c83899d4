"""Finer threads, step by step: sizes a trainee has sewn with, and when the next finer one is worth a try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Thick to fine, as practice kits come; sizes outside are counted to no rung.
RUNGS = ("2-0", "3-0", "4-0", "5-0", "6-0", "7-0", "8-0", "9-0", "10-0", "11-0")
# This project's suggestion, not a standard: so many rows in sequence with at least this share of the points.
READY_ROWS = 3
READY_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Rung:
    """`shares`: points / of of the rows with this size, the oldest first; what had no score is not in it."""

    size: str
    rows: int
    shares: tuple[float, ...]
    ready: bool

    @property
    def best(self) -> float | None:
        return max(self.shares, default=None)


@dataclass(frozen=True, slots=True)
class Ladder:
    """`suggested`: the size to try next, None where the present one still needs work or nothing was sewn."""

    rungs: tuple[Rung, ...]
    present: str | None
    suggested: str | None


def ladder(rows: Sequence[tuple[str, float | None]]) -> Ladder:
    """`rows`: thread size and share of the points of each row sewn, the oldest first."""
    rungs = tuple(_rung(size, [share for s, share in rows if s == size]) for size in RUNGS)
    sewn = [rung for rung in rungs if rung.rows]
    if not sewn:
        return Ladder(rungs, None, None)
    finest = sewn[-1]
    at = RUNGS.index(finest.size)
    finer = RUNGS[at + 1] if finest.ready and at + 1 < len(RUNGS) else None
    return Ladder(rungs, finest.size, finer)


def _rung(size: str, shares: Sequence[float | None]) -> Rung:
    last = shares[-READY_ROWS:]
    ready = len(last) == READY_ROWS and all(s is not None and s >= READY_SHARE for s in last)
    return Rung(size, len(shares), tuple(s for s in shares if s is not None), ready)
