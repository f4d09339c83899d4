"""What is handed in: kept with its grade, listed, marked, deleted; and how a trainee gets on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, model_validator

from api.errors import ServiceError, documented, not_there
from api.form import Upload, known_hand, openapi_body, read_upload
from api.job import GradeReply, GradeRequest, document_name
from api.progress import change
from api.schema import Id, Listed, LongText, QueryId, Strict, Word, part
from api.security import Reading, SignedIn, Writing, database
from api.store import courses, submissions, summaries
from api.store.courses import not_allowed
from api.store.erase import erase_submission
from api.store.jobs import rubric_key
from api.store.models import DECLARED, Assignment, Hand, Kind, Mark, Result, Rubric
from api.store.page import Slice
from api.store.scope import Caller
from api.store.submissions import Filter, Order, Row, State
from api.workers import WorkerPool
from assessor.options import GradeOptions
from assessor.results import PhotoAssessment

router = APIRouter(tags=["submissions"], responses=documented(400, 401, 403, 404, 408, 413, 503, 507))
EXTRA_FIELDS = ("assignment", "hand")
SCALE_FIELDS = ("mm_per_px", "grid_mm", "ruler_mm", "check_bar_mm", "points")
JPEG = "image/jpeg"


class ResultOut(BaseModel):
    id: int
    software: str
    rubric: str = Field(description='"auto", "builtin:NAME" or "sha256:HASH" of a course\'s rubric')
    corrected: bool
    counts: bool = Field(description="whether it is the one that counts: one of a submission's results does")
    declared: dict[str, Any] = Field(
        description="what the submission declared when it was graded: technique, suture_size, kit, scale"
    )
    error_code: str | None
    technique: str | None
    stitches: int | None
    points: float | None
    points_of: float | None
    coverage: float | None
    created_at: datetime


class MarkOut(BaseModel):
    id: int
    marker_id: int | None
    points: float
    points_of: float
    reason: str
    overrides: bool
    created_at: datetime


class SubmissionOut(BaseModel):
    id: int
    kind: Kind
    state: State = Field(
        description="of one without a result: waiting, failed (broke grading again and again), or cancelled"
    )
    error_code: str | None = Field(description="why it was refused or has failed")
    person_id: int | None = Field(description="null, as `participant`, where the assignment is marked blind")
    assignment_id: int | None
    file: str = Field(description='"submission 12" where the assignment is marked blind')
    participant: str | None = Field(description="the name that a class's upload gave")
    technique: str | None
    suture_size: str | None
    kit: str | None
    hand: Hand | None
    motion: dict[str, Any] | None = Field(
        description="of a clip: task, hand, mm_per_px, tips, exposure_s, as far as declared"
    )
    created_at: datetime
    result: ResultOut | None
    override: MarkOut | None


class HandedIn(BaseModel):
    submission: SubmissionOut
    assessment: PhotoAssessment


class NewMark(Strict):
    points: float = Field(ge=0, le=10_000, allow_inf_nan=False)
    points_of: float = Field(gt=0, le=10_000, allow_inf_nan=False)
    reason: LongText = Field(min_length=3)
    overrides: bool = Field(description="replaces the assessor's points; else a second marker's opinion")

    @model_validator(mode="after")
    def _within(self) -> NewMark:
        if self.points > self.points_of:
            raise ValueError("more points than there are")
        return self


class SeriesPoint(BaseModel):
    submission_id: int
    created_at: datetime
    suture_size: str | None
    value: float
    sd: float | None


class Series(BaseModel):
    """One metric of one technique and hand, the oldest first."""

    technique: str
    hand: Hand | None
    metric: str
    points: list[SeriesPoint]
    difference: float | None = Field(description="mean of the last (up to 3) less that of the first")
    least: float | None = Field(description="a smaller difference could be the measurement's own wobble")
    counts: bool | None = Field(description="whether it is a real change; null: cannot be told")


def _result(row: Result) -> ResultOut:
    own: dict[str, Any] = {"rubric": row.rubric_key, "corrected": row.correction_key != ""}
    own["declared"] = row.declared or {}
    return ResultOut(**own, **{n: getattr(row, n) for n in ResultOut.model_fields if n not in own})


def _mark(row: Mark) -> MarkOut:
    return MarkOut(**{name: getattr(row, name) for name in MarkOut.model_fields})


def submission_out(row: Row, caller: Caller) -> SubmissionOut:
    """Without what tells whose it is where the assignment is marked blind; oneself one may know."""
    s = row.submission
    hidden = row.blind and s.person_id != caller.person_id
    return SubmissionOut(
        id=s.id,
        kind=s.kind,
        state=row.state,
        error_code=row.error_code,
        person_id=None if hidden else s.person_id,
        assignment_id=s.assignment_id,
        file=f"submission {s.id}" if hidden else s.file_name,
        participant=None if hidden else s.participant,
        technique=s.technique,
        suture_size=s.suture_size,
        kit=s.kit,
        hand=s.hand,
        motion=s.motion,
        created_at=s.created_at,
        result=_result(row.result) if row.result else None,
        override=_mark(row.override) if row.override else None,
    )


@router.post(
    "/submissions",
    status_code=201,
    response_model=HandedIn,
    responses=documented(409, 415, 422, 500, 504),
    openapi_extra=openapi_body(
        {
            "assignment": {"type": "integer", "minimum": 1, "description": "left away: sewn at home"},
            "hand": {"type": "string", "enum": list(get_args(Hand))},
        }
    ),
)
async def hand_in(request: Request, caller: SignedIn) -> Response:
    """Grade a photo and keep it. A photo that cannot be graded is refused and not kept."""
    upload = await read_upload(request, EXTRA_FIELDS)
    known_hand(upload.extra.get("hand"))
    assignment, rubric = await run_in_threadpool(
        asked_assignment, request, caller, upload.extra.get("assignment")
    )
    options = _declared(upload.options, assignment)
    pool: WorkerPool = request.app.state.pool
    reply = await pool.run(
        GradeRequest(upload.photo, upload.name, options, "screen", rubric.text_toml if rubric else None)
    )
    row, document = await run_in_threadpool(_keep, request, caller, upload, options, assignment, reply)
    submission = submission_out(row, caller).model_dump_json()
    body = f'{{"submission": {submission}, "assessment": {document}}}'
    return Response(body, 201, media_type="application/json")


def asked_assignment(
    request: Request, caller: Caller, text: str | None
) -> tuple[Assignment | None, Rubric | None]:
    """The assignment that a form's field names, and its rubric where that is the course's own."""
    if text is None:
        return None, None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise ServiceError(
            "bad_field", "assignment must be its number", "Leave it away for practice at home."
        )
    with database(request).reading() as session:
        found = courses.assignment(session, caller, int(text))
        rubric = courses.rubric(session, caller, found.rubric_id) if found.rubric_id else None
    return found, rubric


def _declared(options: GradeOptions, assignment: Assignment | None) -> GradeOptions:
    """What the assignment says comes before what the trainee says."""
    if assignment is None:
        return options
    said = {name: value for name in DECLARED if (value := getattr(assignment, name)) is not None}
    return replace(options, rubric=assignment.builtin_rubric, **said)


def _keep(
    request: Request,
    caller: Caller,
    upload: Upload,
    options: GradeOptions,
    assignment: Assignment | None,
    reply: GradeReply,
) -> tuple[Row, str]:
    """The submission, and its assessment as it was kept (JSON)."""
    blobs = request.app.state.blobs
    scale = {name: v for name in SCALE_FIELDS if (v := getattr(options, name)) is not None}
    key = f"builtin:{options.rubric}" if options.rubric else "auto"
    with database(request).writing() as session:
        new = submissions.add_submission(
            session,
            {
                "person_id": caller.person_id,
                "assignment_id": assignment.id if assignment else None,
                "blob_sha256": blobs.add(session, upload.photo, "application/octet-stream"),
                "file_name": upload.name,
                "technique": options.technique,
                "suture_size": options.suture_size,
                "kit": options.kit,
                "hand": upload.extra.get("hand"),
                "scale": scale or None,
            },
        )
        content = json.loads(reply.document)
        content["image"]["file"] = document_name(new.id)
        document = json.dumps(content, ensure_ascii=False)
        submissions.record_result(
            session,
            new.id,
            document,
            rubric_key=rubric_key(session, assignment) if assignment else key,
            declared=new.declared,
            overlay_sha256=blobs.add(session, reply.picture, JPEG),
        )
        return submissions.rows(session, [new.id], eyes=caller)[0], document


@router.get("/submissions")
def list_submissions(
    caller: SignedIn,
    session: Reading,
    page: Annotated[Slice, Depends(part)],
    assignment: QueryId = None,
    person: QueryId = None,
    kind: Kind | None = None,
    technique: Annotated[Word | None, Query()] = None,
    state: State | None = None,
    hint: Annotated[Word | None, Query()] = None,
    order: Order = "newest",
) -> Listed[SubmissionOut]:
    """Those that the caller may see: a trainee their own, an instructor their courses'. By `person`,
    without what is marked blind."""
    wanted = Filter(assignment, person, kind, technique, state, hint)
    found = submissions.submissions(session, caller, wanted, page, order)
    return Listed(items=[submission_out(row, caller) for row in found.items], total=found.total)


@router.get("/submissions/{submission_id}")
def get_submission(caller: SignedIn, session: Reading, submission_id: Id) -> SubmissionOut:
    return submission_out(_row(session, caller, submission_id), caller)


@router.get("/submissions/{submission_id}/assessment", response_model=PhotoAssessment)
def get_assessment(caller: SignedIn, session: Reading, submission_id: Id) -> Response:
    """The result of a photo that counts, as the assessor gave it."""
    row = _row(session, caller, submission_id)
    if row.submission.kind == "clip":
        not_there("photo's assessment: a clip has /motion")
    if row.result is None:
        not_there("result yet")
    return Response(submissions.document(session, row.result.id), media_type="application/json")


@router.get("/submissions/{submission_id}/results")
def list_results(caller: SignedIn, session: Reading, submission_id: Id) -> list[ResultOut]:
    """All results there ever were, the oldest first."""
    submissions.submission(session, caller, submission_id)
    return [_result(row) for row in submissions.results(session, submission_id)]


@router.get(
    "/submissions/{submission_id}/overlay.jpg",
    response_class=Response,
    responses={200: {"content": {JPEG: {}}, "description": "the photo with every stitch drawn on it"}},
)
def get_overlay(request: Request, caller: SignedIn, session: Reading, submission_id: Id) -> Response:
    row = _row(session, caller, submission_id)
    if row.result is None or row.result.overlay_sha256 is None:
        not_there("picture")
    return Response(request.app.state.blobs.get(row.result.overlay_sha256), media_type=JPEG)


@router.delete("/submissions/{submission_id}", status_code=204)
def delete_submission(request: Request, caller: SignedIn, submission_id: Id) -> None:
    """Practice at home is its owner's to delete; what was handed in, who teaches the course."""
    with database(request).reading() as session:
        found = submissions.submission(session, caller, submission_id)
        if found.person_id != caller.person_id and not caller.teaches:
            raise not_allowed()
        if found.assignment_id is not None:
            submissions.judged_submission(session, caller, submission_id)
    erase_submission(database(request), request.app.state.blobs, submission_id)


@router.get("/submissions/{submission_id}/marks")
def list_marks(caller: SignedIn, session: Reading, submission_id: Id) -> list[MarkOut]:
    """For who teaches the course all of them, for the trainee those that override."""
    row = _row(session, caller, submission_id)
    marks = submissions.marks(session, [submission_id], eyes=caller)
    own = row.submission.person_id == caller.person_id and not caller.teaches
    return [_mark(mark) for mark in marks if mark.overrides or not own]


@router.post("/submissions/{submission_id}/marks", status_code=201, responses=documented(409))
def add_mark(caller: SignedIn, session: Writing, submission_id: Id, form: NewMark) -> MarkOut:
    """An override with its reason, or a second marker's opinion; what was there before stays."""
    submissions.judged_submission(session, caller, submission_id)
    return _mark(submissions.add_mark(session, caller, submission_id, **form.model_dump()))


@router.get("/progress")
def progress(
    caller: SignedIn,
    session: Reading,
    technique: Annotated[Word | None, Query()] = None,
    metric: Annotated[list[Word], Query(max_length=20)] = [],  # noqa: B006
) -> list[Series]:
    """The caller's own history: a series for each technique, hand and metric."""
    points = summaries.history(session, caller.person_id, technique, metric)
    points.sort(key=_series_key)
    return [_series(key, group) for key, group in groupby(points, _series_key)]


def _row(session: Reading, caller: Caller, submission_id: int) -> Row:
    submissions.submission(session, caller, submission_id)
    return submissions.rows(session, [submission_id], eyes=caller)[0]


def _series_key(point: summaries.Point) -> tuple[str, str, str]:
    return point.technique or "", point.hand or "", point.name


def _series(key: tuple[str, str, str], group: Iterable[summaries.Point]) -> Series:
    technique, hand, metric = key
    points = [
        SeriesPoint(
            submission_id=p.submission_id,
            created_at=p.created_at,
            suture_size=p.suture_size,
            value=p.value,
            sd=p.sd,
        )
        for p in group
        if p.value is not None
    ]
    found = change([p.value for p in points], [p.sd for p in points])
    known: Any = hand or None
    return Series(
        technique=technique,
        hand=known,
        metric=metric,
        points=points,
        difference=found.difference if found else None,
        least=found.least if found else None,
        counts=found.counts if found else None,
    )
