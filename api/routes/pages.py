"""`POST /grade`, the one request of the first page for who is not signed in.

The same form as /api/v1/photos, answered with the assessment and the overlay (a JPEG as data URL)
together, so that one upload is graded once and nothing is kept between requests. It is not part of the
public contract.
"""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request, Response

from api.routes.photos import JSON, grade
from api.security import OpenGrading

router = APIRouter(include_in_schema=False)


@router.post("/grade", dependencies=[OpenGrading])
async def grade_for_page(request: Request) -> Response:
    reply = await grade(request, "screen")
    picture = b"data:image/jpeg;base64," + base64.b64encode(reply.picture)
    # Both parts are JSON text already (base64 needs no escaping): no second pass over the document.
    return Response(
        b'{"assessment": ' + reply.document + b', "overlay": "' + picture + b'"}', media_type=JSON
    )
