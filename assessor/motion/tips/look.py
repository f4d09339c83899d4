"""What an instrument looked like where it was last seen for sure: does a tip still lie on the same thing?"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.motion.flow import Float, Grey

LENGTH, HEIGHT = 40, 12  # pixels of the look: up the shaft, across it
REACH = 0.08  # of the diagonal: so far up the shaft from the tip
SAME = 0.75  # correlation from which it is the same thing; bare ground in its place stays below 0.4

Look = NDArray[np.float32]


def look(grey: Grey, tip: Float, axis_rad: float, width_px: float) -> Look:
    """(LENGTH, HEIGHT) of the strip behind `tip` (2,) px, as wide as the instrument; mean 0, norm 1."""
    reach = REACH * math.hypot(*grey.shape)
    c, s = math.cos(axis_rad), math.sin(axis_rad)
    along = np.array([-c, -s]) * reach / LENGTH
    across = np.array([-s, c]) * max(width_px, 6.0) / HEIGHT
    start = tip - across * (HEIGHT - 1) / 2
    matrix = np.column_stack([along, across, start])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(
        grey, matrix, (LENGTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    seen = cv2.GaussianBlur(seen, (0, 0), 1.0)
    seen -= seen.mean()
    return np.asarray(seen / (np.linalg.norm(seen) + 1e-6), np.float32)


def same(one: Look, other: Look) -> bool:
    """Whether two looks show the same thing."""
    return float((one * other).sum()) > SAME
