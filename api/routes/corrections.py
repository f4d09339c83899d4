"""What a person knows better than the first look: points of stitches, the technique, a scale."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, StringConstraints

from api.errors import documented, not_there
from api.form import parse_options
from api.job import GradeReply, GradeRequest, document_name
from api.routes.submissions import JPEG, HandedIn, submission_out
from api.schema import Id, Strict, Word
from api.security import SignedIn, database
from api.store import practice, submissions
from api.store.models import DECLARED, Hand
from api.store.scope import Caller
from api.store.submissions import Row
from api.workers import WorkerPool
from assessor.options import GradeOptions, parse_points
from assessor.photo.correct import MOST_STITCHES, Seen, SeenStitch
from assessor.results import plain

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


@dataclass(frozen=True, slots=True)
class _Task:
    """A submission as it is to be graded now; `declared` are its columns, `rubric_toml` a course's own."""

    photo: bytes
    file_name: str
    declared: dict[str, Any]
    options: GradeOptions
    rubric_key: str
    rubric_toml: str | None
    seen: Seen | None

    @property
    def key(self) -> str:
        """What tells this correction from others of the same submission."""
        facts = {"declared": self.declared, "seen": self.seen and plain(self.seen)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


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
        GradeRequest(task.photo, task.file_name, task.options, "screen", task.rubric_toml, task.seen)
    )
    row = await run_in_threadpool(_keep, request, caller, submission_id, task, reply)
    return HandedIn(submission=submission_out(row, caller), assessment=json.loads(reply.document))


def _read(request: Request, caller: Caller, submission_id: int, form: Correction) -> _Task:
    with database(request).reading() as session:
        found = submissions.submission(session, caller, submission_id)
        if found.assignment_id is not None or found.person_id != caller.person_id:
            submissions.judged_submission(session, caller, submission_id)
        result = submissions.rows(session, [submission_id])[0].result
        if result is None:
            not_there("result yet")
        if form.wounds is not None:
            seen = _seen([wound.model_dump() for wound in form.wounds])
        elif result.correction_key:  # what was corrected before stays corrected
            seen = _seen(json.loads(submissions.document(session, result.id))["wounds"])
        else:
            seen = None
        declared = {name: getattr(found, name) for name in CORRECTED} | {"scale": found.scale}
        for name in form.model_fields_set & set(CORRECTED):
            declared[name] = getattr(form, name)
        if "points" in form.model_fields_set:
            declared["scale"] = {"points": list(parse_points(form.points))} if form.points else None
        return _Task(
            photo=request.app.state.blobs.get(found.blob_sha256),
            file_name=document_name(found.id),
            declared=declared,
            options=_options(declared, result.rubric_key),
            rubric_key=result.rubric_key,
            rubric_toml=practice.rubric_text(session, result.rubric_key),
            seen=seen,
        )


def _seen(wounds: list[dict[str, Any]]) -> Seen:
    def point(xy: Any) -> tuple[float, float]:
        return float(xy[0]), float(xy[1])

    return tuple(
        tuple(
            SeenStitch(
                (point(stitch["bites"][0]), point(stitch["bites"][1])),
                point(stitch["knot"]) if stitch["knot"] is not None else None,
            )
            for stitch in wound["stitches"]
        )
        for wound in wounds
    )


def _options(declared: dict[str, Any], rubric_key: str) -> GradeOptions:
    """The assessor's own errors where a declaration makes no sense."""
    texts = {name: declared[name] for name in DECLARED if declared[name]}
    if rubric_key.startswith("builtin:"):
        texts["rubric"] = rubric_key.removeprefix("builtin:")
    scale = dict(declared["scale"] or {})
    if "points" in scale:
        scale["points"] = tuple(scale["points"])
    return replace(parse_options(texts), **scale)


def _keep(request: Request, caller: Caller, submission_id: int, task: _Task, reply: GradeReply) -> Row:
    blobs = request.app.state.blobs
    with database(request).writing() as session:
        found = submissions.submission(session, caller, submission_id)
        for name, value in task.declared.items():
            setattr(found, name, value)
        submissions.record_result(
            session,
            submission_id,
            reply.document.decode(),
            rubric_key=task.rubric_key,
            declared_key=found.declared_key,
            correction_key=task.key,
            corrected_by=caller.person_id,
            overlay_sha256=blobs.add(session, reply.picture, JPEG),
        )
        return submissions.rows(session, [submission_id])[0]
