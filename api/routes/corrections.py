"""What a person knows better than the first look: points of stitches, the technique, a scale."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, StringConstraints
from sqlalchemy.orm import Session

from api.errors import ServiceError, documented
from api.form import parse_options
from api.job import GradeReply, GradeRequest, document_name
from api.routes.submissions import JPEG, HandedIn, SubmissionOut, submission_out
from api.schema import LARGEST_ID, Id, Strict, Word
from api.security import SignedIn, Writing, database
from api.store import corrections, jobs, practice, submissions
from api.store.models import DECLARED, Assignment, Hand, Submission
from api.store.scope import Caller
from api.store.submissions import Row
from api.workers import WorkerPool
from assessor import __version__
from assessor.options import GradeOptions, parse_points
from assessor.photo.correct import MOST_STITCHES

router = APIRouter(tags=["submissions"], responses=documented(400, 401, 403, 404, 408, 413, 503, 507))
Pixel = Annotated[float, Field(ge=-1, le=100_000, allow_inf_nan=False)]
Kit = Annotated[str, StringConstraints(max_length=40, pattern=r"^[\w \-]+$")]
CORRECTED = (*DECLARED, "hand")


class CorrectedStitch(Strict):
    bites: tuple[tuple[Pixel, Pixel], tuple[Pixel, Pixel]]
    knot: tuple[Pixel, Pixel] | None = None


class CorrectedWound(Strict):
    stitches: list[CorrectedStitch] = Field(max_length=MOST_STITCHES)


class Correction(Strict):
    """What is left away stays as it is; null takes a declaration back."""

    wounds: list[CorrectedWound] | None = Field(
        default=None,
        max_length=50,
        description="all stitches of all wounds as the assessment has them, but for what is corrected",
    )
    technique: Word | None = None
    suture_size: Word | None = None
    kit: Kit | None = None
    hand: Hand | None = None
    points: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="x,y,x,y,mm: two pixels of the upright photo and their distance"
    )


class Choice(Strict):
    """Which of a submission's results counts from now on."""

    result_id: int = Field(ge=1, le=LARGEST_ID)


@dataclass(frozen=True, slots=True)
class _Task:
    """A submission as it is to be graded now; `changes` are its columns to change, `rubric_toml` a course's
    own."""

    photo: bytes
    file_name: str
    changes: dict[str, Any]
    declared: dict[str, Any]
    options: GradeOptions
    rubric_key: str
    rubric_toml: str | None
    correction: corrections.Correction | None


@router.post(
    "/submissions/{submission_id}/corrections", status_code=201, responses=documented(409, 415, 422, 500, 504)
)
async def correct(request: Request, caller: SignedIn, submission_id: Id, form: Correction) -> HandedIn:
    """Grade a submission again with what a person corrects; what was there before stays.

    Practice at home is its owner's to correct; what was handed in, who teaches the course.
    """
    task = await run_in_threadpool(_read, request, caller, submission_id, form)
    pool: WorkerPool = request.app.state.pool
    reply = await pool.run(
        GradeRequest(
            task.photo,
            task.file_name,
            task.options,
            "screen",
            task.rubric_toml,
            task.correction.seen if task.correction else None,
        )
    )
    row = await run_in_threadpool(_keep, request, caller, submission_id, task, reply)
    return HandedIn(submission=submission_out(row, caller), assessment=json.loads(reply.document))


@router.put("/submissions/{submission_id}/counting")
def choose(caller: SignedIn, session: Writing, submission_id: Id, form: Choice) -> SubmissionOut:
    """Let another of its results count, such as one corrected by hand in an older software's reading. All
    are kept. Who may correct a submission may choose."""
    theirs(session, caller, submission_id)
    submissions.choose_result(session, submission_id, form.result_id)
    return submission_out(submissions.rows(session, [submission_id], eyes=caller)[0], caller)


def _read(request: Request, caller: Caller, submission_id: int, form: Correction) -> _Task:
    with database(request).reading() as session:
        found = theirs(session, caller, submission_id)
        if found.kind == "clip":
            raise ServiceError(
                "conflict", "A clip has no stitches to correct", "Measure it again: /measurements."
            )
        result = submissions.rows(session, [submission_id], eyes=caller)[0].result
        task = session.get(Assignment, found.assignment_id) if found.assignment_id else None
        key = result.rubric_key if result else jobs.rubric_key(session, task)
        # What was corrected before stays corrected, as long as it is the same reading.
        corrected = corrections.standing(session, submission_id, __version__)
        if form.wounds is not None:
            corrected = corrections.correction([wound.model_dump() for wound in form.wounds])
        changes = {name: getattr(form, name) for name in form.model_fields_set & set(CORRECTED)}
        if "points" in form.model_fields_set:
            changes["scale"] = {"points": list(parse_points(form.points))} if form.points else None
        declared = {n: v for n, v in (found.declared | changes).items() if n != "hand" and v is not None}
        return _Task(
            photo=request.app.state.blobs.get(found.blob_sha256),
            file_name=document_name(found.id),
            changes=changes,
            declared=declared,
            options=_options(declared, key),
            rubric_key=key,
            rubric_toml=practice.rubric_text(session, key),
            correction=corrected,
        )


def theirs(session: Session, caller: Caller, submission_id: int) -> Submission:
    """A submission that the caller may have graded otherwise; ServiceError not_found, not_allowed."""
    found = submissions.submission(session, caller, submission_id)
    if found.assignment_id is not None or found.person_id != caller.person_id:
        submissions.judged_submission(session, caller, submission_id)
    return found


def _options(declared: dict[str, Any], rubric_key: str) -> GradeOptions:
    """The assessor's own errors where a declaration makes no sense."""
    texts = {name: declared[name] for name in DECLARED if name in declared}
    if rubric_key.startswith("builtin:"):
        texts["rubric"] = rubric_key.removeprefix("builtin:")
    scale = dict(declared.get("scale", {}))
    if "points" in scale:
        scale["points"] = tuple(scale["points"])
    return replace(parse_options(texts), **scale)


def _keep(request: Request, caller: Caller, submission_id: int, task: _Task, reply: GradeReply) -> Row:
    blobs = request.app.state.blobs
    with database(request).writing() as session:
        found = submissions.submission(session, caller, submission_id)
        for name, value in task.changes.items():
            setattr(found, name, value)
        submissions.record_result(
            session,
            submission_id,
            reply.document.decode(),
            rubric_key=task.rubric_key,
            declared=task.declared,
            correction_key=task.correction.key if task.correction else "",
            corrected_by=caller.person_id,
            overlay_sha256=blobs.add(session, reply.picture, JPEG),
        )
        return submissions.rows(session, [submission_id], eyes=caller)[0]
