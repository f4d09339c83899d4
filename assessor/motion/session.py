"""A session: push frames, hear rolling scores, get a summary. Files, cameras and sockets all go through it.

Memory is bounded: no picture is kept but the tracker's last, samples are compact and capped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from assessor.motion.frames import Frame
from assessor.motion.judge import conditions, hold, judge, signal_of
from assessor.motion.options import MotionOptions
from assessor.motion.recording import Recorded, Recording
from assessor.motion.results import LiveScore, LiveTip, MotionAssessment, Tremor, TremorStatus, VideoInfo
from assessor.motion.score import score
from assessor.motion.timing import timing_of
from assessor.motion.tracking import FrameMotion, Tracker
from assessor.motion.tremor import HINTS, TipTremor, measure_tremor
from assessor.results import Notice

__all__ = ["MotionOptions", "Session"]

ROLLING_S = 4.0
RENEW_S = 0.5
SESSION_CUT = Notice("session_cut", "The session was too long to keep: the summary covers its last part.")


class Steps(Protocol):
    """What follows the tips: a `tracking.Tracker`, or in tests anything that says where they are."""

    def step(
        self, frame: Frame, roi: tuple[int, int] = (0, 0), full_size: tuple[int, int] | None = None
    ) -> FrameMotion: ...

    def add_tip(self, x_px: float, y_px: float) -> None: ...


@dataclass(frozen=True, slots=True)
class _Rolling:
    """The newest estimate over the last seconds."""

    estimated_s: float | None = None
    tremors: tuple[tuple[int, Tremor], ...] = ()
    worst: TipTremor | None = None
    zone_share: float | None = None
    score: float | None = None
    real_fps: float | None = None
    hint: str = ""


class Session:
    """`live=False` leaves the rolling estimates out: a clip needs only its summary."""

    def __init__(
        self, options: MotionOptions | None = None, *, live: bool = True, tracker: Steps | None = None
    ) -> None:
        self.options = options or MotionOptions()
        self._tracker: Steps = tracker or Tracker(self.options.tips)
        self._live = live
        self._recording = Recording()
        self._size = (0, 0)
        self._pushed = 0
        self._last_index = -1
        self._rolling = _Rolling()
        self._next_s = RENEW_S

    def push(
        self, frame: Frame, roi: tuple[int, int] = (0, 0), full_size: tuple[int, int] | None = None
    ) -> LiveScore:
        """One frame, in order of time; `roi` is its top left in a picture of `full_size` (width, height)."""
        motion = self._tracker.step(frame, roi, full_size)
        height, width = frame.bgr.shape[:2]
        self._size = full_size or (width, height)
        self._pushed += 1
        self._last_index = frame.index
        self._recording.append(motion)
        if self._live and motion.t_s >= self._next_s:
            self._next_s = motion.t_s + RENEW_S
            self._rolling = self._renewed(motion.t_s)
        rolling, worst = self._rolling, self._rolling.worst
        return LiveScore(
            t_s=motion.t_s,
            tips=tuple(LiveTip(tip.tip, tip.x_px, tip.y_px, tip.confidence) for tip in motion.tips),
            tremor=None if worst is None else worst.tremor,
            tremors=rolling.tremors,
            spectrum=None if worst is None else worst.spectrum,
            zone_share=rolling.zone_share,
            score=rolling.score,
            real_fps=rolling.real_fps,
            estimated_s=rolling.estimated_s,
            hint=rolling.hint if motion.tips else HINTS["not_tracked"],
        )

    def add_tip(self, x_px: float, y_px: float) -> None:
        """Follow what the user points at, px of the full picture."""
        self._tracker.add_tip(x_px, y_px)

    def summary(
        self, info: VideoInfo | None = None, *, blocked: TremorStatus | None = None
    ) -> MotionAssessment:
        """Of all that was pushed; `info` where a file was read, else what arrived is described."""
        recorded = self._recording.read()
        said = judge(recorded, info or self._arrived(recorded), self.options, blocked)
        if self._recording.dropped:
            said = replace(said, warnings=(*said.warnings, SESSION_CUT))
        return said

    def _arrived(self, recorded: Recorded) -> VideoInfo:
        timing = timing_of(recorded.t_s)
        return VideoInfo(
            file="live",
            width=self._size[0],
            height=self._size[1],
            frames=self._pushed,
            duplicates=max(0, self._last_index + 1 - self._pushed),
            duration_s=0.0 if timing is None else timing.duration_s,
            real_fps=None if timing is None else timing.real_fps,
            median_fps=None if timing is None else timing.nominal_fps,
            largest_gap_ms=None if timing is None else 1000 * timing.largest_gap_s,
        )

    def _renewed(self, now_s: float) -> _Rolling:
        recent = self._recording.read(now_s - ROLLING_S)
        given = conditions(recent, self._size, self.options)
        found = [(t, measure_tremor(t.tip, signal_of(t, recent), given)) for t in recent.tips]
        held = [hold(t, given, tremor.tremor) for t, tremor in found] if self.options.task == "hold" else []
        shares = [one.zone_share for one in held if one.zone_share is not None]
        points = score([tremor.tremor for _, tremor in found], held)
        worst = max((tremor for _, tremor in found), key=_seriousness, default=None)
        return _Rolling(
            estimated_s=now_s,
            tremors=tuple((t.tip, tremor.tremor) for t, tremor in found),
            worst=worst,
            zone_share=min(shares, default=None),
            score=None if points is None else points.points,
            real_fps=None if given.timing is None else given.timing.real_fps,
            hint=HINTS["not_tracked"] if worst is None else worst.tremor.hint,
        )


def _seriousness(found: TipTremor) -> tuple[int, float]:
    """The larger tremor first, then one below the floor, then whatever gave no number."""
    tremor = found.tremor
    return ({"measured": 2, "below_floor": 1}.get(tremor.status, 0), tremor.rms or 0.0)
