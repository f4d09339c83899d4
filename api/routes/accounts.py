"""Signing in and out, setting a password by a one-time link, and keys for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from api.errors import ServiceError, documented
from api.schema import Email, Id, Name, Strict
from api.secret import LONGEST_PASSWORD, hash_password, password_fits
from api.security import COOKIE, Anyone, Reading, SignedIn, Writing, database, set_cookie
from api.store import people
from api.store.models import ApiKey, Person, Role
from api.throttle import Throttle

router = APIRouter(tags=["accounts"], responses=documented(400, 401, 403, 408, 413, 503, 507))

Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PASSWORD)]
Token = Annotated[str, StringConstraints(min_length=20, max_length=100, pattern=r"^[\w\-]+$")]
# A hash takes 64 MB for a moment: a few at a time, the others wait.
HASHES_AT_ONCE = 2
_failures = Throttle(most=10, within_s=15 * 60)


class Login(Strict):
    email: Email
    password: Password


class Welcome(Strict):
    """What a person sets by a one-time link; name and e-mail where they are not right yet."""

    token: Token
    password: Password
    name: Name | None = None
    email: Email | None = None


class Me(BaseModel):
    """Who is signed in; `single_user`: nobody has to."""

    id: int
    role: Role
    name: str
    email: str | None
    single_user: bool


class NewKey(Strict):
    name: Name
    days: int | None = Field(
        default=None, ge=1, le=3650, description="how long it lasts; null: until deleted"
    )


class Key(BaseModel):
    id: int
    name: str
    created_at: datetime
    expires_at: datetime | None


class KeyOnce(Key):
    key: str = Field(description="shown this once; only its hash is kept")


def _me(request: Request, person: Person) -> Me:
    return Me(
        id=person.id,
        role=person.role,
        name=person.name,
        email=person.email,
        single_user=request.app.state.local is not None,
    )


def _hash_slot() -> Iterator[None]:
    """Held while a route runs that hashes a password."""
    yield


HashSlot = Depends(_hash_slot, scope="function", max_concurrency=HASHES_AT_ONCE)


@router.post("/login", responses=documented(409, 429), dependencies=[HashSlot])
def login(request: Request, response: Response, visitor: Anyone, form: Login) -> Me:
    """Sign this browser in with e-mail and password; sets a cookie."""
    email = form.email.lower()
    _failures.check(email)
    with database(request).reading() as session:
        person = people.person_by_email(session, email)
    if not password_fits(form.password, person.password_hash if person else None) or person is None:
        _failures.count(email)
        raise ServiceError(
            "wrong_login",
            "E-mail or password are not right",
            "Try again, or ask an instructor or admin for a new link to set a password.",
        )
    with database(request).writing() as session:
        set_cookie(request, response, people.sign_in(session, person))
    _failures.forget(email)
    return _me(request, person)


@router.post("/logout", status_code=204)
def logout(request: Request, response: Response, visitor: Anyone, session: Writing) -> None:
    """Sign this browser out."""
    token = request.cookies.get(COOKIE)
    if token:
        people.sign_out(session, token)
    response.delete_cookie(COOKIE, path="/")


@router.get("/me")
def me(request: Request, caller: SignedIn, session: Reading) -> Me:
    """Who is signed in."""
    return _me(request, people.person(session, caller, caller.person_id))


@router.post("/welcome", responses=documented(409, 410, 422), dependencies=[HashSlot])
def welcome(request: Request, response: Response, visitor: Anyone, session: Writing, form: Welcome) -> Me:
    """Set a password by a one-time link and sign this browser in."""
    subject = people.link_person(session, form.token)
    changes = {k: v for k, v in (("name", form.name), ("email", form.email)) if v is not None}
    people.change_person(session, subject, changes)
    if subject.email is None:
        raise ServiceError(
            "email_needed", "An e-mail address is needed to sign in with", "Fill in the e-mail address."
        )
    people.use_link(session, form.token, hash_password(form.password))
    set_cookie(request, response, people.sign_in(session, subject))
    return _me(request, subject)


@router.get("/keys")
def list_keys(caller: SignedIn, session: Reading) -> list[Key]:
    """The caller's keys for scripts, without the keys themselves."""
    return [_key(row) for row in people.keys(session, caller)]


@router.post("/keys", status_code=201, responses=documented(409))
def make_key(caller: SignedIn, session: Writing, form: NewKey) -> KeyOnce:
    """A new key that acts as the caller; the key itself is shown this once."""
    row, key = people.add_key(session, caller, form.name, timedelta(days=form.days) if form.days else None)
    return KeyOnce(**_key(row).model_dump(), key=key)


@router.delete("/keys/{key_id}", status_code=204, responses=documented(404))
def delete_key(caller: SignedIn, session: Writing, key_id: Id) -> None:
    people.drop_key(session, caller, key_id)


def _key(row: ApiKey) -> Key:
    return Key(id=row.id, name=row.name, created_at=row.created_at, expires_at=row.expires_at)
