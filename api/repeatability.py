"""How far a clip's measures could be off by chance, by what the clip itself shows: a change from one clip to
the next counts only above that.

Tremor: scatter of the slow windows, as the standard error of their median (1.2533 sd / sqrt(n), which holds
for normal scatter), and what the assessor says of the amplitude itself (`relative_sd`: noise, compression,
disagreeing halves of the points); where it says nothing, what is left of the noise that was taken out in
power (floor^2 / 2 rms).
SPARC: the same scatter, of the discrete movements. Below three windows or movements it is not known.
Path: what noise at the stated floor adds at most: a speed of 2 pi 6 Hz times the floor, over the time seen.
Nothing here covers a wrong scale or another camera.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from assessor.motion.paths import PATH_HZ, durations_s, stretches
from assessor.motion.results import MotionAssessment, TipResult
from assessor.motion.smoothness import movements, sparc
from assessor.motion.windows import px_per_mm

# Fewer values tell nothing of their scatter.
LEAST = 3
OF_MEDIAN = math.sqrt(math.pi / 2)


def repeatability(assessment: MotionAssessment) -> list[dict[str, Any]]:
    """For each tip `tremor_rms`, `path_length`, `sparc`: one standard deviation in the measure's own unit,
    None where it is not known."""
    return [_of_tip(tip, assessment) for tip in assessment.tips]


def _of_tip(tip: TipResult, assessment: MotionAssessment) -> dict[str, Any]:
    mm_per_px = assessment.scale.mm_per_px if assessment.scale else None
    long_side_px = max(assessment.video.width, assessment.video.height, 1)
    rows = np.array(tip.track, float).reshape(-1, 4)
    found = stretches(rows[:, 0], rows[:, 1:3], np.zeros(len(rows), np.int64))
    moves = [
        sparc(s.speed[part], s.rate_hz)
        for s in found
        for part in movements(s, px_per_mm(mm_per_px, long_side_px))
    ]
    return {
        "tip": tip.id,
        "tremor_rms": _tremor_sd(tip, assessment),
        "path_length": _path_sd(tip, durations_s(found)),
        "sparc": _of_median(moves) if tip.smoothness.sparc is not None else None,
    }


def _tremor_sd(tip: TipResult, assessment: MotionAssessment) -> float | None:
    tremor = tip.tremor
    rms = [w.tremor.rms for w in assessment.windows if w.tip == tip.id and w.tremor.rms is not None]
    scatter = _of_median(rms)
    if tremor.rms is None or tremor.noise_floor is None or scatter is None:
        return None
    if tremor.relative_sd is not None:
        return math.hypot(scatter, tremor.relative_sd * tremor.rms)
    return math.hypot(scatter, tremor.noise_floor**2 / (2 * tremor.rms))


def _path_sd(tip: TipResult, seen_s: float) -> float | None:
    floor = tip.tremor.noise_floor
    if tip.economy.path_length is None or floor is None:
        return None
    in_unit = floor / 1000 if tip.tremor.unit == "um" else floor
    return 2 * math.pi * PATH_HZ * in_unit * seen_s


def _of_median(values: Sequence[float]) -> float | None:
    """Standard error of their median; None below `LEAST`."""
    if len(values) < LEAST:
        return None
    return OF_MEDIAN * statistics.stdev(values) / math.sqrt(len(values))
