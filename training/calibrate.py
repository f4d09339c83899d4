"""Measure on fresh rendered pads what the networks' cues mean, and ship it as calibration.json.

    python -m training.calibrate --count 120

Run after every export. The seeds are neither training's nor those of `training.score`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception import find_wounds
from assessor.photo.perception.calibration import Calibration
from assessor.photo.perception.curve import Curve, Points
from assessor.photo.perception.fine import STITCH_PX
from assessor.results import StitchFinding, WoundFinding
from training.export import MODELS
from training.score import KITS, ends, pairs_of, picture

FIRST_SEED = 2 * 10**9
RAW = Calibration(bite_sd_px=0.0, hidden_bite_sd_px=0.0, spread_share=1.0, incision_sd_px=1.0)


@dataclass
class Cues:
    """Over all pictures: probability and whether right; per bite spread, error and hidden; line errors."""

    sure: list[tuple[float, bool]] = field(default_factory=list)
    bites: list[tuple[float, float, bool]] = field(default_factory=list)
    line: list[float] = field(default_factory=list)


def gather(count: int) -> Cues:
    """Read `count` pads with raw cues; lengths in strip pixels."""
    cues = Cues()
    for k in range(count):
        rendered = picture(FIRST_SEED + k, KITS[k % 3])
        wounds = find_wounds(rendered.bgr, RAW)
        stitches = [s for w in wounds for s in w.stitches]
        pairs = pairs_of(rendered, stitches)
        right = {j for _, j in pairs}
        cues.sure += [(s.confidence, j in right) for j, s in enumerate(stitches) if not s.cut]
        truth = np.concatenate([t.bites_px for t in rendered.wounds])
        for i, j in pairs:
            _add_bites(cues, truth[i], stitches[j], wounds[0].incision_sd_px)
        _add_line(cues, rendered.wounds[0].incision_px, wounds)
    return cues


def _add_bites(cues: Cues, truth: Points, s: StitchFinding, px: float) -> None:
    errors, order = ends(truth, s)
    for error, k in zip(errors / px, order, strict=True):
        cues.bites.append((s.bite_sd_px[k] / px, float(error), s.inferred[k]))


def _add_line(cues: Cues, truth: Points, wounds: tuple[WoundFinding, ...]) -> None:
    """The line's errors where stitches are: beyond them nothing is measured against it."""
    for w in wounds[:1]:
        if w.incision_px is not None and w.stitches:
            middles = np.array([np.mean(s.bites_px, axis=0) for s in w.stitches])
            line, true_line = Curve(np.asarray(w.incision_px)), Curve(truth)
            gaps = np.linalg.norm(middles[None] - line.points[:, None], axis=2).min(1)
            reach = line.points[gaps < STITCH_PX * w.incision_sd_px]
            if len(reach):
                cues.line += (true_line.distance(reach) / w.incision_sd_px).tolist()


def fit(cues: Cues) -> Calibration:
    """Logistic confidence; standard deviations that hold 95 % of the errors within two of them."""
    from scipy.optimize import minimize

    p = np.clip([c[0] for c in cues.sure], 1e-4, 1 - 1e-4)
    right = np.array([c[1] for c in cues.sure], float)
    logit = np.log(p / (1 - p))

    def loss(x: Points) -> float:
        z = x[0] * logit + x[1]
        return float(np.mean(np.logaddexp(0, z) - right * z))

    slope, offset = minimize(loss, np.array([1.0, 0.0])).x
    spread, error, hidden = (np.array([b[k] for b in cues.bites]) for k in range(3))
    seen = hidden < 0.5
    share = _slope(spread[seen], error[seen])

    def base(on: NDArray[np.bool_]) -> float:
        return max(0.3, float(np.quantile(error[on] / 2 - share * spread[on], 0.95)))

    return Calibration(
        confidence_slope=round(float(slope), 3),
        confidence_offset=round(float(offset), 3),
        bite_sd_px=round(base(seen), 3),
        hidden_bite_sd_px=round(base(~seen), 3),
        spread_share=round(share, 3),
        # the line is close or lost: its spread where it is close, as a lost one has no standard deviation
        incision_sd_px=round(float(np.quantile(cues.line, 0.68)), 3),
    )


def _slope(spread: Points, error: Points) -> float:
    """How the 95 % bound of the error, halved, grows with the spread of the cues; 0 at least."""
    edges = np.quantile(spread, np.linspace(0, 1, 7))
    middle, bound = [], []
    for low, high in pairwise(edges):
        on = (spread >= low) & (spread <= high)
        middle.append(float(np.median(spread[on])))
        bound.append(float(np.quantile(error[on], 0.95)) / 2)
    return max(0.0, float(np.polyfit(middle, bound, 1)[0]))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=120)
    known = fit(gather(ap.parse_args().count))
    (MODELS / "calibration.json").write_text(json.dumps(dataclasses.asdict(known), indent=1) + "\n")
    print(known)


if __name__ == "__main__":
    main()
