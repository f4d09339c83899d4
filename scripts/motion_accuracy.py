"""Tremor and tips on fresh rendered clips against their exact truth: the table of docs/motion.md.

    python -m scripts.motion_accuracy [--clips 40] [--jobs 2] [--only shake] [--click] [--keep DIR]

Each clip goes through the real chain, from the file to the MotionAssessment, without a click unless asked.
`--keep` leaves clips and truth in a folder and takes from there what is drawn already.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from assessor.render.clips.order import KINDS, CameraOrder, ClipOrder, InstrumentOrder, Tremor

AMPLITUDE_SHARE, PEAK_HZ = 0.10, 0.2  # what issue 4 asks for
SAME_TIP_PX = 20.0  # a track further off on the whole is that of something else
KITS = ("silicone", "skin", "rubber")
TAPES = (None, None, (60.0, 170.0, 50.0), (190.0, 90.0, 30.0), (40.0, 200.0, 230.0))


@dataclass(frozen=True, slots=True)
class Condition:
    """`change` turns an ordinary clip into one of this kind; `declared` tells the assessor the shutter."""

    name: str
    fps: float
    change: Callable[[ClipOrder], ClipOrder] = lambda order: order
    crf: int | None = None  # always H.264 of this quality, else half the clips are Motion JPEG
    declared: bool = False
    asked: float | None = None  # the share that must pass


def _camera(**change: float) -> Callable[[ClipOrder], ClipOrder]:
    return lambda order: replace(order, camera=replace(order.camera, **change))  # type: ignore[arg-type]


def _calm(order: ClipOrder) -> ClipOrder:
    return replace(order, instruments=tuple(replace(one, tremor=None) for one in order.instruments))


def _irregular(order: ClipOrder) -> ClipOrder:
    def spread(tremor: Tremor | None) -> Tremor | None:
        return None if tremor is None else replace(tremor, bandwidth_hz=0.6)

    return replace(
        order, instruments=tuple(replace(one, tremor=spread(one.tremor)) for one in order.instruments)
    )


LATE = {"jitter_s": 0.004, "dropped_share": 0.1}
CONDITIONS = (
    Condition("30 fps", 30, asked=0.95),
    Condition("60 fps", 60, asked=0.95),
    Condition("30 fps, 10 % dropped, 4 ms jitter", 30, _camera(**LATE), asked=0.95),
    Condition("60 fps, 10 % dropped, 4 ms jitter", 60, _camera(**LATE), asked=0.95),
    Condition("30 fps, shake 0.5 px rms", 30, _camera(shake_rms_px=0.5), asked=0.85),
    Condition("60 fps, shake 0.5 px rms", 60, _camera(shake_rms_px=0.5), asked=0.85),
    Condition("no tremor, 30 fps", 30, _calm, asked=0.95),
    Condition("no tremor, 60 fps", 60, _calm, asked=0.95),
    Condition("no tremor, shake 0.5 px rms", 30, lambda o: _calm(_camera(shake_rms_px=0.5)(o)), asked=0.95),
    Condition("10 % duplicates", 30, _camera(duplicate_share=0.1)),
    Condition("shutter 1/30 s, declared", 30, _camera(shutter_s=1 / 30), declared=True),
    Condition("irregular tremor (0.6 Hz wide)", 30, _irregular),
    Condition("dim, noise 6", 30, _camera(light=0.4, noise=4.0)),
    Condition("out of focus by 1.5 px", 30, _camera(blur_px=1.5)),
    Condition("H.264 crf 23", 30, crf=23),
    Condition("H.264 crf 28", 30, crf=28),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One clip's first tip: truth, what was said of it, and how well its track lies. `elsewhere`: tips with a
    tremor that are none of the clip's."""

    condition: str
    seed: int
    file: str
    kind: str
    task: str
    true_rms_px: float
    true_hz: float | None
    status: str
    rms_px: float | None
    peak_hz: float | None
    floor_px: float | None
    off_px: float | None
    held_share: float
    other_tips: int
    relative_sd: float | None
    elsewhere: int

    @property
    def amplitude_right(self) -> bool:
        return self.rms_px is not None and abs(self.rms_px / self.true_rms_px - 1) <= AMPLITUDE_SHARE

    @property
    def misled(self) -> bool:
        """Whether a wrong amplitude was stated as sure: beyond the limit and twice its own uncertainty."""
        if self.elsewhere > 0 or self.rms_px is None or self.true_hz is None:
            return self.elsewhere > 0 or (self.rms_px is not None and self.true_hz is None)
        off = abs(self.rms_px / self.true_rms_px - 1)
        return off > max(AMPLITUDE_SHARE, 2 * (self.relative_sd or 0.0))

    @property
    def frequency_right(self) -> bool:
        return None not in (self.peak_hz, self.true_hz) and abs(self.peak_hz - self.true_hz) <= PEAK_HZ  # type: ignore[operator]

    @property
    def right(self) -> bool:
        """With a tremor: both within the limits; without: said to be below a floor that is stated."""
        if self.true_hz is None:
            return self.status == "below_floor" and self.floor_px is not None
        return self.amplitude_right and self.frequency_right


def order_of(condition: Condition, seed: int) -> tuple[ClipOrder, str]:
    """The clip of a condition and a seed, and the file's suffix."""
    rng = np.random.default_rng([seed, 77])  # the same people in each condition
    kind, other = rng.choice(len(KINDS), 2)
    hands = ("right", "left") if rng.random() < 0.7 else ("left", "right")
    tremor = Tremor(
        float(np.exp(rng.uniform(np.log(0.2), np.log(2.0)))),
        float(rng.uniform(4, 12)),
        round=float(rng.uniform(0, 0.6)) if rng.random() < 0.5 else 0.0,
    )
    first = InstrumentOrder(
        KINDS[kind],
        hands[0],  # type: ignore[arg-type]
        str(rng.choice(["drift", "hold", "suture"], p=[0.5, 0.3, 0.2])),  # type: ignore[arg-type]
        tremor,
        drift_rms_px=float(rng.uniform(2, 6)),
        tape=TAPES[int(rng.integers(len(TAPES)))],
    )
    second = replace(first, kind=KINDS[other], hand=hands[1], task="hold", tremor=Tremor(0.6, 7.0), tape=None)  # type: ignore[arg-type]
    camera = CameraOrder(
        fps=condition.fps,
        shutter_s=float(rng.choice([0.004, 0.008, 0.010])),
        px_per_mm=float(rng.uniform(4, 8)),
        noise=float(rng.uniform(1, 2.5)),
        blur_px=float(rng.uniform(0.4, 0.8)),
    )
    ordinary = ClipOrder(
        seconds=6.0,
        instruments=(first, second) if rng.random() < 0.25 else (first,),
        camera=camera,
        kit=KITS[int(rng.integers(3))],
        crf=17 if condition.crf is None else condition.crf,
        seed=seed,
    )
    jpeg = rng.random() < 0.5 and condition.crf is None
    return condition.change(ordinary), ".mkv" if jpeg else ".mp4"


def trial(condition: Condition, seed: int, folder: Path, click: bool) -> Trial:
    """Draw a clip where it is not drawn yet, assess it, and compare."""
    import cv2

    from assessor.motion.assess import assess_clip
    from assessor.motion.options import MotionOptions
    from assessor.render.clips import ClipTruth, render_clip

    cv2.setNumThreads(1)
    order, suffix = order_of(condition, seed)
    path = folder / f"{re.sub('[^a-z0-9.]+', '-', condition.name.lower())}-{seed}{suffix}"
    kept = path.with_suffix(".truth")
    if kept.exists():
        truth: ClipTruth = pickle.loads(kept.read_bytes())
    else:
        truth = render_clip(path, order)
        kept.write_bytes(pickle.dumps(truth))
    tip = truth.tips[0]
    start = tuple(float(v) for v in tip.tip_px[0])
    said = assess_clip(
        path,
        MotionOptions(
            tips=(start,) if click else (),  # type: ignore[arg-type]
            exposure_s=truth.shutter_s if condition.declared else None,
            mm_per_px=1 / truth.px_per_mm,  # what slow means is said in mm
        ),
    )
    best, off, held, elsewhere = None, None, 0.0, 0
    for found in said.tips:
        rows = np.array(found.track)
        at = np.abs(truth.t_s[:, None] - rows[None, :, 0]).argmin(0)
        aways = [float(np.median(np.hypot(*(rows[:, 1:3] - one.tip_px[at]).T))) for one in truth.tips]
        away = aways[0]
        elsewhere += found.tremor.rms is not None and min(aways) >= SAME_TIP_PX
        if away < SAME_TIP_PX and (off is None or away < off):
            best, off, held = found, away, len(rows) / (~truth.duplicate).sum()
    tremor = None if best is None else best.tremor

    def px(um: float | None) -> float | None:
        return None if um is None else um * truth.px_per_mm / 1000

    return Trial(
        condition=condition.name,
        seed=seed,
        file=path.name,
        kind=tip.kind,
        task=tip.task,
        true_rms_px=0.0 if tip.tremor is None else tip.tremor.rms_px,
        true_hz=None if tip.tremor is None else tip.tremor.hz,
        status="no_tip" if tremor is None else tremor.status,
        rms_px=None if tremor is None else px(tremor.rms),
        peak_hz=None if tremor is None else tremor.peak_hz,
        floor_px=None if tremor is None else px(tremor.noise_floor),
        off_px=off,
        held_share=float(held),
        other_tips=max(0, len(said.tips) - len(truth.tips)),
        relative_sd=None if tremor is None else tremor.relative_sd,
        elsewhere=elsewhere,
    )


def table(trials: Sequence[Trial]) -> str:
    """Markdown, a line a condition."""
    lines = [
        "| clips | n | right | asked | wrong number said as sure | amplitude within 10 %"
        " | frequency within 0.2 Hz | amplitude, median error | floor, median px | tip, median px"
        " | not measured |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for condition in CONDITIONS:
        some = [one for one in trials if one.condition == condition.name]
        if some:
            lines.append("| " + " | ".join(_row(condition, some)) + " |")
    return "\n".join(lines)


def _row(condition: Condition, some: Sequence[Trial]) -> list[str]:
    def share(which: Callable[[Trial], bool]) -> str:
        return f"{100 * sum(map(which, some)) / len(some):.0f} %"

    trembling = some[0].true_hz is not None
    errors = [one.rms_px / one.true_rms_px - 1 for one in some if one.rms_px is not None and trembling]
    floors = [one.floor_px for one in some if one.floor_px is not None]
    offs = [one.off_px for one in some if one.off_px is not None]
    missing = Counter(
        one.status for one in some if one.status != ("measured" if trembling else "below_floor")
    )
    return [
        condition.name,
        str(len(some)),
        share(lambda one: one.right),
        "-" if condition.asked is None else f"{100 * condition.asked:.0f} %",
        str(sum(one.misled for one in some)),
        share(lambda one: one.amplitude_right) if trembling else "-",
        share(lambda one: one.frequency_right) if trembling else "-",
        f"{100 * statistics.median(errors):+.1f} %" if errors else "-",
        f"{statistics.median(floors):.3f}" if floors else "-",
        f"{statistics.median(offs):.1f}" if offs else "-",
        ", ".join(f"{status} {n}" for status, n in missing.most_common()) or "none",
    ]


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=40, help="clips a condition")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="conditions whose name matches this pattern")
    parser.add_argument("--click", action="store_true", help="tell where the tip starts")
    parser.add_argument("--keep", type=Path, help="folder for clips, drawn once")
    parser.add_argument("--json", type=Path, help="write every trial there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        chosen = [c for c in CONDITIONS if re.search(args.only, c.name)]
        # The condition goes by its place: its change is a lambda, which no process can be sent.
        jobs = [
            (CONDITIONS.index(c), seed, folder, args.click)
            for seed in range(args.first, args.first + args.clips)
            for c in chosen
        ]
        with ProcessPoolExecutor(args.jobs) as pool:
            trials = list(pool.map(_numbered, *zip(*jobs, strict=True)))
    if args.json:
        args.json.write_text(json.dumps([asdict(one) | {"right": one.right} for one in trials], indent=1))
    print(table(trials))


def _numbered(condition: int, seed: int, folder: Path, click: bool) -> Trial:
    return trial(CONDITIONS[condition], seed, folder, click)


if __name__ == "__main__":
    main()
