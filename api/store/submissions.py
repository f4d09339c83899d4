"""Every query about what was handed in, what the assessor says of it and what people say of that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from api.errors import ServiceError, not_there
from api.store import unseen
from api.store.digest import digest
from api.store.fate import Fate, ended, fates_of
from api.store.insert import insert_new
from api.store.models import (
    DECLARED,
    Assignment,
    Kind,
    Mark,
    Result,
    ResultDocument,
    ResultHint,
    ResultMetric,
    Submission,
    declared_key,
    utc_now,
)
from api.store.page import Page, Slice, count
from api.store.scope import Caller, judges_submission, sees_submission

State = Literal["waiting", "graded", "refused", "failed", "cancelled"]
Order = Literal["newest", "oldest", "lowest", "highest", "outliers"]


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the submissions that a caller may see is wanted; None: whatever."""

    assignment_id: int | None = None
    person_id: int | None = None
    kind: Kind | None = None
    technique: str | None = None
    state: State | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A submission with the result that counts and the mark that overrides it, if there are any.

    `blind`: who judges it is not to know whose it is. `fate`, `fault`: where there is no result for good,
    what became of it and the code of what broke.
    """

    submission: Submission
    result: Result | None
    override: Mark | None
    blind: bool = False
    fate: Fate | None = None
    fault: str | None = None

    @property
    def state(self) -> State:
        if self.result is None:
            return self.fate or "waiting"
        return "graded" if self.result.error_code is None else "refused"

    @property
    def error_code(self) -> str | None:
        """Why it was refused or has failed."""
        return self.fault if self.result is None else self.result.error_code

    @property
    def redeclared(self) -> dict[str, tuple[Any, Any]]:
        """What is declared otherwise since the result that counts was graded: column -> (then, now)."""
        if self.result is None:
            return {}
        return redeclared(self.result.declared or {}, self.submission.declared)


def redeclared(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Of two declarations what differs: column -> (then, now)."""
    names = [name for name in (*DECLARED, "scale", "motion") if then.get(name) != now.get(name)]
    return {name: (then.get(name), now.get(name)) for name in names}


def add_submission(session: Session, values: dict[str, Any]) -> Submission:
    """`values`: fields of Submission; the blob is stored before, in this transaction."""
    new = Submission(**values)
    session.add(new)
    session.flush()
    return new


def same_submission(session: Session, values: dict[str, Any]) -> int | None:
    """A submission of the same photo by the same hand for the same assignment; its id, if there is one."""
    columns = ("blob_sha256", "assignment_id", "person_id", "participant", "participant_id")
    return session.scalar(select(Submission.id).filter_by(**{c: values[c] for c in columns}).limit(1))


def declare(session: Session, submission_id: int, values: Mapping[str, Any]) -> None:
    """Declare otherwise what is graded from now on."""
    if values:
        session.execute(update(Submission).where(Submission.id == submission_id).values(**values))


def handed_in_for(session: Session, assignment_id: int) -> Sequence[int]:
    """Ids of all photos and clips handed in for an assignment."""
    query = select(Submission.id).where(Submission.assignment_id == assignment_id)
    return session.scalars(query.order_by(Submission.id)).all()


def submission(session: Session, caller: Caller, submission_id: int) -> Submission:
    """ServiceError not_found where the caller may not see it."""
    query = select(Submission).where(Submission.id == submission_id, sees_submission(caller))
    found = session.scalar(query)
    return not_there("submission") if found is None else found


def judged_submission(session: Session, caller: Caller, submission_id: int) -> Submission:
    """A submission the caller may mark or regrade; ServiceError not_found, not_allowed."""
    found = submission(session, caller, submission_id)
    if session.scalar(select(Submission.id).where(Submission.id == found.id, judges_submission(caller))):
        return found
    raise ServiceError("not_allowed", "Only who teaches the course can do this", "Ask your instructor.")


def submissions(
    session: Session, caller: Caller, wanted: Filter, part: Slice, order: Order = "newest"
) -> Page[Row]:
    query = select(Submission.id).where(sees_submission(caller))
    by_result = wanted.state or wanted.technique or wanted.hint
    if by_result:
        query = query.outerjoin(Result, counting())
    query = _filtered(query, wanted)
    if wanted.person_id not in (None, caller.person_id):  # to ask whose it is would be to know it
        query = query.where(~exists().where(Assignment.id == Submission.assignment_id, Assignment.blind))
    total = count(session, query)
    if not by_result and order in ("lowest", "highest", "outliers"):  # how many there are needs no result
        query = query.outerjoin(Result, counting())
    ids = session.scalars(_ordered(query, order).limit(part.limit).offset(part.offset)).all()
    return Page(rows(session, ids, eyes=caller), total)


def rows(session: Session, ids: Sequence[int], *, eyes: Caller | None) -> list[Row]:
    """The submissions of these ids, in their order, as `eyes` may see them: without overrides that are unseen
    yet. None: with all."""
    found = session.execute(
        select(Submission, Result, Assignment.blind)
        .outerjoin(Result, counting())
        .outerjoin(Assignment, Assignment.id == Submission.assignment_id)
        .where(Submission.id.in_(ids))
    )
    by_id = {s.id: (s, r, bool(blind)) for s, r, blind in found}
    overrides = {
        mark.submission_id: mark  # the last one of each stays
        for mark in session.scalars(
            select(Mark).where(Mark.submission_id.in_(ids), Mark.overrides, _seen(eyes)).order_by(Mark.id)
        )
    }
    fates = fates_of(session, [id_ for id_, (_, result, _) in by_id.items() if result is None])
    wanted = [(*by_id[id_], overrides.get(id_), fates.get(id_, (None, None))) for id_ in ids if id_ in by_id]
    return [Row(subject, result, override, blind, *fate) for subject, result, blind, override, fate in wanted]


def drop_submission(session: Session, subject: Submission) -> list[str]:
    """Delete it with its results and marks; the hashes whose bytes may now be unused."""
    hashes = blob_hashes(session, Submission.id == subject.id)
    session.execute(delete(Submission).where(Submission.id == subject.id))
    return hashes


def blob_hashes(session: Session, condition: ColumnElement[bool]) -> list[str]:
    """Hashes of what the submissions of `condition` (on Submission) refer to."""
    photos = select(Submission.blob_sha256).where(condition)
    overlays = (
        select(Result.overlay_sha256)
        .join(Submission, Submission.id == Result.submission_id)
        .where(condition, Result.overlay_sha256.is_not(None))
    )
    return [sha256 for sha256 in session.scalars(photos.union(overlays)) if sha256]


def counting() -> ColumnElement[bool]:
    """To join a submission with the result that counts."""
    return and_(Result.submission_id == Submission.id, Result.counts)


def _filtered(query: Select[int], wanted: Filter) -> Select[int]:
    if wanted.assignment_id is not None:
        query = query.where(Submission.assignment_id == wanted.assignment_id)
    if wanted.person_id is not None:
        query = query.where(Submission.person_id == wanted.person_id)
    if wanted.kind is not None:
        query = query.where(Submission.kind == wanted.kind)
    if wanted.technique is not None:
        query = query.where(Result.technique == wanted.technique)
    if wanted.hint is not None:
        query = query.where(exists().where(ResultHint.result_id == Result.id, ResultHint.code == wanted.hint))
    match wanted.state:
        case "waiting":
            query = query.where(Result.id.is_(None), ended("failed", "cancelled").is_not(True))
        case "failed" | "cancelled":
            query = query.where(Result.id.is_(None), ended(wanted.state))
        case "graded":
            query = query.where(Result.id.is_not(None), Result.error_code.is_(None))
        case "refused":
            query = query.where(Result.error_code.is_not(None))
    return query


def _ordered(query: Select[int], order: Order) -> Select[int]:
    share = Result.points / func.nullif(Result.points_of, 0)
    match order:
        case "newest":
            return query.order_by(Submission.id.desc())
        case "oldest":
            return query.order_by(Submission.id)
        case "lowest":  # what has no score stands last either way
            return query.order_by(share.is_(None), share, Submission.id)
        case "highest":
            return query.order_by(share.is_(None), share.desc(), Submission.id)
        case "outliers":  # refused or failed, without a score, then by the distance from the mean of the list
            far = func.abs(share - func.avg(share).over())
            fine = and_(
                Result.error_code.is_(None), or_(Result.id.is_not(None), ended("failed").is_not(True))
            )
            return query.order_by(fine, share.is_not(None), far.desc(), Submission.id)


# --- results


def record_result(
    session: Session,
    submission_id: int,
    document: str,
    *,
    rubric_key: str,
    declared: Mapping[str, Any] | None = None,
    correction_key: str = "",
    corrected_by: int | None = None,
    overlay_sha256: str | None = None,
) -> Result:
    """Keep an assessment (JSON text) as the result that counts; `declared`: as `Submission.declared` was.

    Once for each (submission, software, rubric, what was declared, correction): a second time gives the
    first result back, unchanged. ServiceError not_found where the submission was deleted meanwhile.
    """
    locked = select(Submission.id).where(Submission.id == submission_id).with_for_update()
    if session.scalar(locked) is None:
        not_there("submission")
    content = json.loads(document)
    found = digest(content)
    key = {
        "submission_id": submission_id,
        "software": content["software_version"],
        "rubric_key": rubric_key,
        "declared_key": declared_key(declared or {}),
        "correction_key": correction_key,
    }
    columns = ("error_code", "technique", "stitches", "points", "points_of", "coverage")
    new_id = insert_new(
        session,
        Result,
        {
            **key,
            **{column: getattr(found, column) for column in columns},
            "declared": dict(declared) if declared else None,
            "counts": False,
            "corrected_by": corrected_by,
            "overlay_sha256": overlay_sha256,
            "created_at": utc_now(),
        },
    )
    if new_id is not None:
        session.execute(insert(ResultDocument).values(result_id=new_id, document=document))
        if found.metrics:
            session.execute(
                insert(ResultMetric),
                [
                    {
                        "result_id": new_id,
                        "name": m.name,
                        "status": m.status,
                        "value": m.value,
                        "sd": m.sd,
                        "sampling_sd": m.sampling_sd,
                    }
                    for m in found.metrics
                ],
            )
        if found.hints:
            session.execute(insert(ResultHint), [{"result_id": new_id, "code": c} for c in found.hints])
    result = session.scalars(select(Result).filter_by(**key)).one()
    _let_count(session, result)
    return result


def earlier_result(
    session: Session, subject: Submission, software: str, rubric_key: str, correction_key: str = ""
) -> Result | None:
    """The result that is there already, which then counts; None where it is yet to be graded as `subject`
    declares, with the correction that holds."""
    locked = select(Submission.id).where(Submission.id == subject.id).with_for_update()
    if session.scalar(locked) is None:
        return None
    key = {
        "submission_id": subject.id,
        "software": software,
        "rubric_key": rubric_key,
        "declared_key": declared_key(subject.declared),
        "correction_key": correction_key,
    }
    result = session.scalar(select(Result).filter_by(**key))
    if result is not None:
        _let_count(session, result)
    return result


def choose_result(session: Session, submission_id: int, result_id: int) -> None:
    """Let one of a submission's results count, whatever counted before; ServiceError not_found."""
    session.execute(select(Submission.id).where(Submission.id == submission_id).with_for_update())
    result = session.scalar(select(Result).filter_by(id=result_id, submission_id=submission_id))
    _let_count(session, result if result is not None else not_there("such result of this submission"))


def _let_count(session: Session, result: Result) -> None:
    """Of a locked submission's results let this one count."""
    others = and_(Result.submission_id == result.submission_id, Result.counts, Result.id != result.id)
    session.execute(update(Result).where(others).values(counts=False))
    session.execute(update(Result).where(Result.id == result.id).values(counts=True))
    session.refresh(result)


def document(session: Session, result_id: int) -> str:
    return session.get_one(ResultDocument, result_id).document


def results(session: Session, submission_id: int) -> Sequence[Result]:
    """All results of a submission, the oldest first."""
    return session.scalars(
        select(Result).where(Result.submission_id == submission_id).order_by(Result.id)
    ).all()


# --- marks


def add_mark(
    session: Session,
    caller: Caller,
    submission_id: int,
    *,
    points: float,
    points_of: float,
    reason: str,
    overrides: bool,
) -> Mark:
    mark = Mark(
        submission_id=submission_id,
        marker_id=caller.person_id,
        points=points,
        points_of=points_of,
        reason=reason,
        overrides=overrides,
    )
    session.add(mark)
    session.flush()
    return mark


def marks(session: Session, submission_ids: Sequence[int], *, eyes: Caller | None) -> Sequence[Mark]:
    """All marks of these submissions that `eyes` may see (None: all), the oldest first."""
    query = select(Mark).where(Mark.submission_id.in_(submission_ids), _seen(eyes))
    return session.scalars(query.order_by(Mark.id)).all()


def _seen(eyes: Caller | None) -> ColumnElement[bool]:
    return true() if eyes is None else ~unseen.hidden(eyes)
