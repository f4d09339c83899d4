"""The metrics of a wound: estimates with units, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from assessor.photo.estimates import Estimate
from assessor.photo.formulas import FORMULAS, Finding, Plane, Stitched, gather
from assessor.photo.row import take
from assessor.photo.validity import WIDE_GAP, applies, names, unit
from assessor.results import Metric, MetricStatus, StitchFinding

# Beyond these measurement uncertainties a number would mislead: no value, status "uncertain".
MAX_RELATIVE_SD = 0.25
MAX_SD: dict[str, float] = {
    "spacing_cv": 0.10,
    "bite_cv": 0.10,
    "symmetry": 0.15,
    "bite_bias": 0.15,
    "angle_deg": 10.0,
    "angle_spread_deg": 10.0,
    "knot_side_share": 0.25,
    "coverage": 0.25,
}
# Mean confidence of a wound's stitches below which, most likely, fewer than half of them are there.
LEAST_CONFIDENCE = 0.5

# The share of wide gaps that hides a stitch that was not found (rendered pads; of 15 on real ones 7). Widens
# the sd, but withholds no number: most such gaps are true.
_HIDES = 0.28
_MANY = 3  # gaps from which the others tell what is usual


def wound_metrics(
    plane: Plane | None, findings: tuple[StitchFinding, ...], technique: str
) -> dict[str, Metric]:
    """Every metric by name; `plane` None means that no stitch was seen.

    Without a scale each `_mm` metric is there with status no_scale and no value, and its `_px` twin
    carries value and sd, also with status no_scale.
    """
    out: dict[str, Metric] = {}
    unsure = doubtful(findings)
    wound = None if plane is None else gather(plane, findings, technique)
    less, more = list[tuple[float, Stitched]](), list[tuple[float, Stitched]]()
    if plane is not None and wound is not None and not unsure:
        less = _without_each_doubt(plane, findings, technique)
        more = _with_wide_gaps_filled(wound)
    for name in names(technique):
        missed = 0.0
        if not applies(name, technique):
            found = Finding(0, status="not_applicable")
        elif wound is None or plane is None or not len(wound.row):
            found = Finding(0, status="not_seen" if name == "stitch_count" else "too_few")
        else:
            found = Finding(len(findings), status="uncertain") if unsure else FORMULAS[name](wound)
            if name == "stitch_count":  # which counts its doubtful stitches already
                missed = sum(p for p, _ in more)
            else:
                found = _wider(found, _variance(found, [(p, FORMULAS[name](w)) for p, w in less]))
                missed = _variance(found, [(p, FORMULAS[name](w)) for p, w in more])
        if plane is None or not name.endswith("_mm"):
            out[name] = _plain(name, found, missed)
        elif plane.mm_per_unit is not None:
            out[name] = _length(name, found, missed, plane.mm_per_unit, plane.scale_relative_sd)
        elif found.status == "measured":
            twin = _length(name.removesuffix("_mm") + "_px", found, missed, 1.0, 0.0)
            out[name] = Metric(None, None, found.n, "mm", "no_scale")
            out[name.removesuffix("_mm") + "_px"] = twin
        else:
            out[name] = _plain(name, found, missed)
    return out


def doubtful(findings: tuple[StitchFinding, ...]) -> bool:
    """Whether so few of these stitches are sure that no number of theirs may be given."""
    return bool(findings) and sum(s.confidence for s in findings) / len(findings) < LEAST_CONFIDENCE


def _without_each_doubt(
    plane: Plane, findings: tuple[StitchFinding, ...], technique: str
) -> list[tuple[float, Stitched]]:
    """The wound without each stitch that is likelier not there than there, and c (1 - c) of that stitch."""
    out = []
    for k, s in enumerate(findings):
        if s.confidence < LEAST_CONFIDENCE and not s.cut:
            keep = np.arange(len(findings)) != k
            rest = replace(
                plane,
                row=take(plane.row, keep),
                unit_per_px=plane.unit_per_px[keep],
                knots=plane.knots[keep],
            )
            without = gather(rest, findings[:k] + findings[k + 1 :], technique)
            if len(without.row):
                out.append((s.confidence * (1 - s.confidence), without))
    return out


def _with_wide_gaps_filled(wound: Stitched) -> list[tuple[float, Stitched]]:
    """The wound with each wide gap halved, as by a stitch that was missed, and p (1 - p) of that."""
    gaps = wound.gaps @ wound.row.crossing
    out = []
    for k in range(len(gaps)) if len(gaps) >= _MANY else ():
        if gaps[k] > WIDE_GAP * np.median(np.delete(gaps, k)):
            halved = wound.gaps.copy()
            halved[k] /= 2
            filled = replace(wound, gaps=np.r_[halved, halved[k : k + 1]])
            out.append((_HIDES * (1 - _HIDES), filled))
    return out


def _variance(found: Finding, rivals: list[tuple[float, Finding]]) -> float:
    """How much it hangs on doubts: p (1 - p) times the square of the change that each would make."""
    value = None if found.estimate is None else found.estimate.value
    return sum(
        p * (value - other.estimate.value) ** 2
        for p, other in rivals
        if value is not None and other.estimate is not None
    )


def _wider(found: Finding, variance: float) -> Finding:
    """Its estimate with so much variance more."""
    e = found.estimate
    if e is None:
        return found
    return replace(found, estimate=Estimate(e.value, math.sqrt(e.sd**2 + variance), e.sampling_sd))


def _plain(name: str, found: Finding, missed: float) -> Metric:
    """A ratio, an angle or a count; `missed` is the variance by stitches that were not found."""
    estimate = found.estimate
    if estimate is None:
        return Metric(None, None, found.n, unit(name), found.status)
    limit = MAX_SD.get(name)
    if name in ("bite_travel_ratio", "suture_wound_ratio"):
        limit = MAX_RELATIVE_SD * estimate.value
    if limit is not None and estimate.sd > limit:
        return Metric(None, estimate.sd, found.n, unit(name), "uncertain")
    sd = math.sqrt(estimate.sd**2 + missed)
    return Metric(estimate.value, sd, found.n, unit(name), "measured", sampling_sd=estimate.sampling_sd)


def _length(name: str, found: Finding, missed: float, factor: float, relative_sd: float) -> Metric:
    """A length in millimetres (or pixels, for a `_px` name: status no_scale)."""
    estimate = found.estimate
    if estimate is None:
        return Metric(None, None, found.n, unit(name), found.status)
    value = estimate.value * factor
    sd = math.hypot(estimate.sd * factor, value * relative_sd)
    reference = abs(value) if found.reference is None else found.reference * factor
    if sd > MAX_RELATIVE_SD * reference:
        return Metric(None, sd, found.n, unit(name), "uncertain")
    sampling = None if estimate.sampling_sd is None else estimate.sampling_sd * factor
    status: MetricStatus = "no_scale" if name.endswith("_px") else "measured"
    sd = math.hypot(sd, math.sqrt(missed) * factor)
    return Metric(value, sd, found.n, unit(name), status, sampling_sd=sampling)
