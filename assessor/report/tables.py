"""Results as a table for a grade book: one row a wound, units in the column names.

Works on the JSON form of results (contract, PhotoAssessment), so that what was graded earlier counts too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assessor.photo.validity import METRICS

Cell = str | float | int | None

COLUMNS = (
    "photo",
    "result",
    "wound",
    "state",
    "technique",
    "technique_declared",
    "points",
    "points_of",
    "rubric",
    "rubric_version",
    "rubric_coverage",
    "scale_method",
    "scale_mm_per_px",
    "scale_relative_sd",
    *(column for name in METRICS for column in (name, f"{name}_sd")),
    "not_measured",
    "hints",
    "warnings",
    "error_code",
    "error",
    "what_to_do",
    "sha256",
    "software_version",
)
# Spreadsheets run cells that begin so as formulas (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def rows(result: Mapping[str, Any], *, photo: str, name: str) -> list[dict[str, Cell]]:
    """One row for each wound; a photo without any, or a refused one, still gets its row.

    `photo` is where the photo lies, `name` the stem of its result files.
    """
    scale, error = result["scale"], result.get("error")
    common: dict[str, Cell] = {
        "photo": photo,
        "result": name,
        "state": "refused" if error else "graded" if result["wounds"] else "no_wound",
        "warnings": "; ".join(warning["code"] for warning in result["warnings"]),
        "sha256": result["image"]["sha256"],
        "software_version": result["software_version"],
    }
    if scale:
        common |= {
            "scale_method": scale["method"],
            "scale_mm_per_px": scale["mm_per_px"],
            "scale_relative_sd": scale["relative_sd"],
        }
    if error:
        common |= {"error_code": error["code"], "error": error["text"], "what_to_do": error["hint"]}
    wounds = [common | {"wound": i + 1} | _wound(wound) for i, wound in enumerate(result["wounds"])]
    return wounds or [common]


def to_csv(table: Iterable[Mapping[str, Cell]], columns: Sequence[str] = COLUMNS) -> str:
    """The rows as CSV text with its header; text that a spreadsheet would run as a formula is quoted off."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    writer.writerows({column: _cell(value) for column, value in row.items()} for row in table)
    return out.getvalue()


def _wound(wound: Mapping[str, Any]) -> dict[str, Cell]:
    metrics, score = wound["metrics"], wound["score"]
    row: dict[str, Cell] = {
        "technique": wound["technique"]["name"],
        "technique_declared": "yes" if wound["technique"]["declared"] else "no",
        "hints": " ".join(hint["text"] for hint in wound["hints"]),
    }
    if score:
        row |= {
            "points": score["points"],
            "points_of": score["of"],
            "rubric": score["rubric"],
            "rubric_version": score["rubric_version"],
            "rubric_coverage": score["coverage"],
        }
    missing = []
    for name in METRICS:
        metric = metrics.get(name)
        if metric is not None and metric["status"] == "measured":
            row |= {name: metric["value"], f"{name}_sd": metric["sd"]}
        elif metric is not None:
            missing.append(f"{name}: {metric['status']}")
    return row | {"not_measured": "; ".join(missing)}


def harmless(text: str) -> str:
    """Text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _cell(value: Cell) -> str:
    """Numbers as they are (a negative one is no formula), text made harmless."""
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    return str(value) if isinstance(value, int) else f"{value:.6g}"
