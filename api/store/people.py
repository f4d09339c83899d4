"""Every query about people, their ways to sign in and their keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from api.errors import ServiceError, not_there
from api.secret import KEY_PREFIX, hash_token, new_token
from api.store.models import ApiKey, Link, Login, Person, Role, utc_now
from api.store.page import Page, Slice, page_of
from api.store.scope import Caller, sees_person

LOGIN_LIFE = timedelta(days=14)
LINK_LIFE = timedelta(days=7)
LOCAL_NAME = "Me"


def person(session: Session, caller: Caller, person_id: int) -> Person:
    """ServiceError not_found where the caller may not see them."""
    found = session.scalar(select(Person).where(Person.id == person_id, sees_person(caller)))
    return not_there("person") if found is None else found


def people(session: Session, caller: Caller, part: Slice, text: str | None = None) -> Page[Person]:
    query = select(Person).where(sees_person(caller)).order_by(Person.name, Person.id)
    if text:
        query = query.where(
            or_(
                func.lower(Person.name).contains(text.lower(), autoescape=True),
                Person.email.contains(text.lower(), autoescape=True),
            )
        )
    return page_of(session, query, part)


def add_person(session: Session, name: str, email: str | None, role: Role) -> Person:
    """ServiceError email_taken."""
    email = email.lower() if email else None
    _check_email(session, email)
    new = Person(name=name, email=email, role=role)
    session.add(new)
    session.flush()
    return new


def change_person(session: Session, subject: Person, changes: dict[str, Any]) -> None:
    """Set the given fields; ServiceError email_taken, last_admin.

    Whoever may no longer come in is signed out everywhere.
    """
    if changes.get("email"):
        changes["email"] = changes["email"].lower()
        if changes["email"] != subject.email:
            _check_email(session, changes["email"])
    keeps_admin = changes.get("role", subject.role) == "admin" and changes.get("active", subject.active)
    if not keeps_admin:
        check_not_last_admin(session, subject)
    for field, value in changes.items():
        setattr(subject, field, value)
    if not subject.active:
        sign_out_everywhere(session, subject.id)
    session.flush()


def check_not_last_admin(session: Session, subject: Person) -> None:
    """ServiceError last_admin where nobody could let people in any more."""
    if subject.role != "admin" or not subject.active:
        return
    others = select(Person.id).where(Person.role == "admin", Person.active, Person.id != subject.id)
    # Two admins who take each other's role away at once wait for each other here.
    if not session.scalars(others.with_for_update()).all():
        raise ServiceError("last_admin", "This is the last admin", "Make somebody else an admin first.")


def _check_email(session: Session, email: str | None) -> None:
    if email and session.scalar(select(Person.id).where(Person.email == email)):
        raise ServiceError(
            "email_taken", "Somebody has this e-mail address already", "Each address belongs to one person."
        )


# --- signing in


def person_by_email(session: Session, email: str) -> Person | None:
    return session.scalar(select(Person).where(Person.email == email.lower(), Person.active))


def person_by_oidc(session: Session, issuer: str, subject: str) -> Person | None:
    return session.scalar(select(Person).where(Person.oidc_issuer == issuer, Person.oidc_subject == subject))


def sign_in(session: Session, subject: Person) -> str:
    """The token of a new login."""
    token, now = new_token(), utc_now()
    session.execute(delete(Login).where(Login.expires_at < now))
    session.add(Login(token_hash=hash_token(token), person_id=subject.id, expires_at=now + LOGIN_LIFE))
    session.flush()
    return token


def sign_out(session: Session, token: str) -> None:
    session.execute(delete(Login).where(Login.token_hash == hash_token(token)))


def sign_out_everywhere(session: Session, person_id: int) -> None:
    """Logins, keys and links of a person end."""
    for model in (Login, ApiKey, Link):
        session.execute(delete(model).where(model.person_id == person_id))


def caller_of_login(session: Session, token: str) -> Caller | None:
    row = session.execute(
        select(Person.id, Person.role)
        .join(Login)
        .where(Login.token_hash == hash_token(token), Login.expires_at > utc_now(), Person.active)
    ).first()
    return None if row is None else Caller(*row)


def caller_of_key(session: Session, key: str) -> Caller | None:
    row = session.execute(
        select(Person.id, Person.role)
        .join(ApiKey)
        .where(
            ApiKey.key_hash == hash_token(key),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > utc_now()),
            Person.active,
        )
    ).first()
    return None if row is None else Caller(*row)


# --- one-time links


def make_link(session: Session, subject: Person) -> str:
    """The token of a link with which a person sets a password; their former one ends."""
    token = new_token()
    session.execute(delete(Link).where(Link.person_id == subject.id))
    session.add(Link(token_hash=hash_token(token), person_id=subject.id, expires_at=utc_now() + LINK_LIFE))
    session.flush()
    return token


def link_person(session: Session, token: str) -> Person:
    """Whom an unused link is for; ServiceError bad_link."""
    found = session.scalar(
        select(Person)
        .join(Link)
        .where(Link.token_hash == hash_token(token), Link.expires_at > utc_now(), Person.active)
    )
    return bad_link() if found is None else found


def use_link(session: Session, token: str, password_hash: str) -> Person:
    """Set the password of the link's person and end the link and all logins; ServiceError bad_link."""
    subject = link_person(session, token)
    # Whoever deletes the row has used the link: of two at once one finds nothing.
    used = delete(Link).where(Link.token_hash == hash_token(token)).returning(Link.person_id)
    if session.execute(used).first() is None:
        bad_link()
    session.execute(delete(Login).where(Login.person_id == subject.id))
    subject.password_hash = password_hash
    session.flush()
    return subject


def bad_link() -> NoReturn:
    raise ServiceError(
        "bad_link",
        "This link was used already, or is too old",
        "Ask whoever gave it to you for a new one; the first admin's is printed when the service starts.",
    )


def first_admin(session: Session) -> Person | None:
    """The admin that nobody has claimed yet, made where there is none; None where one can sign in."""
    can_sign_in = or_(Person.password_hash.is_not(None), Person.oidc_subject.is_not(None))
    admins = select(Person).where(Person.role == "admin", Person.active)
    if session.scalar(admins.where(can_sign_in)):
        return None
    unclaimed = session.scalar(admins.order_by(Person.id))
    return unclaimed or add_person(session, "Administrator", None, "admin")


def local_person(session: Session) -> Person:
    """The one person of single-user mode: the first admin, made where there is none."""
    found = session.scalar(select(Person).where(Person.role == "admin", Person.active).order_by(Person.id))
    return found or add_person(session, LOCAL_NAME, None, "admin")


# --- keys


def keys(session: Session, caller: Caller) -> Sequence[ApiKey]:
    return session.scalars(
        select(ApiKey).where(ApiKey.person_id == caller.person_id).order_by(ApiKey.id)
    ).all()


def add_key(session: Session, caller: Caller, name: str, life: timedelta | None) -> tuple[ApiKey, str]:
    """A new key's row and the key itself, which is shown this once."""
    key = new_token(KEY_PREFIX)
    row = ApiKey(
        key_hash=hash_token(key),
        person_id=caller.person_id,
        name=name,
        expires_at=utc_now() + life if life else None,
    )
    session.add(row)
    session.flush()
    return row, key


def drop_key(session: Session, caller: Caller, key_id: int) -> None:
    gone = delete(ApiKey).where(ApiKey.id == key_id, ApiKey.person_id == caller.person_id)
    if session.execute(gone.returning(ApiKey.id)).first() is None:
        not_there("key")
