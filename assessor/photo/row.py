"""Stitches as a row along a curve: arc lengths, bites, crossings and angles with their uncertainty.

Everything is in the units of one plane (pixels or millimetres). Formulas: guide metrics.md 1.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assessor.photo.incision import BoolArray, Curve, FloatArray

# A bite's position across its thread is known better than along it: the thread's own ridge fixes it.
# Share of the along-thread sd: on rendered pads 95 % lie within twice 0.67 of it, 0.61 under knots; to be
# checked whenever perception changes.
ACROSS_SHARE = 0.65


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """n stitches in order along a curve; index 0 of a pair is left of the curve, 1 right.

    `u`, `d` (n, 2): arc length and signed distance of the bites; `covariance` (n, 2, 2, 2) of (u, d)
    of each bite. `crosses` (n,): the bites lie on both sides. `bite` (n, 2): distance to the curve,
    NaN where the stitch does not cross. `total` (n,): normal component of the stitch. `crossing`
    (n,): arc length where the stitch meets the curve. `angle` (n,): radians in (0, pi) from the
    curve's tangent to the stitch. `*_sd` are each stitch's own; `line_sd`
    (offset of the curve) and `axis_sd` (its direction, radians) are common to the whole row, and so is
    `common_share` of the variance of the bites of either side.
    """

    bites: FloatArray
    u: FloatArray
    d: FloatArray
    covariance: FloatArray
    crosses: BoolArray
    bite: FloatArray
    bite_sd: FloatArray
    total: FloatArray
    total_sd: FloatArray
    crossing: FloatArray
    crossing_sd: FloatArray
    length: FloatArray
    length_sd: FloatArray
    angle: FloatArray
    angle_sd: FloatArray
    line_sd: float
    axis_sd: float
    common_share: float

    def __len__(self) -> int:
        return len(self.bites)


def lay_out(
    bites: FloatArray,
    along_sd: FloatArray,
    curve: Curve,
    line_sd: float,
    axis_sd: float,
    common_share: float = 0.0,
) -> Row:
    """The row of `bites` (n, 2, 2), already left then right and in order, along `curve`.

    `along_sd` (n, 2): standard deviation of each bite along its thread.
    """
    n = len(bites)
    u, d = (a.reshape(n, 2) for a in curve.project(bites.reshape(-1, 2)))
    chord = bites[:, 1] - bites[:, 0]
    length = np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)
    tangent = curve.tangent(u.mean(1), length)
    across_sd = ACROSS_SHARE * along_sd

    thread = chord / length[:, None]
    dot = (thread * tangent).sum(1)
    cross = tangent[:, 0] * thread[:, 1] - tangent[:, 1] * thread[:, 0]
    a2, c2 = along_sd**2, across_sd**2
    covariance = np.empty((n, 2, 2, 2))
    covariance[..., 0, 0] = a2 * (dot**2)[:, None] + c2 * (cross**2)[:, None]
    covariance[..., 1, 1] = a2 * (cross**2)[:, None] + c2 * (dot**2)[:, None]
    covariance[..., 0, 1] = covariance[..., 1, 0] = (a2 - c2) * (dot * cross)[:, None]

    crosses = (d[:, 0] < 0) & (d[:, 1] > 0)
    bite = np.where(crosses[:, None], np.abs(d), np.nan)
    total = np.maximum(d[:, 1] - d[:, 0], 0.0)
    bite_sd = np.sqrt(covariance[..., 1, 1])
    crossing, crossing_sd = _crossing(bites, u, d, covariance, crosses, curve)
    direction_sd = line_sd / length  # of the curve's chord over plus-minus one stitch length
    return Row(
        bites=bites,
        u=u,
        d=d,
        covariance=covariance,
        crosses=crosses,
        bite=bite,
        bite_sd=bite_sd,
        total=total,
        total_sd=np.hypot(bite_sd[:, 0], bite_sd[:, 1]),
        crossing=crossing,
        crossing_sd=crossing_sd,
        length=length,
        length_sd=np.hypot(along_sd[:, 0], along_sd[:, 1]),
        angle=np.mod(np.arctan2(cross, dot), np.pi),
        angle_sd=np.sqrt(c2.sum(1) / length**2 + direction_sd**2),
        line_sd=line_sd,
        axis_sd=axis_sd,
        common_share=common_share,
    )


def take(row: Row, keep: BoolArray) -> Row:
    """The row of the stitches where `keep` (n,) is true."""
    return Row(
        bites=row.bites[keep],
        u=row.u[keep],
        d=row.d[keep],
        covariance=row.covariance[keep],
        crosses=row.crosses[keep],
        bite=row.bite[keep],
        bite_sd=row.bite_sd[keep],
        total=row.total[keep],
        total_sd=row.total_sd[keep],
        crossing=row.crossing[keep],
        crossing_sd=row.crossing_sd[keep],
        length=row.length[keep],
        length_sd=row.length_sd[keep],
        angle=row.angle[keep],
        angle_sd=row.angle_sd[keep],
        line_sd=row.line_sd,
        axis_sd=row.axis_sd,
        common_share=row.common_share,
    )


def _crossing(
    bites: FloatArray,
    u: FloatArray,
    d: FloatArray,
    covariance: FloatArray,
    crosses: BoolArray,
    curve: Curve,
) -> tuple[FloatArray, FloatArray]:
    """Arc length where each stitch meets the curve and its sd; the middle where it does not."""
    total = np.where(crosses, d[:, 1] - d[:, 0], 1.0)
    share = np.where(crosses, -d[:, 0] / total, 0.5)
    at = u.mean(1)
    if crosses.any():
        for _ in range(2):  # the curve bends: walk along the thread until the distance vanishes
            point = bites[:, 0] + share[:, None] * (bites[:, 1] - bites[:, 0])
            foot, off = curve.project(point)
            at = np.where(crosses, foot, at)
            share = np.where(crosses, np.clip(share - off / total, 0.0, 1.0), share)
    slant = u[:, 1] - u[:, 0]
    pull = np.where(crosses, slant / total**2, 0.0)
    left = np.stack([1 - share, -pull * d[:, 1]], axis=1)
    right = np.stack([share, pull * d[:, 0]], axis=1)
    variance = np.einsum("ni,nij,nj->n", left, covariance[:, 0], left)
    variance += np.einsum("ni,nij,nj->n", right, covariance[:, 1], right)
    return at, np.sqrt(variance)
