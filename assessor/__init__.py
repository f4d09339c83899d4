"""Measured feedback on sutured practice pads.

grade_photo      a photo (path or bytes) -> PhotoAssessment
assess           an upright photo already in memory -> PhotoAssessment
load_photo       a path or bytes -> Photo, upright; the only decoder
assess_clip      a clip (path or bytes) -> MotionAssessment
draw_overlay     a photo and its assessment -> the picture with every stitch drawn
grade_folder     many photos -> JSON, overlays and grades.csv in a folder, resumable
write_card       the printable calibration card as a PDF
rubric_names     the rubrics that come with the package
load_rubric      a rubric by name or from a TOML file
Session          push frames, hear rolling tremor, get a MotionAssessment
MotionOptions    what the user declares of a clip: scale, tips, task, hand, shutter
GradeOptions     what the user declares: technique, suture size, scale ...
AssessorError    base of all errors, each with code, text and hint

Nothing heavy is imported before a name is used: `import assessor` must stay as cheap as `assessor --help`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assessor.errors import (
        AssessorError,
        IntakeError,
        OptionError,
        QualityError,
        RubricError,
        ScaleError,
    )
    from assessor.folder import grade_folder
    from assessor.motion.assess import assess_clip
    from assessor.motion.options import MotionOptions
    from assessor.motion.results import MotionAssessment
    from assessor.motion.session import Session
    from assessor.options import GradeOptions
    from assessor.photo.grade import assess, grade_photo
    from assessor.photo.intake import Photo, load_photo
    from assessor.report.card import write_card
    from assessor.report.overlay import draw_overlay
    from assessor.results import (
        Hint,
        Metric,
        Notice,
        PhotoAssessment,
        Scale,
        Score,
        Stitch,
        Technique,
        Wound,
    )
    from assessor.rubric import Rubric, load_rubric, rubric_names

__all__ = [
    "AssessorError",
    "GradeOptions",
    "Hint",
    "IntakeError",
    "Metric",
    "MotionAssessment",
    "MotionOptions",
    "Notice",
    "OptionError",
    "Photo",
    "PhotoAssessment",
    "QualityError",
    "Rubric",
    "RubricError",
    "Scale",
    "ScaleError",
    "Score",
    "Session",
    "Stitch",
    "Technique",
    "Wound",
    "__version__",
    "assess",
    "assess_clip",
    "draw_overlay",
    "grade_folder",
    "grade_photo",
    "load_photo",
    "load_rubric",
    "rubric_names",
    "write_card",
]

_ERRORS = ("AssessorError", "IntakeError", "OptionError", "QualityError", "RubricError", "ScaleError")
_RESULTS = (
    "Hint",
    "Metric",
    "Notice",
    "PhotoAssessment",
    "Scale",
    "Score",
    "Stitch",
    "Technique",
    "Wound",
)
_HOME = {
    **dict.fromkeys(_ERRORS, "assessor.errors"),
    **dict.fromkeys(_RESULTS, "assessor.results"),
    **dict.fromkeys(("Rubric", "load_rubric", "rubric_names"), "assessor.rubric"),
    **dict.fromkeys(("assess", "grade_photo"), "assessor.photo.grade"),
    **dict.fromkeys(("Photo", "load_photo"), "assessor.photo.intake"),
    "GradeOptions": "assessor.options",
    "MotionAssessment": "assessor.motion.results",
    "MotionOptions": "assessor.motion.options",
    "Session": "assessor.motion.session",
    "assess_clip": "assessor.motion.assess",
    "draw_overlay": "assessor.report.overlay",
    "grade_folder": "assessor.folder",
    "write_card": "assessor.report.card",
}

try:
    __version__ = version("suture-assessor")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'assessor' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
