"""A person's clips over time, and what a class's clips say beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.store.models import Result, ResultMetric, Submission
from api.store.motion_digest import TRENDS
from api.store.submissions import counting


@dataclass(frozen=True, slots=True)
class MotionPoint:
    """One measure of one hand in one clip, in a person's history."""

    submission_id: int
    created_at: datetime
    task: str
    hand: str
    metric: str
    value: float
    sd: float | None


def history(session: Session, person_id: int) -> list[MotionPoint]:
    """What was measured of a person's clips, of the measures that trends are shown of, the oldest first."""
    query = (
        select(Submission, ResultMetric.name, ResultMetric.value, ResultMetric.sd)
        .join(Result, counting())
        .join(ResultMetric, ResultMetric.result_id == Result.id)
        .where(
            Submission.person_id == person_id,
            Submission.kind == "clip",
            ResultMetric.status == "measured",
            ResultMetric.value.is_not(None),
        )
        .order_by(Submission.id, ResultMetric.name)
    )
    found = []
    for subject, name, value, sd in session.execute(query):
        hand, _, metric = name.partition(".")
        if metric in TRENDS and value is not None:
            found.append(MotionPoint(subject.id, subject.created_at, subject.task, hand, metric, value, sd))
    return found


def metrics_of(session: Session, result_ids: Sequence[int]) -> dict[int, dict[str, ResultMetric]]:
    """All metrics of these results, by name."""
    found: dict[int, dict[str, ResultMetric]] = {}
    for row in session.scalars(select(ResultMetric).where(ResultMetric.result_id.in_(result_ids))):
        found.setdefault(row.result_id, {})[row.name] = row
    return found
