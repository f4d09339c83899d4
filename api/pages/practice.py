"""A trainee's own: one result, and how they get on."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api.ladder import READY_ROWS, READY_SHARE, ladder
from api.pages import trends
from api.pages.capture import NAMED_TECHNIQUES, SUTURE_SIZES, kits
from api.pages.render import AtDesk, Desk, OrNone, PageRoute
from api.schema import Id, Word
from api.store import corrections, motion_history, overview, practice, submissions, summaries, unseen
from api.store.models import Assignment, Person, Submission
from api.store.page import Slice
from api.store.submissions import Filter
from assessor import __version__

router = APIRouter(route_class=PageRoute, include_in_schema=False)
ON_A_PAGE = 24


@router.get("/work/{submission_id}")
def work(desk: AtDesk, submission_id: Id) -> HTMLResponse:
    """One submission: its picture and measures, what people said of it, and what can be done with it."""
    found = submissions.submission(desk.session, desk.caller, submission_id)
    row = submissions.rows(desk.session, [submission_id], eyes=desk.caller)[0]
    # Not through the course: whoever left it still sees what they handed in there.
    task = desk.session.get(Assignment, found.assignment_id) if found.assignment_id else None
    mine = found.person_id == desk.caller.person_id
    teaches = practice.judges(desk.session, desk.caller, submission_id)
    marks = submissions.marks(desk.session, [submission_id], eyes=desk.caller)
    versions = submissions.results(desk.session, submission_id)
    old = row.result is not None and row.result.software != __version__
    return desk.show(
        "work.html" if found.kind == "photo" else "clip.html",
        row=row,
        sub=found,
        task=task,
        mine=mine,
        teaches=teaches,
        # Of a clip also where an earlier result stays: it has no other way to be measured than a job.
        failed=overview.failed(desk.session, submission_id) if found.kind == "clip" else row.fault,
        being_graded=overview.being_graded(desk.session, submission_id),
        older_reading=bool(corrections.of_older_readings(desk.session, [submission_id])),
        may_correct=teaches or (mine and task is None),
        owner=_owner(desk, found, task),
        following=overview.following(desk.session, found) if teaches and task else None,
        older_counts=old and any(v.software == __version__ for v in versions),
        versions=versions,
        hidden_marks=bool(unseen.waiting_for(desk.session, desk.caller, [submission_id])),
        marks=[mark for mark in marks if teaches or mark.overrides],
        techniques=NAMED_TECHNIQUES,
        kits=kits(),
        suture_sizes=SUTURE_SIZES,
    )


def _owner(desk: Desk, found: Submission, task: Assignment | None) -> str:
    """Whose it is, as far as this caller is to know."""
    if found.person_id == desk.caller.person_id:
        return "yours"
    if task is not None and task.blind:
        return f"no. {found.id}"
    if found.person_id is None:
        return found.participant or found.file_name
    return desk.session.get_one(Person, found.person_id).name


@router.get("/progress")
def progress(
    desk: AtDesk,
    technique: Annotated[Word | None, OrNone, Query()] = None,
    task: Literal["hold", "suture"] | None = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    """History and trends of the caller."""
    me = desk.caller
    points = summaries.history(desk.session, me.person_id)
    named = trends.techniques(points)
    chosen = technique or (named[0][0] if named else None)
    clips = motion_history.history(desk.session, me.person_id)
    tasks = trends.tasks(clips)
    of_task = task or (tasks[0][0] if tasks else None)
    own = submissions.submissions(desk.session, me, Filter(person_id=me.person_id), Slice(ON_A_PAGE, offset))
    return desk.show(
        "progress.html",
        techniques=named,
        chosen=chosen,
        cards=trends.cards(points, chosen) if chosen else [],
        tasks=tasks,
        of_task=of_task,
        clip_cards=trends.clip_cards(clips, of_task) if of_task else [],
        ladder=ladder(practice.shares_by_size(desk.session, me.person_id)),
        ready=(READY_ROWS, READY_SHARE),
        rows=own.items,
        total=own.total,
        offset=offset,
        limit=ON_A_PAGE,
    )
