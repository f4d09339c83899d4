"""Measured stitches and metrics against values worked out by hand, what must not change."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pads import SCALE, SIMPLE, finding, metrics_of, moved, similarity, straight, value, wound

from assessor.photo.measure import measure
from assessor.photo.validity import METRICS
from assessor.results import Scale

# --- hand-computed --------------------------------------------------------------------------------


def test_every_metric_by_hand() -> None:
    """Incision y = 0 from 0 to 100; 0.1 mm a pixel; gaps 10, 20, 10, 20; left 4, right 6 but one 2."""
    stitches = straight([10, 20, 40, 50, 70], left=4, right=[6, 6, 6, 6, 2])
    stitches = [replace(s, tails_px=(30.0, 50.0)) for s in stitches]
    stitches[3] = replace(stitches[3], knot_px=(50.0, -3.0))
    m = metrics_of(wound(stitches))
    assert value(m, "stitch_count") == 5
    assert value(m, "spacing_mm") == pytest.approx(1.5)
    assert value(m, "spacing_cv") == pytest.approx(math.sqrt(100 / 3) / 15)  # sd of 10 20 10 20, ddof 1
    assert value(m, "bite_left_mm") == pytest.approx(0.4)
    assert value(m, "bite_right_mm") == pytest.approx(0.52)
    assert value(m, "total_bite_mm") == pytest.approx(0.92)
    assert value(m, "bite_cv") == pytest.approx(math.sqrt(12.8 / 4) / 9.2)  # 10 10 10 10 6
    assert value(m, "symmetry") == pytest.approx((4 * 4 / 6 + 2 / 4) / 5)
    assert value(m, "bite_bias") == pytest.approx((4 * 0.2 - 1 / 3) / 5)
    assert value(m, "bite_travel_ratio") == pytest.approx(9.2 / 15)
    assert value(m, "angle_deg") == pytest.approx(90)
    assert value(m, "angle_spread_deg") == pytest.approx(0, abs=1e-4)
    assert value(m, "row_straightness_mm") == pytest.approx(0.1 * math.sqrt(3.2 / 2))  # only right strays
    assert value(m, "knot_side_share") == pytest.approx(4 / 5)
    assert value(m, "tail_mm") == pytest.approx(4.0)
    assert value(m, "end_gap_mm") == pytest.approx(3.0)  # the end of the wound; its start has 1.0
    assert value(m, "coverage") == pytest.approx(0.6)
    assert {name: m[name].n for name in ("spacing_mm", "bite_left_mm", "tail_mm", "end_gap_mm")} == {
        "spacing_mm": 4,
        "bite_left_mm": 5,
        "tail_mm": 10,
        "end_gap_mm": 2,
    }
    assert {x.status for x in m.values()} == {"measured"}
    assert set(m) == set(METRICS)


def test_stitch_fields_by_hand() -> None:
    """A 3-4-5 slant: bites 4 and 8 across, 9 along, so 15 long at 53.13 degrees."""
    stitch = finding((20, -4), (29, 8), sds=(0.5, 1.0), inferred=(False, True), knot=(29, 8), confidence=0.7)
    (s,), _ = measure(wound([stitch]), Scale(0.1, 0.02, "ruler"), SIMPLE)
    assert (s.bite_left_px, s.bite_right_px, s.length_px) == (
        pytest.approx(4),
        pytest.approx(8),
        pytest.approx(15),
    )
    assert (s.bite_left_mm, s.bite_right_mm, s.length_mm) == (
        pytest.approx(0.4),
        pytest.approx(0.8),
        pytest.approx(1.5),
    )
    assert s.angle_deg == pytest.approx(math.degrees(math.atan2(12, 9)))
    assert s.symmetry == pytest.approx(0.5)
    # across the wound: 0.8 of the along-thread sd and 0.6 of the across-thread one, 0.65 of it
    across = math.hypot(0.8, 0.6 * 0.65)
    assert s.bite_left_sd_mm == pytest.approx(math.hypot(0.1 * 0.5 * across, 0.4 * 0.02))
    assert s.bite_right_sd_mm == pytest.approx(math.hypot(0.1 * 1.0 * across, 0.8 * 0.02))
    assert s.length_sd_mm == pytest.approx(math.hypot(0.1 * math.hypot(0.5, 1.0), 1.5 * 0.02))
    assert s.angle_sd_deg == pytest.approx(math.degrees(0.65 * math.hypot(0.5, 1.0) / 15))
    assert s.symmetry_sd == pytest.approx(math.hypot(0.5 * across, 0.5 * across) / 8)
    assert (s.inferred, s.knot, s.confidence, s.cut) == ((False, True), (29, 8), 0.7, False)


def test_an_inferred_bite_is_less_sure() -> None:
    at = [10, 20, 30, 40]
    sure = metrics_of(wound(straight(at, sd=0.3)))
    hidden = metrics_of(wound([replace(s, bite_sd_px=(0.3, 0.6)) for s in straight(at, sd=0.3)]))
    assert hidden["bite_right_mm"].sd == pytest.approx(2 * (sure["bite_right_mm"].sd or 0))
    assert hidden["bite_left_mm"].sd == pytest.approx(sure["bite_left_mm"].sd)


def test_slanted_stitches_meet_the_incision_where_the_thread_does() -> None:
    """Equal gaps although the middles are not: unequal bites on a slant shift the middles."""
    stitches = straight([10, 30, 50, 70, 90], left=[2, 8, 2, 8, 2], right=[8, 2, 8, 2, 8], slant=6)
    m = metrics_of(wound(stitches))
    assert value(m, "spacing_mm") == pytest.approx(2.0)
    assert value(m, "spacing_cv") == pytest.approx(0, abs=1e-6)
    assert value(m, "angle_deg") == pytest.approx(math.degrees(math.atan2(10, 6)))


def test_angles_are_averaged_as_directions() -> None:
    """80 and 100 degrees: square on average, with a spread; not 80 twice."""
    lean = 10 / math.tan(math.radians(80))
    stitches = [s for i, x in enumerate((10, 30, 50, 70)) for s in straight([x], slant=lean * (-1) ** i)]
    found, m = measure(wound(stitches), SCALE, SIMPLE)
    assert [s.angle_deg for s in found] == [pytest.approx(80)] * 4
    assert value(m, "angle_deg") == pytest.approx(90)
    # doubled angles 160 and 200 have R = cos 20; n / (n - 1) for four
    spread = math.degrees(math.sqrt(-2 * math.log(math.cos(math.radians(20)))) / 2) * math.sqrt(4 / 3)
    assert value(m, "angle_spread_deg") == pytest.approx(spread)


def test_a_curved_incision_gives_arc_lengths() -> None:
    """Radial stitches on a circle of radius 100, 10 degrees apart, 6 inside and 4 outside."""
    angles = np.radians(np.arange(15, 76, 10.0))
    ring = np.radians(np.linspace(0, 90, 19))
    # walking with growing angle (clockwise on screen, y down) the outside lies left
    stitches = [
        finding(104 * np.array([np.cos(a), np.sin(a)]), 94 * np.array([np.cos(a), np.sin(a)])) for a in angles
    ]
    m = metrics_of(wound(stitches, 100 * np.column_stack([np.cos(ring), np.sin(ring)])))
    assert value(m, "spacing_mm") == pytest.approx(10 * math.radians(10), rel=1e-3)
    assert value(m, "bite_left_mm") == pytest.approx(0.4, abs=2e-3)
    assert value(m, "bite_right_mm") == pytest.approx(0.6, abs=2e-3)
    assert value(m, "angle_deg") == pytest.approx(90, abs=0.1)
    assert value(m, "coverage") == pytest.approx(60 / 90, abs=2e-3)


def test_a_tilted_photo_is_rectified_first() -> None:
    """A plane seen at an angle: the homography gives back the millimetres, a plain factor does not."""
    flat = wound(straight([10, 20, 30, 40, 50], left=4, right=6), ((0, 0), (60, 0)))
    to_px = np.array([[8.0, 1.0, 300.0], [0.5, 6.0, 400.0], [0.001, 0.004, 1.0]])

    def project(p: np.ndarray) -> np.ndarray:
        q = np.column_stack([p, np.ones(len(p))]) @ to_px.T
        return q[:, :2] / q[:, 2:]

    back = tuple(tuple(float(x) for x in row) for row in np.linalg.inv(to_px))
    seen = moved(flat, project)
    stitches, m = measure(seen, Scale(0.14, 0.01, "card", px_to_mm=back), SIMPLE)
    assert value(m, "spacing_mm") == pytest.approx(10, rel=1e-6)
    assert value(m, "bite_left_mm") == pytest.approx(4, rel=1e-6)
    assert value(m, "bite_right_mm") == pytest.approx(6, rel=1e-6)
    assert value(m, "angle_deg") == pytest.approx(90, abs=1e-6)
    first = stitches[0]
    assert first.length_px == pytest.approx(math.dist(*first.bites))
    assert metrics_of(seen, Scale(0.14, 0.01, "given"))["bite_right_mm"].value != pytest.approx(6, rel=0.02)


def test_a_homography_with_y_up_keeps_left_left() -> None:
    upward = ((0.1, 0.0, 0.0), (0.0, -0.1, 0.0), (0.0, 0.0, 1.0))
    w = wound(straight([10, 20, 30], left=4, right=6))
    m = metrics_of(w, Scale(0.1, 0.0, "card", px_to_mm=upward))
    assert (value(m, "bite_left_mm"), value(m, "bite_right_mm")) == (pytest.approx(0.4), pytest.approx(0.6))


# --- what must not change, what must swap ---------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    angle=st.floats(-3.1, 3.1),
    factor=st.floats(0.2, 20),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    seed=st.integers(0, 1000),
)
def test_turning_moving_and_enlarging_change_nothing_but_the_scale(
    angle: float, factor: float, shift: tuple[float, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.uniform(8, 16, 7))
    stitches = straight(
        list(at), left=list(rng.uniform(3, 7, 7)), right=list(rng.uniform(3, 7, 7)), slant=1.0, sd=0.3
    )
    w = wound(stitches, ((0, 0), (30, 1), (60, 0), (120, -2)), line_sd=0.2)
    before = metrics_of(w)
    after = metrics_of(moved(w, similarity(angle, factor, shift), factor), Scale(0.1 / factor, 0.0, "given"))
    for name, m in before.items():
        assert after[name].status == m.status, name
        assert near(after[name].value, m.value), (name, after[name], m)
        assert near(after[name].sd, m.sd), (name, after[name], m)


def near(a: float | None, b: float | None) -> bool:
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=1e-3, abs_tol=2e-3)


def test_walking_the_incision_the_other_way_swaps_left_and_right() -> None:
    w = wound(straight([10, 25, 45, 60, 80], left=4, right=6, slant=2))
    assert w.incision_px is not None
    there, back = (
        measure(w, SCALE, SIMPLE),
        measure(replace(w, incision_px=w.incision_px[::-1]), SCALE, SIMPLE),
    )
    assert [s.bites for s in back[0]] == [s.bites[::-1] for s in reversed(there[0])]
    assert back[1]["bite_left_mm"].value == pytest.approx(there[1]["bite_right_mm"].value)
    assert back[1]["bite_bias"].value == pytest.approx(-value(there[1], "bite_bias"))
    same = set(METRICS) - {"bite_left_mm", "bite_right_mm", "bite_bias"}
    for name in same:
        assert back[1][name].value == pytest.approx(there[1][name].value, abs=1e-6), name


def test_order_and_sides_of_the_findings_do_not_matter() -> None:
    w = wound(straight([10, 20, 30, 40, 55], left=4, right=6))
    shuffled = [w.stitches[i] for i in (3, 0, 4, 1, 2)]
    shuffled[1] = replace(shuffled[1], bites_px=shuffled[1].bites_px[::-1])
    assert measure(replace(w, stitches=tuple(shuffled)), SCALE, SIMPLE) == measure(w, SCALE, SIMPLE)


# --- too few, unseen, cut -------------------------------------------------------------------------


@pytest.mark.parametrize("incision", [((0, 0), (100, 0)), None])
def test_an_empty_wound_measures_nothing(incision: tuple[tuple[float, float], ...] | None) -> None:
    stitches, m = measure(wound([], incision), SCALE, SIMPLE)
    assert stitches == ()
    assert {x.value for x in m.values()} == {None}
    assert m["stitch_count"].status == "not_seen"
    assert m["spacing_mm"].status == "too_few"


@pytest.mark.parametrize(
    ("n", "few", "enough"),
    [
        (
            1,
            ("spacing_mm", "spacing_cv", "bite_cv", "bite_travel_ratio"),
            ("bite_left_mm", "symmetry", "angle_deg"),
        ),
        (2, ("spacing_cv", "bite_cv", "angle_spread_deg"), ("spacing_mm", "bite_travel_ratio", "coverage")),
        (4, ("spacing_cv",), ("bite_cv", "angle_spread_deg", "row_straightness_mm")),
        (5, (), ("spacing_cv",)),
    ],
)
def test_regularity_needs_stitches(n: int, few: tuple[str, ...], enough: tuple[str, ...]) -> None:
    m = metrics_of(wound(straight(list(range(10, 10 + 15 * n, 15)))))
    assert {m[name].status for name in enough} == {"measured"}
    for name in few:
        assert (m[name].status, m[name].value) == ("too_few", None), name


def test_without_an_incision_sides_are_not_judged() -> None:
    stitches, m = measure(wound(straight([10, 20, 35, 45, 60], left=4, right=6), None), SCALE, SIMPLE)
    for name in ("bite_left_mm", "bite_right_mm", "symmetry", "bite_bias", "end_gap_mm", "coverage"):
        assert (m[name].status, m[name].value) == ("not_seen", None), name
    assert value(m, "total_bite_mm") == pytest.approx(1.0)
    assert value(m, "spacing_mm") == pytest.approx(1.25)
    assert value(m, "angle_deg") == pytest.approx(90)
    assert (m["angle_deg"].sd or 0) > 0  # the axis is only as sure as the middles are in line
    assert {(s.bite_left_mm, s.symmetry) for s in stitches} == {(None, None)}


def test_a_lone_stitch_without_an_incision_has_a_length_only() -> None:
    (s,), m = measure(wound(straight([10]), None), SCALE, SIMPLE)
    assert s.length_mm == pytest.approx(1.0)
    assert s.angle_deg is None
    assert m["angle_deg"].status == m["total_bite_mm"].status == "not_seen"


def test_cut_stitches_are_shown_and_left_out() -> None:
    whole = straight([30, 45, 60, 75, 90], left=4, right=6)
    cut = [replace(s, cut=True) for s in straight([10], left=1, right=1)]
    stitches, m = measure(wound(cut + whole), SCALE, SIMPLE)
    assert [s.cut for s in stitches] == [True] + [False] * 5
    assert (stitches[0].bite_left_mm, stitches[0].length_mm, stitches[0].angle_deg) == (None, None, None)
    alone = metrics_of(wound(whole))
    for name in set(METRICS) - {"coverage", "end_gap_mm"}:
        assert m[name] == alone[name], name
    assert m["coverage"].status == "not_seen"  # the wound goes on outside the photo
    assert value(m, "end_gap_mm") == pytest.approx(1.0)  # of the end that is in the photo


def test_an_incision_that_leaves_the_photo_has_no_end_there() -> None:
    whole = wound(straight([30, 45, 60, 75, 90]))  # its start is 3 mm from the first stitch, its end 1 mm
    gone = metrics_of(replace(whole, incision_cut=(True, False)))
    assert gone["coverage"].status == "not_seen"
    assert value(gone, "end_gap_mm") == pytest.approx(1.0)
    both = metrics_of(replace(whole, incision_cut=(True, True)))
    assert both["end_gap_mm"].status == "not_seen"
    for name in set(METRICS) - {"coverage", "end_gap_mm"}:
        assert both[name] == metrics_of(whole)[name], name


def test_a_gap_across_a_cut_stitch_is_no_gap() -> None:
    stitches = straight([10, 20, 30, 40, 50, 60])
    stitches[2] = replace(stitches[2], cut=True)
    m = metrics_of(wound(stitches))
    assert value(m, "spacing_mm") == pytest.approx(1.0)
    assert m["spacing_mm"].n == 3


def test_only_cut_stitches_measure_nothing() -> None:
    m = metrics_of(wound([replace(s, cut=True) for s in straight([10, 20])]))
    assert {x.value for x in m.values()} == {None}


def test_a_stitch_beside_the_wound_has_no_bites() -> None:
    stitches = [*straight([10, 20, 30, 40, 50]), finding((60, 3), (60, 12))]
    found, m = measure(wound(stitches), SCALE, SIMPLE)
    assert (found[-1].bite_left_mm, found[-1].symmetry) == (None, None)
    assert m["bite_left_mm"].n == m["symmetry"].n == 5
    assert value(m, "symmetry") == pytest.approx(1.0)


def test_broken_geometry_does_not_raise() -> None:
    nan = float("nan")
    odd = [finding((nan, 0), (3, 4)), finding((5, 5), (5, 5)), finding((20, -4), (20, 4))]
    for incision in (None, (), ((3, 3), (3, 3)), ((nan, 0), (1, 1)), ((0, 0), (50, 0))):
        stitches, m = measure(wound(odd, incision), SCALE, SIMPLE)
        assert len(stitches) == 2
        assert all(x.value is None or math.isfinite(x.value) for x in m.values())


# --- scale ----------------------------------------------------------------------------------------


def test_without_a_scale_lengths_are_pixels_and_ratios_stay() -> None:
    w = wound(straight([10, 20, 30, 45, 60], left=4, right=6, sd=0.2))
    stitches, m = measure(w, None, SIMPLE)
    with_scale = metrics_of(w)
    assert (m["spacing_mm"].value, m["spacing_mm"].status) == (None, "no_scale")
    assert (m["spacing_px"].value, m["spacing_px"].unit) == (pytest.approx(12.5), "px")
    assert m["spacing_px"].status == "no_scale"
    assert m["spacing_cv"] == with_scale["spacing_cv"]
    assert m["symmetry"] == with_scale["symmetry"]
    assert not any(name.endswith("_px") for name in with_scale)
    assert {s.bite_left_mm for s in stitches} == {None}
    assert [s.bite_left_px for s in stitches] == [pytest.approx(4)] * 5


def test_a_common_scale_error_does_not_average_out() -> None:
    m = metrics_of(wound(straight(list(range(10, 100, 5)))), Scale(0.1, 0.05, "ruler"))
    assert m["spacing_mm"].sd == pytest.approx(0.05 * 0.5)
    assert m["bite_left_mm"].sd == pytest.approx(0.05 * 0.5)
    assert m["spacing_cv"].sd == pytest.approx(0, abs=1e-6)  # ratios know no scale
    assert m["symmetry"].sd == pytest.approx(0, abs=1e-6)


def test_a_photo_too_coarse_gives_no_number() -> None:
    m = metrics_of(wound(straight([10, 20, 30, 40, 50], sd=4.0)))
    for name in ("symmetry", "bite_cv", "bite_left_mm"):
        assert (m[name].status, m[name].value) == ("uncertain", None), name
        assert (m[name].sd or 0) > 0


def test_regular_within_the_noise_is_zero_with_its_uncertainty() -> None:
    """Gaps that scatter less than their points' noise: 0, not the noise."""
    stitches = straight([10, 20.2, 29.9, 40.1, 50], sd=0.6)
    m = metrics_of(wound(stitches))["spacing_cv"]
    assert (m.value, m.status, m.sampling_sd) == (0.0, "measured", None)
    assert 0.01 < (m.sd or 0) < 0.1


def test_few_stitches_say_little_of_the_hand() -> None:
    m = metrics_of(wound(straight([10, 20, 40, 50, 70])))["spacing_cv"]
    assert m.sampling_sd == pytest.approx((m.value or 0) / math.sqrt(6))  # 41 % at four gaps


# --- techniques -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("technique", "without", "with_"),
    [
        ("simple_running", {"knot_side_share"}, {"angle_deg", "symmetry", "suture_wound_ratio"}),
        ("running_locking", {"bite_left_mm", "symmetry", "bite_travel_ratio"}, {"spacing_cv", "angle_deg"}),
        ("vertical_mattress", {"angle_deg", "bite_travel_ratio"}, {"bite_left_mm", "symmetry"}),
        ("horizontal_mattress", {"angle_deg", "bite_travel_ratio"}, {"pass_distance_mm", "spacing_mm"}),
        ("figure_of_eight", {"bite_travel_ratio", "spacing_cv"}, {"pass_distance_mm", "angle_deg"}),
        ("staples", {"knot_side_share", "tail_mm"}, {"spacing_cv", "symmetry", "angle_deg"}),
        ("subcuticular", set(METRICS), set()),
        ("buried", set(METRICS), set()),
        ("unknown", set(), {"spacing_cv", "symmetry", "angle_deg"}),
    ],
)
def test_only_what_means_something_for_a_technique_is_measured(
    technique: str, without: set[str], with_: set[str]
) -> None:
    w = wound(straight([10, 15, 30, 35, 50, 55, 70, 75, 90, 95]), ((0, 0), (110, 0)))
    m = metrics_of(w, technique=technique)
    assert {n for n, x in m.items() if x.status == "not_applicable"} >= without
    assert {m[n].value for n in without} <= {None}
    for name in with_:
        assert m[name].status == "measured", name


def test_passes_of_a_horizontal_mattress_pair_up() -> None:
    """Bars of 5 (0.5 mm), 15 (1.5 mm) from one stitch to the next."""
    w = wound(straight([10, 15, 30, 35, 50, 55]), ((0, 0), (70, 0)))
    m = metrics_of(w, technique="horizontal_mattress")
    assert value(m, "stitch_count") == 3
    assert value(m, "pass_distance_mm") == pytest.approx(0.5)
    assert value(m, "spacing_mm") == pytest.approx(1.5)
    odd = metrics_of(replace(w, stitches=w.stitches[:5]), technique="horizontal_mattress")
    assert odd["stitch_count"].status == odd["pass_distance_mm"].status == "not_seen"


def test_a_figure_of_eight_seen_by_its_diagonals_is_measured_by_its_passes() -> None:
    diagonals = [finding((10, -5), (18, 5)), finding((18, -5), (10, 5))]
    m = metrics_of(wound(diagonals), technique="figure_of_eight")
    assert value(m, "angle_deg") == pytest.approx(90)
    assert value(m, "pass_distance_mm") == pytest.approx(0.8)


def test_suture_to_wound_length_of_five_by_five() -> None:
    """Bites of 5, spacing 5: (sqrt(10^2 + 5^2) + 10) / 5 = 4.24 (guide 1.3)."""
    m = metrics_of(wound(straight([10, 15, 20, 25, 30], slant=5)), technique="simple_running")
    assert value(m, "suture_wound_ratio") == pytest.approx((math.sqrt(125) + 10) / 5, rel=1e-6)


def test_the_loops_that_end_a_running_row_are_no_unevenness() -> None:
    """Punctures in pairs every 10: the knots close the outer pairs square, half a gap from the passes."""
    passes = straight([15, 25, 35, 45, 55], slant=10, knots=False)
    loops = straight([10, 60])
    m = metrics_of(wound([loops[0], *passes, loops[1]]), technique="simple_running")
    alone = metrics_of(wound(passes), technique="simple_running")
    assert value(m, "stitch_count") == 7
    for name in ("spacing_mm", "spacing_cv", "angle_deg", "angle_spread_deg", "suture_wound_ratio"):
        assert value(m, name) == pytest.approx(value(alone, name), abs=1e-9)
    interrupted = metrics_of(wound([loops[0], *passes, loops[1]]))
    assert value(interrupted, "spacing_cv") > 0.2 > 0.05 > value(m, "spacing_cv")
