"""What became of submissions that have no result: their last job says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, ScalarSelect, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.store.models import Job, Submission

Fate = Literal["failed", "cancelled"]


def fates_of(session: Session, ids: Sequence[int]) -> dict[int, tuple[Fate | None, str | None]]:
    """Of submissions without result those that nobody will grade, by what became of them the last time."""
    if not ids:
        return {}
    last = select(Job.submission_id, Job.state, Job.error_code).where(Job.submission_id.in_(ids))
    by_id = {id_: (state, code) for id_, state, code in session.execute(last.order_by(Job.id))}
    return {
        id_: ("failed", code or "grading_died") if state == "failed" else ("cancelled", None)
        for id_, (state, code) in by_id.items()
        if state in get_args(Fate)
    }


def ended(*fates: Fate) -> ColumnElement[bool]:
    """Of submissions without result: whether the last try to grade them came to this end."""
    found: ColumnElement[bool] = last_job(Job.state).in_(fates)
    return found


def last_job(column: InstrumentedAttribute[Any]) -> ScalarSelect[Any]:
    """What the last job of each submission says."""
    last = select(column).where(Job.submission_id == Submission.id).order_by(Job.id.desc()).limit(1)
    return last.correlate(Submission).scalar_subquery()
