"""Tasks in child processes, each of which may crash or hang without harm to the others.

`concurrent.futures` breaks the whole pool when one process dies and cannot tell whose task it was;
here every child has a pipe of its own, so a death is known, charged to its task and made good.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

# spawn: a fork would copy the locks of OpenCV's threads in whatever state they are in.
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Lost:
    """What a task gives whose process died (`exit_code`, negative: signal) or ran out of time (None)."""

    exit_code: int | None


@dataclass(slots=True)
class _Child:
    process: Any
    pipe: Connection
    task: int
    deadline_s: float


def run(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, jobs: int, limit_s: float
) -> Generator[tuple[int, Result | Lost], None, None]:
    """(index of the task, its result) as they finish, `jobs` at a time, `limit_s` seconds of wall time each.

    `function` and the tasks are pickled. Leaving the iterator early (also by Ctrl-C) ends the children.
    """
    waiting = list(range(len(tasks)))[::-1]
    threads = max(1, (os.cpu_count() or 1) // max(1, jobs))
    children: list[_Child] = []

    def give(child: _Child | None) -> None:
        """The next task to a child, a new one where there is none."""
        if not waiting:
            if child is not None:
                _end(child)
                children.remove(child)
            return
        if child is None:
            child = _start(function, threads)
            children.append(child)
        child.task = waiting.pop()
        child.deadline_s = time.monotonic() + limit_s
        with contextlib.suppress(ConnectionError):  # it died already: its pipe reads as ended below
            child.pipe.send(tasks[child.task])

    try:
        for _ in range(min(jobs, len(tasks))):
            give(None)
        while children:
            pause_s = max(0.0, min(child.deadline_s for child in children) - time.monotonic())
            ready = wait([child.pipe for child in children], timeout=pause_s)
            now_s = time.monotonic()
            for child in list(children):
                if child.pipe in ready:
                    done, result = _receive(child)
                    task = child.task
                    if not done:
                        children.remove(child)
                    give(child if done else None)
                    yield task, result
                elif now_s >= child.deadline_s:
                    children.remove(child)
                    _end(child, at_once=True)
                    give(None)
                    yield child.task, Lost(None)
    finally:
        for child in children:
            _end(child, at_once=True)


def _receive(child: _Child) -> tuple[bool, Any]:
    try:
        return True, child.pipe.recv()
    except (EOFError, ConnectionError):
        child.process.join()
        child.pipe.close()
        return False, Lost(child.process.exitcode)


def _start(function: Callable[[Any], Any], threads: int) -> _Child:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(theirs, function, threads), daemon=True)
    process.start()
    theirs.close()  # else the child's death would not end our side
    return _Child(process, ours, -1, 0.0)


def _end(child: _Child, *, at_once: bool = False) -> None:
    child.pipe.close()
    if at_once:
        child.process.kill()
    child.process.join()


def _serve(pipe: Connection, function: Callable[[Any], Any], threads: int) -> None:
    """A child's life: take a task, send its result, end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    import cv2

    cv2.setNumThreads(threads)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, ConnectionError):
            return
        pipe.send(function(task))
