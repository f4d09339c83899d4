"""Is the service there, and how busy is it."""

from __future__ import annotations

import asyncio
from typing import Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.errors import database_away, documented
from api.live.desk import LiveDesk
from api.security import database
from api.store import jobs
from api.store.engine import Database
from api.workers import WorkerPool
from assessor import __version__

router = APIRouter(tags=["health"])
# A load balancer that asks would not wait longer either.
DATABASE_TIMEOUT_S = 2.0


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
    queue_depth: int = Field(description="photos waiting or being graded, those of batches included")
    live_sessions: int = Field(description="live sessions that run or are about to")


@router.get("/health", responses=documented(503, 507))
async def health(request: Request) -> Health:
    """Asks the database, in threads that no other work can take; grading runs in other processes."""
    pool: WorkerPool = request.app.state.pool
    desk: LiveDesk = request.app.state.live
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            waiting = await to_thread.run_sync(
                _waiting, database(request), abandon_on_cancel=True, limiter=_threads(request)
            )
    except TimeoutError:
        raise database_away() from None
    return Health(version=__version__, queue_depth=pool.pending + waiting, live_sessions=desk.taken)


def _waiting(database: Database) -> int:
    with database.reading() as session:
        return jobs.waiting(session)


def _threads(request: Request) -> CapacityLimiter:
    state = request.app.state
    if not hasattr(state, "health_threads"):
        state.health_threads = CapacityLimiter(2)
    limiter: CapacityLimiter = state.health_threads
    return limiter
