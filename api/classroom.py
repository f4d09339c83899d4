"""The class room's part of the service: its database, its store of photos, its routes and its guards."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from starlette.middleware.sessions import SessionMiddleware

from api.cluster import Cluster
from api.grading import Executor, Grader, Graders
from api.housekeeping import keep_house
from api.routes import (
    accounts,
    batches,
    corrections,
    courses,
    exports,
    kept_clips,
    oidc,
    people,
    pictures,
    rubrics,
    submissions,
)
from api.security import SameSiteOnly
from api.settings import Settings
from api.store import migrate
from api.store.blobs import Blobs, open_blobs
from api.store.engine import Database, database_url
from api.store.people import first_admin, local_person, make_link
from api.store.scope import Caller
from assessor.errors import OptionError

log = logging.getLogger("assessor.api")
ROUTERS = (
    accounts.router,
    oidc.router,
    people.router,
    courses.router,
    rubrics.router,
    kept_clips.router,
    submissions.router,
    batches.router,
    exports.router,
    corrections.router,
    pictures.router,
)


def install(app: FastAPI, settings: Settings, *, prefix: str) -> None:
    """Add the routes and the guard against other sites' pages."""
    app.state.local = None
    for router in ROUTERS:
        app.include_router(router, prefix=prefix)
    if settings.oidc_issuer is not None:
        # Holds what a sign-in at the school needs to come back; a restart in between means once more.
        app.add_middleware(
            SessionMiddleware,
            secret_key=secrets.token_urlsafe(32),
            session_cookie="assessor_oidc",
            max_age=600,
            same_site="lax",
            https_only=(settings.public_url or "").startswith("https:"),
        )
    app.add_middleware(SameSiteOnly, public_url=settings.public_url)


def connect(settings: Settings) -> tuple[Database, Blobs]:
    """The database, its tables as they are, and the photos.

    OptionError data_dir, bad_database_url, bad_store_url.
    """
    url = database_url(_told(settings.database_url), settings.data_dir, _told(settings.database_password))
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise OptionError(
            "data_dir",
            f"The data folder cannot be made: {exc.strerror}.",
            "Set ASSESSOR_DATA_DIR to a folder that may be written.",
        ) from exc
    return Database(url), open_blobs(_told(settings.store_url), settings.data_dir)


def _told(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def open_store(settings: Settings) -> tuple[Database, Blobs]:
    """As `connect`, with the tables up to date; OptionError database_unreachable, database_newer too."""
    database, blobs = connect(settings)
    try:
        migrate.upgrade(database)
    except OperationalError as exc:
        database.dispose()
        raise OptionError(
            "database_unreachable",
            "The database does not answer.",
            "Check ASSESSOR_DATABASE_URL and that the database runs; for the embedded one, "
            "that ASSESSOR_DATA_DIR may be written and has space.",
        ) from exc
    return database, blobs


@asynccontextmanager
async def opened(app: FastAPI, settings: Settings, *, single_user: bool) -> AsyncIterator[None]:
    """The class room is open: `app.state` has `database`, `blobs` and, in single-user mode, `local`."""
    database, blobs = open_store(settings)
    app.state.database, app.state.blobs = database, blobs
    if single_user:
        with database.writing() as session:
            me = local_person(session)
            app.state.local = Caller(me.id, me.role)
    clusters, photo_desk, clip_desk = _desks(app, settings)
    app.state.grader = Graders(
        Grader(database, blobs, photo_desk), Grader(database, blobs, clip_desk, kind="clip")
    )
    app.state.grader.start()
    tidying = asyncio.create_task(keep_house(database, blobs, settings))
    try:
        yield
    finally:
        tidying.cancel()
        await run_in_threadpool(app.state.grader.stop)
        for cluster in clusters:
            await run_in_threadpool(cluster.close)
        database.dispose()


def _desks(app: FastAPI, settings: Settings) -> tuple[list[Cluster], Executor, Executor]:
    """Where batches are graded, photos and clips: here, or on a cluster's workers (to be closed)."""
    if settings.cluster is None:
        return [], app.state.pool, app.state.clip_desk
    photos, clips = (
        Cluster(
            settings.cluster,
            timeout_s=timeout_s,
            memory_bytes=settings.worker_memory_bytes,
            grade=job,
            share=share,
        )
        for timeout_s, job, share in (
            (settings.worker_timeout_s, app.state.pool.job, 1.0),
            (settings.clip_timeout_s, app.state.clip_desk.job, 0.5),
        )
    )
    return [photos, clips], photos, clips


def first_admin_link(settings: Settings, address: str) -> str | None:
    """The one-time link with which the first admin comes in; None where there is one already."""
    database, _ = open_store(settings)
    try:
        with database.writing() as session:
            admin = first_admin(session)
            return None if admin is None else f"{address}welcome#{make_link(session, admin)}"
    finally:
        database.dispose()
