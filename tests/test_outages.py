"""A disk that is full, a database that is gone, a store of photos that is elsewhere or away."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from postgres import cluster
from school import School, school

from api.errors import ServiceError
from api.store.blobs import Blobs, open_blobs

PHOTO = {"file": ("pad.jpg", b"pad")}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight megabytes of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that leaves no byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    return filler


def code(room: School, method: str, path: str, **kwargs: object) -> tuple[int, str | None]:
    answer = room.ask("pupil", method, path, **kwargs)
    document = answer.json()
    if answer.status_code >= 400:
        assert document["hint"]
    return answer.status_code, document.get("code")


def test_a_full_disk_refuses_what_it_cannot_keep_and_recovers(small_disk: Path) -> None:
    with school(data_dir=small_disk) as room:
        before = room.hand_in("pupil", photo=b"before")
        filler = fill(small_disk)
        for photo in (b"during", bytes(300_000)):
            answer = room.ask("pupil", "POST", "/submissions", files={"file": ("pad.jpg", photo)})
            assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
            assert answer.json()["hint"]
        assert code(room, "POST", "/keys", json={"name": "script"})[0] in (201, 507)  # it may still fit
        assert code(room, "GET", f"/submissions/{before}") == (200, None)
        assert room.client.get("/api/v1/health").status_code == 200
        filler.unlink()
        after = room.hand_in("pupil", photo=b"after")
        listed = room.ask("pupil", "GET", "/submissions").json()
        assert [item["id"] for item in listed["items"]] == [after, before]
        assert all(
            room.ask("pupil", "GET", f"/submissions/{n}/overlay.jpg").is_success for n in (before, after)
        )


def test_a_database_that_is_gone_is_named_and_waited_for(tmp_path: Path) -> None:
    with cluster() as server, school(database_url=server.url("room")) as room:
        before = room.hand_in("pupil")
        server.stop()
        for method, path, sent in (
            ("GET", "/submissions", {}),
            ("POST", "/submissions", {"files": PHOTO}),
            ("POST", "/keys", {"json": {"name": "script"}}),
            ("GET", "/health", {}),
        ):
            answer = room.ask("pupil", method, path, **sent)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (503, "database_away"), (method, path)
            assert answer.json()["hint"]
            assert int(answer.headers["retry-after"]) > 0
        # What needs no database goes on for visitors.
        assert room.client.post("/api/v1/photos", files=PHOTO).status_code == 200
        server.start()
        assert code(room, "GET", "/health") == (200, None)
        assert room.hand_in("pupil") > before
        assert room.ask("pupil", "GET", "/submissions").json()["total"] == 2


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "ENDPOINT_URL": f"http://{host}:{port}",
        "ALLOW_HTTP": "true",
        "ACCESS_KEY_ID": "test",
        "SECRET_ACCESS_KEY": "test",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    import boto3

    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="photos")
    yield server
    with contextlib.suppress(Exception):
        server.stop()


def test_photos_on_s3(s3: ThreadedMotoServer, tmp_path: Path) -> None:
    blobs = open_blobs("s3://photos/school", tmp_path)
    blobs.check()
    with school(data_dir=tmp_path, store_url="s3://photos/school") as room:
        number = room.hand_in("pupil", photo=b"one photo")
        assert room.ask("pupil", "GET", f"/submissions/{number}/overlay.jpg").content.startswith(b"\xff\xd8")
        assert not (tmp_path / "blobs").exists()
        stored = hashes(room)
        assert all(blobs.is_whole(sha256) for sha256 in stored)
        assert room.ask("pupil", "DELETE", f"/submissions/{number}").status_code == 204
        assert not any(blobs.is_whole(sha256) for sha256 in stored)
        room.hand_in("pupil", photo=b"one photo")
        s3.stop()
        answer = room.ask("pupil", "POST", "/submissions", files=PHOTO)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_away")
        assert room.ask("pupil", "GET", "/submissions").json()["total"] == 1


def test_a_clip_on_s3(s3: ThreadedMotoServer, tmp_path: Path) -> None:
    with school(data_dir=tmp_path, store_url="s3://photos/school", workers=1) as room:
        number = room.hand_in_clip("pupil", clip=b"clip 0123456789")
        assert room.ask("pupil", "GET", f"/submissions/{number}").json()["state"] == "graded"
        for asked, status, content in (
            ("", 200, b"clip 0123456789"),
            ("bytes=5-8", 206, b"0123"),
            ("bytes=13-", 206, b"89"),
            ("bytes=-3", 206, b"789"),
            ("bytes=10-999", 206, b"56789"),
            ("bytes=0-1,3-4", 200, b"clip 0123456789"),
            ("bytes=15-", 416, b""),
        ):
            part = room.ask("pupil", "GET", f"/submissions/{number}/clip", headers={"range": asked})
            assert (part.status_code, part.content) == (status, content), asked
        assert not (tmp_path / "blobs").exists()
        stored = hashes(room)
        assert room.ask("pupil", "DELETE", f"/submissions/{number}").status_code == 204
        blobs = open_blobs("s3://photos/school", tmp_path)
        assert not any(blobs.is_whole(sha256) for sha256 in stored)


def hashes(room: School) -> list[str]:
    from api.store.models import Blob

    with room.database.reading() as session:
        return [blob.sha256 for blob in session.query(Blob)]


def test_a_folder_of_photos_that_cannot_be_read_is_away(tmp_path: Path) -> None:
    blobs: Blobs = open_blobs(None, tmp_path)
    (tmp_path / "blobs").write_bytes(b"no folder")
    with pytest.raises(ServiceError) as caught:
        blobs.check()
    assert caught.value.code == "storage_away"
