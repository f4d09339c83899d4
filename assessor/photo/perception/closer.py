"""A stitch seen alone at twice the strip's size: where exactly its thread enters the pad."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.curve import Points, Pyramid
from assessor.photo.perception.networks import Array, forward, half_to_full

PATCH_STITCH_PX = 96.0  # length of a stitch in its patch
PATCH = (64, 160)  # height, width
TRAINED_SIGMA = 0.9  # cells of the network's answer, over which the truth was spread in training
_NEAR = 3  # cells around the likeliest one that say where between cells the bite is


def look_closer(
    photo: Pyramid, to_photo: Callable[[Points], Points], zoom: float, bites: Points
) -> tuple[Points, Points]:
    """Where bites (n, 2, 2) are that are roughly known, how widely each may lie elsewhere (n, 2): pixels of
    a strip of `zoom` of them a photo pixel; `to_photo` leads back from it."""
    if not len(bites):
        return bites, np.zeros((0, 2))
    to_strip = levelled(bites)
    patches = cut_patches(photo, to_photo, zoom, to_strip)
    out = forward("bites", np.asarray(cv2.dnn.blobFromImages(list(patches), 1 / 255.0), np.float32))
    found, spread = _places(out)
    cell_px = 2 * np.hypot(to_strip[:, 0, 0], to_strip[:, 1, 0])
    return moved(to_strip, half_to_full(found)), spread * cell_px[:, None]


def levelled(bites: Points) -> Points:
    """What leads from a patch's pixels to the strip's (n, 2, 3): each stitch (n, 2, 2) level in the middle of
    a patch of its own and PATCH_STITCH_PX long, bites[:, 0] to the left."""
    chord = bites[:, 1] - bites[:, 0]
    short = np.linalg.norm(chord, axis=1, keepdims=True) < 1.0
    x, y = np.where(short, (1.0, 0.0), chord).T / PATCH_STITCH_PX
    turn = np.stack([np.stack([x, -y], -1), np.stack([y, x], -1)], 1)
    middle = (np.array(PATCH[::-1]) - 1) / 2
    return np.concatenate([turn, (bites.mean(1) - turn @ middle)[:, :, None]], 2)


def moved(matrices: Points, points: Points) -> Points:
    """Points (n, k, 2) by a matrix each (n, 2, 3)."""
    result: Points = points @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    return result


def cut_patches(
    photo: Pyramid, to_photo: Callable[[Points], Points], zoom: float, to_strip: Points
) -> NDArray[np.uint8]:
    """The patches (n, *PATCH, 3) that `levelled` places on a strip; there the strip does not bend."""
    middle = (np.array(PATCH[::-1]) - 1) / 2
    corners = middle + np.array([[0.0, 0.0], [middle[0], 0.0], [0.0, middle[1]]])
    patches = []
    for at, matrix in zip(to_photo(moved(to_strip, corners[None])), to_strip, strict=True):
        turn = (at[1:] - at[0]).T / middle
        finer = zoom / float(np.hypot(*matrix[:, 0]))  # patch pixels a photo pixel
        patches.append(photo.warped(np.c_[turn, at[0] - turn @ middle], PATCH, finer))
    return np.stack(patches)


def _places(logits: Array) -> tuple[Points, Points]:
    """Where on each map (..., h, w) the bite is, x and y in cells (..., 2); how widely it may lie elsewhere:
    the standard deviation of a coordinate beyond what the training itself spread (...)."""
    h, w = logits.shape[-2:]
    y, x = np.mgrid[0:h, 0:w].reshape(2, -1).astype(np.float32)
    flat = logits.reshape(*logits.shape[:-2], -1)
    p = np.exp(flat - flat.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    top = p.argmax(-1)[..., None]
    near = p * ((np.abs(x - x[top]) <= _NEAR) & (np.abs(y - y[top]) <= _NEAR))
    near /= near.sum(-1, keepdims=True)
    at = np.stack([near @ x, near @ y], -1)
    variance = (p * ((x - at[..., :1]) ** 2 + (y - at[..., 1:]) ** 2)).sum(-1) / 2
    return at.astype(float), np.sqrt(np.maximum(variance - TRAINED_SIGMA**2, 0.0)).astype(float)
