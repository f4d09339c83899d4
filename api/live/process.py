"""The parent's end of a live session: its child process, asked one message at a time."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import Executor
from multiprocessing.connection import Connection

from api.children import START_TIMEOUT_S, spawn
from api.live import child
from api.live.wire import LiveError

log = logging.getLogger("assessor.api")

# Generous: on a crowded machine the first frame waits for libraries to load.
ANSWER_TIMEOUT_S = 30.0
# The summary of a long session fits spectra to every slow window of it.
SUMMARY_TIMEOUT_S = 120.0


class LiveProcess:
    """One child; `ask` from one task at a time. Ends with `kill`."""

    def __init__(self, open_one: child.Open, threads: Executor, memory_bytes: int) -> None:
        """Starts the child, which takes a moment: call it in a thread."""
        ours, theirs = spawn.Pipe()
        self._pipe: Connection = ours
        self._threads = threads
        self._process = spawn.Process(target=child.serve, args=(theirs, open_one, memory_bytes), daemon=True)
        self._process.start()
        theirs.close()  # so that the child's death reads as end of file here
        self._ready = False

    async def command(self, text: str, timeout_s: float = ANSWER_TIMEOUT_S) -> str:
        return (await self._ask(child.TEXT + text.encode(), timeout_s))[0]

    async def frame(self, data: bytes) -> tuple[str, float]:
        """The answer to the frame, and the CPU seconds it took."""
        return await self._ask(child.FRAME + data, ANSWER_TIMEOUT_S)

    async def _ask(self, message: bytes, timeout_s: float) -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        # A child that hangs is killed, which ends the wait for it: dearer ways would be paid at every frame.
        overtime = loop.call_later(timeout_s + (0 if self._ready else START_TIMEOUT_S), self.kill)
        try:
            return await loop.run_in_executor(self._threads, self._exchange, message)
        finally:
            overtime.cancel()

    def kill(self) -> None:
        self._process.kill()

    def join(self) -> None:
        """Wait until the killed child is gone: in a thread."""
        self._process.join()
        self._pipe.close()

    def _exchange(self, message: bytes) -> tuple[str, float]:
        try:
            if not self._ready:
                self._pipe.recv_bytes()
                self._ready = True
            self._pipe.send_bytes(message)
            reply = self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise _died() from None
        outcome, cpu_s = child.REPLY.unpack_from(reply)
        text = reply[child.REPLY.size :].decode()
        if outcome == child.DONE:
            return text, cpu_s
        if outcome == child.REFUSED:
            raise LiveError(*json.loads(text))
        log.error("a live session failed:\n%s", text)
        raise LiveError(
            "live_failed",
            "The service made a mistake; the session ended",
            "Start again. If it happens again, report it with the software version.",
        )


def _died() -> LiveError:
    return LiveError("live_died", "The session broke down", "Start again.")
