"""What the service's child processes have in common. Imports nothing heavy: every child imports it."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

# A fork would copy the locks of OpenCV's threads in whatever state they are in.
spawn = multiprocessing.get_context("spawn")
# Importing OpenCV and loading the network on a busy machine.
START_TIMEOUT_S = 120.0


@contextlib.contextmanager
def killing_after(seconds: float, process: BaseProcess) -> Iterator[threading.Event]:
    """Kill `process` unless the block ends in time; yields the event that says it was."""
    overtime = threading.Event()

    def end() -> None:
        overtime.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield overtime
    finally:
        timer.cancel()


def limit_memory(memory_bytes: int) -> None:
    """Cap this process's address space, where the system can."""
    try:
        import resource
    except ImportError:  # Windows has no such limit; the wall limit still holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the photo
