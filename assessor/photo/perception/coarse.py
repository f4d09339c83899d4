"""Where on the photo wounds lie: a first look at the whole photo, a few hundred pixels wide."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from assessor.photo.perception.curve import Curve, Pyramid, fit_curve
from assessor.photo.perception.networks import quarter_to_full, run, sigmoid

SIDE_PX = 320  # what the coarse network was trained on
_SEEN = 0.4  # probability from which a pixel may belong to a row


@dataclass(frozen=True, slots=True)
class Place:
    """A wound's place in photo pixels: its rough course, and how long a stitch is there."""

    curve: Curve
    stitch_px: float
    confidence: float


def find_places(photo: Pyramid) -> list[Place]:
    """Every wound the first look shows, the surest first."""
    w, h = photo.size
    shrink = SIDE_PX / max(h, w)
    size = (max(1, round(w * shrink)), max(1, round(h * shrink)))
    near = photo.level(max(0, int(np.log2(1 / shrink))))
    small = cv2.resize(near, size, interpolation=cv2.INTER_AREA if shrink < 1 else cv2.INTER_CUBIC)
    boxed = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
    boxed[: size[1], : size[0]] = small
    maps = run("coarse", boxed)
    row, log2_length = sigmoid(maps[0]), maps[1]
    row[-(-size[1] // 4) :] = 0
    row[:, -(-size[0] // 4) :] = 0
    count, labels = cv2.connectedComponents((row > _SEEN).astype(np.uint8))
    places = []
    for k in range(1, count):
        y, x = np.nonzero(labels == k)
        weight = row[y, x].astype(float)
        stitch = 24 * 2 ** float(np.average(log2_length[y, x], weights=weight))
        curve = fit_curve(quarter_to_full(np.stack([x, y], 1).astype(float)), weight)
        if curve is not None:
            places.append(Place(curve, stitch, float(weight.mean())))
    places = _joined([p for p in places if p.curve.length > 0.5 * p.stitch_px])
    places.sort(key=lambda p: -p.confidence * min(p.curve.length / p.stitch_px, 4.0))
    to_photo = np.array([w / size[0], h / size[1]])
    grow = float(np.sqrt(to_photo.prod()))
    return [
        Place(Curve((p.curve.points + 0.5) * to_photo - 0.5), p.stitch_px * grow, p.confidence)
        for p in places
    ]


def _joined(places: list[Place]) -> list[Place]:
    """Pieces of one incision that lie in line, at most two and a half stitches apart, become one."""
    todo, done = list(places), []
    while todo:
        first = todo.pop(0)
        for k, other in enumerate(todo):
            merged = _merge(first, other)
            if merged is not None:
                todo[k] = merged
                break
        else:
            done.append(first)
    return done


def _merge(a: Place, b: Place) -> Place | None:
    stitch = np.sqrt(a.stitch_px * b.stitch_px)
    if abs(np.log2(a.stitch_px / b.stitch_px)) > 0.8:
        return None
    ends_a, ends_b = a.curve.points[[0, -1]], b.curve.points[[0, -1]]
    gaps = np.linalg.norm(ends_a[:, None] - ends_b[None], axis=2)
    if gaps.min() > 2.5 * stitch:
        return None
    points = np.concatenate([a.curve.resampled(40).points, b.curve.resampled(40).points])
    curve = fit_curve(points, np.ones(len(points)))
    if curve is None or curve.distance(points).max() > 0.6 * stitch:
        return None
    if curve.length < 0.85 * (a.curve.length + b.curve.length):  # side by side, not in line
        return None
    long = a if a.curve.length >= b.curve.length else b
    return Place(curve, long.stitch_px, max(a.confidence, b.confidence))
