"""An endless stream of rendered examples: a pool in shared memory that a process keeps refreshing."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from assessor.photo.perception.closer import PATCH_STITCH_PX, cut_patches, levelled
from assessor.photo.perception.coarse import SIDE_PX
from assessor.photo.perception.curve import Pyramid
from assessor.photo.perception.cut import CUT_HEIGHT_PX, CUT_STITCH_PX
from assessor.photo.perception.fine import STITCH_PX, STRIP_HEIGHT_PX, read_strip
from assessor.photo.perception.networks import run, sigmoid
from assessor.photo.validity import HIDDEN
from assessor.render.canvas import apply_homography
from assessor.render.scene import render_photo, render_strip
from assessor.results import TECHNIQUES
from training.labels import bite_labels, coarse_labels, fine_labels, incision_labels
from training.matching import matched
from training.score import truth_of

Example = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float16]]  # picture, masks, values
STRIP = (STRIP_HEIGHT_PX, 320)  # height, width of a fine example
ROOMY_STRIP = (192, 448)
CUT = (CUT_HEIGHT_PX, 320)
ROUGH = (2 * STRIP[0], 2 * STRIP[1])  # a strip whose stitches are of a patch's size
BITE_NEAR = 0.45  # share of a stitch's length within which a candidate's bites are taken for its own
# every technique as often, but for the two that are hardest to tell apart: twice
DRAWN = (*TECHNIQUES[:-1], "simple_interrupted", "vertical_mattress")
NO_VALUES = np.zeros((1, 1, 1), np.float16)
UNSHUFFLED = [4 * c + k for k in range(4) for c in range(3)]  # torch's order -> kind.technique_input's


def letterbox(bgr: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Pad to (side, side) with grey at the right and the bottom."""
    h, w = bgr.shape[:2]
    return np.asarray(
        cv2.copyMakeBorder(bgr, 0, side - h, 0, side - w, cv2.BORDER_CONSTANT, value=(128, 128, 128)),
        np.uint8,
    )


def fine_example(rng: np.random.Generator) -> Example:
    """A strip; running rows more often than on pads, as their two ends are hard to tell."""
    technique = "simple_running" if rng.random() < 0.2 else None
    r = render_strip(rng, STRIP[1], STRIP[0], STITCH_PX, technique)
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
        maps[:, outside] = 0
        offsets[:, outside] = np.nan
    return image, maps, offsets


def incision_example(rng: np.random.Generator) -> Example:
    """A strip along the incision as `perception/cut.py` cuts it; the photo may end inside it."""
    while True:
        r = render_strip(rng, CUT[1], CUT[0], CUT_STITCH_PX)
        if r.kit == "silicone" or rng.random() < 0.6:  # whose lips are hardest to tell: more often
            break
    return r.bgr, incision_labels(r), NO_VALUES


def bites_examples(rng: np.random.Generator) -> Iterator[Example]:
    """Every stitch that the fine view finds on a strip as `perception/closer.py` cuts it out, and where its
    bites truly are."""
    r = render_strip(rng, *ROUGH[::-1], PATCH_STITCH_PX)
    small = np.asarray(cv2.resize(r.bgr, STRIP[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    candidates = read_strip(small, np.ones(STRIP, bool)).stitches
    if not candidates or not r.wounds:
        return
    found = np.array([s.bites for s in candidates]) * 2 + 0.5
    true, photo = truth_of(r), Pyramid(r.bgr)
    for i, j, way in matched(true, found, BITE_NEAR):
        length = np.linalg.norm(found[j, 1] - found[j, 0])
        to_strip = levelled((found[j] + rng.normal(0, 0.01, (2, 2)) * length)[None])
        (patch,) = cut_patches(photo, lambda at: at, 1.0, to_strip)
        to_patch = np.linalg.inv(np.r_[to_strip[0], [[0, 0, 1]]])
        yield patch, bite_labels(apply_homography(to_patch, true[i][::way])), NO_VALUES


def coarse_example(rng: np.random.Generator) -> Example:
    """A whole photo, small."""
    short = int(SIDE_PX * (rng.uniform(0.25, 0.5) if rng.random() < 0.4 else rng.uniform(0.55, 1.0)))
    size = (SIDE_PX, short) if rng.random() < 0.65 or short < 140 else (short, SIDE_PX)
    finer = 1 if rng.random() < 0.5 else 2  # what was halved is as sharp as a phone's photo seen small
    r = render_photo(rng, finer * size[0], finer * size[1], supersample=1)
    small = np.asarray(cv2.resize(r.bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    return (letterbox(small, SIDE_PX), *coarse_labels(r, SIDE_PX, 4 * finer))


def technique_example(rng: np.random.Generator) -> Example:
    """A strip with room for jitter, the fine view's probabilities on it, and the index of what it shows.

    `unknown` is a cut that is not sutured. A single stitch tells nothing, nor does a piece of a hidden
    closure without its ends.
    """
    h, w = ROOMY_STRIP
    while True:
        name = str(rng.choice(DRAWN))
        r = render_strip(rng, w, h, STITCH_PX, name)
        if not r.wounds:
            continue
        spare = (w - STRIP[1]) / 2
        middles, ends = r.wounds[0].bites_px.mean(1)[:, 0], r.wounds[0].incision_px[[0, -1], 0]
        stitches, shown = (int(((x > spare) & (x < w - spare)).sum()) for x in (middles, ends))
        if stitches == 1 or (not stitches and not shown):
            continue
        if not stitches and name not in HIDDEN:
            name = "unknown"
        seen = (255 * sigmoid(run("fine", r.bgr)[:7])).astype(np.uint8)
        return r.bgr, seen, np.full((1, 1, 1), TECHNIQUES.index(name), np.float16)


ONE = {
    "fine": fine_example,
    "incision": incision_example,
    "coarse": coarse_example,
    "technique": technique_example,
}


def examples(kind: str, rng: np.random.Generator) -> Iterator[Example]:
    """Without end."""
    while True:
        if kind == "bites":
            yield from bites_examples(rng)
        else:
            yield ONE[kind](rng)


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
    for image, m, v in examples(kind, rng):
        with made.get_lock():
            slot = made.value % len(images)
            made.value += 1
        images[slot] = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        maps[slot] = torch.from_numpy(m)
        values[slot] = torch.from_numpy(v)


def start_pool(kind: str, size: int, seed: int, workers: int = 1) -> Pool:
    image, m, v = next(examples(kind, np.random.default_rng(0)))
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
    """Flip the batch, shift its colours; a flip up-down swaps the two bites.

    For the technique the strips are cut as wrongly as places are found (size, middle and course), and
    become what its network is given.
    """
    x, m, v = images.float() / 255, maps.float() / 255, values.float()
    if kind == "technique":
        x, m = _cut_loosely(x, m, rng)
    across, along = rng.random() < 0.5, rng.random() < 0.5
    dims = [d for d, on in ((2, across), (3, along)) if on]
    if dims:
        x, m, v = x.flip(dims), m.flip(dims), v.flip(dims)
    if kind in ("fine", "technique") and across:
        m = m[:, [0, 1, 2, 3, 5, 4, 6]]
    if kind == "bites" and along:
        m = m[:, [1, 0]]
    if kind == "fine":
        v = v.clone()
        if along:
            v[:, [0, 2]] *= -1
        if across:
            v[:, [1, 3]] *= -1
            v = v[:, [2, 3, 0, 1]]
    n = len(x)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.12, (n, 3, 1, 1))).astype(np.float32))
    lift = torch.from_numpy(rng.normal(0, 0.05, (n, 1, 1, 1)).astype(np.float32))
    x = x * gain + lift
    if rng.random() < 0.15:
        x = x[:, torch.from_numpy(rng.permutation(3))]
    x = x.clamp(0, 1)
    if kind == "technique":
        x = torch.cat([F.pixel_unshuffle(x, 2)[:, UNSHUFFLED], m], 1)
    return x, m, v


def _cut_loosely(
    x: torch.Tensor, m: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures and maps of ROOMY_STRIP -> of STRIP: size off by up to 1.5, place and course by a little."""
    n, (high, wide), (h, w) = len(x), ROOMY_STRIP, STRIP
    grow = np.exp(np.clip(rng.normal(0, 0.4, n), -1, 1) * np.log(1.5))
    turn = rng.normal(0, 0.035, n)
    c, s = grow * np.cos(turn), grow * np.sin(turn)
    aside, up = rng.uniform(-0.15, 0.15, n), rng.normal(0, 0.08, n)
    rows = [[c * w / wide, -s * h / wide, aside], [s * w / high, c * h / high, up]]
    where = torch.from_numpy(np.array(rows, np.float32)).permute(2, 0, 1)

    def cut(of: torch.Tensor, share: int) -> torch.Tensor:
        grid = F.affine_grid(where, [n, 1, h // share, w // share], align_corners=False)
        return F.grid_sample(of, grid, padding_mode="border", align_corners=False)

    return cut(x, 1), cut(m, 2)
