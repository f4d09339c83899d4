"""Instruments from above, in millimetres: tip at (0, 0), x along the axis towards the hand, y across."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assessor.render.canvas import Canvas, Colour, Points, smooth_curve
from assessor.render.clips.order import Kind
from assessor.render.clips.sprites import Sprite, draw_sprite


@dataclass(frozen=True, slots=True)
class Build:
    """Where the hand takes it and how far it reaches, mm."""

    grip_mm: float
    length_mm: float
    half_width_mm: float


BUILDS: dict[
    Kind, Build
] = {  # of common instruments: Mayo-Hegar 15 cm, Adson 12 cm, Dumont 11 cm, Metzenbaum
    "needle_holder": Build(78.0, 135.0, 13.0),
    "forceps": Build(52.0, 118.0, 7.0),
    "tweezers": Build(46.0, 110.0, 6.0),
    "scissors": Build(80.0, 135.0, 13.0),
}


def instrument_sprite(
    kind: Kind, tape: Colour | None, px_per_mm: float, blur_px: float, rng: np.random.Generator
) -> Sprite:
    """The instrument with jaws as good as closed; its origin is the tip."""
    seed = int(rng.integers(1 << 31))
    build = BUILDS[kind]

    def paint(canvas: Canvas) -> None:
        own = np.random.default_rng(seed)
        _PAINTERS[kind](canvas, own)
        if tape is not None:
            _paint_tape(canvas, build, tape, own)

    w = build.half_width_mm
    return draw_sprite(paint, (-2.0, -w, build.length_mm, w), px_per_mm, blur_px)


def outline(kind: Kind) -> tuple[Points, Points]:
    """Axis points (n, 2) and full widths (n,), mm: the shape that casts the shadow."""
    x = np.array([0.2, 6, 14, 30, 60, 100, BUILDS[kind].length_mm])
    widths = {
        "needle_holder": (1.6, 3.4, 4.6, 7.5, 8.0, 12.0, 15.0),
        "scissors": (0.6, 3.0, 5.0, 9.0, 8.0, 12.0, 15.0),
        "forceps": (1.0, 2.2, 4.0, 8.0, 10.0, 9.0, 5.0),
        "tweezers": (0.5, 1.2, 2.4, 5.0, 8.0, 8.0, 5.0),
    }[kind]
    return np.c_[x, np.zeros(len(x))], np.array(widths)


def _paint_needle_holder(canvas: Canvas, rng: np.random.Generator) -> None:
    jaws = np.linspace(0, 21, 16)
    tip, slim = rng.uniform(1.3, 2.0), rng.uniform(0.8, 1.1)
    for side in (-1, 1):
        half = 0.5 * (tip + (4.6 * slim - tip) * (jaws / 21) ** 0.8)
        _metal(canvas, np.c_[jaws, side * 0.5 * half], half * 1.02, rng)
        for x in np.arange(1.0, 12, 0.8):  # serrated, seen where the jaws meet
            canvas.stroke(np.array([[x, 0], [x + 0.15, side * 0.45]]), 0.25, (50, 50, 52), 0.55)
    canvas.stroke(np.array([[0.3, 0], [20, 0]]), 0.3, (30, 30, 32), 0.85, 0.05)
    _shanks(canvas, 20.0, slim, rng)
    _joint(canvas, 18.0, 31.0, 6.6 * slim, rng)


def _paint_scissors(canvas: Canvas, rng: np.random.Generator) -> None:
    blade = np.linspace(0, 34, 18)
    for side in (-1, 1):
        half = 0.25 + 3.4 * (blade / 34) ** 0.75
        _metal(canvas, np.c_[blade, side * 0.42 * half], half, rng)
    canvas.stroke(np.array([[0.5, 0], [32, 0.2]]), 0.25, (30, 30, 32), 0.9, 0.05)
    _shanks(canvas, 32.0, 1.0, rng)
    canvas.disc(np.array([33.0, 0.0]), 4.2, _grey(140))
    canvas.disc(np.array([33.0, 0.0]), 1.8, _grey(90), 1.0, 0.1)
    canvas.stroke(np.array([[32.0, -0.8], [34.0, 0.8]]), 0.5, _grey(40), 0.9)


def _paint_forceps(canvas: Canvas, rng: np.random.Generator) -> None:
    _arms(
        canvas, tip=rng.uniform(0.7, 1.1), belly=rng.uniform(3.6, 4.6), apart=rng.uniform(2.0, 3.4), rng=rng
    )
    for x in np.arange(30, 46, 1.3):  # the grip's ridges
        canvas.stroke(np.array([[x, -4.5], [x, 4.5]]), 0.4, (70, 70, 72), 0.25, 0.1)


def _paint_tweezers(canvas: Canvas, rng: np.random.Generator) -> None:
    _arms(
        canvas, tip=rng.uniform(0.25, 0.45), belly=rng.uniform(2.6, 3.6), apart=rng.uniform(1.2, 2.4), rng=rng
    )


_PAINTERS: dict[Kind, Callable[[Canvas, np.random.Generator], None]] = {
    "needle_holder": _paint_needle_holder,
    "scissors": _paint_scissors,
    "forceps": _paint_forceps,
    "tweezers": _paint_tweezers,
}


def _arms(canvas: Canvas, tip: float, belly: float, apart: float, rng: np.random.Generator) -> None:
    x = np.linspace(0, 118, 40)
    spread = apart * np.interp(x, [0, 3, 55, 118], [0.06, 0.1, 1.0, 0.0])
    width = np.interp(x, [0, 12, 40, 75, 118], [tip, 0.45 * belly, belly, belly, 0.8 * belly])
    for side in (-1, 1):
        _metal(canvas, np.c_[x, side * (spread + 0.25 * width)], width, rng)
    canvas.stroke(np.array([[1.0, 0], [12, 0]]), 0.12 * belly, (25, 25, 28), 0.7, 0.04)


def _shanks(canvas: Canvas, start: float, slim: float, rng: np.random.Generator) -> None:
    for side in (-1, 1):
        control = np.array(
            [
                [start, -side * 1.0],
                [start + 18, side * 2.2],
                [start + 60, side * 5.5],
                [start + 96, side * 8.5],
            ]
        )
        line = smooth_curve(control, 30)
        _metal(canvas, line, np.linspace(3.9, 3.1, 30) * slim, rng)
    a = np.linspace(0, 2 * np.pi, 24)
    for side in (-1, 1):
        ring = np.array([start + 104, side * 9.0]) + np.c_[10 * np.cos(a), 7 * np.sin(a)]
        canvas.stroke(ring, 3.0, _grey(140))
        canvas.stroke(ring - 0.5, 0.8, _grey(225), 0.7, 0.2)


def _joint(canvas: Canvas, x0: float, x1: float, width: float, rng: np.random.Generator) -> None:
    h = width / 2
    box = np.array([[x0, -0.75 * h], [x0 + 2, -h], [x1 - 1, -h], [x1, -0.7 * h]])
    box = np.r_[box, (box * (1, -1))[::-1]]
    steel = rng.uniform(105, 165)
    canvas.polygon(box, _grey(steel))
    for y, value, alpha in (
        (-0.85, 60, 0.7),
        (0.85, 50, 0.8),
        (-0.3, 235, rng.uniform(0.3, 0.9)),
        (0.35, 80, 0.4),
    ):
        canvas.stroke(
            np.array([[x0 + 1, y * h], [x1 - 1, y * h]]), 0.18 * width, _grey(value), alpha, 0.06 * width
        )
    canvas.stroke(np.array([[x0 + 2.5, -h], [x1 - 3, h]]), 0.35, _grey(35), 0.85, 0.05)
    canvas.disc(np.array([(x0 + x1) / 2, 0.0]), 1.1, _grey(85), 0.9, 0.1)


def _metal(canvas: Canvas, line: Points, width: Points, rng: np.random.Generator) -> None:
    """A polished limb: dark edges, a specular ridge, reflections of the room in streaks along it."""
    d = np.gradient(line, axis=0)
    n = np.c_[-d[:, 1], d[:, 0]] / np.linalg.norm(d, axis=1, keepdims=True)
    steel = rng.uniform(95, 175)
    blur = 0.05 * float(width.mean())

    def streak(share: float, thick: float, value: float, alpha: float, part: slice = slice(None)) -> None:
        along = line + n * (share * width)[:, None]
        canvas.stroke(along[part], thick * width[part], _grey(value), alpha, blur)

    canvas.stroke(line, width, _grey(steel))
    streak(-0.42, 0.16, 45, 0.8)
    streak(0.42, 0.16, 35, 0.8)
    for _ in range(5):
        a = int(rng.integers(0, max(1, len(line) - 6)))
        part = slice(a, a + int(rng.integers(5, len(line) + 1)))
        streak(
            rng.uniform(-0.32, 0.32),
            rng.uniform(0.06, 0.25),
            rng.uniform(40, 230),
            rng.uniform(0.2, 0.7),
            part,
        )
    ridge = rng.uniform(-0.22, 0.22)
    streak(ridge, 0.14, 250, rng.uniform(0.6, 1.0))
    glint = int(rng.integers(0, max(1, len(line) - 5)))
    streak(ridge, 0.3, 255, rng.uniform(0.3, 1.0), slice(glint, glint + 5))


def _paint_tape(canvas: Canvas, build: Build, tape: Colour, rng: np.random.Generator) -> None:
    start = rng.uniform(5.0, 9.0)
    x = np.array([start, start + rng.uniform(5.0, 8.0)])
    width = 2.4 + 0.28 * x if build.half_width_mm > 10 else 1.0 + 0.22 * x
    line = np.c_[x, np.zeros(2)]
    canvas.stroke(line, width, tape)
    canvas.stroke(
        line - np.array([0.0, 0.2 * float(width.mean())]),
        0.25 * width,
        tuple(0.5 * np.asarray(tape) + 120),
        0.5,
        0.3,
    )
    for end in x:
        canvas.stroke(
            np.array([[end, -width[0] / 2], [end + 0.2, width[0] / 2]]),
            0.3,
            tuple(0.5 * np.asarray(tape)),
            0.6,
        )


def _grey(value: float) -> Colour:
    """Steel is a little blue."""
    return (min(255.0, value * 1.03 + 2), value, value * 0.985)
