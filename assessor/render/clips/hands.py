"""Hands and the shadows of what they hold, in the instrument's millimetres (x away from the tip)."""

from __future__ import annotations

import numpy as np

from assessor.render.canvas import Canvas, Colour, Points, smooth_curve
from assessor.render.clips.instruments import BUILDS, outline
from assessor.render.clips.order import Kind
from assessor.render.clips.sprites import Sprite, draw_sprite

GLOVES: tuple[Colour, ...] = (
    (190, 205, 222),
    (205, 150, 70),
    (214, 214, 218),
    (160, 110, 150),
    (110, 140, 80),
)
SKINS: tuple[Colour, ...] = ((140, 165, 215), (110, 140, 195), (85, 110, 165), (55, 75, 115))
SLEEVES: tuple[Colour, ...] = ((150, 120, 60), (110, 130, 70), (190, 190, 195), (60, 50, 50))


def hand_sprite(
    kind: Kind, side: int, gloved: bool, px_per_mm: float, blur_px: float, rng: np.random.Generator
) -> Sprite:
    """A hand that grips the instrument: forefinger and thumb towards the tip, fist, wrist, sleeve."""
    seed = int(rng.integers(1 << 31))
    grip = BUILDS[kind].grip_mm
    colour = (GLOVES if gloved else SKINS)[int(rng.integers(len(GLOVES if gloved else SKINS)))]
    sleeve = SLEEVES[int(rng.integers(len(SLEEVES)))]

    def paint(canvas: Canvas) -> None:
        own = np.random.default_rng(seed)
        wrist = np.array([[grip + 95.0, side * 24.0], [grip + 190.0, side * 44.0]])
        _limb(canvas, wrist, np.array([52.0, 62.0]), colour, own)
        canvas.stroke(wrist[:1] + (wrist[1:] - wrist[:1]) * np.array([[0.25], [1.0]]), 68.0, sleeve, 1.0, 1.0)
        palm = np.array([[grip + 40.0, side * 9.0], [grip + 70, side * 20.0], [grip + 100.0, side * 25.0]])
        _limb(canvas, palm, np.array([46.0, 62.0, 52.0]), colour, own)
        for k in (3, 2, 1):  # curled fingers
            x, y = grip + 20 + 11 * k, side * (8 + 9.5 * k)
            bend = np.array(
                [[x + 42, y + side * 4], [x + 12, y + side * 3], [x - 4, y - side * 2], [x + 8, y - side * 9]]
            )
            _limb(
                canvas,
                smooth_curve(bend + own.normal(0, 1.5, (4, 2)), 16),
                np.linspace(18, 13, 16),
                colour,
                own,
            )
        thumb = np.array([[grip + 62, -side * 20.0], [grip + 28, -side * 16.0], [grip + 2, -side * 4.5]])
        _limb(
            canvas, smooth_curve(thumb + own.normal(0, 1.5, (3, 2)), 16), np.linspace(22, 15, 16), colour, own
        )
        fore = np.array([[grip + 62, side * 18.0], [grip + 26, side * 15.0], [grip - 6, side * 5.0]])
        curve = smooth_curve(fore + own.normal(0, 1.5, (3, 2)), 16)
        _limb(canvas, curve, np.linspace(20, 13.5, 16), colour, own)
        if not gloved:
            tip = curve[-1] + (1.5, side * 1.0)
            nail = np.array([np.cos(np.linspace(0, 6.3, 14)), np.sin(np.linspace(0, 6.3, 14))]).T * (5.0, 3.6)
            canvas.polygon(tip + nail, tuple(0.6 * np.asarray(colour) + 95), 0.8, 0.3)

    box = (grip - 22.0, -62.0, grip + 190.0, 85.0) if side > 0 else (grip - 22.0, -85.0, grip + 190.0, 62.0)
    return draw_sprite(paint, box, px_per_mm, blur_px, sharpness=1)


def shadow_sprite(
    kind: Kind, light_mm: Points, hand_side: int, strength: float, px_per_mm: float, rng: np.random.Generator
) -> Sprite:
    """The soft shadow on the pad: further off and softer towards the hand, which is held higher."""
    grip = BUILDS[kind].grip_mm
    line, width = outline(kind)
    lift = np.clip(line[:, :1] / 40, 0.05, 2.5)
    blur = rng.uniform(0.8, 1.6)

    def paint(canvas: Canvas) -> None:
        shade: Colour = (22, 20, 24)
        canvas.stroke(line + lift * light_mm, width * 1.1, shade, strength, blur)
        hand = np.array(
            [[grip + 12.0, 0.0], [grip + 60.0, hand_side * 12.0], [grip + 150.0, hand_side * 32.0]]
        )
        canvas.stroke(hand + 2.5 * light_mm, np.array([34.0, 66.0, 60.0]), shade, strength, 5.0)

    return draw_sprite(paint, (-15.0, -75.0, grip + 175.0, 75.0), px_per_mm, 0.0, sharpness=1)


def _limb(canvas: Canvas, line: Points, width: Points, colour: Colour, rng: np.random.Generator) -> None:
    """A finger or wrist: round shading, a soft highlight, creases."""
    base = np.asarray(colour)
    d = np.gradient(line, axis=0)
    n = np.c_[-d[:, 1], d[:, 0]] / np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-9)
    mean = float(width.mean())
    canvas.stroke(line + 0.06 * mean, width * 1.06, tuple(0.45 * base), 0.55, 0.08 * mean)
    canvas.stroke(line, width, tuple(0.8 * base))
    for share, thick, tone in ((0.0, 0.78, 0.92), (-0.06, 0.5, 1.02), (-0.12, 0.22, 1.14)):
        canvas.stroke(
            line + n * (share * width)[:, None],
            thick * width,
            tuple(np.minimum(base * tone, 252)),
            0.75,
            0.1 * mean,
        )
    for _ in range(int(rng.integers(3, 8))):  # creases of skin or wrinkles of a glove
        k = int(rng.integers(0, len(line)))
        across = np.linspace(-0.4, 0.4, 5)[:, None] * n[k] * width[k]
        bow = (0.1 * mean * rng.normal(0, 1, 1)) * (1 - (np.linspace(-1, 1, 5)) ** 2)[:, None]
        crease = (
            line[k] + across * rng.uniform(0.4, 1.0) + bow * d[k] / max(float(np.linalg.norm(d[k])), 1e-9)
        )
        canvas.stroke(crease, 0.035 * mean, tuple(0.62 * base), rng.uniform(0.2, 0.6), 0.02 * mean)
        canvas.stroke(
            crease + 0.04 * mean,
            0.03 * mean,
            tuple(np.minimum(1.2 * base, 252)),
            rng.uniform(0.1, 0.5),
            0.02 * mean,
        )
