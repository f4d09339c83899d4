"""INSERT that minds what is there already, in both dialects. `values` are all of a row's."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from api.store.models import Base


def insert_new(session: Session, model: type[Base], values: dict[str, Any]) -> int | str | None:
    """Insert a row unless one with the same unique key is there; its primary key, None where it was.

    Waits for another transaction that is inserting the same key.
    """
    statement = _insert(session, model).values(values).on_conflict_do_nothing()
    key: int | str | None = session.scalar(statement.returning(_key(model)))
    return key


def insert_locked(session: Session, model: type[Base], values: dict[str, Any]) -> None:
    """Insert a row, or take the lock of the one with its primary key as it is, until the end of the
    transaction."""
    key = _key(model)
    statement = _insert(session, model).values(values)
    same = {key.name: getattr(statement.excluded, key.name)}
    session.execute(statement.on_conflict_do_update(index_elements=[key], set_=same))


def _insert(session: Session, model: type[Base]) -> Any:
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return make(model)


def _key(model: type[Base]) -> Any:
    return next(iter(model.__table__.primary_key))
