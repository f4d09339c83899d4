"""What lies about and fools a detector: rulers, frames, labels, instruments, hairs, marks, glare."""

from __future__ import annotations

import numpy as np

from assessor.render.canvas import Canvas, Colour, Points, smooth_curve
from assessor.render.pad import visible_mm
from assessor.render.thread import Thread, draw_strand

INKS: tuple[Colour, ...] = (
    (45, 40, 190), (60, 30, 140), (110, 40, 90), (120, 60, 20),
    (150, 110, 40), (35, 30, 35), (90, 90, 30), (60, 20, 60),
)  # fmt: skip


def _frame_of(at: Points, angle: float) -> tuple[Points, Points]:
    x = np.array([np.cos(angle), np.sin(angle)])
    return x, np.array([-x[1], x[0]])


def draw_ruler(
    canvas: Canvas, at_mm: Points, angle: float, rng: np.random.Generator, mm: float = 1.0
) -> None:
    """A paper, plastic or steel ruler from `at_mm` along `angle`; `mm` is one of its millimetres in mm."""
    x, y = _frame_of(at_mm, angle)
    length, width = float(rng.uniform(45, 80)) * mm, float(rng.uniform(12, 26)) * mm
    steel = rng.random() < 0.2
    paper: Colour = (150, 155, 158) if steel else (226, 230, 232)
    box = np.array([[-2 * mm, 0], [length, 0], [length, width], [-2 * mm, width]])

    def place(p: Points) -> Points:
        return np.asarray(at_mm + p[:, :1] * x + p[:, 1:] * y, float)

    canvas.polygon(place(box + rng.normal(0, 0.25 * mm, 2)), (30, 30, 35), 0.4, 0.8 * mm)
    canvas.polygon(place(box), paper)
    black: Colour = (30, 28, 28)
    tick = 0.18 * mm * rng.uniform(0.7, 1.5)
    reach = np.arange(0, length / mm - 1)
    mid, long = rng.uniform(1.3, 1.8), rng.uniform(2.0, 2.8)
    for k in reach:  # millimetres along the first edge
        h = (long if k % 10 == 0 else mid if k % 5 == 0 else 1.0) * 2.0 * mm
        canvas.stroke(place(np.array([[k * mm, 0.2 * mm], [k * mm, h]])), tick, black, 0.95)
    if rng.random() < 0.7:  # sixteenths of an inch along the other
        for k in np.arange(0, length / (25.4 / 16 * mm)):
            h = (3.2 if k % 16 == 0 else 2.4 if k % 4 == 0 else 1.6) * mm
            u = k * 25.4 / 16 * mm
            canvas.stroke(place(np.array([[u, width - 0.2 * mm], [u, width - h]])), tick, black, 0.95)
    if rng.random() < 0.65:  # black and white centimetre blocks
        for row, v in enumerate((0.33, 0.55) if width > 16 * mm else (0.45,)):
            for k in range(int(length / (10 * mm))):
                half = 5 * mm * ((k + row) % 2)
                b = np.array([[0, 0], [5, 0], [5, 2.2], [0, 2.2]]) * mm + (k * 10 * mm + half, v * width)
                canvas.polygon(place(b), black)
    for k in range(0, int(length / (10 * mm))):
        draw_digit(canvas, at_mm + (k * 10 * mm) * x + 5.2 * mm * y, angle, 2.4 * mm, 0.35 * mm, black, rng)


def draw_digit(
    canvas: Canvas,
    at_mm: Points,
    angle: float,
    size_mm: float,
    pen_mm: float,
    ink: Colour,
    rng: np.random.Generator,
) -> None:
    """A hand-drawn or printed sign: one to three strokes that look like a digit or a letter."""
    x, y = _frame_of(at_mm, angle)
    for _ in range(int(rng.integers(1, 4))):
        pts = rng.uniform(0, 1, (int(rng.integers(2, 5)), 2)) * (0.6 * size_mm, size_mm)
        curve = smooth_curve(pts, 10) if len(pts) < 5 else pts
        canvas.stroke(at_mm + curve[:, :1] * x + curve[:, 1:] * y, pen_mm, ink, 0.95)


def draw_label(canvas: Canvas, at_mm: Points, size_mm: float, rng: np.random.Generator) -> None:
    """A slip of paper with a number on it."""
    angle = rng.normal(0, 0.3) + (np.pi / 2) * rng.integers(0, 4)
    x, y = _frame_of(at_mm, angle)
    w, h = size_mm * rng.uniform(0.8, 1.5), size_mm
    box = np.array([[0, 0], [w, rng.normal(0, 0.04) * h], [w, h], [rng.normal(0, 0.04) * w, h]])
    place = at_mm + box[:, :1] * x + box[:, 1:] * y
    canvas.polygon(place + 0.03 * size_mm, (30, 30, 35), 0.4, 0.05 * size_mm)
    canvas.polygon(place, (222, 226, 230))
    for k in range(int(rng.integers(1, 4))):
        at = at_mm + (0.15 + 0.25 * k) * w * x + 0.3 * h * y
        draw_digit(canvas, at, angle, 0.4 * h, 0.05 * h, (35, 30, 30), rng)


def draw_frame(canvas: Canvas, inner_mm: Points, width_mm: float, rng: np.random.Generator) -> None:
    """A raised frame round the pad: `inner_mm` (4, 2) are its inner corners, in order."""
    colour: Colour = [(30, 25, 215), (26, 26, 28), (200, 200, 200), (160, 80, 30), (60, 60, 62)][
        int(rng.choice(5, p=[0.35, 0.35, 0.1, 0.1, 0.1]))
    ]
    centre = inner_mm.mean(0)
    d = inner_mm - centre
    outer = centre + d * (1 + width_mm / np.linalg.norm(d, axis=1, keepdims=True) * 1.4)
    for k in range(4):
        j = (k + 1) % 4
        canvas.stroke(
            np.linspace(inner_mm[k], inner_mm[j], 4), 0.25 * width_mm, (20, 18, 25), 0.45, 0.2 * width_mm
        )
    for k in range(4):
        j = (k + 1) % 4
        side = np.array([inner_mm[k], inner_mm[j], outer[j], outer[k]])
        canvas.polygon(side, tuple(np.asarray(colour) * rng.uniform(0.85, 1.1)))
        canvas.stroke(
            np.linspace(inner_mm[k], inner_mm[j], 4),
            0.06 * width_mm,
            tuple(np.asarray(colour) * 0.5 + 60),
            0.6,
        )
    table: Colour = [(165, 160, 150), (60, 60, 60), (225, 225, 225), (70, 110, 150), (120, 160, 90)][
        int(rng.integers(0, 5))
    ]
    far = centre + d * 12
    for k in range(4):
        j = (k + 1) % 4
        canvas.polygon(np.array([outer[k], outer[j], far[j], far[k]]), table)


def draw_instrument(
    canvas: Canvas, tip_mm: Points, angle: float, size_mm: float, rng: np.random.Generator
) -> None:
    """A needle holder, forceps or scissors lying in view: two tapering, shiny metal limbs."""
    steel = rng.uniform(120, 190)
    for side in (-1, 1):
        x, y = _frame_of(tip_mm, angle + side * rng.uniform(0.01, 0.12))
        s = np.linspace(0, 1, 14)
        line = tip_mm + (s * size_mm * 6)[:, None] * x + (side * 0.1 * size_mm * s)[:, None] * y
        w = size_mm * (0.08 + 0.5 * s**0.7)
        canvas.stroke(line + 0.15 * size_mm, w, (25, 25, 30), 0.35, 0.2 * size_mm)
        canvas.stroke(line, w, (steel, steel, steel * 0.98))
        canvas.stroke(line + 0.12 * w[:, None] * y, 0.25 * w, (240, 242, 245), rng.uniform(0.3, 0.9))
        canvas.stroke(line - 0.3 * w[:, None] * y, 0.25 * w, (60, 60, 62), 0.6)


def draw_hairs(canvas: Canvas, size_mm: float, rng: np.random.Generator) -> None:
    """A few hairs or fibres, thinner than thread."""
    for _ in range(int(rng.integers(1, 9))):
        at = visible_mm(canvas, rng)[0]
        curve = smooth_curve(at + np.cumsum(rng.normal(0, 0.35 * size_mm, (3, 2)), axis=0), 14)
        dark = rng.random() < 0.7
        canvas.stroke(
            curve, size_mm * 0.012, (40, 45, 60) if dark else (225, 228, 230), rng.uniform(0.3, 0.9)
        )


def draw_loose_thread(
    canvas: Canvas, thread: Thread, size_mm: float, light: Points, rng: np.random.Generator
) -> None:
    """An offcut of the same thread lying on the pad."""
    at = visible_mm(canvas, rng)[0]
    curve = smooth_curve(at + np.cumsum(rng.normal(0, 0.45 * size_mm, (3, 2)), axis=0), 18)
    draw_strand(canvas, curve, thread, light, rng)


def draw_glare(canvas: Canvas, size_mm: float, rng: np.random.Generator) -> None:
    """Specular blobs or the arc of a ring light."""
    at = visible_mm(canvas, rng)[0]
    if rng.random() < 0.3:
        r, a = size_mm * rng.uniform(1, 4), np.linspace(0, rng.uniform(1.5, 6.2), 30) + rng.uniform(0, 6)
        canvas.stroke(
            at + r * np.c_[np.cos(a), np.sin(a)], 0.3 * r, (250, 250, 250), rng.uniform(0.2, 0.8), 0.08 * r
        )
        return
    for _ in range(int(rng.integers(1, 6))):
        p = at + rng.normal(0, 0.6 * size_mm, 2)
        r = size_mm * rng.uniform(0.05, 0.7)
        canvas.disc(p, r, (250, 250, 252), rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.8) * r)


def draw_markers(canvas: Canvas, at_mm: Points, size_mm: float, rng: np.random.Generator) -> None:
    """A printed card with square black and white markers in a row, and a bar below them."""
    x, y = _frame_of(at_mm, float(rng.uniform(0, 2 * np.pi)))
    many, cells = int(rng.integers(1, 6)), int(rng.integers(6, 9))
    side = size_mm * rng.uniform(0.5, 1.4)

    def block(u: float, v: float, w: float, h: float, colour: Colour) -> None:
        box = np.array([[u, v], [u + w, v], [u + w, v + h], [u, v + h]])
        canvas.polygon(at_mm + box[:, :1] * x + box[:, 1:] * y, colour)

    block(-0.3 * side, -0.3 * side, (1.5 * many + 0.2) * side, 1.9 * side, (228, 230, 232))
    for k in range(many):
        block(1.5 * k * side, 0, side, side, (32, 30, 30))
        white = rng.random((cells - 2, cells - 2)) < 0.5
        cell = side / cells
        for i, j in zip(*np.nonzero(white), strict=True):
            block(1.5 * k * side + (j + 1) * cell, (i + 1) * cell, cell * 1.02, cell * 1.02, (228, 230, 232))
    block(0, 1.25 * side, 1.3 * many * side, 0.12 * side, (32, 30, 30))
