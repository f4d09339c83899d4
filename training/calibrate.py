"""Measure on fresh rendered pads what the networks' cues mean, and ship it as calibration.json.

    python -m training.calibrate --count 180

Run after every export. The seeds are neither training's nor those of `training.score`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from assessor.photo.perception import as_finding
from assessor.photo.perception.calibration import Calibration
from assessor.photo.perception.coarse import find_places
from assessor.photo.perception.curve import Curve, Points, Pyramid
from assessor.photo.perception.fine import STITCH_PX
from assessor.photo.perception.kind import technique_log_p, technique_scores
from assessor.photo.perception.looks import read_place
from assessor.render.scene import Rendered
from assessor.results import StitchFinding, WoundFinding
from training.data import STRIP, augment, technique_example
from training.export import MODELS
from training.matching import matched
from training.score import KITS, bites_of, picture, truth_of

FIRST_SEED = 2 * 10**9
# everything that may be a stitch, its spread as it is
RAW = Calibration(
    confidence_offset=1.5, bite_sd_px=0.0, hidden_bite_sd_px=0.0, spread_share=1.0, incision_sd_px=1.0
)


@dataclass
class Cues:
    """Over all pictures: a candidate's cues and whether it is right; per bite spread, error and whether it
    is hidden; the line's errors. Lengths in strip pixels."""

    sure: list[tuple[Points, bool]] = field(default_factory=list)
    bites: list[tuple[float, float, bool]] = field(default_factory=list)
    line: list[float] = field(default_factory=list)


def gather(pads: Iterable[Rendered]) -> Cues:
    """Read pads of one wound each with raw cues."""
    cues = Cues()
    for rendered in pads:
        height, width = rendered.bgr.shape[:2]
        photo = Pyramid(rendered.bgr)
        views = [read_place(photo, place, RAW) for place in find_places(photo)]
        if not views:
            continue
        view = max(views, key=lambda v: v.worth)
        wound = as_finding(view, RAW, width, height)
        if wound is None:
            continue
        truth, bites = truth_of(rendered), bites_of(wound.stitches)
        pairs = matched(truth, bites)
        right = {j for _, j, _ in pairs}
        cues.sure += [
            (chosen.cues, j in right)
            for j, (chosen, s) in enumerate(zip(view.stitches, wound.stitches, strict=True))
            if not s.cut
        ]
        for i, j, way in pairs:
            errors = np.linalg.norm(truth[i][::way] - bites[j], axis=1)
            _add_bites(cues, errors, wound.stitches[j], wound.incision_sd_px)
        _add_line(cues, rendered.wounds[0].incision_px, (wound,))
    return cues


def _add_bites(cues: Cues, errors: Points, s: StitchFinding, px: float) -> None:
    for error, sd, hidden in zip(errors, s.bite_sd_px, s.inferred, strict=True):
        cues.bites.append((sd / px, float(error) / px, hidden))


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

    x = np.array([c[0] for c in cues.sure])
    right = np.array([c[1] for c in cues.sure], float)

    def loss(w: Points) -> float:
        z = x @ w[:-1] + w[-1]
        return float(np.mean(np.logaddexp(0, z) - right * z)) + 1e-3 * float(w[:-1] @ w[:-1])

    weights = minimize(loss, np.r_[1.0, np.zeros(x.shape[1])]).x
    spread, error, hidden = (np.array([b[k] for b in cues.bites]) for k in range(3))
    seen = hidden < 0.5
    share = _slope(spread[seen], error[seen])

    def base(on: NDArray[np.bool_]) -> float:
        return max(0.3, float(np.quantile(error[on] / 2 - share * spread[on], 0.95)))

    return Calibration(
        confidence_weights=tuple(round(float(w), 3) for w in weights[:-1]),
        confidence_offset=round(float(weights[-1]), 3),
        bite_sd_px=round(base(seen), 3),
        hidden_bite_sd_px=round(base(~seen), 3),
        spread_share=round(share, 3),
        # the line is close or lost: its spread where it is close, as a lost one has no standard deviation
        incision_sd_px=round(float(np.quantile(cues.line, 0.68)), 3),
    )


def technique_sharpness(count: int) -> float:
    """What makes the truth likeliest by the scores of `count` fresh strips, cut as loosely as in training."""
    from scipy.optimize import minimize_scalar

    rng = np.random.default_rng(FIRST_SEED)
    everywhere = np.ones(STRIP, bool)
    scores, truth = [], []
    for _ in range(count):
        bgr, seen, value = (torch.from_numpy(a)[None] for a in technique_example(rng))
        given, _, label = augment(bgr.permute(0, 3, 1, 2), seen, value, "technique", rng)
        scores.append(technique_scores(given[0].numpy(), everywhere))
        truth.append(int(label))
    table, rows = np.array(scores), np.arange(count)

    def loss(log: float) -> float:
        return -float(technique_log_p(table, float(np.exp(log)))[rows, truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


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
    ap.add_argument("--count", type=int, default=180)
    count = ap.parse_args().count
    known = fit(gather(picture(FIRST_SEED + k, KITS[k % 3]) for k in range(count)))
    known = dataclasses.replace(known, technique_sharpness=round(technique_sharpness(count), 3))
    (MODELS / "calibration.json").write_text(json.dumps(dataclasses.asdict(known), indent=1) + "\n")
    print(known)


if __name__ == "__main__":
    main()
