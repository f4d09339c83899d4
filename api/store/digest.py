"""What of an assessment stands in columns, so that lists and summaries need not read documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.store.motion_digest import MetricRow, motion_metrics


@dataclass(frozen=True, slots=True)
class Digest:
    """Of the wound with most whole stitches; all None where the photo was refused or shows none. Of a clip
    its metrics alone."""

    error_code: str | None = None
    technique: str | None = None
    stitches: int | None = None
    points: float | None = None
    points_of: float | None = None
    coverage: float | None = None
    metrics: tuple[MetricRow, ...] = ()
    hints: tuple[str, ...] = ()


def digest(document: dict[str, Any]) -> Digest:
    """A PhotoAssessment or MotionAssessment as JSON -> its digest."""
    error = document.get("error")
    if error is not None:
        return Digest(error_code=error["code"])
    if "tips" in document:
        return Digest(metrics=tuple(motion_metrics(document)))
    at = main_wound(document)
    if at is None:
        return Digest()
    wound = document["wounds"][at]
    score = wound["score"] or {}
    return Digest(
        technique=wound["technique"]["name"],
        stitches=_whole_stitches(wound),
        points=score.get("points"),
        points_of=score.get("of"),
        coverage=score.get("coverage"),
        metrics=tuple(
            MetricRow(name, m["status"], m["value"], m["sd"], m.get("sampling_sd"))
            for name, m in wound["metrics"].items()
        ),
        hints=tuple(dict.fromkeys(hint["code"] for hint in wound["hints"])),
    )


def main_wound(document: dict[str, Any]) -> int | None:
    """Which of the wounds the grade is about: the one with most whole stitches, None where there is none."""
    wounds = document.get("wounds") or []
    return max(range(len(wounds)), key=lambda at: _whole_stitches(wounds[at])) if wounds else None


def _whole_stitches(wound: dict[str, Any]) -> int:
    return sum(not stitch["cut"] for stitch in wound["stitches"])
