"""Courses, who is in them, and their assignments."""

from __future__ import annotations

import statistics
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, Field, field_validator

from api.errors import ServiceError, documented
from api.form import parse_options
from api.routes.people import Invitation, PersonOut, invitation, person_out
from api.schema import Email, Id, Listed, LongText, Name, Strict, Word, part
from api.security import Reading, SignedIn, Teacher, Writing
from api.store import courses, people, summaries
from api.store.models import Assignment, Course, CourseRole
from api.store.page import Slice

router = APIRouter(tags=["courses"], responses=documented(400, 401, 403, 404, 408, 413, 503, 507))
Part = Annotated[Slice, Depends(part)]


class CourseOut(BaseModel):
    id: int
    name: str
    archived: bool


class NewCourse(Strict):
    name: Name


class CourseChange(Strict):
    name: Name | None = None
    archived: bool | None = None


class MemberOut(BaseModel):
    person: PersonOut
    role: CourseRole


class MemberRole(Strict):
    role: CourseRole


class NewMember(Strict):
    """Somebody by e-mail; who is not known yet becomes a trainee with an invitation link."""

    email: Email
    name: Name
    role: CourseRole = "trainee"


class NewAssignment(Strict):
    """`rubric_id`: one of the course's; `builtin_rubric`: one that comes with the assessor; neither:
    chosen by technique, kit and thread."""

    title: Name
    instructions: LongText = ""
    technique: Word | None = None
    suture_size: Word | None = None
    kit: Annotated[str, Field(max_length=40, pattern=r"^[\w \-]+$")] | None = None
    rubric_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    builtin_rubric: Word | None = None
    blind: bool = Field(default=False, description="markers see numbers instead of names")
    unseen: bool = Field(default=False, description="markers see others' marks only after giving theirs")
    due_at: AwareDatetime | None = None

    @field_validator("due_at")
    @classmethod
    def _storable(cls, value: datetime | None) -> datetime | None:
        if value is not None and not 2000 <= value.year <= 2200:
            raise ValueError("a year from 2000 to 2200")
        return value


class AssignmentOut(BaseModel):
    id: int
    course_id: int
    title: str
    instructions: str
    technique: str | None
    suture_size: str | None
    kit: str | None
    rubric_id: int | None
    builtin_rubric: str | None
    blind: bool
    unseen: bool
    due_at: datetime | None


class Spread(BaseModel):
    """How the measured values of a class are spread."""

    n: int
    lowest: float
    p10: float
    p25: float
    median: float
    p75: float
    p90: float
    highest: float


class Summary(BaseModel):
    """A class on one assignment, by the results that count; score_share is points / of."""

    states: dict[str, int]
    score_share: Spread | None
    metrics: dict[str, Spread]
    hints: dict[str, int] = Field(description="how many submissions got each hint")
    refusals: dict[str, int] = Field(description="how many were refused for each reason")
    failures: dict[str, int] = Field(description="how many broke grading again and again, by what broke")


def _course(course: Course) -> CourseOut:
    return CourseOut(id=course.id, name=course.name, archived=course.archived)


def _assignment(found: Assignment) -> AssignmentOut:
    return AssignmentOut(**{name: getattr(found, name) for name in AssignmentOut.model_fields})


@router.get("/courses")
def list_courses(caller: SignedIn, session: Reading, page: Part, archived: bool = False) -> Listed[CourseOut]:
    """The courses the caller is in; all for an admin."""
    found = courses.courses(session, caller, page, archived=archived)
    return Listed(items=[_course(c) for c in found.items], total=found.total)


@router.post("/courses", status_code=201, responses=documented(409))
def add_course(caller: Teacher, session: Writing, form: NewCourse) -> CourseOut:
    """A new course, taught by who makes it."""
    return _course(courses.add_course(session, caller, form.name))


@router.get("/courses/{course_id}")
def get_course(caller: SignedIn, session: Reading, course_id: Id) -> CourseOut:
    return _course(courses.course(session, caller, course_id))


@router.patch("/courses/{course_id}", responses=documented(409))
def change_course(caller: SignedIn, session: Writing, course_id: Id, form: CourseChange) -> CourseOut:
    found = courses.taught_course(session, caller, course_id)
    courses.change(session, found, form.model_dump(exclude_none=True))
    return _course(found)


@router.get("/courses/{course_id}/members")
def list_members(caller: SignedIn, session: Reading, course_id: Id, page: Part) -> Listed[MemberOut]:
    courses.taught_course(session, caller, course_id)
    found = courses.members(session, course_id, page)
    members = [MemberOut(person=person_out(person), role=role) for person, role in found.items]
    return Listed(items=members, total=found.total)


@router.post("/courses/{course_id}/members", status_code=201, responses=documented(409, 422))
def invite_member(
    request: Request, caller: SignedIn, session: Writing, course_id: Id, form: NewMember
) -> Invitation | MemberOut:
    """Put somebody into the course by e-mail; with an invitation link where they are new."""
    courses.taught_course(session, caller, course_id)
    known = people.person_by_email(session, form.email)
    subject = known or people.add_person(session, form.name, form.email, "trainee")
    courses.set_member(session, course_id, subject, form.role)
    if known is None:
        return invitation(request, session, subject)
    return MemberOut(person=person_out(subject), role=form.role)


@router.put("/courses/{course_id}/members/{person_id}", responses=documented(409, 422))
def set_member(
    caller: SignedIn, session: Writing, course_id: Id, person_id: Id, form: MemberRole
) -> MemberOut:
    """Put a person whom the caller may see into the course, or change what they are in it."""
    courses.taught_course(session, caller, course_id)
    subject = people.person(session, caller, person_id)
    courses.set_member(session, course_id, subject, form.role)
    return MemberOut(person=person_out(subject), role=form.role)


@router.delete("/courses/{course_id}/members/{person_id}", status_code=204)
def drop_member(caller: SignedIn, session: Writing, course_id: Id, person_id: Id) -> None:
    """Take somebody out of the course; what they handed in stays."""
    courses.taught_course(session, caller, course_id)
    courses.drop_member(session, course_id, person_id)


@router.get("/courses/{course_id}/assignments")
def list_assignments(caller: SignedIn, session: Reading, course_id: Id, page: Part) -> Listed[AssignmentOut]:
    courses.course(session, caller, course_id)
    found = courses.assignments(session, caller, course_id, page)
    return Listed(items=[_assignment(a) for a in found.items], total=found.total)


@router.post("/courses/{course_id}/assignments", status_code=201, responses=documented(409, 422))
def add_assignment(caller: SignedIn, session: Writing, course_id: Id, form: NewAssignment) -> AssignmentOut:
    courses.taught_course(session, caller, course_id)
    return _assignment(courses.add_assignment(session, course_id, _checked(form)))


@router.get("/assignments/{assignment_id}")
def get_assignment(caller: SignedIn, session: Reading, assignment_id: Id) -> AssignmentOut:
    return _assignment(courses.assignment(session, caller, assignment_id))


@router.put("/assignments/{assignment_id}", responses=documented(409, 422))
def change_assignment(
    caller: SignedIn, session: Writing, assignment_id: Id, form: NewAssignment
) -> AssignmentOut:
    """Replace what an assignment asks. What is graded already stays as it is until it is graded anew."""
    found = courses.taught_assignment(session, caller, assignment_id)
    courses.change_assignment(session, found, _checked(form))
    return _assignment(found)


@router.get("/assignments/{assignment_id}/summary")
def summarise(caller: SignedIn, session: Reading, assignment_id: Id) -> Summary:
    """Distributions, commonest faults and refusals of a class."""
    courses.taught_assignment(session, caller, assignment_id)
    found = summaries.class_summary(session, assignment_id)
    return Summary(
        states={str(state): n for state, n in found.states.items()},
        score_share=_spread(found.shares),
        metrics={name: s for name, values in found.metrics.items() if (s := _spread(values))},
        hints=found.hints,
        refusals=found.refusals,
        failures=found.failures,
    )


def _checked(form: NewAssignment) -> dict[str, Any]:
    """The form's values; the assessor's own errors where technique, kit, thread or rubric do not exist."""
    declared = {"technique": form.technique, "suture_size": form.suture_size, "kit": form.kit}
    named = {**declared, "rubric": form.builtin_rubric}
    parse_options({name: value for name, value in named.items() if value})
    if form.rubric_id is not None and form.builtin_rubric is not None:
        raise ServiceError(
            "rubric_elsewhere", "Two rubrics are named", "Give rubric_id or builtin_rubric, not both."
        )
    return form.model_dump()


def _spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    if len(values) == 1:
        return Spread(
            n=1, **dict.fromkeys(("lowest", "p10", "p25", "median", "p75", "p90", "highest"), values[0])
        )
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return Spread(
        n=len(values),
        lowest=min(values),
        p10=cuts[1],
        p25=cuts[4],
        median=cuts[9],
        p75=cuts[14],
        p90=cuts[17],
        highest=max(values),
    )
