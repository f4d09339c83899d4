"""What a running service does once a day: what is beyond its time goes, and what a kill left behind."""

from __future__ import annotations

import asyncio
import logging

from fastapi.concurrency import run_in_threadpool

from api.settings import Settings
from api.store import erase
from api.store.blobs import Blobs
from api.store.engine import Database

log = logging.getLogger("assessor.api")
EVERY_S = 24 * 3600.0


async def keep_house(database: Database, blobs: Blobs, settings: Settings) -> None:
    """Tidy now and every day until cancelled; a day that fails is logged, the next tries again."""
    while True:
        try:
            await run_in_threadpool(_once, database, blobs, settings.retention_days)
        except Exception:
            log.exception("tidying failed")
        await asyncio.sleep(EVERY_S)


def _once(database: Database, blobs: Blobs, retention_days: int | None) -> None:
    if retention_days is not None:
        erased = erase.erase_older(database, blobs, retention_days)
        log.info("retention: %d submissions deleted", erased.submissions)
    erase.tidy(database, blobs)
