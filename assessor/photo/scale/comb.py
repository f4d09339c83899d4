"""Evenly spaced ticks in a picture: where they are, how far apart, how long each one is.

A ruler's edge is a comb: many equal lines at one period. It is sought by its period alone, along
whatever direction the picture's own edges give, and then followed from tick to tick by its phase.
All coordinates are pixels of the picture given, x right, y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Grey = NDArray[np.float32]

TILE = 96  # px, side of the squares that are searched for a comb
STRIDE = 48  # px between them
PERIOD_MIN_PX = 2.6  # below this ticks and spaces fall into one pixel
PERIOD_MAX_PX = 14.0  # seven periods a tile; coarser combs are found in the half-size picture
SEED_SCORE = 0.45  # share of a row's variation that one period must explain
SEED_CONTRAST = 5.0  # grey levels, amplitude of the comb
SAMPLES = 8  # samples a period in the straightened strip
MIN_TICKS = 12  # fewer are not a ruler (a row of stitches has that few)
REACH = 9.0  # periods seen beside the ticks' row, for long ticks and blocks


@dataclass(frozen=True, slots=True)
class Seed:
    """A place where a comb may be: `angle` is the direction along which the ticks repeat, radians."""

    x: float
    y: float
    angle: float
    period_px: float
    score: float
    contrast: float


@dataclass(frozen=True, slots=True)
class Comb:
    """A row of ticks that was followed from end to end.

    `ends` are its first and last tick (px); `period_px` its mean period, `period_sd_px` the standard
    deviation of that mean; `bend` the change of period from end to end as a share of it (tilt or curl);
    `height_px` the length of the short ticks. `marks` (ticks, rows) tells at each tick how much
    darker it is than its two gaps, in units of the short ticks; `rows` gives each row's distance from the
    middle of the short ticks in periods, positive to the right walking from first to last tick.
    """

    ends: tuple[tuple[float, float], tuple[float, float]]
    period_px: float
    period_sd_px: float
    bend: float
    height_px: float
    contrast: float
    marks: Float
    rows: Float

    @property
    def count(self) -> int:
        return int(self.marks.shape[0])

    @property
    def angle(self) -> float:
        (x0, y0), (x1, y1) = self.ends
        return math.atan2(y1 - y0, x1 - x0)


def find_seeds(grey: Grey) -> list[Seed]:
    """Where one period explains most of what a line of pixels does, strongest first.

    `grey` is (h, w) float32. Each tile is turned so that its own edges lie along rows and columns.
    """
    h, w = grey.shape
    if min(h, w) < TILE * 3 // 4:
        return []
    gx = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 32)
    gy = cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 32)
    power = gx * gx + gy * gy
    # The direction modulo 90 degrees: (gx + i gy)^4, so that a tick and a ruler's edge agree.
    diff, cross = gx * gx - gy * gy, 2 * gx * gy
    safe = power + 1e-3
    ys = np.arange(TILE // 2, max(h - TILE // 4, TILE // 2 + 1), STRIDE)
    xs = np.arange(TILE // 2, max(w - TILE // 4, TILE // 2 + 1), STRIDE)
    grid = np.ix_(ys, xs)

    def mean(a: Grey) -> Grey:
        blurred: Grey = cv2.boxFilter(a, cv2.CV_32F, (TILE, TILE))
        return blurred[grid]

    turn = np.arctan2(mean(2 * diff * cross / safe), mean((diff * diff - cross * cross) / safe)) / 4
    keep = mean(power) > 1.5
    yy, xx = np.meshgrid(ys, xs, indexing="ij")
    turn, xx, yy = turn[keep], xx[keep], yy[keep]
    n = turn.size
    if n == 0:
        return []
    offset = np.arange(TILE) - (TILE - 1) / 2
    c, s = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    map_x = xx[:, None, None] + c * offset[None, None, :] - s * offset[None, :, None]
    map_y = yy[:, None, None] + s * offset[None, None, :] + c * offset[None, :, None]
    tiles = cv2.remap(
        grey,
        map_x.reshape(n * TILE, TILE).astype(np.float32),
        map_y.reshape(n * TILE, TILE).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(n, TILE, TILE)
    seeds: list[Seed] = []
    for quarter in (0, 1):
        rows = tiles if quarter == 0 else tiles.transpose(0, 2, 1)
        for tile, offset_px, period, score, contrast in _periodic_rows(rows):
            along = float(turn[tile]) + quarter * math.pi / 2
            across = float(turn[tile]) + (1 - quarter) * math.pi / 2
            seeds.append(
                Seed(
                    float(xx[tile]) + math.cos(across) * offset_px,
                    float(yy[tile]) + math.sin(across) * offset_px,
                    along,
                    period,
                    score,
                    contrast,
                )
            )
    seeds.sort(key=lambda seed: -seed.score * min(seed.contrast, 40.0))
    return seeds


def _periodic_rows(tiles: Grey) -> list[tuple[int, float, float, float, float]]:
    """(tile, row offset px, period px, score, contrast) of rows that are mostly one period."""
    n, size, _ = tiles.shape
    rows = (tiles[:, :-2:2] + tiles[:, 1:-1:2] + tiles[:, 2::2]) / 3
    rows = rows - rows.mean(2, keepdims=True)
    window = np.hanning(size).astype(np.float32)
    spectrum = np.fft.rfft(rows * window, axis=2)
    f = np.fft.rfftfreq(size)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    # Weighted like a derivative: shading and blocks have their power at low frequencies.
    weighted = power * (np.sin(np.pi * f) ** 2).astype(np.float32)
    total = weighted[:, :, f >= 0.05].sum(2)
    low, high = math.ceil(size / PERIOD_MAX_PX), int(size / PERIOD_MIN_PX)
    peak = low + np.argmax(weighted[:, :, low:high], 2)
    padded = np.pad(weighted, ((0, 0), (0, 0), (2, 2)))
    lines = sum(np.take_along_axis(padded, (peak + 2 + d)[:, :, None], 2)[:, :, 0] for d in (-2, -1, 0, 1, 2))
    twice = np.minimum(2 * peak, len(f) + 1)
    seconds = sum(
        np.take_along_axis(padded, (twice + 2 + d).clip(0, len(f) + 3)[:, :, None], 2)[:, :, 0]
        for d in (-1, 0, 1)
    )
    score = (lines + seconds) / np.maximum(total, 1e-3)
    contrast = 2 * np.sqrt(np.take_along_axis(power, peak[:, :, None], 2)[:, :, 0]) / window.sum()
    edge = np.pad(score, ((0, 0), (1, 1)))
    hit = (score > SEED_SCORE) & (contrast > SEED_CONTRAST)
    hit &= (score >= edge[:, :-2]) & (score >= edge[:, 2:])
    i, j = np.nonzero(hit)
    k = peak[i, j]
    a, b, c = (np.sqrt(power[i, j, np.minimum(k + d, len(f) - 1)]) for d in (-1, 0, 1))
    shift = np.clip(0.5 * (c - a) / np.maximum(2 * b - a - c, 1e-6), -0.5, 0.5)
    offset = 2 * j + 1 - (size - 1) / 2
    columns = (i, offset, size / (k + shift), score[i, j], contrast[i, j])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def follow(grey: Grey, seed: Seed) -> Comb | None:
    """The comb that runs through `seed`, followed both ways; None where it does not hold.

    `grey` (h, w) float32, the period in it at least `PERIOD_MIN_PX`.
    """
    step = seed.period_px / SAMPLES
    path = _follow_row(grey, seed, step)
    if path is None:
        return None
    x, centre, _ = path
    lo, hi = _inside(grey.shape, seed, step)
    s = np.arange(lo, hi + 1, dtype=np.float32)
    wide = int(REACH * SAMPLES)
    strip = _strip(grey, seed, step, s, np.polyval(centre, s), wide)
    flat = _flat(strip)
    carrier = np.exp(-2j * np.pi * s / SAMPLES).astype(np.complex64)
    middle = slice(wide - SAMPLES // 2, wide + SAMPLES // 2 + 1)
    core = _lowpass((flat[middle].sum(0) * carrier)[None])[0]
    # How far the short ticks reach across: where the rows still beat in time with the middle.
    seen = (s >= x[0]) & (s <= x[1])
    reference = carrier * np.conj(core) / np.maximum(np.abs(core), 1e-6) * seen
    inphase = flat @ reference.real.astype(np.float32) + 1j * (flat @ reference.imag.astype(np.float32))
    slant = _slant(inphase[middle])
    rows = np.arange(-wide, wide + 1)
    strength = (inphase * np.exp(-1j * slant * rows)).real
    band = _band(strength, wide)
    if band is None:
        return None
    turned = (flat[band] * np.exp(-1j * slant * rows[band])[:, None]).mean(0) * carrier
    return _measure(strip, _lowpass(turned[None])[0], s, seed, step, centre, slant, band, rows)


def _inside(shape: tuple[int, ...], seed: Seed, step: float) -> tuple[int, int]:
    """Range of strip positions whose axis stays in the picture, in samples."""
    h, w = shape
    limits = [-80.0 * SAMPLES, 80.0 * SAMPLES]
    for start, direction, size in (
        (seed.x, math.cos(seed.angle), w - 1),
        (seed.y, math.sin(seed.angle), h - 1),
    ):
        if abs(direction) < 1e-6:
            continue
        a, b = sorted(((0 - start) / direction / step, (size - start) / direction / step))
        limits = [max(limits[0], a), min(limits[1], b)]
    return math.ceil(limits[0]), max(math.floor(limits[1]), math.ceil(limits[0]) + 1)


def _strip(grey: Grey, seed: Seed, step: float, s: Float, centre: NDArray[np.floating], half: int) -> Grey:
    """The band along the comb, straightened: rows across (-half..half), columns along, `step` px each."""
    c, sn = math.cos(seed.angle), math.sin(seed.angle)
    t = np.arange(-half, half + 1, dtype=np.float32)[:, None] + centre.astype(np.float32)[None]
    map_x = (seed.x + (c * s[None] - sn * t) * step).astype(np.float32)
    map_y = (seed.y + (sn * s[None] + c * t) * step).astype(np.float32)
    strip: Grey = cv2.remap(grey, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return strip


def _flat(strip: Grey) -> Grey:
    """Without what is slower than two periods, and clipped: a bright block must not ring."""
    flat: Grey = strip - cv2.boxFilter(strip, cv2.CV_32F, (2 * SAMPLES + 1, 1), borderType=cv2.BORDER_REFLECT)
    return flat


def _lowpass(z: NDArray[np.complexfloating], periods: int = 5) -> NDArray[np.complex64]:
    """Averaged along the strip over `periods` whole periods, twice (a triangular window)."""
    planes = np.stack([z.real, z.imag], -1).astype(np.float32)
    size = (periods * SAMPLES, 1)
    for _ in range(2):
        planes = cv2.boxFilter(planes, cv2.CV_32F, size, borderType=cv2.BORDER_CONSTANT)
    out: NDArray[np.complex64] = (planes[..., 0] + 1j * planes[..., 1]).astype(np.complex64)
    return out


def _follow_row(
    grey: Grey, seed: Seed, step: float
) -> tuple[tuple[int, int], NDArray[np.float64], float] | None:
    """(first, last) sample of the comb, its centre line as a polynomial row(sample), its strength."""
    lo, hi = _inside(grey.shape, seed, step)
    s = np.arange(lo, hi + 1, dtype=np.float32)
    half = 4 * SAMPLES
    strip = _strip(grey, seed, step, s, np.zeros_like(s), half)
    carrier = np.exp(-2j * np.pi * s / SAMPLES).astype(np.complex64)
    strength = np.abs(_lowpass(_flat(strip) * carrier))
    strength = cv2.boxFilter(strength, cv2.CV_32F, (1, SAMPLES // 2 + 1))
    start = -lo
    if not 0 <= start < s.size:
        return None
    near = slice(half - SAMPLES, half + SAMPLES + 1)
    row0 = half - SAMPLES + int(np.argmax(strength[near, start]))
    level = float(strength[row0, start])
    if level <= 0:
        return None
    points = [(start, row0, level)]
    for direction in (1, -1):
        row, column, missed, slope = float(row0), start, 0, 0.0
        while True:
            column += direction * 2 * SAMPLES
            if not 0 <= column < s.size or missed > 4:
                break
            guess = row + slope
            a = int(np.clip(round(guess) - 3, 0, 2 * half))
            b = int(np.clip(round(guess) + 4, 1, 2 * half + 1))
            if b <= a:
                break
            best = a + int(np.argmax(strength[a:b, column]))
            value = float(strength[best, column])
            if value < 0.4 * level:
                missed += 1
                row = guess
                continue
            missed = 0
            slope = 0.7 * slope + 0.3 * (best - row)
            row = float(best)
            points.append((column, best, value))
    table = np.array(points, dtype=np.float64)
    span = float(np.ptp(table[:, 0])) / SAMPLES
    if len(points) < 4 or span < MIN_TICKS - 2:
        return None
    columns = table[:, 0] + lo
    degree = 2 if span > 25 and len(points) > 8 else 1
    centre = np.polyfit(columns, table[:, 1] - half, degree, w=np.sqrt(table[:, 2]))
    margin = 2 * SAMPLES
    return (int(columns.min()) - margin, int(columns.max()) + margin), centre, level


def _slant(rows: NDArray[np.complexfloating]) -> float:
    """Phase change a row, radians: ticks not quite square to the row."""
    turn = np.sum(rows[1:] * np.conj(rows[:-1]))
    return float(np.angle(turn)) if abs(turn) > 0 else 0.0


def _band(strength: NDArray[np.floating], wide: int) -> slice | None:
    """Rows that hold the short ticks: above half of the strongest, around the middle."""
    near = strength[wide - SAMPLES : wide + SAMPLES + 1]
    peak = wide - SAMPLES + int(np.argmax(near))
    level = 0.5 * float(strength[peak])
    if level <= 0:
        return None
    a = b = peak
    while a > 0 and strength[a - 1] > level:
        a -= 1
    while b < strength.size - 1 and strength[b + 1] > level:
        b += 1
    return slice(a, b + 1) if b - a >= 2 else None


def _measure(
    strip: Grey,
    beat: NDArray[np.complexfloating],
    s: Float,
    seed: Seed,
    step: float,
    centre: NDArray[np.float64],
    slant: float,
    band: slice,
    rows: NDArray[np.int_],
) -> Comb | None:
    """The period by the phase along the comb, its ends by the beat's strength, the ticks one by one."""
    amplitude = np.abs(beat)
    level = float(np.median(amplitude[amplitude > 0.5 * amplitude.max()]))
    start = int(np.argmin(np.abs(s)))
    first, last = _extent(amplitude > 0.4 * level, start, 6 * SAMPLES)
    if (last - first) / SAMPLES < MIN_TICKS - 1:
        return None
    inner = slice(first, last + 1)
    cycles = np.unwrap(np.angle(beat[inner])) / (2 * np.pi) + s[inner] / SAMPLES
    weight = amplitude[inner]
    along = s[inner].astype(np.float64)
    fit = np.polyfit(along, cycles, 2, w=weight)
    rest = cycles - np.polyval(fit, along)
    # Phase that wanders by a fifth of a tick is no ruler.
    if float(np.sqrt(np.average(rest**2, weights=weight**2))) > 0.12:
        return None
    length = float(along[-1] - along[0])
    turns = float(np.polyval(fit, along[-1]) - np.polyval(fit, along[0]))
    if turns < MIN_TICKS - 1:
        return None
    period = length / turns  # samples
    derivative = np.polyder(fit)
    bend = float(np.polyval(derivative, along[0]) - np.polyval(derivative, along[-1])) * period
    # The rest is correlated over the demodulation window: that many independent points.
    independent = max(turns / 5.0, 2.0)
    slope_sd = float(np.std(rest)) / max(length, 1.0) * math.sqrt(12.0 / independent)
    ticks = _tick_positions(fit, along)
    marks, ticks, contrast = _marks(strip, ticks, s, period, slant, band, rows)
    middle = (band.start + band.stop - 1) / 2 - (rows.size - 1) / 2
    c, sn = math.cos(seed.angle), math.sin(seed.angle)
    ends = []
    for tick in (ticks[0], ticks[-1]):
        t = float(np.polyval(centre, tick)) + middle
        ends.append((seed.x + (c * tick - sn * t) * step, seed.y + (sn * tick + c * t) * step))
    return Comb(
        (ends[0], ends[1]),
        period * step,
        period * period * slope_sd * step,
        bend,
        (band.stop - band.start) * step,
        contrast,
        marks,
        ((rows - middle) / SAMPLES).astype(np.float32),
    )


def _extent(good: NDArray[np.bool_], start: int, gap: int) -> tuple[int, int]:
    """First and last sample of the run through `start`, bridging holes of up to `gap` samples."""
    idx = np.flatnonzero(good)
    if idx.size == 0:
        return start, start
    breaks = np.flatnonzero(np.diff(idx) > gap)
    groups = np.split(idx, breaks + 1)
    best = min(groups, key=lambda g: 0 if g[0] <= start <= g[-1] else min(abs(g - start)))
    return int(best[0]), int(best[-1])


def _tick_positions(fit: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Samples where the fitted phase is a whole number: the bright peaks of the beat."""
    phase = np.polyval(fit, along)
    whole = np.arange(math.ceil(phase[0]), math.floor(phase[-1]) + 1)
    out: NDArray[np.float64] = np.interp(whole, phase, along)
    return out


def _marks(
    strip: Grey,
    bright: NDArray[np.float64],
    s: Float,
    period: float,
    slant: float,
    band: slice,
    rows: NDArray[np.int_],
) -> tuple[Float, NDArray[np.float64], float]:
    """(ticks, rows) darkness of each tick against its gaps, tick positions, contrast in grey levels.

    Ticks are dark on a paper ruler, bright on a dark one: of the two readings that is right in which
    few of them stand out beside the row.
    """
    best: tuple[float, Float, NDArray[np.float64], float] | None = None
    for sign in (1.0, -1.0):
        ticks = bright + period / 2 if sign > 0 else bright
        at = ticks[:, None] - slant / (2 * np.pi) * SAMPLES * rows[None] - s[0]
        level = np.broadcast_to(rows[None] - rows[0], at.shape).astype(np.float32)

        def sample(shift: float, at: NDArray[np.floating] = at, level: Float = level) -> Float:
            values: Float = cv2.remap(
                strip,
                (at + shift).astype(np.float32),
                level,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            return values

        marks = ((sample(-period / 2) + sample(period / 2)) / 2 - sample(0.0)) * sign
        core = marks[:, band].mean(1)
        contrast = float(np.median(core))
        if contrast <= 0:
            continue
        marks = marks / contrast
        # A phase that runs on over the ruler's end makes ticks of nothing: only real ones stay.
        real = np.flatnonzero(core > 0.35 * contrast)
        marks, ticks = marks[real[0] : real[-1] + 1], ticks[real[0] : real[-1] + 1]
        outside = np.ones(rows.size, dtype=bool)
        outside[max(band.start - 1, 0) : band.stop + 1] = False
        reach = _skew(np.clip(marks[:, outside], -1.5, 1.5))
        if best is None or reach > best[0]:
            best = (reach, marks.astype(np.float32), ticks, contrast)
    if best is None:
        return np.zeros((0, rows.size), dtype=np.float32), bright, 0.0
    return best[1], best[2], best[3]


def _skew(marks: Float) -> float:
    """Third moment over the ticks, summed over the rows: positive where few ticks stand out dark."""
    centred = marks - marks.mean(0)
    return float(np.sum(centred * centred * centred)) / max(marks.shape[0], 1)
