"""The commands with which a class room is looked after: doctor, backup, restore, erase, tidy.

Each prints what it did; OptionError where it cannot. `doctor` tells by its return value.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select, text

from api.classroom import connect, open_store
from api.errors import ServiceError
from api.serve import settings_or_error
from api.settings import MIB, Settings
from api.store import backup as backups
from api.store import erase as erasing
from api.store import migrate, people
from api.store.blobs import Blobs
from api.store.engine import Database
from api.store.models import Blob, Person
from api.store.scope import Caller
from assessor.errors import AssessorError, OptionError

LEAST_FREE_MB = 500


@contextmanager
def _store() -> Iterator[tuple[Database, Blobs, Settings]]:
    settings = settings_or_error()
    database, blobs = open_store(settings)
    try:
        yield database, blobs, settings
    except ServiceError as exc:
        raise OptionError(exc.code, exc.title + ".", exc.hint) from exc
    finally:
        database.dispose()


def backup(file: Path) -> None:
    """Save everything to one file; the service may run meanwhile."""
    with _store() as (database, blobs, _):
        saved = backups.back_up(database, blobs, file)
    print(f"{file}: {saved.rows} rows, {saved.blobs} photos and pictures.")
    if saved.missing:
        print(f"{len(saved.missing)} photos are missing or damaged in the store: see `assessor doctor`.")


def restore(file: Path) -> None:
    """Fill an empty database and store from a backup."""
    settings = settings_or_error()
    database, blobs = connect(settings)
    try:
        saved = backups.restore(database, blobs, file)
    except ServiceError as exc:
        raise OptionError(exc.code, exc.title + ".", exc.hint) from exc
    finally:
        database.dispose()
    print(f"Restored {saved.rows} rows, {saved.blobs} photos and pictures.")


def erase(person: str) -> None:
    """Erase a person, named by e-mail address or number, with all they handed in."""
    with _store() as (database, blobs, _):
        with database.reading() as session:
            found = people.person_by_email(session, person)
            if found is None and person.isdigit():
                found = session.get(Person, int(person))
            if found is None:
                raise OptionError(
                    "unknown_person", "There is no such person.", "Give the e-mail address or the number."
                )
        everything = Caller(found.id, "admin")
        erased = erasing.erase_person(database, blobs, everything, found.id)
    print(f"Erased, with {erased.submissions} submissions and {erased.files} files.")
    print("Backups that were made before still hold them.")


def tidy(older_than_days: int | None) -> None:
    """Delete submissions beyond their time, and stored files that nothing refers to."""
    with _store() as (database, blobs, settings):
        days = older_than_days or settings.retention_days
        if days is not None:
            erased = erasing.erase_older(database, blobs, days)
            print(f"{erased.submissions} submissions older than {days} days deleted.")
        print(f"{erasing.tidy(database, blobs)} files that nothing refers to deleted.")


def doctor() -> bool:
    """Look at everything the service needs, a line each; whether all is well."""
    settings = settings_or_error()
    database, blobs = connect(settings)
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("data folder", lambda: _folder(settings.data_dir)),
        ("database", lambda: _database(database)),
        ("tables", lambda: _tables(database)),
        ("photos", lambda: _photos(database, blobs)),
        ("admin", lambda: _admin(database)),
        ("grading", _grading),
    )
    try:
        fine = [_line(name, check) for name, check in checks]
        return all(fine)
    finally:
        database.dispose()


def _line(name: str, check: Callable[[], str]) -> bool:
    try:
        print(f"ok       {name}: {check()}")
    except Exception as exc:
        said = f"{exc.text} {exc.hint}" if isinstance(exc, AssessorError) else type(exc).__name__
        if isinstance(exc, ServiceError):
            said = f"{exc.title}. {exc.hint}"
        print(f"PROBLEM  {name}: {said}")
        return False
    return True


def _folder(folder: Path) -> str:
    probe = folder / "doctor-probe"
    try:
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as exc:
        raise OptionError(
            "data_dir", f"{folder} cannot be written: {exc.strerror}.", "Set ASSESSOR_DATA_DIR."
        ) from exc
    free_mb = shutil.disk_usage(folder).free // MIB
    if free_mb < LEAST_FREE_MB:
        raise OptionError("disk_full", f"Only {free_mb} MB are free in {folder}.", "Make space.")
    return f"{folder}, {free_mb} MB free"


def _database(database: Database) -> str:
    with database.reading() as session:
        if not database.is_sqlite:
            return f"PostgreSQL {session.scalar(text('SHOW server_version'))}"
        found = session.scalar(text("PRAGMA quick_check"))
        if found != "ok":
            raise OptionError("database_damaged", f"SQLite says: {found}.", "Restore the last backup.")
        return f"SQLite {session.scalar(text('SELECT sqlite_version()'))}, {database.url.database}"


def _tables(database: Database) -> str:
    found = migrate.revision(database)
    if found is None:
        return "none yet: `assessor serve` makes them"
    if found != migrate.newest():
        return f"revision {found}; the next start brings them to {migrate.newest()}"
    return f"revision {found}"


def _photos(database: Database, blobs: Blobs) -> str:
    blobs.check()
    if migrate.revision(database) is None:
        return "the store can be written and read"
    with database.reading() as session:
        total = session.scalar(select(func.count()).select_from(Blob)) or 0
        bad = [s for s in session.scalars(select(Blob.sha256)) if not blobs.is_whole(s)]
    if bad:
        raise OptionError(
            "blob_missing",
            f"{len(bad)} of {total} stored files are missing or damaged, such as {bad[0]}.",
            "Restore them from a backup, or hand in those photos again: the same photo fills its place.",
        )
    return f"{total} stored files, all whole"


def _admin(database: Database) -> str:
    if migrate.revision(database) is None:
        return "none yet"
    with database.reading() as session:
        admins = select(func.count()).select_from(Person).where(Person.role == "admin", Person.active)
        if not session.scalar(admins):
            return "none yet: `assessor serve` prints a link for the first"
    return "somebody can let people in"


def _grading() -> str:
    from api.job import warm
    from assessor import __version__

    warm()
    return f"assessor {__version__}, its networks load"
