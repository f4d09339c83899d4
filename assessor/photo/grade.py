"""A photo of a finished pad -> its assessment: the pipeline, top to bottom."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assessor import __version__
from assessor.errors import AssessorError
from assessor.options import GradeOptions
from assessor.photo.correct import Seen, correct
from assessor.photo.intake import Photo, load_photo
from assessor.photo.measure import measure
from assessor.photo.perception import find_wounds
from assessor.photo.perception.curve import Pyramid
from assessor.photo.quality import check
from assessor.photo.scale import find_rows, find_scale
from assessor.photo.technique import recognise, without_marks
from assessor.results import (
    Failure,
    ImageInfo,
    Incision,
    Notice,
    PhotoAssessment,
    Scale,
    Wound,
    WoundFinding,
)
from assessor.rubric import Rubric, choose_rubric, hints, judge, load_rubric

__all__ = ["GradeOptions", "assess", "grade_photo", "refusal"]

NO_WOUND = Notice(
    "no_wound",
    "No sutured wound was found. Photograph the pad from straight above, filling the picture, in even light.",
)


def grade_photo(
    source: str | Path | bytes, options: GradeOptions | None = None, *, name: str | None = None
) -> PhotoAssessment:
    """Read a photo (path or bytes) and assess it; AssessorError where no honest number can be given.

    `name` is the file name to report where `source` is bytes.
    """
    return assess(load_photo(source, name=name), options)


def assess(
    photo: Photo,
    options: GradeOptions | None = None,
    rubric: Rubric | None = None,
    seen: Seen | None = None,
) -> PhotoAssessment:
    """Wounds, stitches, metrics, score and hints of an upright photo.

    `rubric`: one already loaded; it comes before what the options name. `seen`: stitches that a person
    corrected; they take the place of those found.

    A photo without a wound gives no wounds and the warning `no_wound`. QualityError where every
    number would be a lie, ScaleError where a scale was asked for that the photo does not give,
    RubricError where the rubric is unknown or broken.
    """
    options = options or GradeOptions()
    halves = Pyramid(photo.bgr)
    with ThreadPoolExecutor(1) as beside:  # ticks are looked for while the networks look for the wound
        rows = beside.submit(find_rows, halves)
        findings = find_wounds(halves)
    marks: list[Notice] = []
    if seen is not None:
        findings = correct(findings, seen, photo.info.width, photo.info.height)
    else:
        checked = [without_marks(finding, options.technique) for finding in findings]
        findings = tuple(finding for finding, _ in checked)
        marks = [notice for _, notices in checked for notice in notices]
    scale, scale_notices = find_scale(halves, findings, options.scale_options(), rows.result())
    quality_notices = check(halves, findings, scale, options.suture_size)
    graded = [_grade_wound(finding, scale, options, rubric) for finding in findings]
    wound_notices = [notice for _, notices in graded for notice in notices]
    notices = [*photo.notices, *marks, *quality_notices, *scale_notices, *wound_notices]
    if not findings and all(notice.code != NO_WOUND.code for notice in notices):
        notices.append(NO_WOUND)
    return PhotoAssessment(
        software_version=__version__,
        image=photo.info,
        scale=scale,
        wounds=tuple(wound for wound, _ in graded),
        warnings=_distinct(notices),
    )


def refusal(error: AssessorError, image: ImageInfo) -> PhotoAssessment:
    """The result that a refused photo gets among others: no wounds, the error as a value."""
    return PhotoAssessment(
        software_version=__version__,
        image=image,
        scale=None,
        wounds=(),
        error=Failure(error.code, error.text, error.hint),
    )


def _grade_wound(
    finding: WoundFinding, scale: Scale | None, options: GradeOptions, rubric: Rubric | None
) -> tuple[Wound, tuple[Notice, ...]]:
    technique, notices = recognise(finding, options.technique)
    stitches, measured = measure(finding, scale, technique.name)
    if rubric is None:
        rubric = (
            load_rubric(options.rubric)
            if options.rubric
            else choose_rubric(technique.name, options.kit, options.suture_size)
        )
    metrics, score = judge(measured, rubric)
    incision = (
        Incision(finding.incision_px, finding.incision_confidence)
        if finding.incision_px is not None
        else None
    )
    wound = Wound(
        incision=incision,
        technique=technique,
        stitches=stitches,
        metrics=metrics,
        score=score,
        hints=hints(stitches, metrics, rubric, technique),
    )
    return wound, notices


def _distinct(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Each notice once, in order: two wounds may share one."""
    return tuple(dict.fromkeys(notices))
