"""Every query about courses, who is in them, their rubrics and assignments."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from api.errors import ServiceError, not_there
from api.store.insert import insert_new
from api.store.models import (
    DECLARED,
    Assignment,
    Course,
    CourseRole,
    Membership,
    Person,
    Rubric,
    Submission,
    utc_now,
)
from api.store.page import Page, Slice, page_of
from api.store.scope import Caller, courses_taught, sees_assignment, sees_course, sees_rubric


def course(session: Session, caller: Caller, course_id: int) -> Course:
    """ServiceError not_found where the caller may not see it."""
    found = session.scalar(select(Course).where(Course.id == course_id, sees_course(caller)))
    return not_there("course") if found is None else found


def taught_course(session: Session, caller: Caller, course_id: int) -> Course:
    """A course the caller may change; ServiceError not_found, not_allowed."""
    found = course(session, caller, course_id)
    if found.id not in session.scalars(courses_taught(caller)).all():
        raise not_allowed()
    return found


def not_allowed() -> ServiceError:
    return ServiceError(
        "not_allowed", "This is not yours to do", "Ask an instructor of the course, or an admin."
    )


def courses(session: Session, caller: Caller, part: Slice, *, archived: bool = False) -> Page[Course]:
    query = select(Course).where(sees_course(caller), Course.archived == archived)
    return page_of(session, query.order_by(Course.name, Course.id), part)


def add_course(session: Session, caller: Caller, name: str) -> Course:
    """A new course; who makes it teaches it."""
    new = Course(name=name)
    session.add(new)
    session.flush()
    session.add(Membership(course_id=new.id, person_id=caller.person_id, role="instructor"))
    session.flush()
    return new


def change(session: Session, subject: Course | Assignment, changes: dict[str, Any]) -> None:
    for field, value in changes.items():
        setattr(subject, field, value)
    session.flush()


# --- members


def members(session: Session, course_id: int, part: Slice) -> Page[tuple[Person, CourseRole]]:
    """People of a course with what they are in it, by name."""
    query = select(Person).join(Membership).where(Membership.course_id == course_id)
    page = page_of(session, query.order_by(Person.name, Person.id), part)
    rows = select(Membership.person_id, Membership.role).where(
        Membership.course_id == course_id, Membership.person_id.in_([p.id for p in page.items])
    )
    roles = dict(session.execute(rows).all())
    return Page([(p, roles[p.id]) for p in page.items], page.total)


def roster(session: Session, course_id: int) -> list[tuple[int, str, str | None]]:
    """Id, name and e-mail address of everybody in a course."""
    query = select(Person.id, Person.name, Person.email).join(Membership)
    return [
        (id_, name, email)
        for id_, name, email in session.execute(query.where(Membership.course_id == course_id))
    ]


def set_member(session: Session, course_id: int, subject: Person, role: CourseRole) -> None:
    """Put somebody into a course, or change what they are in it; ServiceError not_a_teacher."""
    if role == "instructor" and subject.role == "trainee":
        raise ServiceError(
            "not_a_teacher", "A trainee cannot teach a course", "An admin can make them an instructor first."
        )
    row = {"course_id": course_id, "person_id": subject.id, "role": role}
    if insert_new(session, Membership, row) is None:
        member = session.get_one(Membership, (course_id, subject.id))
        member.role = role
    session.flush()


def drop_member(session: Session, course_id: int, person_id: int) -> None:
    """Take somebody out of a course; what they handed in stays. ServiceError not_found."""
    gone = delete(Membership).where(Membership.course_id == course_id, Membership.person_id == person_id)
    if session.execute(gone.returning(Membership.person_id)).first() is None:
        not_there("member")


# --- rubrics


def rubrics(session: Session, course_id: int) -> Sequence[Rubric]:
    """All versions of all rubrics of a course, the newest of each first."""
    return session.scalars(
        select(Rubric).where(Rubric.course_id == course_id).order_by(Rubric.name, Rubric.id.desc())
    ).all()


def rubric(session: Session, caller: Caller, rubric_id: int) -> Rubric:
    found = session.scalar(select(Rubric).where(Rubric.id == rubric_id, sees_rubric(caller)))
    return not_there("rubric") if found is None else found


def add_rubric(
    session: Session, caller: Caller, course_id: int, name: str, version: str, text_toml: str
) -> Rubric:
    """A new version; the same text again gives the one that is there. ServiceError version_taken."""
    sha256 = hashlib.sha256(text_toml.encode()).hexdigest()
    row: dict[str, Any] = {"course_id": course_id, "name": name, "version": version}
    values = {
        **row,
        "text_toml": text_toml,
        "sha256": sha256,
        "created_at": utc_now(),
        "created_by": caller.person_id,
    }
    insert_new(session, Rubric, values)
    stored = session.scalars(select(Rubric).filter_by(**row)).one()
    if stored.sha256 != sha256:
        raise ServiceError(
            "version_taken",
            f"Version {version} of this rubric exists with other figures",
            "Raise `version` in the file: what was graded by a version must stay explainable.",
        )
    return stored


# --- assignments


def assignments(session: Session, caller: Caller, course_id: int, part: Slice) -> Page[Assignment]:
    query = select(Assignment).where(Assignment.course_id == course_id, sees_assignment(caller))
    return page_of(session, query.order_by(Assignment.id.desc()), part)


def assignment(session: Session, caller: Caller, assignment_id: int) -> Assignment:
    found = session.scalar(select(Assignment).where(Assignment.id == assignment_id, sees_assignment(caller)))
    return not_there("assignment") if found is None else found


def taught_assignment(session: Session, caller: Caller, assignment_id: int) -> Assignment:
    """An assignment the caller may change; ServiceError not_found, not_allowed."""
    found = assignment(session, caller, assignment_id)
    taught_course(session, caller, found.course_id)
    return found


def add_assignment(session: Session, course_id: int, values: dict[str, Any]) -> Assignment:
    _check_rubric(session, course_id, values.get("rubric_id"))
    new = Assignment(course_id=course_id, **values)
    session.add(new)
    session.flush()
    return new


def change_assignment(session: Session, subject: Assignment, values: dict[str, Any]) -> None:
    """What was handed in follows what the assignment declares, and is graded so from then on.

    A photo declared otherwise since (a correction) stays so. ServiceError rubric_elsewhere.
    """
    _check_rubric(session, subject.course_id, values.get("rubric_id"))
    before = {name: getattr(subject, name) for name in DECLARED}
    change(session, subject, values)
    for name, was in before.items():
        if getattr(subject, name) != was:
            mine = [Submission.assignment_id == subject.id]
            if was is not None:
                mine.append(getattr(Submission, name) == was)
            session.execute(update(Submission).where(*mine).values({name: getattr(subject, name)}))


def _check_rubric(session: Session, course_id: int, rubric_id: int | None) -> None:
    """ServiceError rubric_elsewhere where the rubric is another course's, or nobody's."""
    if rubric_id is None:
        return
    home = session.scalar(select(Rubric.course_id).where(Rubric.id == rubric_id))
    if home != course_id:
        raise ServiceError(
            "rubric_elsewhere", "The course has no such rubric", "Import it into this course first."
        )
