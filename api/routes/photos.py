"""A photo in, its assessment or its overlay picture out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.errors import documented
from api.form import openapi_body, read_upload
from api.job import GradeReply, GradeRequest, Picture
from api.security import OpenGrading
from api.workers import WorkerPool
from assessor.results import PhotoAssessment

router = APIRouter(tags=["photos"])

JSON = "application/json"
PNG = "image/png"
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": PhotoAssessment,
        "description": f"The assessment, or with `Accept: {PNG}` the photo with every stitch drawn on it",
        "content": {PNG: {"schema": {"type": "string", "format": "binary"}}},
    },
    **documented(400, 401, 403, 408, 413, 415, 422, 500, 503, 504, 507),
}


@router.post(
    "/photos",
    responses=ANSWERS,
    openapi_extra=openapi_body(),
    response_class=Response,
    dependencies=[OpenGrading],
)
async def grade_photo(request: Request) -> Response:
    """Grade one photo of a finished pad. Nothing of it is kept."""
    png = prefers_png(request.headers.get("accept", ""))
    reply = await grade(request, "full" if png else "none")
    if png:
        return Response(reply.picture, media_type=PNG, headers={"vary": "accept"})
    return Response(reply.document, media_type=JSON, headers={"vary": "accept"})


async def grade(request: Request, picture: Picture) -> GradeReply:
    """Read the upload of `request` and have it graded in a child process."""
    upload = await read_upload(request)
    pool: WorkerPool = request.app.state.pool
    return await pool.run(GradeRequest(upload.photo, upload.name, upload.options, picture))


def prefers_png(accept: str) -> bool:
    """Whether an Accept header asks for the picture rather than JSON (which wins a tie)."""
    quality: dict[str, float] = {}
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        q = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    q = float(parameter[2:])
                except ValueError:
                    q = 0.0
        quality[media] = q
    others = quality.get("*/*", 0.0)
    json_q = quality.get(JSON, quality.get("application/*", others))
    png_q = quality.get(PNG, quality.get("image/*", others))
    return png_q > json_q
