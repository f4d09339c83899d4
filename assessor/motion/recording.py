"""What a session remembers of each frame: compact columns, no pictures; beyond the cap the oldest go."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.motion.tracking import FrameMotion, TipSample

Array = NDArray[np.float64]

MOST_FRAMES = 108_000  # half an hour at 60 frames a second: about 20 MB with two tips
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class TipTrack:
    """One tip's samples: frame numbers (n,) in the recording, `t_s` (n,), px (n, 2); `sure` (n,) as said."""

    tip: int
    frame: NDArray[np.int64]
    t_s: Array
    xy: Array
    fine: Array
    noise: Array
    segment: NDArray[np.int64]
    confidence: Array
    sure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Frames' times (f,) s, the background's shift and what was left of it (f, 2) px, NaN where unknown;
    how each was `coded` (f,)."""

    t_s: Array
    camera: Array
    floor: Array
    coded: NDArray[np.int8]
    tips: tuple[TipTrack, ...]


class _Columns:
    """Rows of numbers, one array a column."""

    def __init__(self, width: int) -> None:
        self._columns = [array("d") for _ in range(width)]

    def append(self, *row: float) -> None:
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)

    def __len__(self) -> int:
        return len(self._columns[0])

    def since(self, first: int) -> Array:
        """Rows from `first` on, (n, width); a copy."""
        return np.stack([np.array(column[first:], dtype=float) for column in self._columns], axis=1)

    def first_at(self, value: float) -> int:
        """Index of the first row whose increasing first column reaches `value`."""
        return bisect_left(self._columns[0], value)

    def drop(self, count: int) -> None:
        """Forget the first `count` rows."""
        for column in self._columns:
            del column[:count]


class Recording:
    """Grows by a row a frame; holds the newest `MOST_FRAMES` at least, a tenth more at most.

    `dropped` counts the frames that went.
    """

    def __init__(self) -> None:
        self._frames = _Columns(6)
        self._tips: dict[int, _Columns] = {}
        self.dropped = 0

    def append(self, motion: FrameMotion) -> None:
        if len(self._frames) >= MOST_FRAMES * 1.1:
            self._drop(len(self._frames) - MOST_FRAMES)
        number = self.dropped + len(self._frames)
        self._frames.append(
            motion.t_s, *(_NAN if value is None else value for value in (
                motion.camera_x_px, motion.camera_y_px, motion.floor_x_px, motion.floor_y_px)),
            motion.coded,
        )  # fmt: skip
        for tip in motion.tips:
            self._tips.setdefault(tip.tip, _Columns(11)).append(*_row(number, motion.t_s, tip))

    def read(self, since_s: float = -np.inf) -> Recorded:
        """Everything from `since_s` on as arrays."""
        row = self._frames.first_at(since_s)
        first = self.dropped + row
        frames = self._frames.since(row)
        tips = (
            _track(tip, columns.since(columns.first_at(first)), first)
            for tip, columns in sorted(self._tips.items())
        )
        found = tuple(t for t in tips if len(t.t_s))
        return Recorded(frames[:, 0], frames[:, 1:3], frames[:, 3:5], frames[:, 5].astype(np.int8), found)

    def _drop(self, count: int) -> None:
        self._frames.drop(count)
        self.dropped += count
        for columns in self._tips.values():
            columns.drop(columns.first_at(self.dropped))


def _row(number: int, t_s: float, tip: TipSample) -> tuple[float, ...]:
    return (number, t_s, tip.x_px, tip.y_px, tip.fine_x_px, tip.fine_y_px, tip.segment, tip.confidence,
            tip.noise_x_px, tip.noise_y_px, tip.sure)  # fmt: skip


def _track(tip: int, rows: Array, first: int) -> TipTrack:
    return TipTrack(
        tip=tip,
        frame=rows[:, 0].astype(np.int64) - first,
        t_s=rows[:, 1],
        xy=rows[:, 2:4],
        fine=rows[:, 4:6],
        segment=rows[:, 6].astype(np.int64),
        confidence=rows[:, 7],
        noise=rows[:, 8:10],
        sure=rows[:, 10] > 0,
    )
