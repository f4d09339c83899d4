"""Brings a database to the tables of this version, forward only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from api.store.engine import WRITES, Database
from assessor.errors import OptionError

_FOLDER = Path(__file__).parent / "migrations"
# Any number: two services that start at once on one PostgreSQL migrate one after the other.
_LOCK = 0x5075_7475


def newest() -> str:
    """The revision that this version of the software works with."""
    head = ScriptDirectory(str(_FOLDER)).get_current_head()
    assert head is not None
    return head


def revision(database: Database) -> str | None:
    """The revision a database is at; None where it has no tables."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, to: str = "head") -> None:
    """Bring the tables to revision `to`; OptionError database_newer where they are ahead of this software.

    An SQLite file is copied beside itself before its tables change.
    """
    before = revision(database)
    if before == (newest() if to == "head" else to):
        return
    if before is not None and database.is_sqlite:
        _copy(Path(str(database.url.database)), before)
    with database.engine.connect() as connection:
        connection = connection.execution_options(**WRITES)
        if database.is_sqlite:
            # A table that is made anew is dropped first, which would delete what refers to it.
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                if not database.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                command.upgrade(_config(connection), to)
                if database.is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first():
                    raise RuntimeError("the migration left rows that refer to nothing; it was undone")
        except CommandError as exc:
            raise OptionError(
                "database_newer",
                f"The database is at revision {before}, which this version does not know.",
                "Install the version that made it, or restore a backup.",
            ) from exc
        finally:
            connection.invalidate()  # this connection's foreign keys are off: none may get it again


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def _copy(file: Path, before: str) -> None:
    target = file.with_name(f"{file.name}.before-{before}")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
