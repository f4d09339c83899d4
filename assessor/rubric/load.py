"""Rubrics as data: TOML files with a source and a grade of evidence beside each target.

    name = "skin-pad"            # file name without .toml
    version = "1"                # raised with every change of a figure
    title = "..."
    summary = "..."
    techniques = ["simple_interrupted"]
    default_for = []             # techniques that get it when nothing else is said
    kits = ["silicone"]          # what --kit may say to get it
    suture_sizes = ["3-0"]       # USP

    [targets.spacing_mm]
    low = 5.0                    # full points from low to high; either may be absent
    high = 10.0
    weight = 8                   # points it can bring
    evidence = "B"               # A trial, B published tool or checklist, C teaching text, D derived
    source = "..."

A one-sided target names its `ideal` (symmetry 1, variation 0); points fall linearly from full at
the edge to none at three times the tolerance from the ideal (two-sided: from the middle), unless
`slack` says otherwise. `ideal = "running"` with `tolerance` stands for atan(total bite / spacing)
of the very row. `not_above` caps `high` by another metric of the row.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from assessor.errors import OptionError, RubricError
from assessor.photo.validity import EXTRA, METRICS
from assessor.results import TECHNIQUES

EVIDENCE = ("A", "B", "C", "D")
DEFAULT = "any-technique"  # where no rubric knows the technique: free of scale and of technique
_TOP = {"name", "version", "title", "summary", "techniques", "default_for", "kits", "suture_sizes", "targets"}
_TARGET = {"low", "high", "ideal", "tolerance", "slack", "not_above", "weight", "evidence", "source"}


@dataclass(frozen=True, slots=True)
class RubricTarget:
    """What a rubric asks of one metric, before the row is known."""

    low: float | None
    high: float | None
    slack: float
    weight: float
    evidence: str
    source: str
    running: bool = False  # low and high are relative to the geometric angle of a running suture
    not_above: str | None = None


@dataclass(frozen=True, slots=True)
class Rubric:
    name: str
    version: str
    title: str
    summary: str
    techniques: tuple[str, ...]
    default_for: tuple[str, ...] = ()
    kits: tuple[str, ...] = ()
    suture_sizes: tuple[str, ...] = ()
    targets: dict[str, RubricTarget] = field(default_factory=dict)

    @property
    def weight(self) -> float:
        return sum(t.weight for t in self.targets.values())


def rubric_names() -> tuple[str, ...]:
    """The names of the rubrics that come with the assessor."""
    return tuple(sorted(_builtin()))


def load_rubric(name_or_path: str | Path) -> Rubric:
    """A rubric by its name, or from a TOML file of one's own.

    RubricError `rubric_unknown`, `rubric_unreadable` or `rubric_invalid`, the last with what is wrong.
    """
    known = _builtin()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    path = Path(name_or_path)
    if path.suffix != ".toml" and not path.is_file():
        raise RubricError(
            "rubric_unknown",
            f"There is no rubric {str(name_or_path)!r}.",
            "Use one of: " + ", ".join(sorted(known)) + "; or the path of a .toml file.",
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RubricError(
            "rubric_unreadable",
            f"The rubric {path.name} cannot be read: {error}.",
            "Give the path of a TOML file in UTF-8.",
        ) from None
    return parse_rubric(text, path.name)


def choose_rubric(technique: str, kit: str | None = None, suture_size: str | None = None) -> Rubric:
    """The built-in rubric for a technique: the kit decides, then the thread, then the default.

    Where none fits (an unknown technique, a running suture on a micro card) the one free of scale.

    OptionError `unknown_kit` for a kit that no rubric knows.
    """
    rubrics = _builtin()
    wanted = None if kit is None else re.sub(r"[\s_]+", "-", kit.strip().lower())
    kits = sorted({k for r in rubrics.values() for k in r.kits})
    if wanted is not None and wanted not in kits:
        raise OptionError("unknown_kit", f"There is no kit {kit!r}.", "Use one of: " + ", ".join(kits) + ".")

    def fit(rubric: Rubric) -> tuple[bool, bool, bool]:
        return wanted in rubric.kits, suture_size in rubric.suture_sizes, technique in rubric.default_for

    def contradicts(rubric: Rubric) -> bool:
        """Made for other kits, or for other threads: its millimetres would be wrong here."""
        if wanted is not None and rubric.kits:
            return wanted not in rubric.kits
        return bool(suture_size and rubric.suture_sizes and suture_size not in rubric.suture_sizes)

    fitting = [
        r
        for _, r in sorted(rubrics.items())
        if technique in r.techniques and any(fit(r)) and not contradicts(r)
    ]
    return max(fitting, key=fit) if fitting else rubrics[DEFAULT]


def parse_rubric(text: str, file: str) -> Rubric:
    """A rubric from TOML text, strictly: nothing unknown, nothing missing. RubricError `rubric_invalid`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(file, f"it is not TOML: {error}") from None
    _known(file, "the rubric", data, _TOP)
    targets = data.get("targets")
    if not isinstance(targets, dict) or not targets:
        raise _invalid(file, "it has no [targets.*]")
    techniques = _words(file, data, "techniques", TECHNIQUES)
    if not techniques:
        raise _invalid(file, "techniques is empty")
    return Rubric(
        name=_text(file, "the rubric", data, "name"),
        version=_text(file, "the rubric", data, "version"),
        title=_text(file, "the rubric", data, "title"),
        summary=_text(file, "the rubric", data, "summary"),
        techniques=techniques,
        default_for=_words(file, data, "default_for", techniques),
        kits=_words(file, data, "kits"),
        suture_sizes=_words(file, data, "suture_sizes"),
        targets={name: _target(file, name, value) for name, value in targets.items()},
    )


@cache
def _builtin() -> dict[str, Rubric]:
    folder = resources.files("assessor.rubric")
    found = (f for f in folder.iterdir() if f.name.endswith(".toml"))
    rubrics = [parse_rubric(f.read_text("utf-8"), f.name) for f in found]
    return {r.name: r for r in rubrics}


def _target(file: str, name: str, data: Any) -> RubricTarget:
    where = f"[targets.{name}]"
    if name not in METRICS and name not in EXTRA:
        raise _invalid(file, f"{where} is no metric")
    if not isinstance(data, dict):
        raise _invalid(file, f"{where} is no table")
    _known(file, where, data, _TARGET)
    weight = _number(file, where, data, "weight")
    if weight is None or weight <= 0:
        raise _invalid(file, f"{where} needs a weight above 0")
    evidence = _text(file, where, data, "evidence")
    if evidence not in EVIDENCE:
        raise _invalid(file, f"{where} evidence must be one of {', '.join(EVIDENCE)}")
    not_above = data.get("not_above")
    if not_above is not None and not_above not in METRICS:
        raise _invalid(file, f"{where} not_above is no metric: {not_above!r}")
    low, high, slack, running = _range(file, where, data)
    return RubricTarget(
        low, high, slack, weight, evidence, _text(file, where, data, "source"), running, not_above
    )


def _range(file: str, where: str, data: dict[str, Any]) -> tuple[float | None, float | None, float, bool]:
    low, high = _number(file, where, data, "low"), _number(file, where, data, "high")
    slack = _number(file, where, data, "slack")
    running = data.get("ideal") == "running"
    if running:
        tolerance = _number(file, where, data, "tolerance")
        if tolerance is None or tolerance <= 0 or low is not None or high is not None:
            raise _invalid(file, f'{where} with ideal = "running" needs a tolerance above 0, no low, no high')
        low, high = -tolerance, tolerance
    elif "tolerance" in data:
        raise _invalid(file, f'{where} has a tolerance, which only goes with ideal = "running"')
    if low is None and high is None:
        raise _invalid(file, f"{where} needs low or high")
    if low is not None and high is not None and low >= high:
        raise _invalid(file, f"{where} low must be below high")
    if slack is None:
        slack = 2 * _tolerance(file, where, data, low, high)
    if slack <= 0:
        raise _invalid(file, f"{where} slack must be above 0")
    return low, high, slack, running


def _tolerance(file: str, where: str, data: dict[str, Any], low: float | None, high: float | None) -> float:
    """Distance from the ideal to the edge of full points."""
    if low is not None and high is not None:
        return (high - low) / 2
    ideal = _number(file, where, data, "ideal")
    edge = low if low is not None else high
    if ideal is None or edge is None or ideal == edge:
        raise _invalid(file, f"{where} is one-sided: it needs its ideal, or a slack")
    return abs(edge - ideal)


def _known(file: str, where: str, data: dict[str, Any], allowed: set[str]) -> None:
    strange = sorted(set(data) - allowed)
    if strange:
        raise _invalid(file, f"{where} has unknown keys: {', '.join(strange)}")


def _text(file: str, where: str, data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _invalid(file, f"{where} needs {key} as a text")
    return value


def _number(file: str, where: str, data: dict[str, Any], key: str) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _invalid(file, f"{where} {key} must be a number")
    return float(value)


def _words(file: str, data: dict[str, Any], key: str, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise _invalid(file, f"{key} must be a list of texts")
    strange = [v for v in value if allowed and v not in allowed]
    if strange:
        raise _invalid(file, f"{key} has {', '.join(strange)}; allowed: {', '.join(allowed)}")
    return tuple(value)


def _invalid(file: str, what: str) -> RubricError:
    return RubricError(
        "rubric_invalid", f"The rubric {file} is broken: {what}.", "See docs/rubrics.md for the format."
    )
