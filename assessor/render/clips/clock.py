"""When the frames of a clip are taken, and what becomes of them on the way: jitter, drops, duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.render.canvas import Points
from assessor.render.clips.order import CameraOrder

TICKS_PER_S = 90_000  # the file's time base: truth is rounded to it too


@dataclass(frozen=True, slots=True)
class Clock:
    """Frames as they stand in the file: times (n,) s from the first one; which repeat the one before."""

    t_s: Points
    duplicate: NDArray[np.bool_]
    dropped: int


def frame_times(camera: CameraOrder, seconds: float, rng: np.random.Generator) -> Clock:
    """Times of mid exposure. The first and last frame are always there and never a duplicate."""
    n = max(2, round(seconds * camera.fps))
    t = np.arange(n) / camera.fps
    slack = 0.45 / camera.fps  # frames stay in order
    t += np.clip(rng.normal(0, 1, n) * camera.jitter_s, -slack, slack)
    inner = np.arange(1, n - 1)
    lost = rng.permutation(inner)[: round(camera.dropped_share * n)]
    kept = np.setdiff1d(np.arange(n), lost)
    t = t[kept] - t[0]
    duplicate = np.zeros(len(t), bool)
    again = rng.permutation(np.arange(1, len(t) - 1))[: round(camera.duplicate_share * len(t))]
    duplicate[again] = True
    return Clock(np.round(t * TICKS_PER_S) / TICKS_PER_S, duplicate, len(lost))
