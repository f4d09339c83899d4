"""What an operator can set, all by environment variables that begin with ASSESSOR_."""

from __future__ import annotations

import os
from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Every field is read from ASSESSOR_<NAME>; docs/service.md lists them."""

    model_config = SettingsConfigDict(env_prefix="ASSESSOR_", frozen=True, extra="ignore")

    max_upload_mb: int = Field(default=40, ge=1, le=1024, description="largest request body, in MiB")
    upload_timeout_s: float = Field(
        default=60.0, gt=0, description="time a client has to send the whole body"
    )
    max_uploads: int = Field(
        default=16, ge=1, description="uploads received or graded at once; more get a 503"
    )
    max_connections: int = Field(
        default=256, ge=8, description="open connections, then the server itself says 503"
    )
    workers: int = Field(
        default_factory=lambda: max(1, min(4, os.cpu_count() or 1)),
        ge=1,
        le=64,
        description="grading processes",
    )
    worker_timeout_s: float = Field(
        default=30.0, gt=0, description="longest grading of one photo, then it is stopped"
    )
    live_sessions: int = Field(default=8, ge=0, le=64, description="live sessions at once, if they can be")
    live_memory_mb: int = Field(
        default=2048, ge=512, description="address space of one live session's process, in MiB"
    )
    worker_memory_mb: int = Field(
        default=4096, ge=512, description="address space of one grading process, in MiB"
    )

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * MIB

    @property
    def worker_memory_bytes(self) -> int:
        return self.worker_memory_mb * MIB

    @property
    def live_memory_bytes(self) -> int:
        return self.live_memory_mb * MIB


@lru_cache(maxsize=1)
def default_settings() -> Settings:
    return Settings()
