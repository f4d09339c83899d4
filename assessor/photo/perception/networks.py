"""The networks, read from ONNX and run by cv2.dnn: pictures in, probability and value maps out."""

from __future__ import annotations

import threading
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_LOCK = threading.Lock()  # a cv2.dnn net keeps its input and is not safe to share


@cache
def _net(name: str) -> Any:
    with as_file(files("assessor.models") / f"{name}.onnx") as path:
        return read_network(path)


def read_network(path: Path) -> Any:
    """A network that takes pictures of any width, though its file names one.

    OpenCV 5's classic engine needs two thirds of the new one's time.
    """
    return cv2.dnn.readNetFromONNX(str(path), engine=cv2.dnn.ENGINE_CLASSIC)


def run(name: str, bgr: NDArray[np.uint8]) -> Array:
    """Run network `name` on (h, w, 3) uint8, sides multiples of 32 -> raw maps (c, h', w')."""
    (out,) = forward(name, np.asarray(cv2.dnn.blobFromImage(bgr, 1 / 255.0), np.float32))
    return np.asarray(out)


def forward(name: str, blob: Array) -> Array:
    """Run network `name` on (n, c, h, w), 0 to 1 -> raw maps (n, c', h', w')."""
    with _LOCK:
        net = _net(name)
        net.setInput(blob)
        return np.array(net.forward(), np.float32)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), np.float32)


def half_to_full(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions on a half-resolution map -> positions on the picture that went in."""
    return points * 2 + 0.5


def quarter_to_full(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions on a quarter-resolution map -> positions on the picture that went in."""
    return points * 4 + 1.5
