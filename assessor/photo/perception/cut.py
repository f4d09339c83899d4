"""The incision's course seen at twice the strip's size: where in each column of the strip the cut lies."""

from __future__ import annotations

import numpy as np

from assessor.photo.perception.curve import Curve, Points, Pyramid, cut_strip, fit_curve
from assessor.photo.perception.networks import Array, half_to_full, run
from assessor.photo.perception.path import best_path, between_rows

CUT_STITCH_PX = 96.0  # length of a stitch in this strip
CUT_HEIGHT_PX = 96
_MAX_STRIP_PX = 4096
TRAINED_SIGMA = 0.8  # rows of the network's answer, over which the truth was spread in training
_TOGETHER = 4  # columns of the network's answer: a twelfth of a stitch
_MARGIN = 0.5  # of a stitch, beyond the course's ends: for the network to see


def trace_cut(photo: Pyramid, course: Points, stitch_px: float) -> tuple[Points, float]:
    """The incision along a rough `course` (n, 2) of it, photo pixels -> (m, 2), and by how much it may lie
    elsewhere: the median spread, in photo pixels, of what the network deems possible. Ends stay.

    `stitch_px` is how far a stitch there usually reaches across.
    """
    curve = fit_curve(course, np.ones(len(course)))
    if curve is None:
        return course, stitch_px
    zoom = CUT_STITCH_PX / stitch_px
    strip = cut_strip(photo, curve, zoom, CUT_HEIGHT_PX, _MARGIN * stitch_px, _MAX_STRIP_PX)
    log_p = log_share(run("incision", strip.bgr)[0])
    rows = between_rows(best_path(log_p), np.exp(log_p) + 1e-9)
    x = half_to_full((_TOGETHER * np.arange(len(rows)) + (_TOGETHER - 1) / 2).astype(float))
    along = strip.start_px + x / zoom
    start, end = _ends(curve, course)
    on = (along > min(start, end)) & (along < max(start, end))
    if not on.any():
        return course, stitch_px
    there = np.r_[start, along[on][:: 1 if start < end else -1], end]
    row = np.interp(there, along, half_to_full(rows))
    points = strip.to_photo(np.stack([(there - strip.start_px) * zoom, row], 1))
    return points, 2 * float(np.median(_spread(log_p)[on])) / zoom  # rows are of two pixels


def _ends(curve: Curve, course: Points) -> tuple[float, float]:
    """The arc length on a curve, or straight beyond its ends, of a course's first and last point."""
    found = []
    for point in (course[0], course[-1]):
        near = curve.arc[int(np.linalg.norm(curve.points - point, axis=1).argmin())]
        base, normal = curve.frame(near)
        found.append(float(near + (point - base) @ (normal[1], -normal[0])))
    return found[0], found[1]


def _spread(log_p: Points) -> Points:
    """Standard deviation, in rows, of where the cut may be in each column (w,), less that of the training."""
    p = np.exp(log_p)
    p /= p.sum(0)
    row = np.arange(len(p))[:, None]
    variance = (p * (row - (p * row).sum(0)) ** 2).sum(0)
    spread: Points = np.sqrt(np.maximum(variance - TRAINED_SIGMA**2, 0))
    return spread


def log_share(logits: Array) -> Points:
    """How likely each row of a column (h, w) is the cut, as a logarithm; mean of a few columns together."""
    top = logits.max(0)
    shares = logits - top - np.log(np.exp(logits - top).sum(0))
    together: Points = shares.reshape(len(logits), -1, _TOGETHER).mean(2).astype(float)
    return together
