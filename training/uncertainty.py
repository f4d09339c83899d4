"""Whether the truth of a whole wound's numbers lies within twice the uncertainty that is stated.

Fresh rendered pads in pixels, so without the scale's share. Only wounds whose every stitch was found and no
other: what is missing or too much is drawn over the photo, and not what a standard deviation is about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from assessor.photo.measure import measure
from assessor.photo.perception import find_wounds
from assessor.photo.validity import PAIRED
from assessor.render.scene import Rendered
from assessor.render.wound import WoundTruth
from assessor.results import StitchFinding, WoundFinding
from training.matching import matched
from training.score import bites_of

METRICS = (
    "spacing_px", "spacing_cv", "bite_left_px", "bite_right_px", "total_bite_px", "bite_cv", "symmetry",
    "bite_bias", "angle_deg", "angle_spread_deg", "row_straightness_px", "end_gap_px", "coverage",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """One metric over some wounds: in how many it was measured, in how many of those within 2 sd."""

    wounds: int
    within: int
    median_sd: float


def held(pads: Iterable[Rendered]) -> dict[str, Held]:
    """By metric, over the pads that were read stitch for stitch; those whose passes pair up are left out."""
    off: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pad in pads:
        truth, wounds = pad.wounds[0], find_wounds(pad.bgr)
        if len(wounds) != 1 or truth.technique in PAIRED:
            continue
        found = wounds[0]
        pairs = matched(truth.bites_px, bites_of(found.stitches))
        if not len(truth.bites_px) == len(found.stitches) == len(pairs):
            continue
        true = measure(exact(truth, found), None, truth.technique)[1]
        for name, metric in measure(found, None, truth.technique)[1].items():
            right = true[name].value if name in true else None
            if name in METRICS and None not in (metric.value, metric.sd, right):
                off[name].append((abs((metric.value or 0.0) - (right or 0.0)), metric.sd or 0.0))
    return {
        name: Held(len(e), sum(a <= 2 * sd for a, sd in e), float(np.median([sd for _, sd in e])))
        for name in METRICS
        if (e := off[name])
    }


def exact(truth: WoundTruth, found: WoundFinding) -> WoundFinding:
    """The truth as a finding without errors, walked the same way as `found`; cut where that is."""
    line = truth.incision_px
    if found.incision_px is not None:
        way = np.subtract(found.incision_px[-1], found.incision_px[0])
        line = line[::-1] if way @ (line[-1] - line[0]) < 0 else line
    like = {i: found.stitches[j] for i, j, _ in matched(truth.bites_px, bites_of(found.stitches))}
    stitches = tuple(
        StitchFinding(
            ((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))),
            (1e-6, 1e-6),
            (False, False),
            1.0,
            like[i].knot_px,
            like[i].cut,
        )
        for i, (a, b) in enumerate(truth.bites_px)
    )
    return replace(
        found,
        incision_px=tuple((float(x), float(y)) for x, y in line),
        incision_sd_px=1e-6,
        stitches=stitches,
        bite_common_share=0.0,
    )


def rows(found: dict[str, Held]) -> list[str]:
    """Markdown rows of the model card."""
    return [f"| `{n}` | {h.wounds} | {h.within / h.wounds:.0%} |" for n, h in found.items()]
