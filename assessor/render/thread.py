"""Thread, knots and tails: how a strand of suture material looks on a pad."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assessor.render.canvas import Canvas, Colour, Points, smooth_curve

# BGR of common suture materials: black silk/nylon, blue and violet polyglactin/polypropylene, green
# polyester, undyed white, clear (drawn faint)
THREADS: dict[str, Colour] = {
    "black": (32, 26, 28),
    "blue": (130, 62, 28),
    "violet": (110, 38, 84),
    "green": (70, 96, 30),
    "white": (222, 228, 230),
    "clear": (190, 200, 205),
}


@dataclass(frozen=True, slots=True)
class Thread:
    """A suture material: BGR colour, diameter, how shiny (0 to 1), how opaque (0 to 1)."""

    colour: Colour
    diameter_mm: float
    gloss: float
    opacity: float
    braided: bool


def draw_strand(
    canvas: Canvas,
    line_mm: Points,
    thread: Thread,
    light: Points,
    rng: np.random.Generator,
    lift_mm: float = 0.15,
) -> None:
    """Paint one strand with its shadow, body and highlight; `light` points from the light (mm plane)."""
    w = thread.diameter_mm
    shadow = line_mm + light * lift_mm
    canvas.stroke(shadow, w * 1.2, (25, 22, 30), 0.35 * thread.opacity, 0.35 * w + 0.3 * lift_mm)
    canvas.stroke(line_mm, w, thread.colour, thread.opacity)
    lighter = np.asarray(thread.colour) * 0.45 + np.array([140, 140, 140])
    canvas.stroke(
        line_mm - light * (0.22 * w), w * 0.35, tuple(lighter), 0.15 + 0.45 * thread.gloss, 0.08 * w
    )
    if thread.braided and canvas.pixels_per_mm(line_mm[0]) * w > 4:
        _braid(canvas, line_mm, thread)
    if thread.gloss > 0.35:
        for _ in range(rng.integers(0, 3)):
            i = int(rng.integers(0, max(1, len(line_mm) - 3)))
            glint = line_mm[i : i + int(rng.integers(2, 5))]
            if len(glint) >= 2:
                canvas.stroke(
                    glint, w * rng.uniform(0.4, 1.0), (235, 235, 240), thread.gloss * rng.uniform(0.3, 0.95)
                )


def _braid(canvas: Canvas, line_mm: Points, thread: Thread) -> None:
    w = thread.diameter_mm
    d = np.gradient(line_mm, axis=0)
    d /= np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-9)
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line_mm, axis=0), axis=1))]
    darker = tuple(0.55 * np.asarray(thread.colour))
    for k, s in enumerate(np.arange(0, length[-1], 0.9 * w)):
        p = np.array([np.interp(s, length, line_mm[:, 0]), np.interp(s, length, line_mm[:, 1])])
        t = np.array([np.interp(s, length, d[:, 0]), np.interp(s, length, d[:, 1])])
        n = np.array([-t[1], t[0]]) * (0.5 if k % 2 else -0.5)
        canvas.stroke(np.array([p - 0.35 * w * t, p + n * w * 0.8 + 0.35 * w * t]), 0.22 * w, darker, 0.35)


def draw_knot(
    canvas: Canvas, at_mm: Points, size: float, thread: Thread, light: Points, rng: np.random.Generator
) -> None:
    """Paint a knot: a few tight loops over a compact body, `size` diameters of thread across."""
    w = thread.diameter_mm
    r = 0.5 * size * w
    canvas.disc(at_mm + light * 0.5 * w, r * 1.15, (25, 22, 30), 0.4 * thread.opacity, 0.4 * w)
    turn = rng.uniform(0, np.pi)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    a = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    wobble = 1 + 0.18 * np.sin(a * rng.integers(2, 5) + rng.uniform(0, 6))
    body = np.c_[np.cos(a), rng.uniform(0.4, 1.0) * np.sin(a)] * (r * wobble)[:, None]
    canvas.polygon(at_mm + body @ axes, thread.colour, thread.opacity, 0.1 * w)
    for _ in range(int(rng.integers(1, 4))):
        loop = rng.normal(0, 0.7 * r, (3, 2))
        curve = smooth_curve(at_mm + loop, 10)
        canvas.stroke(curve, w, thread.colour, thread.opacity)
        lighter = np.asarray(thread.colour) * 0.5 + 110
        canvas.stroke(curve - light * 0.2 * w, 0.3 * w, tuple(lighter), 0.2 + 0.4 * thread.gloss)


def tail_curve(start_mm: Points, angle: float, length_mm: float, rng: np.random.Generator) -> Points:
    """A free end: nearly straight or curled, (n, 2)."""
    bend = rng.normal(0, 0.25) if rng.random() < 0.75 else rng.normal(0, 1.1)
    steps = 14
    headings = angle + bend * np.linspace(0, 1, steps) + np.cumsum(rng.normal(0, 0.03, steps))
    step = length_mm / steps
    way = np.cumsum(np.c_[np.cos(headings), np.sin(headings)] * step, axis=0)
    curve: Points = start_mm + np.r_[np.zeros((1, 2)), way]
    return curve
