"""What a rendered clip shows, exactly. Pixels of the clip, centre of the top-left pixel = (0, 0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessor.render.canvas import Points
from assessor.render.clips.order import Kind


@dataclass(frozen=True, slots=True)
class TremorTruth:
    """`rms_px` is of x and y together, over the clip: peak / 1.414 for a straight sinusoid."""

    peak_px: float
    rms_px: float
    hz: float
    bandwidth_hz: float


@dataclass(frozen=True, slots=True)
class TipTruth:
    """One instrument's tip, a row a frame: `tip_px` (n, 2) = voluntary + tremor + the camera's shift.

    `visible` is False where it is covered or out of the picture. `axis_rad` points from the tip to the hand.
    `dwells_s` are the times (from, to) it was led nowhere.
    """

    kind: Kind
    hand: str
    task: str
    tip_px: Points
    voluntary_px: Points
    tremor_px: Points
    axis_rad: Points
    visible: NDArray[np.bool_]
    tremor: TremorTruth | None
    dwells_s: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class ClipTruth:
    """A clip: `t_s` (n,) from the first frame at mid exposure; a duplicate shows the frame before again.

    `camera_px` (n, 2) is the shift of the whole scene in the picture.
    """

    file: str
    width: int
    height: int
    fps: float
    shutter_s: float
    px_per_mm: float
    t_s: Points
    duplicate: NDArray[np.bool_]
    dropped: int
    camera_px: Points
    tips: tuple[TipTruth, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON: arrays as lists, to a thousandth of a thousandth of a pixel."""
        return {
            "file": self.file,
            "width": self.width,
            "height": self.height,
            "fps": self.fps,
            "shutter_s": self.shutter_s,
            "px_per_mm": self.px_per_mm,
            "dropped": self.dropped,
            "t_s": _plain(self.t_s),
            "duplicate": np.flatnonzero(self.duplicate).tolist(),
            "camera_px": _plain(self.camera_px),
            "tips": [_tip(tip) for tip in self.tips],
        }


def _tip(tip: TipTruth) -> dict[str, Any]:
    tremor = tip.tremor
    return {
        "instrument": tip.kind,
        "hand": tip.hand,
        "task": tip.task,
        "tremor": None
        if tremor is None
        else {
            "peak_px": tremor.peak_px,
            "rms_px": tremor.rms_px,
            "hz": tremor.hz,
            "bandwidth_hz": tremor.bandwidth_hz,
        },
        "dwells_s": [[round(a, 4), round(b, 4)] for a, b in tip.dwells_s],
        "hidden": np.flatnonzero(~tip.visible).tolist(),
        "tip_px": _plain(tip.tip_px),
        "voluntary_px": _plain(tip.voluntary_px),
        "tremor_px": _plain(tip.tremor_px),
        "axis_rad": _plain(tip.axis_rad),
    }


def _plain(values: Points) -> Any:
    return np.round(values, 6).tolist()
