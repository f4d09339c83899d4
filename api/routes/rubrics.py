"""Rubrics: those that come with the assessor, and a course's own, version after version."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints

from api.errors import documented
from api.schema import Id, Strict
from api.security import Reading, SignedIn, Writing
from api.store import courses
from api.store.models import Rubric
from assessor.rubric import load_rubric, rubric_names
from assessor.rubric.load import parse_rubric

router = APIRouter(tags=["rubrics"], responses=documented(400, 401, 403, 404, 408, 413, 503, 507))
TOML = "application/toml"


class BuiltinOut(BaseModel):
    name: str
    version: str
    title: str
    summary: str
    techniques: list[str]


class RubricOut(BaseModel):
    id: int
    course_id: int
    name: str
    version: str
    sha256: str
    created_at: datetime


class NewRubric(Strict):
    text: Annotated[str, StringConstraints(min_length=1, max_length=64_000, pattern=r"^[^\x00]*$")] = Field(
        description="a TOML file as in docs/rubrics.md; name and version stand in it"
    )


def _rubric(row: Rubric) -> RubricOut:
    return RubricOut(**{name: getattr(row, name) for name in RubricOut.model_fields})


@router.get("/rubrics")
def list_builtin(caller: SignedIn) -> list[BuiltinOut]:
    """The rubrics that come with the assessor."""
    found = [load_rubric(name) for name in rubric_names()]
    return [
        BuiltinOut(
            name=r.name, version=r.version, title=r.title, summary=r.summary, techniques=list(r.techniques)
        )
        for r in found
    ]


@router.get("/courses/{course_id}/rubrics")
def list_rubrics(caller: SignedIn, session: Reading, course_id: Id) -> list[RubricOut]:
    """All versions of a course's rubrics, the newest of each first."""
    courses.course(session, caller, course_id)
    return [_rubric(row) for row in courses.rubrics(session, course_id)]


@router.post("/courses/{course_id}/rubrics", status_code=201, responses=documented(409, 422))
def add_rubric(caller: SignedIn, session: Writing, course_id: Id, form: NewRubric) -> RubricOut:
    """Import a rubric, or the next version of one. The same file twice is the same version."""
    courses.taught_course(session, caller, course_id)
    parsed = parse_rubric(form.text, "that was sent")
    return _rubric(courses.add_rubric(session, caller, course_id, parsed.name, parsed.version, form.text))


@router.get(
    "/rubrics/{rubric_id}",
    response_class=Response,
    responses={200: {"content": {TOML: {"schema": {"type": "string"}}}, "description": "the TOML file"}},
)
def export_rubric(caller: SignedIn, session: Reading, rubric_id: Id) -> Response:
    """A version of a course's rubric as its file."""
    return Response(courses.rubric(session, caller, rubric_id).text_toml, media_type=TOML)
