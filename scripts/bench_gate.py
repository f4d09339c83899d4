"""The README's accuracy table: written from the bench scorer's report, and held against a new one.

    python -m scripts.bench_gate write SCORES.json README.md [--date 2026-11-20]
    python -m scripts.bench_gate check SCORES.json README.md

SCORES.json is what `score_photos.py RESULTS --json` prints: {set: {"f1": ..., "photos": ..., ...}}.
`check` ends with code 1 where a set's F1 is more than TOLERANCE below the README's, or a set is missing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TOLERANCE = 0.02
BEGIN, END = "<!-- accuracy:begin -->", "<!-- accuracy:end -->"
Report = Mapping[str, Mapping[str, Any]]


def _plain(value: Any) -> str:
    return "-" if value is None else f"{value:g}"


def _share(value: Any) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _two(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}"


COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("photos", "photos", _plain),
    ("stitches", "stitches", _plain),
    ("F1", "f1", lambda v: f"{v:.3f}"),
    ("precision", "precision", _two),
    ("recall", "recall", _two),
    ("bites off by", "end_rel_median", _share),
    ("symmetry off by", "symmetry_abs_median", _two),
    ("incision found", "incision_found", _share),
    ("scale found", "scale_found", _share),
    ("scale off by", "scale_rel_median", _share),
    ("mean gap off by, mm", "spacing_mm_median", _two),
)


def table(report: Report, date: str) -> str:
    """The report as Markdown, its date above it; "off by" are medians, bites as a share of the stitch."""
    head = ["set", *(title for title, _, _ in COLUMNS)]
    lines = [f"Measured on {date}.", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name in [*sorted(set(report) - {"all"}), *(["all"] if "all" in report else [])]:
        cells = [shown(report[name].get(key)) for _, key, shown in COLUMNS]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def figures(readme: str) -> dict[str, float]:
    """Set -> F1 of the README's table; empty where there is none yet. ValueError without the markers."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in _section(readme).splitlines()
        if line.lstrip().startswith("|") and not re.fullmatch(r"[\s|:-]+", line)
    ]
    if not rows:
        return {}
    name, f1 = rows[0].index("set"), rows[0].index("F1")
    return {row[name]: float(row[f1]) for row in rows[1:]}


def with_table(readme: str, text: str) -> str:
    """The README with what stands between its markers replaced."""
    old = f"{BEGIN}{_section(readme)}{END}"
    return readme.replace(old, f"{BEGIN}\n{text}\n{END}")


def regressions(report: Report, promised: Mapping[str, float]) -> list[str]:
    """One line for each set that falls short of what the README promises."""
    short = []
    for name, f1 in promised.items():
        if name not in report:
            short.append(f"{name}: the README promises F1 {f1:.3f}, but nothing was scored")
        elif report[name]["f1"] < f1 - TOLERANCE:
            short.append(f"{name}: F1 {report[name]['f1']:.3f}, the README says {f1:.3f}")
    return short


def _section(readme: str) -> str:
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"the README needs one {BEGIN} and one {END} after it")
    return readme[readme.index(BEGIN) + len(BEGIN) : readme.index(END)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["write", "check"])
    parser.add_argument("scores", type=Path)
    parser.add_argument("readme", type=Path)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    given = parser.parse_args(arguments)
    report: Report = json.loads(given.scores.read_text("utf-8"))
    readme = given.readme.read_text("utf-8")
    if given.what == "write":
        given.readme.write_text(with_table(readme, table(report, given.date)), "utf-8")
        return 0
    promised = figures(readme)
    if not promised:
        print("The README has no accuracy table to hold the scores against.", file=sys.stderr)
        return 1
    short = regressions(report, promised)
    print("\n".join(short) or f"No set's F1 is more than {TOLERANCE} below the README's.")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
