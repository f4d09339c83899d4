"""Every error the service answers with, as application/problem+json (RFC 9457).

`title` says what is the matter, `hint` what to do about it, `code` is stable. HTTP status codes of
the assessor's own errors are decided here and nowhere else.
"""

from __future__ import annotations

import errno
import json
import logging
from http import HTTPStatus
from typing import Any, NoReturn

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from assessor.errors import AssessorError

log = logging.getLogger("assessor.api")

MEDIA_TYPE = "application/problem+json"

# The assessor's errors are 422 (understood, but cannot be graded) except where HTTP has a better word.
STATUS_OF_CODE: dict[str, int] = {
    "file_too_large": 413,
    "clip_too_large": 413,
    "clip_too_long": 413,
    "image_too_large": 413,
    "out_of_memory": 413,
    "format_unsupported": 415,
    "not_an_image": 415,
    "not_a_clip": 415,
}

# What the service itself can say, with its status. docs/service.md explains each.
SERVICE_CODES: dict[str, int] = {
    "bad_form": 400,
    "client_gone": 400,
    "not_signed_in": 401,
    "wrong_login": 401,
    "cross_site": 403,
    "not_allowed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "upload_too_slow": 408,
    "conflict": 409,
    "email_taken": 409,
    "last_admin": 409,
    "mark_first": 409,
    "version_taken": 409,
    "bad_link": 410,
    "upload_too_large": 413,
    "zip_too_large": 413,
    "not_multipart": 415,
    "wrong_host": 421,
    "gradebook_column": 422,
    "gradebook_unreadable": 422,
    "no_file": 422,
    "no_photos": 422,
    "unknown_field": 422,
    "repeated_field": 422,
    "bad_number": 422,
    "bad_field": 422,
    "email_needed": 422,
    "not_a_teacher": 422,
    "rubric_elsewhere": 422,
    "weak_password": 422,
    "zip_broken": 422,
    "zip_encrypted": 422,
    "zip_unsafe": 422,
    "too_many_tries": 429,
    "internal_error": 500,
    "blob_damaged": 500,
    "blob_missing": 500,
    "grading_died": 500,
    "grading_out_of_memory": 500,
    "busy": 503,
    "clips_full": 503,
    "database_away": 503,
    "storage_away": 503,
    "school_away": 503,
    "grading_timeout": 504,
    "disk_full": 507,
}


class ProblemDocument(BaseModel):
    """The body of every error answer."""

    type: str = Field(description="urn of this kind of problem; ends in the code")
    title: str = Field(description="what is the matter")
    status: int
    code: str = Field(description="stable, snake_case")
    hint: str = Field(description="what to do about it")


class ServiceError(Exception):
    """An answer of the service that is not a grade."""

    def __init__(
        self,
        code: str,
        title: str,
        hint: str,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.hint = hint
        self.status = SERVICE_CODES[code] if status is None else status
        self.headers = headers or {}

    @classmethod
    def from_assessor(cls, code: str, text: str, hint: str) -> ServiceError:
        return cls(code, text, hint, status=STATUS_OF_CODE.get(code, 422))

    def response(self) -> Response:
        document = ProblemDocument(
            type=f"urn:suture-assessor:problem:{self.code}",
            title=self.title,
            status=self.status,
            code=self.code,
            hint=self.hint,
        )
        body = json.dumps(document.model_dump(), ensure_ascii=False).encode()
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def not_there(what: str) -> NoReturn:
    """What a caller may not see is answered as what does not exist."""
    raise ServiceError("not_found", f"There is no such {what}", "It may have been deleted, or is not yours.")


def internal_error() -> ServiceError:
    return ServiceError(
        "internal_error",
        "The service made a mistake; nothing was graded",
        "Try again. If it happens again with this file, report it with the software version.",
    )


async def _problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ServiceError)
    return exc.response()


async def _assessor(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, AssessorError)
    return ServiceError.from_assessor(exc.code, exc.text, exc.hint).response()


async def _gone(request: Request, exc: Exception) -> Response:
    return ServiceError("client_gone", "The upload was broken off", "Send the photo again.").response()


async def _invalid(request: Request, exc: Exception) -> Response:
    return ServiceError(
        "bad_form", "The request could not be read", "See /api/v1/openapi.json for its fields."
    ).response()


async def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    headers = dict(exc.headers or {})
    if exc.status_code == 404:
        return ServiceError(
            "not_found", f"There is nothing at {request.url.path}", "The page is at /, the API under /api/v1."
        ).response()
    if exc.status_code == 405:
        return ServiceError(
            "method_not_allowed",
            f"{request.method} does not work here",
            "Photos are sent by POST to /api/v1/photos.",
            headers=headers,
        ).response()
    phrase = HTTPStatus(exc.status_code).phrase
    return ServiceError(
        "bad_form", phrase, "See /api/v1/openapi.json.", status=exc.status_code, headers=headers
    ).response()


async def _unforeseen(request: Request, exc: Exception) -> Response:
    # The stack reaches the log through the server; the answer says nothing about the inside.
    return internal_error().response()


async def _database(request: Request, exc: Exception) -> Response:
    """What a database says when it cannot: full, away, or that somebody else was faster."""
    if isinstance(exc, (IntegrityError, StaleDataError)):
        return ServiceError(
            "conflict", "Somebody else changed this at the same moment", "Load it again and try once more."
        ).response()
    if _is_disk_full(exc):
        return disk_full().response()
    if isinstance(exc, (OperationalError, InterfaceError, PoolTimeout)):
        log.warning("the database does not answer: %s", type(exc).__name__)
        return database_away().response()
    raise exc


async def _system(request: Request, exc: Exception) -> Response:
    if _is_disk_full(exc):
        return disk_full().response()
    raise exc


def _is_disk_full(exc: Exception) -> bool:
    cause = exc.orig if isinstance(exc, DBAPIError) else exc
    if isinstance(cause, OSError):
        return cause.errno in (errno.ENOSPC, errno.EDQUOT)
    # SQLite's own word, or what it says where not even its journal can grow; PostgreSQL's SQLSTATE.
    sqlite = getattr(cause, "sqlite_errorname", "")
    return sqlite in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE") or (
        getattr(cause, "sqlstate", "") == "53100"
    )


def database_away() -> ServiceError:
    return ServiceError(
        "database_away",
        "The database does not answer right now",
        "Nothing was lost. Try again in a minute; if it stays, tell whoever runs the service.",
        headers={"retry-after": "5"},
    )


def disk_full() -> ServiceError:
    return ServiceError(
        "disk_full",
        "The disk of the service is full; nothing was kept",
        "Tell whoever runs it. What was handed in before is safe; try again when there is space.",
    )


def install(app: FastAPI) -> None:
    """Every exception that leaves a route becomes a problem document."""
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(ServiceError, _problem)
    app.add_exception_handler(AssessorError, _assessor)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
    plain_openapi = app.openapi

    def openapi() -> dict[str, Any]:
        # FastAPI would describe a response model as application/json only.
        document = plain_openapi()
        document["components"]["schemas"]["ProblemDocument"] = ProblemDocument.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of the given error statuses, each with the codes it can carry."""
    out: dict[int | str, dict[str, Any]] = {}
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    for status in statuses:
        codes = sorted({c for c, s in (*SERVICE_CODES.items(), *STATUS_OF_CODE.items()) if s == status})
        text = ", ".join(f"`{c}`" for c in codes)
        if status == 422:
            text += ", or the code of an error of the assessor (the photo or an option cannot be graded)"
        out[status] = {
            "description": f"{HTTPStatus(status).phrase}: {text}",
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
    return out
