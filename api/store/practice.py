"""What the pages ask about a person's own practice."""

from __future__ import annotations

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from api.store.models import Result, Rubric, Submission
from api.store.scope import Caller, judges_submission


def judges(session: Session, caller: Caller, submission_id: int) -> bool:
    """Whether the caller may mark and regrade it."""
    query = select(Submission.id).where(Submission.id == submission_id, judges_submission(caller))
    return session.scalar(query) is not None


def shares_by_size(session: Session, person_id: int) -> list[tuple[str, float | None]]:
    """Thread size and share of the points of each graded row, the oldest first; as it was declared."""
    query = (
        select(Submission.suture_size, Result.points, Result.points_of)
        .join(Result, and_(Result.submission_id == Submission.id, Result.counts))
        .where(
            Submission.person_id == person_id,
            Submission.suture_size.is_not(None),
            Result.error_code.is_(None),
        )
        .order_by(Submission.id)
    )
    return [
        (size, points / of if points is not None and of else None)
        for size, points, of in session.execute(query)
        if size is not None
    ]


def rubric_text(session: Session, rubric_key: str) -> str | None:
    """The TOML of the course's rubric that a result was judged by; None for one of the assessor's."""
    kind, _, sha256 = rubric_key.partition(":")
    if kind != "sha256":
        return None
    return session.scalars(select(Rubric.text_toml).where(Rubric.sha256 == sha256).limit(1)).one()
