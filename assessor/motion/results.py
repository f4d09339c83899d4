"""What the assessor says about a clip or a live session, and its JSON form (schema version 1).

Lengths are micrometres (tremor) and millimetres (paths) with a scale, else pixels: `unit` says which. What
could not be measured is None with a `status` that says why; docs/motion.md explains each status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from assessor.results import Failure, Notice, Scale, Score, plain

SCHEMA_VERSION = "1"

Hand = Literal["left", "right", "unknown"]
Task = Literal["hold", "suture"]
TrackRow = tuple[float, float, float, float]
# measured: rms holds. below_floor: less than this camera can see. The others say what was missing.
TremorStatus = Literal[
    "measured",
    "below_floor",
    "frame_rate",
    "too_short",
    "no_slow_window",
    "gaps",
    "compressed",
    "no_reference",
    "not_tracked",
]
PeakStatus = Literal["distinct", "no_distinct_peak", "not_measured"]
MotionStatus = Literal["measured", "too_short", "not_tracked", "no_movement", "no_scale", "below_floor"]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A clip as it was read, or a live session as it arrived; `frames` without the `duplicates`.

    `real_fps` is new frames a second over the whole; None below two frames.
    """

    file: str
    width: int
    height: int
    frames: int
    duplicates: int
    duration_s: float
    real_fps: float | None
    median_fps: float | None
    largest_gap_ms: float | None
    codec: str = ""
    bit_rate: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class BandTremor:
    """Amplitude in one frequency band: square root of the power of x plus y, noise taken out in power.

    `noise_floor` is the rms that noise and what is left of the camera's shake make in this band.
    """

    band_hz: tuple[float, float]
    rms: float | None
    noise_floor: float | None
    status: TremorStatus


@dataclass(frozen=True, slots=True)
class Tremor:
    """Tremor of a tip over its slow windows (the median of them), or of one window.

    `rms`, `peak_to_peak` and `noise_floor` are in `unit`, of the band `band_hz`; `bands` holds the
    physiological 8-12 Hz and 4-8 Hz apart. `relative_sd` is the standard uncertainty of `rms` as a share of
    it, for noise and for what the recorder's compression took, without the scale's. `peak_to_peak` is that
    of a sine of the same power along the main direction `direction_deg` (0 = x axis, clockwise as seen).
    `peak_hz` is None unless `peak_status` is "distinct". `exposure_s` is None where the shutter is unknown:
    then nothing was corrected for it, and `shutter_loss` is the share of amplitude at the peak that a
    shutter open all the time would hide.
    """

    unit: Literal["um", "px"]
    band_hz: tuple[float, float]
    rms: float | None
    peak_to_peak: float | None
    direction_deg: float | None
    peak_hz: float | None
    peak_status: PeakStatus
    noise_floor: float | None
    status: TremorStatus
    hint: str
    windows: int = 0
    window_s: float = 0.0
    exposure_s: float | None = None
    shutter_loss: float | None = None
    relative_sd: float | None = None
    bands: tuple[BandTremor, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Contract's form: the amplitude's key says its unit (`rms_um` or `rms_px`)."""
        out: dict[str, Any] = {**plain(self), "rms_um" if self.unit == "um" else "rms_px": plain(self.rms)}
        del out["rms"]
        return out


@dataclass(frozen=True, slots=True)
class Window:
    """A slow stretch of one tip in which its tremor was looked for."""

    tip: int
    t0_s: float
    t1_s: float
    samples: int
    mean_speed: float
    tremor: Tremor


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Of one tip, mean over its windows: amplitude density (unit per square root of Hz) of x and y together.

    `floor` is what noise and the camera's remaining shake make of it.
    """

    freq_hz: tuple[float, ...]
    density: tuple[float, ...]
    floor: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Smoothness:
    """Median over discrete movements; `sparc` and `ldlj` as Balasubramanian et al. define them (unitless)."""

    sparc: float | None
    ldlj: float | None
    movements: int
    status: MotionStatus


@dataclass(frozen=True, slots=True)
class Economy:
    """Of one tip; lengths in mm with a scale, else px. Time and counts say nothing about quality.

    `movements` are counted as ICSAD does; `idle_share` is the share of tracked time in rests of at least
    1 s below 5 mm/s, `still_share` below 2 mm/s.
    """

    path_length: float | None
    speed: float | None
    idle_share: float | None
    still_share: float | None
    movements: int | None
    movements_per_min: float | None
    unit: Literal["mm", "px"]
    status: MotionStatus


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Task hold: how well the tip stayed over its dot, which is the middle of its own slow positions.

    `zone_share` is the share of the held time inside a square of `zone_um` side, `exits` how often it left,
    `spread_um` the rms distance from the dot. None without a scale.
    """

    zone_um: float
    zone_share: float | None
    exits: int | None
    spread_um: float | None
    held_s: float
    status: MotionStatus


@dataclass(frozen=True, slots=True)
class TipResult:
    """One tip. `track` rows are t_s, x, y (px of the whole picture), confidence: raw, gaps stay."""

    id: int
    hand: Hand
    dominant: bool | None
    tracked_share: float
    track: tuple[TrackRow, ...]
    tremor: Tremor
    economy: Economy
    smoothness: Smoothness
    steadiness: Steadiness | None = None
    spectrum: Spectrum | None = None

    def to_json(self) -> dict[str, Any]:
        """Contract's form: path length, speed and idle share of `economy` stand beside the tip's own."""
        economy = plain(self.economy)
        out = {**plain(self), **economy, "economy_status": economy["status"]}
        del out["economy"], out["status"]
        return {**out, "tremor": self.tremor.to_json()}


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """How the background moved, px: removed from the tips. `residual_px` is what that left (rms 4-12 Hz).

    None where no background was seen well enough.
    """

    shake_rms_px: float | None
    drift_px: float | None
    residual_px: float | None
    seen_share: float


@dataclass(frozen=True, slots=True)
class Bimanual:
    """Two hands over the time in which both were seen; ratios are the other tip's to the reference tip's.

    The reference is the dominant hand where it was declared, else the right one.
    """

    both_moving_share: float
    both_idle_share: float
    speed_correlation: float | None
    path_ratio: float | None
    tremor_ratio: float | None
    reference_tip: int
    seen_s: float


@dataclass(frozen=True, slots=True)
class MotionAssessment:
    software_version: str
    video: VideoInfo
    task: Task
    scale: Scale | None
    tips: tuple[TipResult, ...]
    camera_motion: CameraMotion | None
    windows: tuple[Window, ...]
    bimanual: Bimanual | None = None
    score: Score | None = None
    warnings: tuple[Notice, ...] = ()
    error: Failure | None = None
    schema_version: str = field(default=SCHEMA_VERSION)

    def to_json(self) -> dict[str, Any]:
        """The contract's JSON form: plain dicts, lists, numbers; `error` only where there is one."""
        out: dict[str, Any] = {"schema_version": self.schema_version, **plain(self)}
        out["tips"] = [tip.to_json() for tip in self.tips]
        out["windows"] = [{**plain(w), "tremor": w.tremor.to_json()} for w in self.windows]
        if self.error is None:
            del out["error"]
        return out


@dataclass(frozen=True, slots=True)
class LiveTip:
    """Where a tip is in the newest frame, px of the full picture."""

    id: int
    x_px: float
    y_px: float
    confidence: float

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "x": plain(self.x_px),
            "y": plain(self.y_px),
            "confidence": plain(self.confidence),
        }


@dataclass(frozen=True, slots=True)
class LiveScore:
    """What a live session says after each frame; the tremor is renewed a few times a second.

    `tremor` is of the tip with the larger one, None before the first estimate. `zone_share` (task hold)
    and `tremor` cover the last seconds only. `score` is 0 to 100 from quality alone, None where unknown.
    `estimated_s` is the time of the frame at which all that was renewed.
    """

    t_s: float
    tips: tuple[LiveTip, ...]
    tremor: Tremor | None
    tremors: tuple[tuple[int, Tremor], ...]
    spectrum: Spectrum | None
    zone_share: float | None
    score: float | None
    real_fps: float | None
    estimated_s: float | None
    hint: str

    def to_json(self) -> dict[str, Any]:
        """Fields of the contract's `score` message that come from here."""
        return {
            "tips": [tip.to_json() for tip in self.tips],
            "tremor": None if self.tremor is None else self.tremor.to_json(),
            "score": plain(self.score),
            "zone_share": plain(self.zone_share),
            "spectrum": plain(self.spectrum),
            "real_fps": plain(self.real_fps),
            "estimated_s": plain(self.estimated_s),
            "hint": self.hint,
        }
