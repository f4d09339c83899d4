"""Recorded clips as jobs: accepted at once, assessed in a child process one after the other, fetched later.

Jobs live in memory and their clips in a temporary folder, which goes with the service; a clip's file is
deleted as soon as it is assessed, its result when newer ones need the place.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from api.errors import ServiceError
from api.job import GradeReply
from api.settings import Settings
from api.workers import Job, WorkerPool
from assessor.errors import AssessorError
from assessor.motion.options import MotionOptions

# Results kept for their senders: ten minutes of two tips are a few MB of JSON.
KEPT = 50
RETRY_AFTER_S = 60


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """A clip's file, the name to report, and what was declared."""

    path: str
    name: str
    options: MotionOptions


@dataclass(slots=True)
class ClipJob:
    """`reply` once it is done, `problem` once it has failed."""

    id: str
    state: Literal["queued", "running", "done", "failed"] = "queued"
    reply: GradeReply | None = None
    problem: ServiceError | None = None


def assess(request: ClipRequest) -> GradeReply:
    """What the child does: the MotionAssessment as JSON, and its plot as PNG; AssessorError."""
    import cv2

    from assessor.motion.assess import assess_clip
    from assessor.report.motion_plot import motion_plot_png

    cv2.setNumThreads(1)
    assessment = assess_clip(Path(request.path), request.options, name=request.name)
    document = json.dumps(assessment.to_json(), allow_nan=False, ensure_ascii=False).encode()
    return GradeReply(document, motion_plot_png(assessment))


class ClipJobs:
    """`add` a clip, `get` its job; at most `most_clips` wait or run."""

    def __init__(self, settings: Settings, job: Job = assess) -> None:
        self._settings = settings
        self._job = job
        self._jobs: dict[str, ClipJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._folder: Path | None = None
        self._pool: WorkerPool | None = None

    @property
    def pending(self) -> int:
        return len(self._tasks)

    def check_room(self) -> None:
        """ServiceError clips_full where as many clips wait as may."""
        if self.pending >= self._settings.max_clips:
            raise ServiceError(
                "clips_full",
                f"{self.pending} clips are waiting already",
                f"Try again in {RETRY_AFTER_S} seconds.",
                headers={"retry-after": str(RETRY_AFTER_S)},
            )

    async def add(self, file: BinaryIO, name: str, options: MotionOptions) -> ClipJob:
        """Copy the clip and queue it. ServiceError clips_full."""
        self.check_room()
        job = ClipJob(secrets.token_urlsafe(16))
        # The place is taken from here on: the copy may take seconds.
        task = asyncio.create_task(self._run(job, name, options, copied := asyncio.Event()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.to_thread(self._copy, file, job)
        except BaseException:
            task.cancel()
            raise
        self._jobs[job.id] = job
        copied.set()
        return job

    def get(self, job_id: str) -> ClipJob:
        """ServiceError not_found."""
        if job_id not in self._jobs:
            raise ServiceError(
                "not_found",
                "There is no such clip",
                f"Results are kept until {KEPT} newer ones are there, or the service is started anew.",
            )
        return self._jobs[job_id]

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if self._pool is not None:
            await asyncio.to_thread(self._pool.close)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _run(self, job: ClipJob, name: str, options: MotionOptions, copied: asyncio.Event) -> None:
        await copied.wait()
        path = self._path(job)
        try:
            async with self._turn:
                job.state = "running"
                # Started with the first clip: most services see none.
                self._pool = self._pool or WorkerPool(
                    self._job,
                    size=1,
                    timeout_s=self._settings.clip_timeout_s,
                    memory_bytes=self._settings.worker_memory_bytes,
                )
                job.reply = await self._pool.run(ClipRequest(str(path), name, options))
            job.state = "done"
        except AssessorError as error:
            job.problem = ServiceError.from_assessor(error.code, error.text, error.hint)
        except ServiceError as error:
            job.problem = error
        finally:
            if job.state != "done":
                job.state = "failed"
            path.unlink(missing_ok=True)
            self._forget()

    def _copy(self, file: BinaryIO, job: ClipJob) -> None:
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="assessor-clips-"))
        with self._path(job).open("wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)

    def _path(self, job: ClipJob) -> Path:
        assert self._folder is not None
        return self._folder / job.id

    def _forget(self) -> None:
        over = [job for job in self._jobs.values() if job.state in ("done", "failed")]
        for job in over[:-KEPT]:
            del self._jobs[job.id]
