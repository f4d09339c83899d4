"""What every page has: its template, who looks at it, and errors as pages rather than JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from pydantic import BeforeValidator
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.pages import words
from api.security import Anyone, Reading, not_signed_in
from api.settings import Settings
from api.store import people
from api.store.courses import not_allowed
from api.store.scope import Caller
from assessor import __version__

_templates = Environment(
    loader=PackageLoader("api", "web/templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(words.FILTERS)


@dataclass(frozen=True, slots=True)
class Desk:
    """A request for a page: who asks, under which name, and the transaction it reads in."""

    request: Request
    session: Session
    visitor: Caller | None
    name: str
    single_user: bool

    @property
    def caller(self) -> Caller:
        """Who is signed in; ServiceError not_signed_in, which leads to the sign-in page."""
        if self.visitor is None:
            raise not_signed_in("This page is for those who are signed in")
        return self.visitor

    @property
    def teacher(self) -> Caller:
        if not self.caller.teaches:
            raise not_allowed()
        return self.caller

    @property
    def admin(self) -> Caller:
        if not self.caller.is_admin:
            raise not_allowed()
        return self.caller

    @property
    def settings(self) -> Settings:
        found: Settings = self.request.app.state.settings
        return found

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of a page that is open already."""
        return "hx-request" in self.request.headers

    def show(self, template: str, **values: Any) -> HTMLResponse:
        return _html(template, self, 200, values)


def _desk(request: Request, caller: Anyone, session: Reading) -> Desk:
    name = people.person(session, caller, caller.person_id).name if caller else ""
    return Desk(request, session, caller, name, request.app.state.local is not None)


# A form's field that was left empty is not a wish for nothing.
OrNone = BeforeValidator(lambda text: text or None)
AtDesk = Annotated[Desk, Depends(_desk)]


class PageRoute(APIRoute):
    """Answers errors as pages; who is not signed in is led to the sign-in page and back."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plain = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await plain(request)
            except ServiceError as exc:
                if exc.code == "not_signed_in":
                    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    return RedirectResponse(f"/login?next={quote(back)}", 303)
                return _problem(exc)
            except RequestValidationError:
                return _problem(ServiceError("not_found", "There is no such page", "Check the address."))

        return handler


def _problem(exc: ServiceError) -> HTMLResponse:
    values = {"title": exc.title, "hint": exc.hint, "code": exc.code}
    return _html("error.html", None, exc.status, values)


def _html(template: str, desk: Desk | None, status: int, values: dict[str, Any]) -> HTMLResponse:
    html = _templates.get_template(template).render(
        **values,
        caller=desk.visitor if desk else None,
        who=desk.name if desk else "",
        single_user=desk.single_user if desk else False,
        here=desk.request.url.path if desk else "",
        version=__version__,
    )
    return HTMLResponse(html, status)
