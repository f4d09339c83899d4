"""Wounds with exact geometry for tests of measuring and judging: no pixels, no rendering."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assessor.photo.measure import measure
from assessor.results import Metric, Point, Scale, StitchFinding, WoundFinding

Warp = Callable[[NDArray[np.float64]], NDArray[np.float64]]
SCALE = Scale(0.1, 0.0, "given")
SIMPLE = "simple_interrupted"


def finding(
    left: Sequence[float],
    right: Sequence[float],
    *,
    sd: float = 0.0,
    knot: Sequence[float] | None = None,
    cut: bool = False,
    tails: tuple[float, ...] = (),
    inferred: tuple[bool, bool] = (False, False),
    sds: tuple[float, float] | None = None,
    confidence: float = 1.0,
) -> StitchFinding:
    return StitchFinding(
        bites_px=(_point(left), _point(right)),
        bite_sd_px=sds or (sd, sd),
        inferred=inferred,
        confidence=confidence,
        knot_px=None if knot is None else _point(knot),
        cut=cut,
        tails_px=tails,
    )


def wound(
    stitches: Sequence[StitchFinding],
    incision: Sequence[Sequence[float]] | None = ((0, 0), (100, 0)),
    line_sd: float = 0.0,
) -> WoundFinding:
    points = None if incision is None else tuple(_point(p) for p in incision)
    return WoundFinding(points, 0.9 if points else 0.0, line_sd, tuple(stitches))


def straight(
    at: Sequence[float],
    left: Sequence[float] | float = 5.0,
    right: Sequence[float] | float = 5.0,
    slant: float = 0.0,
    knots: Sequence[bool] | bool = True,
    sd: float = 0.0,
) -> list[StitchFinding]:
    """Stitches across the x axis at x = `at`: left of it is y < 0. The right bite lies `slant` further on."""
    n = len(at)
    lefts = np.broadcast_to(np.asarray(left, float), n)
    rights = np.broadcast_to(np.asarray(right, float), n)
    tied = np.broadcast_to(np.asarray(knots, bool), n)
    out = []
    for x, a, b, k in zip(at, lefts, rights, tied, strict=True):
        # the thread crosses the incision at x, whatever the bites
        start, end = (x - slant * a / (a + b), -a), (x + slant * b / (a + b), b)
        out.append(finding(start, end, sd=sd, knot=(x, 0.8 * b) if k else None))
    return out


def moved(w: WoundFinding, warp: Warp, factor: float = 1.0) -> WoundFinding:
    """The wound with every point mapped, its standard deviations and lengths times `factor`."""

    def one(p: Point) -> Point:
        return _point(warp(np.array([p], float))[0])

    return WoundFinding(
        None if w.incision_px is None else tuple(one(p) for p in w.incision_px),
        w.incision_confidence,
        w.incision_sd_px * factor,
        tuple(
            StitchFinding(
                bites_px=(one(s.bites_px[0]), one(s.bites_px[1])),
                bite_sd_px=(s.bite_sd_px[0] * factor, s.bite_sd_px[1] * factor),
                inferred=s.inferred,
                confidence=s.confidence,
                knot_px=None if s.knot_px is None else one(s.knot_px),
                cut=s.cut,
                tails_px=tuple(t * factor for t in s.tails_px),
            )
            for s in w.stitches
        ),
    )


def similarity(angle: float, factor: float, shift: Sequence[float]) -> Warp:
    c, s = factor * np.cos(angle), factor * np.sin(angle)
    matrix = np.array([[c, -s], [s, c]])
    return lambda p: p @ matrix.T + np.asarray(shift, float)


def _point(p: Sequence[float] | NDArray[np.float64]) -> Point:
    return (float(p[0]), float(p[1]))


def metrics_of(w: WoundFinding, scale: Scale | None = SCALE, technique: str = SIMPLE) -> dict[str, Metric]:
    return measure(w, scale, technique)[1]


def value(metrics: dict[str, Metric], name: str) -> float:
    found = metrics[name].value
    assert found is not None, (name, metrics[name])
    return found
