"""What was measured of a class's clips: a row a clip and hand, as CSV and for the workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from api.exports.table import refusal, whose
from api.motion_words import by_hand
from api.store.exports import Graded
from api.store.motion_digest import motion_metrics
from assessor.report import tables
from assessor.report.tables import Cell

_WITH_SD = ("tremor_rms_um", "tremor_rms_px", "path_length_mm", "path_length_px", "sparc")
_ALONE = ("tremor_floor_um", "tremor_floor_px", "peak_hz", "zone_share", "idle_share", "tracked_share")
COLUMNS = (
    "submission",
    "participant",
    "participant_id",
    "email",
    "file",
    "state",
    "task",
    "hand",
    "duration_s",
    "frames_per_s",
    "scale_mm_per_px",
    *(column for name in _WITH_SD for column in (name, f"{name}_sd")),
    *_ALONE,
    "tremor_status",
    "path_status",
    "sparc_status",
    "steadiness_points",
    "warnings",
    "error_code",
    "error",
    "what_to_do",
    "sha256",
    "software_version",
)


def rows(graded: Iterable[Graded]) -> Iterator[dict[str, Cell]]:
    """Of the clips among them; one without a hand in view, or refused, still gets its row."""
    for one in graded:
        if one.row.submission.kind == "clip":
            yield from _of_clip(one)


def to_csv(graded: Iterable[Graded]) -> bytes:
    """UTF-8 with the mark by which Excel knows it."""
    return tables.to_csv(rows(graded), COLUMNS).encode("utf-8-sig")


def _of_clip(one: Graded) -> Iterator[dict[str, Cell]]:
    subject, document = one.row.submission, one.document
    common: dict[str, Cell] = {
        **whose(one),
        "task": subject.task,
        "sha256": subject.blob_sha256,
        **refusal(one),
    }
    if document is None:
        yield common
        return
    score, scale = document["score"], document["scale"]
    common |= {
        "duration_s": document["video"]["duration_s"],
        "frames_per_s": document["video"]["real_fps"],
        "scale_mm_per_px": scale["mm_per_px"] if scale else None,
        "steadiness_points": score["points"] if score else None,
        "warnings": "; ".join(warning["code"] for warning in document["warnings"]),
        "software_version": document["software_version"],
    }
    hands = by_hand({row.name: row for row in motion_metrics(document)})
    for hand, own in hands:
        cells: dict[str, Cell] = {**common, "hand": hand}
        for name, row in own.items():
            cells[name] = row.value
            if name in _WITH_SD:
                cells[f"{name}_sd"] = row.sd
        for short in ("tremor_rms", "path_length", "sparc"):
            column = f"{short.partition('_')[0]}_status"
            cells[column] = next(row.status for name, row in own.items() if name.startswith(short))
        yield cells
    if not hands:
        yield common
