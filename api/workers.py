"""Warm child processes that grade photos, one at a time each.

A photo is hostile input: the child has an address-space limit and a wall limit, and whatever becomes
of it (hung, killed, out of memory) costs the one request that it worked on. An executor of the
standard library gives up all of its work when one of its processes dies, hence this pool.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import queue
import signal
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, Literal

from api.children import START_TIMEOUT_S, killing_after, limit_memory, spawn
from api.errors import ServiceError, internal_error
from api.job import GradeReply
from assessor.errors import AssessorError

log = logging.getLogger("assessor.api")

# A GradeRequest, or whatever else the job takes: it is pickled.
Job = Callable[[Any], GradeReply]
Outcome = Literal["done", "refused", "out_of_memory", "failed"]

# Grading yields to the process that answers requests.
NICENESS = 5


class WorkerPool:
    """`size` processes that run `job`: `await run(request)` from any task of one event loop, or `submit`."""

    def __init__(
        self,
        job: Job,
        *,
        size: int,
        timeout_s: float,
        memory_bytes: int,
        warm: Callable[[int], None] | None = None,
    ) -> None:
        self.job, self.slots = job, size
        self._timeout_s = timeout_s
        self._workers = [_Worker(job, warm, size, memory_bytes) for _ in range(size)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(max_workers=size, thread_name_prefix="grading")
        self._pending = 0
        for worker in self._workers:
            worker.start()
            self._idle.put(worker)

    @property
    def pending(self) -> int:
        """Photos waiting or being graded."""
        return self._pending

    async def run(self, request: Any) -> GradeReply:
        """Grade in a child; what `submit` raises."""
        self._pending += 1
        try:
            return await asyncio.wrap_future(self.submit(request))
        finally:
            self._pending -= 1

    def submit(self, request: Any) -> Future[GradeReply]:
        """Grade in a child, from any thread.

        The future has an AssessorError where the photo cannot be graded; ServiceError grading_timeout,
        grading_died, grading_out_of_memory, internal_error.
        """
        return self._threads.submit(self._on_idle, request)

    def close(self) -> None:
        """Stop the children; a photo being graded ends in grading_died."""
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:  # one may have been started again by a request that was running
            worker.stop()

    def _on_idle(self, request: Any) -> GradeReply:
        worker = self._idle.get()  # never waits long: as many threads as workers
        try:
            return worker.run(request, self._timeout_s)
        finally:
            self._idle.put(worker)


class _Worker:
    """One child and the pipe to it; used by one thread at a time."""

    def __init__(
        self, job: Job, warm: Callable[[int], None] | None, siblings: int, memory_bytes: int
    ) -> None:
        self._setup = (job, warm, siblings, memory_bytes)
        self._closed = False

    def start(self) -> None:
        """Start a child and come back at once; the first `run` waits until it is ready."""
        ours, theirs = spawn.Pipe()
        self._pipe: Connection = ours
        self._ready = False
        self._process = spawn.Process(target=_serve, args=(theirs, *self._setup), daemon=True)
        self._process.start()
        theirs.close()  # so that the child's death reads as end of file here

    def stop(self) -> None:
        self._closed = True
        self._process.kill()
        self._process.join()

    def run(self, request: Any, timeout_s: float) -> GradeReply:
        if self._closed:
            raise _died()
        if not self._process.is_alive():
            self._restart()
        try:
            if not self._ready:
                with killing_after(START_TIMEOUT_S, self._process):
                    self._pipe.recv_bytes()
                self._ready = True
            with killing_after(timeout_s, self._process) as overtime:
                self._pipe.send_bytes(pickle.dumps(request))
                # The child has seen hostile bytes: its answer is JSON and raw bytes, never a pickle.
                header = json.loads(self._pipe.recv_bytes())
                document, picture = self._pipe.recv_bytes(), self._pipe.recv_bytes()
        except (EOFError, OSError, ValueError):
            # Dead, or out of step: the next request finds a fresh child.
            timed_out = self._ready and overtime.is_set()
            self._restart()
            raise (_timeout(timeout_s) if timed_out else _died()) from None
        return _outcome(header, document, picture)

    def _restart(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()
        if not self._closed:
            self.start()


def _outcome(header: dict[str, str], document: bytes, picture: bytes) -> GradeReply:
    match header["outcome"]:
        case "done":
            return GradeReply(document, picture)
        case "refused":
            raise AssessorError(header["code"], header["text"], header["hint"])
        case "out_of_memory":
            raise ServiceError(
                "grading_out_of_memory",
                "This needs more memory than grading may use",
                "Send it smaller: 12 megapixels are plenty for a photo, 1080p for a clip.",
            )
        case _:
            log.error("grading failed:\n%s", header.get("stack", ""))
            raise internal_error()


def _died() -> ServiceError:
    return ServiceError(
        "grading_died",
        "Grading broke down on this file",
        "Try again; if it happens again, send another one.",
    )


def _timeout(seconds: float) -> ServiceError:
    return ServiceError(
        "grading_timeout",
        f"Grading took longer than {seconds:g} seconds and was stopped",
        "Try again in a moment, or send a smaller or shorter one.",
    )


def _serve(
    pipe: Connection, job: Job, warm: Callable[[int], None] | None, siblings: int, memory_bytes: int
) -> None:
    """The child: warm up, say so, then a photo in and an answer out until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    limit_memory(memory_bytes)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    if warm is not None:
        warm(siblings)
    pipe.send_bytes(b"ready")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            header, reply = _answer(job, pickle.loads(pipe.recv_bytes()))
            pipe.send_bytes(json.dumps(header).encode())
            pipe.send_bytes(reply.document)
            pipe.send_bytes(reply.picture)


def _answer(job: Job, request: Any) -> tuple[dict[str, str], GradeReply]:
    nothing = GradeReply(b"", b"")
    try:
        return {"outcome": "done"}, job(request)
    except AssessorError as exc:
        return {"outcome": "refused", "code": exc.code, "text": exc.text, "hint": exc.hint}, nothing
    except MemoryError:
        return {"outcome": "out_of_memory"}, nothing
    except Exception as exc:
        if "Insufficient memory" in str(exc):  # how OpenCV says it
            return {"outcome": "out_of_memory"}, nothing
        # Frames only: a message may hold the name of a file, and with it a person's.
        frames = "".join(traceback.format_tb(exc.__traceback__))
        return {"outcome": "failed", "stack": f"{frames}{type(exc).__name__}"}, nothing
