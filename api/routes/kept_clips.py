"""Clips that are handed in: kept, measured when their turn comes, shown, measured again; their history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import PurePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from api import byte_range
from api.clip_job import declared, options_of
from api.clips import RETRY_AFTER_S
from api.errors import ServiceError, documented, not_there
from api.form import file_name, multipart_body, opened_form
from api.progress import change
from api.routes.clips import CLIP_FIELDS, PROPERTIES, parse_options
from api.routes.corrections import theirs
from api.routes.submissions import SubmissionOut, asked_assignment, submission_out
from api.schema import Id, Strict
from api.security import Reading, SignedIn, database
from api.store import jobs, motion_history, overview, submissions
from api.store.models import Blob
from api.store.motion_history import MotionPoint
from api.store.scope import Caller
from assessor.motion.options import MotionOptions

router = APIRouter(tags=["clips"], responses=documented(400, 401, 403, 404, 408, 413, 503, 507))
# By a file's suffix: what a browser is told when it plays the clip.
MEDIA = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
}
BYTES = "application/octet-stream"
Pixel = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


class Remeasure(Strict):
    """What is declared from now on; what is left away stays, null takes it back."""

    task: Literal["hold", "suture"] | None = None
    hand: Literal["left", "right", "unknown"] | None = None
    mm_per_px: float | None = Field(default=None, gt=0, le=100, allow_inf_nan=False)
    exposure_s: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    tips: list[tuple[Pixel, Pixel]] | None = Field(default=None, max_length=2)


class MotionSeriesPoint(BaseModel):
    submission_id: int
    created_at: datetime
    value: float
    sd: float | None


class MotionSeries(BaseModel):
    """One measure of one task and hand, the oldest first."""

    task: str
    hand: str
    metric: str
    points: list[MotionSeriesPoint]
    difference: float | None = Field(description="mean of the last (up to 3) less that of the first")
    least: float | None = Field(description="a smaller difference could be the measurement's own wobble")
    counts: bool | None = Field(description="whether it is a real change; null: cannot be told")


@router.post(
    "/submissions/clips",
    status_code=202,
    response_model=SubmissionOut,
    responses=documented(409, 415, 422),
    openapi_extra=multipart_body(
        {
            **PROPERTIES,
            "assignment": {"type": "integer", "minimum": 1, "description": "left away: sewn at home"},
        }
    ),
)
async def hand_in_clip(request: Request, caller: SignedIn) -> SubmissionOut:
    """Keep a clip and measure it when its turn comes; what cannot be measured is kept with its reason."""
    async with opened_form(request, (*CLIP_FIELDS, "assignment"), "clip") as (file, values):
        text = values.pop("assignment", None)
        options = parse_options(values)
        out = await run_in_threadpool(_keep, request, caller, file, options, text)
    request.app.state.grader.wake()
    return out


def _keep(
    request: Request, caller: Caller, file: UploadFile, options: MotionOptions, text: str | None
) -> SubmissionOut:
    assignment, _ = asked_assignment(request, caller, text)
    name = file_name(file, "clip")
    with database(request).writing() as session:
        if overview.waiting_clips(session, caller.person_id) >= request.app.state.settings.max_clips:
            raise ServiceError(
                "clips_full",
                "As many of your clips are waiting as may",
                f"Try again in {RETRY_AFTER_S} seconds.",
                headers={"retry-after": str(RETRY_AFTER_S)},
            )
        media = MEDIA.get(PurePath(name).suffix.lower(), BYTES)
        values = {
            "kind": "clip",
            "person_id": caller.person_id,
            "assignment_id": assignment.id if assignment else None,
            "blob_sha256": request.app.state.blobs.add_file(session, file.file, media),
            "file_name": name,
            "motion": declared(options),
        }
        new = submissions.add_submission(session, values)
        jobs.add_batch(session, caller, None, [new.id])
        return submission_out(submissions.rows(session, [new.id], eyes=caller)[0], caller)


@router.post("/submissions/{submission_id}/measurements", status_code=202, responses=documented(409, 422))
def measure_again(request: Request, caller: SignedIn, submission_id: Id, form: Remeasure) -> SubmissionOut:
    """Measure a clip again with what is declared otherwise, or because it failed; what was there stays. Who
    may correct a photo may do this."""
    with database(request).writing() as session:
        found = theirs(session, caller, submission_id)
        if found.kind != "clip":
            raise ServiceError("conflict", "This is a photo", "Photos are graded again by /corrections.")
        said = {name: getattr(form, name) for name in form.model_fields_set}
        merged = {name: v for name, v in ((found.motion or {}) | said).items() if v is not None}
        found.motion = declared(options_of(merged))
        session.flush()
        if not overview.being_graded(session, submission_id):
            jobs.add_batch(session, caller, None, [submission_id])
        out = submission_out(submissions.rows(session, [submission_id], eyes=caller)[0], caller)
    request.app.state.grader.wake()
    return out


@router.get(
    "/submissions/{submission_id}/motion",
    response_class=Response,
    responses={
        200: {
            "description": "The MotionAssessment that counts, and the `repeatability` of each tip's measures",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
def get_motion(caller: SignedIn, session: Reading, submission_id: Id) -> Response:
    """The result of a clip that counts."""
    found = submissions.submission(session, caller, submission_id)
    result = submissions.rows(session, [submission_id], eyes=caller)[0].result
    if found.kind != "clip" or result is None:
        not_there("result of a clip")
    return Response(submissions.document(session, result.id), media_type="application/json")


@router.get(
    "/submissions/{submission_id}/clip",
    response_class=Response,
    responses={
        200: {
            "description": "the clip as it came in",
            "content": {media: {} for media in (*MEDIA.values(), BYTES)},
        },
        206: {"description": "a part of it"},
        416: {"description": "there is no such part"},
        **documented(500),
    },
)
def get_clip(request: Request, caller: SignedIn, session: Reading, submission_id: Id) -> Response:
    """For playing it; parts by `Range`."""
    found = submissions.submission(session, caller, submission_id)
    if found.kind != "clip":
        not_there("clip: it is a photo")
    media = MEDIA.get(PurePath(found.file_name).suffix.lower(), BYTES)
    blobs = request.app.state.blobs
    path = blobs.place(found.blob_sha256)
    if path is not None:
        return FileResponse(path, media_type=media)
    size_bytes = session.get_one(Blob, found.blob_sha256).size_bytes
    blobs.check_there(found.blob_sha256, size_bytes)
    read = partial(blobs.part, found.blob_sha256)
    return byte_range.answer(request.headers.get("range"), size_bytes, read, media)


@router.get("/progress/clips")
def progress(caller: SignedIn, session: Reading) -> list[MotionSeries]:
    """The caller's own history of clips: a series for each task, hand and measure."""
    points = sorted(motion_history.history(session, caller.person_id), key=_key)
    return [_series(key, group) for key, group in groupby(points, _key)]


def _key(point: MotionPoint) -> tuple[str, str, str]:
    return point.task, point.hand, point.metric


def _series(key: tuple[str, str, str], group: Iterable[MotionPoint]) -> MotionSeries:
    task, hand, metric = key
    points = list(group)
    found = change([p.value for p in points], [p.sd for p in points])
    own: dict[str, Any] = {name: getattr(found, name, None) for name in ("difference", "least", "counts")}
    return MotionSeries(
        task=task,
        hand=hand,
        metric=metric,
        points=[
            MotionSeriesPoint(**{name: getattr(p, name) for name in MotionSeriesPoint.model_fields})
            for p in points
        ],
        **own,
    )
