"""The pad's surface in relief: pits at the bites, furrows under taut thread, lips and steps at the cut.

Heights are painted in shares of a stitch's length, then shaded by one light, so that every hollow of a
picture is dark on the same side, as in a photo.
"""

from __future__ import annotations

import cv2
import numpy as np

from assessor.render.canvas import Array, Canvas, Points
from assessor.render.closure import Closure, Curve
from assessor.render.pad import noise_field

_LARGEST_PX = 1.2e6  # heights are smooth: a larger picture is shaded at this many pixels and grown
# how deep and how often by kit: the surface's own unevenness, how glossy it can be
_UNEVEN = {"silicone": 0.004, "rubber": 0.003, "skin": 0.006}
_GLOSS = {"silicone": 0.12, "rubber": 0.25, "skin": 0.5}


def shade_relief(
    canvas: Canvas,
    curve: Curve,
    closure: Closure,
    kit: str,
    stitch_mm: float,
    light: Points,
    higher: float,
    rng: np.random.Generator,
) -> None:
    """Shade the whole picture by the relief of one wound; `light` (2,) points from the light, in mm;
    `higher` is the side of the higher lip, 0 where that is open."""
    shrink = float(np.sqrt(_LARGEST_PX / (canvas.width * canvas.height)))
    fit = np.diag([shrink, shrink, 1.0]) if shrink < 1 else np.eye(3)
    width, height = (max(8, round(n * min(shrink, 1.0))) for n in (canvas.width, canvas.height))
    ground = Canvas(width, height, fit @ canvas.mm_to_px, supersample=1, channels=1)
    deep = float(rng.beta(1.3, 2.2))
    _cut(ground, curve, stitch_mm, deep, higher, rng)
    _under_thread(ground, closure, stitch_mm, deep, rng)
    heights = ground.fine[:, :, 0]
    rough = _UNEVEN[kit] * rng.uniform(0, 1.5)
    heights = heights + noise_field(
        (height, width), (0.25, 0.08, 0.025), (3 * rough, rough, 0.3 * rough), rng
    )
    at = curve.to_mm(curve.length_mm / 2, 0.0)[0]
    slope_scale = ground.pixels_per_mm(at) * stitch_mm
    ends = ground.project(np.stack([at, at + 0.01 * stitch_mm * light]))
    from_light = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    _shade(canvas, heights * np.float32(slope_scale), from_light, _GLOSS[kit] * float(rng.beta(1, 3)), rng)


def _cut(
    ground: Canvas, curve: Curve, stitch_mm: float, deep: float, higher: float, rng: np.random.Generator
) -> None:
    """Everted or sunken edges, one of them often higher, and the groove between."""
    u = np.linspace(0, curve.length_mm, 40)
    if rng.random() < 0.5:
        sway = np.cumsum(rng.normal(0, 0.12, 40))
        width = stitch_mm * rng.uniform(0.15, 0.8) * np.clip(1 + sway - sway.mean(), 0.4, 1.8)
        rise = float(rng.uniform(-0.06, 0.1)) * deep
        ground.stroke(curve.to_mm(u, 0.0), width, (rise,), 1.0, 0.12 * stitch_mm)
    if rng.random() < 0.6:
        side, step = float(rng.choice([-1.0, 1.0])), float(rng.uniform(0.01, 0.07)) * deep
        side = higher or side
        wander = np.interp(u, np.linspace(0, curve.length_mm, 7), rng.normal(0, 0.02, 7)) * stitch_mm
        for reach, share, soft in ((0.9, 0.3, 0.2), (0.5, 0.6, 0.1), (0.18, 1.0, 0.015)):
            edge = curve.to_mm(u, wander)
            far = curve.to_mm(u, side * reach * stitch_mm)
            ground.polygon(np.concatenate([edge, far[::-1]]), (step * share,), 1.0, soft * stitch_mm)
    if rng.random() < 0.6:
        width = stitch_mm * rng.uniform(0.01, 0.06)
        ground.stroke(curve.to_mm(u, 0.0), width, (-float(rng.uniform(0.01, 0.05)),), 1.0, 0.4 * width)


def _under_thread(
    ground: Canvas, closure: Closure, stitch_mm: float, deep: float, rng: np.random.Generator
) -> None:
    furrow, width = float(rng.uniform(0, 0.05)) * deep, stitch_mm * float(rng.uniform(0.06, 0.22))
    pit, radius = (
        float(rng.uniform(0, 0.14)) * deep,
        stitch_mm * float(np.exp(rng.uniform(np.log(0.03), np.log(0.25)))),
    )
    tunnel = float(rng.uniform(-0.06, 0.04)) * deep * (rng.random() < 0.6)
    reach = float(rng.uniform(0.1, 0.5))
    if furrow > 0.004:
        for strand in closure.strands:
            ground.stroke(strand, width, (-furrow * rng.uniform(0.5, 1.3),), 1.0, 0.4 * width)
    for s in closure.stitches:
        along = s.bites_mm[1] - s.bites_mm[0]
        for bite, sign in zip(s.bites_mm, (-1.0, 1.0), strict=True):
            if abs(tunnel) > 0.004:
                outward = along + rng.normal(0, 0.15, 2) * stitch_mm
                line = np.linspace(bite, bite + sign * reach * rng.uniform(0.4, 1.4) * outward, 6)
                taper = stitch_mm * np.linspace(0.14, 0.05, 6) * rng.uniform(0.6, 1.5)
                ground.stroke(line, taper, (tunnel * rng.uniform(0.4, 1.3),), 1.0, 0.035 * stitch_mm)
    if pit > 0.004:
        for p in closure.punctures:
            ground.disc(p, radius * rng.uniform(0.6, 1.4), (-pit * rng.uniform(0.5, 1.3),), 1.0, 0.5 * radius)


def _shade(canvas: Canvas, heights_px: Array, light: Points, gloss: float, rng: np.random.Generator) -> None:
    """Lambert's shading of a height field, hollows a little darker, a highlight where it faces the light."""
    gx, gy = (cv2.Scharr(heights_px, cv2.CV_32F, *d) / np.float32(32) for d in ((1, 0), (0, 1)))
    slope = gx * np.float32(light[0]) + gy * np.float32(light[1])
    shade = 1 + np.float32(rng.uniform(0.25, 0.6)) * np.tanh(np.float32(rng.uniform(0.8, 2.5)) * slope)
    hollow = cv2.GaussianBlur(heights_px, (0, 0), max(1.0, 0.02 * heights_px.shape[0])) - heights_px
    shade *= 1 - np.clip(np.float32(rng.uniform(0, 0.12)) * hollow, -0.1, 0.4)
    canvas.multiply(np.clip(shade, 0.3, 1.8))
    if gloss > 0.03:
        low = np.float32(np.tan(rng.uniform(0.3, 0.9)))
        facing = (1 + low * slope) / np.sqrt((1 + gx * gx + gy * gy) * (1 + low * low))
        spot = np.clip(facing, 0, 1) ** np.float32(rng.uniform(20, 80))
        size = (canvas.fine.shape[1], canvas.fine.shape[0])
        canvas.blend_mask(cv2.resize(spot * np.float32(gloss), size), (245, 246, 248))
