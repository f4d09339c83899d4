"""Courses, assignments and rubrics: for who teaches, and what a trainee sees of them."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api.errors import not_there
from api.pages.capture import NAMED_TECHNIQUES, SUTURE_SIZES, kits, rubrics
from api.pages.render import AtDesk, Desk, PageRoute
from api.pages.words import metric_label
from api.schema import Id
from api.store import courses, overview, people
from api.store.models import Assignment, Course
from api.store.page import Slice
from assessor.photo.validity import METRICS
from assessor.rubric import rubric_names

router = APIRouter(route_class=PageRoute, include_in_schema=False)
MOST = Slice(200)
RubricId = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


@router.get("/courses")
def all_courses(desk: AtDesk, archived: bool = False) -> HTMLResponse:
    found = courses.courses(desk.session, desk.caller, MOST, archived=archived)
    counted = overview.members_and_tasks(desk.session, [course.id for course in found.items])
    tasks = {
        course.id: courses.assignments(desk.session, desk.caller, course.id, MOST).items
        for course in found.items
        if not overview.teaches(desk.session, desk.caller, course.id)
    }
    mine = overview.handed_in(
        desk.session, desk.caller.person_id, [task.id for row in tasks.values() for task in row]
    )
    return desk.show(
        "courses.html", courses=found.items, counted=counted, tasks=tasks, mine=mine, archived=archived
    )


@router.get("/courses/{course_id}")
def course(desk: AtDesk, course_id: Id) -> HTMLResponse:
    found = courses.course(desk.session, desk.caller, course_id)
    tasks = courses.assignments(desk.session, desk.caller, course_id, MOST).items
    numbers = [task.id for task in tasks]
    teaches = overview.teaches(desk.session, desk.caller, course_id)
    return desk.show(
        "course.html",
        course=found,
        tasks=tasks,
        teaches=teaches,
        counts=overview.counts(desk.session, numbers) if teaches else {},
        mine=overview.handed_in(desk.session, desk.caller.person_id, numbers),
        members=courses.members(desk.session, course_id, MOST).items if teaches else [],
        rubrics=courses.rubrics(desk.session, course_id),
    )


@router.get("/courses/{course_id}/assignments/new")
def new_assignment(desk: AtDesk, course_id: Id) -> HTMLResponse:
    return _assignment_form(desk, courses.taught_course(desk.session, desk.caller, course_id), None)


@router.get("/assignments/{assignment_id}/edit")
def edit_assignment(desk: AtDesk, assignment_id: Id) -> HTMLResponse:
    task = courses.taught_assignment(desk.session, desk.caller, assignment_id)
    return _assignment_form(desk, courses.course(desk.session, desk.caller, task.course_id), task)


def _assignment_form(desk: Desk, course: Course, task: Assignment | None) -> HTMLResponse:
    return desk.show(
        "assignment.html",
        course=course,
        task=task,
        techniques=NAMED_TECHNIQUES,
        suture_sizes=SUTURE_SIZES,
        kits=kits(),
        builtin=[(rubric.name, rubric.title) for rubric in rubrics()],
        own=[(str(r.id), f"{r.name}, version {r.version}") for r in courses.rubrics(desk.session, course.id)],
    )


@router.get("/courses/{course_id}/rubrics/new")
def new_rubric(
    desk: AtDesk,
    course_id: Id,
    version_of: RubricId = None,
    builtin: Annotated[str, Query(max_length=60)] = "skin-pad",
) -> HTMLResponse:
    """The editor, begun with a version of the course's own or one that comes with the assessor."""
    found = courses.taught_course(desk.session, desk.caller, course_id)
    if version_of is not None:
        text = courses.rubric(desk.session, desk.caller, version_of).text_toml
    elif builtin in rubric_names():
        text = (files("assessor.rubric") / f"{builtin}.toml").read_text("utf-8")
    else:
        not_there("rubric")
    return desk.show(
        "rubric.html",
        course=found,
        rubric=tomllib.loads(text),
        own=version_of is not None,
        builtin=[(rubric.name, rubric.title) for rubric in rubrics()],
        chosen=builtin,
        metrics=[(name, metric_label(name)) for name in METRICS],
    )


@router.get("/people")
def everybody(
    desk: AtDesk,
    text: Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    found = people.people(desk.session, desk.admin, Slice(50, offset), text or None)
    return desk.show("people.html", people=found.items, total=found.total, offset=offset, limit=50, text=text)


@router.get("/me")
def account(desk: AtDesk) -> HTMLResponse:
    me = people.person(desk.session, desk.caller, desk.caller.person_id)
    return desk.show("me.html", me=me, keys=people.keys(desk.session, desk.caller))
