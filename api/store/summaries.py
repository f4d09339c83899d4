"""What a class's submissions, or a person's, say together: distributions, faults, a history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from api.store.fate import ended, last_job
from api.store.models import Job, Result, ResultHint, ResultMetric, Submission
from api.store.submissions import State, counting


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """How a class did on one assignment; `metrics` holds the measured values of each metric."""

    states: dict[State, int]
    shares: list[float]
    metrics: dict[str, list[float]]
    hints: dict[str, int]
    refusals: dict[str, int]
    failures: dict[str, int]


def shares_of(session: Session, assignment_id: int) -> dict[int, float]:
    """The assessor's share of points of each submission of an assignment that has one, by id."""
    query = select(Submission.id, Result.points / Result.points_of).join(Result, counting())
    scored = query.where(Submission.assignment_id == assignment_id, Result.points_of > 0)
    return {id_: share for id_, share in session.execute(scored) if share is not None}


def class_summary(
    session: Session, assignment_id: int | None = None, *, batch_id: int | None = None
) -> ClassSummary:
    """Of all submissions of an assignment or of a batch, each by the result that counts."""
    handed_in = Submission.assignment_id == assignment_id
    if batch_id is not None:
        handed_in = Submission.id.in_(select(Job.submission_id).where(Job.batch_id == batch_id))
    here = select(Result.id).join(Submission, counting()).where(handed_in)
    states = session.execute(
        select(
            func.count(),
            func.count(Result.id),
            func.count(Result.error_code),
            func.count().filter(Result.id.is_(None), ended("failed")),
            func.count().filter(Result.id.is_(None), ended("cancelled")),
        )
        .select_from(Submission)
        .outerjoin(Result, counting())
        .where(handed_in)
    ).one()
    total, with_result, refused, failed, cancelled = states
    scored = select(Result.points / Result.points_of).where(Result.id.in_(here), Result.points_of > 0)
    metrics: dict[str, list[float]] = {}
    for name, value in session.execute(
        select(ResultMetric.name, ResultMetric.value).where(
            ResultMetric.result_id.in_(here), ResultMetric.value.is_not(None)
        )
    ):
        assert value is not None
        metrics.setdefault(name, []).append(value)
    hints = select(ResultHint.code, func.count()).where(ResultHint.result_id.in_(here))
    refusals = session.scalars(
        select(Result.error_code).where(Result.id.in_(here), Result.error_code.is_not(None))
    )
    return ClassSummary(
        states={
            "waiting": total - with_result - failed - cancelled,
            "graded": with_result - refused,
            "refused": refused,
            "failed": failed,
            "cancelled": cancelled,
        },
        shares=[share for share in session.scalars(scored) if share is not None],
        metrics=metrics,
        hints=dict(session.execute(hints.group_by(ResultHint.code)).all()),
        refusals=dict(Counter(code for code in refusals if code)),
        failures=_failures(session, handed_in),
    )


def _failures(session: Session, handed_in: ColumnElement[bool]) -> dict[str, int]:
    without = select(last_job(Job.error_code)).select_from(Submission).outerjoin(Result, counting())
    codes = session.scalars(without.where(handed_in, Result.id.is_(None), ended("failed")))
    return dict(Counter(code or "grading_died" for code in codes))


@dataclass(frozen=True, slots=True)
class Point:
    """One metric of one submission, in a person's history."""

    submission_id: int
    created_at: datetime
    technique: str | None
    hand: str | None
    suture_size: str | None
    name: str
    value: float | None
    sd: float | None


def history(
    session: Session, person_id: int, technique: str | None = None, metrics: Sequence[str] = ()
) -> list[Point]:
    """Measured values of a person's submissions, the oldest first."""
    query = (
        select(
            Submission.id,
            Submission.created_at,
            Result.technique,
            Submission.hand,
            Submission.suture_size,
            ResultMetric.name,
            ResultMetric.value,
            ResultMetric.sd,
        )
        .join(Result, counting())
        .join(ResultMetric, ResultMetric.result_id == Result.id)
        .where(
            Submission.person_id == person_id,
            Result.technique.is_not(None),
            ResultMetric.status == "measured",
            ResultMetric.value.is_not(None),
        )
        .order_by(Submission.id, ResultMetric.name)
    )
    if technique:
        query = query.where(Result.technique == technique)
    if metrics:
        query = query.where(ResultMetric.name.in_(metrics))
    return [Point(*row) for row in session.execute(query)]
