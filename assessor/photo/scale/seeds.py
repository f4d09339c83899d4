"""Where in a picture a row of evenly spaced ticks may be, whatever its direction.

All coordinates are pixels of the picture given, x right, y down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

TILE = 96  # px, side of the squares that are searched for a comb
STRIDE = 48  # px between them
CELL = 16  # px, side of the cells in which the direction is averaged first
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


@dataclass(frozen=True, slots=True)
class Seed:
    """A place where a comb may be: `angle` is the direction along which the ticks repeat, radians."""

    x: float
    y: float
    angle: float
    period_px: float
    score: float
    contrast: float


def find_seeds(grey: Grey) -> list[Seed]:
    """Where one period explains most of what a line of pixels does, strongest first.

    `grey` is (h, w) float32. Each tile is turned so that its own edges lie along rows and columns.
    """
    if min(grey.shape) < TILE * 3 // 4:
        return []
    xx, yy, turn = _tiles(grey)
    seeds: list[Seed] = []
    for start in range(0, turn.size, BATCH):
        part = slice(start, start + BATCH)
        tiles = _turned(grey, xx[part], yy[part], turn[part])
        for quarter in (0, 1):
            rows = tiles if quarter == 0 else tiles.transpose(0, 2, 1)
            for tile, offset_px, period, score, contrast in _periodic_rows(rows):
                i = start + tile
                along = float(turn[i]) + quarter * math.pi / 2
                across = float(turn[i]) + (1 - quarter) * math.pi / 2
                x = float(xx[i]) + math.cos(across) * offset_px
                y = float(yy[i]) + math.sin(across) * offset_px
                seeds.append(Seed(x, y, along, period, score, contrast))
    return _ranked(seeds)


def _ranked(seeds: list[Seed]) -> list[Seed]:
    """The best `MAX_SEEDS`: clear ones, and above all those that others continue along their row."""
    seeds = sorted(seeds, key=lambda seed: -seed.score * min(seed.contrast, FULL_CONTRAST))[:MAX_SEEDS]
    if not seeds:
        return []
    x, y, angle, period, score, contrast = (
        np.array(column)
        for column in zip(
            *((s.x, s.y, s.angle, s.period_px, s.score, s.contrast) for s in seeds), strict=True
        )
    )
    dx, dy = x[None] - x[:, None], y[None] - y[:, None]
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along, across = np.abs(c * dx + s * dy), np.abs(c * dy - s * dx)
    alike = np.abs(np.log(period[None] / period[:, None])) < 0.06
    alike &= np.abs(np.sin(angle[None] - angle[:, None])) < 0.1
    alike &= (along > STRIDE / 2) & (along < 4 * TILE) & (across < 1.5 * period[:, None] + 0.05 * along)
    support = np.minimum(alike.sum(1), 4)
    value = score * np.minimum(contrast, FULL_CONTRAST) * (1 + support)
    return [seeds[i] for i in np.argsort(-value, kind="stable")]


def _tiles(grey: Grey) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centres x, y and direction of the tiles that hold any edges, each (n,)."""
    gx = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 32)
    gy = cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 32)
    power = gx * gx + gy * gy
    # The direction modulo 90 degrees: (gx + i gy)^4, so that a tick and a ruler's edge agree.
    diff, cross = gx * gx - gy * gy, 2 * gx * gy
    safe = power + np.float32(1e-3)
    maps = cv2.merge([power, (diff * diff - cross * cross) / safe, 2 * diff * cross / safe])
    h, w = grey.shape
    cells = cv2.resize(maps, (max(w // CELL, 1), max(h // CELL, 1)), interpolation=cv2.INTER_AREA)
    cells = cv2.blur(cells, (TILE // CELL, TILE // CELL))
    ys = np.arange(TILE // 2, max(h - TILE // 4, TILE // 2 + 1), STRIDE)
    xs = np.arange(TILE // 2, max(w - TILE // 4, TILE // 2 + 1), STRIDE)
    rows = np.minimum(ys // CELL, cells.shape[0] - 1)
    columns = np.minimum(xs // CELL, cells.shape[1] - 1)
    mean = cells[np.ix_(rows, columns)].astype(np.float64)
    keep = mean[..., 0] > TILE_POWER
    yy, xx = np.meshgrid(ys.astype(np.float64), xs.astype(np.float64), indexing="ij")
    return xx[keep], yy[keep], np.arctan2(mean[..., 2], mean[..., 1])[keep] / 4


def _turned(grey: Grey, xx: NDArray[np.float64], yy: NDArray[np.float64], turn: NDArray[np.float64]) -> Grey:
    """(n, TILE, TILE) squares of the picture, each turned by its direction."""
    offset = (np.arange(TILE) - (TILE - 1) / 2).astype(np.float32)
    c = np.cos(turn).astype(np.float32)[:, None, None]
    s = np.sin(turn).astype(np.float32)[:, None, None]
    map_x = xx.astype(np.float32)[:, None, None] + c * offset[None, None, :] - s * offset[None, :, None]
    map_y = yy.astype(np.float32)[:, None, None] + s * offset[None, None, :] + c * offset[None, :, None]
    flat: Grey = cv2.remap(
        grey,
        map_x.reshape(-1, TILE),
        map_y.reshape(-1, TILE),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return flat.reshape(-1, TILE, TILE)


def _periodic_rows(tiles: Grey) -> Iterator[tuple[int, float, float, float, float]]:
    """(tile, row offset px, period px, score, contrast) of rows that are mostly one period."""
    size = tiles.shape[2]
    rows = tiles.reshape(-1, size // POOL, POOL, size).mean(2)
    steps = np.diff(rows, axis=2)
    lively = np.einsum("ijk,ijk->ij", steps, steps) > ROW_POWER * size
    tile, row = np.nonzero(lively)
    if tile.size == 0:
        return
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
    offset = POOL * row[n] + (POOL - 1 - (size - 1)) / 2
    columns = (tile[n], offset, size / (k + shift), here[n], contrast[n])
    yield from zip(*(column.tolist() for column in columns), strict=True)
