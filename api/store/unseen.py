"""Unseen second marking: who has not marked a submission sees no other's marks of it.

Where an assignment is `unseen`, that holds for everybody who judges it, admins too; whose the submission is
sees what counts. What is made for a whole class (grade books, reports) is not made with marks left out, as
its grades would be wrong: it is refused until whoever asks has marked.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from api.errors import ServiceError
from api.store.models import Assignment, Mark, Submission
from api.store.scope import Caller


def hidden(eyes: Caller) -> ColumnElement[bool]:
    """Of a mark: whether `eyes` may not see it yet."""
    own = aliased(Mark)
    others = or_(Mark.marker_id.is_(None), Mark.marker_id != eyes.person_id)
    marked = exists().where(own.submission_id == Mark.submission_id, own.marker_id == eyes.person_id)
    theirs = Submission.person_id.is_(None) | (Submission.person_id != eyes.person_id)
    here = (
        select(Submission.id)
        .join(Assignment, Assignment.id == Submission.assignment_id)
        .where(Submission.id == Mark.submission_id, Assignment.unseen, theirs)
        .correlate(Mark)
        .exists()
    )
    return and_(others, ~marked, here)


def waiting_for(session: Session, eyes: Caller, submission_ids: Sequence[int]) -> set[int]:
    """Which of these have marks that `eyes` sees only after their own."""
    query = select(Mark.submission_id).where(Mark.submission_id.in_(submission_ids), hidden(eyes))
    return set(session.scalars(query.distinct()))


def check_seen(session: Session, eyes: Caller, submission_ids: Sequence[int]) -> None:
    """ServiceError mark_first where a grade that counts, or a mark, is still unseen."""
    query = select(func.count(Mark.submission_id.distinct()))
    left = session.scalar(query.where(Mark.submission_id.in_(submission_ids), hidden(eyes))) or 0
    if left:
        raise ServiceError(
            "mark_first",
            f"{left} of these have marks that you see after giving your own",
            "Mark them first. Whether second marking is unseen is a setting of the assignment.",
        )
