"""One assignment: a trainee hands in here, an instructor grades the class."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api.pages.render import AtDesk, Desk, OrNone, PageRoute
from api.schema import Id, Word
from api.store import corrections, courses, jobs, motion_history, overview, submissions, summaries
from api.store.models import Assignment, Batch, JobState, Kind, Person
from api.store.motion_digest import HANDS
from api.store.page import Slice
from api.store.submissions import Filter, Order, Row, State
from assessor.photo.validity import METRICS
from assessor.results import TECHNIQUES

router = APIRouter(route_class=PageRoute, include_in_schema=False)
ON_A_PAGE = 50
BATCHES_SHOWN = 3


# A class's clips beside each other: what does not depend on how large a picture was.
_OF_CLIPS = tuple(
    f"{hand}.{name}" for hand in HANDS for name in ("tremor_rms_um", "path_length_mm", "sparc", "zone_share")
)


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: Batch
    states: dict[JobState, int]

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def done(self) -> int:
        return self.total - sum(self.states.get(state, 0) for state in ("waiting", "leased", "cancelled"))

    @property
    def failed(self) -> int:
        return self.states.get("refused", 0) + self.states.get("failed", 0)


@dataclass(frozen=True, slots=True)
class Strip:
    """A distribution in per cent of its own width, for a box plot."""

    name: str
    n: int
    low: float
    q1: float
    median: float
    q3: float
    high: float

    def at(self, value: float) -> float:
        return 100 * (value - self.low) / ((self.high - self.low) or 1)


@router.get("/assignments/{assignment_id}")
def assignment(
    desk: AtDesk,
    assignment_id: Id,
    state: Annotated[State | None, OrNone, Query()] = None,
    kind: Annotated[Kind | None, OrNone, Query()] = None,
    technique: Annotated[Word | None, OrNone, Query()] = None,
    hint: Annotated[Word | None, OrNone, Query()] = None,
    order: Order = "outliers",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    task = courses.assignment(desk.session, desk.caller, assignment_id)
    course = courses.course(desk.session, desk.caller, task.course_id)
    if not overview.teaches(desk.session, desk.caller, course.id):
        return _to_hand_in(desk, task, course.name)
    wanted = Filter(assignment_id=task.id, kind=kind, technique=technique, state=state, hint=hint)
    found = submissions.submissions(desk.session, desk.caller, wanted, Slice(ON_A_PAGE, offset), order)
    values = {
        "task": task,
        "course": course,
        "rows": found.items,
        "names": _names(desk, task, found.items),
        "outdated": overview.outdated(desk.session, task),
        "older": corrections.of_older_readings(desk.session, [row.submission.id for row in found.items]),
        "opinions": overview.opinions(desk.session, [row.submission.id for row in found.items]),
        "measures": motion_history.metrics_of(
            desk.session,
            [row.result.id for row in found.items if row.result and row.submission.kind == "clip"],
        ),
        "counts": overview.counts(desk.session, [task.id])[task.id],
        "total": found.total,
        "offset": offset,
        "limit": ON_A_PAGE,
        "wanted": {"kind": kind, "state": state, "technique": technique, "hint": hint, "order": order},
    }
    if desk.partial:
        return desk.show("rows.html", **values)
    summary = summaries.class_summary(desk.session, task.id)
    return desk.show(
        "grading.html",
        **values,
        mixed=overview.has_clips(desk.session, task.id),
        techniques=TECHNIQUES,
        hints=sorted(summary.hints.items(), key=lambda item: -item[1]),
        batches=_batches(desk, task.id),
        again=False,
        max_batch_mb=desk.settings.max_batch_mb,
    )


def _to_hand_in(desk: Desk, task: Assignment, course: str) -> HTMLResponse:
    wanted = Filter(assignment_id=task.id, person_id=desk.caller.person_id)
    own = submissions.submissions(desk.session, desk.caller, wanted, Slice(ON_A_PAGE))
    return desk.show("task.html", task=task, course=course, rows=own.items)


def _names(desk: Desk, task: Assignment, rows: Sequence[Row]) -> dict[int, str]:
    """Whose each is, as far as the marker is to know."""
    if task.blind:
        return {row.submission.id: f"No. {row.submission.id}" for row in rows}
    numbers = {row.submission.person_id for row in rows} - {None}
    people = {number: desk.session.get_one(Person, number).name for number in numbers}
    return {
        row.submission.id: people.get(row.submission.person_id)
        or row.submission.participant
        or row.submission.file_name
        for row in rows
    }


@router.get("/assignments/{assignment_id}/batches")
def batches(desk: AtDesk, assignment_id: Id) -> HTMLResponse:
    """The progress bars alone: asked again and again while something is being graded."""
    task = courses.taught_assignment(desk.session, desk.caller, assignment_id)
    return desk.show("batches.html", task=task, batches=_batches(desk, task.id), again=True)


def _batches(desk: Desk, assignment_id: int) -> list[BatchView]:
    found = jobs.batches(desk.session, desk.caller, Slice(BATCHES_SHOWN), assignment_id)
    return [BatchView(batch, jobs.progress(desk.session, batch.id)) for batch in found.items]


@router.get("/assignments/{assignment_id}/class")
def summary(desk: AtDesk, assignment_id: Id) -> HTMLResponse:
    """How the class did: distributions, commonest faults, refusals."""
    task = courses.taught_assignment(desk.session, desk.caller, assignment_id)
    found = summaries.class_summary(desk.session, task.id)
    return desk.show(
        "class.html",
        task=task,
        counts=overview.counts(desk.session, [task.id])[task.id],
        share=_strip("points", found.shares),
        # Pixels of one photo are not those of another.
        strips=[s for name in (*METRICS, *_OF_CLIPS) if (s := _strip(name, found.metrics.get(name, [])))],
        hints=sorted(found.hints.items(), key=lambda item: -item[1]),
        unread=[
            (state, code, count)
            for state, counted in (("refused", found.refusals), ("failed", found.failures))
            for code, count in sorted(counted.items(), key=lambda item: -item[1])
        ],
    )


def _strip(name: str, values: list[float]) -> Strip | None:
    if len(values) < 2:
        return None
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return Strip(name, len(values), min(values), q1, median, q3, max(values))


@router.get("/assignments/{assignment_id}/agreement")
def agreement(desk: AtDesk, assignment_id: Id) -> HTMLResponse:
    """How well assessor and markers agree; the figures come from the API."""
    task = courses.taught_assignment(desk.session, desk.caller, assignment_id)
    return desk.show("agreement.html", task=task, markers=overview.markers(desk.session, task.id))


@router.get("/assignments/{assignment_id}/hand-back")
def hand_back(desk: AtDesk, assignment_id: Id) -> HTMLResponse:
    task = courses.taught_assignment(desk.session, desk.caller, assignment_id)
    counts = overview.counts(desk.session, [task.id])[task.id]
    outdated = overview.outdated(desk.session, task)
    clips = overview.has_clips(desk.session, task.id)
    return desk.show("hand-back.html", task=task, counts=counts, outdated=outdated, clips=clips)
