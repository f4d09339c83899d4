"""The printed markers, AprilTag 36h11: their patterns, and where they are in a picture."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray


@functools.lru_cache(maxsize=1)
def dictionary() -> cv2.aruco.Dictionary:
    """Patterns by number (fewer than one false marker in a million squares)."""
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)


def read_markers(
    grey: NDArray[np.uint8], parameters: cv2.aruco.DetectorParameters
) -> dict[int, NDArray[np.float64]]:
    """(4, 2) corners, px, by marker number. Two prints of one number are none: nobody can tell which."""
    quads, numbers, _ = cv2.aruco.ArucoDetector(dictionary(), parameters).detectMarkers(grey)
    found: dict[int, NDArray[np.float64]] = {}
    twice: set[int] = set()
    for quad, number in zip(quads, () if numbers is None else numbers.ravel().tolist(), strict=True):
        twice |= {number} & found.keys()
        found[number] = quad.reshape(4, 2).astype(np.float64)
    return {number: quad for number, quad in found.items() if number not in twice}
