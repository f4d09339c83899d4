"""Rubric files: strict loading, choice by technique, kit and thread; points and the score."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pads import straight, wound

from assessor.errors import OptionError, RubricError
from assessor.photo.measure import measure
from assessor.photo.validity import EXTRA, METRICS
from assessor.results import TECHNIQUES, Metric, Scale
from assessor.rubric import choose_rubric, judge, load_rubric, rubric_names
from assessor.rubric.judge import share
from assessor.rubric.load import parse_rubric

GOOD = """
name = "mine"
version = "3"
title = "Mine"
summary = "A test."
techniques = ["simple_interrupted"]

[targets.spacing_mm]
low = 4.0
high = 6.0
weight = 60
evidence = "C"
source = "a book"

[targets.symmetry]
low = 0.8
ideal = 1.0
weight = 40
evidence = "D"
source = "derived"
"""
MINE = parse_rubric(GOOD, "mine.toml")


def measured(value: float, unit: str = "1") -> Metric:
    return Metric(value, 0.01, 8, unit, "measured")


@pytest.mark.parametrize("name", rubric_names())
def test_every_rubric_is_whole(name: str) -> None:
    rubric = load_rubric(name)
    assert rubric.name == name
    assert rubric.weight == 100
    assert all(t.evidence in "ABCD" and len(t.source) > 10 for t in rubric.targets.values())
    # ratios and regularity weigh most (guide 1.2), and lengths alone never carry a score
    scale_free = sum(t.weight for n, t in rubric.targets.items() if not n.endswith("_mm"))
    assert scale_free >= 60 or name in {"figure-of-eight"}


def test_full_inside_none_at_three_times_the_tolerance() -> None:
    """4 to 6: tolerance 1 about 5, so nothing at 2 and 8; 0.8 to the ideal 1: nothing at 0.4."""
    table = [(4.0, 60), (5.5, 60), (7.0, 30), (3.5, 45), (8.0, 0), (1.0, 0)]
    for value, points in table:
        judged, _ = judge({"spacing_mm": measured(value, "mm"), "symmetry": measured(0.9)}, MINE)
        assert judged["spacing_mm"].points == pytest.approx(points), value
    for value, points in [(1.0, 40), (0.8, 40), (0.6, 20), (0.4, 0), (0.1, 0)]:
        judged, _ = judge({"symmetry": measured(value)}, MINE)
        assert judged["symmetry"].points == pytest.approx(points), value
        target = judged["symmetry"].target
        assert target is not None
        assert (target.low, target.high, target.weight, target.evidence) == (0.8, None, 40, "D")


def test_the_score_is_of_what_was_measured() -> None:
    _, score = judge({"spacing_mm": measured(7.0, "mm"), "symmetry": measured(1.0)}, MINE)
    assert score is not None
    assert (score.points, score.of, score.coverage) == (70, 100, 1.0)
    assert (score.rubric, score.rubric_version) == ("mine", "3")
    judged, score = judge(
        {"spacing_mm": measured(5, "mm"), "symmetry": Metric(None, None, 0, "1", "not_seen")}, MINE
    )
    assert score is not None
    assert (score.points, score.of, score.coverage) == (60, 60, 0.6)
    assert judged["symmetry"].points is None
    assert judged["symmetry"].target is not None  # the table still says what was asked


def test_below_60_percent_there_is_no_score() -> None:
    judged, score = judge({"symmetry": measured(1.0)}, MINE)
    assert score is None
    assert judged["symmetry"].points == 40


def test_nothing_measured_is_no_score() -> None:
    assert judge({}, MINE) == ({}, None)


@pytest.mark.parametrize("status", ["too_few", "no_scale", "not_applicable", "not_seen", "uncertain"])
def test_only_measured_metrics_have_points(status: str) -> None:
    metric = Metric(5.0, 0.1, 3, "mm", status)  # type: ignore[arg-type]
    assert judge({"spacing_mm": metric}, MINE)[0]["spacing_mm"].points is None


def test_ratios_have_points_without_a_scale() -> None:
    w = wound(straight([10, 22, 34, 46, 58, 70], left=6, right=6))
    _, metrics = measure(w, None, "simple_interrupted")
    judged, score = judge(metrics, load_rubric("skin-pad"))
    assert score is not None
    assert score.points == pytest.approx(score.of)
    assert score.coverage == pytest.approx(0.74)
    assert judged["spacing_px"].points is None
    assert judged["spacing_mm"].points is None


def test_running_stitches_are_held_to_their_own_angle() -> None:
    """Bite 5, spacing 10: the diagonal belongs at atan(10 / 10) = 45 degrees, not at 90."""
    rubric = load_rubric("skin-pad-running")
    for slant, full in ((10.0, True), (0.0, False)):
        w = wound(straight([10, 20, 30, 40, 50, 60], slant=slant))
        _, metrics = measure(w, Scale(1.0, 0.01, "given"), "simple_running")
        angle = judge(metrics, rubric)[0]["angle_deg"]
        assert angle.target is not None
        assert angle.points is not None
        assert (angle.target.low, angle.target.high) == (pytest.approx(35), pytest.approx(55))
        assert (angle.points == pytest.approx(angle.target.weight)) is full
    del metrics["bite_travel_ratio"]
    assert judge(metrics, rubric)[0]["angle_deg"].points is None


def test_tails_may_not_reach_the_next_stitch() -> None:
    rubric = load_rubric("skin-pad")
    metrics = {"tail_mm": measured(8, "mm"), "spacing_mm": measured(6, "mm")}
    target = judge(metrics, rubric)[0]["tail_mm"].target
    assert target is not None
    assert (target.low, target.high) == (3.0, 6.0)
    alone = judge({"tail_mm": metrics["tail_mm"]}, rubric)[0]["tail_mm"]
    assert alone.target is not None
    assert alone.target.high == 10.0


@given(st.floats(-50, 50), st.sampled_from(rubric_names()))
def test_points_fall_steadily_from_full_to_none(value: float, name: str) -> None:
    for target in judge({n: measured(value) for n in load_rubric(name).targets}, load_rubric(name))[
        0
    ].values():
        if target.target is None:
            continue
        got = share(value, target.target)
        assert 0 <= got <= 1
        middle = [x for x in (target.target.low, target.target.high) if x is not None]
        towards = value + math.copysign(min(0.1, abs(middle[0] - value)), middle[0] - value)
        assert share(towards, target.target) >= got - 1e-12


# --- choosing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("technique", "kit", "size", "expected"),
    [
        ("simple_interrupted", None, None, "skin-pad"),
        ("simple_interrupted", "silicone", None, "skin-pad"),
        ("simple_interrupted", None, "3-0", "skin-pad"),
        ("simple_interrupted", None, "6-0", "face"),
        ("simple_interrupted", "Face", None, "face"),
        ("simple_interrupted", None, "10-0", "micro-card"),
        ("simple_interrupted", "micro card", "4-0", "micro-card"),
        ("simple_interrupted", "vessel", "10-0", "micro-vessel"),
        ("simple_running", None, None, "skin-pad-running"),
        ("simple_running", None, "2-0", "fascia-running"),
        ("simple_running", "graft", None, "vascular-graft"),
        ("simple_running", "micro_card", None, "any-technique"),
        ("simple_running", None, "9-0", "any-technique"),
        ("vertical_mattress", "silicone", None, "vertical-mattress"),
        ("horizontal_mattress", None, None, "horizontal-mattress"),
        ("figure_of_eight", None, "4-0", "figure-of-eight"),
        ("running_locking", None, None, "skin-pad-locking"),
        ("staples", None, None, "staples"),
        ("unknown", None, None, "any-technique"),
        ("unknown", "silicone", "3-0", "any-technique"),
        ("buried", None, None, "any-technique"),
    ],
)
def test_the_rubric_follows_technique_kit_and_thread(
    technique: str, kit: str | None, size: str | None, expected: str
) -> None:
    assert choose_rubric(technique, kit, size).name == expected


def test_every_technique_has_a_rubric() -> None:
    for technique in TECHNIQUES:
        chosen = choose_rubric(technique, None, None)
        assert technique in chosen.techniques or chosen.name == "any-technique"


def test_an_unknown_kit_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError) as error:
        choose_rubric("simple_interrupted", "banana", None)
    assert error.value.code == "unknown_kit"
    assert "micro-card" in error.value.hint


def test_what_is_hidden_is_not_scored() -> None:
    _, metrics = measure(wound(straight([10, 20, 30, 40, 50])), None, "subcuticular")
    assert judge(metrics, choose_rubric("subcuticular", None, None))[1] is None


# --- loading -----------------------------------------------------------------------------------------


def test_a_rubric_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, "utf-8")
    assert load_rubric(path) == load_rubric(str(path)) == MINE
    assert replace(MINE, version="4") != MINE


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("[targets", "[targets", ""),
        ('version = "3"', "", "needs version"),
        ('version = "3"', "version = 3", "needs version"),
        ('name = "mine"', 'nmae = "mine"', "unknown keys: nmae"),
        ('name = "mine"', 'name = "mine', "not TOML"),
        ("targets.symmetry", "targets.beauty", "targets.beauty] is no metric"),
        ("simple_interrupted", "blanket", "techniques has blanket"),
        ('["simple_interrupted"]', "[]", "techniques is empty"),
        ('["simple_interrupted"]', '"simple_interrupted"', "list of texts"),
        ("low = 4.0", "low = 7.0", "low must be below high"),
        ("low = 4.0", 'low = "4"', "low must be a number"),
        ("low = 4.0", "low = nan", "low must be a number"),
        ("low = 4.0", "low = true", "low must be a number"),
        ("low = 4.0\nhigh = 6.0", "", "needs low or high"),
        ("ideal = 1.0", "", "one-sided"),
        ("ideal = 1.0", "slack = 0", "slack must be above 0"),
        ("ideal = 1.0", "tolerance = 3", "tolerance"),
        ("low = 0.8\nideal = 1.0", 'ideal = "running"', "needs a tolerance"),
        ("weight = 60", "", "weight above 0"),
        ("weight = 60", "weight = -1", "weight above 0"),
        ('evidence = "C"', 'evidence = "E"', "evidence must be one of"),
        ('source = "a book"', "", "needs source"),
        ('source = "a book"', 'source = " "', "needs source"),
        ('source = "a book"', 'source = "a book"\nnot_above = "beauty"', "not_above"),
        ('source = "a book"', 'source = "a book"\ncolour = 1', "unknown keys: colour"),
    ],
)
def test_a_broken_rubric_says_what_is_wrong(old: str, new: str, what: str) -> None:
    text = GOOD.replace(old, new, 1)
    if not what:
        assert parse_rubric(text, "mine.toml") == MINE
        return
    with pytest.raises(RubricError) as error:
        parse_rubric(text, "mine.toml")
    assert error.value.code == "rubric_invalid"
    assert what in error.value.text
    assert "mine.toml" in error.value.text


def test_no_targets_is_no_rubric() -> None:
    with pytest.raises(RubricError, match="no \\[targets"):
        parse_rubric(GOOD.split("[targets")[0], "mine.toml")


def test_an_unknown_rubric_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RubricError) as error:
        load_rubric("skinpad")
    assert error.value.code == "rubric_unknown"
    assert "skin-pad" in error.value.hint
    with pytest.raises(RubricError) as error:
        load_rubric(tmp_path / "none.toml")
    assert error.value.code == "rubric_unreadable"
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RubricError) as error:
        load_rubric(tmp_path / "binary.toml")
    assert error.value.code == "rubric_unreadable"


# --- documentation -----------------------------------------------------------------------------------


def test_the_documents_name_every_metric_and_rubric() -> None:
    docs = Path(__file__).parents[1] / "docs"
    metrics_md, rubrics_md = (docs / "metrics.md").read_text(), (docs / "rubrics.md").read_text()
    for name in (*METRICS, *EXTRA, *TECHNIQUES):
        assert f"`{name}`" in metrics_md, name
    for name in rubric_names():
        assert f"`{name}`" in rubrics_md, name
    example = rubrics_md.split("```toml")[1].split("```")[0]
    assert parse_rubric(example, "docs/rubrics.md").weight == 100
