"""The networks, read from ONNX and run by onnxruntime: pictures in, probability and value maps out."""

from __future__ import annotations

import os
import threading
from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_LOADING = threading.Lock()  # else threads that start together each read a network of their own


@cache
def _read(name: str) -> Any:
    return read_network(files("assessor.models").joinpath(f"{name}.onnx").read_bytes())


def read_network(onnx: bytes) -> Any:
    """A network on as many threads as OpenCV may use, so that a process which was given one core keeps to it.

    Two and a half times as fast as cv2.dnn's classic engine on two cores (1.6 times on one), which lays a
    network out anew for every width of a strip.
    """
    # Unless told not to before it starts, it reports its use to its maker; photos are nobody's business.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows, where the variable means nothing
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cv2.getNumThreads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def run(name: str, bgr: NDArray[np.uint8]) -> Array:
    """Run network `name` on (h, w, 3) uint8, sides multiples of 32 -> raw maps (c, h', w')."""
    (out,) = forward(name, np.asarray(cv2.dnn.blobFromImage(bgr, 1 / 255.0), np.float32))
    return np.asarray(out)


def forward(name: str, blob: Array) -> Array:
    """Run network `name` on (n, c, h, w), 0 to 1 -> raw maps (n, c', h', w'). Threads may share it."""
    with _LOADING:
        net = _read(name)
    (out,) = net.run(None, {"x": blob})
    return np.asarray(out, np.float32)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), np.float32)


def half_to_full(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions on a half-resolution map -> positions on the picture that went in."""
    return points * 2 + 0.5


def quarter_to_full(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions on a quarter-resolution map -> positions on the picture that went in."""
    return points * 4 + 1.5
