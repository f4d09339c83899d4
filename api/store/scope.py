"""Who may see what, as conditions of queries: what a caller may not see does not exist for them.

A trainee sees what is their own; an instructor also what was handed in for the courses they teach
(never what somebody sewed at home); an admin everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select, true

from api.store.models import Assignment, Batch, Course, Membership, Person, Role, Rubric, Submission


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The role is read anew with every request."""

    person_id: int
    role: Role

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def teaches(self) -> bool:
        """Whether the role allows to teach at all; which courses stands in the memberships."""
        return self.role in ("instructor", "admin")


def courses_of(caller: Caller) -> Select[int]:
    """Ids of the courses that a caller is in, whatever as."""
    return select(Membership.course_id).where(Membership.person_id == caller.person_id)


def courses_taught(caller: Caller) -> Select[int]:
    """Ids of the courses that a caller teaches: all for an admin, none for a trainee."""
    if caller.is_admin:
        return select(Course.id)
    mine = courses_of(caller).where(Membership.role == "instructor")
    return mine if caller.teaches else mine.where(~true())


def sees_course(caller: Caller) -> ColumnElement[bool]:
    return true() if caller.is_admin else Course.id.in_(courses_of(caller))


def sees_assignment(caller: Caller) -> ColumnElement[bool]:
    return true() if caller.is_admin else Assignment.course_id.in_(courses_of(caller))


def sees_rubric(caller: Caller) -> ColumnElement[bool]:
    return true() if caller.is_admin else Rubric.course_id.in_(courses_of(caller))


def _handed_in(caller: Caller) -> Select[int]:
    """Ids of the assignments whose submissions a caller judges."""
    return select(Assignment.id).where(Assignment.course_id.in_(courses_taught(caller)))


def sees_submission(caller: Caller) -> ColumnElement[bool]:
    if caller.is_admin:
        return true()
    own = Submission.person_id == caller.person_id
    return or_(own, Submission.assignment_id.in_(_handed_in(caller))) if caller.teaches else own


def judges_submission(caller: Caller) -> ColumnElement[bool]:
    """Marks and regrading: for those who teach the course; not for what was sewn at home."""
    return true() if caller.is_admin else Submission.assignment_id.in_(_handed_in(caller))


def sees_batch(caller: Caller) -> ColumnElement[bool]:
    """Batches are the instructors' business; one without an assignment is its maker's."""
    if caller.is_admin:
        return true()
    mine = (Batch.created_by == caller.person_id) & Batch.assignment_id.is_(None)
    return or_(mine, Batch.assignment_id.in_(_handed_in(caller)))


def sees_person(caller: Caller) -> ColumnElement[bool]:
    if caller.is_admin:
        return true()
    pupils = select(Membership.person_id).where(Membership.course_id.in_(courses_taught(caller)))
    return or_(Person.id == caller.person_id, Person.id.in_(pupils))
