"""Truth geometry -> what the networks should say, at half the picture's resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception import closer, cut
from assessor.photo.perception.fine import OFFSET_UNIT
from assessor.render.scene import Rendered
from assessor.render.wound import WoundTruth

U8 = NDArray[np.uint8]


def _half(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return (points + 0.5) / 2 - 0.5


def _line(mask: U8, points: NDArray[np.float64], thickness: int) -> None:
    fixed = np.round(np.clip(_half(points), -2000, 2000) * 16).astype(np.int32)
    cv2.polylines(mask, [fixed], False, 255, thickness, cv2.LINE_AA, 4)


def _peak(mask: U8, point: NDArray[np.float64], sigma: float) -> None:
    x, y = _half(point)
    h, w = mask.shape
    r = int(4 * sigma) + 1
    x0, x1, y0, y1 = max(0, int(x) - r), min(w, int(x) + r + 2), max(0, int(y) - r), min(h, int(y) + r + 2)
    if x0 >= x1 or y0 >= y1:
        return
    gx = np.exp(-((np.arange(x0, x1) - x) ** 2) / (2 * sigma**2))
    gy = np.exp(-((np.arange(y0, y1) - y) ** 2) / (2 * sigma**2))
    spot = (255 * np.outer(gy, gx)).astype(np.uint8)
    np.maximum(mask[y0:y1, x0:x1], spot, out=mask[y0:y1, x0:x1])


def level(truth: WoundTruth) -> list[tuple[NDArray[np.float64], NDArray[np.float64] | None]]:
    """(bites, knot) of stitches whose thread crosses; bites in picture order: [0] is the upper one."""
    out = []
    for bites, knot in zip(truth.bites_px, truth.knots_px, strict=True):
        out.append((bites if bites[0, 1] <= bites[1, 1] else bites[::-1], knot))
    return out


def fine_labels(rendered: Rendered) -> tuple[U8, NDArray[np.float16]]:
    """Maps (7, h/2, w/2) uint8 and the offsets (4, h/2, w/2) from each pixel to its stitch's bites.

    Offsets are in OFFSET_UNIT and NaN where no stitch's middle is near.
    """
    h, w = rendered.bgr.shape[0] // 2, rendered.bgr.shape[1] // 2
    maps = np.zeros((7, h, w), np.uint8)
    offsets = np.full((4, h, w), np.nan, np.float32)
    nearest = np.full((h, w), np.inf, np.float32)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    for truth in rendered.wounds:
        _line(maps[0], truth.incision_px, 2)
        for tail in truth.tails_px:
            _line(maps[2], tail, 1)
        for bites, knot in level(truth):
            _line(maps[1], bites, 2)
            middle = bites.mean(0)
            _peak(maps[3], middle, 1.3)
            _peak(maps[4], bites[0], 1.3)
            _peak(maps[5], bites[1], 1.3)
            if knot is not None:
                _peak(maps[6], knot, 1.6)
            a, b = _half(bites)
            mx, my = (a + b) / 2
            d = (xx - mx) ** 2 + (yy - my) ** 2
            own = (d < 3.2**2) & (d < nearest)
            nearest[own] = d[own]
            for k, (p, axis) in enumerate([(a[0], xx), (a[1], yy), (b[0], xx), (b[1], yy)]):
                offsets[k][own] = (p - axis[own]) / OFFSET_UNIT
    return maps, offsets.astype(np.float16)


def coarse_labels(rendered: Rendered, side: int, cell: int) -> tuple[U8, NDArray[np.float16]]:
    """The row, its incision half a stitch wide, (1, s/4, s/4) uint8; log2 of stitch length / 6 cells there
    (1, s/4, s/4), NaN away from it. `cell` of the picture's pixels are one of these. The picture is padded to
    (side, side) of four a cell: nothing lies in the padding."""
    s = side // 4
    row = np.zeros((s, s), np.uint8)
    values = np.full((1, s, s), np.nan, np.float32)
    for truth in rendered.wounds:
        cells = (truth.incision_px + 0.5) / cell - 0.5
        stitch = truth.stitch_px / cell
        fixed = np.round(np.clip(cells, -2000, 2000) * 16).astype(np.int32)
        near = np.zeros((s, s), np.uint8)
        cv2.polylines(near, [fixed], False, 255, max(1, round(0.5 * stitch)), cv2.LINE_AA, 4)
        np.maximum(row, near, out=row)
        values[0][near > 127] = np.log2(stitch / 6)
    h, w = (-(-n // cell) for n in rendered.bgr.shape[:2])
    row[h:], row[:, w:] = 0, 0
    values[:, h:], values[:, :, w:] = np.nan, np.nan
    return row[None], values.astype(np.float16)


def incision_labels(rendered: Rendered) -> U8:
    """(1, h/2, w/2): in every column that the incision crosses a peak where it does."""
    h, w = rendered.bgr.shape[0] // 2, rendered.bgr.shape[1] // 2
    maps = np.zeros((1, h, w), np.uint8)
    column, row = np.arange(w), np.arange(h)[:, None]
    for truth in rendered.wounds:
        line = _half(truth.incision_px)
        line = line[np.argsort(line[:, 0])]
        at = np.interp(column, line[:, 0], line[:, 1])
        there = (column >= line[0, 0]) & (column <= line[-1, 0]) & (at > -0.5) & (at < h - 0.5)
        maps[0] = 255 * np.exp(-((row - at) ** 2) / (2 * cut.TRAINED_SIGMA**2)) * there
    return maps


def bite_labels(bites: NDArray[np.float64]) -> U8:
    """(2, h/2, w/2): a peak at either bite (2, 2), patch pixels; none where it lies outside."""
    h, w = (side // 2 for side in closer.PATCH)
    maps = np.zeros((2, h, w), np.uint8)
    for m, bite in zip(maps, bites, strict=True):
        if ((_half(bite) > -0.5) & (_half(bite) < (w - 0.5, h - 0.5))).all():
            _peak(m, bite, closer.TRAINED_SIGMA)
    return maps
