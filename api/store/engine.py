"""Where the database is, and how a transaction is opened on it.

Two ways in: `reading()` and `writing()`. On SQLite a writer takes the one write lock at once (a
transaction that reads first and writes later could fail half-way) while readers go on; on
PostgreSQL a reader cannot write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from assessor.errors import OptionError

FILE_NAME = "classroom.db"
# How long a writer waits for another on SQLite; a connection for a place in PostgreSQL's pool.
BUSY_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 3
# A statement that runs longer on PostgreSQL is ended: nothing here should take seconds.
STATEMENT_TIMEOUT_S = 30
# What marks a connection that is about to write.
WRITES = {"assessor_writes": True}


def database_url(text: str | None, data_dir: Path, password: str | None = None) -> URL:
    """The URL of a setting, with PostgreSQL's `password` where it has none, or SQLite in the data folder;
    OptionError bad_database_url."""
    if not text:
        return URL.create("sqlite", database=str(data_dir / FILE_NAME))
    try:
        url = make_url(text)
    except Exception as exc:
        raise _bad_url("it cannot be read") from exc
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg", password=url.password or password)
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    raise _bad_url(f"{url.drivername} is not supported")


def _bad_url(why: str) -> OptionError:
    return OptionError(
        "bad_database_url",
        f"ASSESSOR_DATABASE_URL cannot be used: {why}.",
        "Write postgresql://user:password@host/database or sqlite:////path/to/file.db, or leave it away.",
    )


class Database:
    """An engine and the two kinds of transactions on it; safe to share between threads."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.engine = _sqlite(url) if self.is_sqlite else _postgresql(url)
        reading: dict[str, Any] = {} if self.is_sqlite else {"postgresql_readonly": True}
        self._reading = self.engine.execution_options(**reading)
        self._writing = self.engine.execution_options(**WRITES)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database; nothing written in it is kept."""
        with Session(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """As `reading`, and every query of the block sees the same moment on PostgreSQL too."""
        level: dict[str, Any] = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with Session(self._reading.execution_options(**level)) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed when the block ends well, else rolled back as if never begun."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def dispose(self) -> None:
        self.engine.dispose()


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        hide_parameters=True,  # an error's text ends in a log
        pool_pre_ping=True,  # a connection that died while it lay idle is replaced unseen
        pool_size=10,
        max_overflow=10,
        pool_timeout=BUSY_TIMEOUT_S,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c timezone=UTC",
        },
    )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, pool_timeout=BUSY_TIMEOUT_S, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        dbapi.isolation_level = None  # the driver would begin transactions of its own, too late
        cursor = dbapi.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
            "journal_mode = WAL",
            "synchronous = FULL",  # a grade that was answered is there after a power cut
            "foreign_keys = ON",
            "secure_delete = ON",  # who is erased is not left in free pages
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("assessor_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
