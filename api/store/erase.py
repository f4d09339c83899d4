"""Erasure: of a submission, of a person, of what is older than may be kept.

Rows go first and are committed, then the bytes that nothing refers to any more: a kill in between
leaves bytes without use, which `tidy` finds, never a grade without its photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from api.store import people
from api.store.blobs import Blobs, unused_blobs
from api.store.engine import Database
from api.store.models import Person, Submission, utc_now
from api.store.scope import Caller
from api.store.submissions import blob_hashes


@dataclass(frozen=True, slots=True)
class Erased:
    submissions: int
    files: int


def erase_submission(database: Database, blobs: Blobs, submission_id: int) -> Erased:
    return _erase(database, blobs, Submission.id == submission_id)


def erase_person(database: Database, blobs: Blobs, caller: Caller, person_id: int) -> Erased:
    """Delete a person and all they handed in, photos and results.

    Their marks of others' work, and batches and rubrics they made, stay without a name. Backups keep
    what they hold: delete old ones too. ServiceError not_found, last_admin.
    """
    with database.writing() as session:
        person = people.person(session, caller, person_id)
        people.check_not_last_admin(session, person)
        submissions, hashes = _drop(session, Submission.person_id == person.id)
        session.execute(delete(Person).where(Person.id == person.id))
    return Erased(submissions, _drop_bytes(database, blobs, hashes))


def erase_older(database: Database, blobs: Blobs, days: int) -> Erased:
    """Delete what was handed in more than `days` days ago."""
    return _erase(database, blobs, Submission.created_at < utc_now() - timedelta(days=days))


def tidy(database: Database, blobs: Blobs) -> int:
    """Delete stored bytes that nothing refers to, left behind by a kill; how many files."""
    with database.reading() as session:
        unused = unused_blobs(session)
    dropped = _drop_bytes(database, blobs, unused)
    with database.writing() as session:
        return dropped + blobs.drop_strays(session)


def _erase(database: Database, blobs: Blobs, condition: ColumnElement[bool]) -> Erased:
    with database.writing() as session:
        submissions, hashes = _drop(session, condition)
    return Erased(submissions, _drop_bytes(database, blobs, hashes))


def _drop(session: Session, condition: ColumnElement[bool]) -> tuple[int, list[str]]:
    hashes = blob_hashes(session, condition)
    submissions = session.scalar(select(func.count()).select_from(Submission).where(condition)) or 0
    session.execute(delete(Submission).where(condition).execution_options(synchronize_session=False))
    return submissions, hashes


def _drop_bytes(database: Database, blobs: Blobs, hashes: list[str]) -> int:
    with database.writing() as session:
        return blobs.drop_unused(session, hashes)
