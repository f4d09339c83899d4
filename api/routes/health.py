"""Is the service there, and how busy is it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.live.desk import LiveDesk
from api.workers import WorkerPool
from assessor import __version__

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
    queue_depth: int = Field(description="photos waiting or being graded")
    live_sessions: int = Field(description="live sessions that run or are about to")


@router.get("/health")
async def health(request: Request) -> Health:
    """Answers while photos are graded: grading runs in other processes."""
    pool: WorkerPool = request.app.state.pool
    desk: LiveDesk = request.app.state.live
    return Health(version=__version__, queue_depth=pool.pending, live_sessions=desk.taken)
