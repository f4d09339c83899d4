"""The result types: what the assessor says about a photo, and its JSON form (schema version 1).

Pixels are those of the upright photo: x right, y down, centre of the top-left pixel = (0, 0).
What could not be measured is a `Metric` whose `value` is None and whose `status` says why.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA_VERSION = "1"

Point = tuple[float, float]
ScaleMethod = Literal["card", "ruler", "grid", "points", "given"]
TECHNIQUES = (
    "simple_interrupted",
    "simple_running",
    "running_locking",
    "vertical_mattress",
    "horizontal_mattress",
    "figure_of_eight",
    "subcuticular",
    "buried",
    "staples",
    "unknown",
)
# measured: value and sd hold. too_few: not enough stitches for this metric. no_scale: only the px twin
# is known. not_applicable: meaningless for the technique. not_seen: its parts are not visible.
# uncertain: seen, but the sd is too large for a value.
MetricStatus = Literal["measured", "too_few", "no_scale", "not_applicable", "not_seen", "uncertain"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Millimetres per pixel on the wound plane, at `at_px` where the plane is tilted.

    `px_to_mm` is the homography (row-major 3x3) to millimetres on that plane when four or more
    points gave it, else None: then every length is pixels times `mm_per_px`.
    """

    mm_per_px: float
    relative_sd: float
    method: ScaleMethod
    detail: str = ""
    px_to_mm: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class ImageInfo:
    file: str
    width: int
    height: int
    sha256: str
    focal_length_mm: float | None = None
    camera_model: str | None = None


@dataclass(frozen=True, slots=True)
class StitchFinding:
    """A stitch as seen, in pixels: no millimetres, no judgement.

    `bites_px[0]` lies left of the incision walking from its first to its last point (in image
    coordinates, y down: negative cross product of tangent and offset). `bite_sd_px` is the standard
    deviation of each bite's position along the thread. `cut` marks a stitch cut by the frame: shown,
    never measured. `tails_px` are the path lengths of the free thread ends seen at its knot.
    """

    bites_px: tuple[Point, Point]
    bite_sd_px: tuple[float, float]
    inferred: tuple[bool, bool]
    confidence: float
    knot_px: Point | None = None
    cut: bool = False
    tails_px: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class WoundFinding:
    """One wound as seen: its incision (None where no line was found) and its stitches along it.

    `technique_log_p` is, by how it looks, the log-probability of each of TECHNIQUES (`unknown`: a cut
    not sutured yet); None where nobody looked. `bite_common_share` is the share of the variance of the
    bites' errors that all of a side have in common: one light shades them alike. `incision_end_sd_px` is how
    sure its first and last point are along it, `incision_cut` whether it only leaves the photo there.
    """

    incision_px: tuple[Point, ...] | None
    incision_confidence: float
    incision_sd_px: float
    stitches: tuple[StitchFinding, ...]
    technique_log_p: tuple[float, ...] | None = None
    bite_common_share: float = 0.0
    incision_end_sd_px: tuple[float, float] = (0.0, 0.0)
    incision_cut: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, slots=True)
class Incision:
    points: tuple[Point, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Technique:
    name: str
    confidence: float
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Stitch:
    """A measured stitch. The `_mm` fields are None without a scale, the `_px` twins always there."""

    bites: tuple[Point, Point]
    inferred: tuple[bool, bool]
    knot: Point | None
    confidence: float
    cut: bool
    bite_left_px: float | None
    bite_right_px: float | None
    length_px: float
    bite_left_mm: float | None
    bite_right_mm: float | None
    length_mm: float | None
    bite_left_sd_mm: float | None
    bite_right_sd_mm: float | None
    length_sd_mm: float | None
    angle_deg: float | None
    angle_sd_deg: float | None
    symmetry: float | None
    symmetry_sd: float | None


@dataclass(frozen=True, slots=True)
class Target:
    """What the rubric asks: full points (`weight`) inside [low, high], none `slack` beyond them."""

    low: float | None
    high: float | None
    slack: float
    evidence: str
    source: str
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a wound; formulas in docs/metrics.md.

    `sd` is the standard uncertainty of `value` for this very pad, from scale and points. `sampling_sd`
    is how far another row of as many stitches by the same hand would differ. `points` of `target.weight`.
    """

    value: float | None
    sd: float | None
    n: int
    unit: str
    status: MetricStatus
    target: Target | None = None
    points: float | None = None
    sampling_sd: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Points of those that could be measured; `coverage` is the share of the rubric that was."""

    points: float
    of: float
    coverage: float
    rubric: str
    rubric_version: str


@dataclass(frozen=True, slots=True)
class Hint:
    code: str
    text: str
    stitches: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning about the photo or the grading; `text` says what to do about it."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Wound:
    incision: Incision | None
    technique: Technique
    stitches: tuple[Stitch, ...]
    metrics: dict[str, Metric]
    score: Score | None
    hints: tuple[Hint, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class PhotoAssessment:
    software_version: str
    image: ImageInfo
    scale: Scale | None
    wounds: tuple[Wound, ...]
    warnings: tuple[Notice, ...] = ()
    error: Failure | None = None
    schema_version: str = field(default=SCHEMA_VERSION)

    def to_json(self) -> dict[str, Any]:
        """The contract's JSON form: plain dicts, lists, numbers; `error` only where there is one."""
        out: dict[str, Any] = {"schema_version": self.schema_version, **plain(self)}
        if self.error is None:
            del out["error"]
        return out


def plain(value: Any) -> Any:
    """Dataclasses, tuples and floats as JSON has them; ValueError where a number is not finite."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a result holds a number that is not finite; use None and a status")
        return round(value, 6)
    return value
