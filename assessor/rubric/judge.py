"""Metrics against a rubric: a target and points for each, and their sum where enough was measured."""

from __future__ import annotations

import math
from dataclasses import replace

from assessor.results import Metric, Score, Target
from assessor.rubric.load import Rubric, RubricTarget

MIN_COVERAGE = 0.60  # share of the rubric's weight below which there is no score (guide 1.3)


def judge(metrics: dict[str, Metric], rubric: Rubric) -> tuple[dict[str, Metric], Score | None]:
    """The metrics with targets and points, and the score.

    What was not measured has no points and is left out of the score; below 60 % of the weight there
    is no score. There is no pass mark.
    """
    judged = dict(metrics)
    points = of = 0.0
    for name, asked in rubric.targets.items():
        metric = metrics.get(name)
        target = None if metric is None else _resolved(asked, metrics)
        if metric is None or target is None:
            continue
        if metric.status != "measured" or metric.value is None:
            judged[name] = replace(metric, target=target)
            continue
        got = target.weight * share(metric.value, target)
        judged[name] = replace(metric, target=target, points=got)
        points, of = points + got, of + target.weight
    coverage = of / rubric.weight
    if coverage < MIN_COVERAGE:
        return judged, None
    return judged, Score(points, of, coverage, rubric.name, rubric.version)


def share(value: float, target: Target) -> float:
    """Share of the points: 1 inside [low, high], falling linearly to 0 at `slack` beyond."""
    return max(0.0, 1.0 - beyond(value, target) / target.slack)


def beyond(value: float, target: Target) -> float:
    """How far outside [low, high] a value lies; 0 inside."""
    low = -math.inf if target.low is None else target.low
    high = math.inf if target.high is None else target.high
    return max(low - value, value - high, 0.0)


def _resolved(asked: RubricTarget, metrics: dict[str, Metric]) -> Target | None:
    """The target for this very row; None where it hangs on a metric that was not measured."""
    low, high = asked.low, asked.high
    if asked.running:
        ratio = metrics.get("bite_travel_ratio")
        if ratio is None or ratio.value is None or low is None or high is None:
            return None
        # visible diagonal over total bite 2b and spacing s, the passes below square: atan(2b/s)
        ideal = math.degrees(math.atan(ratio.value))
        low, high = ideal + low, min(ideal + high, 90.0)
    if asked.not_above is not None:
        cap = metrics.get(asked.not_above)
        if cap is not None and cap.status == "measured" and cap.value is not None:
            high = cap.value if high is None else min(high, cap.value)
            if low is not None:  # a row so dense that the cap lies below the range: only its edge is right
                low = min(low, high)
    return Target(low, high, asked.slack, asked.evidence, asked.source, asked.weight)
