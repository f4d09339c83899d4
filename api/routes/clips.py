"""A recorded clip in, a job back; its assessment or its plot later."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.clips import ClipJob, ClipJobs
from api.errors import documented
from api.form import MAX_FIELD_BYTES, file_name, multipart_body, opened_form, parse_number
from api.routes.photos import JSON, PNG, prefers_png
from api.security import OpenGrading
from assessor.motion.options import MotionOptions, parse_tip

router = APIRouter(tags=["clips"])

CLIP_FIELDS = ("mm_per_px", "task", "hand", "tips", "exposure_s")
ASK_AGAIN_S = 2


# OpenAPI's description of the form.
PROPERTIES: dict[str, Any] = {
    "file": {"type": "string", "format": "binary", "description": "MP4, MOV, WebM, MKV or AVI"},
    "mm_per_px": {"type": "number", "exclusiveMinimum": 0},
    "task": {"type": "string", "enum": ["hold", "suture"]},
    "hand": {"type": "string", "enum": ["left", "right", "unknown"]},
    "tips": {
        "type": "string",
        "maxLength": MAX_FIELD_BYTES,
        "description": "x,y or x,y;x,y: where tips are in the first picture",
    },
    "exposure_s": {"type": "number", "exclusiveMinimum": 0},
}


class ClipState(BaseModel):
    """A clip that is not assessed yet."""

    id: str
    state: Literal["queued", "running"]
    queue_depth: int = Field(description="clips waiting or being assessed")


@router.post(
    "/clips",
    status_code=202,
    response_model=ClipState,
    responses=documented(400, 401, 403, 408, 413, 415, 422, 500, 503, 507),
    openapi_extra=multipart_body(PROPERTIES),
    dependencies=[OpenGrading],
)
async def add_clip(request: Request, response: Response) -> ClipState:
    """Queue one clip; `Location` says where its assessment will be. The clip is deleted once assessed."""
    jobs: ClipJobs = request.app.state.clips
    jobs.check_room()  # before a body is read in vain
    async with opened_form(request, CLIP_FIELDS, "clip") as (file, values):
        job = await jobs.add(file.file, file_name(file, "clip"), parse_options(values))
    response.headers["location"] = f"{request.url.path}/{job.id}"
    return _state(job, jobs)


@router.get(
    "/clips/{clip_id}",
    response_class=Response,
    responses={
        200: {
            "description": f"The MotionAssessment, or with `Accept: {PNG}` its plot",
            "content": {
                JSON: {"schema": {"type": "object"}},
                PNG: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        202: {"model": ClipState, "description": "Not assessed yet: ask again"},
        **documented(404, 413, 415, 422, 500, 504),
    },
)
async def get_clip(request: Request, clip_id: str) -> Response:
    """Whoever knows the id may ask: it cannot be guessed."""
    jobs: ClipJobs = request.app.state.clips
    job = jobs.get(clip_id)
    if job.problem is not None:
        raise job.problem
    if job.reply is None:
        body = _state(job, jobs).model_dump_json()
        return Response(body, 202, {"retry-after": str(ASK_AGAIN_S)}, JSON)
    png = prefers_png(request.headers.get("accept", ""))
    content, media = (job.reply.picture, PNG) if png else (job.reply.document, JSON)
    return Response(content, media_type=media, headers={"vary": "accept"})


def parse_options(values: dict[str, str]) -> MotionOptions:
    """Texts of a form -> MotionOptions; ServiceError bad_number, OptionError."""
    parsed: dict[str, Any] = dict(values)
    for name in ("mm_per_px", "exposure_s"):
        if name in values:
            parsed[name] = parse_number(name, values[name])
    if "tips" in values:
        parsed["tips"] = tuple(parse_tip(part) for part in values["tips"].split(";"))
    return MotionOptions(**parsed)


def _state(job: ClipJob, jobs: ClipJobs) -> ClipState:
    state: Literal["queued", "running"] = "queued" if job.state == "queued" else "running"
    return ClipState(id=job.id, state=state, queue_depth=jobs.pending)
