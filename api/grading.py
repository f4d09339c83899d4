"""What is ungraded gets graded: jobs are claimed from the database, graded by an executor, and brought home.

The database row says what is graded and what is not. This loop owns nothing that it could lose: killed at
any moment, its leases lapse and the jobs are claimed again, by the next process or by another machine's.
While the database or the store is away, what was graded meanwhile waits here and is brought home later.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import socket
import threading
import time
import uuid
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.clip_job import MeasureRequest, options_of
from api.errors import ServiceError
from api.job import GradeReply, GradeRequest, document_name
from api.store import jobs, submissions
from api.store.blobs import Blobs
from api.store.engine import Database
from api.store.jobs import Work
from api.store.models import Kind, Submission
from assessor import __version__
from assessor.errors import AssessorError
from assessor.motion.options import MotionOptions
from assessor.options import GradeOptions
from assessor.results import ImageInfo

if TYPE_CHECKING:
    from assessor.motion.results import MotionAssessment
    from assessor.results import PhotoAssessment

log = logging.getLogger("assessor.api")

# A killed process's jobs are claimed again after this; renewed at a third of it.
LEASE = timedelta(seconds=60)
# How often an idle loop looks for what others left behind; what comes in here wakes it at once.
IDLE_S = 5.0
# First and longest pause while the database, the store or the executor is away.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
# This photo's own doing, as far as one can tell: it counts towards its bound of faults.
PHOTO_FAULTS = frozenset(
    {
        "grading_died",
        "grading_timeout",
        "grading_out_of_memory",
        "internal_error",
        "blob_missing",
        "blob_damaged",
    }
)
AWAY_CODES = frozenset({"storage_away", "disk_full"})
JPEG = "image/jpeg"


class ExecutorAwayError(Exception):
    """The executor cannot take or has lost a photo, through no fault of the photo."""


class Executor(Protocol):
    """Where photos or clips are graded: processes of this machine (`api.workers`) or a cluster
    (`api.cluster`)."""

    @property
    def slots(self) -> int:
        """How many are graded at once; 0 while there is nobody."""

    def submit(self, request: Any) -> Future[GradeReply]:
        """It raises AssessorError (refused), ServiceError (this photo broke it) or ExecutorAwayError."""


@dataclass(frozen=True, slots=True)
class _Begun:
    work: Work
    future: Future[GradeReply]


class Grader:
    """A thread that keeps an executor busy with the jobs of running batches: those of photos, or of clips."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        executor: Executor,
        *,
        kind: Kind = "photo",
        software: str = __version__,
        lease: timedelta = LEASE,
        idle_s: float = IDLE_S,
    ) -> None:
        self.owner = f"{socket.gethostname()[:50]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        self._database, self._blobs, self._executor = database, blobs, executor
        self._kind: Kind = kind
        self._software, self._lease, self._idle_s = software, lease, idle_s
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._begun: list[_Begun] = []
        self._stopping = False
        self._pause_s = 0.0
        self._renewed_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"grader-{kind}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and give back what is not graded yet."""
        self._stopping = True
        self.wake()
        self._thread.join()

    def wake(self) -> None:
        """There may be something new to grade; after the commit that says so."""
        self._bell.put(None)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._bring_home()
                self._renew()
                self._begin()
                self._pause_s = 0.0
            except Exception as exc:
                self._away(exc)
            self._wait()
        try:
            with self._database.writing() as session:
                jobs.release(session, [begun.work.claim for begun in self._begun])
        except Exception as exc:  # then their leases lapse
            log.warning("batches: leases could not be given back: %s", type(exc).__name__)

    def _wait(self) -> None:
        """Until something is graded or new, or until it is time to look or to renew."""
        renew_in_s = self._renewed_s + self._lease.total_seconds() / 3 - time.monotonic()
        longest_s = self._pause_s or min(self._idle_s, max(0.0, renew_in_s) if self._begun else self._idle_s)
        if self._pause_s:  # a bell that rings meanwhile must not make a busy loop of it
            deadline_s = time.monotonic() + longest_s
            while not self._stopping and (left_s := deadline_s - time.monotonic()) > 0:
                self._listen(left_s)
        else:
            self._listen(longest_s)

    def _listen(self, seconds: float) -> None:
        try:
            self._bell.get(timeout=seconds)
            while True:
                self._bell.get_nowait()
        except queue.Empty:
            pass

    def _away(self, exc: Exception) -> None:
        self._pause_s = min(max(FIRST_PAUSE_S, self._pause_s * 2), LONGEST_PAUSE_S)
        if is_away(exc):
            log.warning("batches wait %.1f s: %s", self._pause_s, _name(exc))
        else:  # a mistake of ours must not end the grading of everything else
            log.error("batches stumbled, on in %.1f s", self._pause_s, exc_info=exc)

    # --- graded ones

    def _bring_home(self) -> None:
        lost = False
        for begun in [b for b in self._begun if b.future.done()]:
            lost |= self._settle(begun)
            self._begun.remove(begun)
        if lost:
            raise ExecutorAwayError

    def _settle(self, begun: _Begun) -> bool:
        """One transaction for one photo: its result and that its job is done, or neither; whether the
        executor lost it and it is given back."""
        work, claim = begun.work, begun.work.claim
        try:
            document, picture = _outcome(begun)
        except (ExecutorAwayError, CancelledError):
            with self._database.writing() as session:
                jobs.release(session, [claim])
            return True
        except ServiceError as exc:
            self._fault(work, exc.code)
            return False
        try:
            with self._database.writing() as session:
                overlay = self._blobs.add(session, picture, JPEG) if picture else None
                result = submissions.record_result(
                    session,
                    work.submission.id,
                    document,
                    rubric_key=work.rubric_key,
                    declared=work.submission.declared,
                    correction_key=work.correction_key,
                    overlay_sha256=overlay,
                )
                if not jobs.finish(session, claim, result):
                    raise _LeaseLostError
                if not any(b.work.claim.batch_id == claim.batch_id for b in self._begun if b is not begun):
                    jobs.close_finished(session)  # else it cannot be the batch's last
        except _LeaseLostError:
            log.warning("a job was graded after its lease had lapsed; it is another's now")
        except ServiceError as exc:
            if exc.code in AWAY_CODES:
                raise
            if exc.code != "not_found":  # deleted meanwhile: its job went along
                self._fault(work, exc.code)
        except Exception as exc:
            if is_away(exc):
                raise
            log.error("a result could not be kept", exc_info=exc)
            self._fault(work, "internal_error")
        return False

    def _fault(self, work: Work, code: str) -> None:
        with self._database.writing() as session:
            jobs.fault(session, work.claim, code)
            jobs.close_finished(session)

    # --- ungraded ones

    def _begin(self) -> None:
        """Claim as many as the executor can take and one more photo for each slot: while a result travels, is
        kept and the next is claimed, a cluster's worker has that to go on with. A clip would be too large."""
        ahead = 2 if self._kind == "photo" else 1
        free = ahead * self._executor.slots - len(self._begun)
        if free <= 0:
            return
        with self._database.reading() as session:
            if not jobs.anything_open(session):
                return
        with self._database.writing() as session:
            claims = jobs.claim(session, self.owner, free, self._lease, kind=self._kind)
            works = jobs.work(session, claims, self._software)
            ungraded = []
            for work in works:
                earlier = submissions.earlier_result(
                    session, work.submission, self._software, work.rubric_key, work.correction_key
                )
                if earlier is None:
                    ungraded.append(work)
                else:
                    jobs.finish(session, work.claim, earlier)
            jobs.close_finished(session)
        self._submit(ungraded)
        if len(ungraded) < len(works):  # there may be more, and nobody rings the bell for them
            self.wake()

    def _submit(self, works: list[Work]) -> None:
        for at, work in enumerate(works):
            held = ExitStack()  # a clip's file, for as long as it is needed
            try:
                with held:
                    future = self._executor.submit(self._request(work, held))
                    held = held.pop_all()
            except Exception as exc:
                if isinstance(exc, ServiceError) and exc.code in PHOTO_FAULTS:
                    self._fault(work, exc.code)
                    continue
                if isinstance(exc, AssessorError):  # its declared options are no longer good for anything
                    future = Future()
                    future.set_exception(exc)
                else:
                    with self._database.writing() as session:
                        jobs.release(session, [w.claim for w in works[at:]])
                    raise
            future.add_done_callback(lambda _, held=held: held.close())  # type: ignore[misc]
            self._begun.append(_Begun(work, future))
            future.add_done_callback(lambda _: self.wake())

    def _request(self, work: Work, held: ExitStack) -> GradeRequest | MeasureRequest:
        subject = work.submission
        if subject.kind == "photo":
            return request(work, self._blobs.get(subject.blob_sha256))
        options = options_of(subject.motion)
        path = held.enter_context(self._blobs.file(subject.blob_sha256))
        return MeasureRequest(str(path), document_name(subject.id), options)

    def _renew(self) -> None:
        now_s = time.monotonic()
        if not self._begun or now_s - self._renewed_s < self._lease.total_seconds() / 3:
            return
        with self._database.writing() as session:
            jobs.renew(session, [begun.work.claim for begun in self._begun], self._lease)
        self._renewed_s = now_s


class Graders:
    """Several that start, stop and are woken together."""

    def __init__(self, *graders: Grader) -> None:
        self._graders = graders

    def start(self) -> None:
        for grader in self._graders:
            grader.start()

    def stop(self) -> None:
        for grader in self._graders:
            grader.stop()

    def wake(self) -> None:
        for grader in self._graders:
            grader.wake()


class _LeaseLostError(Exception):
    pass


def is_away(exc: BaseException) -> bool:
    """Whether a database, a store or an executor is only away or full, and comes back."""
    if isinstance(exc, ServiceError):
        return exc.code in AWAY_CODES
    return isinstance(exc, (OperationalError, InterfaceError, PoolTimeout, ExecutorAwayError, OSError))


def request(work: Work, photo: bytes) -> GradeRequest:
    """What an executor is asked; OptionError or RubricError where the declared options make no sense."""
    subject = work.submission
    rubric = work.rubric_key.removeprefix("builtin:") if work.rubric_key.startswith("builtin:") else None
    scale = dict(subject.scale or {})
    if "points" in scale:
        scale["points"] = tuple(scale["points"])
    options = GradeOptions(
        technique=subject.technique,
        rubric=rubric,
        suture_size=subject.suture_size,
        kit=subject.kit,
        **scale,
    )
    seen = work.correction.seen if work.correction else None
    return GradeRequest(photo, document_name(subject.id), options, "screen", work.rubric_toml, seen)


def _outcome(begun: _Begun) -> tuple[str, bytes]:
    """The document and picture to keep, a refusal's document included; else the executor's exceptions."""
    try:
        reply = begun.future.result()
    except AssessorError as exc:
        refused = _refused(exc, begun.work.submission)
        return json.dumps(refused.to_json(), ensure_ascii=False), b""
    return reply.document.decode(), reply.picture


def _refused(exc: AssessorError, subject: Submission) -> PhotoAssessment | MotionAssessment:
    """What is kept of a refused photo or clip; the imports load what grading needs."""
    name, sha256 = document_name(subject.id), subject.blob_sha256
    if subject.kind == "clip":
        from assessor.motion import assess
        from assessor.motion.results import VideoInfo

        video = VideoInfo(name, 0, 0, 0, 0, 0.0, None, None, None, sha256=sha256)
        return assess.refusal(exc, video, MotionOptions(task=subject.task))
    from assessor.photo import grade

    return grade.refusal(exc, ImageInfo(name, 0, 0, sha256))


def _name(exc: BaseException) -> str:
    return exc.code if isinstance(exc, ServiceError) else type(exc).__name__
