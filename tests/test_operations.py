"""Backup into another kind of database, doctor, erasure, metrics, logs, and the first minute of a school."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from api_server import running
from postgres import Cluster, cluster
from school import School, school
from sqlalchemy import select

from api import operations
from api.classroom import first_admin_link
from api.settings import Settings, default_settings
from api.store import backup, people
from api.store.blobs import open_blobs
from api.store.engine import Database, database_url
from api.store.models import Base, Submission, utc_now
from assessor.errors import OptionError


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        task = found.ids["assignment"]
        number = found.hand_in("pupil", task, b"first", hand="dominant", mm_per_px="0.1")
        found.hand_in("stranger", None, b"second")
        mark = {"points": 7, "points_of": 10, "reason": "neat", "overrides": True}
        assert found.ask("teacher", "POST", f"/submissions/{number}/marks", json=mark).status_code == 201
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A data folder of its own for what the commands do."""
    monkeypatch.setenv("ASSESSOR_DATA_DIR", str(tmp_path / "data"))
    default_settings.cache_clear()
    yield tmp_path
    default_settings.cache_clear()


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.reading() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


def test_a_backup_is_restored_into_another_kind_of_database(
    room: School, server: Cluster, tmp_path: Path
) -> None:
    saved = backup.back_up(room.database, room.blobs, tmp_path / "room.zip")
    assert (tmp_path / "room.zip").stat().st_mode & 0o077 == 0
    target = Database(database_url(server.url("restored"), tmp_path))
    blobs = open_blobs(None, tmp_path)
    try:
        assert backup.restore(target, blobs, tmp_path / "room.zip") == saved
        assert rows(target) == rows(room.database)
        for sha256, *_ in rows(target)["blob"]:
            assert blobs.is_whole(str(sha256))
        # New rows get new numbers, not those that came with the backup.
        with target.writing() as session:
            assert people.add_person(session, "Later", None, "trainee").id > max(room.ids.values())
        with pytest.raises(OptionError) as caught:
            backup.restore(target, blobs, tmp_path / "room.zip")
        assert caught.value.code == "database_not_empty"
    finally:
        target.dispose()


@pytest.mark.parametrize("damage", ["cut", "rows", "photo", "none of it"])
def test_a_broken_backup_changes_nothing(room: School, empty: Path, damage: str) -> None:
    whole, broken = empty / "whole.zip", empty / "broken.zip"
    backup.back_up(room.database, room.blobs, whole)
    if damage == "cut":
        broken.write_bytes(whole.read_bytes()[:-200])
    elif damage == "none of it":
        broken.write_bytes(b"not a zip")
    else:
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(broken, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if damage == "rows" and name == "tables/submission.jsonl":
                    data = data.splitlines(keepends=True)[0]
                if damage == "photo" and name.startswith("blobs/"):
                    data = data[:-1]
                new.writestr(name, data)
    with pytest.raises(OptionError) as caught:
        operations.restore(broken)
    assert caught.value.code == "bad_backup"
    operations.restore(whole)  # so nothing was left behind


def test_the_commands_look_after_a_class_room(
    room: School, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup.back_up(room.database, room.blobs, empty / "room.zip")
    operations.restore(empty / "room.zip")
    assert operations.doctor()
    operations.backup(empty / "again.zip")
    (stored,) = (
        p for p in (empty / "data" / "blobs").rglob("*") if p.is_file() and p.read_bytes() == b"first"
    )
    stored.write_bytes(b"worst")
    capsys.readouterr()
    assert not operations.doctor()
    assert "PROBLEM  photos" in capsys.readouterr().out
    operations.erase("pupil@school.test")
    assert not stored.exists()
    with pytest.raises(OptionError) as caught:
        operations.erase("pupil@school.test")
    assert caught.value.code == "unknown_person"
    operations.tidy(1)
    assert operations.doctor()


def test_metrics_and_logs_say_nothing_of_persons(room: School, capfd: pytest.CaptureFixture[str]) -> None:
    room.ask("pupil", "GET", f"/people/{room.ids['pupil']}")
    room.ask("visitor", "GET", "/courses/1/members?secret=word")
    text = room.client.get("/metrics", headers={"authorization": f"Bearer {room.keys['admin']}"}).text
    assert 'route="/api/v1/people/{person_id}",status="200"' in text
    assert 'route="/api/v1/submissions"' in text
    assert "assessor_request_seconds_bucket" in text
    assert "secret" not in text
    assert room.client.get("/metrics").status_code == 401
    teacher = {"authorization": f"Bearer {room.keys['teacher']}"}
    assert room.client.get("/metrics", headers=teacher).status_code == 403


def test_a_log_line_is_json_without_the_words_of_an_error() -> None:
    script = (
        "import logging\n"
        "from api.telemetry import configure_logs\n"
        "configure_logs()\n"
        "logging.getLogger('x').info('request', extra={'route': '/a'})\n"
        "try:\n    raise ValueError('kim@school.test')\n"
        "except ValueError:\n    logging.getLogger('uvicorn.error').exception('broken')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    request, broken = (json.loads(line) for line in done.stderr.splitlines())
    assert (request["event"], request["route"], request["level"]) == ("request", "/a", "info")
    assert broken["stack"].endswith("ValueError")
    assert "kim@" not in done.stderr


def test_the_first_admin_comes_in_by_the_printed_link_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = first_admin_link(settings, "http://127.0.0.1/")
    link = first_admin_link(settings, "http://127.0.0.1/")
    assert first is not None
    assert link is not None
    with school(data_dir=tmp_path) as found:
        client = found.client
        welcome = {"password": "four words and more", "name": "Ada", "email": "ada@school.test"}

        def claim(printed: str, **changed: str) -> int:
            token = printed.partition("#")[2]
            return client.post("/api/v1/welcome", json={**welcome, **changed, "token": token}).status_code

        assert claim(first) == 410  # the second start's link ended it
        assert claim(link, password="short") == 422
        assert claim(link) == 200
        me = client.get("/api/v1/me").json()  # the browser is signed in
        assert (me["name"], me["role"], me["single_user"]) == ("Ada", "admin", False)
        assert claim(link) == 410
        client.post("/api/v1/logout")
        assert client.get("/api/v1/me").status_code == 401
        right = {"email": "Ada@School.test", "password": "four words and more"}
        assert client.post("/api/v1/login", json={**right, "password": "wrong"}).status_code == 401
        assert client.post("/api/v1/login", json=right).status_code == 200
        assert client.get("/api/v1/me").status_code == 200
    assert first_admin_link(settings, "") is None


def test_single_user_mode_needs_no_account(tmp_path: Path) -> None:
    with running(single_user=True, data_dir=tmp_path) as client:
        me = client.get("/api/v1/me").json()
        assert (me["single_user"], me["role"]) == (True, "admin")
        answer = client.post("/api/v1/submissions", files={"file": ("pad.jpg", b"pad")})
        assert answer.status_code == 201
    with running(single_user=True, data_dir=tmp_path) as client:  # kept over a restart
        assert client.get("/api/v1/submissions").json()["total"] == 1
        assert client.get("/api/v1/me").json()["id"] == me["id"]


def test_guessing_passwords_is_stopped(room: School) -> None:
    wrong = {"email": "guess@school.test", "password": "wrong"}
    statuses = [room.client.post("/api/v1/login", json=wrong).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "https://evil.test"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "https://behind.a.proxy"}, True),
    ],
)
def test_other_sites_pages_cannot_send(room: School, headers: dict[str, str], allowed: bool) -> None:
    answer = room.ask("pupil", "POST", "/logout", headers=headers)
    assert answer.status_code == (204 if allowed else 403)
    own = str(room.client.base_url).rstrip("/")
    assert room.ask("pupil", "POST", "/logout", headers={"origin": own}).status_code == 204


def test_grading_without_keeping_can_be_closed(tmp_path: Path) -> None:
    with school(open_grading=False) as found:
        files = {"file": ("pad.jpg", b"pad")}
        assert found.ask("visitor", "POST", "/photos", files=files).status_code == 401
        assert found.ask("pupil", "POST", "/photos", files=files).status_code == 200
        assert found.client.post("/grade", files=files).status_code == 401


def test_help_loads_nothing_of_the_service() -> None:
    script = (
        "import sys, assessor.cli; "
        "sys.exit([m for m in ('sqlalchemy', 'fastapi', 'cv2', 'numpy') if m in sys.modules] != [])"
    )
    assert subprocess.run([sys.executable, "-c", script], env=os.environ, check=False).returncode == 0


def test_a_running_service_deletes_what_is_older_than_may_be_kept(tmp_path: Path) -> None:
    with school(data_dir=tmp_path) as found:
        old, new = found.hand_in("pupil", photo=b"old"), found.hand_in("pupil", photo=b"new")
        with found.database.writing() as session:
            session.get_one(Submission, old).created_at = utc_now() - timedelta(days=31)
    with running(data_dir=tmp_path, retention_days=30) as client:
        headers = {"authorization": f"Bearer {found.keys['pupil']}"}
        for _ in range(600):  # it tidies beside its first requests
            kept = [item["id"] for item in client.get("/api/v1/submissions", headers=headers).json()["items"]]
            if kept == [new]:
                break
            time.sleep(0.1)
        assert kept == [new]
