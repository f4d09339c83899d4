"""A live session that stands in for the assessor's where a test is about the service around it.

Its `mm_per_px` says what it does: HANG, DIE, BREAK or REFUSE at the first frame, else it follows the
brightest pixel.
"""

from __future__ import annotations

import os
import signal
import time

import cv2

from api.live.wire import Start
from assessor.errors import OptionError
from assessor.motion.frames import Frame
from assessor.motion.results import (
    LiveScore,
    LiveTip,
    MotionAssessment,
    Spectrum,
    Tremor,
    VideoInfo,
)

HANG, DIE, BREAK, REFUSE = 1.0, 2.0, 3.0, 4.0


def open_session(start: Start) -> Double:
    return Double(start)


class Double:
    def __init__(self, start: Start) -> None:
        self._start = start
        self._frames: list[Frame] = []
        self._tips: list[tuple[float, float]] = []
        self._size = (0, 0)

    def add_tip(self, x_px: float, y_px: float) -> None:
        self._tips.append((x_px, y_px))

    def push(
        self, frame: Frame, roi: tuple[int, int] = (0, 0), full_size: tuple[int, int] | None = None
    ) -> LiveScore:
        match self._start.mm_per_px:
            case 1.0:
                time.sleep(3600)
            case 2.0:
                os.kill(os.getpid(), signal.SIGKILL)
            case 3.0:
                raise RuntimeError("secret")
            case 4.0:
                raise OptionError("bad_mm_per_px", "That is no scale.", "Measure it.")
        assert full_size is not None
        self._size = full_size
        self._frames.append(frame)
        _, _, _, (x, y) = cv2.minMaxLoc(frame.bgr)
        return LiveScore(
            t_s=frame.t_s,
            tips=(LiveTip(1, float(x + roi[0]), float(y + roi[1]), 0.9),),
            tremor=self._tremor(),
            tremors=(),
            spectrum=Spectrum((4.0, 8.0, 12.0), (0.1, 0.5, 0.1), (0.05, 0.05, 0.05)),
            zone_share=0.75,
            score=80.0,
            real_fps=30.0,
            estimated_s=frame.t_s // 1,
            hint="",
        )

    def summary(self) -> MotionAssessment:
        video = VideoInfo(
            file="live",
            width=self._size[0],
            height=self._size[1],
            frames=len(self._frames),
            duplicates=0,
            duration_s=self._frames[-1].t_s if self._frames else 0.0,
            real_fps=None,
            median_fps=None,
            largest_gap_ms=None,
        )
        return MotionAssessment("0", video, "hold", None, (), None, ())

    def _tremor(self) -> Tremor:
        return Tremor(
            unit="um" if self._start.mm_per_px else "px",
            band_hz=(4.0, 12.0),
            rms=38.0 if self._start.mm_per_px else 0.4,
            peak_to_peak=120.0,
            direction_deg=0.0,
            peak_hz=8.1,
            peak_status="distinct",
            noise_floor=0.05,
            status="measured",
            hint="",
            windows=2,
            window_s=2.0,
        )
