"""The page for people: one HTML page, its styles and modules, and the one request it makes.

`POST /grade` is the page's own: the same form as /api/v1/photos, answered with the assessment and the
overlay (a JPEG as data URL) together, so that one upload is graded once and nothing is kept between
requests. It is not part of the public contract.
"""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, select_autoescape

from api.routes.photos import JSON, grade
from api.security import OpenGrading
from assessor import __version__
from assessor.results import TECHNIQUES
from assessor.rubric import load_rubric, rubric_names

# USP, finest first: what practice kits come with.
SUTURE_SIZES = ("11-0", "10-0", "9-0", "8-0", "7-0", "6-0", "5-0", "4-0", "3-0", "2-0", "0", "1", "2")

router = APIRouter(include_in_schema=False)
_templates = Environment(loader=PackageLoader("api", "web/templates"), autoescape=select_autoescape())


@router.get("/", response_class=HTMLResponse)
async def page(request: Request) -> HTMLResponse:
    settings = request.app.state.settings
    rubrics = [load_rubric(name) for name in rubric_names()]
    html = _templates.get_template("index.html").render(
        version=__version__,
        techniques=[name for name in TECHNIQUES if name != "unknown"],
        rubrics=rubrics,
        # Each rubric's first word for its kit: the others mean the same.
        kits=sorted({rubric.kits[0] for rubric in rubrics if rubric.kits}),
        suture_sizes=SUTURE_SIZES,
        max_upload_mb=settings.max_upload_mb,
    )
    return HTMLResponse(html)


@router.post("/grade", dependencies=[OpenGrading])
async def grade_for_page(request: Request) -> Response:
    reply = await grade(request, "screen")
    picture = b"data:image/jpeg;base64," + base64.b64encode(reply.picture)
    # Both parts are JSON text already (base64 needs no escaping): no second pass over the document.
    return Response(
        b'{"assessment": ' + reply.document + b', "overlay": "' + picture + b'"}', media_type=JSON
    )
