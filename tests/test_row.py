"""The decision over a row: of candidates on a strip, which are stitches and how surely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assessor.photo.perception.calibration import Calibration, shipped
from assessor.photo.perception.fine import StripStitch
from assessor.photo.perception.row import choose

LINE = np.array([[0.0, 64.0], [400.0, 64.0]])
PLAIN = Calibration()  # the middle's own probability


def candidate(
    x: float, p: float = 0.95, top: float = 40.0, bottom: float = 88.0, lean: float = 0.0
) -> StripStitch:
    bites = np.array([[x - lean / 2, top], [x + lean / 2, bottom]])
    return StripStitch(bites, p, (1.0, 1.0), (0.8, 0.8), None, 0.0)


def xs(candidates: list[StripStitch], known: Calibration = PLAIN) -> list[float]:
    return [float(s.seen.bites[:, 0].mean()) for s in choose(candidates, LINE, known)]


def test_a_clean_row_is_kept_from_left_to_right() -> None:
    assert xs([candidate(x) for x in (90, 30, 150, 210)]) == [30, 90, 150, 210]
    assert choose([], LINE, PLAIN) == []


def test_of_two_that_cross_the_surer_stands() -> None:
    row = [candidate(x) for x in (30, 90, 150)]
    assert xs([*row, candidate(90, 0.7, lean=30)]) == [30, 90, 150]
    assert xs([*row[:1], *row[2:], candidate(90, 0.7), candidate(92, 0.9, lean=30)]) == [30, 92, 150]


def test_strands_that_meet_at_a_bite_both_stand() -> None:
    knotted, leaving = candidate(30), candidate(28 + 25, lean=50)  # it crosses the first just below its end
    assert xs([knotted, leaving]) == [30, 53]


def test_a_doubtful_fork_is_a_free_end() -> None:
    row = [candidate(x) for x in (30, 90, 150)]
    assert xs([*row, candidate(115, 0.6, lean=50)]) == [30, 90, 115, 150]
    assert xs([*row, candidate(115, 0.4, lean=50)]) == [30, 90, 150]
    assert xs([*row, candidate(120, 0.4)]) == [30, 90, 120, 150]


def test_a_pass_tied_round_a_corner_counts_once() -> None:
    row = [candidate(x, lean=40) for x in (30, 90, 150, 210)]  # the last one from (190, 40) to (230, 88)
    end = replace(candidate(240, lean=-20), knot=np.array([249.0, 43.0]), knot_probability=0.8)
    assert xs([*row, end]) == [30, 90, 150, 210]
    assert xs([*row, replace(end, knot=np.array([231.0, 85.0]))]) == [30, 90, 150, 210, 240]
    assert xs([*row[:-1], end]) == [30, 90, 150, 240]
    knotted = [replace(s, knot=s.bites[0], knot_probability=0.8) for s in [*row, end]]
    assert xs(knotted) == [30, 90, 150, 210, 240]


def test_what_lies_beside_the_line_is_no_stitch() -> None:
    row = [candidate(x) for x in (30, 90, 150)]
    assert xs([*row, candidate(210, top=2, bottom=40)]) == [30, 90, 150]
    assert [
        s.seen.bites[0, 0] for s in choose([candidate(210, top=2, bottom=40)], np.zeros((0, 2)), PLAIN)
    ] == [210]


def test_two_strands_of_one_stitch_count_once() -> None:
    assert xs([candidate(x) for x in (30, 90, 150, 210)] + [candidate(99, 0.6)]) == [30, 90, 150, 210]


def test_among_sure_stitches_a_doubtful_mark_is_none() -> None:
    ends = [candidate(30, 0.2), candidate(270, 0.2)]
    assert xs([candidate(x) for x in (90, 150, 210)] + ends) == [90, 150, 210]
    assert xs([candidate(x, 0.5) for x in (90, 150, 210)] + ends) == [30, 90, 150, 210, 270]


def test_the_confidence_is_the_logistic_of_what_is_seen() -> None:
    (one,) = choose([candidate(30, 0.8)], LINE, PLAIN)
    assert one.confidence == pytest.approx(0.8)
    (one,) = choose([candidate(30, 0.8)], LINE, Calibration((1.0,), 1.0))
    assert one.confidence == pytest.approx(1 / (1 + 0.25 * np.exp(-1)))
    assert xs([candidate(30, 0.1)]) == []


def test_as_calibrated_weak_bites_and_strangers_to_the_row_are_less_sure() -> None:
    row = [candidate(x, 0.9) for x in (30, 90, 150, 210, 270)]

    def last(other: StripStitch) -> float:
        known = replace(shipped(), confidence_offset=shipped().confidence_offset + 3)  # so that all are kept
        return choose([*row[:-1], other], LINE, known)[-1].confidence

    usual = last(row[-1])
    assert last(replace(row[-1], bite_heat=(0.8, 0.05))) < usual
    assert last(candidate(270, 0.9, top=57, bottom=73)) < usual
    assert last(candidate(270, 0.6)) < usual
