"""The store on SQLite and on a real PostgreSQL: migrations, results, bytes, people."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from api_doubles import assessment
from postgres import Cluster, cluster
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from api.errors import ServiceError
from api.job import GradeRequest
from api.store import courses, erase, migrate, people, submissions
from api.store.blobs import Blobs, open_blobs
from api.store.engine import Database, database_url
from api.store.models import Base, Blob, Person, Result, Submission, declared_key, utc_now
from api.store.page import Slice
from api.store.scope import Caller
from assessor.errors import OptionError
from assessor.options import GradeOptions

LEASE = timedelta(minutes=1)
DOCUMENT = json.dumps(assessment(GradeRequest(b"pad", "pad.jpg", GradeOptions())).to_json())
_names = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("server").url(f"t{next(_names)}")
    found = Database(database_url(url, tmp_path))
    migrate.upgrade(found)
    yield found
    found.dispose()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return open_blobs(None, tmp_path)


@pytest.fixture
def admin(database: Database) -> Caller:
    with database.writing() as session:
        return Caller(people.add_person(session, "Admin", "admin@school.test", "admin").id, "admin")


def hand_in(database: Database, blobs: Blobs, caller: Caller, photo: bytes = b"pad") -> int:
    with database.writing() as session:
        sha256 = blobs.add(session, photo, "image/jpeg")
        values = {"person_id": caller.person_id, "blob_sha256": sha256, "file_name": "pad.jpg"}
        return submissions.add_submission(session, values).id


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file())


# --- tables


def test_migrations_make_the_tables_of_the_models(database: Database) -> None:
    assert migrate.revision(database) == migrate.newest()
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    migrate.upgrade(database)  # a second time is harmless


def test_a_database_of_the_first_version_keeps_its_rows(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    for url in (None, request.getfixturevalue("server").url(f"t{next(_names)}")):
        database = Database(database_url(url, tmp_path))
        migrate.upgrade(database, "0001")
        said = {"technique": "simple_running", "scale": {"mm_per_px": 0.1}}
        with database.engine.begin() as connection:
            connection.execute(text("INSERT INTO blob VALUES ('ab', 3, 'image/jpeg', '2026-11-20')"))
            for number, key in enumerate((declared_key(said), "of something else", ""), 1):
                connection.execute(
                    text(
                        "INSERT INTO submission (id, kind, blob_sha256, file_name, technique, scale,"
                        " created_at)"
                        " VALUES (:id, 'photo', 'ab', 'pad.jpg', :technique, :scale, '2026-11-20')"
                    ),
                    {"id": number, "technique": said["technique"], "scale": json.dumps(said["scale"])},
                )
                connection.execute(
                    text(
                        "INSERT INTO result (submission_id, software, rubric_key, declared_key,"
                        " correction_key, counts, created_at)"
                        " VALUES (:id, '1', 'r', :key, '', true, '2026-11-20')"
                    ),
                    {"id": number, "key": key},
                )
        migrate.upgrade(database)
        with database.reading() as session:
            assert session.scalars(select(Result.declared).order_by(Result.id)).all() == [said, None, None]
        database.dispose()


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(OptionError) as caught:
        migrate.upgrade(database)
    assert caught.value.code == "database_newer"


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "not a url"])
def test_a_url_that_cannot_be_used_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        database_url(url, tmp_path)
    assert caught.value.code == "bad_database_url"


def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    def fails() -> None:
        with database.writing() as session:
            people.add_person(session, "Half", None, "trainee")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    with database.reading() as session:
        assert session.query(Person).count() == 0


def test_times_keep_their_zone(database: Database, admin: Caller) -> None:
    with database.reading() as session:
        created = people.person(session, admin, admin.person_id).created_at
    assert abs(utc_now() - created) < timedelta(minutes=1)


# --- results


def test_a_result_is_there_once_and_the_last_asked_for_counts(
    database: Database, blobs: Blobs, admin: Caller
) -> None:
    number = hand_in(database, blobs, admin)
    with database.writing() as session:
        first = submissions.record_result(session, number, DOCUMENT, rubric_key="auto")
        second = submissions.record_result(session, number, DOCUMENT, rubric_key="builtin:face")
        again = submissions.record_result(session, number, DOCUMENT, rubric_key="auto")
    assert first.id == again.id != second.id
    with database.reading() as session:
        (row,) = submissions.rows(session, [number], eyes=None)
        assert row.result is not None
        assert (row.result.id, row.result.points, row.result.stitches) == (first.id, 3.0, 2)
        assert len(submissions.results(session, number)) == 2
        assert submissions.document(session, first.id) == DOCUMENT
    with pytest.raises(IntegrityError), database.writing() as session:
        session.execute(text("UPDATE result SET counts = true"))


def test_recording_at_once_makes_one_result(database: Database, blobs: Blobs, admin: Caller) -> None:
    number = hand_in(database, blobs, admin)
    start = threading.Barrier(4)
    ids: list[int] = []

    def record() -> None:
        start.wait()
        with database.writing() as session:
            ids.append(submissions.record_result(session, number, DOCUMENT, rubric_key="auto").id)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1


# --- bytes


def test_the_same_bytes_are_stored_once(
    database: Database, blobs: Blobs, admin: Caller, tmp_path: Path
) -> None:
    first, second = (hand_in(database, blobs, admin, b"same") for _ in range(2))
    assert len(files(tmp_path)) == 1
    assert erase.erase_submission(database, blobs, first).files == 0
    assert blobs.get(files(tmp_path)[0]) == b"same"
    assert erase.erase_submission(database, blobs, second).files == 1
    assert files(tmp_path) == []


def test_bytes_whose_row_never_came_are_found_and_go(
    database: Database, blobs: Blobs, admin: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = hand_in(database, blobs, admin, b"keep")

    def killed() -> None:
        with database.writing() as session:
            blobs.add(session, b"stray", "image/jpeg")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        killed()
    assert len(files(tmp_path)) == 2
    assert erase.tidy(database, blobs) == 0  # it may belong to an upload that is about to commit
    monkeypatch.setattr("api.store.blobs.STRAY_AGE", timedelta(seconds=-1))
    assert erase.tidy(database, blobs) == 1
    with database.reading() as session:
        kept = submissions.submission(session, admin, keep)
        assert files(tmp_path) == [kept.blob_sha256]
        assert session.query(Blob).count() == 1


def test_lost_bytes_come_back_with_the_next_upload(
    database: Database, blobs: Blobs, admin: Caller, tmp_path: Path
) -> None:
    hand_in(database, blobs, admin, b"pad")
    (sha256,) = files(tmp_path)
    path = tmp_path / "blobs" / sha256[:2] / sha256
    path.unlink()
    with pytest.raises(ServiceError, match="not there"):
        blobs.get(sha256)
    hand_in(database, blobs, admin, b"pad")
    assert blobs.get(sha256) == b"pad"
    path.write_bytes(b"paf")
    with pytest.raises(ServiceError) as caught:
        blobs.get(sha256)
    assert caught.value.code == "blob_damaged"


# --- people


def test_erasing_a_person_leaves_nothing_of_theirs(
    database: Database, blobs: Blobs, admin: Caller, tmp_path: Path
) -> None:
    with database.writing() as session:
        pupil = Caller(people.add_person(session, "Pupil", "pupil@school.test", "trainee").id, "trainee")
        people.add_key(session, pupil, "key", None)
    number = hand_in(database, blobs, pupil)
    with database.writing() as session:
        submissions.record_result(session, number, DOCUMENT, rubric_key="auto")
    erased = erase.erase_person(database, blobs, admin, pupil.person_id)
    assert (erased.submissions, erased.files) == (1, 1)
    assert files(tmp_path) == []
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            rows = session.execute(table.select()).all()
            assert not [row for row in rows if table.name != "person"], table.name
        assert people.people(session, admin, Slice()).total == 1


def test_the_last_admin_stays(database: Database, blobs: Blobs, admin: Caller) -> None:
    with pytest.raises(ServiceError) as caught:
        erase.erase_person(database, blobs, admin, admin.person_id)
    assert caught.value.code == "last_admin"
    with pytest.raises(ServiceError), database.writing() as session:
        people.change_person(session, session.get_one(Person, admin.person_id), {"role": "trainee"})


def test_a_link_works_once(database: Database, admin: Caller) -> None:
    with database.writing() as session:
        token = people.make_link(session, session.get_one(Person, admin.person_id))
    with database.writing() as session:
        assert people.use_link(session, token, "hash").id == admin.person_id
    with pytest.raises(ServiceError) as caught, database.writing() as session:
        people.use_link(session, token, "other")
    assert caught.value.code == "bad_link"


def test_a_rubrics_version_never_changes(database: Database, admin: Caller) -> None:
    with database.writing() as session:
        course = courses.add_course(session, admin, "knots").id
        first = courses.add_rubric(session, admin, course, "week", "1", "a = 1")
        assert courses.add_rubric(session, admin, course, "week", "1", "a = 1").id == first.id
        assert courses.add_rubric(session, admin, course, "week", "2", "a = 2").id != first.id
    with pytest.raises(ServiceError) as caught, database.writing() as session:
        courses.add_rubric(session, admin, course, "week", "1", "a = 3")
    assert caught.value.code == "version_taken"


def test_what_is_old_is_deleted_when_asked(database: Database, blobs: Blobs, admin: Caller) -> None:
    old, new = hand_in(database, blobs, admin, b"old"), hand_in(database, blobs, admin, b"new")
    with database.writing() as session:
        session.get_one(Submission, old).created_at = utc_now() - timedelta(days=400)
    assert erase.erase_older(database, blobs, 365) == erase.Erased(1, 1)
    with database.reading() as session:
        assert session.scalars(Submission.__table__.select()).all() == [new]
        assert session.query(Result).count() == 0
