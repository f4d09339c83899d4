"""Sub-pixel motion of an instrument's body: all its pixels at once, against one picture that is kept a while.

A Lucas-Kanade window round a point on a thin shaft holds more of the pad than of the shaft, and what lies
still in it pulls the motion towards zero (by 6 to 50 % on rendered clips). Here only the body's pixels count,
and of those only what has moved with it so far: a pixel that stays behind shows by a residual that lasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.motion.flow import Flags, Float, Grey, upper_median

SMOOTH_PX = 0.8
MOST_PIXELS, FEWEST_PIXELS = 2000, 60
MOST_ROUNDS, DONE_PX = 8, 0.002
OUTLIER = 3.0  # times the usual residual of one picture
LASTING, MEMORY = 2.5, 0.96  # times the usual lasting residual; memory of it a picture
STAYS, STAYS_MEMORY = 0.2, 0.99  # share of what a pixel that stays behind would show
DOUBT = 10.0  # residuals' squares that such a sign must outweigh
FROM_GUESS_PX = 2.0
SEEN_SHARE = 0.6
KEPT_PX, KEPT_RAD, KEPT_PICTURES = 10.0, 0.15, 60  # how far and how long one picture serves
MARGIN, _BLOCK_PX = 6, 4
_START = 4.0  # grey levels squared
MOST_LEFT = 900.0  # squared residual that is remembered at most

Rows = NDArray[np.float32]


@dataclass(slots=True)
class Pixels:
    """Of the kept picture: places (2, n) from `middle` (2,), values, gradients (2, n), slope along a turn;
    running means of the squared residual, of the residual along what staying behind would show, and of that
    squared; `half` is 1 for one of two independent halves, else 0. Few wide rows of float32: it is quick."""

    middle: Float
    at: Rows
    value: Rows
    slope: Rows
    turn: Rows
    lasting: Rows
    stays: Rows
    stays_power: Rows
    half: Rows

    def __len__(self) -> int:
        return len(self.value)


class Body:
    """What `polygon` (k, 2) px encloses in `grey`, followed from picture to picture; `tip` (2,) goes with it.

    `known` is the same body as it was followed until this picture: what is known of its pixels is taken over.
    `noise` (2,) px is half of how far two independent halves of the pixels disagree about the tip.
    """

    def __init__(self, grey: Grey, polygon: NDArray[np.int32], tip: Float, known: Body | None = None) -> None:
        self._anchor = np.array(tip, float)
        self._pixels = _pixels(grey, polygon)
        self._angle, self._shift, self._served = 0.0, np.zeros(2), 0
        self.noise: Float = np.zeros(2)
        if known is not None and known.usable and self.usable:
            self._take_over(known)

    @property
    def usable(self) -> bool:
        return len(self._pixels) >= FEWEST_PIXELS

    @property
    def due(self) -> bool:
        """Whether the kept picture is too far or too long ago."""
        far = math.hypot(*self._shift) > KEPT_PX or abs(self._angle) > KEPT_RAD
        return far or self._served >= KEPT_PICTURES

    @property
    def tip(self) -> Float:
        """(2,) px in the picture followed to last."""
        middle = self._pixels.middle
        return np.asarray(self._turn() @ (self._anchor - middle) + middle + self._shift)

    def follow(self, grey: Grey, guess: Float, turned_rad: float) -> bool:
        """To the next picture, where the tip is at about `guess` (2,); False where that fails.

        Gauss-Newton on shift, turn, brightness and contrast, robust weights (inverse compositional alignment,
        Baker & Matthews 2004).
        """
        self._angle += turned_rad
        self._shift = self._shift + guess - self.tip
        pixels = self._pixels
        away = self._from_middle()
        place = pixels.middle + self._shift
        h, w = grey.shape
        x0, y0 = np.clip(np.floor(away.min(axis=1) + place).astype(int) - MARGIN, 0, [w, h])
        x1, y1 = np.clip(np.ceil(away.max(axis=1) + place).astype(int) + MARGIN + 1, 0, [w, h])
        if x1 - x0 < 2 * MARGIN or y1 - y0 < 2 * MARGIN:
            return False
        part = smooth(grey[y0:y1, x0:x1])
        trust = self._trust()
        basis = np.empty((5, len(pixels)), np.float32)
        basis[2], basis[3], basis[4] = pixels.turn, 1.0, pixels.value - pixels.value.mean()
        for _ in range(MOST_ROUNDS):
            origin = pixels.middle + self._shift - (x0, y0)
            seen, inside = _sampled(part, self._from_middle() + origin.astype(np.float32)[:, None])
            if inside.mean() < SEEN_SHARE:
                return False
            basis[:2] = self._turn().astype(np.float32) @ pixels.slope
            off = seen - pixels.value
            usual = 1.4826 * upper_median(np.abs(off - upper_median(off))) + 0.3
            weighted = basis * (trust * inside * self._robust(off, usual))
            normal, right = weighted @ basis.T, weighted @ off
            step = _solved(normal, right)
            self._shift = self._shift - step[:2]
            self._angle -= float(step[2])
            if math.hypot(step[0], step[1]) < DONE_PX:
                break
        self.noise = self._halves(basis, weighted, off, normal, right)
        self._remember(off - step[3:].astype(np.float32) @ basis[3:], inside)
        self._served += 1
        return math.hypot(*(self.tip - guess)) < FROM_GUESS_PX

    def _turn(self) -> Float:
        c, s = math.cos(self._angle), math.sin(self._angle)
        return np.array([[c, -s], [s, c]])

    def _from_middle(self) -> Rows:
        """(2, n): the kept picture's places from their middle, turned as they are now."""
        return np.asarray(self._turn().astype(np.float32) @ self._pixels.at)

    def _halves(self, basis: Rows, weighted: Rows, off: Rows, normal: Rows, right: Rows) -> Float:
        mine = weighted * self._pixels.half
        first, share = mine @ basis.T, mine @ off
        arm = self._turn() @ (self._anchor - self._pixels.middle)
        tips = []
        for some, of in ((first, share), (normal - first, right - share)):
            x, y, turn, *_ = _solved(some, of)
            tips.append(np.array([x - turn * arm[1], y + turn * arm[0]]))
        return np.asarray((tips[0] - tips[1]) / 2, float)

    def _robust(self, off: Rows, usual: float) -> Rows:
        """(n,) weights of residuals `off` (n,) of this picture, of which `usual` is the spread."""
        return np.asarray(1 / (1 + (off / np.float32(OUTLIER * usual)) ** 2))

    def _trust(self) -> Rows:
        """(n,) 0 to 1: how surely a pixel moves with the body."""
        pixels = self._pixels
        usual = upper_median(pixels.lasting)
        stays = np.maximum(pixels.stays, 0) / (pixels.stays_power + np.float32(DOUBT * usual))
        lasting = pixels.lasting / np.float32(LASTING**2 * usual)
        return np.asarray(1 / ((1 + lasting**2) * (1 + (stays / np.float32(STAYS)) ** 2)), np.float32)

    def _remember(self, left: Rows, inside: Flags) -> None:
        pixels = self._pixels
        # A pixel of the ground, carried along, would change by its slope times the way.
        way = self._from_middle() - pixels.at + self._shift.astype(np.float32)[:, None]
        would = (pixels.slope * way).sum(axis=0)
        for mean, memory, new in (
            (pixels.lasting, MEMORY, (1 - MEMORY) * np.minimum(left**2, MOST_LEFT)),
            (pixels.stays, STAYS_MEMORY, left * would),
            (pixels.stays_power, STAYS_MEMORY, would**2),
        ):
            np.copyto(mean, memory * mean + new, where=inside)

    def _take_over(self, known: Body) -> None:
        old, new = known._pixels, self._pixels
        place = new.at + (new.middle - old.middle - known._shift)[:, None]
        back = np.rint(known._turn().T @ place + old.middle[:, None]).astype(int)
        there = np.rint(old.at + old.middle[:, None]).astype(int)
        low = there.min(axis=1, keepdims=True) - 1
        size = there.max(axis=1, keepdims=True) - low + 2
        inside = (back >= low).all(axis=0) & (back < low + size).all(axis=0)
        at = tuple(np.clip(back - low, 0, size - 1))

        learnt = np.stack([np.ones(len(old)), old.lasting, old.stays, old.stays_power], axis=1)
        drawn = np.zeros((*size.ravel(), 4), np.float32)
        drawn[tuple(there - low)] = learnt
        about = cv2.boxFilter(drawn, -1, (3, 3), normalize=False)  # of a large body not every pixel counts
        whole = np.where(drawn[..., :1] > 0, drawn, about / np.maximum(about[..., :1], 1))
        known_here, new.lasting, new.stays, new.stays_power = (whole[at] * inside[:, None]).T.copy()
        new.lasting = np.where(known_here > 0, new.lasting, upper_median(old.lasting))


def _pixels(grey: Grey, polygon: NDArray[np.int32]) -> Pixels:
    h, w = grey.shape
    x0, y0 = np.clip(polygon.min(axis=0) - MARGIN, 0, [w, h])
    x1, y1 = np.clip(polygon.max(axis=0) + MARGIN + 1, 0, [w, h])
    x = y = np.zeros(0, int)
    part = np.zeros((2, 2), np.float32)
    if x1 - x0 > 2 * MARGIN and y1 - y0 > 2 * MARGIN:
        part = smooth(grey[y0:y1, x0:x1])
        mask = np.zeros(part.shape, np.uint8)
        cv2.fillConvexPoly(mask, polygon - np.array([x0, y0], np.int32), 255)
        mask[[0, 1, -2, -1]] = 0
        mask[:, [0, 1, -2, -1]] = 0
        y, x = np.nonzero(mask)
        some = np.linspace(0, len(x) - 1, min(len(x), MOST_PIXELS)).astype(int)
        x, y = x[some], y[some]
    return pixels_at(part, (x, y), (x0, y0))


def pixels_at(
    part: Rows, at: tuple[NDArray[np.intp], NDArray[np.intp]], origin: tuple[int, int] = (0, 0)
) -> Pixels:
    """Those of a smooth picture `part`, whose top left is `origin`, in columns and rows `at` (n,)."""
    (x, y), n = at, len(at[0])
    across, down = part[y, x + 1] - part[y, x - 1], part[y + 1, x] - part[y - 1, x]
    slope = np.asarray(np.stack([across, down]) / 2, np.float32)
    place = np.stack([x + origin[0], y + origin[1]]).astype(float)
    middle = place.mean(axis=1) if n else np.zeros(2)
    arm = (place - middle[:, None]).astype(np.float32)
    # blocks wider than the smoothing, alternating as on a chess board
    half = (place // _BLOCK_PX).sum(axis=0) % 2 == 0
    return Pixels(
        middle=middle,
        at=arm,
        value=part[y, x],
        slope=slope,
        turn=slope[1] * arm[0] - slope[0] * arm[1],
        lasting=np.full(n, _START, np.float32),
        stays=np.zeros(n, np.float32),
        stays_power=np.zeros(n, np.float32),
        half=half.astype(np.float32),
    )


def smooth(part: Grey) -> Rows:
    """So smooth that sampling between pixels is exact enough."""
    return np.asarray(cv2.GaussianBlur(part.astype(np.float32), (0, 0), SMOOTH_PX), np.float32)


def _sampled(part: Rows, p: Rows) -> tuple[Rows, Flags]:
    """Bilinear values (n,) at places (2, n), and which lie inside. OpenCV before 5 rounds such places."""
    h, w = part.shape
    corner = np.floor(p)
    x, y = corner
    inside = (x >= 0) & (x < w - 1) & (y >= 0) & (y < h - 1)
    a, b = p - corner
    at = (np.clip(y, 0, h - 2) * np.float32(w) + np.clip(x, 0, w - 2)).astype(np.intp)
    values = part.ravel()
    left, right, lower_left, lower_right = (values.take(at + step) for step in (0, 1, w, w + 1))
    upper = left + (right - left) * a
    lower = lower_left + (lower_right - lower_left) * a
    return np.asarray(upper + (lower - upper) * b), inside


def _solved(normal: Rows | Float, right: Rows | Float) -> Float:
    stiff = normal.astype(np.float64)
    stiff.flat[:: len(stiff) + 1] = stiff.diagonal() * (1 + 1e-6) + 1e-6
    return np.asarray(np.linalg.solve(stiff, right))
