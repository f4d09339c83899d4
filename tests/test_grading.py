"""The grading loop against a real database and executors that break: nothing lost, nothing graded twice."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

import pytest
from api_doubles import assessment
from postgres import cluster

from api.errors import ServiceError
from api.grading import ExecutorAwayError, Grader
from api.job import GradeReply, GradeRequest
from api.store import jobs, migrate, people, submissions
from api.store.blobs import Blobs, open_blobs
from api.store.engine import Database, database_url
from api.store.models import Batch, Job, Result
from api.store.scope import Caller
from assessor import __version__
from assessor.errors import IntakeError

LEASE = timedelta(seconds=1.5)


class Desk:
    """An executor that does what `answer` says and remembers what it was asked."""

    def __init__(self, answer: Callable[[GradeRequest], GradeReply], slots: int = 2) -> None:
        self.answer, self.slots = answer, slots
        self.asked: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()

    def submit(self, request: GradeRequest) -> Future[GradeReply]:
        self.asked.append(request.photo)
        future: Future[GradeReply] = Future()

        def work() -> None:
            self.gate.wait()
            try:
                future.set_result(self.answer(request))
            except Exception as exc:
                future.set_exception(exc)

        threading.Thread(target=work, daemon=True).start()
        return future


def good(request: GradeRequest) -> GradeReply:
    return GradeReply(json.dumps(assessment(request).to_json()).encode(), b"picture")


class Room:
    def __init__(self, database: Database, blobs: Blobs) -> None:
        self.database, self.blobs = database, blobs
        with database.writing() as session:
            self.caller = Caller(people.add_person(session, "T", None, "admin").id, "admin")

    def photos(self, *photos: bytes) -> list[int]:
        with self.database.writing() as session:
            return [
                submissions.add_submission(
                    session,
                    {"blob_sha256": self.blobs.add(session, photo, "image/jpeg"), "file_name": "pad.jpg"},
                ).id
                for photo in photos
            ]

    def batch(self, ids: list[int], rubric: str | None = None) -> int:
        with self.database.writing() as session:
            return jobs.add_batch(session, self.caller, None, ids, rubric).id

    def state(self, batch: int) -> str:
        with self.database.reading() as session:
            return session.get_one(Batch, batch).state

    def jobs(self, batch: int) -> dict[str, int]:
        with self.database.reading() as session:
            return {str(k): v for k, v in jobs.progress(session, batch).items()}

    def change(self, batch: int, state: str) -> None:
        with self.database.writing() as session:
            jobs.set_state(session, session.get_one(Batch, batch), state)  # type: ignore[arg-type]

    def results(self) -> list[tuple[int, str]]:
        with self.database.reading() as session:
            return [(r.submission_id, r.rubric_key) for r in session.query(Result).order_by(Result.id)]

    def grader(self, desk: Desk, software: str = __version__) -> Grader:
        return Grader(self.database, self.blobs, desk, software=software, lease=LEASE, idle_s=0.2)

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it never came to this"
            time.sleep(0.02)

    def graded(self, batch: int, desk: Desk, software: str = __version__) -> dict[str, int]:
        """Run a grader until the batch is done; the states of its jobs."""
        grader = self.grader(desk, software)
        grader.start()
        try:
            self.until(lambda: self.state(batch) == "done")
        finally:
            grader.stop()
        return self.jobs(batch)


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[Room]:
    """A room on the embedded database."""
    database = Database(database_url(None, folder))
    migrate.upgrade(database)
    yield Room(database, open_blobs(None, folder))
    database.dispose()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with embedded(tmp_path) as found:
        yield found


def test_each_photo_once_and_a_second_batch_asks_nobody(room: Room) -> None:
    ids = room.photos(*(b"pad %d" % n for n in range(7)))
    desk = Desk(good)
    assert room.graded(room.batch(ids), desk) == {"graded": 7}
    assert sorted(desk.asked) == sorted(b"pad %d" % n for n in range(7))
    again = Desk(good)
    assert room.graded(room.batch(ids), again) == {"graded": 7}
    assert again.asked == []
    assert [id_ for id_, _ in room.results()] == sorted(ids)


def test_what_else_is_declared_is_another_grade(room: Room) -> None:
    ids = room.photos(b"pad")
    asked = []
    for technique in (None, "staples", "staples", None):
        with room.database.writing() as session:
            submissions.submission(session, room.caller, ids[0]).technique = technique
        desk = Desk(good)
        room.graded(room.batch(ids), desk)
        asked.append(len(desk.asked))
    assert asked == [1, 1, 0, 0]
    assert len(room.results()) == 2


def test_another_rubric_is_another_grade_and_the_last_one_counts(room: Room) -> None:
    ids = room.photos(b"pad")
    room.graded(room.batch(ids), Desk(good))
    desk = Desk(good)
    room.graded(room.batch(ids, "skin-pad-dense"), desk)
    assert room.results() == [(ids[0], "auto"), (ids[0], "builtin:skin-pad-dense")]
    with room.database.reading() as session:
        (row,) = submissions.rows(session, ids, eyes=None)
        assert row.result is not None
        assert row.result.rubric_key == "builtin:skin-pad-dense"
    room.graded(room.batch(ids), Desk(good))  # back to the first: that result counts again
    with room.database.reading() as session:
        (row,) = submissions.rows(session, ids, eyes=None)
        assert row.result is not None
        assert row.result.rubric_key == "auto"


def test_a_poison_photo_costs_itself_alone_after_bounded_tries(room: Room) -> None:
    def answer(request: GradeRequest) -> GradeReply:
        if request.photo == b"poison":
            raise ServiceError("grading_died", "", "")
        if request.photo == b"text":
            raise IntakeError("not_an_image", "No photo.", "Send one.")
        return good(request)

    ids = room.photos(b"poison", b"pad 1", b"text", b"pad 2")
    desk = Desk(answer)
    batch = room.batch(ids)
    assert room.graded(batch, desk) == {"failed": 1, "graded": 2, "refused": 1}
    assert desk.asked.count(b"poison") == jobs.MOST_FAULTS
    with room.database.reading() as session:
        codes = {j.submission_id: j.error_code for j in session.query(Job).filter_by(batch_id=batch)}
    assert codes == {ids[0]: "grading_died", ids[1]: None, ids[2]: "not_an_image", ids[3]: None}


def test_what_a_dead_grader_had_is_graded_by_the_next(room: Room) -> None:
    ids = room.photos(*(b"pad %d" % n for n in range(4)))
    batch = room.batch(ids)
    with room.database.writing() as session:  # one that was killed: its lease is all that is left of it
        assert len(jobs.claim(session, "dead", 3, LEASE)) == 3
    assert room.graded(batch, Desk(good)) == {"graded": 4}


def test_two_graders_share_the_work_and_grade_nothing_twice(room: Room) -> None:
    ids = room.photos(*(b"pad %d" % n for n in range(20)))
    one, two = Desk(good), Desk(good)
    other = room.grader(two)
    batch = room.batch(ids)
    other.start()
    try:
        assert room.graded(batch, one) == {"graded": 20}
    finally:
        other.stop()
    assert len(one.asked + two.asked) == len(set(one.asked + two.asked)) == 20


def test_leases_of_slow_photos_are_renewed(room: Room) -> None:
    desk, rival = Desk(good, slots=1), Desk(good, slots=1)
    desk.gate.clear()
    batch = room.batch(room.photos(b"slow"))
    grader, other = room.grader(desk), room.grader(rival)
    grader.start()
    room.until(lambda: desk.asked == [b"slow"])
    other.start()
    time.sleep(2 * LEASE.total_seconds())
    desk.gate.set()
    room.until(lambda: room.state(batch) == "done")
    grader.stop()
    other.stop()
    assert rival.asked == []


def test_pause_resume_and_cancel(room: Room) -> None:
    batch = room.batch(room.photos(*(b"pad %d" % n for n in range(11))))
    desk = Desk(good, slots=2)
    desk.gate.clear()
    grader = room.grader(desk)
    grader.start()
    try:
        room.until(lambda: len(desk.asked) == 4)  # two at work and two that wait for them
        room.change(batch, "paused")
        desk.gate.set()
        room.until(lambda: room.jobs(batch) == {"graded": 4, "waiting": 7})  # begun ones come home
        time.sleep(0.6)
        assert len(desk.asked) == 4
        desk.gate.clear()
        room.change(batch, "running")
        grader.wake()
        room.until(lambda: len(desk.asked) == 8)
        room.change(batch, "cancelled")
        desk.gate.set()
        room.until(lambda: room.jobs(batch) == {"graded": 8, "cancelled": 3})
    finally:
        grader.stop()
    with pytest.raises(ServiceError, match="cancelled already"):
        room.change(batch, "running")


def test_a_stopped_grader_gives_back_what_it_has_not_graded(room: Room) -> None:
    desk = Desk(good)
    desk.gate.clear()
    batch = room.batch(room.photos(b"pad"))
    grader = room.grader(desk)
    grader.start()
    room.until(lambda: room.jobs(batch) == {"leased": 1})
    grader.stop()
    assert room.jobs(batch) == {"waiting": 1}
    with room.database.reading() as session:
        assert session.query(Job).one().tries == 0
    desk.gate.set()


def test_an_executor_that_is_away_costs_no_photo_a_try(room: Room) -> None:
    calls = 0

    def answer(request: GradeRequest) -> GradeReply:
        nonlocal calls
        calls += 1
        if calls <= 5:
            raise ExecutorAwayError
        return good(request)

    batch = room.batch(room.photos(b"pad"))
    assert room.graded(batch, Desk(answer, slots=1)) == {"graded": 1}
    with room.database.reading() as session:
        assert (session.query(Job).one().tries, session.query(Job).one().faults) == (1, 0)


def test_a_store_without_space_is_waited_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = room.batch(room.photos(b"pad"))
    full = threading.Event()
    add = room.blobs.add

    def refuse(*args: object) -> str:
        if not full.is_set():
            full.set()
            raise ServiceError("disk_full", "", "")
        return add(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(room.blobs, "add", refuse)
    desk = Desk(good)
    assert room.graded(batch, desk) == {"graded": 1}
    assert full.is_set()
    assert desk.asked == [b"pad"]  # it was graded once and kept in hand


def test_a_photo_that_is_gone_from_the_store_fails_alone(room: Room, tmp_path: Path) -> None:
    ids = room.photos(b"gone", b"pad")
    (missing,) = [p for p in (tmp_path / "blobs").rglob("*") if p.is_file() and p.read_bytes() == b"gone"]
    missing.unlink()
    assert room.graded(room.batch(ids), Desk(good)) == {"failed": 1, "graded": 1}


def test_a_database_that_is_gone_for_a_while_loses_nothing(tmp_path: Path) -> None:
    with cluster() as server:
        database = Database(database_url(server.url("grading"), tmp_path))
        migrate.upgrade(database)
        room = Room(database, open_blobs(None, tmp_path))
        batch = room.batch(room.photos(*(b"pad %d" % n for n in range(6))))
        desk = Desk(good)
        desk.gate.clear()
        grader = room.grader(desk)
        grader.start()
        try:
            room.until(lambda: len(desk.asked) == 4)
            server.stop()
            desk.gate.set()  # four photos are graded while there is nowhere to write it
            time.sleep(2)
            server.start()
            room.until(lambda: room.state(batch) == "done")
        finally:
            grader.stop()
        assert room.jobs(batch) == {"graded": 6}
        assert len(desk.asked) == 6
        database.dispose()
