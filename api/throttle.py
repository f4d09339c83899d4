"""Counts failed tries by name, in memory: guessing passwords gets slow, a restart forgives."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

from api.errors import ServiceError

MOST_NAMES = 10_000


class Throttle:
    """More than `most` failures of a name within `within_s` seconds refuse the next try."""

    def __init__(self, *, most: int, within_s: float) -> None:
        self._most = most
        self._within_s = within_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, name: str) -> None:
        """ServiceError too_many_tries."""
        with self._lock:
            times = self._failures.get(name)
            if times is None or len(times) < self._most:
                return
            wait_s = times[0] + self._within_s - time.monotonic()
        if wait_s > 0:
            raise ServiceError(
                "too_many_tries",
                "Too many wrong passwords for this account",
                f"Wait {max(1, round(wait_s / 60))} minutes, or ask for a new link to set a password.",
                headers={"retry-after": str(max(1, round(wait_s)))},
            )

    def count(self, name: str) -> None:
        """One more failure; only the last `most` are remembered."""
        with self._lock:
            times = self._failures.setdefault(name, deque(maxlen=self._most))
            times.append(time.monotonic())
            self._failures.move_to_end(name)
            if len(self._failures) > MOST_NAMES:
                self._failures.popitem(last=False)

    def forget(self, name: str) -> None:
        with self._lock:
            self._failures.pop(name, None)
