"""What a camera does to a scene: defocus, motion, colour cast, tone, sensor noise, sharpening, JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.render.canvas import Array
from assessor.render.pad import light_field


@dataclass(frozen=True, slots=True)
class Camera:
    """How badly the picture is taken; lengths in pixels of the taken picture."""

    blur_px: float
    motion_px: float
    noise: float
    sharpen: float
    jpeg_quality: int
    cast: float
    contrast: float


def random_camera(rng: np.random.Generator, poor: float) -> Camera:
    """A camera; `poor` in 0 (a sharp phone photo) to 1 (a frame of a video call)."""
    return Camera(
        blur_px=float(abs(rng.normal(0, 0.35 + 1.1 * poor))),
        motion_px=float(rng.exponential(2.5)) if rng.random() < 0.15 * poor else 0.0,
        noise=float(rng.exponential(1.5 + 2.5 * poor)),
        sharpen=float(rng.uniform(0.3, 1.8)) if rng.random() < 0.45 else 0.0,
        jpeg_quality=int(rng.integers(round(82 - 60 * poor), 97)),
        cast=float(0.03 + 0.08 * poor),
        contrast=float(rng.uniform(0.75 - 0.25 * poor, 1.35)),
    )


def take(picture: Array, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Scene light (h, w, 3), float32 0 to 255 -> the picture taken, uint8 BGR of the same size."""
    x = (
        picture
        * cv2.resize(light_field((24, 24), rng), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)[
            :, :, None
        ]
    )
    gain = np.exp(rng.normal(0, camera.cast, 3)).astype(np.float32) * np.float32(np.exp(rng.normal(0, 0.12)))
    mean = np.float32(128)
    x = (x * gain - mean) * np.float32(camera.contrast) + mean
    if rng.random() < 0.3:  # stronger or weaker colours
        grey = x.mean(2, keepdims=True)
        x = grey + (x - grey) * np.float32(rng.uniform(0.4, 1.7))
    if camera.blur_px > 0.25:
        x = cv2.GaussianBlur(x, (0, 0), camera.blur_px)
    if camera.motion_px > 1:
        n = int(camera.motion_px) | 1
        k = np.zeros((n, n), np.float32)
        a = rng.uniform(0, np.pi)
        c = n // 2
        d = np.array([np.cos(a), np.sin(a)]) * c
        cv2.line(k, tuple(int(v) for v in np.round(c - d)), tuple(int(v) for v in np.round(c + d)), 1.0)
        x = cv2.filter2D(x, -1, k / k.sum())
    if camera.noise > 0.2:
        grain = rng.standard_normal((*x.shape[:2], 1), np.float32) * 0.7 + 0.5 * rng.standard_normal(
            x.shape, np.float32
        )
        x = x + grain * np.float32(camera.noise)
    if camera.sharpen:
        x = x + np.float32(camera.sharpen) * (x - cv2.GaussianBlur(x, (0, 0), 1.2))
    eight: NDArray[np.uint8] = np.clip(x, 0, 255).astype(np.uint8)
    if camera.jpeg_quality < 96:
        ok, data = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg_quality])
        assert ok
        eight = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return eight
