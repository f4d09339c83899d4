"""Hints: one to three, the costliest first, naming stitches and millimetres, never within the noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pads import straight, wound

from assessor.photo.measure import measure
from assessor.results import Hint, Scale, StitchFinding, Technique
from assessor.rubric import hints, judge, load_rubric, words

MM = Scale(1.0, 0.01, "given")
EVEN = [10, 17, 24, 31, 38, 45, 52, 59]


def hints_for(
    stitches: list[StitchFinding],
    *,
    scale: Scale | None = MM,
    rubric: str = "skin-pad",
    technique: str = "simple_interrupted",
    end: float = 68,
) -> tuple[Hint, ...]:
    found, metrics = measure(wound(stitches, ((0, 0), (end, 0))), scale, technique)
    chosen = load_rubric(rubric)
    judged, _ = judge(metrics, chosen)
    return hints(found, judged, chosen, Technique(technique, 1.0, True))


def texts(found: tuple[Hint, ...]) -> list[str]:
    return [h.text for h in found]


def test_short_bites_are_named_with_their_millimetres() -> None:
    right = [5, 5, 3, 5, 5, 3, 5, 5]
    (hint,) = [h for h in hints_for(straight(EVEN, 5, right, sd=0.05)) if h.code == "bites_uneven_sides"]
    assert hint.text == "Stitches 3 and 6: right bite 2 mm shorter than left."
    assert hint.stitches == (2, 5)


def test_without_a_scale_the_same_hint_speaks_in_per_cent() -> None:
    right = [5, 5, 3, 5, 5, 3, 5, 5]
    found = hints_for(straight(EVEN, 5, right, sd=0.05), scale=None)
    assert "Stitches 3 and 6: right bite 40 % shorter than left." in texts(found)
    assert not any(" mm" in t or "px" in t for t in texts(found))


def test_a_hand_that_always_errs_to_one_side_is_told_so() -> None:
    found = hints_for(straight(EVEN, [2.5, 2, 2.5, 3, 2.5, 2.5, 3, 2], 5, sd=0.05))
    (hint,) = [h for h in found if h.code == "bites_uneven_sides"]
    assert hint.text.startswith("Stitches 1, 2 and 8: left bite")
    assert hint.text.endswith("It is so in 8 of 8: start further from the edge on the left.")


def test_nothing_is_said_within_the_uncertainty() -> None:
    """The same bites, seen so coarsely that 2 mm may be the photo's."""
    right = [5, 5, 3.6, 5, 5, 3.6, 5, 5]
    clear = hints_for(straight(EVEN, 5, right, sd=0.05))
    coarse = hints_for(straight(EVEN, 5, right, sd=0.9))
    assert "bites_uneven_sides" in [h.code for h in clear]
    assert "bites_uneven_sides" not in [h.code for h in coarse]


@pytest.mark.parametrize(
    ("stitches", "code", "text"),
    [
        (
            straight([10, 13, 16, 19, 22, 25], 5, 5, sd=0.05),
            "spacing_close",
            "Stitches are too close: 3 mm on average. Aim for 5 to 10 mm.",
        ),
        (
            straight([10, 24, 38, 52, 66], 5, 5, sd=0.05),
            "spacing_wide",
            "Stitches are too far apart: 14 mm on average. Aim for 5 to 10 mm.",
        ),
        (
            straight(EVEN, 2, 2.5, sd=0.05),
            "bites_short",
            "Bites are too short: 2 mm left and 2.5 mm right on average. Aim for 4 to 6 mm.",
        ),
        (
            straight(EVEN, 5, 9, sd=0.05),
            "bites_long",
            "Bites are too long: 9 mm right on average. Aim for 4 to 6 mm.",
        ),
        (
            straight([10, 17, 24, 31, 45, 52, 59], 5, 5, sd=0.05),
            "spacing_uneven",
            "Gap between stitches 4 and 5: 14 mm, the others about 7 mm. Is a stitch missing there?",
        ),
        (
            straight(EVEN, [5, 5, 5, 2, 5, 5, 5, 5], [5, 5, 5, 2, 5, 5, 5, 5], sd=0.05),
            "bites_uneven",
            "Stitch 4: 4 mm long, the others about 10 mm. Take every bite at the same distance.",
        ),
        (
            straight(EVEN, 5, 5, slant=5, sd=0.05),
            "stitches_lean",
            "The stitches lean by 27 degrees on average: go in and come out straight across the wound.",
        ),
    ],
)
def test_each_fault_has_its_words(stitches: list[StitchFinding], code: str, text: str) -> None:
    found = {h.code: h.text for h in hints_for(stitches)}
    assert found[code] == text


def test_leaning_stitches_are_named() -> None:
    stitches = straight(EVEN, 5, 5, sd=0.05)
    stitches[1] = straight([17], 5, 5, slant=6, sd=0.05)[0]
    stitches[4] = straight([38], 5, 5, slant=-7, sd=0.05)[0]
    stitches[6] = straight([52], 5, 5, slant=-6, sd=0.05)[0]
    found = {h.code: h for h in hints_for(stitches)}
    assert found["stitches_not_parallel"].stitches == (1, 4, 6)
    assert found["stitches_not_parallel"].text.startswith("Stitches 2, 5 and 7 not parallel")


def test_knots_and_tails() -> None:
    stitches = [replace(s, tails_px=(1.0,)) for s in straight(EVEN, 5, 5, sd=0.05)]
    for i in (1, 4):
        stitches[i] = replace(stitches[i], knot_px=(stitches[i].bites_px[0][0], -4.0))
    found = {h.code: h for h in hints_for(stitches)}
    assert found["knots_both_sides"].text == "Stitches 2 and 5: knot on the left. Bring all to one side."
    assert found["knots_both_sides"].stitches == (1, 4)
    assert found["tails_short"].text == "Thread ends are too short: 1 mm on average. Leave 3 to 7 mm."


def test_a_bare_end_is_seen_though_no_rubric_asks() -> None:
    found = {h.code: h.text for h in hints_for(straight(EVEN, 5, 5, sd=0.05), end=90)}
    assert found["end_bare"].startswith("31 mm of the wound lie bare at one end")


def test_running_diagonals_are_held_to_their_own_angle() -> None:
    right = hints_for(
        straight(EVEN, 5, 5, slant=7, sd=0.05), rubric="skin-pad-running", technique="simple_running"
    )
    square = hints_for(straight(EVEN, 5, 5, sd=0.05), rubric="skin-pad-running", technique="simple_running")
    assert [h.code for h in right] == ["well_done"]
    assert [h.code for h in square] == ["stitches_lean"]
    assert "The diagonals lie at 90 degrees" in square[0].text


def test_targets_without_words_of_their_own_speak_plainly() -> None:
    stitches = straight([10, 30, 40, 60, 70, 90], 6, 6, sd=0.05)
    found = hints_for(stitches, rubric="horizontal-mattress", technique="horizontal_mattress", end=100)
    assert "Distance between the two passes: 20 mm. Aim for 4 to 8 mm." in texts(found)


def test_the_costliest_comes_first_and_three_at_most() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        n = 8
        at = np.cumsum(rng.uniform(3, 14, n))
        found = hints_for(
            straight(list(at), list(rng.uniform(1, 9, n)), list(rng.uniform(1, 9, n)), slant=3, sd=0.05),
            end=120,
        )
        assert 1 <= len(found) <= 3
        assert len({h.code for h in found}) == len(found)
        assert all(0 <= i < n for h in found for i in h.stitches)
    worst = hints_for(straight([10, 12, 30, 32, 50, 52], 5, [5, 5, 5, 5, 5, 3], sd=0.05))
    assert worst[0].code == "spacing_uneven"


def test_a_good_row_is_told_what_was_best() -> None:
    (hint,) = hints_for(straight(EVEN, 5, 5, sd=0.05))
    assert hint.code == "well_done"
    assert hint.text == (
        "All that could be measured is inside its target. Keep it so; "
        "best: even spacing and bite in proportion to spacing."
    )


@pytest.mark.parametrize(
    ("stitches", "technique", "code"),
    [
        ([], "simple_interrupted", "no_stitches"),
        ([], "unknown", "no_stitches"),
        ([replace(s, cut=True) for s in straight([10, 20])], "simple_interrupted", "all_cut"),
        ([], "subcuticular", "technique_hidden"),
        (straight(EVEN), "buried", "technique_hidden"),
        (straight(EVEN, sd=20.0), "staples", "too_coarse"),
        ([replace(s, confidence=0.3) for s in straight(EVEN)], "simple_interrupted", "doubtful"),
    ],
)
def test_where_nothing_was_measured_it_says_what_to_do(
    stitches: list[StitchFinding], technique: str, code: str
) -> None:
    rubric = "staples" if technique == "staples" else "skin-pad"
    (hint,) = hints_for(stitches, technique=technique, rubric=rubric, scale=None)
    assert hint.code == code


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.254, "0.25 mm"),
        (0.3, "0.3 mm"),
        (2.04, "2 mm"),
        (3.14159, "3.1 mm"),
        (9.96, "10 mm"),
        (27.4, "27 mm"),
    ],
)
def test_millimetres_are_written_short(x: float, text: str) -> None:
    assert words.mm(x) == text
