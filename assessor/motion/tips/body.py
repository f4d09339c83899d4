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

from assessor.motion.flow import Flags, Float, Grey

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
_MARGIN, _BLOCK_PX = 6, 4
_START = 4.0  # grey levels squared


@dataclass(slots=True)
class _Pixels:
    """Of the kept picture: places (n, 2), values, gradients (n, 2), slope along a turn; and running means of
    the squared residual, of the residual along what staying behind would show, and of that squared."""

    at: Float
    value: Float
    slope: Float
    turn: Float
    lasting: Float
    stays: Float
    stays_power: Float


class Body:
    """What `polygon` (k, 2) px encloses in `grey`, followed from picture to picture; `tip` (2,) goes with it.

    `known` is the same body as it was followed until this picture: what is known of its pixels is taken over.
    `noise` (2,) px is half of how far two independent halves of the pixels disagree about the tip.
    """

    def __init__(self, grey: Grey, polygon: NDArray[np.int32], tip: Float, known: Body | None = None) -> None:
        self._anchor = np.array(tip, float)
        self._pixels = _pixels(grey, polygon)
        self._middle: Float = self._pixels.at.mean(axis=0) if self.usable else np.zeros(2)
        self._angle, self._shift, self._served = 0.0, np.zeros(2), 0
        self.noise: Float = np.zeros(2)
        if known is not None and known.usable and self.usable:
            self._take_over(known)

    @property
    def usable(self) -> bool:
        return len(self._pixels.at) >= FEWEST_PIXELS

    @property
    def due(self) -> bool:
        """Whether the kept picture is too far or too long ago."""
        far = float(np.hypot(*self._shift)) > KEPT_PX or abs(self._angle) > KEPT_RAD
        return far or self._served >= KEPT_PICTURES

    @property
    def tip(self) -> Float:
        """(2,) px in the picture followed to last."""
        return np.asarray(self._now(self._anchor[None])[0])

    def follow(self, grey: Grey, guess: Float, turned_rad: float) -> bool:
        """To the next picture, where the tip is at about `guess` (2,); False where that fails.

        Gauss-Newton on shift, turn, brightness and contrast, robust weights (inverse compositional alignment,
        Baker & Matthews 2004).
        """
        self._angle += turned_rad
        self._shift = self._shift + guess - self.tip
        p = self._now(self._pixels.at)
        h, w = grey.shape
        x0, y0 = np.clip(np.floor(p.min(axis=0)).astype(int) - _MARGIN, 0, [w, h])
        x1, y1 = np.clip(np.ceil(p.max(axis=0)).astype(int) + _MARGIN + 1, 0, [w, h])
        if x1 - x0 < 2 * _MARGIN or y1 - y0 < 2 * _MARGIN:
            return False
        part = _smooth(grey[y0:y1, x0:x1])
        trust, pixels = self._trust(), self._pixels
        basis = np.empty((len(pixels.at), 5))
        basis[:, 2], basis[:, 3], basis[:, 4] = pixels.turn, 1.0, pixels.value - pixels.value.mean()
        for _ in range(MOST_ROUNDS):
            seen, inside = _sampled(part, self._now(pixels.at) - (x0, y0))
            if inside.mean() < SEEN_SHARE:
                return False
            c, s = math.cos(self._angle), math.sin(self._angle)
            basis[:, :2] = pixels.slope @ np.array([[c, s], [-s, c]])
            off = seen - pixels.value
            usual = 1.4826 * float(np.median(np.abs(off - np.median(off)))) + 0.3
            weighted = basis * (trust * inside / (1 + (off / (OUTLIER * usual)) ** 2))[:, None]
            normal = basis.T @ weighted
            normal[np.diag_indices(5)] *= 1 + 1e-6
            normal[np.diag_indices(5)] += 1e-6
            step = np.linalg.solve(normal, weighted.T @ off)
            self._shift = self._shift - step[:2]
            self._angle -= float(step[2])
            if np.hypot(*step[:2]) < DONE_PX:
                break
        self.noise = self._halves(basis, weighted, off)
        self._remember(off - basis[:, 3:] @ step[3:], inside)
        self._served += 1
        return bool(np.hypot(*(self.tip - guess)) < FROM_GUESS_PX)

    def _now(self, at: Float) -> Float:
        """Places (n, 2) of the kept picture in the newest one."""
        c, s = math.cos(self._angle), math.sin(self._angle)
        moved: Float = (at - self._middle) @ np.array([[c, s], [-s, c]]) + self._middle + self._shift
        return moved

    def _halves(self, basis: Float, weighted: Float, off: Float) -> Float:
        # blocks wider than the smoothing, alternating as on a chess board
        first = (self._pixels.at // _BLOCK_PX).sum(axis=1) % 2 == 0
        arm = self.tip - self._now(self._middle[None])[0]
        tips = []
        for half in (first, ~first):
            normal = basis[half].T @ weighted[half]
            normal[np.diag_indices(5)] = normal[np.diag_indices(5)] * (1 + 1e-6) + 1e-6
            x, y, turn, *_ = np.linalg.solve(normal, weighted[half].T @ off[half])
            tips.append(np.array([x - turn * arm[1], y + turn * arm[0]]))
        return np.asarray((tips[0] - tips[1]) / 2, float)

    def _trust(self) -> Float:
        """(n,) 0 to 1: how surely a pixel moves with the body."""
        pixels = self._pixels
        usual = float(np.median(pixels.lasting))
        stays = np.maximum(pixels.stays, 0) / (pixels.stays_power + DOUBT * usual)
        lasting = pixels.lasting / (LASTING**2 * usual)
        return np.asarray(1 / ((1 + lasting**2) * (1 + (stays / STAYS) ** 2)))

    def _remember(self, left: Float, inside: Flags) -> None:
        pixels = self._pixels
        # A pixel of the ground, carried along, would change by its slope times the way.
        would = (pixels.slope * (self._now(pixels.at) - pixels.at)).sum(axis=1)
        square = np.minimum(left**2, 900.0)
        pixels.lasting = np.where(inside, MEMORY * pixels.lasting + (1 - MEMORY) * square, pixels.lasting)
        pixels.stays = np.where(inside, STAYS_MEMORY * pixels.stays + left * would, pixels.stays)
        pixels.stays_power = np.where(
            inside, STAYS_MEMORY * pixels.stays_power + would**2, pixels.stays_power
        )

    def _take_over(self, known: Body) -> None:
        old, new = known._pixels, self._pixels
        c, s = math.cos(known._angle), math.sin(known._angle)
        back = (new.at - known._middle - known._shift) @ np.array([[c, -s], [s, c]]) + known._middle
        low = old.at.min(axis=0).astype(int)
        size = old.at.max(axis=0).astype(int) - low + 1
        place = np.full(size, -1)
        place[tuple((old.at.astype(int) - low).T)] = np.arange(len(old.at))
        index = np.rint(back).astype(int) - low
        inside = (index >= 0).all(axis=1) & (index < size).all(axis=1)
        at = np.where(inside, place[tuple(np.clip(index, 0, size - 1).T)], -1)
        new.lasting = np.where(at >= 0, old.lasting[at], np.median(old.lasting))
        new.stays = np.where(at >= 0, old.stays[at], 0.0)
        new.stays_power = np.where(at >= 0, old.stays_power[at], 0.0)


def _pixels(grey: Grey, polygon: NDArray[np.int32]) -> _Pixels:
    h, w = grey.shape
    x0, y0 = np.clip(polygon.min(axis=0) - _MARGIN, 0, [w, h])
    x1, y1 = np.clip(polygon.max(axis=0) + _MARGIN + 1, 0, [w, h])
    x = y = np.zeros(0, int)
    part = np.zeros((2, 2), np.float32)
    if x1 - x0 > 2 * _MARGIN and y1 - y0 > 2 * _MARGIN:
        part = _smooth(grey[y0:y1, x0:x1])
        mask = np.zeros(part.shape, np.uint8)
        cv2.fillConvexPoly(mask, polygon - np.array([x0, y0], np.int32), 255)
        mask[[0, 1, -2, -1]] = 0
        mask[:, [0, 1, -2, -1]] = 0
        y, x = np.nonzero(mask)
        some = np.linspace(0, len(x) - 1, min(len(x), MOST_PIXELS)).astype(int)
        x, y = x[some], y[some]
    if len(x) == 0:
        none = np.zeros(0)
        return _Pixels(np.zeros((0, 2)), none, np.zeros((0, 2)), none, none, none, none)
    slope = np.stack([part[y, x + 1] - part[y, x - 1], part[y + 1, x] - part[y - 1, x]], axis=1) / 2.0
    at = np.stack([x + x0, y + y0], axis=1).astype(float)
    arm = at - at.mean(axis=0)
    n = len(x)
    return _Pixels(
        at=at,
        value=part[y, x].astype(float),
        slope=slope.astype(float),
        turn=slope[:, 1] * arm[:, 0] - slope[:, 0] * arm[:, 1],
        lasting=np.full(n, _START),
        stays=np.zeros(n),
        stays_power=np.zeros(n),
    )


def _smooth(part: Grey) -> NDArray[np.float32]:
    """So smooth that sampling between pixels is exact enough."""
    return np.asarray(cv2.GaussianBlur(part.astype(np.float32), (0, 0), SMOOTH_PX), np.float32)


def _sampled(part: NDArray[np.float32], p: Float) -> tuple[Float, Flags]:
    """Bilinear values (n,) at places (n, 2), and which lie inside. OpenCV before 5 rounds such places."""
    h, w = part.shape
    corner = np.floor(p).astype(int)
    inside = ((corner >= 0) & (corner < [w - 1, h - 1])).all(axis=1)
    x, y = np.clip(corner, 0, [w - 2, h - 2]).T
    a, b = (p - corner).T
    upper = part[y, x] * (1 - a) + part[y, x + 1] * a
    lower = part[y + 1, x] * (1 - a) + part[y + 1, x + 1] * a
    return np.asarray(upper * (1 - b) + lower * b, float), np.asarray(inside)
