"""A class's photos and clips come in: one multipart upload -> submissions in a batch.

Each photo is kept in a transaction of its own, at once in the batch: what is in when the service dies or
the disk is full is graded, and sending the whole again adds only what is not there yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.archive import Most, Photo, photos
from api.clip_job import declared, options_of
from api.errors import ServiceError
from api.form import MAX_FIELD_BYTES, NUMBERS, OPTION_FIELDS, known_hand, parse_options
from api.grading import Graders
from api.handed import Roster, whose
from api.settings import Settings
from api.store import jobs, submissions
from api.store.blobs import Blobs
from api.store.engine import Database
from api.store.models import DECLARED, Hand, Submission
from assessor.options import GradeOptions

# More come in a zip: an open temporary file each.
MOST_FILES = 200
BYTES = "application/octet-stream"
TARGET_FIELDS = ("assignment", "course", "title", "rubric")
# Of all photos the hand they were sewn with; of all clips what they show and the hand that holds the tool.
HAND_FIELD = "hand"
CLIP_FIELDS = {"task": "task", "clip_hand": "hand"}
# Two points belong to one photo; the rubric is the whole batch's.
DECLARED_FIELDS = tuple(name for name in OPTION_FIELDS if name not in ("points", "rubric"))
ALL_DECLARED = (*DECLARED_FIELDS, HAND_FIELD, *CLIP_FIELDS)


class _Parser(MultiPartParser):
    spool_max_size = 64 * 1024  # many small files at once must not fill the memory


@dataclass(frozen=True, slots=True)
class ClassUpload:
    """What was sent: photos and clips, what is declared of them all (`motion`: of clips, as far as said), and
    where they belong (texts)."""

    photos: list[Photo]
    options: GradeOptions
    hand: Hand | None
    motion: dict[str, Any]
    target: dict[str, str]


@dataclass(frozen=True, slots=True)
class Left:
    """A file that was left out, and why."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Taken:
    """`new` submissions; `known` were handed in before; the rest is `left` out."""

    new: int
    known: int
    left: list[Left]


async def read_class_upload(request: Request, fields: Sequence[str] = TARGET_FIELDS) -> FormData:
    """The form, its files on disk; ServiceError not_multipart, bad_form. The caller closes it."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ServiceError(
            "not_multipart",
            "Photos must be sent as multipart/form-data",
            "For example: curl -F files=@class.zip -F assignment=1 http://localhost:8000/api/v1/batches",
        )
    parser = _Parser(
        request.headers,
        request.stream(),
        max_files=MOST_FILES,
        max_fields=len(ALL_DECLARED) + len(fields) + 1,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError) as exc:  # KeyError: no boundary is named
        raise ServiceError(
            "bad_form",
            f"The form could not be read: {getattr(exc, 'message', 'it has no boundary')}",
            f"Send at most {MOST_FILES} photos as `files`, or one zip, and each option at most once.",
        ) from exc


def understand(form: FormData, settings: Settings, fields: Sequence[str] = TARGET_FIELDS) -> ClassUpload:
    """ServiceError unknown_field, repeated_field, bad_number, no_photos, those of `api.archive.photos`; the
    assessor's OptionError where an option makes no sense."""
    found: list[Photo] = []
    values: dict[str, str] = {}
    for name, value in form.multi_items():
        if name == "files" and isinstance(value, UploadFile):
            most = Most(settings.max_batch_bytes, settings.max_upload_bytes, settings.max_clip_bytes)
            found += photos(value.filename or "photo", value.file, most)
        elif name not in (*ALL_DECLARED, *fields) or not isinstance(value, str):
            raise ServiceError(
                "unknown_field",
                f"There is no field {name[:40]!r} of that kind",
                "Fields are: files (photos, clips or a zip), " + ", ".join((*fields, *ALL_DECLARED)) + ".",
            )
        elif name in values:
            raise ServiceError("repeated_field", f"The field {name} is there twice", "Send each option once.")
        elif value.strip():
            values[name] = value.strip()
    if all(photo.why_not for photo in found):
        raise ServiceError(
            "no_photos",
            "There is no photo and no clip in the upload",
            "Send JPEG, PNG, WebP, HEIC, MP4, MOV, WebM, MKV or AVI files, or a zip of them.",
        )
    options = parse_options({n: v for n, v in values.items() if n in DECLARED_FIELDS})
    motion: dict[str, Any] = {of: values[name] for name, of in CLIP_FIELDS.items() if name in values}
    if options.mm_per_px is not None:
        motion["mm_per_px"] = options.mm_per_px
    options_of(motion)  # makes sense, or an OptionError
    target = {n: v for n, v in values.items() if n in fields}
    return ClassUpload(found, options, known_hand(values.get(HAND_FIELD)), motion, target)


@dataclass(frozen=True, slots=True)
class Place:
    """Where photos and clips go: a batch, and what they have in common; `declared`: by the assignment, before
    what the upload says."""

    batch_id: int
    assignment_id: int | None
    owner_id: int | None
    roster: Roster
    declared: Mapping[str, str]


def take(database: Database, blobs: Blobs, grader: Graders, upload: ClassUpload, place: Place) -> Taken:
    """Keep photos and clips one by one; the grader hears of the first and of the last."""
    left = [Left(photo.path, photo.why_not) for photo in upload.photos if photo.why_not]
    good = [photo for photo in upload.photos if not photo.why_not]
    said = _declared(upload.options) | {"hand": upload.hand}
    said_anew = {n: v for n, v in said.items() if v is not None and n not in place.declared}
    new = known = 0
    for number, (photo, handed) in enumerate(zip(good, whose([p.path for p in good]), strict=True)):
        try:
            content = photo.file() if photo.is_clip else photo.read()
        except ServiceError as exc:
            left.append(Left(photo.path, exc.title))
            continue
        of_clip = {"motion": declared(options_of(upload.motion))}
        values = {
            **(of_clip if photo.is_clip else {**said, **place.declared}),
            "kind": "clip" if photo.is_clip else "photo",
            "person_id": place.roster.person(handed) or place.owner_id,
            "assignment_id": place.assignment_id,
            "file_name": handed.file,
            "participant": handed.participant,
            "participant_id": handed.participant_id,
        }
        with database.writing() as session:
            if isinstance(content, bytes):
                values["blob_sha256"] = blobs.add(session, content, BYTES)
            else:
                with content:
                    values["blob_sha256"] = blobs.add_file(session, content, BYTES)
            earlier = submissions.same_submission(session, values)
            if earlier is not None:
                anew = _clip_anew(session, earlier, upload.motion) if photo.is_clip else said_anew
                submissions.declare(session, earlier, anew)
            subject = earlier or submissions.add_submission(session, values).id
            jobs.add_jobs(session, place.batch_id, [subject])
        known, new = known + (earlier is not None), new + (earlier is None)
        if number == 0:
            grader.wake()
    grader.wake()
    return Taken(new, known, [replace(one, file=one.file[-200:]) for one in left])


def _clip_anew(session: Session, number: int, said: dict[str, Any]) -> dict[str, Any]:
    """What is said now comes before what was declared of a clip; the rest stays."""
    before = session.get_one(Submission, number).motion or {}
    return {"motion": declared(options_of(before | said))}


def _declared(options: GradeOptions) -> dict[str, Any]:
    scale = {name: v for name in NUMBERS if (v := getattr(options, name)) is not None}
    return {name: getattr(options, name) for name in DECLARED} | {"scale": scale or None}
