"""What an operator can set, all by environment variables that begin with ASSESSOR_."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from platformdirs import user_data_dir
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024
# Where containers find what must not stand in the environment.
SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """Every field is read from ASSESSOR_<NAME>, else from a file /run/secrets/assessor_<name>;
    docs/service.md lists them."""

    model_config = SettingsConfigDict(
        env_prefix="ASSESSOR_",
        frozen=True,
        extra="ignore",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,  # it would warn of one that is not there
    )

    max_upload_mb: int = Field(default=40, ge=1, le=1024, description="largest request body, in MiB")
    max_batch_mb: int = Field(
        default=2048,
        ge=1,
        le=65536,
        description="largest upload of a class's photos, packed and unpacked, in MiB",
    )
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
    max_clip_mb: int = Field(default=300, ge=1, le=4000, description="largest recorded clip, in MiB")
    max_clips: int = Field(default=8, ge=1, description="clips waiting or being assessed at once")
    clip_timeout_s: float = Field(
        default=900.0, gt=0, description="longest assessment of one clip, then it is stopped"
    )
    live_sessions: int = Field(default=8, ge=0, le=64, description="live sessions at once, if they can be")
    live_memory_mb: int = Field(
        default=2048, ge=512, description="address space of one live session's process, in MiB"
    )
    worker_memory_mb: int = Field(
        default=4096, ge=512, description="address space of one grading process, in MiB"
    )

    cluster: str | None = Field(
        default=None,
        pattern=r"^(tcp|tls)://",
        description="a Dask scheduler whose workers grade batches, instead of this machine",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(user_data_dir("suture-assessor", appauthor=False)),
        description="where the embedded database and the photos are",
    )
    database_url: SecretStr | None = Field(
        default=None, description="a PostgreSQL or SQLite database instead of the one in the data folder"
    )
    database_password: SecretStr | None = Field(
        default=None, description="PostgreSQL's, where the URL has none"
    )
    store_url: SecretStr | None = Field(
        default=None, description="an object store for photos, such as s3://bucket/prefix"
    )
    public_url: str | None = Field(
        default=None, pattern=r"^https?://[^/]+$", description="where people reach the service"
    )
    open_grading: bool = Field(
        default=True, description="whether visitors may have a photo graded that is not kept"
    )
    oidc_issuer: str | None = Field(
        default=None, pattern=r"^https?://", description="the school's sign-in service (OpenID Connect)"
    )
    oidc_client_id: str | None = Field(default=None, description="what it knows this service as")
    oidc_client_secret: SecretStr | None = Field(default=None, description="the secret it gave")
    retention_days: int | None = Field(
        default=None, ge=1, description="submissions older than this are deleted; unset: kept"
    )

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * MIB

    @property
    def max_batch_bytes(self) -> int:
        return self.max_batch_mb * MIB

    @property
    def worker_memory_bytes(self) -> int:
        return self.worker_memory_mb * MIB

    @property
    def max_clip_bytes(self) -> int:
        return self.max_clip_mb * MIB

    @property
    def live_memory_bytes(self) -> int:
        return self.live_memory_mb * MIB


@lru_cache(maxsize=1)
def default_settings() -> Settings:
    return Settings()
