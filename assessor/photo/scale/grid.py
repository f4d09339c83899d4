"""A printed square grid whose pitch the user gives: its lines, and the scale from them.

The lines are faint and the threads over them are not: a pixel that is far stronger than the picture's
texture has no vote. A grid is two families of even lines across each other, with about one pitch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.results import Scale, WoundFinding

WORK_SIDE_PX = 800  # longest side of the picture in which the lines are sought
MIN_PITCH_PX = 14.0  # in that picture
MIN_LINES = (3, 2)  # of one family and of the other
MIN_FOUND = 0.65  # share of the lines there should be that must be seen
SQUARE = 0.30  # pitches of a tilted or stretched square grid differ by less
EVEN = 0.08  # of the pitch: how far a line may be off its even place
PRINT_SD = 0.01  # a grid printed on rubber, as stretched as it lies
VOTE_LIMIT = 5.0  # deviations of the picture's own texture: above it is thread, not a faint line
NOISE = 4.0  # deviations by which a line must stand out of the picture's texture
SLICES = 10  # pieces of the picture that vote for a line one by one
SLICE_LIMIT = 12.0  # of one piece's vote
SLIT_PX = 5  # half width kept free along the incision, work px

Grey = NDArray[np.float32]
Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Family:
    """Parallel lines: direction of their normal (radians), number and offset (px from the middle)."""

    angle: float
    pitch_px: float
    numbers: tuple[int, ...]
    offsets_px: tuple[float, ...]
    score: float


def find_grid(bgr: NDArray[np.uint8], wounds: Sequence[WoundFinding], grid_mm: float) -> Scale | None:
    """The scale from a square grid of pitch `grid_mm` in view; None where it cannot be measured.

    `bgr` (h, w, 3) uint8. The incisions are kept out: a slit looks like a line.
    """
    shrink = max(max(bgr.shape[:2]) / WORK_SIDE_PX, 1.0)
    h, w = (max(round(n / shrink), 1) for n in bgr.shape[:2])
    if min(h, w) < 4 * MIN_PITCH_PX:
        return None
    small = cv2.resize(bgr, (w, h), interpolation=cv2.INTER_AREA) if shrink > 1 else bgr
    second = _second_derivatives(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32))
    free = _free((h, w), wounds, shrink)
    best: tuple[float, Family, Family, float] | None = None
    for sign in (1.0, -1.0):  # dark lines, then bright ones
        pair = _pair(second, free, sign)
        if pair is not None:
            total = pair[0].score + pair[1].score
            if best is None or total > best[0]:
                best = (total, *pair, sign)
    if best is None:
        return None
    _, one, two, sign = best
    points = [_trace(second, free, family, sign) for family in (one, two)]
    if min(len(p) for p in points) < 8:
        return None
    matrix = _lattice(points)
    if matrix is None:
        return None
    at = _middle(wounds, shrink) or (w / 2, h / 2)
    value = _mm_per_px(matrix, at)
    sd = _jackknife(points, at, value)
    if sd is None or sd > 0.1:
        return None
    # Work pixels to photo pixels: x_work = (x + 0.5) / shrink - 0.5.
    k = 1 / shrink
    to_work = np.array([[k, 0, k / 2 - 0.5], [0, k, k / 2 - 0.5], [0, 0, 1]])
    px_to_mm = np.diag([grid_mm, grid_mm, 1.0]) @ matrix @ to_work
    px_to_mm /= px_to_mm[2, 2]
    counts = " x ".join(str(len(f.numbers)) for f in (one, two))
    return Scale(
        mm_per_px=value * grid_mm / shrink,
        relative_sd=math.hypot(sd, PRINT_SD),
        method="grid",
        detail=f"printed grid of {grid_mm:g} mm: {counts} lines, {one.pitch_px * shrink:.1f} and "
        f"{two.pitch_px * shrink:.1f} px apart, stretch and tilt corrected",
        px_to_mm=tuple(tuple(float(v) for v in row) for row in px_to_mm),
    )


def _second_derivatives(grey: Grey) -> tuple[Grey, Grey, Grey]:
    """xx, yy, xy of the smoothed picture."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.5)
    xx: Grey = cv2.Sobel(smooth, cv2.CV_32F, 2, 0, ksize=3)
    yy: Grey = cv2.Sobel(smooth, cv2.CV_32F, 0, 2, ksize=3)
    xy: Grey = cv2.Sobel(smooth, cv2.CV_32F, 1, 1, ksize=3)
    return xx, yy, xy


def _free(shape: tuple[int, int], wounds: Sequence[WoundFinding], shrink: float) -> NDArray[np.bool_]:
    """Where a line may be looked for: not along an incision, not on the picture's rim."""
    mask = np.zeros(shape, dtype=np.uint8)
    mask[4:-4, 4:-4] = 1
    for wound in wounds:
        if wound.incision_px is not None and len(wound.incision_px) >= 2:
            line = np.rint(np.array(wound.incision_px) / shrink).astype(np.int32)
            cv2.polylines(mask, [line.reshape(-1, 1, 2)], False, 0, 2 * SLIT_PX + 1)
    return mask.astype(bool)


def _votes(second: tuple[Grey, Grey, Grey], free: NDArray[np.bool_], angle: float, sign: float) -> Grey:
    """How much each pixel looks like a line across `angle`, in deviations of the texture."""
    xx, yy, xy = second
    c, s = math.cos(angle), math.sin(angle)
    bent = (c * c * sign) * xx + (2 * c * s * sign) * xy + (s * s * sign) * yy
    deviation = 1.4826 * float(np.median(np.abs(bent[::4, ::4]))) + 1e-3
    votes: Grey = bent / np.float32(deviation)
    votes[(np.abs(votes) > VOTE_LIMIT) | ~free] = 0
    return votes


def _profile(votes: Grey, free: NDArray[np.bool_], angle: float) -> tuple[Float, float]:
    """How much of a line there is at each offset along `angle`, in deviations; offset of the first bin.

    The picture is cut across the lines into slices that vote one by one, each with a little freedom
    sideways: a line that bends still counts, a thread that is strong at one place does not.
    """
    h, w = votes.shape
    side = math.ceil(math.hypot(h, w))
    c, s = math.cos(angle), math.sin(angle)
    x0, y0, half = (w - 1) / 2, (h - 1) / 2, (side - 1) / 2
    back = np.array([[c, -s, x0 - c * half + s * half], [s, c, y0 - s * half - c * half]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpAffine(votes, back, (side, side), flags=flags)
    there = cv2.warpAffine(free.astype(np.float32), back, (side, side), flags=flags)
    tall = side // SLICES
    total = turned[: tall * SLICES].reshape(SLICES, tall, side).sum(1)
    count = there[: tall * SLICES].reshape(SLICES, tall, side).sum(1)
    seen = count > 0.4 * tall
    slices = cv2.blur(np.where(seen, total / np.sqrt(np.maximum(count, 1)), 0).astype(np.float32), (3, 1))
    slices = np.clip(cv2.dilate(slices, np.ones((1, 3), np.uint8)), 0, SLICE_LIMIT)
    enough = seen.sum(0) >= 3
    mean = (slices * seen).sum(0) / np.maximum(seen.sum(0), 1)
    if enough.sum() < 20:
        return np.full(side, np.nan), -half
    middle = float(np.median(mean[enough]))
    spread = 1.4826 * float(np.median(np.abs(mean[enough] - middle))) + 1e-3
    # Fewer slices, more chance: the deviation of a mean of n.
    gain = np.sqrt(seen.sum(0) / SLICES)
    out: Float = np.where(enough, (mean - middle) / spread * gain, np.nan).astype(np.float64)
    return out, -half


def _pair(
    second: tuple[Grey, Grey, Grey], free: NDArray[np.bool_], sign: float
) -> tuple[Family, Family] | None:
    """The two families that together look most like a square grid."""
    coarse = np.radians(np.arange(0, 180, 3.0))
    sharp = [_sharpness(second, free, a, sign) for a in coarse]
    families: list[Family] = []
    for start in _tops(sharp):
        fine = coarse[start] + np.radians([-2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25])
        angle = max(fine, key=lambda a: _sharpness(second, free, float(a), sign))
        profile, low = _profile(_votes(second, free, float(angle), sign), free, float(angle))
        families += _families(profile, low, float(angle))
    best: tuple[float, Family, Family] | None = None
    for i, one in enumerate(families):
        for two in families[i + 1 :]:
            across = abs((one.angle - two.angle + math.pi / 2) % math.pi - math.pi / 2)
            stretch = abs(math.log(one.pitch_px / two.pitch_px))
            lines = sorted((len(one.numbers), len(two.numbers)), reverse=True)
            if (
                across < math.radians(65)
                or stretch > SQUARE
                or lines[0] < MIN_LINES[0]
                or lines[1] < MIN_LINES[1]
            ):
                continue
            score = (one.score + two.score) * math.exp(-((stretch / 0.2) ** 2))
            if best is None or score > best[0]:
                best = (score, one, two)
    return None if best is None else best[1:]


def _sharpness(second: tuple[Grey, Grey, Grey], free: NDArray[np.bool_], angle: float, sign: float) -> float:
    votes = _votes(second, free, angle, sign)
    profile, _ = _profile(votes, free, angle)
    return float(np.nansum(np.maximum(profile, 0) ** 3))


def _tops(values: Sequence[float], count: int = 4) -> list[int]:
    """Indices of the highest local maxima of a circular sequence."""
    n = len(values)
    tops = [i for i in range(n) if values[i] >= values[i - 1] and values[i] > values[(i + 1) % n]]
    return sorted(tops, key=lambda i: -values[i])[:count]


def _families(profile: Float, low: float, angle: float) -> list[Family]:
    """The best few ways to read a profile's peaks as even lines."""
    z = np.nan_to_num(profile, nan=-1.0)
    peaks = np.flatnonzero((z[1:-1] > z[:-2]) & (z[1:-1] >= z[2:]) & (z[1:-1] > NOISE)) + 1
    peaks = peaks[np.argsort(-z[peaks])][:14]
    seen = np.flatnonzero(~np.isnan(profile))
    if peaks.size < 2 or seen.size == 0:
        return []
    first, last = float(seen[0]), float(seen[-1])
    out: list[Family] = []
    tried: list[float] = []
    for i in range(peaks.size):
        for j in range(i + 1, peaks.size):
            for n in (1, 2, 3):
                pitch = abs(float(peaks[j] - peaks[i])) / n
                if pitch < MIN_PITCH_PX or any(abs(pitch / t - 1) < 0.01 for t in tried):
                    continue
                tried.append(pitch)
                family = max(
                    (_comb(z, peaks, float(start), pitch, first, last, low, angle) for start in peaks[:6]),
                    key=lambda f: f.score if f else 0.0,
                )
                if family is not None:
                    out.append(family)
    out.sort(key=lambda f: -f.score)
    return out[:6]


def _comb(
    z: Float,
    peaks: NDArray[np.intp],
    start: float,
    pitch: float,
    first: float,
    last: float,
    low: float,
    angle: float,
) -> Family | None:
    """Lines at start + k pitch that really have a peak; None where too many are missing."""
    ks = range(math.ceil((first + 2 - start) / pitch), math.floor((last - 2 - start) / pitch) + 1)
    numbers, offsets, total = [], [], 0.0
    for k in ks:
        place = start + k * pitch
        near = peaks[np.abs(peaks - place) <= EVEN * pitch * max(1.0, abs(k) / 2)]
        if near.size:
            peak = int(near[np.argmax(z[near])])
            numbers.append(k)
            offsets.append(float(peak) + low)
            total += min(float(z[peak]), 40.0)
    if len(numbers) < 2 or len(numbers) < MIN_FOUND * len(ks):
        return None
    even = np.polyfit(numbers, offsets, 1)
    return Family(angle, float(abs(even[0])), tuple(numbers), tuple(offsets), total / math.sqrt(len(ks)))


def _trace(second: tuple[Grey, Grey, Grey], free: NDArray[np.bool_], family: Family, sign: float) -> Float:
    """(n, 3) points x, y, line number: each line followed in steps, where its peak stands out."""
    votes = _votes(second, free, family.angle, sign)
    h, w = votes.shape
    c, s = math.cos(family.angle), math.sin(family.angle)
    half = max(int(0.12 * family.pitch_px), 3)
    step = max(family.pitch_px / 3, 8.0)
    across = np.arange(-half, half + 1, dtype=np.float32)
    reach = math.hypot(h, w) / 2
    along = np.arange(-reach, reach, dtype=np.float32)
    out = []
    for number, offset in zip(family.numbers, family.offsets_px, strict=True):
        normal = offset + across[:, None]
        map_x = (w - 1) / 2 + c * normal - s * along[None]
        map_y = (h - 1) / 2 + s * normal + c * along[None]
        strip = cv2.remap(votes, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
        for a in np.arange(0, along.size - step, step):
            piece = strip[:, int(a) : int(a + step)].sum(1)
            peak = int(np.argmax(piece))
            if not 0 < peak < piece.size - 1 or piece[peak] < 2.5 * math.sqrt(step):
                continue
            before, top, after = (float(v) for v in piece[peak - 1 : peak + 2])
            n = offset + float(across[peak]) + 0.5 * (before - after) / min(before - 2 * top + after, -1e-6)
            t = float(along[int(a)]) + step / 2
            out.append(((w - 1) / 2 + c * n - s * t, (h - 1) / 2 + s * n + c * t, float(number)))
    return np.array(out, dtype=np.float64).reshape(-1, 3)


def _lattice(points: Sequence[Float]) -> Float | None:
    """(3, 3) px to lattice coordinates with the line numbers as u and v; None where it does not hold.

    Projective where both families have four lines, else affine: three lines tell no perspective.
    """
    projective = all(np.unique(p[:, 2]).size >= 4 for p in points)
    everything = np.concatenate([p[:, :2] for p in points])
    centre, spread = everything.mean(0), float(everything.std()) + 1e-9
    norm = np.array([[1 / spread, 0, -centre[0] / spread], [0, 1 / spread, -centre[1] / spread], [0, 0, 1]])
    rows, values = [], []
    for which, p in enumerate(points):
        xy = (p[:, :2] - centre) / spread
        ones, zeros = np.ones((len(p), 1)), np.zeros((len(p), 3))
        own = np.hstack([xy, ones])
        parts = [own, zeros] if which == 0 else [zeros, own]
        tail = -p[:, 2:3] * xy if projective else np.zeros((len(p), 2))
        rows.append(np.hstack([*parts, tail]))
        values.append(p[:, 2])
    a, b = np.concatenate(rows), np.concatenate(values)
    weight: Float = np.ones(len(b))
    solution: Float = np.zeros(8)
    for _ in range(6):  # robust: points off their line by many deviations lose their say
        solution = np.asarray(np.linalg.lstsq(a * weight[:, None], b * weight, rcond=None)[0])
        rest = np.abs(a @ solution - b)
        spread = 1.4826 * float(np.median(rest)) + 1e-6
        weight = np.asarray(1 / np.maximum(1, rest / (2 * spread)), dtype=np.float64)
    if float(np.median(np.abs(a @ solution - b))) > 0.06:
        return None
    matrix = np.append(solution, 1.0).reshape(3, 3) @ norm
    out: Float = matrix / matrix[2, 2]
    return out


def _mm_per_px(matrix: Float, at: tuple[float, float]) -> float:
    """Pitches a pixel at a point: the root of the area ratio."""
    x, y, w = matrix @ np.array([at[0], at[1], 1.0])
    local = matrix[:2, :2] / w - np.outer([x, y], matrix[2, :2]) / w**2
    return math.sqrt(abs(float(np.linalg.det(local))))


def _jackknife(points: Sequence[Float], at: tuple[float, float], value: float) -> float | None:
    """Relative standard deviation of the scale when each line in turn is left out."""
    logs = []
    for which, p in enumerate(points):
        numbers = np.unique(p[:, 2])
        if numbers.size < 3:
            continue
        for number in numbers:
            left = [q if i != which else q[q[:, 2] != number] for i, q in enumerate(points)]
            matrix = _lattice(left)
            if matrix is not None:
                logs.append(math.log(_mm_per_px(matrix, at) / value))
    n = len(logs)
    return math.sqrt((n - 1) / n * float(np.sum((np.array(logs) - np.mean(logs)) ** 2))) if n >= 3 else None


def _middle(wounds: Sequence[WoundFinding], shrink: float) -> tuple[float, float] | None:
    points = [p for wound in wounds for p in wound.incision_px or ()]
    if not points:
        return None
    x, y = np.mean(points, axis=0) / shrink
    return float(x), float(y)
