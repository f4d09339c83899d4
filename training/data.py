"""An endless stream of rendered examples: a pool in shared memory that a process keeps refreshing."""

from __future__ import annotations

import multiprocessing as mp
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from assessor.photo.perception.coarse import SIDE_PX
from assessor.photo.perception.fine import STITCH_PX, STRIP_HEIGHT_PX
from assessor.render.scene import render_photo, render_strip
from training.labels import NO_TECHNIQUE, coarse_labels, fine_labels

Example = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float16]]  # picture, masks, values
STRIP = (STRIP_HEIGHT_PX, 320)  # height, width of a fine example


def letterbox(bgr: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Pad to (side, side) with grey at the right and the bottom."""
    h, w = bgr.shape[:2]
    return np.asarray(
        cv2.copyMakeBorder(bgr, 0, side - h, 0, side - w, cv2.BORDER_CONSTANT, value=(128, 128, 128)),
        np.uint8,
    )


def fine_example(rng: np.random.Generator) -> Example:
    r = render_strip(rng, STRIP[1], STRIP[0], STITCH_PX)
    maps, offsets = fine_labels(r)
    image = r.bgr
    if rng.random() < 0.3:  # the photo ends inside the strip: its border is repeated
        h, w = STRIP
        top, bottom = (2 * int(rng.integers(0, 20)) if rng.random() < 0.6 else 0 for _ in range(2))
        left, right = (2 * int(rng.integers(0, 60)) if rng.random() < 0.4 else 0 for _ in range(2))
        inner = image[top : h - bottom, left : w - right]
        padded = cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE)
        image = np.asarray(padded, np.uint8)
        outside = np.ones((h // 2, w // 2), bool)
        outside[top // 2 : (h - bottom) // 2, left // 2 : (w - right) // 2] = False
        maps[:7, outside] = 0
        maps[7, outside] = NO_TECHNIQUE
        offsets[:, outside] = np.nan
    return image, maps, offsets


def coarse_example(
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float16]]:
    short = int(SIDE_PX * (rng.uniform(0.25, 0.5) if rng.random() < 0.4 else rng.uniform(0.55, 1.0)))
    size = (SIDE_PX, short) if rng.random() < 0.65 or short < 140 else (short, SIDE_PX)
    r = render_photo(rng, *size, supersample=1)
    return (letterbox(r.bgr, SIDE_PX), *coarse_labels(r, SIDE_PX))


EXAMPLES = {"fine": fine_example, "coarse": coarse_example}


@dataclass
class Pool:
    """`size` examples; a renderer process overwrites them in turn while training draws from them."""

    images: torch.Tensor
    maps: torch.Tensor
    values: torch.Tensor
    made: Synchronized[int]
    workers: list[Any]

    def batch(self, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        ready = min(int(self.made.value), len(self.images))
        index = torch.from_numpy(rng.integers(0, ready, n))
        return self.images[index], self.maps[index], self.values[index]


def _render_forever(
    kind: str,
    seed: int,
    images: torch.Tensor,
    maps: torch.Tensor,
    values: torch.Tensor,
    made: Synchronized[int],
) -> None:
    import os

    os.nice(3)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while True:
        image, m, v = EXAMPLES[kind](rng)
        with made.get_lock():
            slot = made.value % len(images)
            made.value += 1
        images[slot] = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        maps[slot] = torch.from_numpy(m)
        values[slot] = torch.from_numpy(v)


def start_pool(kind: str, size: int, seed: int, workers: int = 1) -> Pool:
    image, m, v = EXAMPLES[kind](np.random.default_rng(0))
    images = torch.zeros((size, 3, *image.shape[:2]), dtype=torch.uint8).share_memory_()
    maps = torch.zeros((size, *m.shape), dtype=torch.uint8).share_memory_()
    values = torch.zeros((size, *v.shape), dtype=torch.float16).share_memory_()
    context = mp.get_context("spawn")
    made = context.Value("q", 0)
    processes = [
        context.Process(
            target=_render_forever, args=(kind, seed + 1000 * k, images, maps, values, made), daemon=True
        )
        for k in range(workers)
    ]
    for p in processes:
        p.start()
    return Pool(images, maps, values, made, processes)


def augment(
    images: torch.Tensor, maps: torch.Tensor, values: torch.Tensor, kind: str, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Flip the batch, shift its colours; a flip up-down swaps the two bites."""
    x, m, v = images.float() / 255, maps.float() / 255, values.float()
    across, along = rng.random() < 0.5, rng.random() < 0.5
    dims = [d for d, on in ((2, across), (3, along)) if on]
    if dims:
        x, m, v = x.flip(dims), m.flip(dims), v.flip(dims)
    if kind == "fine":
        v = v.clone()
        if along:
            v[:, [0, 2]] *= -1
        if across:
            v[:, [1, 3]] *= -1
            v = v[:, [2, 3, 0, 1]]
            m = m[:, [0, 1, 2, 3, 5, 4, 6, 7]]
    n = len(x)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.12, (n, 3, 1, 1))).astype(np.float32))
    lift = torch.from_numpy(rng.normal(0, 0.05, (n, 1, 1, 1)).astype(np.float32))
    x = x * gain + lift
    if rng.random() < 0.15:
        x = x[:, torch.from_numpy(rng.permutation(3))]
    return x.clamp(0, 1), m, v
