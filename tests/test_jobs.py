"""Jobs on SQLite and on a real PostgreSQL: claimed once, leased, given up, given back."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from test_store import DOCUMENT, admin, blobs, database, hand_in, server

from api.errors import ServiceError
from api.store import jobs, submissions
from api.store.blobs import Blobs
from api.store.engine import Database
from api.store.models import Job, utc_now
from api.store.scope import Caller

__all__ = ["admin", "blobs", "database", "server"]
LEASE = timedelta(minutes=1)


def batch(database: Database, blobs: Blobs, caller: Caller, size: int) -> int:
    numbers = [hand_in(database, blobs, caller) for _ in range(size)]
    with database.writing() as session:
        return jobs.add_batch(session, caller, None, numbers + numbers).id  # twice in, there once


def claim(database: Database, owner: str, most: int, later: timedelta = timedelta()) -> list[jobs.Claim]:
    with database.writing() as session:
        return jobs.claim(session, owner, most, LEASE, utc_now() + later)


def finish(database: Database, found: jobs.Claim) -> bool:
    with database.writing() as session:
        result = submissions.record_result(session, found.submission_id, DOCUMENT, rubric_key="auto")
        return jobs.finish(session, found, result)


def states(database: Database, number: int) -> dict[str, int]:
    with database.reading() as session:
        return dict(jobs.progress(session, number))


def test_claims_at_once_never_share_a_job(database: Database, blobs: Blobs, admin: Caller) -> None:
    number = batch(database, blobs, admin, 12)
    claimed: list[jobs.Claim] = []

    def work(owner: str) -> None:
        while found := claim(database, owner, 2):
            claimed.extend(found)

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(c.job_id for c in claimed) == sorted({c.job_id for c in claimed})
    assert len(claimed) == 12
    assert states(database, number) == {"leased": 12}


def test_a_lease_that_ended_is_anothers_and_the_late_one_changes_nothing(
    database: Database, blobs: Blobs, admin: Caller
) -> None:
    number = batch(database, blobs, admin, 1)
    (slow,) = claim(database, "slow", 1)
    assert claim(database, "fast", 1) == []
    (fast,) = claim(database, "fast", 1, later=2 * LEASE)
    assert fast.job_id == slow.job_id
    assert finish(database, fast)
    assert not finish(database, slow)
    assert states(database, number) == {"graded": 1}
    with database.writing() as session:
        assert jobs.close_finished(session) == [number]


def test_a_poison_photo_fails_alone_and_last(database: Database, blobs: Blobs, admin: Caller) -> None:
    number = batch(database, blobs, admin, 2)
    first = claim(database, "w", 1)[0]
    order = [first.job_id]
    with database.writing() as session:
        jobs.fault(session, first, "grading_died")
    for _ in range(jobs.MOST_FAULTS):
        (found,) = claim(database, "w", 1)
        order.append(found.job_id)
        if found.job_id == first.job_id:
            with database.writing() as session:
                jobs.fault(session, found, "grading_died")
        else:
            finish(database, found)
    assert order[1] != first.job_id  # the suspect waits for the others
    assert states(database, number) == {"graded": 1, "failed": 1}
    with database.reading() as session:
        failed = session.get_one(Job, first.job_id)
        assert (failed.faults, failed.error_code) == (jobs.MOST_FAULTS, "grading_died")


def test_what_takes_its_machine_along_is_given_up(database: Database, blobs: Blobs, admin: Caller) -> None:
    number = batch(database, blobs, admin, 1)
    for i in range(jobs.MOST_TRIES):
        assert len(claim(database, "w", 1, later=i * 2 * LEASE)) == 1
    assert claim(database, "w", 1, later=jobs.MOST_TRIES * 2 * LEASE) == []
    assert states(database, number) == {"failed": 1}


def test_what_was_not_begun_goes_back_uncounted(database: Database, blobs: Blobs, admin: Caller) -> None:
    batch(database, blobs, admin, 1)
    for _ in range(jobs.MOST_TRIES + 1):
        found = claim(database, "w", 1)
        with database.writing() as session:
            jobs.release(session, found)
    assert len(claim(database, "w", 1)) == 1


def test_renewed_leases_last(database: Database, blobs: Blobs, admin: Caller) -> None:
    batch(database, blobs, admin, 1)
    found = claim(database, "w", 1)
    with database.writing() as session:
        assert jobs.renew(session, found, 5 * LEASE) == {found[0].job_id}
    assert claim(database, "v", 1, later=2 * LEASE) == []


def test_a_paused_batch_gives_nothing_out_and_a_cancelled_one_ends(
    database: Database, blobs: Blobs, admin: Caller
) -> None:
    number = batch(database, blobs, admin, 3)
    (under_way,) = claim(database, "w", 1)

    def set_state(state: jobs.BatchState) -> None:
        with database.writing() as session:
            jobs.set_state(session, jobs.batch(session, admin, number), state)

    set_state("paused")
    assert claim(database, "w", 5) == []
    set_state("running")
    assert len(claim(database, "w", 1)) == 1
    set_state("cancelled")
    assert finish(database, under_way)
    assert states(database, number) == {"graded": 1, "leased": 1, "cancelled": 1}
    assert claim(database, "w", 5, later=2 * LEASE) == []
    assert states(database, number) == {"graded": 1, "cancelled": 2}
    with pytest.raises(ServiceError):
        set_state("running")
