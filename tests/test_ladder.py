"""The ladder to finer threads, and what counts as a change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.ladder import READY_ROWS, READY_SHARE, ladder
from api.pages import trends
from api.store.summaries import Point

GOOD = READY_SHARE + 0.05


def test_nothing_sewn_suggests_nothing() -> None:
    found = ladder([])
    assert (found.present, found.suggested) == (None, None)
    assert all(rung.rows == 0 and rung.best is None for rung in found.rungs)


def test_enough_good_rows_in_sequence_suggest_the_next_finer_thread() -> None:
    assert ladder([("4-0", GOOD)] * READY_ROWS).suggested == "5-0"
    assert ladder([("4-0", GOOD)] * (READY_ROWS - 1)).suggested is None


@pytest.mark.parametrize("last", [READY_SHARE - 0.01, None])
def test_a_bad_row_or_one_without_a_score_begins_the_count_anew(last: float | None) -> None:
    found = ladder([*[("4-0", GOOD)] * READY_ROWS, ("4-0", last)])
    assert (found.present, found.suggested) == ("4-0", None)


def test_the_present_thread_is_the_finest_sewn_with() -> None:
    found = ladder([("5-0", 0.4), *[("3-0", GOOD)] * READY_ROWS])
    assert (found.present, found.suggested) == ("5-0", None)


def test_at_the_finest_there_is_no_finer_and_odd_sizes_are_no_rung() -> None:
    assert ladder([("11-0", GOOD)] * READY_ROWS).suggested is None
    assert ladder([("7", GOOD)]).present is None


def points(
    values: list[float], sd: float | None, metric: str = "symmetry", hand: str = "dominant"
) -> list[Point]:
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return [
        Point(i + 1, when, "simple_interrupted", hand, "4-0", metric, value, sd)
        for i, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("metric", "values", "sd", "verdict"),
    [
        ("symmetry", [0.6, 0.9], 0.05, "better"),
        ("symmetry", [0.9, 0.6], 0.05, "worse"),
        ("spacing_cv", [0.3, 0.1], 0.02, "better"),
        ("spacing_mm", [5.0, 8.0], 0.1, "changed"),  # neither is better by itself
        ("symmetry", [0.6, 0.7], 0.05, "same"),  # 0.1 apart, 0.14 may be wobble
        ("symmetry", [0.6, 0.9], None, "unknown"),
        ("symmetry", [0.6], 0.05, "first"),
    ],
)
def test_a_change_counts_only_above_the_measurements_own_wobble(
    metric: str, values: list[float], sd: float | None, verdict: str
) -> None:
    (card,) = trends.cards(points(values, sd, metric), "simple_interrupted")
    (trend,) = card.trends
    assert trend.verdict == verdict
    assert len(card.chart.lines[0].dots) == len(values)


def test_hands_have_lines_of_their_own_and_techniques_cards_of_their_own() -> None:
    both = points([0.6, 0.7], 0.1) + points([0.5], 0.1, hand="non_dominant")
    (card,) = trends.cards(both, "simple_interrupted")
    assert [trend.hand for trend in card.trends] == ["dominant hand", "other hand"]
    assert trends.cards(both, "simple_running") == []
    assert trends.techniques(both) == [("simple_interrupted", 2)]


def test_a_chart_stays_in_its_frame() -> None:
    (card,) = trends.cards(points([0.2, 0.2, 0.9], 0.3), "simple_interrupted")
    chart = card.chart
    for dot in chart.lines[0].dots:
        assert chart.left < dot.x < chart.width - chart.right
        assert len({text for _, text in chart.ticks}) == len(chart.ticks)
        assert dot.top is not None
        assert dot.bottom is not None
        assert 0 < dot.top < dot.y < dot.bottom < chart.height


def test_the_scale_tells_its_numbers_apart_however_small_the_differences() -> None:
    (card,) = trends.cards(points([16.0, 16.01], 0.001, "spacing_mm"), "simple_interrupted")
    assert len({text for _, text in card.chart.ticks}) == 3
    (card,) = trends.cards(points([0.02, 0.05], 0.1, "bite_cv"), "simple_interrupted")
    assert not any("−" in text for _, text in card.chart.ticks)
