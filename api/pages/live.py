"""The live page: camera in, tremor out. It speaks to WS /api/v1/live and POST /api/v1/clips."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.pages.render import AtDesk, PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/live")
def live(desk: AtDesk) -> HTMLResponse:
    return desk.show("live.html")
