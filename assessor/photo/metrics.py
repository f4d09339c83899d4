"""The metrics of a wound: estimates with units, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from assessor.photo.estimates import Estimate
from assessor.photo.formulas import FORMULAS, Finding, Plane, Stitched, gather
from assessor.photo.row import take
from assessor.photo.validity import applies, names, unit
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
    rivals = [] if plane is None or unsure else _without_each_doubt(plane, findings, technique)
    for name in names(technique):
        if not applies(name, technique):
            found = Finding(0, status="not_applicable")
        elif wound is None or plane is None or not len(wound.row):
            found = Finding(0, status="not_seen" if name == "stitch_count" else "too_few")
        else:
            found = Finding(len(findings), status="uncertain") if unsure else FORMULAS[name](wound)
            if name != "stitch_count":  # which says so already
                found = _as_sure_as_its_stitches(found, [(v, FORMULAS[name](w)) for v, w in rivals])
        if plane is None or not name.endswith("_mm"):
            out[name] = _plain(name, found)
        elif plane.mm_per_unit is not None:
            out[name] = _length(name, found, plane.mm_per_unit, plane.scale_relative_sd)
        elif found.status == "measured":
            twin = _length(name.removesuffix("_mm") + "_px", found, 1.0, 0.0)
            out[name] = Metric(None, None, found.n, "mm", "no_scale")
            out[name.removesuffix("_mm") + "_px"] = twin
        else:
            out[name] = _plain(name, found)
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


def _as_sure_as_its_stitches(found: Finding, rivals: list[tuple[float, Finding]]) -> Finding:
    """Its sd with how much it hangs on each doubtful stitch: c (1 - c) times the square of the change."""
    estimate = found.estimate
    if estimate is None:
        return found
    changes = [
        share * (estimate.value - rival.estimate.value) ** 2 for share, rival in rivals if rival.estimate
    ]
    sd = math.sqrt(estimate.sd**2 + sum(changes))
    return replace(found, estimate=Estimate(estimate.value, sd, estimate.sampling_sd))


def _plain(name: str, found: Finding) -> Metric:
    estimate = found.estimate
    if estimate is None:
        return Metric(None, None, found.n, unit(name), found.status)
    limit = MAX_SD.get(name)
    if name in ("bite_travel_ratio", "suture_wound_ratio"):
        limit = MAX_RELATIVE_SD * estimate.value
    if limit is not None and estimate.sd > limit:
        return Metric(None, estimate.sd, found.n, unit(name), "uncertain")
    return Metric(
        estimate.value, estimate.sd, found.n, unit(name), "measured", sampling_sd=estimate.sampling_sd
    )


def _length(name: str, found: Finding, factor: float, relative_sd: float) -> Metric:
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
    return Metric(value, sd, found.n, unit(name), status, sampling_sd=sampling)
