"""Batches: a class's photos in, progress, results; pause, resume, cancel, grade again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.class_upload import (
    CLIP_FIELDS,
    DECLARED_FIELDS,
    HAND_FIELD,
    TARGET_FIELDS,
    ClassUpload,
    Place,
    Taken,
    read_class_upload,
    take,
    understand,
)
from api.errors import ServiceError, documented, not_there
from api.form import openapi_body
from api.grading import Graders
from api.routes.submissions import MarkOut, ResultOut, submission_out
from api.schema import LARGEST_ID, LARGEST_OFFSET, Id, Listed, QueryId, Strict, Word, part
from api.security import Reading, SignedIn, Teacher, Writing, database
from api.settings import Settings
from api.store import courses, jobs, submissions
from api.store.models import DECLARED, Assignment, Batch, BatchState, Hand, Job, JobState, Rubric
from api.store.page import Slice
from api.store.scope import Caller
from assessor.errors import RubricError
from assessor.rubric import rubric_names

router = APIRouter(tags=["batches"], responses=documented(400, 401, 403, 404, 408, 413, 503, 507))
PNG = "image/png"
# All rows of any class; a page that shows progress asks for none.
MOST_ROWS = 10_000


class Progress(BaseModel):
    """How far a batch is; graded + failed = total when it is done."""

    id: int
    state: BatchState
    assignment_id: int | None
    rubric: str = Field(description='"auto", "builtin:NAME" or "sha256:HASH" of a course\'s rubric')
    total: int
    graded: int
    failed: int = Field(
        description="without a grade for good: refused, broke grading again and again, cancelled"
    )
    refused: int = Field(description="those of the failed that the assessor refused")
    grading: int = Field(description="being graded right now")
    created_at: datetime
    finished_at: datetime | None


class Score(BaseModel):
    points: float
    of: float
    overridden: bool


class BatchRow(BaseModel):
    submission: int
    file: str
    participant: str | None
    person_id: int | None
    state: JobState
    error_code: str | None
    score: Score | None
    result: ResultOut | None
    override: MarkOut | None


class BatchOut(Progress):
    rows: list[BatchRow]


class LeftOut(BaseModel):
    file: str
    why: str


class Received(BaseModel):
    """What became of the files of an upload."""

    id: int = Field(description="of the batch")
    assignment_id: int | None
    new: int = Field(description="photos handed in by this upload")
    known: int = Field(description="photos that were there already; none is kept or graded twice")
    left: list[LeftOut] = Field(description="files that are no photos, with the reason")


class BatchChange(Strict):
    state: Literal["running", "paused", "cancelled"]


class Regrade(Strict):
    """By the assignment's rubric as it stands now, or by another of the course's or a built-in one."""

    rubric_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    builtin_rubric: Word | None = None


def _batch_body(required: bool) -> dict[str, Any]:
    body = openapi_body()
    schema = body["requestBody"]["content"]["multipart/form-data"]["schema"]
    declared = {name: schema["properties"][name] for name in DECLARED_FIELDS}
    file = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file, "maxItems": 200, "description": "photos and clips, or one zip"}
    target = {
        "assignment": {"type": "integer", "minimum": 1, "description": "whose submissions they are"},
        "course": {"type": "integer", "minimum": 1, "description": "for a new assignment in it"},
        "title": {"type": "string", "maxLength": 200, "description": "of the new assignment"},
        "rubric": {
            "type": "string",
            "description": "a built-in one's name, or the number of one of the course",
        },
    }
    assert set(target) == set(TARGET_FIELDS)
    clips = {
        "task": {"type": "string", "enum": ["hold", "suture"], "description": "what the clips show"},
        "clip_hand": {
            "type": "string",
            "enum": ["left", "right", "unknown"],
            "description": "which holds the tool in the clips; the dominant one, if both",
        },
    }
    assert set(clips) == set(CLIP_FIELDS)
    hand = {
        "type": "string",
        "enum": list(get_args(Hand)),
        "description": "that the photos' rows were sewn with",
    }
    schema["properties"] = {
        "files": files,
        **(target if required else {}),
        **declared,
        HAND_FIELD: hand,
        **clips,
    }
    schema["required"] = ["files"]
    return body


@router.post(
    "/batches",
    status_code=202,
    response_model=Received,
    responses=documented(409, 415, 422),
    openapi_extra=_batch_body(True),
)
async def add_batch(request: Request, caller: Teacher) -> Received:
    """Photos, clips or a zip (also of Moodle or Canvas) of an assignment's submissions, to be graded. Sent
    again, what is there already is not taken twice."""
    form = await read_class_upload(request)
    try:
        return await run_in_threadpool(_new_batch, request, caller, form)
    finally:
        await form.close()


@router.post(
    "/batches/{batch_id}/files",
    status_code=202,
    response_model=Received,
    responses=documented(409, 415, 422),
    openapi_extra=_batch_body(False),
)
async def add_files(request: Request, caller: Teacher, batch_id: Id) -> Received:
    """More photos or clips into a batch, also one that was done."""
    form = await read_class_upload(request, ())
    try:
        return await run_in_threadpool(_more, request, caller, form, batch_id)
    finally:
        await form.close()


@router.post("/assignments/{assignment_id}/regrade", status_code=202, responses=documented(409, 422))
def regrade(request: Request, caller: SignedIn, assignment_id: Id, form: Regrade) -> Progress:
    """All photos of an assignment in a new batch. What was graded by this very software and rubric is not
    graded again: that result counts from now on."""
    with database(request).writing() as session:
        assignment = courses.taught_assignment(session, caller, assignment_id)
        rubric = _rubric(session, caller, assignment.course_id, form.builtin_rubric, form.rubric_id)
        ids = submissions.handed_in_for(session, assignment.id)
        new = jobs.add_batch(session, caller, assignment, ids, rubric)
        out = _progress(session, new)
    _grader(request).wake()
    return out


@router.get("/batches")
def list_batches(
    caller: Teacher, session: Reading, page: Annotated[Slice, Depends(part)], assignment: QueryId = None
) -> Listed[Progress]:
    found = jobs.batches(session, caller, page, assignment)
    return Listed(items=[_progress(session, b) for b in found.items], total=found.total)


@router.get("/batches/{batch_id}")
def get_batch(
    caller: Teacher,
    session: Reading,
    batch_id: Id,
    limit: Annotated[int, Query(ge=0, le=MOST_ROWS)] = MOST_ROWS,
    offset: Annotated[int, Query(ge=0, le=LARGEST_OFFSET)] = 0,
) -> BatchOut:
    """Progress, and a row for each submission; `limit=0` for a progress bar."""
    found = jobs.batch(session, caller, batch_id)
    rows = _rows(session, caller, jobs.jobs(session, batch_id, Slice(limit, offset)).items) if limit else []
    return BatchOut(**_progress(session, found).model_dump(), rows=rows)


@router.patch("/batches/{batch_id}", responses=documented(409))
def change_batch(
    request: Request, caller: Teacher, session: Writing, batch_id: Id, form: BatchChange
) -> Progress:
    """Pause, resume or cancel. What is being graded at that moment still gets its grade."""
    found = jobs.batch(session, caller, batch_id)
    jobs.set_state(session, found, form.state)
    _grader(request).wake()  # before the commit, but it looks again soon
    return _progress(session, found)


@router.get(
    "/batches/{batch_id}/submissions/{submission_id}/overlay.png",
    response_class=Response,
    responses={200: {"content": {PNG: {}}, "description": "the photo with every stitch drawn on it"}},
)
def get_overlay(
    request: Request, caller: Teacher, session: Reading, batch_id: Id, submission_id: Id
) -> Response:
    jobs.batch(session, caller, batch_id)
    if submission_id not in jobs.submissions_of(session, batch_id):
        not_there("submission in this batch")
    (row,) = submissions.rows(session, [submission_id], eyes=caller)
    if row.result is None or row.result.overlay_sha256 is None:
        not_there("picture")
    return Response(_as_png(request.app.state.blobs.get(row.result.overlay_sha256)), media_type=PNG)


def _as_png(jpeg: bytes) -> bytes:
    """Our own picture, as JPEG in the store: a tenth of a PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(jpeg), formats=("JPEG",)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _grader(request: Request) -> Graders:
    found: Graders = request.app.state.grader
    return found


def _new_batch(request: Request, caller: Caller, form: Any) -> Received:
    settings: Settings = request.app.state.settings
    upload = understand(form, settings)
    with database(request).writing() as session:
        assignment = _target(session, caller, upload)
        rubric = None
        if "rubric" in upload.target:
            rubric = _named_rubric(session, caller, assignment, upload.target["rubric"])
        new = jobs.add_batch(session, caller, assignment, (), rubric)
        place = _place(session, caller, new, assignment)
    return _take(request, upload, place)


def _more(request: Request, caller: Caller, form: Any, batch_id: int) -> Received:
    upload = understand(form, request.app.state.settings, ())
    with database(request).reading() as session:
        found = jobs.batch(session, caller, batch_id)
        if found.state == "cancelled":
            raise ServiceError("conflict", "This batch is cancelled", "Start another one.")
        assignment = courses.assignment(session, caller, found.assignment_id) if found.assignment_id else None
        place = _place(session, caller, found, assignment)
    return _take(request, upload, place)


def _take(request: Request, upload: ClassUpload, place: Place) -> Received:
    taken: Taken = take(database(request), request.app.state.blobs, _grader(request), upload, place)
    left = [LeftOut(file=one.file, why=one.why) for one in taken.left]
    return Received(
        id=place.batch_id, assignment_id=place.assignment_id, new=taken.new, known=taken.known, left=left
    )


def _target(session: Session, caller: Caller, upload: ClassUpload) -> Assignment | None:
    """The assignment that the form names, or a new one in the course that it names."""
    if "assignment" in upload.target:
        return courses.taught_assignment(session, caller, _number(upload.target, "assignment"))
    if "course" not in upload.target:
        return None
    course = courses.taught_course(session, caller, _number(upload.target, "course"))
    title = upload.target.get("title") or f"Upload of {datetime.now(UTC):%Y-%m-%d %H:%M}"
    said = upload.options
    values: dict[str, Any] = {
        "title": "".join(c for c in title if c.isprintable())[:200],
        **{name: getattr(said, name) for name in DECLARED},
    }
    new = courses.add_assignment(session, course.id, values)
    if "rubric" in upload.target:
        rubric = _named_rubric(session, caller, new, upload.target["rubric"])
        own = {"rubric_id": rubric.id} if isinstance(rubric, Rubric) else {"builtin_rubric": rubric}
        courses.change(session, new, own)
    return new


def _number(target: dict[str, str], name: str) -> int:
    text = target[name]
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= LARGEST_ID:
        raise ServiceError("bad_field", f"{name} must be its number", "As it stands in the page's address.")
    return int(text)


def _named_rubric(session: Session, caller: Caller, assignment: Assignment | None, text: str) -> Rubric | str:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    course_id = assignment.course_id if assignment else None
    rubric = _rubric(session, caller, course_id, None if number else text, number)
    assert rubric is not None
    return rubric


def _rubric(
    session: Session, caller: Caller, course_id: int | None, builtin: str | None, number: int | None
) -> Rubric | str | None:
    if number is not None:
        found = courses.rubric(session, caller, number)
        if builtin is not None or found.course_id != course_id:
            raise ServiceError(
                "rubric_elsewhere",
                "The course has no such rubric",
                "Name one of this course's, and only one.",
            )
        return found
    if builtin is not None and builtin not in rubric_names():
        raise RubricError(
            "rubric_unknown",
            f"There is no rubric {builtin[:80]!r}.",
            "Use the number of one of the course's, or one of: " + ", ".join(rubric_names()) + ".",
        )
    return builtin


def _place(session: Session, caller: Caller, batch: Batch, assignment: Assignment | None) -> Place:
    from api.handed import Roster

    if assignment is None:
        return Place(batch.id, None, caller.person_id, Roster(()), {})
    roster = Roster(courses.roster(session, assignment.course_id))
    declared = {name: value for name in DECLARED if (value := getattr(assignment, name)) is not None}
    return Place(batch.id, assignment.id, None, roster, declared)


def _progress(session: Session, batch: Batch) -> Progress:
    states = jobs.progress(session, batch.id)
    return Progress(
        id=batch.id,
        state=batch.state,
        assignment_id=batch.assignment_id,
        rubric=batch.rubric_key,
        total=sum(states.values()),
        graded=states.get("graded", 0),
        failed=sum(states.get(s, 0) for s in ("refused", "failed", "cancelled")),
        refused=states.get("refused", 0),
        grading=states.get("leased", 0),
        created_at=batch.created_at,
        finished_at=batch.finished_at,
    )


def _rows(session: Session, caller: Caller, items: Sequence[Job]) -> list[BatchRow]:
    by_id = {
        row.submission.id: row
        for row in submissions.rows(session, [job.submission_id for job in items], eyes=caller)
    }
    return [_row(job, submission_out(by_id[job.submission_id], caller)) for job in items]


def _row(job: Job, found: Any) -> BatchRow:
    score = None
    if found.override is not None:
        score = Score(points=found.override.points, of=found.override.points_of, overridden=True)
    elif found.result is not None and found.result.points is not None and found.result.points_of is not None:
        score = Score(points=found.result.points, of=found.result.points_of, overridden=False)
    return BatchRow(
        submission=found.id,
        file=found.file,
        participant=found.participant,
        person_id=found.person_id,
        state=job.state,
        error_code=job.error_code,
        score=score,
        result=found.result,
        override=found.override,
    )
