"""Which found stitch is which true one: one rule for scores, calibration, tables and tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
NEAR = 0.25  # share of the true stitch's length within which both bites must lie
LEAST_PX = 6.0  # or within this many pixels


def matched(true: Points, found: Points, near_share: float = NEAR) -> list[tuple[int, int, int]]:
    """Stitches (n, 2, 2) and (m, 2, 2) px, one for one: (true, found, way), indices and a step of 1 or -1.

    `found[j][::way]` are the bites in the order of `true[i]`.
    """
    from scipy.optimize import linear_sum_assignment

    if not len(true) or not len(found):
        return []
    ways = np.stack([found, found[:, ::-1]])
    apart = np.linalg.norm(ways[:, None] - true[None, :, None], axis=-1)  # way, true, found, bite
    way = apart.sum(-1).argmin(0)[None, ..., None]
    ends = np.take_along_axis(apart, way, 0)[0]
    length = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
    near = ends.max(-1) <= np.maximum(LEAST_PX, near_share * length)[:, None]
    rows, columns = linear_sum_assignment(np.where(near, ends.mean(-1), 1e6))
    turned = way[0, ..., 0]
    return [
        (int(i), int(j), 1 - 2 * int(turned[i, j])) for i, j in zip(rows, columns, strict=True) if near[i, j]
    ]
