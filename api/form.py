"""The multipart form of an upload: one photo and what is declared about it.

Read by hand rather than by FastAPI's `Form`, to bound parts and fields and to name each mistake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any, get_args

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from api.errors import ServiceError
from api.store.models import Hand
from assessor.errors import RubricError
from assessor.options import GradeOptions, parse_points
from assessor.results import TECHNIQUES
from assessor.rubric import choose_rubric, rubric_names

MAX_FIELD_BYTES = 1024
NAME_LENGTH = 200
NUMBERS = ("mm_per_px", "grid_mm", "ruler_mm", "check_bar_mm")
OPTION_FIELDS = tuple(f.name for f in fields(GradeOptions))


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo as sent: its bytes, the name it is reported under, and the declared options."""

    photo: bytes
    name: str
    options: GradeOptions
    extra: dict[str, str]


async def read_upload(request: Request, extra: tuple[str, ...] = ()) -> Upload:
    """The upload of a multipart request; `extra` fields come back as they are.

    What `opened_form` raises, and bad_number; the assessor's OptionError or RubricError where a value
    makes no sense.
    """
    async with opened_form(request, (*OPTION_FIELDS, *extra)) as (file, values):
        options = parse_options({name: text for name, text in values.items() if name not in extra})
        declared = {name: text for name, text in values.items() if name in extra}
        return Upload(await file.read(), file_name(file, "photo"), options, declared)


@asynccontextmanager
async def opened_form(
    request: Request, fields: tuple[str, ...], what: str = "photo"
) -> AsyncIterator[tuple[UploadFile, dict[str, str]]]:
    """The `file` of a multipart request and its filled-in `fields`; the file is closed at the end.

    ServiceError not_multipart, bad_form, no_file, unknown_field, repeated_field; those of the limits
    meanwhile.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ServiceError(
            "not_multipart",
            f"The {what} must be sent as multipart/form-data",
            f"For example: curl -F file=@{what} http://localhost:8000{request.url.path}",
        )
    try:
        # One file and each option once; one field more, so that an unknown one gets its own message.
        form = await request.form(max_files=1, max_fields=len(fields) + 1, max_part_size=MAX_FIELD_BYTES)
    except HTTPException as exc:
        raise ServiceError(
            "bad_form",
            f"The form could not be read: {exc.detail}",
            f"Send one {what} as `file`, and each option at most once.",
        ) from exc
    try:
        yield _sorted(form.multi_items(), fields, what)
    finally:
        await form.close()


def _sorted(
    items: list[tuple[str, UploadFile | str]], fields: tuple[str, ...], what: str
) -> tuple[UploadFile, dict[str, str]]:
    file: UploadFile | None = None
    values: dict[str, str] = {}
    for name, value in items:
        if name == "file" and isinstance(value, UploadFile):
            file = value
        elif name not in fields or not isinstance(value, str):
            raise ServiceError(
                "unknown_field" if name != "file" else "no_file",
                f"There is no field {name[:40]!r} of that kind",
                f"Fields are: file (the {what}), " + ", ".join(fields) + ".",
            )
        elif name in values:
            raise ServiceError("repeated_field", f"The field {name} is there twice", "Send each option once.")
        elif value.strip():  # an empty field of a browser's form was not filled in
            values[name] = value.strip()
    if file is None:
        raise ServiceError(
            "no_file", f"There is no whole {what} in the form", f"Send the {what} as the field `file`."
        )
    return file, values


def file_name(file: UploadFile, default: str) -> str:
    """The name that a result is reported under: no folders, not endless."""
    name = (file.filename or default).replace("\\", "/").rsplit("/", 1)[-1]
    return name[-NAME_LENGTH:] or default


def parse_options(values: dict[str, str]) -> GradeOptions:
    """Texts of a form -> GradeOptions; ServiceError bad_number, RubricError, OptionError for the rest."""
    parsed: dict[str, Any] = dict(values)
    for name in NUMBERS:
        if name in values:
            parsed[name] = parse_number(name, values[name])
    if "points" in values:
        parsed["points"] = parse_points(values["points"])
    if "rubric" in values and values["rubric"] not in rubric_names():
        # Also keeps a client from naming a file of the server: the library takes paths here.
        raise RubricError(
            "rubric_unknown",
            f"There is no rubric {values['rubric'][:80]!r}.",
            "Use one of: " + ", ".join(rubric_names()) + ".",
        )
    if "kit" in values:
        choose_rubric("unknown", values["kit"])  # refuses a kit that no rubric knows before any pixel is read
    return GradeOptions(**parsed)


def known_hand(text: str | None) -> Hand | None:
    """The hand that a photo's row was sewn with; ServiceError bad_field."""
    hand: Hand | None = next((word for word in get_args(Hand) if word == text), None)
    if hand is None and text is not None:
        raise ServiceError("bad_field", f"There is no hand {text[:40]!r}", "dominant or non_dominant.")
    return hand


def parse_number(name: str, text: str) -> float:
    """A form's number; ServiceError bad_number."""
    try:
        # A comma is how much of the world writes the decimal point.
        return float(text.replace(",", ".")) if text.count(",") <= 1 else float(text)
    except ValueError:
        raise ServiceError(
            "bad_number",
            f"{name} must be a number, not {text[:40]!r}",
            "Give it in millimetres, such as 0.05.",
        ) from None


def openapi_body(extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The request body for OpenAPI, which FastAPI cannot see when the form is read by hand."""
    text = {"type": "string", "maxLength": MAX_FIELD_BYTES}
    properties: dict[str, Any] = {
        "file": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or HEIC"},
        "technique": {"type": "string", "enum": list(TECHNIQUES)},
        "rubric": {"type": "string", "enum": list(rubric_names())},
        "suture_size": {**text, "description": "USP, such as 4-0"},
        "kit": {**text, "description": "what was sutured"},
        "mm_per_px": {"type": "number", "exclusiveMinimum": 0},
        "grid_mm": {"type": "number", "exclusiveMinimum": 0, "description": "pitch of a printed grid"},
        "ruler_mm": {"type": "number", "exclusiveMinimum": 0, "description": "length between two ticks"},
        "check_bar_mm": {"type": "number", "exclusiveMinimum": 0, "description": "the card's 50 mm bar"},
        "points": {**text, "description": "x,y,x,y,mm: two pixels of the upright photo and their distance"},
    }
    assert set(properties) == {"file", *OPTION_FIELDS}
    properties |= extra or {}
    return multipart_body(properties)


def multipart_body(properties: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI's request body of a form with a `file` and these other `properties`."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": ["file"],
        "additionalProperties": False,
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
