"""A backup is one zip file: every table as JSON lines, every photo under its hash, and a manifest.

It does not depend on the database that it came from: what was saved from SQLite can be restored into
PostgreSQL, and what an older version saved into a newer one's tables.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, func, insert, select, text

from api.errors import ServiceError
from api.store import migrate
from api.store.blobs import CHUNK_BYTES, Blobs
from api.store.engine import Database
from api.store.models import Base, Blob, Person, utc_now
from assessor import __version__
from assessor.errors import OptionError

FORMAT = 1
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Saved:
    """How many rows and photos a backup holds; `missing`: photos that the store could not give."""

    rows: int
    blobs: int
    missing: tuple[str, ...] = ()


def back_up(database: Database, blobs: Blobs, file: Path) -> Saved:
    """Write everything, as it is at one moment, to `file` (readable by its owner alone).

    The service may go on meanwhile. OptionError cannot_write.
    """
    part = file.with_name(file.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as raw:
            with zipfile.ZipFile(raw, "w") as archive:
                saved = _write(database, blobs, archive)
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(file)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise OptionError(
            "cannot_write", f"{file} cannot be written: {exc.strerror}.", "Give another place for the backup."
        ) from exc
    return saved


def _write(database: Database, blobs: Blobs, archive: zipfile.ZipFile) -> Saved:
    counts: dict[str, int] = {}
    missing: list[str] = []
    with database.snapshot() as session:
        for table in Base.metadata.sorted_tables:
            with archive.open(_entry(table.name), "w", force_zip64=True) as out:
                counts[table.name] = 0
                for row in session.execute(select(table).execution_options(yield_per=ROWS_AT_ONCE)):
                    out.write(json.dumps(row._asdict(), default=_plain, ensure_ascii=False).encode() + b"\n")
                    counts[table.name] += 1
        hashes = session.scalars(select(Blob.sha256).order_by(Blob.sha256)).all()
    for sha256 in hashes:
        try:
            with tempfile.TemporaryFile() as copy:  # whole before it is in the backup
                blobs.copy(sha256, copy)
                copy.seek(0)
                with archive.open(f"blobs/{sha256}", "w", force_zip64=True) as out:
                    shutil.copyfileobj(copy, out, CHUNK_BYTES)
        except ServiceError as exc:
            if exc.code not in ("blob_missing", "blob_damaged"):
                raise
            missing.append(sha256)
    manifest = {
        "format": FORMAT,
        "software": __version__,
        "revision": migrate.newest(),
        "made_at": utc_now().isoformat(timespec="seconds"),
        "rows": counts,
        "blobs": len(hashes) - len(missing),
    }
    archive.writestr("manifest.json", json.dumps(manifest, indent=1))
    return Saved(sum(counts.values()), len(hashes) - len(missing), tuple(missing))


def restore(database: Database, blobs: Blobs, file: Path) -> Saved:
    """Fill an empty database and store from a backup; all of it or nothing.

    OptionError bad_backup, database_not_empty, database_newer.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            if manifest.get("format") != FORMAT:
                raise _bad(file, f"its format is {manifest.get('format')!r}")
            if migrate.revision(database) is not None:
                _check_empty(database)
            else:
                migrate.upgrade(database, manifest["revision"])
            saved = _read(database, blobs, archive, manifest)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as exc:
        raise _bad(file, f"{type(exc).__name__}") from exc
    migrate.upgrade(database)
    return saved


def _read(database: Database, blobs: Blobs, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> Saved:
    rows = 0
    names = {Path(name).name for name in archive.namelist() if name.startswith("blobs/")}
    with database.writing() as session:
        connection = session.connection()
        tables = MetaData()
        tables.reflect(connection)
        for column in (c for table in tables.tables.values() for c in table.columns):
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
        for table in tables.sorted_tables:
            if table.name not in manifest["rows"]:
                continue
            count = 0
            for chunk in _chunks(_rows(archive, table)):
                session.execute(insert(table), chunk)
                count += len(chunk)
            if count != manifest["rows"][table.name]:
                raise ValueError(f"{table.name} is not whole")
            rows += count
            if not database.is_sqlite:
                _continue_counting(connection, table)
        for sha256 in sorted(names):
            media_type = session.scalar(select(Blob.media_type).where(Blob.sha256 == sha256))
            if media_type is None:
                raise ValueError("a photo belongs to nothing")
            with tempfile.TemporaryFile() as copy, archive.open(f"blobs/{sha256}") as entry:
                shutil.copyfileobj(entry, copy, CHUNK_BYTES)
                if blobs.add_file(session, copy, media_type) != sha256:
                    raise ValueError("a photo is not what its name says")
    return Saved(rows, len(names))


def _check_empty(database: Database) -> None:
    with database.reading() as session:
        if session.scalar(select(func.count()).select_from(Person)):
            raise OptionError(
                "database_not_empty",
                "There is a class room in this database already.",
                "Restore into a new one: set ASSESSOR_DATA_DIR to an empty folder, or ASSESSOR_DATABASE_URL "
                "to an empty database.",
            )


def _entry(table: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"tables/{table}.jsonl", date_time=datetime.now(UTC).timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be saved")


def _rows(archive: zipfile.ZipFile, table: Table) -> Iterator[dict[str, Any]]:
    times = [column.name for column in table.columns if isinstance(column.type, DateTime)]
    with archive.open(f"tables/{table.name}.jsonl") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            for name in times:
                if row.get(name) is not None:
                    row[name] = datetime.fromisoformat(row[name])
            yield row


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == ROWS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _continue_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL numbers new rows from a counter that does not know of rows that bring their number."""
    for column in table.primary_key.columns:
        name = {"table": table.name, "column": column.name}
        sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), name)
        if sequence is not None:
            last = connection.scalar(select(func.max(column)))
            if last is not None:
                connection.execute(
                    text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last}
                )


def _bad(file: Path, why: str) -> OptionError:
    return OptionError("bad_backup", f"{file} is no whole backup: {why}.", "Take another backup.")
