"""What a rendered clip shall show: instruments, motion, camera, file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["needle_holder", "forceps", "tweezers", "scissors"]
Task = Literal["still", "hold", "drift", "suture"]

KINDS: tuple[Kind, ...] = ("needle_holder", "forceps", "tweezers", "scissors")


@dataclass(frozen=True, slots=True)
class Tremor:
    """A tremor of the tip: a sinusoid, or narrow-band noise of the same rms where `bandwidth_hz` > 0.

    `peak_px` is the half axis along `direction_rad` (None: random), `round` the other half axis over it.
    """

    peak_px: float
    hz: float
    round: float = 0.0
    direction_rad: float | None = None
    bandwidth_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class InstrumentOrder:
    """One instrument and how it is led.

    `task`: `still` does not move, `hold` drifts a pixel about a dot, `drift` moves by `drift_rms_px` below
    1.5 Hz, `suture` reaches from bite to bite and dwells. `tape` is a BGR colour or None for bare metal;
    `gloved` None leaves the hand to chance.
    """

    kind: Kind = "needle_holder"
    hand: Literal["left", "right"] = "right"
    task: Task = "drift"
    tremor: Tremor | None = None
    drift_rms_px: float = 6.0
    tape: tuple[float, float, float] | None = None
    gloved: bool | None = None


@dataclass(frozen=True, slots=True)
class CameraOrder:
    """How the clip is taken. Lengths in pixels of the clip, grey levels of 255."""

    width: int = 640
    height: int = 480
    fps: float = 30.0
    shutter_s: float = 0.010
    px_per_mm: float = 5.0
    noise: float = 2.0  # rms at mid grey
    light: float = 1.0  # below 1 a dim room: darker, and noisier in proportion
    blur_px: float = 0.5
    shake_rms_px: float = 0.0  # 3 to 10 Hz, x and y together
    jitter_s: float = 0.0
    dropped_share: float = 0.0
    duplicate_share: float = 0.0


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """A clip: the same order renders the same frames."""

    seconds: float = 6.0
    instruments: tuple[InstrumentOrder, ...] = (InstrumentOrder(),)
    camera: CameraOrder = CameraOrder()
    kit: str = "silicone"
    crossed_by_hand: bool = False  # the other hand covers the first tip for a while
    quality: int = 90  # JPEG of .mjpeg and .mkv
    crf: int = 17  # H.264 of .mp4
    seed: int = 0
