"""People: who there is, their roles, invitations, and erasing them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.errors import documented
from api.schema import Email, Id, Listed, Name, Strict, part
from api.security import Admin, Reading, SignedIn, Teacher, Writing, database, public_address
from api.store import people
from api.store.erase import erase_person
from api.store.models import Person, Role
from api.store.page import Slice

router = APIRouter(tags=["people"], responses=documented(400, 401, 403, 408, 413, 503, 507))


class PersonOut(BaseModel):
    id: int
    name: str
    email: str | None
    role: Role
    active: bool


class NewPerson(Strict):
    name: Name
    email: Email | None = None
    role: Role = "trainee"


class PersonChange(Strict):
    name: Name | None = None
    email: Email | None = None
    role: Role | None = None
    active: bool | None = None


class Invitation(BaseModel):
    """A person and the link with which they set their password, once; hand it over yourself."""

    person: PersonOut
    link: str = Field(description="valid seven days; a new one ends it")


class ErasedOut(BaseModel):
    submissions: int
    files: int


def person_out(person: Person) -> PersonOut:
    return PersonOut(
        id=person.id, name=person.name, email=person.email, role=person.role, active=person.active
    )


def invitation(request: Request, session: Writing, person: Person) -> Invitation:
    link = f"{public_address(request)}/welcome#{people.make_link(session, person)}"
    return Invitation(person=person_out(person), link=link)


@router.get("/people")
def list_people(
    caller: Teacher,
    session: Reading,
    page: Annotated[Slice, Depends(part)],
    text: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")] = None,
) -> Listed[PersonOut]:
    """An admin sees everybody, an instructor those in their courses."""
    found = people.people(session, caller, page, text)
    return Listed(items=[person_out(p) for p in found.items], total=found.total)


@router.post("/people", status_code=201, responses=documented(409))
def add_person(request: Request, caller: Admin, session: Writing, form: NewPerson) -> Invitation:
    person = people.add_person(session, form.name, form.email, form.role)
    return invitation(request, session, person)


@router.get("/people/{person_id}", responses=documented(404))
def get_person(caller: SignedIn, session: Reading, person_id: Id) -> PersonOut:
    return person_out(people.person(session, caller, person_id))


@router.patch("/people/{person_id}", responses=documented(404, 409))
def change_person(caller: Admin, session: Writing, person_id: Id, form: PersonChange) -> PersonOut:
    """Change what is given. A person who is no longer active is signed out everywhere."""
    person = people.person(session, caller, person_id)
    people.change_person(session, person, form.model_dump(exclude_none=True))
    return person_out(person)


@router.post("/people/{person_id}/link", status_code=201, responses=documented(404, 409))
def renew_link(request: Request, caller: Admin, session: Writing, person_id: Id) -> Invitation:
    """A new link to set a password, for an invitation that expired or a password that was forgotten."""
    return invitation(request, session, people.person(session, caller, person_id))


@router.delete("/people/{person_id}", responses=documented(404, 409))
def delete_person(request: Request, caller: Admin, person_id: Id) -> ErasedOut:
    """Erase a person with all they handed in. What they marked as a marker stays, without their name."""
    erased = erase_person(database(request), request.app.state.blobs, caller, person_id)
    return ErasedOut(submissions=erased.submissions, files=erased.files)
