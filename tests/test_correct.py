"""Points that a person set right: what was touched changes, everything else stays."""

from __future__ import annotations

import dataclasses
import math

import pytest

from assessor.errors import OptionError
from assessor.photo.correct import HAND_SD_PX, MOST_STITCHES, SeenStitch, correct
from assessor.photo.measure import measure
from assessor.results import TECHNIQUES, Point, StitchFinding, WoundFinding

WIDTH, HEIGHT = 1000, 800
UNTOUCHED = (
    (
        SeenStitch(((200.0, 350.0), (200.0, 450.0)), (200.0, 452.0)),
        SeenStitch(((300.0, 350.0), (300.0, 450.0))),
    ),
)


def wound(shift: float = 0.0) -> WoundFinding:
    first = StitchFinding(
        ((200.0, 350.0 + shift), (200.0, 450.0 + shift)),
        (0.4, 0.6),
        (False, True),
        0.8,
        (200.0, 452.0 + shift),
        tails_px=(30.0, 31.0),
    )
    second = StitchFinding(((300.0, 350.0 + shift), (300.0, 450.0 + shift)), (0.5, 0.5), (False, False), 0.7)
    return WoundFinding(((100.0, 400.0 + shift), (400.0, 400.0 + shift)), 0.9, 0.3, (first, second))


def with_bite(side: int, point: Point) -> tuple[tuple[SeenStitch, ...], ...]:
    first, second = UNTOUCHED[0]
    bites = (point, first.bites[1]) if side == 0 else (first.bites[0], point)
    return ((dataclasses.replace(first, bites=bites), second),)


def looked_at(stitch: StitchFinding) -> StitchFinding:
    """The same, by a person who left it as it is: sure to be a stitch, its bites no surer."""
    return dataclasses.replace(stitch, confidence=1.0)


def test_what_nobody_touched_stays_where_it_was_seen() -> None:
    expected = dataclasses.replace(wound(), stitches=tuple(map(looked_at, wound().stitches)))
    assert correct([wound()], UNTOUCHED, WIDTH, HEIGHT) == (expected,)


def test_a_moved_bite_has_the_hands_uncertainty_and_changes_only_its_own_length() -> None:
    (found,) = correct([wound()], with_bite(0, (200.0, 330.0)), WIDTH, HEIGHT)
    first, second = found.stitches
    assert first.bites_px == ((200.0, 330.0), (200.0, 450.0))
    assert first.bite_sd_px == (HAND_SD_PX, 0.6)
    assert first.inferred == (False, True)
    assert first.tails_px == (30.0, 31.0)  # the knot is where it was
    assert second == looked_at(wound().stitches[1])
    before, _ = measure(wound(), None, "simple_interrupted")
    after, _ = measure(found, None, "simple_interrupted")
    assert after[0].length_px == pytest.approx(before[0].length_px + 20)
    assert after[1] == dataclasses.replace(before[1], confidence=1.0)


def test_what_a_person_calls_stitches_is_no_hidden_closure() -> None:
    log_p = tuple(math.log(0.9 if t == "buried" else 0.1 / 9) for t in TECHNIQUES)
    (corrected,) = correct([dataclasses.replace(wound(), technique_log_p=log_p)], UNTOUCHED, WIDTH, HEIGHT)
    assert corrected.technique_log_p is not None
    chances = dict(zip(TECHNIQUES, map(math.exp, corrected.technique_log_p), strict=True))
    assert (chances["buried"], chances["subcuticular"]) == (0, 0)
    assert chances["staples"] == pytest.approx(0.1 / 9)


def test_a_hand_is_less_exact_on_a_large_photo() -> None:
    (found,) = correct([wound()], with_bite(1, (200.0, 470.0)), 4000, 3000)
    assert found.stitches[0].bite_sd_px == (0.4, 4.0)


def test_a_moved_knot_forgets_its_ends() -> None:
    first, second = UNTOUCHED[0]
    seen = ((dataclasses.replace(first, knot=(205.0, 460.0)), dataclasses.replace(second, knot=None)),)
    (found,) = correct([wound()], seen, WIDTH, HEIGHT)
    assert found.stitches[0].knot_px == (205.0, 460.0)
    assert found.stitches[0].tails_px == ()
    assert found.stitches[0].bite_sd_px == (0.4, 0.6)


def test_stitches_are_added_and_taken_away() -> None:
    new = SeenStitch(((250.0, 455.0), (250.0, 345.0)), None)  # right bite first: measuring turns it
    (found,) = correct([wound()], ((UNTOUCHED[0][1], new),), WIDTH, HEIGHT)
    stitches, metrics = measure(found, None, "simple_interrupted")
    assert [s.bites[0] for s in stitches] == [(250.0, 345.0), (300.0, 350.0)]
    assert metrics["stitch_count"].value == pytest.approx(2, abs=0.5)
    assert correct([wound()], ((),), WIDTH, HEIGHT)[0].stitches == ()


def test_each_wound_gets_its_own_stitches_in_whatever_order_they_are_found() -> None:
    def moved(shift: float) -> tuple[SeenStitch, ...]:
        return tuple(
            SeenStitch(((s.bites[0][0], s.bites[0][1] + shift), (s.bites[1][0], s.bites[1][1] + shift)), None)
            for s in UNTOUCHED[0]
        )

    low, high = wound(200.0), wound()
    found = correct([low, high], (moved(0.0), moved(200.0)), WIDTH, HEIGHT)
    assert [w.incision_px for w in found] == [high.incision_px, low.incision_px]


def test_a_wound_that_is_not_found_again_is_measured_by_its_stitches_alone() -> None:
    (found,) = correct([], UNTOUCHED, WIDTH, HEIGHT)
    assert found.incision_px is None
    assert [s.bite_sd_px for s in found.stitches] == [(HAND_SD_PX, HAND_SD_PX)] * 2
    assert correct([wound()], (), WIDTH, HEIGHT) == ()


@pytest.mark.parametrize("point", [(-1.0, 10.0), (10.0, HEIGHT), (WIDTH, 10.0), (float("nan"), 1.0)])
def test_a_point_outside_the_photo_is_refused(point: Point) -> None:
    with pytest.raises(OptionError) as caught:
        correct([wound()], with_bite(0, point), WIDTH, HEIGHT)
    assert caught.value.code == "bad_correction"


def test_too_many_stitches_are_refused() -> None:
    with pytest.raises(OptionError):
        correct([wound()], ((UNTOUCHED[0][0],) * (MOST_STITCHES + 1),), WIDTH, HEIGHT)
