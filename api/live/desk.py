"""Who may begin a live session: a seat is given only while this machine can carry one more.

A session that starves measures nothing: with too few frames a second there is no tremor to report. So a
newcomer is refused where the sessions that run, with one more like them, would need more processor time
than there is, or where one of them already waits for its answers longer than its frames last.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from api.live.child import Open
from api.live.process import LiveProcess
from api.live.wire import LiveError

FRAMES_PER_S = 30.0
# Share of the processors that sessions may fill; the rest is for what comes and goes.
FULL = 0.9
# A session whose answers take this share of the time between its frames has nothing to spare.
STRAINED = 0.9
# What a frame costs until one has been measured: at 640x480 6 ms with one tip, 10 with two or while tips are
# looked for (November 2026).
FIRST_GUESS_S = 0.010
# The newest frame's weight in a session's averages: they look back about two seconds.
WEIGHT = 1 / 60
# From here on a session's own averages count; before, it is taken for a usual one.
SETTLED_FRAMES = 60
LONGEST_INTERVAL_S = 1.0


class Seat:
    """A running session's process, and what its frames cost."""

    def __init__(self, process: LiveProcess) -> None:
        self.process = process
        self._frames = 0
        self._last_s: float | None = None
        self._cpu_s = self._wall_s = 0.0
        self._interval_s = 1 / FRAMES_PER_S

    def note(self, cpu_s: float, wall_s: float) -> None:
        """A frame was answered: its processor time, and how long its answer took."""
        now_s = time.monotonic()
        self._frames += 1
        weight = max(WEIGHT, 1 / self._frames)
        self._cpu_s += weight * (cpu_s - self._cpu_s)
        self._wall_s += weight * (wall_s - self._wall_s)
        if self._last_s is not None:
            self._interval_s += weight * (min(now_s - self._last_s, LONGEST_INTERVAL_S) - self._interval_s)
        self._last_s = now_s

    @property
    def settled(self) -> bool:
        return self._frames >= SETTLED_FRAMES

    @property
    def cores(self) -> float:
        """Processors it keeps busy."""
        return self._cpu_s / self._interval_s

    @property
    def strained(self) -> bool:
        return self._wall_s > STRAINED * self._interval_s


class LiveDesk:
    """`async with desk.seat() as seat` for each session; LiveError live_full, live_overloaded."""

    def __init__(self, open_one: Open, *, seats: int, memory_bytes: int) -> None:
        self._open = open_one
        self._most = seats
        self._memory_bytes = memory_bytes
        self._cores = _usable_cores()
        self._taken = 0
        self._seats: set[Seat] = set()
        self._processes: set[LiveProcess] = set()
        self._usual_cores = FIRST_GUESS_S * FRAMES_PER_S
        # This process's own work for the sessions: sockets, encryption.
        self._own_cores = 0.0
        self._own_mark = (time.monotonic(), time.process_time())
        # A session asks one thing at a time; one thread more starts processes.
        self._threads = ThreadPoolExecutor(max_workers=seats + 1, thread_name_prefix="live")

    @property
    def taken(self) -> int:
        """Sessions that run or are about to."""
        return self._taken

    @asynccontextmanager
    async def seat(self) -> AsyncIterator[Seat]:
        self._admit()
        self._taken += 1
        loop = asyncio.get_running_loop()
        seat: Seat | None = None
        try:
            seat = Seat(await loop.run_in_executor(self._threads, self._start))
            self._seats.add(seat)
            yield seat
        finally:
            self._taken -= 1
            if seat is not None:
                self._seats.discard(seat)
                self._processes.discard(seat.process)
                if seat.settled:
                    self._usual_cores = seat.cores
                seat.process.kill()
                with contextlib.suppress(RuntimeError):  # closed meanwhile
                    await loop.run_in_executor(self._threads, seat.process.join)

    def note(self, seat: Seat, cpu_s: float, wall_s: float) -> None:
        seat.note(cpu_s, wall_s)
        now_s = time.monotonic()
        since_s, before_s = self._own_mark
        if now_s - since_s > 2.0:
            own_s = time.process_time()
            self._own_cores = (own_s - before_s) / (now_s - since_s)
            self._own_mark = (now_s, own_s)

    def close(self) -> None:
        for process in tuple(self._processes):
            process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> LiveProcess:
        process = LiveProcess(self._open, self._threads, self._memory_bytes)
        self._processes.add(process)
        return process

    def _admit(self) -> None:
        if self._taken >= self._most:
            raise LiveError(
                "live_full",
                f"All {self._most} places for live sessions are taken",
                "Try again when someone has finished, or record a clip and send that.",
            )
        overloaded = self._forecast() > FULL * self._cores or any(seat.strained for seat in self._settled())
        if self._taken and overloaded:
            raise LiveError(
                "live_overloaded",
                f"With {self._taken} live sessions this machine has no more to spare",
                "Try again when someone has finished, or record a clip and send that.",
            )

    def _forecast(self) -> float:
        """Processors that the sessions, with one more like them, would keep busy."""
        known = [seat.cores for seat in self._settled()]
        usual = sum(known) / len(known) if known else self._usual_cores
        count = self._taken + 1
        return sum(known) + usual * (count - len(known)) + self._own_cores * count / max(1, self._taken)

    def _settled(self) -> list[Seat]:
        return [seat for seat in self._seats if seat.settled]


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
