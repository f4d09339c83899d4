"""What is handed back: submissions with everything that a grade book, a table or a report says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.store import submissions, unseen
from api.store.models import Assignment, Mark, Person, ResultDocument, Submission
from api.store.scope import Caller
from api.store.submissions import Row

CHUNK = 100


@dataclass(frozen=True, slots=True)
class Graded:
    """A submission to hand back. `name` is what its trainee is shown as: where `blind` a number, and
    nothing else of the submission may tell. `document` is None as long as there is no result."""

    row: Row
    name: str
    email: str | None
    title: str
    document: dict[str, Any] | None
    blind: bool

    @property
    def points(self) -> tuple[float, float] | None:
        """The grade that counts, (points, of): an override's, else the assessor's; None without one."""
        mark, result = self.row.override, self.row.result
        if mark is not None:
            return mark.points, mark.points_of
        if result is None or result.points is None or not result.points_of:
            return None
        return result.points, result.points_of

    @property
    def share(self) -> float | None:
        points = self.points
        return None if points is None else points[0] / points[1]


def graded(session: Session, ids: Sequence[int], *, names: bool = False) -> Iterator[Graded]:
    """In the order of `ids`, some at a time, with all marks: who may see them is checked before
    (`unseen.check_seen`). `names`: show them even where marking is blind."""
    for start in range(0, len(ids), CHUNK):
        yield from _chunk(session, ids[start : start + CHUNK], names)


def _chunk(session: Session, ids: Sequence[int], names: bool) -> Iterator[Graded]:
    rows = submissions.rows(session, ids, eyes=None)
    about = {
        id_: rest
        for id_, *rest in session.execute(
            select(Submission.id, Person.name, Person.email, Assignment.title)
            .outerjoin(Person, Person.id == Submission.person_id)
            .outerjoin(Assignment, Assignment.id == Submission.assignment_id)
            .where(Submission.id.in_(ids))
        )
    }
    result_ids = [row.result.id for row in rows if row.result is not None]
    documents = {
        d.result_id: d.document
        for d in session.scalars(select(ResultDocument).where(ResultDocument.result_id.in_(result_ids)))
    }
    for row in rows:
        name, email, title = about[row.submission.id]
        blind = row.blind and not names
        known = name or row.submission.participant or row.submission.participant_id
        yield Graded(
            row=row,
            name=f"submission {row.submission.id}" if blind or not known else known,
            email=None if blind else email,
            title=title or "Practice",
            document=json.loads(documents[row.result.id]) if row.result is not None else None,
            blind=blind,
        )
    session.expunge_all()  # documents are large


def marks_of(session: Session, caller: Caller, assignment_id: int) -> Sequence[Mark]:
    """All marks on an assignment's submissions that the caller may see, the oldest first."""
    query = select(Mark).join(Submission, Submission.id == Mark.submission_id).where(~unseen.hidden(caller))
    return session.scalars(query.where(Submission.assignment_id == assignment_id).order_by(Mark.id)).all()
