"""A printed square grid whose pitch the user gives: the scale from its lines.

A grid is two families of even lines across each other, with about one pitch. What is no such thing is
refused: a row of stitches, stripes, a lattice of one direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.results import Scale, WoundFinding

from .lines import MIN_PITCH_PX, Family, bend, find_families, second_derivatives, trace

Grey = NDArray[np.float32]
Float = NDArray[np.float64]

WORK_SIDE_PX = 640  # longest side of the picture in which the lines are sought
MIN_LINES = 2  # of either family: a row of stitches or a stripe is one only
MIN_TOGETHER = 6  # of both: the rims of a pad are two each way
SQUARE = 0.30  # pitches of a tilted or stretched square grid differ by less
ACROSS = math.radians(65)  # the families cross at least at this angle
SEARCH = (0.12, 0.07, 0.05)  # pitches to either side of a line, pass by pass
PIECE = 1 / 3  # of a pitch: a line is followed in pieces
ALONG_STEPS, ACROSS_STEPS = 9, 25  # samples of a piece
OFF = 0.03  # pitches, median: points farther off their lattice are none
ROUGHLY_OFF = 0.08  # the same for the first guess
PRINT_SD = 0.01  # a grid printed on rubber, as stretched as it lies
MAX_SD = 0.05  # a grid less certain than this is none
SLIT_PX = 5  # half width kept free along the incision, work px
THREAD = 0.15  # width kept free along a stitch, of its length


def find_grid(bgr: NDArray[np.uint8], wounds: Sequence[WoundFinding], grid_mm: float) -> Scale | None:
    """The scale from a square grid of pitch `grid_mm` in view; None where it cannot be measured.

    `bgr` (h, w, 3) uint8. The incisions are kept out: a slit looks like a line.
    """
    shrink = max(max(bgr.shape[:2]) / WORK_SIDE_PX, 1.0)
    h, w = (max(round(n / shrink), 1) for n in bgr.shape[:2])
    if min(h, w) < 4 * MIN_PITCH_PX:
        return None
    small = cv2.resize(bgr, (w, h), interpolation=cv2.INTER_AREA) if shrink > 1 else bgr
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    free = _free((h, w), wounds, shrink)
    second = second_derivatives(grey)
    best: tuple[float, Family, Family, list[Float], float] | None = None
    for sign, families in zip((1.0, -1.0), find_families(grey, free), strict=True):
        pair = _pair(families)
        if pair is None:
            continue
        points = [trace(second, free, family, sign) for family in pair]
        if min(len(p) for p in points) < 8:
            continue
        # Beside a dark line lie two bright ones, weaker.
        strength = sum(_strength(bend(second, f.angle), p) for f, p in zip(pair, points, strict=True)) * sign
        if best is None or strength > best[0]:
            best = (strength, *pair, points, sign)
    if best is None:
        return None
    _, one, two, points, sign = best
    matrix = _lattice(points, ROUGHLY_OFF)
    signed = tuple(bend(second, family.angle) * free * np.float32(sign) for family in (one, two))
    for width in SEARCH:  # along the lattice's own lines, ever closer to them
        if matrix is None:
            return None
        points = [
            _retrace(signed[i], matrix, family.numbers, i, width) for i, family in enumerate((one, two))
        ]
        matrix = _lattice(points, OFF) if min(len(p) for p in points) >= 8 else None
    if matrix is None:
        return None
    at = _middle(wounds, shrink) or (w / 2, h / 2)
    value = _mm_per_px(matrix, at)
    sd = _jackknife(points, at, value)
    if sd is None or sd > MAX_SD:
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


def _free(shape: tuple[int, int], wounds: Sequence[WoundFinding], shrink: float) -> Grey:
    """1 where a line may be looked for, 0 along incisions and stitches and on the rim."""
    mask = np.zeros(shape, dtype=np.uint8)
    mask[4:-4, 4:-4] = 1
    for wound in wounds:
        if wound.incision_px is not None and len(wound.incision_px) >= 2:
            line = np.rint(np.array(wound.incision_px) / shrink).astype(np.int32)
            cv2.polylines(mask, [line.reshape(-1, 1, 2)], False, 0, 2 * SLIT_PX + 1)
        for stitch in wound.stitches:
            a, b = (np.rint(np.array(bite) / shrink).astype(int).tolist() for bite in stitch.bites_px)
            cv2.line(mask, a, b, 0, max(round(THREAD * math.dist(a, b)), 3))
    return mask.astype(np.float32)


def _strength(bent: Grey, points: Float) -> float:
    """Typical second derivative on a family's points."""
    x, y = np.rint(points[:, 0]).astype(int), np.rint(points[:, 1]).astype(int)
    h, w = bent.shape
    return float(np.median(bent[y.clip(0, h - 1), x.clip(0, w - 1)]))


def _pair(families: Sequence[Family]) -> tuple[Family, Family] | None:
    """The two families that together look most like a square grid."""
    best: tuple[float, Family, Family] | None = None
    for i, one in enumerate(families):
        for two in families[i + 1 :]:
            across = abs((one.angle - two.angle + math.pi / 2) % math.pi - math.pi / 2)
            stretch = abs(math.log(one.pitch_px / two.pitch_px))
            counts = (len(one.numbers), len(two.numbers))
            enough = min(counts) >= MIN_LINES and sum(counts) >= MIN_TOGETHER
            if across < ACROSS or stretch > SQUARE or not enough:
                continue
            score = (one.score + two.score) * math.exp(-((stretch / 0.2) ** 2))
            if best is None or score > best[0]:
                best = (score, one, two)
    return None if best is None else best[1:]


def _retrace(bent: Grey, matrix: Float, numbers: Sequence[int], which: int, width: float) -> Float:
    """(n, 3) points x, y, line number: each of a family's lines followed along the lattice.

    `bent` is positive on a line, 0 where none may be looked for; `width` is how far to either side a
    line is sought, in pitches. Only clear peaks count.
    """
    h, w = bent.shape
    inverse = np.linalg.inv(matrix)
    corners = cv2.perspectiveTransform(
        np.array([[[0, 0], [w, 0], [w, h], [0, h]]], dtype=np.float64), matrix
    ).reshape(-1, 2)
    across = np.linspace(-width, width, ACROSS_STEPS)
    low, high = corners[:, 1 - which].min(), corners[:, 1 - which].max()
    starts = np.arange(math.floor(low), math.ceil(high), PIECE)
    inner = np.linspace(0, PIECE, ALONG_STEPS, endpoint=False)
    number, start = (a.ravel() for a in np.meshgrid(np.array(sorted(numbers), float), starts, indexing="ij"))
    shape = (number.size, ALONG_STEPS, ACROSS_STEPS)
    own = np.broadcast_to(number[:, None, None] + across, shape)
    other = np.broadcast_to((start[:, None] + inner)[:, :, None], shape)
    uv = np.stack([own, other] if which == 0 else [other, own], -1)
    xy = cv2.perspectiveTransform(uv.reshape(1, -1, 2), inverse).reshape(-1, ALONG_STEPS * ACROSS_STEPS, 2)
    inside = ((xy >= 2) & (xy <= np.array([w - 3, h - 3]))).all((1, 2))
    number, start, xy = number[inside], start[inside], xy[inside]
    if number.size == 0:
        return np.zeros((0, 3))
    values = cv2.remap(
        bent, xy[..., 0].astype(np.float32), xy[..., 1].astype(np.float32), cv2.INTER_LINEAR
    ).reshape(-1, ALONG_STEPS, ACROSS_STEPS)
    # The median along the piece: a thread that crosses it has no say.
    ridge = np.median(values, axis=1)
    noise = 1.4826 * float(np.median(np.abs(bent[::4, ::4]))) + 1e-6
    peak = ridge.argmax(1)
    n = np.arange(number.size)
    clear = (peak > 0) & (peak < ACROSS_STEPS - 1) & (ridge[n, peak] > noise)
    n, peak = n[clear], peak[clear]
    if n.size == 0:
        return np.zeros((0, 3))
    before, top, after = (ridge[n, peak + d] for d in (-1, 0, 1))
    shift = 0.5 * (before - after) / np.minimum(before - 2 * top + after, -1e-6)
    place = number[n] + across[peak] + shift * (across[1] - across[0])
    along = start[n] + PIECE / 2
    uv = np.stack([place, along] if which == 0 else [along, place], -1)
    found = cv2.perspectiveTransform(uv.reshape(1, -1, 2), inverse).reshape(-1, 2)
    return np.column_stack([found, number[n]])


def _lattice(points: Sequence[Float], off: float) -> Float | None:
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
    if float(np.median(np.abs(a @ solution - b))) > off:
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
            matrix = _lattice(left, OFF)
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
