"""Formulas of the metrics: a row of stitches -> one estimate each (docs/metrics.md, guide 1.3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.photo import estimates
from assessor.photo.estimates import Estimate
from assessor.photo.incision import Curve, FloatArray
from assessor.photo.row import Row, take
from assessor.photo.validity import PAIRED
from assessor.results import MetricStatus, StitchFinding

MIN_FOR_SPREAD = 4  # values; below, the spread's own uncertainty exceeds 40 % (guide 1.3)
# A tail curls out of the plane and its end is frayed: relative sd of its seen length.
TAIL_RELATIVE_SD = 0.05
ON_WOUND_MM, ON_WOUND_SHARE = 1.0, 0.25  # a knot this near is on the wound, on neither side (guide 1.3)
# Mean of sqrt(max(0, z^2 - 1)) over a standard normal z: what noise leaves of a corrected |asymmetry|.
FOLD_REST = 0.34
LOOP_DEG = 15.0  # a knotted end of a running row that leans this much less or more is no pass of it


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A row of n stitches in one plane and what its units are worth.

    `has_incision`: else the curve is only the row's axis. `has_direction`: else not even that holds
    (a lone stitch). `end_sd` is of the incision's ends, along it; `end_cut`: it only leaves the photo
    there. `mm_per_unit` None without a scale. `unit_per_px` (n,) converts path lengths at each stitch,
    `knots` (n, 2) are in plane units, NaN where unseen.
    """

    row: Row
    curve: Curve
    has_incision: bool
    has_direction: bool
    end_sd: tuple[float, float]
    end_cut: tuple[bool, bool]
    mm_per_unit: float | None
    scale_relative_sd: float
    unit_per_px: FloatArray
    knots: FloatArray


@dataclass(frozen=True, slots=True)
class Finding:
    """A metric before units: an estimate of n values, or why there is none."""

    n: int
    estimate: Estimate | None = None
    status: MetricStatus = "measured"
    reference: float | None = None  # a length is uncertain relative to this, where not to itself


@dataclass(frozen=True, slots=True, eq=False)
class Stitched:
    """What the formulas share: the uncut stitches and their gaps."""

    plane: Plane
    row: Row  # uncut stitches
    index: NDArray[np.intp]  # of each among all findings
    findings: tuple[StitchFinding, ...]
    technique: str
    passes_on: NDArray[np.bool_]  # which show the row's travel and lean: not the loops that end a running row
    paired: bool | None  # False: passes that do not come in whole pairs
    gaps: FloatArray  # (m, n) difference matrix: gaps between stitches = gaps @ crossing
    passes: FloatArray  # likewise between the two passes of a stitch


def gather(plane: Plane, findings: tuple[StitchFinding, ...], technique: str) -> Stitched:
    """The uncut stitches of a row and their gaps; a gap across a cut stitch is none, nor is one to a loop."""
    whole = np.array([not f.cut for f in findings])
    index = np.flatnonzero(whole)
    n = len(index)
    row = take(plane.row, whole)
    on = np.ones(n, bool)
    if technique == "simple_running" and plane.has_direction:
        on = ~_end_loops(row, tuple(findings[i] for i in index))
    neighbours = [k for k in range(n - 1) if index[k + 1] == index[k] + 1 and on[k] and on[k + 1]]
    between, within = neighbours, list[int]()
    paired: bool | None = None
    if technique in PAIRED:
        paired = n % 2 == 0 and bool(whole.all())  # a cut pass leaves its partner alone
        between = [k for k in neighbours if k % 2 == 1] if paired else []
        within = [k for k in neighbours if k % 2 == 0] if paired else []
    return Stitched(
        plane,
        row,
        index,
        findings,
        technique,
        on,
        paired,
        _differences(between, n),
        _differences(within, n),
    )


def _end_loops(row: Row, findings: tuple[StitchFinding, ...]) -> NDArray[np.bool_]:
    """The knotted stitches at a running row's ends that close square over the wound, as the knot is tied
    between two punctures, while the passes run on: half a gap from the next one, at another angle."""
    loops = np.zeros(len(findings), bool)
    if len(findings) >= MIN_FOR_SPREAD:
        usual = estimates.axial_mean(row.angle[1:-1])
        for k in (0, -1):
            apart = abs(math.degrees(row.angle[k] - usual)) % 180
            loops[k] = findings[k].knot_px is not None and min(apart, 180 - apart) > LOOP_DEG
    return loops


def _differences(at: list[int], n: int) -> FloatArray:
    out = np.zeros((len(at), n))
    for i, k in enumerate(at):
        out[i, k], out[i, k + 1] = -1.0, 1.0
    return out


def _gaps(w: Stitched, differences: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gap lengths (m,) and their covariance (m, m): neighbours share a stitch."""
    covariance = differences @ np.diag(w.row.crossing_sd**2) @ differences.T
    return differences @ w.row.crossing, covariance


def _errors(w: Stitched, sd: FloatArray) -> FloatArray:
    """Covariance (n, n) of errors along the threads: the stitches of a row have a share in common."""
    share = w.row.common_share
    covariance: FloatArray = share * np.outer(sd, sd) + (1 - share) * np.diag(sd**2)
    return covariance


def _unpaired(w: Stitched) -> Finding | None:
    return Finding(len(w.row), status="not_seen") if w.paired is False else None


def stitch_count(w: Stitched) -> Finding:
    confidence = np.array([w.findings[i].confidence for i in w.index])
    each = 2 if w.technique in PAIRED else 1
    sd = float(np.sqrt((confidence * (1 - confidence)).sum())) / each
    return _unpaired(w) or Finding(len(w.row), Estimate(float(len(w.row) // each), sd))


def spacing(w: Stitched) -> Finding:
    x, covariance = _gaps(w, w.gaps)
    if len(x) < 1:
        return _unpaired(w) or Finding(0, status="too_few")
    return Finding(len(x), estimates.mean(x, covariance))


def spacing_cv(w: Stitched) -> Finding:
    x, covariance = _gaps(w, w.gaps)
    if len(x) < MIN_FOR_SPREAD or x.mean() <= 0:
        return _unpaired(w) or Finding(len(x), status="too_few")
    return Finding(len(x), estimates.variation(x, covariance))


def pass_distance(w: Stitched) -> Finding:
    x, covariance = _gaps(w, w.passes)
    if len(x) < 1:
        return _unpaired(w) or Finding(0, status="too_few")
    return Finding(len(x), estimates.mean(x, covariance))


def _one_bite(side: int) -> Callable[[Stitched], Finding]:
    def bite(w: Stitched) -> Finding:
        x, sd = w.row.bite[w.row.crosses, side], w.row.bite_sd[w.row.crosses, side]
        if not w.plane.has_incision or not len(x):
            return Finding(len(x) if w.plane.has_incision else 0, status="not_seen")
        return Finding(len(x), estimates.mean(x, _errors(w, sd), w.row.line_sd))

    return bite


def _totals(w: Stitched) -> tuple[FloatArray, FloatArray]:
    """Total bites and their sd; where the incision is unseen the row's axis serves as well."""
    use = w.row.crosses if w.plane.has_incision else np.ones(len(w.row), bool)
    return w.row.total[use], w.row.total_sd[use]


def total_bite(w: Stitched) -> Finding:
    x, sd = _totals(w)
    if not w.plane.has_direction or not len(x):
        return Finding(0, status="not_seen")
    return Finding(len(x), estimates.mean(x, _errors(w, sd)))


def bite_cv(w: Stitched) -> Finding:
    x, sd = _totals(w)
    if not w.plane.has_direction or not len(x):
        return Finding(0, status="not_seen")
    if len(x) < MIN_FOR_SPREAD or x.mean() <= 0:
        return Finding(len(x), status="too_few")
    return Finding(len(x), estimates.variation(x, _errors(w, sd)))


def _asymmetry(w: Stitched) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """(right - left) / (right + left) of each crossing stitch, its own sd, and that by the line."""
    r = w.row
    if not w.plane.has_incision or not r.crosses.any():
        return None
    left, right = r.bite[r.crosses].T
    sd = r.bite_sd[r.crosses]
    total = left + right
    own = 2 * np.hypot(left * sd[:, 1], right * sd[:, 0]) / total**2
    return (right - left) / total, own, 2 * r.line_sd / total


def symmetry(w: Stitched) -> Finding:
    """Mean of shorter over longer bite, the noise's share taken out of each |asymmetry|."""
    found = _asymmetry(w)
    if found is None:
        return Finding(0, status="not_seen")
    a, own, line = found
    n = len(a)
    clean = np.sqrt(np.maximum(a**2 - own**2, 0.0))
    slope = 2 / (1 + clean) ** 2
    share = w.row.common_share
    random = np.sqrt((1 - share) * ((slope * own) ** 2).sum()) / n
    left_over = FOLD_REST * float((slope * own).mean())  # does not average out near perfect symmetry
    # what is common turns uneven stitches of either hand in opposite ways, even ones only down
    even = clean == 0
    line = np.hypot(line, math.sqrt(share) * own)
    common = abs(float((np.sign(a) * slope * line * ~even).mean())) + float((slope * line * even).mean())
    sd = float(np.sqrt(random**2 + left_over**2 + common**2))
    return Finding(n, Estimate(float(((1 - clean) / (1 + clean)).mean()), sd))


def bite_bias(w: Stitched) -> Finding:
    found = _asymmetry(w)
    if found is None:
        return Finding(0, status="not_seen")
    a, own, line = found
    return Finding(len(a), estimates.mean(a, _errors(w, own), float(line.mean())))


def bite_travel(w: Stitched) -> Finding:
    bite, gap = total_bite(w), spacing(w)
    n = min(bite.n, gap.n)
    if bite.estimate is None or gap.estimate is None:
        return Finding(n, status=bite.status if bite.estimate is None else gap.status)
    if gap.estimate.value <= 0 or bite.estimate.value <= 0:
        return Finding(n, status="uncertain")
    return Finding(n, estimates.ratio(bite.estimate, gap.estimate))


def angle(w: Stitched) -> Finding:
    if not w.plane.has_direction:
        return Finding(0, status="not_seen")
    angle, each_sd = w.row.angle[w.passes_on], w.row.angle_sd[w.passes_on]
    n = len(angle)
    centre = math.degrees(estimates.axial_mean(angle))
    sd = math.hypot(float(np.sqrt(_errors(w, each_sd).sum())) / n, w.row.axis_sd)
    return Finding(n, Estimate(min(centre, 180 - centre), math.degrees(sd)))


def angle_spread(w: Stitched) -> Finding:
    if not w.plane.has_direction:
        return Finding(0, status="not_seen")
    angle, sd = w.row.angle[w.passes_on], w.row.angle_sd[w.passes_on]
    n = len(angle)
    if n < MIN_FOR_SPREAD:
        return Finding(n, status="too_few")
    s = estimates.axial_spread(angle, _errors(w, sd))
    sampling = None if s.sampling_sd is None else math.degrees(s.sampling_sd)
    return Finding(n, Estimate(math.degrees(s.value), math.degrees(s.sd), sampling))


def row_straightness(w: Stitched) -> Finding:
    """How far bites stray from the incision offset by their side's mean bite: root mean square."""
    r = w.row
    if not w.plane.has_incision:
        return Finding(0, status="not_seen")
    x, sd = r.bite[r.crosses], r.bite_sd[r.crosses]
    n = len(x)
    if n < MIN_FOR_SPREAD:
        return Finding(n, status="too_few")
    (left, left_sd), (right, right_sd) = (
        estimates.variance(x[:, side], _errors(w, sd[:, side])) for side in (0, 1)
    )
    value, value_sd = estimates.root((left + right) / 2, math.hypot(left_sd, right_sd) / 2)
    sampling = estimates.few(value, 2 * n - 1)  # 2 (n - 1) degrees of freedom
    return Finding(n, Estimate(value, value_sd, sampling), reference=float(x.sum(1).mean()))


def knot_side_share(w: Stitched) -> Finding:
    seen = ~np.isnan(w.plane.knots[w.index, 0])
    if not w.plane.has_incision or not seen.any():
        return Finding(0, status="not_seen")
    _, offset = w.plane.curve.project(w.plane.knots[w.index][seen])
    bite = np.nanmin(np.where(w.row.crosses[:, None], w.row.bite, np.inf), axis=1)[seen]
    near = ON_WOUND_SHARE * np.where(np.isfinite(bite), bite, 0.0)
    if w.plane.mm_per_unit is not None:
        near = np.maximum(near, np.minimum(ON_WOUND_MM / w.plane.mm_per_unit, bite / 2))
    beside = np.abs(offset) > near
    n = int(beside.sum())
    if n < 2:
        return Finding(n, status="too_few")
    k = offset[beside]
    sd = np.hypot(w.row.bite_sd[seen].mean(1)[beside], w.row.line_sd)
    wrong = np.array([_flip_chance(float(a), float(b)) for a, b in zip(k, sd, strict=True)])
    share = max(int((k > 0).sum()), int((k < 0).sum())) / n
    return Finding(n, Estimate(share, float(np.sqrt((wrong * (1 - wrong)).sum())) / n))


def _flip_chance(offset: float, sd: float) -> float:
    """That a knot seen at a signed offset lies on the other side."""
    return 0.5 * math.erfc(abs(offset) / (max(sd, 1e-12) * math.sqrt(2)))


def tail(w: Stitched) -> Finding:
    lengths: list[float] = []
    variances: list[float] = []
    for k in w.index:
        per_px = float(w.plane.unit_per_px[k])
        end_sd = float(np.mean(w.findings[k].bite_sd_px)) * per_px
        for px in w.findings[k].tails_px:
            lengths.append(px * per_px)
            variances.append(2 * end_sd**2 + (TAIL_RELATIVE_SD * px * per_px) ** 2)
    if not lengths:
        return Finding(0, status="not_seen")
    return Finding(len(lengths), estimates.mean(np.array(lengths), np.diag(variances)))


def end_gap(w: Stitched) -> Finding:
    """The larger of the two stretches between an end of the incision and the stitch next to it."""
    if not w.plane.has_incision:
        return Finding(0, status="not_seen")
    r = w.row
    start_sd, end_sd = w.plane.end_sd
    start_cut, end_cut = _ends_cut(w)
    gaps: list[tuple[float, float]] = []
    if not start_cut:
        gaps.append((float(r.crossing[0]), math.hypot(r.crossing_sd[0], start_sd)))
    if not end_cut:
        gaps.append((w.plane.curve.length - float(r.crossing[-1]), math.hypot(r.crossing_sd[-1], end_sd)))
    if not gaps:
        return Finding(0, status="not_seen")
    value, sd = max(gaps)
    gap = spacing(w).estimate
    reference = max(abs(value), 0.0 if gap is None else gap.value)
    return Finding(len(gaps), Estimate(value, sd), reference=reference)


def _ends_cut(w: Stitched) -> tuple[bool, bool]:
    """At which end the wound goes on outside the photo: it or its last stitch is cut there."""
    start, end = w.plane.end_cut
    return start or w.findings[0].cut, end or w.findings[-1].cut


def coverage(w: Stitched) -> Finding:
    """Share of the incision between the first and the last stitch."""
    if not w.plane.has_incision or any(_ends_cut(w)):
        return Finding(0, status="not_seen")
    r, length = w.row, w.plane.curve.length
    n = len(r)
    if n < 2:
        return Finding(n, status="too_few")
    start, end = max(float(r.crossing[0]), 0.0), min(float(r.crossing[-1]), length)
    value = max(0.0, end - start) / length
    ends = value * math.hypot(*w.plane.end_sd)
    return Finding(n, Estimate(value, math.hypot(r.crossing_sd[0], r.crossing_sd[-1], ends) / length))


def suture_wound_ratio(w: Stitched) -> Finding:
    """(visible diagonal + pass below, about two bites) per spacing (guide 1.3, after Klonner 2019)."""
    gap, bite = spacing(w), total_bite(w)
    n = min(gap.n, bite.n)
    if gap.estimate is None or bite.estimate is None:
        return Finding(n, status=gap.status if gap.estimate is None else bite.status)
    if gap.estimate.value <= 0:
        return Finding(n, status="uncertain")
    on = w.passes_on
    above = estimates.mean(w.row.length[on], _errors(w, (w.row.length_sd + w.row.total_sd)[on]))
    thread = Estimate(above.value + bite.estimate.value, above.sd)
    return Finding(n, estimates.ratio(thread, gap.estimate))


FORMULAS: dict[str, Callable[[Stitched], Finding]] = {
    "stitch_count": stitch_count,
    "spacing_mm": spacing,
    "spacing_cv": spacing_cv,
    "bite_left_mm": _one_bite(0),
    "bite_right_mm": _one_bite(1),
    "total_bite_mm": total_bite,
    "bite_cv": bite_cv,
    "symmetry": symmetry,
    "bite_bias": bite_bias,
    "bite_travel_ratio": bite_travel,
    "angle_deg": angle,
    "angle_spread_deg": angle_spread,
    "row_straightness_mm": row_straightness,
    "knot_side_share": knot_side_share,
    "tail_mm": tail,
    "end_gap_mm": end_gap,
    "coverage": coverage,
    "pass_distance_mm": pass_distance,
    "suture_wound_ratio": suture_wound_ratio,
}
