"""Stitches that people set right: kept in the results that they gave, and applied again to the same reading.

A reading is what one software sees on the photo. A correction moves some of its points and leaves the others
where they were seen; of another software's reading it says nothing, so it is not applied to that. It stays
with its result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from api.store.models import Result, ResultDocument
from assessor.photo.correct import Seen, SeenStitch
from assessor.results import plain


@dataclass(frozen=True, slots=True)
class Correction:
    """All stitches of all wounds as a person left them; `key` tells it from others of its submission."""

    key: str
    seen: Seen


def correction(wounds: Sequence[dict[str, Any]]) -> Correction:
    """A new one, of wounds as an assessment's JSON has them."""
    seen = _seen(wounds)
    return Correction(hashlib.sha256(json.dumps(plain(seen)).encode()).hexdigest(), seen)


def standing(session: Session, submission_id: int, software: str) -> Correction | None:
    """The correction of this software's reading of the photo that holds, whatever rubric judged it: that of
    the result that counts, else the last one."""
    found = session.execute(
        select(Result.correction_key, ResultDocument.document)
        .join(ResultDocument, ResultDocument.result_id == Result.id)
        .where(
            Result.submission_id == submission_id,
            Result.software == software,
            Result.correction_key != "",
            Result.error_code.is_(None),
        )
        .order_by(Result.counts.desc(), Result.id.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else Correction(found[0], _seen(json.loads(found[1])["wounds"]))


def of_older_readings(session: Session, submission_ids: Sequence[int]) -> set[int]:
    """Which of these were corrected in another software's reading than that which counts now, uncorrected."""
    now, older = aliased(Result), aliased(Result)
    query = (
        select(now.submission_id)
        .join(older, older.submission_id == now.submission_id)
        .where(
            now.submission_id.in_(submission_ids),
            now.counts,
            now.correction_key == "",
            older.correction_key != "",
            older.software != now.software,
        )
    )
    return set(session.scalars(query.distinct()))


def _seen(wounds: Sequence[dict[str, Any]]) -> Seen:
    def point(xy: Any) -> tuple[float, float]:
        return float(xy[0]), float(xy[1])

    return tuple(
        tuple(
            SeenStitch(
                (point(stitch["bites"][0]), point(stitch["bites"][1])),
                point(stitch["knot"]) if stitch["knot"] is not None else None,
            )
            for stitch in wound["stitches"]
        )
        for wound in wounds
    )
