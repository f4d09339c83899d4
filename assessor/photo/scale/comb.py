"""A row of evenly spaced ticks, followed from tick to tick by its phase: period, ends, each tick's length.

All coordinates are pixels of the picture given, x right, y down.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .seeds import Seed

Float = NDArray[np.float32]
Grey = NDArray[np.float32]

MIN_TICKS = 12  # fewer are not a ruler (a row of stitches has that few)
MAX_TICKS = 80  # to either side of where it was found
SAMPLES = 8  # samples a period in the straightened strip
LEAN_LIMIT = 0.03  # radians between the seed's direction and the row's: 0.05 % of the period
REACH = 9.0  # periods seen beside the ticks' row, for long ticks and blocks


@dataclass(frozen=True, slots=True)
class Comb:
    """A row of ticks that was followed from end to end.

    `ends` are its first and last tick (px); `period_px` its mean period, `period_sd_px` the standard
    deviation of that mean; `bend` the change of period from end to end as a share of it (tilt or curl);
    `height_px` the length of the short ticks. `marks` (ticks, rows) tells how much each tick stands out of
    its two gaps, darker (`dark`) or brighter, in units of the short ticks; `rows` gives each row's distance
    from the middle of the short ticks in periods, positive to the right walking from first to last tick.
    """

    ends: tuple[tuple[float, float], tuple[float, float]]
    period_px: float
    period_sd_px: float
    bend: float
    height_px: float
    contrast: float
    dark: bool
    marks: Float
    rows: Float

    @property
    def count(self) -> int:
        return int(self.marks.shape[0])

    @property
    def angle(self) -> float:
        (x0, y0), (x1, y1) = self.ends
        return math.atan2(y1 - y0, x1 - x0)


def follow(grey: Grey, seed: Seed, *, straighten: bool = True) -> list[Comb]:
    """The comb that runs through `seed`, followed both ways, with its ticks dark and with its ticks bright,
    the likelier first; none where it does not hold.

    `grey` (h, w) float32.
    """
    step = seed.period_px / SAMPLES
    path = _follow_row(grey, seed, step)
    if path is None:
        return []
    x, centre = path
    lean = math.atan(float(np.polyval(np.polyder(centre), (x[0] + x[1]) / 2)))
    if abs(lean) > LEAN_LIMIT and straighten:
        # Off its direction the row is cut slantwise: once more along the row itself.
        turned = dataclasses.replace(seed, angle=seed.angle + lean)
        return follow(grey, turned, straighten=False)
    lo, hi = _inside(grey.shape, seed, step)
    spare = 8 * SAMPLES
    s = np.arange(max(lo, x[0] - spare), min(hi, x[1] + spare) + 1, dtype=np.float32)
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
        return []
    turned = (flat[band] * np.exp(-1j * slant * rows[band])[:, None]).mean(0) * carrier
    return _measure(strip, _lowpass(turned[None])[0], s, seed, step, centre, slant, band, rows)


def _inside(shape: tuple[int, ...], seed: Seed, step: float) -> tuple[int, int]:
    """Range of strip positions whose axis stays in the picture, in samples."""
    h, w = shape
    limits = [-float(MAX_TICKS * SAMPLES), float(MAX_TICKS * SAMPLES)]
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


def _follow_row(grey: Grey, seed: Seed, step: float) -> tuple[tuple[int, int], NDArray[np.float64]] | None:
    """(first, last) sample of the comb and its centre line as a polynomial row(sample)."""
    lo, hi = _inside(grey.shape, seed, step)
    s = np.arange(lo, hi + 1, dtype=np.float32)
    half = 3 * SAMPLES
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
    return (int(columns.min()) - margin, int(columns.max()) + margin), centre


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
) -> list[Comb]:
    """The period by the phase along the comb, its ends by the beat's strength, the ticks one by one."""
    amplitude = np.abs(beat)
    level = float(np.median(amplitude[amplitude > 0.5 * amplitude.max()]))
    start = int(np.argmin(np.abs(s)))
    first, last = _extent(amplitude > 0.4 * level, start, 6 * SAMPLES)
    if (last - first) / SAMPLES < MIN_TICKS - 1:
        return []
    inner = slice(first, last + 1)
    cycles = np.unwrap(np.angle(beat[inner])) / (2 * np.pi) + s[inner] / SAMPLES
    weight = amplitude[inner]
    along = s[inner].astype(np.float64)
    fit = np.polyfit(along, cycles, 2, w=weight)
    rest = cycles - np.polyval(fit, along)
    # Phase that wanders by a fifth of a tick is no ruler.
    if float(np.sqrt(np.average(rest**2, weights=weight**2))) > 0.12:
        return []
    length = float(along[-1] - along[0])
    turns = float(np.polyval(fit, along[-1]) - np.polyval(fit, along[0]))
    if turns < MIN_TICKS - 1:
        return []
    period = length / turns  # samples
    derivative = np.polyder(fit)
    bend = float(np.polyval(derivative, along[0]) - np.polyval(derivative, along[-1])) * period
    # The rest is correlated over the demodulation window: that many independent points.
    independent = max(turns / 5.0, 2.0)
    slope_sd = float(np.std(rest)) / max(length, 1.0) * math.sqrt(12.0 / independent)
    bright = _tick_positions(fit, along)
    middle = (band.start + band.stop - 1) / 2 - (rows.size - 1) / 2
    c, sn = math.cos(seed.angle), math.sin(seed.angle)
    combs = []
    for marks, ticks, contrast, dark in _marks(strip, bright, s, period, slant, band, rows):
        ends = []
        for tick in (ticks[0], ticks[-1]):
            t = float(np.polyval(centre, tick)) + middle
            ends.append((seed.x + (c * tick - sn * t) * step, seed.y + (sn * tick + c * t) * step))
        combs.append(
            Comb(
                (ends[0], ends[1]),
                period * step,
                period * period * slope_sd * step,
                bend,
                (band.stop - band.start) * step,
                contrast,
                dark,
                marks,
                ((rows - middle) / SAMPLES).astype(np.float32),
            )
        )
    return combs


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
) -> list[tuple[Float, NDArray[np.float64], float, bool]]:
    """(ticks, rows) how each tick stands out of its gaps, tick positions, contrast (grey levels), dark?

    Ticks are dark on a paper ruler, bright on a dark one: of the two readings that is likelier in which
    few of them stand out beside the row. It comes first.
    """
    both: list[tuple[float, tuple[Float, NDArray[np.float64], float, bool]]] = []
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
        both.append((reach, (marks.astype(np.float32), ticks, contrast, sign > 0)))
    both.sort(key=lambda found: -found[0])
    return [found for _, found in both]


def _skew(marks: Float) -> float:
    """Third moment over the ticks, summed over the rows: positive where few ticks stand out dark."""
    centred = marks - marks.mean(0)
    total = float(np.sum(centred * centred * centred))
    return total / max(len(marks), 1)
