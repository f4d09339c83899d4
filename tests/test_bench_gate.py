"""The gate on the README's accuracy figures: reads what it writes, and stops what falls short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.bench_gate import BEGIN, END, figures, main, regressions, table, with_table

EMPTY = f"# Title\n\n{BEGIN}\nnothing yet\n{END}\nmore\n"


def report(**f1: float) -> dict[str, dict[str, Any]]:
    return {
        name: {"f1": value, "photos": 8, "stitches": 65, "end_rel_median": 0.0312, "scale_found": None}
        for name, value in f1.items()
    }


def test_the_table_is_read_back_as_it_was_written() -> None:
    readme = with_table(EMPTY, table(report(pig=0.7, card=0.8512, all=0.8), "2026-11-20"))
    assert figures(readme) == {"card": 0.851, "pig": 0.7, "all": 0.8}
    assert readme.startswith("# Title\n")
    assert readme.endswith(f"{END}\nmore\n")
    assert "nothing yet" not in readme
    assert "Measured on 2026-11-20." in readme
    assert "3.1 %" in readme
    assert with_table(readme, table(report(pig=0.7, card=0.8512, all=0.8), "2026-11-20")) == readme


@pytest.mark.parametrize(
    ("now", "short"),
    [
        ({"pig": 0.70, "card": 0.90}, []),
        ({"pig": 0.68, "card": 0.90}, []),  # 0.02 below: still there
        ({"pig": 0.679, "card": 0.90}, ["pig"]),
        ({"pig": 0.95}, ["card"]),  # a set that was not scored
        ({}, ["pig", "card"]),
        ({"pig": 0.7, "card": 0.9, "new": 0.1}, []),
    ],
)
def test_what_falls_short_is_named(now: dict[str, float], short: list[str]) -> None:
    found = regressions(report(**now), {"pig": 0.70, "card": 0.90})
    assert [line.split(":")[0] for line in found] == short


@pytest.mark.parametrize("text", ["no markers", f"{BEGIN} only", f"{END} {BEGIN}", EMPTY + EMPTY])
def test_a_readme_without_its_markers_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="accuracy:begin"):
        figures(text)


def test_write_then_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores, readme = tmp_path / "scores.json", tmp_path / "README.md"
    readme.write_text(EMPTY, "utf-8")
    scores.write_text(json.dumps(report(pig=0.7)), "utf-8")
    assert main(["check", str(scores), str(readme)]) == 1  # nothing promised yet: nobody would notice a fall
    assert main(["write", str(scores), str(readme), "--date", "2026-01-02"]) == 0
    assert "2026-01-02" in readme.read_text("utf-8")
    assert main(["check", str(scores), str(readme)]) == 0
    scores.write_text(json.dumps(report(pig=0.6)), "utf-8")
    assert main(["check", str(scores), str(readme)]) == 1
    assert "pig: F1 0.600, the README says 0.700" in capsys.readouterr().out
