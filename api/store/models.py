"""The tables. What must hold is a constraint here, not a hope elsewhere.

Times are UTC. Texts that name persons (name, email, file_name, participant) stand in `person` and
`submission` alone, so that erasing a person needs no search.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from assessor.motion.results import Task

Role = Literal["trainee", "instructor", "admin"]
CourseRole = Literal["trainee", "instructor"]
Kind = Literal["photo", "clip"]
Hand = Literal["dominant", "non_dominant"]
BatchState = Literal["running", "paused", "done", "cancelled"]
JobState = Literal["waiting", "leased", "graded", "refused", "failed", "cancelled"]

# What an assignment may declare of all that is handed in for it.
DECLARED = ("technique", "suture_size", "kit")
# The rubric of a clip's result: there is none for motion, so none is asked for.
NO_RUBRIC = "none"
NAME_LENGTH = 200
SHA256_LENGTH = 64


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone in and out; SQLite keeps none of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


def one_of(column: str, literal: Any) -> CheckConstraint:
    """Only the words of a Literal type may stand in `column`."""
    words = ", ".join(f"'{word}'" for word in get_args(literal))
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        Role: String(16),
        CourseRole: String(16),
        Kind: String(16),
        Hand: String(16),
        BatchState: String(16),
        JobState: String(16),
    }


def declared_key(declared: Mapping[str, Any]) -> str:
    """Hash of what a submission declares; "" where it declares nothing."""
    text = json.dumps(declared, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest() if declared else ""


def _person(ondelete: str) -> ForeignKey:
    return ForeignKey("person.id", ondelete=ondelete)


class Person(Base):
    """Somebody who sews or teaches. Without password and OIDC subject: known, but cannot sign in."""

    __tablename__ = "person"
    __table_args__ = (
        one_of("role", Role),
        UniqueConstraint("oidc_issuer", "oidc_subject"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role]
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    email: Mapped[str | None] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    oidc_issuer: Mapped[str | None] = mapped_column(String(500))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Login(Base):
    """A browser that is signed in; the cookie's hash is all that is kept of it."""

    __tablename__ = "login"
    token_hash: Mapped[str] = mapped_column(String(SHA256_LENGTH), primary_key=True)
    person_id: Mapped[int] = mapped_column(_person("CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Link(Base):
    """A one-time link with which a person sets a password: first admin, invitation, forgotten password."""

    __tablename__ = "link"
    token_hash: Mapped[str] = mapped_column(String(SHA256_LENGTH), primary_key=True)
    person_id: Mapped[int] = mapped_column(_person("CASCADE"), unique=True)  # a new link ends the old one
    expires_at: Mapped[datetime]


class ApiKey(Base):
    """A key for scripts; acts as its person."""

    __tablename__ = "api_key"
    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(SHA256_LENGTH), unique=True)
    person_id: Mapped[int] = mapped_column(_person("CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]


class Course(Base):
    __tablename__ = "course"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    archived: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Membership(Base):
    """Who learns and who teaches in a course. Only an instructor or admin can be its instructor."""

    __tablename__ = "membership"
    __table_args__ = (one_of("role", CourseRole),)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(_person("CASCADE"), primary_key=True, index=True)
    role: Mapped[CourseRole]


class Rubric(Base):
    """One version of a course's rubric; never changed, an edit is the next version."""

    __tablename__ = "rubric"
    __table_args__ = (UniqueConstraint("course_id", "name", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    version: Mapped[str] = mapped_column(String(40))  # as it stands in the text
    text_toml: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(SHA256_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by: Mapped[int | None] = mapped_column(_person("SET NULL"), index=True)


class Assignment(Base):
    """What is to be sewn, and by which rubric it is judged.

    `rubric_id`: one of the course's; else `builtin_rubric`: a name of those that come with the
    assessor; else the assessor chooses by technique, kit and thread.
    """

    __tablename__ = "assignment"
    __table_args__ = (CheckConstraint("rubric_id IS NULL OR builtin_rubric IS NULL", name="one_rubric"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(NAME_LENGTH))
    instructions: Mapped[str] = mapped_column(Text, default="")
    technique: Mapped[str | None] = mapped_column(String(40))
    suture_size: Mapped[str | None] = mapped_column(String(8))
    kit: Mapped[str | None] = mapped_column(String(40))
    rubric_id: Mapped[int | None] = mapped_column(ForeignKey("rubric.id"), index=True)
    builtin_rubric: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    blind: Mapped[bool] = mapped_column(default=False)  # markers see numbers, not names
    # Who has not marked a submission sees no other's marks of it.
    unseen: Mapped[bool] = mapped_column(default=False, server_default=false())
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Blob(Base):
    """Bytes in the object store. The row is the object's lock: it is inserted before the bytes are
    put and deleted, in one transaction, with them; foreign keys keep what is still used."""

    __tablename__ = "blob"
    sha256: Mapped[str] = mapped_column(String(SHA256_LENGTH), primary_key=True)
    size_bytes: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Submission(Base):
    """A photo or clip that somebody handed in, at home (`assignment_id` None) or for an assignment.

    `person_id` is None where the upload did not say who it is of, or nobody in the course is called so;
    `participant` is the name that the upload gave, `participant_id` what Moodle or Canvas number them by.
    """

    __tablename__ = "submission"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("hand", Hand),
        Index(None, "assignment_id", "id"),
        Index(None, "person_id", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(default="photo")
    person_id: Mapped[int | None] = mapped_column(_person("CASCADE"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    blob_sha256: Mapped[str] = mapped_column(ForeignKey("blob.sha256"), index=True)
    file_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    participant: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    participant_id: Mapped[str | None] = mapped_column(String(40))
    technique: Mapped[str | None] = mapped_column(String(40))
    suture_size: Mapped[str | None] = mapped_column(String(8))
    kit: Mapped[str | None] = mapped_column(String(40))
    hand: Mapped[Hand | None]
    scale: Mapped[dict[str, Any] | None]  # mm_per_px, grid_mm, ruler_mm, check_bar_mm, points, as declared
    motion: Mapped[dict[str, Any] | None]  # of a clip: task, hand, mm_per_px, tips, exposure_s, as declared
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)

    @property
    def task(self) -> Task:
        """What a clip shows, as declared; not said means suturing."""
        found: Task = (self.motion or {}).get("task", "suture")
        return found

    @property
    def declared(self) -> dict[str, Any]:
        """What is declared and bears on the grade, by column; what is not declared is left away."""
        if self.kind == "clip":
            return {"motion": self.motion} if self.motion else {}
        return {n: v for n in (*DECLARED, "scale") if (v := getattr(self, n)) is not None}


class Result(Base):
    """What the assessor (or a hand that moved its points) says of a submission. Only `counts` changes:
    it is true for one result of a submission, the last that somebody asked for.

    Once for each (submission, software, rubric, what was declared, correction): the unique key makes
    grading twice harmless. `rubric_key` is "auto", "builtin:NAME" or "sha256:HASH of a course's rubric"; of
    a clip `NO_RUBRIC`, and there are no points.
    Refused: `error_code` is there, the score is not.
    """

    __tablename__ = "result"
    __table_args__ = (
        UniqueConstraint(
            "submission_id", "software", "rubric_key", "declared_key", "correction_key", name="uq_result_once"
        ),
        Index(
            "uq_result_counts",
            "submission_id",
            unique=True,
            sqlite_where=text("counts"),
            postgresql_where=text("counts"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"))
    software: Mapped[str] = mapped_column(String(100))
    rubric_key: Mapped[str] = mapped_column(String(NAME_LENGTH + 20))
    declared: Mapped[dict[str, Any] | None]  # by its submission when it was graded; None: nothing
    declared_key: Mapped[str] = mapped_column(String(SHA256_LENGTH), default="")
    correction_key: Mapped[str] = mapped_column(String(SHA256_LENGTH), default="")  # "" where none was made
    counts: Mapped[bool]
    corrected_by: Mapped[int | None] = mapped_column(_person("SET NULL"), index=True)
    error_code: Mapped[str | None] = mapped_column(String(60))
    technique: Mapped[str | None] = mapped_column(String(40))
    stitches: Mapped[int | None]
    points: Mapped[float | None]
    points_of: Mapped[float | None]
    coverage: Mapped[float | None]
    overlay_sha256: Mapped[str | None] = mapped_column(ForeignKey("blob.sha256"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ResultDocument(Base):
    """The assessment as JSON text, apart: lists and summaries never read it."""

    __tablename__ = "result_document"
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[str] = mapped_column(Text)


class ResultMetric(Base):
    """A metric of the result's first wound (the one with most stitches), for trends and summaries; of a clip
    "HAND.METRIC" (`api/store/motion_digest.py`)."""

    __tablename__ = "result_metric"
    __table_args__ = ({"sqlite_with_rowid": False},)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    status: Mapped[str] = mapped_column(String(20))
    value: Mapped[float | None]
    sd: Mapped[float | None]
    sampling_sd: Mapped[float | None]


class ResultHint(Base):
    """A hint's code, for the commonest faults of a class."""

    __tablename__ = "result_hint"
    __table_args__ = ({"sqlite_with_rowid": False},)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(String(60), primary_key=True)


class Mark(Base):
    """What a human says of a submission; append-only, the marker's last one counts.

    `overrides`: it replaces the assessor's points in grade books (the result stays); else it is a
    second marker's, for the agreement.
    """

    __tablename__ = "mark"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"), index=True)
    marker_id: Mapped[int | None] = mapped_column(_person("SET NULL"), index=True)
    points: Mapped[float]
    points_of: Mapped[float]
    reason: Mapped[str] = mapped_column(Text)
    overrides: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Batch(Base):
    """Many submissions graded by one rubric, fixed when it starts (`rubric_id` where it is a course's)."""

    __tablename__ = "batch"
    __table_args__ = (one_of("state", BatchState),)
    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int | None] = mapped_column(
        ForeignKey("assignment.id", ondelete="CASCADE"), index=True
    )
    created_by: Mapped[int | None] = mapped_column(_person("SET NULL"), index=True)
    state: Mapped[BatchState] = mapped_column(default="running", index=True)
    rubric_key: Mapped[str] = mapped_column(String(NAME_LENGTH + 20))
    rubric_id: Mapped[int | None] = mapped_column(ForeignKey("rubric.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]


class Job(Base):
    """One submission to grade in a batch. `tries` counts leases, `faults` what grading it broke."""

    __tablename__ = "job"
    __table_args__ = (
        one_of("state", JobState),
        UniqueConstraint("batch_id", "submission_id"),
        CheckConstraint("(state = 'leased') = (lease_owner IS NOT NULL)", name="lease_has_owner"),
        CheckConstraint("(state = 'leased') = (lease_until IS NOT NULL)", name="lease_ends"),
        CheckConstraint("state != 'graded' OR result_id IS NOT NULL", name="graded_has_result"),
        Index(None, "batch_id", "state", "tries", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id", ondelete="CASCADE"))
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"), index=True)
    state: Mapped[JobState] = mapped_column(default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    faults: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    result_id: Mapped[int | None] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), index=True)
    error_code: Mapped[str | None] = mapped_column(String(60))
