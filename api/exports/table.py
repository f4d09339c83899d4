"""The class's table: a row a submission, as CSV."""

from __future__ import annotations

from collections.abc import Iterable

from api.broken import why
from api.store.digest import main_wound
from api.store.exports import Graded
from assessor.report import tables
from assessor.report.tables import Cell

_TAKEN = ("photo", "result", "wound", "state", "points", "points_of")
COLUMNS = (
    "submission",
    "participant",
    "participant_id",
    "email",
    "file",
    "kind",
    "state",
    "points",
    "points_of",
    "percent",
    "override_reason",
    "assessor_points",
    "assessor_points_of",
    *(column for column in tables.COLUMNS if column not in _TAKEN),
)


def row(one: Graded) -> dict[str, Cell]:
    """What a submission is in every table; of the wound that its grade is about."""
    subject, result, mark = one.row.submission, one.row.result, one.row.override
    cells: dict[str, Cell] = {}
    if one.document is None or subject.kind == "clip":  # a clip's measures: exports/clips.py
        cells = {**refusal(one), "sha256": subject.blob_sha256}
    else:
        found = tables.rows(one.document, photo="", name="")
        cells = {k: v for k, v in found[main_wound(one.document) or 0].items() if k not in _TAKEN}
        cells["sha256"] = subject.blob_sha256
    points = one.points
    return (
        cells
        | whose(one)
        | {
            "kind": subject.kind,
            "points": points[0] if points else None,
            "points_of": points[1] if points else None,
            "percent": 100 * points[0] / points[1] if points else None,
            "override_reason": mark.reason if mark else None,
            "assessor_points": result.points if result else None,
            "assessor_points_of": result.points_of if result else None,
        }
    )


def whose(one: Graded) -> dict[str, Cell]:
    """What the tables of photos and of clips say alike of a submission: which, whose, how far it is."""
    subject = one.row.submission
    return {
        "submission": subject.id,
        "participant": one.name,
        "participant_id": None if one.blind else subject.participant_id,
        "email": one.email,
        "file": None if one.blind else subject.file_name,
        "state": one.row.state,
    }


def refusal(one: Graded) -> dict[str, Cell]:
    """Why there are no measures, and what to do: of what was refused, and of what broke down."""
    if one.row.fault is not None:
        text, hint = why(one.row.fault)
        return {"error_code": one.row.fault, "error": text, "what_to_do": hint}
    error = (one.document or {}).get("error") or {}
    return {"error_code": error.get("code"), "error": error.get("text"), "what_to_do": error.get("hint")}


def to_csv(graded: Iterable[Graded]) -> bytes:
    """UTF-8 with the mark by which Excel knows it."""
    return tables.to_csv(map(row, graded), COLUMNS).encode("utf-8-sig")
