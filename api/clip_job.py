"""What a grading process does with one kept clip, and where that runs."""

from __future__ import annotations

import json
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.job import GradeReply, screen_jpeg
from api.settings import Settings
from api.workers import Job, WorkerPool
from assessor.motion.options import MotionOptions


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """A clip by its path, and the name to report."""

    clip: str
    name: str
    options: MotionOptions


def options_of(motion: dict[str, Any] | None) -> MotionOptions:
    """What a submission declares of its clip; OptionError where it makes no sense any more."""
    said = dict(motion or {})
    said["tips"] = tuple((x, y) for x, y in said.get("tips", ()))
    return MotionOptions(**said)


def declared(options: MotionOptions) -> dict[str, Any]:
    """As it is kept with the submission: the task, and what else was said."""
    said: dict[str, Any] = {"task": options.task}
    if options.hand != "unknown":
        said["hand"] = options.hand
    for name in ("mm_per_px", "exposure_s"):
        if (value := getattr(options, name)) is not None:
            said[name] = value
    if options.tips:
        said["tips"] = [list(tip) for tip in options.tips]
    return said


def measure(request: MeasureRequest) -> GradeReply:
    """The MotionAssessment as JSON with the repeatability of its measures, and the tracks over the clip's
    first picture as JPEG; AssessorError where it cannot be read."""
    import cv2

    from api.repeatability import repeatability
    from assessor.motion.assess import assess_clip
    from assessor.motion.folder import first_picture
    from assessor.report.motion_plot import draw_tracks

    cv2.setNumThreads(1)
    source = Path(request.clip)
    assessment = assess_clip(source, request.options, name=request.name)
    document = {**assessment.to_json(), "repeatability": repeatability(assessment)}
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    return GradeReply(text.encode(), screen_jpeg(draw_tracks(assessment, first_picture(source))))


class ClipDesk:
    """One process for kept clips, apart from those for photos: a clip takes minutes, a photo must not wait
    for it. Started with the first clip."""

    slots = 1

    def __init__(self, settings: Settings, job: Job = measure) -> None:
        self._settings, self.job = settings, job
        self._pool: WorkerPool | None = None

    def submit(self, request: Any) -> Future[GradeReply]:
        self._pool = self._pool or WorkerPool(
            self.job,
            size=self.slots,
            timeout_s=self._settings.clip_timeout_s,
            memory_bytes=self._settings.worker_memory_bytes,
        )
        return self._pool.submit(request)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
