"""The live page: camera in, tremor out. It speaks to WS /api/v1/live and POST /api/v1/clips."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, select_autoescape

from assessor import __version__

router = APIRouter(include_in_schema=False)
_templates = Environment(loader=PackageLoader("api", "web/templates"), autoescape=select_autoescape())


@router.get("/live", response_class=HTMLResponse)
async def live_page() -> HTMLResponse:
    return HTMLResponse(_templates.get_template("live.html").render(version=__version__))
