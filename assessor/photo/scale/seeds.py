"""Where in a picture a row of evenly spaced ticks may be, whatever its direction.

All coordinates are pixels of the picture given, x right, y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Columns = NDArray[np.float64]

TILE = 96  # px, side of the squares that are searched for a comb
STRIDE = 48  # px between them
CELL = 16  # px, side of the cells in which the direction is averaged first
BAND = 3 * CELL  # rows of pixels worked on at a time
POOL = 3  # rows of pixels taken together
FULL_CONTRAST = 25.0  # grey levels: from here a comb is as clear as can be
MAX_SEEDS = 400
BATCH = 64  # tiles turned at a time: bounds the memory
PERIOD_MIN_PX = 2.6  # below this ticks and spaces fall into one pixel
PERIOD_MAX_PX = 14.0  # seven periods a tile; coarser combs are found in a smaller picture
SEED_SCORE = 0.45  # share of a row's variation that one period must explain
FUNDAMENTAL = 0.6  # share of an overtone's power that its fundamental must have to be preferred
SEED_CONTRAST = 7.0  # grey levels, amplitude of the comb
ROW_POWER = 4.0  # mean squared step between pixels: less is not even such a comb
TILE_POWER = 1.5  # mean squared gradient (levels a px): less is bare pad
COHERENT = 0.2  # share of a tile's gradients along one direction: less is grain


@dataclass(frozen=True, slots=True)
class Seed:
    """A place where a comb may be: `angle` is the direction along which the ticks repeat, radians;
    `support` is how many other places continue it along its row, 4 at most."""

    x: float
    y: float
    angle: float
    period_px: float
    score: float
    contrast: float
    support: int


def find_seeds(grey: NDArray[np.uint8]) -> list[Seed]:
    """Where one period explains most of what a line of pixels does, strongest first.

    `grey` is (h, w). Each tile is turned so that its own edges lie along rows and columns.
    """
    if min(grey.shape) < TILE * 3 // 4:
        return []
    xx, yy, turn = _tiles(grey)
    found = [np.empty((0, 6))]
    for start in range(0, turn.size, BATCH):
        part = slice(start, start + BATCH)
        tiles = _turned(grey, xx[part], yy[part], turn[part])
        for quarter in (0, 1):
            tile, (offset_px, period, score, contrast) = _periodic_rows(_pooled(tiles, quarter))
            i = start + tile
            along = turn[i] + quarter * math.pi / 2
            across = turn[i] + (1 - quarter) * math.pi / 2
            x, y = xx[i] + np.cos(across) * offset_px, yy[i] + np.sin(across) * offset_px
            found.append(np.stack([x, y, along, period, score, contrast], 1))
    return _ranked(np.concatenate(found))


def _ranked(found: NDArray[np.float64]) -> list[Seed]:
    """The best `MAX_SEEDS`: clear ones, and above all those that others continue along their row.

    `found` is (n, 6): x, y, angle, period, score, contrast.
    """
    clear = found[:, 4] * np.minimum(found[:, 5], FULL_CONTRAST)
    found = found[np.argsort(-clear, kind="stable")][:MAX_SEEDS]
    x, y, angle, period, score, contrast = found.T
    dx, dy = x[None] - x[:, None], y[None] - y[:, None]
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along, across = np.abs(c * dx + s * dy), np.abs(c * dy - s * dx)
    alike = np.abs(np.log(period[None] / period[:, None])) < 0.06
    alike &= np.abs(np.sin(angle[None] - angle[:, None])) < 0.1
    alike &= (along > STRIDE / 2) & (along < 4 * TILE) & (across < 1.5 * period[:, None] + 0.05 * along)
    support = np.minimum(alike.sum(1), 4)
    value = score * np.minimum(contrast, FULL_CONTRAST) * (1 + support)
    order = np.argsort(-value, kind="stable")
    found, support = found[order], support[order]
    return [
        Seed(float(x), float(y), float(angle), float(period), float(score), float(contrast), int(n))
        for (x, y, angle, period, score, contrast), n in zip(found, support, strict=True)
    ]


def _tiles(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centres x, y and direction of the tiles that hold any edges, each (n,)."""
    h, w = grey.shape
    gx = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 32)
    gy = cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 32)
    bands = []
    high, wide = h // CELL * CELL, w // CELL * CELL
    for top in range(0, high, BAND):  # a few rows stay in the cache
        inside = np.s_[top : min(top + BAND, high), :wide]
        x, y = gx[inside], gy[inside]
        xx, yy, xy = x * x, y * y, x * y
        power, diff, cross = xx + yy, xx - yy, xy + xy
        safe = power + np.float32(1e-3)
        # The direction modulo 90 degrees: (gx + i gy)^4, so that a tick and a ruler's edge agree.
        maps = (power, (diff * diff - cross * cross) / safe, 2 * diff * cross / safe)
        size = (wide // CELL, len(x) // CELL)
        bands.append(np.stack([cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in maps], -1))
    cells = cv2.blur(np.concatenate(bands), (TILE // CELL, TILE // CELL))
    ys = np.arange(TILE // 2, max(h - TILE // 4, TILE // 2 + 1), STRIDE)
    xs = np.arange(TILE // 2, max(w - TILE // 4, TILE // 2 + 1), STRIDE)
    rows = np.minimum(ys // CELL, cells.shape[0] - 1)
    columns = np.minimum(xs // CELL, cells.shape[1] - 1)
    mean = cells[np.ix_(rows, columns)].astype(np.float64)
    keep = mean[..., 0] > TILE_POWER
    keep &= np.hypot(mean[..., 1], mean[..., 2]) > COHERENT * mean[..., 0]
    yy64, xx64 = np.meshgrid(ys.astype(np.float64), xs.astype(np.float64), indexing="ij")
    return xx64[keep], yy64[keep], np.arctan2(mean[..., 2], mean[..., 1])[keep] / 4


def _turned(
    grey: NDArray[np.uint8], xx: NDArray[np.float64], yy: NDArray[np.float64], turn: NDArray[np.float64]
) -> Grey:
    """(n, TILE, TILE) squares of the picture, each turned by its direction."""
    tiles = np.empty((turn.size, TILE, TILE), np.uint8)
    half = (TILE - 1) / 2
    c, s = np.cos(turn), np.sin(turn)
    first = np.stack([c, -s, xx - half * (c - s), s, c, yy - half * (s + c)], 1).reshape(-1, 2, 3)
    for tile, matrix in zip(tiles, first, strict=True):
        cv2.warpAffine(
            grey,
            matrix,
            (TILE, TILE),
            dst=tile,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return tiles.astype(np.float32)


def _pooled(tiles: Grey, quarter: int) -> Grey:
    """(n, TILE / POOL, TILE): means of POOL rows of each tile, or of its columns, then laid as rows."""
    n, pools = len(tiles), TILE // POOL
    flat = tiles.reshape(n * TILE, TILE)
    if quarter == 0:
        rows: Grey = cv2.resize(flat, (TILE, n * pools), interpolation=cv2.INTER_AREA)
        return rows.reshape(n, pools, TILE)
    columns: Grey = cv2.resize(flat, (pools, n * TILE), interpolation=cv2.INTER_AREA)
    laid: Grey = np.ascontiguousarray(columns.reshape(n, TILE, pools).transpose(0, 2, 1))
    return laid


def _periodic_rows(rows: Grey) -> tuple[NDArray[np.intp], Columns]:
    """Tiles (n,) of rows that are mostly one period; and (4, n) row offset px, period px, score, contrast."""
    size = rows.shape[2]
    steps = np.diff(rows, axis=2)
    lively = np.einsum("ijk,ijk->ij", steps, steps) > ROW_POWER * size
    tile, row = np.nonzero(lively)
    chosen = rows[tile, row]
    chosen = chosen - chosen.mean(1, keepdims=True)
    window = np.hanning(size).astype(np.float32)
    spectrum = np.fft.rfft(chosen * window, axis=1)
    f = np.fft.rfftfreq(size)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    # Weighted like a derivative: shading and blocks have their power at low frequencies.
    weighted = power * (np.sin(np.pi * f) ** 2).astype(np.float32)
    total = weighted[:, f >= 0.05].sum(1)
    low, high = math.ceil(size / PERIOD_MAX_PX), int(size / PERIOD_MIN_PX)
    peak = low + np.argmax(weighted[:, low:high], 1)
    n = np.arange(peak.size)
    # Thin ticks have overtones as strong as their own period, which the weights favour.
    for divisor in (2, 3):
        below = np.round(peak / divisor).astype(np.intp)
        around = np.max([power[n, np.maximum(below + d, 0)] for d in (-1, 0, 1)], axis=0)
        peak = np.where((below >= low) & (around > FUNDAMENTAL * power[n, peak]), below, peak)
    sums = np.cumsum(np.pad(weighted, ((0, 0), (1, 3))), axis=1)
    lines = sums[n, peak + 3] - sums[n, peak - 2]
    twice = np.minimum(2 * peak, len(f))
    seconds = sums[n, twice + 2] - sums[n, twice - 1]
    score = np.zeros(lively.shape, dtype=np.float32)
    score[tile, row] = (lines + seconds) / np.maximum(total, 1e-3)
    contrast = 2 * np.sqrt(power[n, peak]) / window.sum()
    edge = np.pad(score, ((0, 0), (1, 1)))
    here = score[tile, row]
    hit = (here > SEED_SCORE) & (contrast > SEED_CONTRAST)
    hit &= (here >= edge[tile, row]) & (here >= edge[tile, row + 2])
    # A peak on the rim of the band belongs to something coarser.
    n = np.arange(peak.size)
    hit &= power[n, peak] > power[n, peak - 1]
    n = np.flatnonzero(hit)
    k = peak[n]
    a, b, c = (np.sqrt(power[n, np.minimum(k + d, len(f) - 1)]) for d in (-1, 0, 1))
    shift = np.clip(0.5 * (c - a) / np.maximum(2 * b - a - c, 1e-6), -0.5, 0.5)
    offset = POOL * row + (POOL - 1 - (size - 1)) / 2
    return tile[n], np.stack([offset[n], size / (k + shift), here[n], contrast[n]])
