"""Interrupted told from running by knots and lean; declared techniques checked against the photo."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from pads import finding, moved, similarity, straight, wound

from assessor.errors import OptionError
from assessor.photo.technique import recognise, running_probability, without_marks
from assessor.results import TECHNIQUES, StitchFinding, WoundFinding

AT = [10, 20, 30, 40, 50, 60, 70]
ENDS = [True, False, False, False, False, False, True]


def codes(w: WoundFinding, declared: str | None) -> list[str]:
    return [n.code for n in recognise(w, declared)[1]]


def test_a_knot_at_every_square_stitch_is_interrupted() -> None:
    technique, notices = recognise(wound(straight(AT)), None)
    assert (technique.name, technique.declared, notices) == ("simple_interrupted", False, ())
    assert technique.confidence > 0.95


def test_diagonals_with_knots_at_the_ends_are_running() -> None:
    technique, notices = recognise(wound(straight(AT, slant=10, knots=ENDS)), None)
    assert (technique.name, notices) == ("simple_running", ())
    assert technique.confidence > 0.95


def test_square_running_is_known_by_its_missing_knots() -> None:
    assert recognise(wound(straight(AT, knots=ENDS)), None)[0].name == "simple_running"


def test_a_leaning_hand_with_knots_is_still_interrupted() -> None:
    assert recognise(wound(straight(AT, slant=4)), None)[0].name == "simple_interrupted"


def test_missed_knots_do_not_turn_interrupted_into_running() -> None:
    some = [True, False, True, True, False, True, True]
    assert recognise(wound(straight(AT, knots=some)), None)[0].name == "simple_interrupted"


def test_contradicting_evidence_is_unknown_and_says_so() -> None:
    """Two of five inner knots, at a lean between the two techniques'."""
    w = wound(straight(AT, slant=4, knots=[True, True, False, False, True, False, True]))
    technique, notices = recognise(w, None)
    assert technique.name == "unknown"
    assert [n.code for n in notices] == ["technique_unknown"]
    assert technique.confidence < 0.5


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_stitches_are_unknown(n: int) -> None:
    w = wound(straight(AT[:n]))
    technique, notices = recognise(w, None)
    assert (technique.name, technique.confidence) == ("unknown", 0.0)
    assert notices[0].text.startswith(f"{n} stitch")
    assert running_probability(w) is None


def test_cut_stitches_are_no_evidence() -> None:
    cut = [replace(s, cut=True) for s in straight(AT, slant=10, knots=False)]
    assert running_probability(wound(cut)) is None
    both = wound([*straight(AT), *[replace(s, cut=True) for s in straight([80, 90], slant=12, knots=False)]])
    assert recognise(both, None)[0].name == "simple_interrupted"


def test_position_direction_and_incision_do_not_matter() -> None:
    w = wound(straight(AT, slant=-10, knots=ENDS))
    turned = moved(w, similarity(2.0, 7.0, (300, -40)), 7.0)
    assert running_probability(turned) == pytest.approx(running_probability(w), rel=1e-6)
    assert recognise(replace(w, incision_px=None), None)[0].name == "simple_running"
    assert w.incision_px is not None
    assert recognise(replace(w, incision_px=w.incision_px[::-1]), None)[0].name == "simple_running"


def test_the_confidence_is_about_right_on_random_rows() -> None:
    """Of rows named with some confidence, that share is named rightly; and most are named."""
    rng = np.random.default_rng(3)
    named = right = 0
    confidence = 0.0
    for i in range(200):
        running = bool(i % 2)
        n = int(rng.integers(4, 10))
        at = 10 * np.arange(1, n + 1) + rng.normal(0, 0.8, n)
        lean = rng.normal(0, 7)
        if running:
            lean += math.copysign(45, rng.normal())
        tied = np.array([k in (0, n - 1) for k in range(n)]) if running else np.ones(n, bool)
        seen = rng.random(n) < np.where(tied, 0.85, 0.08)
        slants = 10 * np.tan(np.radians(lean + rng.normal(0, 6, n)))
        rows = [straight([x], slant=s, knots=bool(k))[0] for x, s, k in zip(at, slants, seen, strict=True)]
        technique, _ = recognise(wound(rows), None)
        if technique.name != "unknown":
            named += 1
            right += technique.name == ("simple_running" if running else "simple_interrupted")
            confidence += technique.confidence
    assert named >= 180
    assert right / named >= confidence / named - 0.03


@pytest.mark.parametrize("name", [t for t in TECHNIQUES if t != "unknown"])
def test_a_declared_technique_stands(name: str) -> None:
    technique, _ = recognise(wound(straight(AT[:6])), name)
    assert (technique.name, technique.confidence, technique.declared) == (name, 1.0, True)


def test_declared_unknown_is_undeclared() -> None:
    technique, _ = recognise(wound(straight(AT)), "unknown")
    assert (technique.name, technique.declared) == ("simple_interrupted", False)


@pytest.mark.parametrize(
    ("declared", "stitches", "expected"),
    [
        ("simple_interrupted", straight(AT), []),
        ("simple_interrupted", straight(AT, slant=10, knots=ENDS), ["technique_disagrees"]),
        ("simple_running", straight(AT, slant=10, knots=ENDS), []),
        ("simple_running", straight(AT), ["technique_disagrees"]),
        ("simple_running", straight(AT[:2]), []),
        ("staples", straight(AT, knots=False), []),
        ("subcuticular", [], ["technique_hidden"]),
        ("subcuticular", straight(AT), ["technique_hidden", "technique_disagrees"]),
        ("buried", [finding((10, -5), (10, 5))], ["technique_hidden"]),
        ("horizontal_mattress", straight(AT[:6]), []),
        ("horizontal_mattress", straight(AT), ["passes_unpaired"]),
        ("vertical_mattress", straight(AT), []),
    ],
)
def test_what_the_photo_contradicts_is_said(
    declared: str, stitches: list[object], expected: list[str]
) -> None:
    assert codes(wound(stitches), declared) == expected  # type: ignore[arg-type]


def looking_like(name: str, stitches: list[StitchFinding], p: float = 0.999) -> WoundFinding:
    rest = (1 - p) / (len(TECHNIQUES) - 1)
    log_p = tuple(math.log(p if t == name else rest) for t in TECHNIQUES)
    return replace(wound(stitches), technique_log_p=log_p)


@pytest.mark.parametrize("name", ["staples", "vertical_mattress", "horizontal_mattress", "figure_of_eight"])
def test_what_it_looks_like_is_told_and_held_against_what_is_declared(name: str) -> None:
    w = looking_like(name, straight(AT[:6], knots=[True, False] * 3))
    technique, notices = recognise(w, None)
    assert (technique.name, notices) == (name, ())
    assert technique.confidence > 0.95
    assert codes(w, name) == []
    assert codes(w, "simple_interrupted") == ["technique_disagrees"]


def test_what_is_practised_less_must_look_it_the_more() -> None:
    assert recognise(looking_like("staples", straight(AT), 0.2), None)[0].name == "simple_interrupted"
    assert recognise(looking_like("staples", straight(AT), 0.9), None)[0].name == "unknown"


def test_knots_and_lean_weigh_in_where_looks_leave_it_open() -> None:
    """Looks cannot tell interrupted from running here; the row's geometry can."""
    either = tuple(math.log(0.49 if t.startswith("simple_") else 0.02 / 8) for t in TECHNIQUES)
    for stitches, name in (
        (straight(AT), "simple_interrupted"),
        (straight(AT, slant=10, knots=ENDS), "simple_running"),
    ):
        assert recognise(replace(wound(stitches), technique_log_p=either), None)[0].name == name


def test_a_closed_line_without_stitches_is_told_from_an_open_cut() -> None:
    assert recognise(looking_like("subcuticular", []), None)[0].name == "subcuticular"
    technique, notices = recognise(looking_like("unknown", []), None)
    assert technique.name == "unknown"
    assert [n.code for n in notices] == ["technique_unknown"]
    few = recognise(looking_like("staples", straight(AT[:2])), None)
    assert (few[0].name, few[0].confidence) == ("unknown", 0.0)


def test_strokes_of_a_pen_on_a_hidden_closure_are_no_stitches() -> None:
    w = looking_like("subcuticular", straight(AT, knots=False))
    left, notices = without_marks(w, None)
    assert (left.stitches, left.incision_px) == ((), w.incision_px)
    assert [n.code for n in notices] == ["marks_not_stitches"]
    assert recognise(left, None)[0].name == "subcuticular"


def test_of_two_hidden_closures_it_need_not_be_known_which() -> None:
    log_p = tuple(math.log(0.495 if t in ("subcuticular", "buried") else 0.01 / 8) for t in TECHNIQUES)
    w = replace(wound(straight(AT, knots=False)), technique_log_p=log_p)
    assert without_marks(w, None)[0].stitches == ()


@pytest.mark.parametrize(
    ("w", "declared"),
    [
        (looking_like("subcuticular", straight(AT)), "simple_interrupted"),
        (looking_like("subcuticular", straight(AT), 0.2), None),
        (looking_like("staples", straight(AT)), None),
        (looking_like("subcuticular", straight(AT[:2])), None),
        (wound(straight(AT)), None),
    ],
    ids=["declared", "hardly so", "another", "too few", "no looks"],
)
def test_all_other_stitches_stay(w: WoundFinding, declared: str | None) -> None:
    assert without_marks(w, declared) == (w, ())


def test_a_technique_of_no_such_name_is_refused() -> None:
    with pytest.raises(OptionError) as error:
        recognise(wound([]), "blanket")
    assert error.value.code == "unknown_technique"
    assert "running_locking" in error.value.hint
