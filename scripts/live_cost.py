"""What a live session costs, and whether it costs more the longer it lasts: CPU time by minute and part.

    python -m scripts.live_cost [--minutes 10]

Replays frames as a browser sends them through the session's own objects in this process, as fast as they go:
30 frames are a second of the session, whatever the clock says. Only ratios hold on a busy machine.
"""

from __future__ import annotations

import argparse
import functools
import resource
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from api.live import child
from api.live.wire import HEADER, VERSION
from assessor.motion import session, tracking
from assessor.motion.background import Background
from assessor.motion.tips.candidates import Candidates
from assessor.motion.tips.find import Finder
from assessor.motion.tips.slot import Slot
from scripts.live_load import FPS, HEIGHT, WIDTH, pictures

PARTS: tuple[tuple[Any, str, str], ...] = (
    (child, "decode", "JPEG to grey"),
    (Background, "step", "background followed"),
    (Slot, "step", "tips followed"),
    (Slot, "end_elsewhere", "ends of instruments by what moves"),
    (Candidates, "step", "candidates followed"),
    (Finder, "near", "shafts near the tips"),
    (Finder, "everywhere", "shafts in the whole picture"),
    (tracking, "find_markers", "markers"),
    (session.Session, "_renewed", "estimate, twice a second"),
)


class Meter:
    """CPU seconds and calls by part."""

    def __init__(self) -> None:
        self.used_s: dict[str, float] = {}
        self.calls: dict[str, int] = {}

    def watch(self, owner: Any, name: str, label: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)
        self.used_s[label], self.calls[label] = 0.0, 0

        @functools.wraps(inner)
        def timed(*args: Any, **named: Any) -> Any:
            began_s = time.process_time()
            try:
                return inner(*args, **named)
            finally:
                self.used_s[label] += time.process_time() - began_s
                self.calls[label] += 1

        setattr(owner, name, timed)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of the session")
    minutes = parser.parse_args().minutes
    cv2.setNumThreads(1)
    jpegs, meter = pictures(), Meter()
    for part in PARTS:
        meter.watch(*part)
    conversation = child.Conversation(child.open_session)
    conversation.command('{"type": "start", "task": "hold"}')
    frames_ms: list[float] = []
    print(
        "| minute | CPU ms a frame, mean | p50 | p95 | most | memory at most, MB |\n|---|---|---|---|---|---|"
    )
    for seq in range(round(minutes * 60 * FPS)):
        head = HEADER.pack(VERSION, 0, 0, seq, int(seq * 1e6 / FPS), 0, 0, WIDTH, HEIGHT)
        began_s = time.process_time()
        conversation.frame(memoryview(head + jpegs[seq % len(jpegs)]))
        frames_ms.append(1e3 * (time.process_time() - began_s))
        if (seq + 1) % round(60 * FPS) == 0:
            some = np.array(frames_ms[-round(60 * FPS) :])
            memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            p50, p95 = np.percentile(some, [50, 95])
            print(
                f"| {(seq + 1) / FPS / 60:.0f} | {some.mean():.2f} | {p50:.2f} | {p95:.2f} "
                f"| {some.max():.0f} | {memory_mb:.0f} |",
                flush=True,
            )
    print("\n| part | CPU ms a frame | calls a frame | ms a call |\n|---|---|---|---|")
    for label, used_s in sorted(meter.used_s.items(), key=lambda item: -item[1]):
        calls = meter.calls[label]
        print(
            f"| {label} | {1e3 * used_s / len(frames_ms):.2f} | {calls / len(frames_ms):.2f} "
            f"| {1e3 * used_s / max(1, calls):.2f} |"
        )
    rest_ms = sum(frames_ms) / len(frames_ms) - 1e3 * sum(meter.used_s.values()) / len(frames_ms)
    print(f"| everything else | {rest_ms:.2f} | | |")


if __name__ == "__main__":
    main()
