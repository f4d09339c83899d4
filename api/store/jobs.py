"""Every query about batches and their jobs: what is graded stands here and nowhere else.

A job is claimed with a lease. Who dies with it loses it when the lease ends, and it is claimed again;
who comes back too late finds that the lease is another's and changes nothing. Claims are counted
(`tries`) and so are breakdowns that this very photo caused (`faults`); a photo at either bound has
failed, and costs nobody else anything. Jobs with fewer tries go first, so suspects are graded last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from api.errors import ServiceError, not_there
from api.store import corrections
from api.store.corrections import Correction
from api.store.insert import insert_new
from api.store.models import (
    NO_RUBRIC,
    Assignment,
    Batch,
    BatchState,
    Job,
    JobState,
    Kind,
    Result,
    Rubric,
    Submission,
    utc_now,
)
from api.store.page import Page, Slice, page_of
from api.store.scope import Caller, sees_batch

# A kill of the whole service takes all leased jobs along, guilty or not: enough for many such kills.
MOST_TRIES = 12
MOST_FAULTS = 3
OPEN: tuple[JobState, ...] = ("waiting", "leased")


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that is `owner`'s until the lease ends."""

    job_id: int
    batch_id: int
    submission_id: int
    owner: str


@dataclass(frozen=True, slots=True)
class Work:
    """A claim with what grading it needs; `rubric_toml` where the rubric is a course's own, `correction`
    where a person set points of this reading right."""

    claim: Claim
    submission: Submission
    rubric_key: str
    rubric_toml: str | None
    correction: Correction | None = None

    @property
    def correction_key(self) -> str:
        return self.correction.key if self.correction else ""


def rubric_key(session: Session, assignment: Assignment | None) -> str:
    """What identifies the rubric of a result: "auto", "builtin:NAME" or "sha256:HASH"."""
    if assignment is not None and assignment.rubric_id is not None:
        return "sha256:" + session.get_one(Rubric, assignment.rubric_id).sha256
    if assignment is not None and assignment.builtin_rubric is not None:
        return "builtin:" + assignment.builtin_rubric
    return "auto"


def add_batch(
    session: Session,
    caller: Caller,
    assignment: Assignment | None,
    submission_ids: Sequence[int],
    rubric: Rubric | str | None = None,
) -> Batch:
    """A running batch of these submissions, by `rubric` (the name of one that comes with the assessor, or
    a course's), else by the assignment's as it stands now."""
    if isinstance(rubric, Rubric):
        key, rubric_id = "sha256:" + rubric.sha256, rubric.id
    elif rubric is not None:
        key, rubric_id = "builtin:" + rubric, None
    else:
        key, rubric_id = rubric_key(session, assignment), assignment.rubric_id if assignment else None
    batch = Batch(
        assignment_id=assignment.id if assignment else None,
        created_by=caller.person_id,
        state="running",
        rubric_key=key,
        rubric_id=rubric_id,
    )
    session.add(batch)
    session.flush()
    add_jobs(session, batch.id, submission_ids)
    return batch


def add_jobs(session: Session, batch_id: int, submission_ids: Sequence[int]) -> None:
    """Put submissions into a batch; one that is in it already stays there once. A batch that was done
    goes on."""
    for submission_id in submission_ids:
        row = {"batch_id": batch_id, "submission_id": submission_id}
        insert_new(session, Job, {**row, "state": "waiting", "tries": 0, "faults": 0})
    again = update(Batch).where(Batch.id == batch_id, Batch.state == "done")
    session.execute(again.values(state="running", finished_at=None))


def batch(session: Session, caller: Caller, batch_id: int) -> Batch:
    """ServiceError not_found where the caller may not see it."""
    found = session.scalar(select(Batch).where(Batch.id == batch_id, sees_batch(caller)))
    return not_there("batch") if found is None else found


def batches(session: Session, caller: Caller, part: Slice, assignment_id: int | None = None) -> Page[Batch]:
    query = select(Batch).where(sees_batch(caller)).order_by(Batch.id.desc())
    if assignment_id is not None:
        query = query.where(Batch.assignment_id == assignment_id)
    return page_of(session, query, part)


def progress(session: Session, batch_id: int) -> dict[JobState, int]:
    """How many jobs of a batch are in each state."""
    query = select(Job.state, func.count()).where(Job.batch_id == batch_id).group_by(Job.state)
    return dict(session.execute(query).all())


def by_state(session: Session) -> dict[str, int]:
    """How many jobs there are in each state, of all batches."""
    return dict(session.execute(select(Job.state, func.count()).group_by(Job.state)).all())


def jobs(session: Session, batch_id: int, part: Slice) -> Page[Job]:
    return page_of(session, select(Job).where(Job.batch_id == batch_id).order_by(Job.id), part)


def submissions_of(session: Session, batch_id: int) -> Sequence[int]:
    """Ids of a batch's submissions, in the order in which they came."""
    return session.scalars(select(Job.submission_id).where(Job.batch_id == batch_id).order_by(Job.id)).all()


def waiting(session: Session) -> int:
    """Jobs of running batches that nobody works on."""
    query = (
        select(func.count())
        .select_from(Job)
        .join(Batch)
        .where(Batch.state == "running", Job.state == "waiting")
    )
    return session.scalar(query) or 0


# --- what the executor does; each call in a short transaction of its own


def claim(
    session: Session,
    owner: str,
    most: int,
    lease: timedelta,
    now: datetime | None = None,
    *,
    kind: Kind = "photo",
) -> list[Claim]:
    """At most `most` jobs of running batches, leased to `owner`. Several may claim at once."""
    now = now or utc_now()
    _give_up(session, now)
    free = or_(Job.state == "waiting", _lapsed(now))
    chosen = (
        select(Job.id)
        .where(free, Job.batch_id.in_(select(Batch.id).where(Batch.state == "running")))
        .where(exists().where(Submission.id == Job.submission_id, Submission.kind == kind))
        .order_by(Job.tries, Job.id)
        .limit(most)
        .with_for_update(skip_locked=True)  # SQLite has no such thing, and one writer at a time
    )
    taken = session.execute(
        update(Job)
        .where(Job.id.in_(chosen))
        .values(state="leased", lease_owner=owner, lease_until=now + lease, tries=Job.tries + 1)
        .returning(Job.id, Job.batch_id, Job.submission_id)
        .execution_options(synchronize_session=False)
    )
    return sorted((Claim(*row, owner) for row in taken), key=lambda c: c.job_id)


def anything_open(session: Session, now: datetime | None = None) -> bool:
    """Whether `claim` or `close_finished` could find something to do; only reads."""
    running = select(Batch.id).where(Batch.state == "running")
    lapsed = select(Job.id).where(_lapsed(now or utc_now()))
    return bool(session.scalar(select(or_(running.exists(), lapsed.exists()))))


def work(session: Session, claims: Sequence[Claim], software: str) -> list[Work]:
    """What is to be done for each claim, by a grader of this software."""
    query = (
        select(Job.id, Submission, Batch.rubric_key, Rubric.text_toml)
        .join(Batch, Batch.id == Job.batch_id)
        .join(Submission, Submission.id == Job.submission_id)
        .outerjoin(Rubric, Rubric.id == Batch.rubric_id)
        .where(Job.id.in_([c.job_id for c in claims]))
    )
    found = {job_id: (subject, key, toml) for job_id, subject, key, toml in session.execute(query)}
    return [_work(session, c, software, *found[c.job_id]) for c in claims if c.job_id in found]


def _work(
    session: Session, claim_: Claim, software: str, subject: Submission, key: str, toml: str | None
) -> Work:
    if subject.kind == "clip":  # measured the same whatever rubric its batch has
        return Work(claim_, subject, NO_RUBRIC, None)
    return Work(claim_, subject, key, toml, corrections.standing(session, claim_.submission_id, software))


def renew(session: Session, claims: Sequence[Claim], lease: timedelta) -> set[int]:
    """Lengthen leases; the ids of the jobs that are still their owner's."""
    return {job_id for claim_ in claims for job_id in _change(session, claim_, lease_until=utc_now() + lease)}


def finish(session: Session, claim_: Claim, result: Result) -> bool:
    """The job is done with this result (recorded in this transaction); False where the lease is lost."""
    state: JobState = "graded" if result.error_code is None else "refused"
    return bool(_end(session, claim_, state=state, result_id=result.id, error_code=result.error_code))


def fault(session: Session, claim_: Claim, code: str) -> None:
    """Grading this photo broke down with `code` (died, hung, memory): again, or failed at the bound."""
    found = session.get(Job, claim_.job_id, with_for_update=True)
    if found is None:
        return
    last = found.faults + 1 >= MOST_FAULTS
    _end(
        session,
        claim_,
        state="failed" if last else "waiting",
        faults=found.faults + 1,
        error_code=code,
    )


def release(session: Session, claims: Sequence[Claim]) -> None:
    """Give back what was claimed but not begun; the try does not count."""
    for claim_ in claims:
        _end(session, claim_, state="waiting", tries=Job.tries - 1)


def _end(session: Session, claim_: Claim, **values: object) -> list[int]:
    return _change(session, claim_, lease_owner=None, lease_until=None, **values)


def _change(session: Session, claim_: Claim, **values: object) -> list[int]:
    """Change a job if it is still leased to the claim's owner; its id, or nothing."""
    mine = and_(Job.id == claim_.job_id, Job.state == "leased", Job.lease_owner == claim_.owner)
    changed = update(Job).where(mine).values(**values).returning(Job.id)
    return list(session.scalars(changed.execution_options(synchronize_session=False)))


def _lapsed(now: datetime) -> ColumnElement[bool]:
    return and_(Job.state == "leased", Job.lease_until < now)


def _give_up(session: Session, now: datetime) -> None:
    session.execute(
        update(Job)
        .where(_lapsed(now), Job.tries >= MOST_TRIES)
        .values(state="failed", lease_owner=None, lease_until=None, error_code="grading_died")
        .execution_options(synchronize_session=False)
    )
    cancelled = select(Batch.id).where(Batch.state == "cancelled")
    session.execute(
        update(Job)
        .where(_lapsed(now), Job.batch_id.in_(cancelled))
        .values(state="cancelled", lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def close_finished(session: Session) -> list[int]:
    """Running batches without open jobs are done; their ids."""
    open_job = exists().where(Job.batch_id == Batch.id, Job.state.in_(OPEN))
    done = update(Batch).where(Batch.state == "running", ~open_job)
    values = done.values(state="done", finished_at=utc_now()).returning(Batch.id)
    return list(session.scalars(values.execution_options(synchronize_session=False)))


def set_state(session: Session, subject: Batch, state: BatchState) -> None:
    """Pause, resume or cancel; ServiceError conflict where it has ended already.

    Jobs that are being graded while a batch is paused or cancelled still bring their result home.
    """
    session.refresh(subject, with_for_update=True)
    if subject.state in ("done", "cancelled") and state != subject.state:
        raise ServiceError(
            "conflict", f"This batch is {subject.state} already", "Start another batch to grade again."
        )
    subject.state = state
    if state == "cancelled":
        subject.finished_at = utc_now()
        session.execute(
            update(Job).where(Job.batch_id == subject.id, Job.state == "waiting").values(state="cancelled")
        )
    session.flush()
