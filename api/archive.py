"""Photos and clips of an upload: single files and zips, one at a time, whatever a zip claims about itself.

Nothing is unpacked to disk but a clip, into an unnamed file. What the directory of a zip says is checked
before anything is read, and no entry is read beyond the size that it gave there.
"""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from api.errors import ServiceError

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
CLIP_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"})
CHUNK_BYTES = 1 << 20
MOST_ENTRIES = 10_000
# Of a zip's directory, which zipfile reads whole: some 400 bytes an entry.
MOST_DIRECTORY_BYTES = 4_000_000
STORED, DEFLATED = 0, 8


@dataclass(frozen=True, slots=True)
class Photo:
    """What may be a photo or a clip; `why_not` says why it is left out, else `source` has its bytes."""

    path: str
    size_bytes: int
    why_not: str | None
    source: BinaryIO | tuple[zipfile.ZipFile, zipfile.ZipInfo]

    @property
    def is_clip(self) -> bool:
        return _suffix(self.path) in CLIP_SUFFIXES

    def file(self) -> BinaryIO:
        """Its bytes as a file to be closed: a clip may not fit into memory. ServiceError zip_broken."""
        if not isinstance(self.source, tuple):
            return self.source
        archive, entry = self.source
        out = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  the caller's
        try:
            with _reading(), archive.open(entry) as file:
                while chunk := file.read(CHUNK_BYTES):
                    out.write(chunk)
                    if out.tell() > entry.file_size:
                        raise _broken()
            if out.tell() != entry.file_size:
                raise _broken()
        except BaseException:
            out.close()
            raise
        return out

    def read(self) -> bytes:
        """ServiceError zip_broken where a zip's entry is not what its directory says."""
        if not isinstance(self.source, tuple):
            self.source.seek(0)
            return self.source.read()
        archive, entry = self.source
        with _reading(), archive.open(entry) as file:
            data = file.read(entry.file_size + 1)
        if len(data) != entry.file_size:
            raise _broken()
        return data


@contextmanager
def _reading() -> Iterator[None]:
    """What a damaged entry raises as zip_broken; a disk's errors stay."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise _broken() from exc


@dataclass(frozen=True, slots=True)
class Most:
    """The largest that is taken, in bytes; `upload` unpacked."""

    upload: int
    photo: int
    clip: int


def photos(path: str, file: BinaryIO, most: Most) -> list[Photo]:
    """Of one uploaded file: itself, or what a zip holds.

    ServiceError zip_broken, zip_encrypted, zip_unsafe, zip_too_large.
    """
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(4)
    if start not in (b"PK\x03\x04", b"PK\x05\x06"):
        clean = path.replace("\\", "/").lstrip("/")
        safe = "/".join(part for part in clean.split("/") if part not in ("", ".", "..")) or "photo"
        # A phone's photo may have lost its suffix; what has another one is no photo.
        suffix = PurePosixPath(safe).suffix
        why_not = _why_not(safe if suffix else safe + ".jpg", size, most)
        return [Photo(safe, size, why_not, file)]
    archive = _open(file, size)
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    _check(archive.infolist(), most.upload)
    return list(_entries(archive, entries, most))


def _entries(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], most: Most) -> Iterator[Photo]:
    for entry in entries:
        why_not = _why_not(entry.filename, entry.file_size, most)
        if why_not is None and entry.compress_type not in (STORED, DEFLATED):
            why_not = "packed in an unusual way"
        yield Photo(entry.filename, entry.file_size, why_not, (archive, entry))


def _why_not(path: str, size: int, most: Most) -> str | None:
    parts = PurePosixPath(path).parts
    if any(part.startswith((".", "~", "__MACOSX")) for part in parts):
        return "hidden file"
    if _suffix(path) not in PHOTO_SUFFIXES | CLIP_SUFFIXES:
        return "no photo (JPEG, PNG, WebP, HEIC) and no clip (MP4, MOV, WebM, MKV, AVI)"
    largest = most.clip if _suffix(path) in CLIP_SUFFIXES else most.photo
    if size > largest:
        return f"larger than {largest // 2**20} MB"
    return "empty" if size == 0 else None


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _open(file: BinaryIO, size: int) -> zipfile.ZipFile:
    if _directory_bytes(file, size) > MOST_DIRECTORY_BYTES:
        raise _too_large(f"It lists more than {MOST_ENTRIES} files")
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError, struct.error) as exc:
        raise _broken() from exc


def _directory_bytes(file: BinaryIO, size: int) -> int:
    """The size of the central directory as zipfile will read it; also of zip64."""
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise _broken()
    directory: int = struct.unpack_from("<I", tail, at + 12)[0]
    locator = at - 20
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        (record,) = struct.unpack_from("<Q", tail, locator + 8)
        # zipfile looks for the record right before its locator, wherever the locator points.
        for place in {record, max(0, size - len(tail) + locator - 56)}:
            if place + 56 <= size:
                file.seek(place)
                header = file.read(56)
                if header[:4] == b"PK\x06\x06":
                    directory = max(
                        directory if directory != 0xFFFFFFFF else 0, *struct.unpack_from("<Q", header, 40)
                    )
    file.seek(0)
    return directory


def _check(entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise _too_large(f"It lists more than {MOST_ENTRIES} files")
    if sum(entry.file_size for entry in entries) > most_bytes:
        raise _too_large(f"Unpacked it has more than {most_bytes // 2**20} MB")
    for entry in entries:
        name = entry.orig_filename.replace("\\", "/")
        drive = len(name) > 1 and name[1] == ":"
        if name.startswith("/") or drive or ".." in name.split("/") or "\x00" in name:
            raise ServiceError(
                "zip_unsafe",
                "The zip has names that lead out of its folder",
                "Pack the photos anew; a zip of Moodle or Canvas has no such names.",
            )
        if entry.flag_bits & 0x1:
            raise ServiceError("zip_encrypted", "The zip is encrypted", "Pack it without a password.")


def _too_large(why: str) -> ServiceError:
    return ServiceError(
        "zip_too_large",
        f"The zip is too large. {why}",
        "Pack the photos into several zips; one after the other.",
    )


def _broken() -> ServiceError:
    return ServiceError(
        "zip_broken", "The zip is damaged or incomplete", "Download or pack it again, and send it once more."
    )
