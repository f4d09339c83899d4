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

from assessor.photo.perception import as_finding
from assessor.photo.perception.calibration import Calibration
from assessor.photo.perception.coarse import find_places
from assessor.photo.perception.curve import Curve, Points, Pyramid
from assessor.photo.perception.fine import STITCH_PX
from assessor.photo.perception.kind import technique_log_p, technique_scores
from assessor.photo.perception.looks import read_place
from assessor.render.scene import Rendered
from assessor.results import WoundFinding
from training.data import STRIP, augment, technique_example
from training.export import MODELS
from training.matching import matched
from training.score import KITS, bites_of, picture, truth_of

FIRST_SEED = 2 * 10**9
# everything that may be a stitch, its spread as it is
RAW = Calibration(
    confidence_offset=1.5,
    bite_sd_px=0.0,
    spread_share=1.0,
    incision_sd_px=0.0,
    incision_spread_share=1.0,
    incision_fade_share=1.0,
)


@dataclass
class Cues:
    """Over all pictures: a candidate's cues and whether it is right; per bite spread, error and whether a
    knot hides it; how far outwards the bites of a side are off, a list a side; per wound the squared spread
    and the error of its line; per end of it in the picture the squared fade and how far it is off along the
    line. Lengths in strip pixels."""

    sure: list[tuple[Points, bool]] = field(default_factory=list)
    bites: list[tuple[float, float, bool]] = field(default_factory=list)
    sides: list[list[float]] = field(default_factory=list)
    line: list[tuple[float, float]] = field(default_factory=list)
    ends: list[tuple[float, float]] = field(default_factory=list)


def gather(pads: Iterable[Rendered]) -> Cues:
    """Read pads of one wound each with raw cues."""
    cues = Cues()
    for rendered in pads:
        photo = Pyramid(rendered.bgr)
        views = [read_place(photo, place, RAW) for place in find_places(photo)]
        if not views:
            continue
        view = max(views, key=lambda v: v.worth)
        wound = as_finding(photo, view, RAW)
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
        outwards, px = [], 1 / view.strip.zoom
        for i, j, way in pairs:
            apart = bites[j] - truth[i][::way]
            errors = np.linalg.norm(apart, axis=1)
            s = wound.stitches[j]
            cues.bites += [
                (sd / px, float(e) / px, hidden)
                for sd, e, hidden in zip(s.bite_sd_px, errors, s.inferred, strict=True)
            ]
            chord = truth[i][::way][1] - truth[i][::way][0]
            outwards.append(apart @ chord / np.linalg.norm(chord) * (-1, 1) / px)
        cues.sides += np.array(outwards).reshape(-1, 2).T.tolist()
        _add_line(cues, rendered.wounds[0].incision_px, wound, px)
        _add_ends(cues, rendered, wound, px)
    return cues


def _add_line(cues: Cues, truth: Points, wound: WoundFinding, px: float) -> None:
    """The line's error where stitches are: beyond them nothing is measured against it."""
    if wound.incision_px is None or not wound.stitches:
        return
    middles = np.array([np.mean(s.bites_px, axis=0) for s in wound.stitches])
    line = np.asarray(wound.incision_px)
    near = np.linalg.norm(middles[None] - line[:, None], axis=2).min(1) < STITCH_PX * px
    if near.any():
        cues.line.append(
            (wound.incision_sd_px / px, float(np.median(Curve(truth).distance(line[near]))) / px)
        )


def _add_ends(cues: Cues, rendered: Rendered, wound: WoundFinding, px: float) -> None:
    if wound.incision_px is None:
        return
    line, true = np.asarray(wound.incision_px), rendered.wounds[0].incision_px[[0, -1]]
    if (line[-1] - line[0]) @ (true[1] - true[0]) < 0:
        true = true[::-1]
    height, width = rendered.bgr.shape[:2]
    ends = zip(line[[0, -1]], line[[1, -2]], true, wound.incision_end_sd_px, strict=True)
    for end, inner, at, fade in ends:
        if (at >= 0).all() and (at < (width, height)).all():
            out = (end - inner) / np.linalg.norm(end - inner)
            cues.ends.append((fade / px, abs(float((at - end) @ out)) / px))


def fit(cues: Cues) -> Calibration:
    """Logistic confidence; standard deviations that hold 95 % of the errors within two of them."""
    from scipy.optimize import minimize

    x = np.array([c[0] for c in cues.sure])
    right = np.array([c[1] for c in cues.sure], float)

    def loss(w: Points) -> float:
        z = x @ w[:-1] + w[-1]
        return float(np.mean(np.logaddexp(0, z) - right * z)) + 1e-3 * float(w[:-1] @ w[:-1])

    weights = minimize(loss, np.r_[1.0, np.zeros(x.shape[1])]).x
    spread, error, hidden = np.array(cues.bites).T
    bite_base, bite_share = _base_and_share(spread[hidden == 0], error[hidden == 0])
    half_bound = bite_base + bite_share * spread[hidden == 1]
    line_spread, line_error = np.array(cues.line).T
    line_share = _slope(line_spread, line_error)
    end_fade, end_error = np.array(cues.ends).T
    return Calibration(
        confidence_weights=tuple(round(float(w), 3) for w in weights[:-1]),
        confidence_offset=round(float(weights[-1]), 3),
        bite_sd_px=round(bite_base, 3),
        spread_share=round(bite_share, 3),
        hidden_times=round(float(np.quantile(error[hidden == 1] / half_bound, 0.95)) / 2, 3),
        bite_common_share=round(common_share(cues.sides), 3),
        incision_sd_px=round(
            max(0.1, float(np.quantile(line_error / 2 - line_share * line_spread, 0.95))), 3
        ),
        incision_spread_share=round(line_share, 3),
        incision_fade_share=round(float(np.quantile(end_error / end_fade, 0.95)) / 2, 3),
    )


def common_share(groups: list[list[float]]) -> float:
    """Share of the variance that the values of a group have in common, 0 to 1; groups of any size.

    The intraclass correlation of a one-way analysis of variance, ICC(1) (Shrout & Fleiss 1979).
    """
    several = [np.array(g) for g in groups if len(g) > 1]
    n, k = np.array([len(g) for g in several]), len(several)
    total, middle = int(n.sum()), float(np.concatenate(several).mean())
    between = sum(len(g) * (g.mean() - middle) ** 2 for g in several) / (k - 1)
    within = sum(((g - g.mean()) ** 2).sum() for g in several) / (total - k)
    size = (total - (n**2).sum() / total) / (k - 1)
    share = (between - within) / (between + (size - 1) * within)
    return float(np.clip(share, 0, 1))


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


def _base_and_share(spread: Points, error: Points) -> tuple[float, float]:
    """A base and a share of the spread, together half the 95 % bound of the error: of all, and of the fifth
    with the least spread."""
    least = spread <= np.quantile(spread, 0.2)
    base, share = 0.0, 1.0
    for _ in range(30):  # either by the other, until both hold
        base = max(0.05, float(np.quantile(error[least] / 2 - share * spread[least], 0.95)))
        share = max(0.0, float(np.quantile((error / 2 - base) / np.maximum(spread, 0.05), 0.95)))
    return base, share


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
