"""Lists come in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list is wanted."""

    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    total: int


def page_of(session: Session, query: Select[T], part: Slice) -> Page[T]:
    """A part of what `query` (ordered) gives of one entity, and how much there is in all."""
    return Page(session.scalars(query.limit(part.limit).offset(part.offset)).all(), count(session, query))


def count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
