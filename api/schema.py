"""Types that several routes take and give."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.store.models import NAME_LENGTH
from api.store.page import Slice

T = TypeVar("T")
# No control characters: neither databases (NUL) nor spreadsheets and logs (line ends) bear them.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
LARGEST_ID = 2**31 - 1
LARGEST_OFFSET = 1_000_000
LARGEST_PAGE = 200

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
QueryId = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LENGTH, pattern=_PRINTABLE),
]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=320, pattern=r"^[^\s@,;<>\x00-\x1f\x7f]+@[^\s@,;<>\x00-\x1f\x7f]+$"
    ),
]
Word = Annotated[str, StringConstraints(max_length=60, pattern=r"^[A-Za-z0-9_.\-]+$")]
LongText = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]


class Strict(BaseModel):
    """What clients send: a field that does not exist is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Listed(BaseModel, Generic[T]):
    """A part of a list, and how much there is in all."""

    items: list[T]
    total: int


def part(
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    offset: Annotated[int, Query(ge=0, le=LARGEST_OFFSET)] = 0,
) -> Slice:
    return Slice(limit, offset)


class Created(BaseModel):
    id: int = Field(ge=1)
