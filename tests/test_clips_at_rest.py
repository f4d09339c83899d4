"""Clips with pictures, measures and tracks: backed up and back, erased, deleted by age; on disk and on S3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from school import School, school
from sqlalchemy import select
from test_operations import rows
from test_outages import hashes, s3

from api.store import backup, erase
from api.store.blobs import open_blobs
from api.store.engine import Database, database_url
from api.store.models import Batch, Mark, Result, ResultDocument, ResultMetric, Submission, utc_now

__all__ = ["s3"]
CLIP = b"clip " + bytes(range(256)) * 20_000  # more than one part of a copy


@pytest.fixture
def room(tmp_path: Path) -> Iterator[School]:
    with school(data_dir=tmp_path / "room", workers=1) as found:
        yield found


def fill(room: School) -> int:
    """A measured and marked clip for the assignment, another at home, a refused one; the first one's id."""
    number = room.hand_in_clip("pupil", room.ids["assignment"], clip=CLIP, hand="right", mm_per_px="0.1")
    mark = {"points": 7, "points_of": 10, "reason": "calm", "overrides": True}
    room.ask("teacher", "POST", f"/submissions/{number}/marks", json=mark).raise_for_status()
    room.hand_in_clip("pupil", clip=b"clip at home")
    room.hand_in_clip("stranger", clip=b"refuse this")
    return number


def stored(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs").rglob("*") if path.is_file()}


def test_clips_come_back_from_a_backup(room: School, tmp_path: Path) -> None:
    number = fill(room)
    saved = backup.back_up(room.database, room.blobs, tmp_path / "room.zip")
    assert saved.blobs == 4  # three clips; the made-up pictures of tracks are one and the same
    target, blobs = Database(database_url(None, tmp_path / "other")), open_blobs(None, tmp_path / "other")
    try:
        assert backup.restore(target, blobs, tmp_path / "room.zip") == saved
        assert rows(target) == rows(room.database)
        assert stored(tmp_path / "other") == stored(tmp_path / "room") == set(hashes(room))
        with target.reading() as session:
            subject = session.get_one(Submission, number)
            result = session.scalars(select(Result).filter_by(submission_id=number)).one()
            assert subject.motion == {"task": "suture", "hand": "right", "mm_per_px": 0.1}
            assert blobs.get(subject.blob_sha256) == CLIP
            assert blobs.get(str(result.overlay_sha256)).startswith(b"\xff\xd8")
            assert '"track"' in session.get_one(ResultDocument, result.id).document
    finally:
        target.dispose()


def test_a_clip_that_is_damaged_or_gone_is_named_and_the_rest_is_saved(room: School, tmp_path: Path) -> None:
    number = fill(room)
    with room.database.reading() as session:
        lost = session.get_one(Submission, number).blob_sha256
    path = room.blobs.place(lost)
    assert path is not None
    path.write_bytes(CLIP[:-1] + b"?")
    assert backup.back_up(room.database, room.blobs, tmp_path / "a.zip").missing == (lost,)
    path.unlink()
    saved = backup.back_up(room.database, room.blobs, tmp_path / "b.zip")
    assert (saved.blobs, saved.missing) == (3, (lost,))


def test_an_erased_person_leaves_no_clip_picture_or_track(room: School, tmp_path: Path) -> None:
    fill(room)
    erased = erase.erase_person(room.database, room.blobs, room.caller("admin"), room.ids["pupil"])
    assert erased.submissions == 2
    with room.database.reading() as session:
        (left,) = session.scalars(select(Submission))
        assert left.person_id == room.ids["stranger"]
        assert session.query(Mark).count() == session.query(ResultMetric).count() == 0
        assert session.query(Result).count() == session.query(ResultDocument).count() == 1
        assert stored(tmp_path / "room") == {left.blob_sha256}


def test_old_clips_are_deleted_with_all_that_was_made_of_them(room: School, tmp_path: Path) -> None:
    number = fill(room)
    with room.database.writing() as session:
        session.get_one(Submission, number).created_at = utc_now() - timedelta(days=31)
    assert erase.erase_older(room.database, room.blobs, 30).submissions == 1
    with room.database.reading() as session:
        assert session.get(Submission, number) is None
        assert session.query(Mark).count() == 0
        assert session.query(Batch).count() == 3
        kept = {one.blob_sha256 for one in session.scalars(select(Submission))}
        pictures = {one.overlay_sha256 for one in session.scalars(select(Result))} - {None}
    assert stored(tmp_path / "room") == kept | pictures
    assert len(kept) == 2


def test_the_same_on_s3(s3: ThreadedMotoServer, tmp_path: Path) -> None:
    blobs = open_blobs("s3://photos/school", tmp_path)
    with school(data_dir=tmp_path / "room", store_url="s3://photos/school", workers=1) as room:
        number = fill(room)
        with room.database.reading() as session:
            own = session.get_one(Submission, number).blob_sha256
        saved = backup.back_up(room.database, blobs, tmp_path / "room.zip")
        assert (saved.blobs, saved.missing) == (4, ())
        erase.erase_person(room.database, blobs, room.caller("admin"), room.ids["pupil"])
        assert not blobs.is_whole(own)
        (left,) = hashes(room)
        assert blobs.is_whole(left)
        with room.database.writing() as session:
            for one in session.scalars(select(Submission)):
                one.created_at = utc_now() - timedelta(days=31)
        assert erase.erase_older(room.database, blobs, 30).files == 1
        assert hashes(room) == []
    target = Database(database_url(None, tmp_path))
    try:
        assert backup.restore(target, blobs, tmp_path / "room.zip") == saved
        assert blobs.get(own) == CLIP
    finally:
        target.dispose()
