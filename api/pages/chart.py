"""A small chart of a measure over time, as geometry for templates/chart.html."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from api.pages.words import metric_unit

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 12
TICKS = 3


@dataclass(frozen=True, slots=True)
class Value:
    """One measurement: `at` is its place in the sequence (0, 1, ...), `text` what it is, in words."""

    at: int
    value: float
    sd: float | None
    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """Centre in the drawing, and where its bar of one standard deviation ends (None: unknown)."""

    x: float
    y: float
    top: float | None
    bottom: float | None
    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    dots: tuple[Dot, ...]

    @property
    def path(self) -> str:
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


@dataclass(frozen=True, slots=True)
class Chart:
    """`ticks`: (y, text) of the scale at the left."""

    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT


def chart(metric: str, series: Sequence[tuple[str, Sequence[Value]]]) -> Chart:
    """`series`: names with their values, at least one value in all."""
    values = [v for _, row in series for v in row]
    low = min(v.value - (v.sd or 0) for v in values)
    high = max(v.value + (v.sd or 0) for v in values)
    spread = high - low or abs(high) * 0.2 or 1.0
    least = min(v.value for v in values)
    # A bar may reach below zero, the scale of a measure that cannot does not.
    low, high = max(low - 0.08 * spread, min(0.0, least)), high + 0.08 * spread
    last = max(v.at for v in values)

    def x(at: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at + 0.5) / (last + 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    def dot(v: Value) -> Dot:
        top, bottom = (y(v.value + v.sd), y(v.value - v.sd)) if v.sd is not None else (None, None)
        bottom = min(bottom, HEIGHT - 1.0) if bottom is not None else None  # cut where the scale ends
        return Dot(x(v.at), y(v.value), top, bottom, v.href, v.text)

    steps = [low + (high - low) * (0.1 + 0.8 * i / (TICKS - 1)) for i in range(TICKS)]
    return Chart(
        tuple(Line(name, tuple(dot(v) for v in row)) for name, row in series),
        tuple(zip(map(y, steps), tick_texts(steps, metric), strict=True)),
    )


def tick_texts(steps: Sequence[float], metric: str) -> list[str]:
    """The scale's numbers, with as many digits as tell them apart."""
    unit = metric_unit(metric)
    by = 100 if unit == "%" else 1
    digits = max(0, 1 - math.floor(math.log10(by * (steps[1] - steps[0]))))
    numbers = [f"{by * step:.{min(digits, 4)}f}".replace("-", "−") for step in steps]
    return [text + unit if unit == "°" else f"{text} {unit}".strip() for text in numbers]
