"""What a grading process does with one photo. Runs in a child; see `api.workers`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assessor.errors import AssessorError
from assessor.options import GradeOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assessor.photo.correct import Seen

# full: PNG of the overlay; screen: JPEG of it for a page; bare: JPEG of the photo alone, ungraded.
Picture = Literal["none", "full", "screen", "bare"]

# The page's picture: sharp on a phone at three device pixels, some hundred kB on a mobile link.
SCREEN_LONG_SIDE_PX = 1800
SCREEN_JPEG_QUALITY = 85
# Level 1 is five times faster than the default and a tenth larger on photos.
PNG_COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class GradeRequest:
    """A photo's bytes, the name to report, the options, and the picture wanted beside the result.

    `rubric_toml`: the text of a course's own rubric, where it is to be judged by that; `seen`: stitches that
    a person corrected.
    """

    photo: bytes
    name: str
    options: GradeOptions
    picture: Picture = "none"
    rubric_toml: str | None = None
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class GradeReply:
    """The assessment as JSON text (b"" for a bare picture) and the picture, b"" where none was wanted."""

    document: bytes
    picture: bytes


def grade(request: GradeRequest) -> GradeReply:
    """Decode, assess and draw one photo; AssessorError where it cannot be graded."""
    from assessor.photo.grade import assess
    from assessor.photo.intake import load_photo
    from assessor.report.overlay import draw_overlay, overlay_zoom
    from assessor.rubric.load import parse_rubric

    photo = load_photo(request.photo, name=request.name)
    if request.picture == "bare":
        return GradeReply(b"", screen_jpeg(photo.bgr))
    rubric = parse_rubric(request.rubric_toml, "of the course") if request.rubric_toml else None
    assessment = assess(photo, request.options, rubric, request.seen)
    if assessment.error is not None:
        raise AssessorError(assessment.error.code, assessment.error.text, assessment.error.hint)
    document = json.dumps(assessment.to_json(), allow_nan=False, ensure_ascii=False).encode()
    if request.picture == "none":
        return GradeReply(document, b"")
    overlay = draw_overlay(photo.bgr, assessment)
    if request.picture == "full":
        return GradeReply(document, _png(overlay))
    # The page says in its own words what the strip below the picture says, and taps need the photo alone.
    zoom = overlay_zoom(photo.bgr, assessment)
    height, width = (max(1, round(side * zoom)) for side in photo.bgr.shape[:2])
    return GradeReply(document, screen_jpeg(overlay[:height, :width]))


def warm(processes: int = 1) -> None:
    """Load the libraries and the network before the first photo asks for them."""
    import cv2
    import numpy as np

    from assessor.photo.perception import find_wounds
    from assessor.report.overlay import draw_overlay  # noqa: F401

    cv2.setNumThreads(max(1, (os.cpu_count() or 1) // processes))
    find_wounds(np.full((128, 128, 3), 128, np.uint8))


def _png(bgr: NDArray[np.uint8]) -> bytes:
    import cv2

    ok, data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])
    assert ok
    return bytes(data.tobytes())


def screen_jpeg(bgr: NDArray[np.uint8]) -> bytes:
    """A picture (h, w, 3) for a page."""
    import cv2

    height, width = bgr.shape[:2]
    factor = SCREEN_LONG_SIDE_PX / max(height, width)
    if factor < 1:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, SCREEN_JPEG_QUALITY])
    assert ok
    return bytes(data.tobytes())


def document_name(submission_id: int) -> str:
    """What a kept assessment calls its photo: documents travel further than tables, and file names often
    have a person's in them."""
    return f"submission-{submission_id}"
