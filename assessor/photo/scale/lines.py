"""Families of faint, even, nearly parallel lines in a picture: one half of a printed grid.

The lines are faint and the threads over them are not: a pixel's vote is limited, and so is the say of
every piece of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Float = NDArray[np.float64]
Second = tuple[Grey, Grey, Grey]

MIN_PITCH_PX = 14.0
MIN_FOUND = 0.65  # share of the lines there should be that must be seen
EVEN = 0.10  # of the pitch: how far a line may be off its place as the lines before it say
SMOOTH_PX = 1.5  # of the picture before its second derivatives
COARSE_DEG = 3.0  # step of the first search for the lines' direction
CROSS_DEG = 15.0  # the second family is square to the first within this
KEYSTONES = (-0.27, -0.18, -0.09, 0.0, 0.09, 0.18, 0.27)  # first search: growth from the middle to the rim
VOTE_LIMIT = 8.0  # deviations of the picture's own texture that one pixel can vote with
SLICES = 10  # pieces of the picture that vote for a line one by one
NOISE = 2.5  # deviations by which a line must stand out of the picture's texture
FAMILY = 6.5  # and a family of them together (sum by root of their number)
STRONG = 9.0  # deviations above which a line is no better a line
DIRECTIONS = 2  # directions that are looked at closely


@dataclass(frozen=True, slots=True)
class Family:
    """Even lines. `frame` (3, 3) takes the family's own coordinates (offset, along; px) to the picture's,
    so that line `numbers[i]` is the straight line at `offsets_px[i]`; `angle` is its normal's, radians."""

    angle: float
    frame: Float
    pitch_px: float
    numbers: tuple[int, ...]
    offsets_px: tuple[float, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Profiles:
    """Strength of a line by its offset (1 px a bin, the first at `low_px`): dark lines, bright lines.

    In deviations of the strength over all offsets; NaN where too little of the picture lies.
    """

    kinds: tuple[Float, Float]
    low_px: float

    def sharpness(self, kind: int) -> float:
        """Large where many offsets hold a line; one strong edge alone does not make it."""
        return float(np.nansum(np.clip(self.kinds[kind], 0, STRONG) ** 3))


def second_derivatives(grey: Grey, sigma_px: float = SMOOTH_PX) -> Second:
    """xx, yy, xy of the smoothed picture."""
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma_px)
    xx: Grey = cv2.Sobel(smooth, cv2.CV_32F, 2, 0, ksize=3)
    yy: Grey = cv2.Sobel(smooth, cv2.CV_32F, 0, 2, ksize=3)
    xy: Grey = cv2.Sobel(smooth, cv2.CV_32F, 1, 1, ksize=3)
    return xx, yy, xy


def bend(second: Second, angle: float) -> Grey:
    """Second derivative along `angle`: positive on dark lines across it."""
    c, s = math.cos(angle), math.sin(angle)
    out: Grey = (
        np.float32(c * c) * second[0] + np.float32(2 * c * s) * second[2] + np.float32(s * s) * second[1]
    )
    return out


def find_families(grey: Grey, free: Grey) -> tuple[list[Family], list[Family]]:
    """All that may be families of dark lines, and of bright ones.

    `grey` (h, w) float32; `free` is 0 where no line may be looked for, else 1. The direction and the
    keystone are sought in a picture of half the size, then refined in the whole one.
    """
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    half_free = cv2.resize(free, (half.shape[1], half.shape[0]), interpolation=cv2.INTER_AREA)
    small, large = second_derivatives(half, 1.0), second_derivatives(grey)
    coarse = [math.radians(a) for a in np.arange(0, 180, COARSE_DEG)]
    rough = [_profiles(small, half_free, a, 0.0) for a in coarse]
    found: tuple[list[Family], list[Family]] = ([], [])
    for kind in (0, 1):

        def look(angle: float, keystone: float, kind: int = kind) -> None:
            for width in (1.0, 0.33):
                stones = [(angle, keystone + k * width) for k in KEYSTONES]
                keystone = _best(small, half_free, stones, kind)[1]
                turns = [(angle + math.radians(d) * width, keystone) for d in (-2.0, -1.0, 0.0, 1.0, 2.0)]
                angle = _best(small, half_free, turns, kind)[0]
            profiles = _profiles(large, free, angle, keystone)
            found[kind].extend(_families(profiles, kind, angle, _frame(free.shape, angle, keystone)))

        for start in _tops([profiles.sharpness(kind) for profiles in rough]):
            look(coarse[start], 0.0)
        # The other family is across the best one; under a tilt its lines converge and show no direction.
        best = max(found[kind], key=lambda family: family.score, default=None)
        if best is not None and len(best.numbers) >= 3:
            across = best.angle + math.pi / 2
            turns = [across + math.radians(d) for d in np.arange(-CROSS_DEG, CROSS_DEG + 1, COARSE_DEG)]
            look(*_best(small, half_free, [(a, k) for a in turns for k in KEYSTONES], kind))
    return found


def trace(second: Second, free: Grey, family: Family, sign: float) -> Float:
    """(n, 3) points x, y, line number: each line followed in steps, where its peak stands out."""
    votes = _votes(second, free, family.angle) * np.float32(sign)
    half = max(int(0.12 * family.pitch_px), 3)
    step = max(int(family.pitch_px / 3), 8)
    across = np.arange(-half, half + 1, dtype=np.float64)
    reach = math.hypot(*votes.shape) / 2
    along = np.arange(-reach, reach)
    out = []
    for number, offset in zip(family.numbers, family.offsets_px, strict=True):
        x, y = _through(family.frame, offset + across[:, None], along[None])
        strip = cv2.remap(votes, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
        for start in range(0, along.size - step, step):
            piece = strip[:, start : start + step].sum(1)
            peak = int(np.argmax(piece))
            if not 0 < peak < piece.size - 1 or piece[peak] < 2.5 * math.sqrt(step):
                continue
            before, top, after = (float(v) for v in piece[peak - 1 : peak + 2])
            shift = 0.5 * (before - after) / min(before - 2 * top + after, -1e-6)
            px, py = _through(
                family.frame,
                np.array(offset + float(across[peak]) + shift),
                np.array(along[start] + (step - 1) / 2),
            )
            out.append((float(px), float(py), float(number)))
    return np.array(out, dtype=np.float64).reshape(-1, 3)


def _votes(second: Second, free: Grey, angle: float) -> Grey:
    """How much each pixel looks like a dark line across `angle`, in deviations of the texture."""
    bent = bend(second, angle)
    deviation = 1.4826 * float(np.median(np.abs(bent[::4, ::4]))) + 1e-3
    votes: Grey = np.clip(bent / np.float32(deviation), -VOTE_LIMIT, VOTE_LIMIT) * free
    return votes


def _frame(shape: tuple[int, ...], angle: float, keystone: float) -> Float:
    """(3, 3) from (offset, along), both 0 in the middle, to picture px; lines spread by `keystone`."""
    h, w = shape
    c, s = math.cos(angle), math.sin(angle)
    place = np.array([[c, -s, (w - 1) / 2], [s, c, (h - 1) / 2], [0, 0, 1]])
    spread = np.array([[1, 0, 0], [0, 1, 0], [0, -keystone / (math.hypot(h, w) / 2), 1]])
    out: Float = place @ spread
    return out


def _through(matrix: Float, x: Float, y: Float) -> tuple[Float, Float]:
    w = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    first: Float = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / w
    second: Float = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / w
    return first, second


def _profiles(second: Second, free: Grey, angle: float, keystone: float) -> Profiles:
    """How much of a line there is at each offset along `angle`.

    The picture is cut across the lines into slices that vote one by one, each with a little freedom
    sideways: a line that bends still counts, a thread that is strong at one place does not.
    """
    votes = _votes(second, free, angle)
    side = math.ceil(math.hypot(*votes.shape))
    half = (side - 1) / 2
    from_canvas = np.array([[1, 0, -half], [0, 1, -half], [0, 0, 1]])
    back = _frame(votes.shape, angle, keystone) @ from_canvas
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    tall = side // SLICES

    def summed(plane: Grey) -> Grey:
        if keystone == 0:
            turned = cv2.warpAffine(plane, back[:2], (side, side), flags=flags)
        else:
            turned = cv2.warpPerspective(plane, back, (side, side), flags=flags)
        out: Grey = turned[: tall * SLICES].reshape(SLICES, tall, side).sum(1)
        return out

    there = summed(free)
    seen = there > 0.4 * tall
    slices = np.where(seen, summed(votes) / np.sqrt(np.maximum(there, 1)), 0).astype(np.float32)
    slices = cv2.blur(slices, (3, 1))
    enough = seen.sum(0) >= 3
    gain = np.sqrt(seen.sum(0) / SLICES)  # fewer slices, more chance
    kinds: list[Float] = []
    for sign in (1.0, -1.0):
        freer = cv2.dilate(slices * np.float32(sign), np.ones((1, 3), np.uint8))
        mean = (np.sqrt(np.maximum(freer, 0)) * seen).sum(0) / np.maximum(seen.sum(0), 1)
        if enough.sum() < 20:
            kinds.append(np.full(side, np.nan))
            continue
        middle = float(np.median(mean[enough]))
        deviation = 1.4826 * float(np.median(np.abs(mean[enough] - middle))) + 1e-3
        kinds.append(np.where(enough, (mean - middle) / deviation * gain, np.nan).astype(np.float64))
    return Profiles((kinds[0], kinds[1]), -half)


def _best(second: Second, free: Grey, poses: Sequence[tuple[float, float]], kind: int) -> tuple[float, float]:
    """The (angle, keystone) at which the lines are sharpest."""
    return max(poses, key=lambda pose: _profiles(second, free, *pose).sharpness(kind))


def _tops(values: Sequence[float]) -> list[int]:
    """Indices of the highest local maxima of a circular sequence."""
    n = len(values)
    tops = [i for i in range(n) if values[i] >= values[i - 1] and values[i] > values[(i + 1) % n]]
    return sorted(tops, key=lambda i: -values[i])[:DIRECTIONS]


def _families(profiles: Profiles, kind: int, angle: float, frame: Float) -> list[Family]:
    """The best few ways to read a profile's peaks as even lines."""
    z = np.nan_to_num(profiles.kinds[kind], nan=-1.0)
    peaks = np.flatnonzero((z[1:-1] > z[:-2]) & (z[1:-1] >= z[2:]) & (z[1:-1] > NOISE)) + 1
    peaks = peaks[np.argsort(-z[peaks])][:14]
    seen = np.flatnonzero(~np.isnan(profiles.kinds[kind]))
    if peaks.size < 2 or seen.size == 0:
        return []
    span = (float(seen[0]), float(seen[-1]))
    gaps = np.abs(peaks[:, None] - peaks[None])[np.triu_indices(peaks.size, 1)]
    pitches = np.unique(np.rint(np.concatenate([gaps, gaps / 2, gaps / 3])))
    out: list[Family] = []
    for pitch in pitches[pitches >= MIN_PITCH_PX]:
        combs = [_comb(z, peaks, float(start), float(pitch), span) for start in peaks[:6]]
        whole = [comb for comb in combs if comb is not None]
        if whole:
            numbers, offsets, score = max(whole, key=lambda comb: comb[2])
            even = float(abs(np.polyfit(numbers, offsets, 1)[0]))
            places = tuple(offset + profiles.low_px for offset in offsets)
            out.append(Family(angle, frame, even, tuple(numbers), places, score))
    out.sort(key=lambda f: -f.score)
    return out[:6]


def _comb(
    z: Float, peaks: NDArray[np.intp], start: float, pitch: float, span: tuple[float, float]
) -> tuple[list[int], list[float], float] | None:
    """Numbers, offsets and score of lines at one distance, walked from `start`; None if too many miss.

    Each step starts from the line before it, so that the distance may grow with a tilt.
    """
    numbers, offsets, total, missing = [0], [start], float(z[int(start)]), 0
    for direction in (1, -1):
        place, step, k, holes = start, pitch, 0, 0
        while span[0] + 2 <= place + direction * step <= span[1] - 2:
            k += direction
            place += direction * step
            near = peaks[np.abs(peaks - place) <= EVEN * pitch]
            if near.size == 0:
                holes += 1
                missing += 1
                continue
            peak = float(near[np.argmax(z[near])])
            drift = direction * (peak - place) / (holes + 1)
            step = float(np.clip(step + drift, 0.7 * pitch, 1.4 * pitch))
            place, holes = peak, 0
            numbers.append(k)
            offsets.append(peak)
            total += float(z[int(peak)])
    score = total / math.sqrt(len(numbers) + missing)
    enough = len(numbers) >= max(2, MIN_FOUND * (len(numbers) + missing))
    return (numbers, offsets, score) if enough and score > FAMILY else None
