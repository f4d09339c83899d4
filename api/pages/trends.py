"""A trainee's series as the progress page shows them: one card a measure, a line for each hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from api.motion_words import HAND_NAMES
from api.pages.chart import Chart, Value, chart
from api.pages.words import day, hand, metric_number
from api.progress import Change, change
from api.store.motion_digest import HANDS, TRENDS
from api.store.motion_history import MotionPoint
from api.store.summaries import Point

# The measures that discriminate best come first (guide metrics.md 1.2). 1: more is better, -1: less is;
# 0: neither, the rubric says what is right.
DIRECTION = {
    "symmetry": 1,
    "spacing_cv": -1,
    "bite_cv": -1,
    "angle_spread_deg": -1,
    "row_straightness_mm": -1,
    "knot_side_share": 1,
    "total_bite_mm": 0,
    "spacing_mm": 0,
}
Verdict = Literal["better", "worse", "changed", "same", "unknown", "first"]


@dataclass(frozen=True, slots=True)
class Trend:
    """What became of one measure in one hand."""

    hand: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    metric: str
    chart: Chart
    trends: tuple[Trend, ...]


def techniques(points: Sequence[Point]) -> list[tuple[str, int]]:
    """Techniques with how many submissions each has, the most sewn first."""
    seen = {(p.technique, p.submission_id) for p in points if p.technique}
    return Counter(technique for technique, _ in seen if technique).most_common()


def cards(points: Sequence[Point], technique: str) -> list[Card]:
    """Cards of the measures that were measured at least once in rows of this technique."""
    here = [p for p in points if p.technique == technique]
    out = []
    for metric in DIRECTION:
        of_metric = [p for p in here if p.name == metric]
        hands = sorted({p.hand for p in of_metric}, key=lambda name: name or "~")
        rows = [(hand(name), [p for p in of_metric if p.hand == name]) for name in hands]
        if rows:
            out.append(_card(metric, rows, here))
    return out


def tasks(points: Sequence[MotionPoint]) -> list[tuple[str, int]]:
    """Tasks with how many clips each has, the most filmed first."""
    return Counter(task for task, _ in {(p.task, p.submission_id) for p in points}).most_common()


def clip_cards(points: Sequence[MotionPoint], task: str) -> list[Card]:
    """Cards of the measures that were had at least once of clips of this task; a line for each hand."""
    here = [p for p in points if p.task == task]
    out = []
    for metric in TRENDS:
        of_metric = [p for p in here if p.metric == metric]
        hands = [name for name in HANDS if any(p.hand == name for p in of_metric)]
        rows = [(HAND_NAMES[name], [p for p in of_metric if p.hand == name]) for name in hands]
        if rows:
            out.append(_card(metric, rows, here, "clip"))
    return out


def _card(
    metric: str,
    rows: Sequence[tuple[str, Sequence[Point | MotionPoint]]],
    here: Sequence[Point | MotionPoint],
    what: str = "row",
) -> Card:
    """Of one measure: its `rows` by hand, placed among all that is shown, `here`."""
    places = {number: at for at, number in enumerate(sorted({p.submission_id for p in here}))}
    series = [(name, [_value(p, places[p.submission_id], metric) for p in row]) for name, row in rows]
    return Card(metric, chart(metric, series), tuple(_trend(metric, name, row, what) for name, row in rows))


def _value(p: Point | MotionPoint, at: int, metric: str) -> Value:
    assert p.value is not None
    text = f"{day(p.created_at)}: {_with_sd(p, metric)}"
    return Value(at, p.value, p.sd, f"/work/{p.submission_id}", text)


def _with_sd(p: Point | MotionPoint, metric: str) -> str:
    text = metric_number(p.value, metric)
    return text if p.sd is None else f"{text} ± {metric_number(p.sd, metric)}"


def _trend(metric: str, of_hand: str, row: Sequence[Point | MotionPoint], what: str) -> Trend:
    values = [p.value for p in row if p.value is not None]
    found = change(values, [p.sd for p in row])
    if found is None:
        return Trend(of_hand, "first", f"{metric_number(values[0], metric)} in one {what} so far.")
    return Trend(of_hand, _verdict(metric, found), _words(metric, found))


def _verdict(metric: str, found: Change) -> Verdict:
    if found.counts is None:
        return "unknown"
    if not found.counts:
        return "same"
    way = (DIRECTION | TRENDS)[metric] * found.difference
    return "better" if way > 0 else "worse" if way < 0 else "changed"


def _words(metric: str, found: Change) -> str:
    difference = metric_number(abs(found.difference), metric)
    way = "up" if found.difference > 0 else "down"
    if found.least is None:
        return f"{way} by {difference}; how sure that is, is not known."
    least = metric_number(found.least, metric)
    if found.counts:
        return f"{way} by {difference}: more than the measurement's own wobble of {least}."
    return f"{difference} apart: within the measurement's own wobble of {least}."
