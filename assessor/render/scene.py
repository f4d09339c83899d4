"""Whole pictures: a pad with one or more wounds and clutter, seen by a camera, with exact truth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.render.camera import random_camera, take
from assessor.render.canvas import Canvas, Points, apply_homography
from assessor.render.clutter import (
    INKS,
    draw_frame,
    draw_glare,
    draw_hairs,
    draw_instrument,
    draw_label,
    draw_loose_thread,
    draw_markers,
    draw_ruler,
)
from assessor.render.pad import draw_dots, draw_grid, draw_surface
from assessor.render.wound import Wound, WoundTruth, paint_wound, sample_wound, truth_of, with_contrast

_FINEST = 1.5625  # of the wanted size of stitches: how large they are at most on the photo it is cut from


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered photo (h, w, 3) uint8 BGR and its truth in its own pixels."""

    bgr: NDArray[np.uint8]
    wounds: tuple[WoundTruth, ...]
    kit: str
    mm_per_px: float


def similarity(scale: float, angle: float, shift: tuple[float, float]) -> Points:
    """A 3x3 similarity: scale, turn (rad), then shift."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1.0]])


def tilted(mm_to_px: Points, size: tuple[int, int], strength: float, rng: np.random.Generator) -> Points:
    """Add a slight perspective: the picture's corners move by up to `strength` of its side."""
    w, h = size
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    moved = corners + rng.uniform(-strength, strength, (4, 2)).astype(np.float32) * min(w, h)
    return np.asarray(cv2.getPerspectiveTransform(corners, moved), float) @ mm_to_px


def render_strip(
    rng: np.random.Generator, width: int, height: int, stitch_px: float, technique: str | None = None
) -> Rendered:
    """A training picture: a piece of a wound, nearly level, its stitches about `stitch_px` long.

    A few show what must not be read, rulers and frames without a wound or a row across the strip; those
    have no truth. It is taken at another resolution first, so that it is as blurred and grainy
    as a crop of a real photo.
    """
    kit = str(rng.choice(["silicone", "rubber", "skin"], p=[0.36, 0.18, 0.46]))
    wound = sample_wound(rng, kit, technique)
    wanted = stitch_px * float(np.exp(rng.normal(0, 0.2)))
    finest = _FINEST * stitch_px
    native = float(np.exp(rng.uniform(np.log(17 if kit != "rubber" else 34), np.log(finest))))
    zoom = wanted / native
    w, h = max(24, round(width / zoom)), max(16, round(height / zoom))
    px_per_mm = native / truth_of(wound, np.eye(3)).stitch_px
    half = 0.5 * w / px_per_mm
    length = wound.curve.length_mm
    spare = max(0.0, length / 2 - half * 0.6)
    middle = wound.curve.to_mm(length / 2 + rng.uniform(-1, 1) * (spare + 0.35 * half), 0.0)[0]
    chance = rng.random()
    bare, across = chance < 0.08, 0.08 <= chance < 0.13
    angle = float(rng.normal(np.pi / 2, 0.25) if across else rng.normal(0, 0.11))
    to_px = similarity(px_per_mm, angle, (0, 0))
    centre = apply_homography(to_px, middle[None])[0]
    shift = np.array([w / 2, h / 2 + rng.normal(0, 0.06) * h]) - centre
    to_px[:2, 2] += shift
    mm_to_px = tilted(to_px, (w, h), 0.02, rng)
    canvas = Canvas(w, h, mm_to_px, supersample=2)
    paint_scene(canvas, [(wound, np.eye(3))], kit, rng, frame_share=0.1, bare=bare)
    poor = float(rng.beta(1.2, 1.6)) if kit == "skin" else float(rng.beta(1.0, 3.5))
    bgr = take(canvas.picture(), random_camera(rng, poor), rng)
    grow = np.diag([width / w, height / h, 1.0])
    grow[0, 2], grow[1, 2] = 0.5 * width / w - 0.5, 0.5 * height / h - 0.5
    bgr = np.asarray(
        cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC),
        np.uint8,
    )
    truth = () if bare or across else (truth_of(wound, grow @ mm_to_px),)
    return Rendered(bgr, truth, kit, w / width / px_per_mm)


def render_photo(
    rng: np.random.Generator,
    width: int,
    height: int,
    kit: str | None = None,
    technique: str | None = None,
    fill: tuple[float, float] = (0.3, 1.1),
    wounds: int | None = None,
    poor: float | None = None,
    ruler: bool | None = None,
    supersample: int = 2,
) -> Rendered:
    """A photo of a pad: one to three wounds, clutter; `fill` is the wound's length over the picture's."""
    kit = kit or str(rng.choice(["silicone", "rubber", "skin"], p=[0.45, 0.15, 0.4]))
    first = sample_wound(rng, kit, technique)
    many = wounds or (1 if rng.random() < 0.85 else int(rng.integers(2, 4)))
    level = width >= 1.8 * height
    angle = float(rng.normal(0, 0.12)) if level else float(rng.uniform(0, 2 * np.pi))
    if level and rng.random() < 0.5:
        angle += np.pi
    reach = abs(np.cos(angle)) * width + abs(np.sin(angle)) * height
    extent = first.curve.length_mm
    px_per_mm = reach * float(rng.uniform(*fill)) / max(extent, 1.5 * first.stitch_mm)
    px_per_mm = min(px_per_mm, 0.75 * min(width, height) / first.stitch_mm)
    to_px = similarity(px_per_mm, angle, (0, 0))
    middle = apply_homography(to_px, first.curve.to_mm(extent / 2, 0.0))[0]
    loose = 0.5 * np.array([width, height]) * max(0.08, 1 - px_per_mm * extent / reach) * 0.6
    to_px[:2, 2] += np.array([width, height]) / 2 + rng.uniform(-1, 1, 2) * loose - middle
    mm_to_px = tilted(to_px, (width, height), 0.03, rng)
    placed: list[tuple[Wound, Points]] = [(first, np.eye(3))]
    offset = 0.0
    for k in range(1, many):
        other = sample_wound(rng, kit, technique)
        other_scale = first.stitch_mm / other.stitch_mm
        offset = (abs(offset) + first.stitch_mm * rng.uniform(2.0, 3.5)) * (1 if k % 2 else -1)
        placed.append((other, similarity(other_scale, rng.normal(0, 0.06), (rng.normal(0, 2), offset))))
    canvas = Canvas(width, height, mm_to_px, supersample=supersample)
    paint_scene(canvas, placed, kit, rng, frame_share=0.4 if kit == "silicone" else 0.05, ruler=ruler)
    if poor is None:
        poor = float(rng.beta(1.2, 1.6)) if kit == "skin" else float(rng.beta(1.0, 3.0))
    bgr = take(canvas.picture(), random_camera(rng, poor), rng)
    truths = tuple(truth_of(w, mm_to_px @ place) for w, place in placed)
    return Rendered(bgr, truths, kit, 1 / canvas.pixels_per_mm(first.curve.to_mm(extent / 2, 0.0)[0]))


def paint_scene(
    canvas: Canvas,
    placed: list[tuple[Wound, Points]],
    kit: str,
    rng: np.random.Generator,
    frame_share: float,
    ruler: bool | None = None,
    grid_mm: float | None = None,
    labels: bool = True,
    bare: bool = False,
) -> None:
    """Pad, clutter and wounds; `placed` are wounds and their 3x3 places in the canvas's millimetres.

    `ruler` True draws one with true millimetres (not on rubber, whose stitches are far smaller than its
    ticks). `grid_mm` is the pitch of the printed grid, 0 for none. None leaves either to chance.
    `bare` leaves the wounds out and lays a ruler where the first would be.
    `labels` False keeps slips of paper away, which may come to lie under the stitches.
    """
    wound = placed[0][0]
    size, curve = wound.stitch_mm, wound.curve
    a = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(a), np.sin(a)])
    ground = draw_surface(canvas, kit, rng)
    placed = [(with_contrast(w, ground, rng), p) for w, p in placed]
    wound = placed[0][0]
    grid_chance = rng.random() < (0.75 if kit == "rubber" else 0.04)
    if grid_chance if grid_mm is None else grid_mm > 0:
        pitch = size * rng.uniform(0.8, 2.5) if grid_mm is None else grid_mm
        draw_grid(canvas, pitch, rng.uniform(-1, 1, 2) * size, rng.normal(0, 0.15), rng)

    def beside(far: float) -> Points:
        at = curve.to_mm(rng.uniform(0, curve.length_mm), far * size * rng.choice([-1.0, 1.0]))
        return np.asarray(at[0], float)

    if rng.random() < frame_share:
        w, h = curve.length_mm, size
        near = rng.uniform(0.8, 4.0, 4) * size + 0.3 * size
        x0, x1, y0, y1 = -near[0], w + near[1], -h / 2 - near[2], h / 2 + near[3]
        inner = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) + rng.normal(0, 0.05 * size, (4, 2))
        draw_frame(canvas, inner, rng.uniform(1.0, 2.5) * size, rng)
    true_mm = 1.0 if kit != "rubber" else size / 8
    often = {"silicone": 0.28, "rubber": 0.08, "skin": 0.08}[kit]
    if bare or ruler or (ruler is None and rng.random() < often):
        for _ in range(int(rng.integers(1, 3))):
            side = rng.choice([-1.0, 1.0])
            turn = (
                rng.normal(0, 0.08) + (np.pi if side < 0 else 0.0) + (0 if rng.random() < 0.85 else np.pi / 2)
            )
            far = rng.uniform(-0.5 if bare else 0.62, 2.2) * size * side
            at = curve.to_mm(
                rng.uniform(-0.5, 0.8) * curve.length_mm
                if side > 0
                else rng.uniform(0.3, 1.5) * curve.length_mm,
                far,
            )[0]
            draw_ruler(canvas, at, turn, rng, mm=true_mm * size / 8 if ruler is None else true_mm)
    if rng.random() < (0.18 if kit == "silicone" else 0.06) and labels:
        draw_label(canvas, beside(rng.uniform(0.9, 3.0)), size * rng.uniform(0.8, 2.2), rng)
    if rng.random() < (0.3 if bare else 0.05) and labels:
        draw_markers(canvas, beside(rng.uniform(0.0 if bare else 0.9, 2.5)), size, rng)
    for one, place in [] if bare else placed:
        paint_wound(canvas.moved(place), one, light, rng)
    if rng.random() < 0.09:
        _lay_instrument(canvas, wound, rng)
    if rng.random() < 0.12:
        draw_hairs(canvas, size, rng)
    if rng.random() < 0.1:
        draw_loose_thread(canvas, wound.thread, size, light, rng)
    if rng.random() < 0.06:
        k = int(rng.integers(1, 5))
        spots = np.array([beside(rng.uniform(0.2, 2.5)) for _ in range(k)])
        draw_dots(canvas, spots, size * rng.uniform(0.05, 0.25), INKS[int(rng.integers(0, len(INKS)))], rng)
    if rng.random() < 0.12:
        draw_glare(canvas, size, rng)


def _lay_instrument(canvas: Canvas, wound: Wound, rng: np.random.Generator) -> None:
    """Beside the row, its tip at most at the bites, pointing in from outside."""
    side = float(rng.choice([-1.0, 1.0]))
    size, curve = wound.stitch_mm, wound.curve
    tip = curve.to_mm(rng.uniform(0, curve.length_mm), side * size * rng.uniform(0.45, 1.8))[0]
    outward = np.pi / 2 * side + rng.normal(0, 0.6)
    draw_instrument(canvas, tip, outward, size * rng.uniform(0.3, 1.2), rng)
