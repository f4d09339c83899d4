"""Counts for the instructors' lists: how far assignments are, who is in courses, who gave second opinions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, load_only

from api.store.fate import ended
from api.store.jobs import OPEN, rubric_key
from api.store.models import (
    DECLARED,
    Assignment,
    Batch,
    Job,
    Mark,
    Membership,
    Person,
    Result,
    Submission,
)
from api.store.scope import Caller, courses_taught
from api.store.submissions import counting


@dataclass(frozen=True, slots=True)
class Counts:
    total: int = 0
    graded: int = 0
    refused: int = 0
    failed: int = 0
    cancelled: int = 0
    photos: int = 0  # of the graded

    @property
    def waiting(self) -> int:
        return self.total - self.graded - self.refused - self.failed - self.cancelled


@dataclass(frozen=True, slots=True)
class Outdated:
    """Photos that are graded as was declared before, and by another rubric than their assignment's; clips
    that are measured as was declared before."""

    declared: int
    rubric: int
    clips: int


def teaches(session: Session, caller: Caller, course_id: int) -> bool:
    return course_id in session.scalars(courses_taught(caller)).all()


def counts(session: Session, assignment_ids: Sequence[int]) -> dict[int, Counts]:
    """Of each assignment, by the results that count."""
    query = (
        select(
            Submission.assignment_id,
            func.count(),
            func.count(Result.id) - func.count(Result.error_code),
            func.count(Result.error_code),
            func.count().filter(Result.id.is_(None), ended("failed")),
            func.count().filter(Result.id.is_(None), ended("cancelled")),
            func.count(Result.id).filter(Submission.kind == "photo", Result.error_code.is_(None)),
        )
        .outerjoin(Result, counting())
        .where(Submission.assignment_id.in_(assignment_ids))
        .group_by(Submission.assignment_id)
    )
    found = {row[0]: Counts(*row[1:]) for row in session.execute(query) if row[0] is not None}
    return {number: found.get(number, Counts()) for number in assignment_ids}


def handed_in(session: Session, person_id: int, assignment_ids: Sequence[int]) -> dict[int, int]:
    """How often this person handed in for each assignment."""
    query = (
        select(Submission.assignment_id, func.count())
        .where(Submission.person_id == person_id, Submission.assignment_id.in_(assignment_ids))
        .group_by(Submission.assignment_id)
    )
    return {row[0]: row[1] for row in session.execute(query) if row[0] is not None}


def members_and_tasks(session: Session, course_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Trainees and assignments of each course."""
    pupils = dict(
        session.execute(
            select(Membership.course_id, func.count())
            .where(Membership.course_id.in_(course_ids), Membership.role == "trainee")
            .group_by(Membership.course_id)
        ).all()
    )
    tasks = dict(
        session.execute(
            select(Assignment.course_id, func.count())
            .where(Assignment.course_id.in_(course_ids))
            .group_by(Assignment.course_id)
        ).all()
    )
    return {number: (pupils.get(number, 0), tasks.get(number, 0)) for number in course_ids}


def opinions(session: Session, submission_ids: Sequence[int]) -> dict[int, int]:
    """How many second opinions each submission has."""
    query = (
        select(Mark.submission_id, func.count())
        .where(Mark.submission_id.in_(submission_ids), Mark.overrides.is_(False))
        .group_by(Mark.submission_id)
    )
    return dict(session.execute(query).all())


def markers(session: Session, assignment_id: int) -> dict[int, str]:
    """Names of those who marked photos of an assignment."""
    query = (
        select(Person.id, Person.name)
        .join(Mark, Mark.marker_id == Person.id)
        .join(Submission, Submission.id == Mark.submission_id)
        .where(Submission.assignment_id == assignment_id)
        .distinct()
    )
    return dict(session.execute(query).all())


def being_graded(session: Session, submission_id: int) -> bool:
    """Whether a running batch has it still to grade."""
    return (
        session.scalar(select(Submission.id).where(Submission.id == submission_id, _open_job())) is not None
    )


def failed(session: Session, submission_id: int) -> str | None:
    """Code of what broke again and again when this was graded the last time; None where nothing did."""
    last = select(Job.state, Job.error_code).where(Job.submission_id == submission_id)
    found = session.execute(last.order_by(Job.id.desc()).limit(1)).one_or_none()
    return (found[1] or "grading_died") if found is not None and found[0] == "failed" else None


def has_clips(session: Session, assignment_id: int) -> bool:
    """Whether there are clips among an assignment's submissions."""
    query = select(Submission.id).where(Submission.assignment_id == assignment_id, Submission.kind == "clip")
    return session.scalar(query.limit(1)) is not None


def waiting_clips(session: Session, person_id: int) -> int:
    """How many clips of a person wait or are being measured."""
    query = (
        select(func.count())
        .select_from(Job)
        .join(Submission, Submission.id == Job.submission_id)
        .where(Submission.person_id == person_id, Submission.kind == "clip", Job.state.in_(OPEN))
    )
    return session.scalar(query) or 0


def outdated(session: Session, task: Assignment) -> Outdated:
    """Of an assignment, by the results that count; without what is being graded anew."""
    query = (
        select(Submission, Result.declared, Result.rubric_key)
        .options(load_only(*(getattr(Submission, n) for n in (*DECLARED, "kind", "scale", "motion"))))
        .join(Result, counting())
        .where(Submission.assignment_id == task.id, ~_open_job())
    )
    rubric, declared, by_rubric, clips = rubric_key(session, task), 0, 0, 0
    for subject, then, judged_by in session.execute(query):
        otherwise = subject.declared != (then or {})
        if subject.kind == "clip":
            clips += otherwise
        else:
            declared += otherwise
            by_rubric += judged_by != rubric
    return Outdated(declared, by_rubric, clips)


def _open_job() -> ColumnElement[bool]:
    running = select(Batch.id).where(Batch.state == "running")
    return exists().where(Job.submission_id == Submission.id, Job.state.in_(OPEN), Job.batch_id.in_(running))


def following(session: Session, subject: Submission) -> int | None:
    """The next submission of the same assignment, for who goes through them one by one."""
    query = select(func.min(Submission.id)).where(
        Submission.assignment_id == subject.assignment_id, Submission.id > subject.id
    )
    return session.scalar(query)
