"""Grading on the workers of a Dask cluster, through the same interface as the processes of this machine.

A worker grades in a killable child of its own, as `api.workers` does here: a photo that kills, hangs or
starves its process costs itself and not the worker; so does a clip. What dies is reported as
ExecutorAwayError and graded again, here or by whoever claims it next; the cluster keeps nothing that matters.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import random
import tempfile
import threading
import time
import uuid
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from api import job
from api.clip_job import MeasureRequest
from api.errors import ServiceError
from api.grading import ExecutorAwayError
from api.job import GradeReply
from api.workers import Job, WorkerPool
from assessor.errors import AssessorError

log = logging.getLogger("assessor.api")

CONNECT_TIMEOUT_S = 5.0
# How long one look at the workers holds; asking the scheduler for every photo would slow both.
LOOK_S = 1.0
# A clip travels in parts of this size: as one message it would stand three or four times in the memory of the
# service, of the scheduler and of the worker.
PART_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one photo may cost on a worker."""

    timeout_s: float
    memory_bytes: int


class Cluster:
    """The workers of one scheduler. Connects when it is first used, and anew when the connection is lost.

    Of their slots it takes `share`, at least one: clips, which take minutes, leave some to photos.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_s: float,
        memory_bytes: int,
        grade: Job = job.grade,
        share: float = 1.0,
    ) -> None:
        self._address = address
        self._limits = Limits(timeout_s, memory_bytes)
        self._grade, self._share = grade, share
        self._client: Any = None
        self._under_way: set[Future[GradeReply]] = set()
        self._slots, self._looked_s = 0, -LOOK_S
        self._sender = ThreadPoolExecutor(1, "clips-to-cluster")

    @property
    def slots(self) -> int:
        """Threads of all workers; ExecutorAwayError where the scheduler does not answer."""
        if time.monotonic() - self._looked_s >= LOOK_S:
            client = self._connected()
            try:
                workers = client.sync(client.scheduler.identity, n_workers=-1)["workers"]
            except Exception as exc:
                self._drop()
                raise ExecutorAwayError from exc
            threads = sum(worker["nthreads"] for worker in workers.values())
            self._slots = min(threads, max(1, int(self._share * threads)))
            self._looked_s = time.monotonic()
        return self._slots

    def submit(self, request: Any) -> Future[GradeReply]:
        client = self._connected()
        future: Future[GradeReply] = Future()
        future.set_running_or_notify_cancel()
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        if isinstance(request, MeasureRequest):  # on its way for a while: leases are renewed meanwhile
            self._sender.submit(self._send_clip, client, request, future)
            return future
        try:
            self._start(client, future, grade_here, request)
        except Exception as exc:
            self._under_way.discard(future)
            self._drop()
            raise ExecutorAwayError from exc
        return future

    def _send_clip(self, client: Any, request: MeasureRequest, future: Future[GradeReply]) -> None:
        """All parts to one worker, which then has them all."""
        try:
            worker = random.choice(list(client.scheduler_info(n_workers=-1)["workers"]))
            with open(request.clip, "rb") as file:
                parts = [
                    client.scatter(part, workers=[worker], hash=False)
                    for part in iter(lambda: file.read(PART_BYTES), b"")
                ]
            self._start(client, future, measure_here, replace(request, clip=""), parts)
        except Exception as exc:
            log.warning("a clip did not reach the cluster: %s", type(exc).__name__)
            with contextlib.suppress(InvalidStateError):
                future.set_exception(ExecutorAwayError())

    def _start(self, client: Any, future: Future[GradeReply], run: Any, request: Any, *more: Any) -> None:
        key = f"grade-{uuid.uuid4().hex}"
        task = client.submit(run, self._grade, request, self._limits, *more, key=key, pure=False)
        task.add_done_callback(lambda done: _settle(done, future))

    def close(self) -> None:
        self._drop()
        self._sender.shutdown(wait=True, cancel_futures=True)

    def _connected(self) -> Any:
        from distributed import Client

        if self._client is not None and self._client.status != "running":
            self._drop()
        if self._client is None:
            try:
                self._client = Client(self._address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
            except Exception as exc:
                raise ExecutorAwayError from exc
        return self._client

    def _drop(self) -> None:
        """Let go of the connection; what it had under way ends as lost."""
        client, self._client = self._client, None
        self._slots, self._looked_s = 0, -LOOK_S
        for future in list(self._under_way):  # Dask does not always say so
            with contextlib.suppress(InvalidStateError):
                future.set_exception(ExecutorAwayError())
        if client is not None:
            try:
                client.close(timeout=1)
            except Exception as exc:
                log.warning("a lost cluster did not close: %s", type(exc).__name__)


def _settle(task: Any, future: Future[GradeReply]) -> None:
    """A Dask future's outcome into ours."""
    from distributed.scheduler import KilledWorker

    with contextlib.suppress(InvalidStateError):  # given up meanwhile
        try:
            outcome = task.result()
        except KilledWorker:  # one worker after the other died of this photo
            future.set_exception(ServiceError("grading_died", "Grading broke down on this photo", ""))
        except BaseException as exc:
            log.warning("the cluster lost a photo: %s", type(exc).__name__)
            future.set_exception(ExecutorAwayError())
        else:
            if isinstance(outcome, GradeReply):
                future.set_result(outcome)
            else:
                kind, code, text, hint = outcome
                made = AssessorError if kind == "refused" else ServiceError
                future.set_exception(made(code, text, hint))


Outcome = GradeReply | tuple[str, str, str, str]


def grade_here(grade: Job, request: Any, limits: Limits) -> Outcome:
    """On a worker: grade in its child. Errors come back as values: not every exception survives a pickle."""
    try:
        return _pool(grade, limits).submit(request).result()
    except AssessorError as exc:
        return "refused", exc.code, exc.text, exc.hint
    except ServiceError as exc:
        return "broke", exc.code, exc.title, exc.hint


def measure_here(measure: Job, request: MeasureRequest, limits: Limits, parts: list[bytes]) -> Outcome:
    """On a worker: a clip that came in parts, measured from its disk."""
    with tempfile.NamedTemporaryFile(prefix="assessor-") as file:
        file.writelines(parts)
        file.flush()
        return grade_here(measure, replace(request, clip=file.name), limits)


_pools: dict[tuple[Job, Limits], WorkerPool] = {}
_lock = threading.Lock()


def _pool(grade: Job, limits: Limits) -> WorkerPool:
    """This worker's children, as many as it has threads."""
    from distributed import get_worker

    with _lock:
        if (grade, limits) not in _pools:
            # Dask's: it makes malloc give every large array back to the system at once, 50,000 page faults a
            # photo and a quarter of its time. The children end with their photo's memory anyway.
            os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)
            pool = WorkerPool(
                grade,
                size=get_worker().state.nthreads,
                timeout_s=limits.timeout_s,
                memory_bytes=limits.memory_bytes,
                warm=warm_one_core if grade is job.grade else None,
            )
            atexit.register(pool.close)
            _pools[grade, limits] = pool
        return _pools[grade, limits]


def warm_one_core(_: int) -> None:
    """A worker's thread stands for one core, however many the machine has."""
    job.warm(os.cpu_count() or 1)
