"""A wound as seen -> its stitches in order, laid along the incision or along their own axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from assessor.photo.incision import BoolArray, Curve, FloatArray, row_axis, smooth_curve
from assessor.photo.row import Row, lay_out
from assessor.results import StitchFinding, WoundFinding

# Without an incision the row's own axis stands in. Its direction is trusted to the scatter of the
# stitch middles about it, but never better than this share of a stitch: a wound need not run
# exactly through the middles.
AXIS_WOBBLE_SHARE = 0.1

Transform = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A wound's stitches in one plane. `has_incision`: else `curve` is only the row's axis;
    `has_direction`: else not even that (a lone stitch). `end_sd` is of the incision's two ends."""

    row: Row
    curve: Curve
    has_incision: bool
    has_direction: bool
    end_sd: tuple[float, float] = (0.0, 0.0)


def in_order(findings: list[StitchFinding], wound: WoundFinding) -> list[StitchFinding]:
    """Sorted along the row, each with its left bite first."""
    curve = lay_out_wound(findings, wound, None).curve
    bites = np.array([f.bites_px for f in findings], np.float64)
    u, d = (a.reshape(-1, 2) for a in curve.project(bites.reshape(-1, 2)))
    total = d[:, 1] - d[:, 0]
    across = d[:, 0] * d[:, 1] < 0
    share = np.where(across, -d[:, 0] / np.where(across, total, 1.0), 0.5)  # way to the curve
    order = np.argsort(u[:, 0] + share * (u[:, 1] - u[:, 0]), kind="stable")
    return [_mirrored(findings[i]) if total[i] < 0 else findings[i] for i in order]


def _mirrored(f: StitchFinding) -> StitchFinding:
    return replace(f, bites_px=f.bites_px[::-1], bite_sd_px=f.bite_sd_px[::-1], inferred=f.inferred[::-1])


def lay_out_wound(findings: list[StitchFinding], wound: WoundFinding, rectify: Transform | None) -> Layout:
    """The row in pixels, or on the plane that `rectify` maps to."""
    bites_px = np.array([f.bites_px for f in findings], np.float64)
    sd = np.array([f.bite_sd_px for f in findings], np.float64)
    flat = bites_px.reshape(-1, 2)
    chord = bites_px[:, 1] - bites_px[:, 0]
    thread = chord / np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)[:, None]
    line_sd, share, unit = wound.incision_sd_px, wound.bite_common_share, 1.0
    incision = np.asarray(wound.incision_px if wound.incision_px is not None else [], np.float64)
    incision = incision.reshape(-1, 2)
    bites = bites_px
    if rectify is not None:
        bites = rectify(flat).reshape(bites_px.shape)
        stretch = rectify(flat + np.repeat(thread, 2, axis=0)).reshape(bites.shape) - bites
        sd = sd * np.hypot(stretch[..., 0], stretch[..., 1])
        incision = rectify(incision)
        square = rectify(flat.mean(0) + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        unit = float(np.sqrt(abs(np.linalg.det(square[1:] - square[0]))))
        line_sd *= unit
    curve = smooth_curve(incision, line_sd)
    if curve is not None:
        start, end = wound.incision_end_sd_px
        return Layout(
            lay_out(bites, sd, curve, line_sd, 0.0, share), curve, True, True, (unit * start, unit * end)
        )
    return _along_axis(bites, sd, np.array([f.cut for f in findings]), share)


def _along_axis(bites: FloatArray, sd: FloatArray, cut: BoolArray, share: float) -> Layout:
    """Laid along the row's own axis; a lone stitch along its own perpendicular, which tells nothing."""
    middles = bites.mean(1)
    curve = row_axis(middles if cut.all() else middles[~cut])
    if curve is None:
        chord = bites[0, 1] - bites[0, 0]
        across = np.array([chord[1], -chord[0]])
        across = across if np.hypot(*across) > 1e-9 else np.array([1.0, 0.0])
        curve = smooth_curve([middles[0] - across, middles[0] + across], 0.0)
        assert curve is not None  # two distinct points
        return Layout(lay_out(bites, sd, curve, 0.0, float(np.pi), share), curve, False, False)
    along, off = curve.project(middles)
    wobble = max(
        float(np.sqrt((off**2).mean())),
        AXIS_WOBBLE_SHARE * float(np.hypot(*(bites[:, 1] - bites[:, 0]).T).mean()),
    )
    lever = max(float(np.sqrt(((along - along.mean()) ** 2).sum())), 1e-9)
    return Layout(lay_out(bites, sd, curve, 0.0, wobble / lever, share), curve, False, True)
