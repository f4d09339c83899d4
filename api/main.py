"""The FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from api import classroom, clip_job, clips, errors, job, telemetry
from api.clip_job import ClipDesk
from api.clips import ClipJobs
from api.headers import SecurityHeaders
from api.hosts import LocalHostsOnly
from api.limits import UploadGuard
from api.live.child import Open, open_session
from api.live.desk import LiveDesk
from api.pages import capture, door, grading, practice, teach
from api.pages import live as live_page
from api.routes import clips as clip_routes
from api.routes import health, live, pages, photos
from api.settings import Settings, default_settings
from api.workers import Job, WorkerPool
from assessor import __version__

API = "/api/v1"


def create_app(
    settings: Settings | None = None,
    *,
    single_user: bool = False,
    grade: Job = job.grade,
    live_session: Open = open_session,
    clip: Job = clips.assess,
    measure: Job = clip_job.measure,
) -> FastAPI:
    """The service: routes, limits, and grading processes that live as long as it runs.

    `single_user` answers only to names of this machine. `grade`, `live_session`, `clip` (not kept) and
    `measure` (kept) are what the children run (functions of a module, so that they can import them).
    """
    settings = settings or default_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = WorkerPool(
            grade,
            size=settings.workers,
            timeout_s=settings.worker_timeout_s,
            memory_bytes=settings.worker_memory_bytes,
            warm=job.warm if grade is job.grade else None,
        )
        app.state.pool = pool
        app.state.live = LiveDesk(
            live_session, seats=settings.live_sessions, memory_bytes=settings.live_memory_bytes
        )
        app.state.clips = ClipJobs(settings, clip)
        app.state.clip_desk = ClipDesk(settings, measure)
        try:
            async with classroom.opened(app, settings, single_user=single_user):
                yield
        finally:
            await app.state.clips.close()
            app.state.clip_desk.close()
            app.state.live.close()
            pool.close()

    app = FastAPI(
        title="Suture practice assessor",
        summary="Measured feedback on sutured pads. For training, not for patients or credentialing.",
        version=__version__,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # both pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings = settings
    errors.install(app)
    app.include_router(telemetry.router)
    app.include_router(health.router, prefix=API)
    app.include_router(photos.router, prefix=API)
    app.include_router(clip_routes.router, prefix=API)
    app.include_router(live.router, prefix=API)
    for page in (capture, door, practice, teach, grading):
        app.include_router(page.router)
    app.include_router(pages.router)
    app.include_router(live_page.router)
    classroom.install(app, settings, prefix=API)
    app.mount("/static", StaticFiles(packages=[("api", "web/static")]), name="static")
    app.mount("/vendor", StaticFiles(packages=[("api", "web/vendor")]), name="vendor")
    app.add_middleware(
        UploadGuard,
        max_body_bytes=settings.max_upload_bytes,
        receive_timeout_s=settings.upload_timeout_s,
        max_uploads=settings.max_uploads,
        larger_bytes={
            f"{API}/batches": settings.max_batch_bytes,
            f"{API}/clips": settings.max_clip_bytes,
            f"{API}/submissions/clips": settings.max_clip_bytes,
        },
    )
    if single_user:
        app.add_middleware(LocalHostsOnly)
    app.add_middleware(SecurityHeaders)
    app.state.telemetry = telemetry.Telemetry()
    app.add_middleware(telemetry.RequestLog, telemetry=app.state.telemetry)  # last: around all others
    return app
