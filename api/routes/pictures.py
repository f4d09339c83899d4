"""Pictures of a submission: the photo alone as a browser can show it, and a small one for lists."""

from __future__ import annotations

import io
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.errors import documented, not_there
from api.job import GradeRequest
from api.routes.submissions import JPEG
from api.schema import Id
from api.security import Reading, SignedIn, database
from api.store import submissions
from api.store.scope import Caller
from api.workers import WorkerPool
from assessor.options import GradeOptions

router = APIRouter(tags=["submissions"], responses=documented(400, 401, 403, 404, 408, 413, 503, 507))
ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {JPEG: {}}, "description": "a JPEG"}}
# Pictures of one result never change; lists name the result in the address.
KEEP = {"cache-control": "private, max-age=86400"}
THUMB_PX = 360
THUMB_QUALITY = 80


@router.get(
    "/submissions/{submission_id}/photo.jpg",
    response_class=Response,
    responses={**ANSWER, **documented(415, 422, 500, 504)},
)
async def get_photo(request: Request, caller: SignedIn, submission_id: Id) -> Response:
    """The upright photo with nothing drawn on it, at most 1800 px long; decoded in a child."""
    photo, name = await run_in_threadpool(_photo, request, caller, submission_id)
    pool: WorkerPool = request.app.state.pool
    reply = await pool.run(GradeRequest(photo, name, GradeOptions(), "bare"))
    return Response(reply.picture, media_type=JPEG, headers=KEEP)


def _photo(request: Request, caller: Caller, submission_id: int) -> tuple[bytes, str]:
    with database(request).reading() as session:
        found = submissions.submission(session, caller, submission_id)
        if found.kind == "clip":
            not_there("photo: it is a clip")
    return request.app.state.blobs.get(found.blob_sha256), found.file_name


@router.get("/submissions/{submission_id}/thumb.jpg", response_class=Response, responses=ANSWER)
def get_thumb(request: Request, caller: SignedIn, session: Reading, submission_id: Id) -> Response:
    """The overlay, at most 360 px long."""
    submissions.submission(session, caller, submission_id)
    result = submissions.rows(session, [submission_id], eyes=caller)[0].result
    if result is None or result.overlay_sha256 is None:
        not_there("picture")
    return Response(_thumb(request.app.state.blobs.get(result.overlay_sha256)), media_type=JPEG, headers=KEEP)


def _thumb(jpeg: bytes) -> bytes:
    """Smaller; `jpeg` is this service's own, so it may be decoded here."""
    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        image.draft("RGB", (THUMB_PX, THUMB_PX))  # the decoder halves: five times faster
        image.thumbnail((THUMB_PX, THUMB_PX))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=THUMB_QUALITY)
    return out.getvalue()
