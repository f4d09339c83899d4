"""Handing back: the class's table and reports, the grade books of others, how well markers agree."""

from __future__ import annotations

import itertools
import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.errors import ServiceError, documented
from api.exports import clips, gradebook, report, sheet, table
from api.exports.cells import unreadable
from api.exports.gradebook import Filled
from api.schema import Id
from api.security import Reading, SignedIn, Teacher
from api.store import courses, exports, jobs, submissions, summaries, unseen
from api.store.blobs import Blobs
from api.store.exports import Graded
from api.store.models import Assignment
from api.store.scope import Caller
from api.store.summaries import ClassSummary
from assessor.agreement import BlandAltman, bland_altman, icc_2_1

router = APIRouter(tags=["exports"], responses=documented(400, 401, 403, 404, 408, 409, 413, 500, 503, 507))

Kind = Literal["grades.csv", "clips.csv", "grades.xlsx", "report.pdf", "feedback.zip"]
MEDIA: dict[Kind, str] = {
    "grades.csv": "text/csv; charset=utf-8",
    "clips.csv": "text/csv; charset=utf-8",
    "grades.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "report.pdf": "application/pdf",
    "feedback.zip": "application/zip",
}
PDF = MEDIA["report.pdf"]
CSV = "text/csv"
MOST_GRADEBOOK_BYTES = 20_000_000
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Class:
    """What is handed back together."""

    ids: Sequence[int]
    title: str
    summary: ClassSummary


class FilledOut(BaseModel):
    """What is written into a grade book, or would be."""

    kind: Literal["moodle", "canvas"]
    column: str = Field(description="header of the column that the grades go into")
    feedback_column: str | None
    filled: int
    replaced: int = Field(description="of the filled those that had another grade before")
    locked: int = Field(description="rows that take no grade: excused, not assigned, not to be changed")
    without_grade: list[int] = Field(description="submissions of students in the file that have no grade")
    not_found: list[int] = Field(description="submissions whose student is not in the file")


class IccOut(BaseModel):
    value: float
    low: float
    high: float


class PairOut(BaseModel):
    """Two who graded the same submissions, in percent of points; null where there are too few (3)."""

    first: str = Field(description='"assessor", or "marker ID"')
    second: str
    n: int
    icc: IccOut | None = Field(description="ICC(2,1) with its 95 % interval")
    bland_altman: BlandAltman | None
    points: list[tuple[int, float, float]] = Field(description="submission, first's and second's percent")


def _answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    binary = {"type": "string", "format": "binary"}
    return {200: {"description": "the file", "content": {media_type.partition(";")[0]: {"schema": binary}}}}


def _add_routes(kind: Kind) -> None:
    """The same files for a batch and for an assignment."""

    @router.get(f"/batches/{{batch_id}}/{kind}", response_class=Response, responses=_answers(MEDIA[kind]))
    def export_batch(request: Request, caller: Teacher, session: Reading, batch_id: Id) -> Response:
        """The submissions of a batch: as a table, a report of the class, or each trainee's report."""
        batch = jobs.batch(session, caller, batch_id)
        title = "Practice"
        if batch.assignment_id is not None:
            title = courses.assignment(session, caller, batch.assignment_id).title
        ids = jobs.submissions_of(session, batch_id)
        unseen.check_seen(session, caller, ids)
        found = _Class(ids, title, summaries.class_summary(session, batch_id=batch_id))
        return _export(request, session, found, kind)

    @router.get(
        f"/assignments/{{assignment_id}}/{kind}", response_class=Response, responses=_answers(MEDIA[kind])
    )
    def export_assignment(
        request: Request, caller: SignedIn, session: Reading, assignment_id: Id
    ) -> Response:
        """All submissions of an assignment, as for a batch."""
        found = courses.taught_assignment(session, caller, assignment_id)
        ids = submissions.handed_in_for(session, assignment_id)
        unseen.check_seen(session, caller, ids)
        summary = summaries.class_summary(session, assignment_id)
        return _export(request, session, _Class(ids, found.title, summary), kind)


for _kind in MEDIA:
    _add_routes(_kind)


@router.get("/submissions/{submission_id}/report.pdf", response_class=Response, responses=_answers(PDF))
def trainee_report(request: Request, caller: SignedIn, session: Reading, submission_id: Id) -> Response:
    """One submission's report."""
    subject = submissions.submission(session, caller, submission_id)
    unseen.check_seen(session, caller, [submission_id])
    own = subject.person_id == caller.person_id
    (one,) = exports.graded(session, [submission_id], names=own)
    return _file(report.trainee_pdf(one, _picture(request, one)), f"report-{submission_id}.pdf", PDF)


@router.post(
    "/assignments/{assignment_id}/gradebook",
    response_class=Response,
    responses={
        200: {"model": FilledOut, "description": "the file, filled in", "content": {CSV: {}}},
        **documented(422),
    },
)
def fill_gradebook(
    request: Request,
    caller: SignedIn,
    session: Reading,
    assignment_id: Id,
    file: Annotated[UploadFile, File(description="as Moodle or Canvas gave it")],
    column: Annotated[str | None, Form(max_length=300)] = None,
    feedback_column: Annotated[str | None, Form(max_length=300)] = None,
    feedback: Annotated[bool, Form()] = True,
) -> Response:
    """A grading worksheet of Moodle or a grade book of Canvas, filled in; every other byte as it was. With
    `Accept: application/json` what would be written."""
    found = courses.taught_assignment(session, caller, assignment_id)
    if (file.size or 0) > MOST_GRADEBOOK_BYTES:
        raise unreadable(f"it has more than {MOST_GRADEBOOK_BYTES // 1_000_000} MB")
    ids = submissions.handed_in_for(session, assignment_id)
    unseen.check_seen(session, caller, ids)
    filled = gradebook.fill(
        file.file.read(),
        gradebook.entries(exports.graded(session, ids, names=True)),
        found.title,
        column=column or None,
        feedback_column=feedback_column or None,
        feedback=feedback,
    )
    if request.headers.get("accept", "").startswith("application/json"):
        return Response(_told(filled).model_dump_json(), media_type="application/json")
    return _file(filled.data, f"{filled.kind}-grades.csv", MEDIA["grades.csv"])


@router.get("/assignments/{assignment_id}/agreement")
def agreement(caller: SignedIn, session: Reading, assignment_id: Id) -> list[PairOut]:
    """The assessor against each second marker, and markers against each other; overrides are no second
    opinions and are left out, and so are marks that the caller may not see yet."""
    found = courses.taught_assignment(session, caller, assignment_id)
    by_marker = _shares(session, caller, found)
    return [_pair(first, second, by_marker) for first, second in itertools.combinations(by_marker, 2)]


def _export(request: Request, session: Session, found: _Class, kind: Kind) -> Response:
    graded = exports.graded(session, found.ids)
    if kind == "feedback.zip":
        return _feedback_zip(request, graded)
    if kind == "grades.csv":
        data = table.to_csv(graded)
    elif kind == "clips.csv":
        data = clips.to_csv(graded)
    elif kind == "grades.xlsx":
        data = sheet.to_xlsx(graded, found.summary, found.title)
    else:
        data = report.class_pdf(graded, found.summary, found.title)
    return _file(data, kind, MEDIA[kind])


def _file(data: bytes, name: str, media_type: str) -> Response:
    return Response(data, media_type=media_type, headers=_attachment(name))


def _attachment(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


def _feedback_zip(request: Request, graded: Iterator[Graded]) -> Response:
    """Named as Moodle takes feedback files back; on disk while it grows."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  closed when it was sent
    try:
        with zipfile.ZipFile(file, "w") as archive:  # PDFs do not shrink
            for one in graded:
                archive.writestr(_feedback_name(one), report.trainee_pdf(one, _picture(request, one)))
        file.seek(0)
    except BaseException:
        file.close()
        raise

    def chunks() -> Iterator[bytes]:
        with file:
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")

    return StreamingResponse(chunks(), media_type=MEDIA["feedback.zip"], headers=_attachment("feedback.zip"))


def _feedback_name(one: Graded) -> str:
    name = re.sub(r'[_/\\:*?"<>|\x00-\x1f]+', " ", one.name).strip(" .") or "trainee"
    number = one.row.submission.participant_id
    if number is None:
        return f"{name}/feedback-{one.row.submission.id}.pdf"
    shown = "Participant" if one.blind else name
    return f"{shown}_{number}_assignsubmission_file_/feedback-{one.row.submission.id}.pdf"


def _picture(request: Request, one: Graded) -> bytes | None:
    """The overlay; a report without it is better than none."""
    blobs: Blobs = request.app.state.blobs
    sha256 = one.row.result.overlay_sha256 if one.row.result else None
    try:
        return blobs.get(sha256) if sha256 else None
    except ServiceError as exc:
        if exc.code in ("blob_missing", "blob_damaged"):
            return None
        raise


def _told(filled: Filled) -> FilledOut:
    return FilledOut(**{name: getattr(filled, name) for name in FilledOut.model_fields})


def _shares(session: Session, caller: Caller, found: Assignment) -> dict[str, dict[int, float]]:
    """Percent of points by who graded and submission; a marker's last opinion counts, where marking is unseen
    the first: the others may have been given in sight of each other."""
    shares = summaries.shares_of(session, found.id)
    by_marker = {"assessor": {id_: 100 * share for id_, share in shares.items()}}
    for mark in exports.marks_of(session, caller, found.id):
        if not mark.overrides and mark.marker_id is not None:
            opinions = by_marker.setdefault(f"marker {mark.marker_id}", {})
            if not (found.unseen and mark.submission_id in opinions):
                opinions[mark.submission_id] = 100 * mark.points / mark.points_of
    return by_marker


def _pair(first: str, second: str, by_marker: dict[str, dict[int, float]]) -> PairOut:
    a, b = by_marker[first], by_marker[second]
    points = [(id_, a[id_], b[id_]) for id_ in sorted(a.keys() & b.keys())]
    icc = icc_2_1([pair[1:] for pair in points]) if points else None
    limits = bland_altman([p[1] for p in points], [p[2] for p in points])
    return PairOut(
        first=first,
        second=second,
        n=len(points),
        icc=IccOut(value=icc.value, low=icc.low, high=icc.high) if icc else None,
        bland_altman=limits,
        points=points,
    )
