"""How many frames a second the tips are followed on one core: rendered clips of 640x480, decoding apart.

    python -m scripts.motion_speed [--seconds 6]

CPU time of this process, one thread; asked are 120 frames a second with one tip and 80 with two.
"""

from __future__ import annotations

import argparse
import time

import cv2

from assessor.motion.frames import Frame
from assessor.motion.tracking import Tracker
from assessor.render.clips.film import shoot
from assessor.render.clips.order import ClipOrder, InstrumentOrder, Tremor

RIGHT = InstrumentOrder(tremor=Tremor(0.5, 9.0))
LEFT = InstrumentOrder(kind="forceps", hand="left", tremor=Tremor(0.5, 7.0))
ASKED_FPS = {1: 120, 2: 80}


def speed(instruments: tuple[InstrumentOrder, ...], seconds: float) -> tuple[float, float]:
    """Frames a second, and the mean number of tips held in a frame."""
    tracker, used_s, held, count = Tracker(), 0.0, 0, 0
    for t_s, bgr in shoot(ClipOrder(seconds, instruments, seed=3)).frames():
        start = time.process_time()
        held += len(tracker.step(Frame(bgr, t_s, count)).tips)
        used_s += time.process_time() - start
        count += 1
    return count / used_s, held / count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each clip")
    seconds = parser.parse_args().seconds
    cv2.setNumThreads(1)
    print("| tips shown | frames a second | asked | tips held, mean |\n|---|---|---|---|")
    for instruments in ((RIGHT,), (RIGHT, LEFT)):
        fps, held = speed(instruments, seconds)
        print(f"| {len(instruments)} | {fps:.0f} | {ASKED_FPS[len(instruments)]} | {held:.2f} |", flush=True)


if __name__ == "__main__":
    main()
