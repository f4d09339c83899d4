"""A wound as seen -> measured stitches and metrics, with uncertainties; geometry only, no pixels.

What `sd` means: the standard uncertainty of the reported value for this very pad. The scale's relative
sd, the incision's offset and a share of the bites' errors are common to all stitches, so they do not
average out. Formulas: guide metrics.md 1.3, restated in docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assessor.photo.formulas import Plane
from assessor.photo.incision import FloatArray
from assessor.photo.layout import Transform, in_order, lay_out_wound
from assessor.photo.metrics import wound_metrics
from assessor.photo.row import Row
from assessor.results import Metric, Scale, Stitch, StitchFinding, WoundFinding


def measure(
    wound: WoundFinding, scale: Scale | None, technique: str
) -> tuple[tuple[Stitch, ...], dict[str, Metric]]:
    """Stitches in order along the row, and every metric of the contract.

    Millimetres need a `scale`; its homography, where it has one, rectifies the points first. Cut
    stitches are returned but measure nothing. Never raises on an empty or degenerate wound.
    """
    findings = [f for f in wound.stitches if np.isfinite(f.bites_px).all()]
    if not findings:
        return (), wound_metrics(None, (), technique)
    findings = in_order(findings, wound)
    if technique == "figure_of_eight":
        findings = in_order(_passes(findings), wound)
    rectify = _rectifier(scale, findings)
    px = lay_out_wound(findings, wound, None)
    flat = px if rectify is None else lay_out_wound(findings, wound, rectify)
    plane = Plane(
        row=flat.row,
        curve=flat.curve,
        has_incision=flat.has_incision,
        has_direction=flat.has_direction,
        end_sd=flat.end_sd,
        end_cut=wound.incision_cut,
        mm_per_unit=None if scale is None else 1.0 if rectify else scale.mm_per_px,
        scale_relative_sd=0.0 if scale is None else scale.relative_sd,
        unit_per_px=flat.row.length / px.row.length,
        knots=_knots(findings, rectify),
    )
    stitches = tuple(_stitch(finding, i, px.row, plane) for i, finding in enumerate(findings))
    return stitches, wound_metrics(plane, tuple(findings), technique)


def _passes(findings: list[StitchFinding]) -> list[StitchFinding]:
    """Figures of eight seen as their two diagonals (left bite first) -> as their two passes."""
    out = list(findings)
    for i in range(len(out) - 1):
        a, b = out[i], out[i + 1]
        if _cross(a, b):
            out[i], out[i + 1] = _with_right_of(a, b), _with_right_of(b, a)
    return out


def _with_right_of(a: StitchFinding, b: StitchFinding) -> StitchFinding:
    return replace(
        a,
        bites_px=(a.bites_px[0], b.bites_px[1]),
        bite_sd_px=(a.bite_sd_px[0], b.bite_sd_px[1]),
        inferred=(a.inferred[0], b.inferred[1]),
    )


def _cross(a: StitchFinding, b: StitchFinding) -> bool:
    """Whether the two threads, as straight segments, meet."""

    def side(p: FloatArray, q: FloatArray, r: FloatArray) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    (p, q), (r, s) = np.asarray(a.bites_px, np.float64), np.asarray(b.bites_px, np.float64)
    return side(p, q, r) * side(p, q, s) < 0 and side(r, s, p) * side(r, s, q) < 0


def _rectifier(scale: Scale | None, findings: list[StitchFinding]) -> Transform | None:
    """Pixels (k, 2) to millimetres with y still down; None where the scale is a plain factor.

    None also where the plane's horizon cuts through the stitches: such a homography does not hold here.
    """
    if scale is None or scale.px_to_mm is None:
        return None
    h = np.asarray(scale.px_to_mm, np.float64)
    bites = np.array([f.bites_px for f in findings], np.float64).reshape(-1, 2)
    depth = bites @ h[2, :2] + h[2, 2]
    if not np.isfinite(depth).all() or depth.min() * depth.max() <= 0:
        return None

    def plain(points: FloatArray) -> FloatArray:
        out = np.column_stack([points, np.ones(len(points))]) @ h.T
        result: FloatArray = out[:, :2] / out[:, 2:]
        return result

    corner = plain(bites.mean(0) + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    (ax, ay), (bx, by) = corner[1] - corner[0], corner[2] - corner[0]
    upside = np.array([1.0, -1.0 if ax * by - ay * bx < 0 else 1.0])  # left must stay left
    return lambda points: plain(points) * upside


def _knots(findings: list[StitchFinding], rectify: Transform | None) -> FloatArray:
    """(n, 2) knots in plane units, NaN where none was seen."""
    knots = np.array([f.knot_px if f.knot_px is not None else (np.nan, np.nan) for f in findings], np.float64)
    return knots if rectify is None else rectify(knots)


def _stitch(finding: StitchFinding, i: int, px: Row, plane: Plane) -> Stitch:
    row, mm, relative = plane.row, plane.mm_per_unit, plane.scale_relative_sd
    bites_hold = plane.has_incision and bool(row.crosses[i]) and not finding.cut
    angle_holds = plane.has_direction and not finding.cut

    def millimetres(value: float, sd: float) -> tuple[float, float] | tuple[None, None]:
        if mm is None:
            return None, None
        return float(value * mm), float(np.hypot(sd * mm, value * mm * relative))

    none: tuple[float, float] | tuple[None, None] = (None, None)
    left, right = none, none
    symmetry: float | None = None
    symmetry_sd: float | None = None
    if bites_hold:
        left = millimetres(row.bite[i, 0], float(np.hypot(row.bite_sd[i, 0], row.line_sd)))
        right = millimetres(row.bite[i, 1], float(np.hypot(row.bite_sd[i, 1], row.line_sd)))
        short, long = float(row.bite[i].min()), float(row.bite[i].max())
        symmetry = short / long
        k = int(row.bite[i, 1] < row.bite[i, 0])  # index of the shorter bite
        ends = np.hypot(row.bite_sd[i, k], symmetry * row.bite_sd[i, 1 - k])
        symmetry_sd = float(np.hypot(ends, (1 + symmetry) * row.line_sd)) / long
    length_mm, length_sd_mm = none if finding.cut else millimetres(row.length[i], row.length_sd[i])
    degrees = float(np.degrees(row.angle[i]))
    a, b = finding.bites_px
    return Stitch(
        bites=((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))),
        inferred=finding.inferred,
        knot=finding.knot_px,
        confidence=finding.confidence,
        cut=finding.cut,
        bite_left_px=float(px.bite[i, 0]) if bites_hold and px.crosses[i] else None,
        bite_right_px=float(px.bite[i, 1]) if bites_hold and px.crosses[i] else None,
        length_px=float(px.length[i]),
        bite_left_mm=left[0],
        bite_right_mm=right[0],
        length_mm=length_mm,
        bite_left_sd_mm=left[1],
        bite_right_sd_mm=right[1],
        length_sd_mm=length_sd_mm,
        angle_deg=min(degrees, 180 - degrees) if angle_holds else None,
        angle_sd_deg=float(np.degrees(np.hypot(row.angle_sd[i], row.axis_sd))) if angle_holds else None,
        symmetry=symmetry,
        symmetry_sd=symmetry_sd,
    )
