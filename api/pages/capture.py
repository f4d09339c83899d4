"""The first page: a photo comes in. Kept for who is signed in, graded and forgotten for a visitor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api.pages.render import AtDesk, Desk, PageRoute
from api.store import courses
from api.store.models import Assignment
from api.store.page import Slice
from assessor.results import TECHNIQUES
from assessor.rubric import Rubric, load_rubric, rubric_names

# USP, finest first: what practice kits come with.
SUTURE_SIZES = ("11-0", "10-0", "9-0", "8-0", "7-0", "6-0", "5-0", "4-0", "3-0", "2-0", "0", "1", "2")
NAMED_TECHNIQUES = tuple(name for name in TECHNIQUES if name != "unknown")
MOST_COURSES = 50

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def rubrics() -> list[Rubric]:
    return [load_rubric(name) for name in rubric_names()]


def kits() -> list[str]:
    """Each rubric's first word for its kit: the others mean the same."""
    return sorted({rubric.kits[0] for rubric in rubrics() if rubric.kits})


@router.get("/")
def page(desk: AtDesk, assignment: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None) -> HTMLResponse:
    """`assignment`: what the photo is handed in for; else it may be chosen."""
    settings = desk.settings
    return desk.show(
        "index.html",
        techniques=NAMED_TECHNIQUES,
        rubrics=rubrics(),
        kits=kits(),
        suture_sizes=SUTURE_SIZES,
        max_upload_mb=settings.max_upload_mb,
        open_grading=settings.open_grading,
        tasks=_tasks(desk),
        chosen=assignment,
    )


@router.get("/film")
def film(desk: AtDesk, assignment: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None) -> HTMLResponse:
    """A clip is handed in; kept clips are for who is signed in."""
    assert desk.caller
    return desk.show(
        "film.html", max_clip_mb=desk.settings.max_clip_mb, tasks=_tasks(desk), chosen=assignment
    )


def _tasks(desk: Desk) -> list[tuple[str, list[Assignment]]]:
    """What the caller may hand in for: course names with their assignments."""
    if desk.visitor is None:
        return []
    mine = courses.courses(desk.session, desk.visitor, Slice(MOST_COURSES))
    found = [
        (course.name, list(courses.assignments(desk.session, desk.visitor, course.id, Slice()).items))
        for course in mine.items
    ]
    return [(name, tasks) for name, tasks in found if tasks]
