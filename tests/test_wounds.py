"""Which of the places that were read are wounds."""

from __future__ import annotations

import numpy as np
import pytest

from assessor.photo import perception
from assessor.photo.perception import find_wounds
from assessor.results import StitchFinding, WoundFinding

PAD = np.zeros((300, 400, 3), np.uint8)


def row(y: float, *confidences: float) -> WoundFinding:
    stitches = tuple(
        StitchFinding(((40.0 + 30 * k, y - 12), (40.0 + 30 * k, y + 12)), (0.5, 0.5), (False, False), sure)
        for k, sure in enumerate(confidences)
    )
    return WoundFinding(((20.0, y), (380.0, y)), 0.9, 1.0, stitches)


def found(monkeypatch: pytest.MonkeyPatch, rows: list[WoundFinding]) -> tuple[WoundFinding, ...]:
    """What is made of these rows, each read at a place of its own."""
    monkeypatch.setattr(perception, "find_places", lambda photo: rows)
    monkeypatch.setattr(perception, "read_place", lambda photo, place, known: place)
    monkeypatch.setattr(perception, "as_finding", lambda photo, view, known: view)
    return find_wounds(PAD)


@pytest.mark.parametrize(
    ("beside", "wounds"),
    [
        ((0.9, 0.8, 0.9), 2),
        ((0.6, 0.3, 0.3, 0.3), 1),  # a ruler's ticks
        ((0.9,), 1),  # a free end
    ],
)
def test_beside_a_sutured_wound_only_likely_stitches_make_another(
    monkeypatch: pytest.MonkeyPatch, beside: tuple[float, ...], wounds: int
) -> None:
    rows = [row(80, *[0.95] * 6), row(220, *beside)]
    assert found(monkeypatch, rows[::-1]) == tuple(rows[:wounds])


def test_a_doubtful_wound_that_is_the_only_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(found(monkeypatch, [row(80, 0.3, 0.2)])) == 1
