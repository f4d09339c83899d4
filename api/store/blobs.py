"""Photos, clips and pictures at rest: each object is stored once, under the SHA-256 of its bytes.

The row in `blob` is the object's lock: whoever puts or deletes the bytes holds the row until the
transaction ends, so those who deal with the same bytes wait for each other, and foreign keys keep
what is still used. A kill leaves at worst an object that no row knows, which `drop_strays` takes away.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.errors import ServiceError, disk_full
from api.store.insert import insert_locked, insert_new
from api.store.models import Blob, Result, Submission, utc_now
from assessor.errors import OptionError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

FOLDER = "blobs"
CHUNK_BYTES = 1 << 20
# Of a large file, 5 MB each: what stands in the memory at once.
PARTS_AT_ONCE = 2
# A request waits for an answer; the default would try for three minutes.
CLIENT: ClientConfig = {"connect_timeout": timedelta(seconds=3), "timeout": timedelta(seconds=30)}
RETRY: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
# An object younger than this without a row may belong to an upload that has not committed yet.
STRAY_AGE = timedelta(hours=1)


class Blobs:
    """An object store: a folder, or whatever obstore knows a URL of (s3://bucket/prefix ...)."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    def add(self, session: Session, data: bytes, media_type: str) -> str:
        """Keep `data`; its hash. Within the transaction of `session`, which then refers to it."""
        sha256 = hashlib.sha256(data).hexdigest()
        insert_locked(session, Blob, _row(sha256, len(data), media_type))
        with _storage_errors():
            if not self._has(sha256, len(data)):
                obstore.put(self._store, _key(sha256), data)
                self._sync(sha256)
        return sha256

    def add_file(self, session: Session, file: BinaryIO, media_type: str) -> str:
        """As `add`, of a seekable file that need not fit into the memory."""
        sha256, size_bytes = _hash(file)
        insert_locked(session, Blob, _row(sha256, size_bytes, media_type))
        with _storage_errors():
            if not self._has(sha256, size_bytes):
                file.seek(0)
                obstore.put(self._store, _key(sha256), file, max_concurrency=PARTS_AT_ONCE)
                self._sync(sha256)
        return sha256

    def place(self, sha256: str) -> Path | None:
        """Where the bytes lie on this machine, unread; None where they lie elsewhere.

        ServiceError blob_missing.
        """
        if self._folder is None:
            return None
        path = self._folder / _key(sha256)
        with _storage_errors():
            path.stat()
        return path

    def path(self, sha256: str) -> Path | None:
        """As `place`, read through once; ServiceError blob_damaged, storage_away too."""
        path = self.place(sha256)
        if path is None:
            return None
        with _storage_errors(), path.open("rb") as file:
            found, _ = _hash(file)
        if found != sha256:
            raise _damaged()
        return path

    @contextmanager
    def file(self, sha256: str) -> Iterator[Path]:
        """The bytes as a file of this machine: where they lie, or for as long as the block takes a copy.
        ServiceError blob_missing, blob_damaged, storage_away."""
        path = self.path(sha256)
        if path is not None:
            yield path
            return
        with tempfile.NamedTemporaryFile(prefix="assessor-") as copy:
            self.copy(sha256, copy)
            copy.flush()
            yield Path(copy.name)

    def copy(self, sha256: str, out: IO[bytes]) -> None:
        """Write the bytes to `out`, some at a time; errors as of `get`, of damage when all are written."""
        found = hashlib.sha256()
        with _storage_errors():
            for chunk in obstore.get(self._store, _key(sha256)).stream(min_chunk_size=CHUNK_BYTES):
                found.update(chunk)
                out.write(chunk)
        if found.hexdigest() != sha256:
            raise _damaged()

    def check_there(self, sha256: str, size_bytes: int) -> None:
        """ServiceError blob_missing where there are no bytes of this size, storage_away."""
        with _storage_errors():
            if not self._has(sha256, size_bytes):
                raise FileNotFoundError

    def part(self, sha256: str, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` to `stop`, unread before, some at a time; ServiceError storage_away."""
        for at in range(start, stop, CHUNK_BYTES):
            with _storage_errors():
                yield bytes(
                    obstore.get_range(self._store, _key(sha256), start=at, end=min(stop, at + CHUNK_BYTES))
                )

    def get(self, sha256: str) -> bytes:
        """The bytes; ServiceError blob_missing, blob_damaged, storage_away."""
        with _storage_errors():
            data = bytes(obstore.get(self._store, _key(sha256)).bytes())
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _damaged()
        return data

    def is_whole(self, sha256: str) -> bool:
        """Whether the bytes are there and are what they were; ServiceError storage_away."""
        try:
            with open(os.devnull, "wb") as nowhere:
                self.copy(sha256, nowhere)
        except ServiceError as exc:
            if exc.code in ("blob_missing", "blob_damaged"):
                return False
            raise
        return True

    def drop_unused(self, session: Session, hashes: list[str]) -> int:
        """Delete those of `hashes` that nothing refers to, rows and objects; how many."""
        dropped = 0
        for sha256 in sorted(set(hashes)):  # sorted: two that delete lock in the same order
            try:
                with session.begin_nested():
                    session.execute(delete(Blob).where(Blob.sha256 == sha256))
            except IntegrityError:
                continue  # a foreign key says that it is used
            self._delete(sha256)
            dropped += 1
        return dropped

    def drop_strays(self, session: Session) -> int:
        """Delete the objects that no row knows, in the writing transaction of `session`; how many."""
        youngest = utc_now() - STRAY_AGE
        dropped = 0
        for chunk in obstore.list(self._store, prefix=FOLDER):
            old = {Path(meta["path"]).name for meta in chunk if meta["last_modified"] < youngest}
            known = set(session.scalars(select(Blob.sha256).where(Blob.sha256.in_(old))))
            for sha256 in sorted(old - known):
                if insert_new(session, Blob, _row(sha256, 0, "")) is not None:
                    self._delete(sha256)
                    session.execute(delete(Blob).where(Blob.sha256 == sha256))
                    dropped += 1
        return dropped

    def check(self) -> None:
        """Write, read and delete a small object; ServiceError where the store does not take part."""
        probe = f"{FOLDER}/probe-{os.getpid()}"
        with _storage_errors():
            obstore.put(self._store, probe, b"probe")
            obstore.get(self._store, probe).bytes()
            obstore.delete(self._store, probe)

    def _has(self, sha256: str, size_bytes: int) -> bool:
        try:
            return obstore.head(self._store, _key(sha256))["size"] == size_bytes
        except (FileNotFoundError, NotFoundError):
            return False

    def _delete(self, sha256: str) -> None:
        with _storage_errors(), suppress(FileNotFoundError, NotFoundError):
            obstore.delete(self._store, _key(sha256))

    def _sync(self, sha256: str) -> None:
        """Down to the disk before the row says that it is there: a rename may not survive a power cut."""
        if self._folder is None:
            return
        path = self._folder / _key(sha256)
        for target in (path, path.parent):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def unused_blobs(session: Session) -> list[str]:
    """Hashes of rows that nothing refers to."""
    used = select(Submission.blob_sha256).union(
        select(Result.overlay_sha256).where(Result.overlay_sha256.is_not(None))
    )
    return list(session.scalars(select(Blob.sha256).where(Blob.sha256.not_in(used))))


def open_blobs(url: str | None, data_dir: Path) -> Blobs:
    """The store a setting names, or a folder in the data folder; OptionError bad_store_url."""
    if not url:
        return Blobs(LocalStore(prefix=data_dir, mkdir=True), data_dir)
    try:
        # Read here: options that are given take the place of all that stand in the environment.
        http = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
        return Blobs(from_url(url, client_options={**CLIENT, "allow_http": http}, retry_config=RETRY))
    except (BaseError, ValueError) as exc:
        raise OptionError(
            "bad_store_url",
            "ASSESSOR_STORE_URL cannot be used.",
            "Write s3://bucket/prefix (its keys in AWS_* variables), or leave it away for a folder.",
        ) from exc


def _hash(file: BinaryIO) -> tuple[str, int]:
    """SHA-256 of a whole file, and its size in bytes."""
    found = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        found.update(chunk)
    return found.hexdigest(), file.tell()


def _damaged() -> ServiceError:
    return ServiceError(
        "blob_damaged",
        "A stored photo is not what it was when it came in",
        "Whoever runs the service can restore it from a backup; see `assessor doctor`.",
    )


def _row(sha256: str, size_bytes: int, media_type: str) -> dict[str, object]:
    return {"sha256": sha256, "size_bytes": size_bytes, "media_type": media_type, "created_at": utc_now()}


def _key(sha256: str) -> str:
    return f"{FOLDER}/{sha256[:2]}/{sha256}"


@contextmanager
def _storage_errors() -> Iterator[None]:
    """obstore's errors as ServiceErrors: blob_missing, disk_full, storage_away."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as exc:
        raise ServiceError(
            "blob_missing",
            "A stored photo is not there",
            "Whoever runs the service can restore it from a backup.",
        ) from exc
    except (BaseError, OSError) as exc:
        if getattr(exc, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "(os error 28)" in str(exc):
            raise disk_full() from exc
        raise ServiceError(
            "storage_away",
            "Photos cannot be stored or read right now",
            "Nothing was lost. Try again in a minute; if it stays, tell whoever runs the service.",
            headers={"retry-after": "5"},
        ) from exc
