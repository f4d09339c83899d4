"""Coming in: sign in, and set a password by a one-time link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.pages.render import AtDesk, PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/login")
def login(desk: AtDesk, next: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """`next`: where to afterwards, a path of this service."""
    ours = next.startswith("/") and not next.startswith(("//", "/\\"))
    after = next if ours else "/"
    if desk.visitor is not None:
        return RedirectResponse(after, 303)
    return desk.show("login.html", after=after, school=desk.settings.oidc_issuer is not None)


@router.get("/welcome")
def welcome(desk: AtDesk) -> HTMLResponse:
    """The link's secret stands behind the #: browsers send that to nobody, the page reads it."""
    return desk.show("welcome.html")
