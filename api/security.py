"""Who asks, and the rules that routes are built from.

A route names its rule by the type of its parameter: `Anyone`, `SignedIn`, `Teacher` or `Admin`; which
rows of a table a caller may see is decided in `api.store.scope`. tests/test_rules.py holds every
route of the API against a table of who may what.

Callers come with the session cookie of a browser, with `Authorization: Bearer KEY`, or, in
single-user mode, simply are the one person of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ServiceError
from api.hosts import same_origin
from api.settings import Settings
from api.store.courses import not_allowed
from api.store.engine import Database
from api.store.people import LOGIN_LIFE, caller_of_key, caller_of_login
from api.store.scope import Caller

COOKIE = "assessor_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def database(request: HTTPConnection) -> Database:
    found: Database = request.app.state.database
    return found


def _reading(request: Request) -> Iterator[Session]:
    with database(request).reading() as session:
        yield session


def _writing(request: Request) -> Iterator[Session]:
    with database(request).writing() as session:
        yield session


# The transaction ends before the answer leaves: what was answered is kept.
Reading = Annotated[Session, Depends(_reading, scope="function")]
Writing = Annotated[Session, Depends(_writing, scope="function")]


def visitor(request: HTTPConnection) -> Caller | None:
    """Who asks, None where nobody is signed in; ServiceError not_signed_in for a key that is not one.

    In a short transaction of its own: an upload that takes a minute must not hold one.
    """
    local: Caller | None = request.app.state.local
    if local is not None:
        return local
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    token = request.cookies.get(COOKIE)
    if scheme.lower() == "bearer":
        with database(request).reading() as session:
            caller = caller_of_key(session, key.strip())
        if caller is None:
            raise not_signed_in("This key is not valid, or no longer")
        return caller
    if token is None:
        return None
    with database(request).reading() as session:
        return caller_of_login(session, token)


Anyone = Annotated[Caller | None, Depends(visitor)]


def signed_in(caller: Anyone) -> Caller:
    if caller is None:
        raise not_signed_in("Nobody is signed in")
    return caller


SignedIn = Annotated[Caller, Depends(signed_in)]


def teacher(caller: SignedIn) -> Caller:
    if not caller.teaches:
        raise not_allowed()
    return caller


def admin(caller: SignedIn) -> Caller:
    if not caller.is_admin:
        raise not_allowed()
    return caller


Teacher = Annotated[Caller, Depends(teacher)]
Admin = Annotated[Caller, Depends(admin)]


def may_grade(request: HTTPConnection, caller: Anyone) -> None:
    """Grading what is not kept (photo, clip, live): for anyone, unless the operator has closed it."""
    settings: Settings = request.app.state.settings
    if caller is None and not settings.open_grading:
        raise not_signed_in("Grading here is for those who are signed in")


OpenGrading = Depends(may_grade)


def not_signed_in(title: str) -> ServiceError:
    return ServiceError(
        "not_signed_in",
        title,
        "Sign in on the page, or send `Authorization: Bearer` with a key of yours.",
        headers={"www-authenticate": "Bearer"},
    )


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Sign the browser of this request in."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LOGIN_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=public_address(request).startswith("https:"),
        path="/",
    )


def public_address(request: Request) -> str:
    """Where people reach this service, without a slash at the end."""
    settings: Settings = request.app.state.settings
    return (settings.public_url or str(request.base_url)).rstrip("/")


class SameSiteOnly:
    """Refuses requests that change something and were sent by another site's page.

    Browsers say which page sends (Sec-Fetch-Site, Origin); programs say neither, and carry no cookies.
    """

    def __init__(self, app: ASGIApp, *, public_url: str | None) -> None:
        self.app = app
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = Headers(scope=scope)
            # what the browser itself says counts before what can be told from the origin
            site = headers.get("sec-fetch-site")
            ours = same_origin(headers, self.public_url) if site is None else site in ("same-origin", "none")
            if not ours:
                problem = ServiceError(
                    "cross_site",
                    "This was sent by a page of another site",
                    "Open the service's own page; an operator behind a proxy sets ASSESSOR_PUBLIC_URL.",
                )
                await problem.response()(scope, receive, send)
                return
        await self.app(scope, receive, send)
