"""Sample clips of what a tracker has to cope with, one kind after the other, reproducible from a seed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from assessor.render.clips import render_clip
from assessor.render.clips.order import CameraOrder, ClipOrder, InstrumentOrder, Tremor

_GREEN, _BLUE = (60, 170, 50), (190, 90, 30)

PLAN: tuple[tuple[str, ClipOrder], ...] = (
    (
        "hold-needle-holder",
        ClipOrder(instruments=(InstrumentOrder(task="hold", tremor=Tremor(0.8, 9.0)),)),
    ),
    (
        "suture-two-hands",
        ClipOrder(
            seconds=12,
            instruments=(
                InstrumentOrder(task="suture", tremor=Tremor(0.5, 8.5, bandwidth_hz=1.0)),
                InstrumentOrder("forceps", "left", "hold", tremor=Tremor(0.7, 7.0, round=0.4)),
            ),
        ),
    ),
    (
        "micro-tweezers-60-fps",
        ClipOrder(
            instruments=(
                InstrumentOrder("tweezers", task="drift", tremor=Tremor(0.6, 10.0)),
                InstrumentOrder("tweezers", "left", "drift", tremor=Tremor(0.4, 8.0)),
            ),
            camera=CameraOrder(fps=60.0, shutter_s=0.006, px_per_mm=8.0),
            kit="rubber",
        ),
    ),
    (
        "late-and-lost-frames",
        ClipOrder(
            instruments=(InstrumentOrder("scissors", tremor=Tremor(0.8, 6.0), tape=_GREEN),),
            camera=CameraOrder(jitter_s=0.004, dropped_share=0.1, duplicate_share=0.05),
        ),
    ),
    (
        "shaking-camera",
        ClipOrder(
            instruments=(InstrumentOrder(tremor=Tremor(0.6, 8.0)),),
            camera=CameraOrder(shake_rms_px=0.5),
            kit="skin",
        ),
    ),
    (
        "hidden-by-a-hand",
        ClipOrder(
            instruments=(InstrumentOrder("forceps", task="hold", tremor=Tremor(0.6, 9.5), tape=_BLUE),),
            crossed_by_hand=True,
        ),
    ),
    (
        "dim-and-blurred",
        ClipOrder(
            instruments=(InstrumentOrder("tweezers", task="hold", tremor=Tremor(1.0, 5.0)),),
            camera=CameraOrder(light=0.25, blur_px=1.4, shutter_s=0.033, noise=3.0),
            kit="skin",
        ),
    ),
    ("no-tremor", ClipOrder(instruments=(InstrumentOrder(task="hold"),))),
)


def write_clips(out: str | Path, count: int = len(PLAN), seed: int = 0) -> tuple[Path, ...]:
    """Write `count` .mp4 clips and `clips.json`, their truth by file name; returns the clips' paths."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    paths, lines = [], []
    for number in range(count):
        name, order = PLAN[number % len(PLAN)]
        path = folder / f"{number + 1:02d}-{name}.mp4"
        # apart from the pads' seeds, and from one clip to the next
        truth = render_clip(path, replace(order, seed=1000 * seed + number))
        paths.append(path)
        lines.append(f"{json.dumps(path.name)}: {json.dumps(truth.to_dict())}")
    (folder / "clips.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    return tuple(paths)
