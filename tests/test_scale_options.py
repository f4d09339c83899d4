"""Scales that the user gives, and what is said when something in view disagrees."""

from __future__ import annotations

import math

import numpy as np
import planes
import pytest
from planes import Plane

from assessor.errors import OptionError, ScaleError
from assessor.photo.scale import ScaleOptions, find_scale
from assessor.results import WoundFinding

BLANK = np.full((300, 400, 3), 170, np.uint8)


def ruled() -> tuple[planes.Image, WoundFinding]:
    """A pad with a ruler at 5 px a mm."""
    plane = Plane()
    planes.ruler(plane.at(40, 57))
    planes.stitches(plane.at(47, 42))
    to_px, size = planes.camera(plane, 5.0)
    return planes.photograph(plane, to_px, size), planes.wound_at(plane, to_px)


def test_two_points() -> None:
    scale, notices = find_scale(BLANK, (), ScaleOptions(points=(10, 10, 310, 10, 60.0)))
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(0.2)
    assert scale.method == "points"
    assert scale.relative_sd == pytest.approx(math.hypot(math.sqrt(2) * 1.5 / 300, 0.01))
    assert not notices


def test_short_distance_is_less_certain() -> None:
    near, _ = find_scale(BLANK, (), ScaleOptions(points=(100, 100, 130, 100, 6.0)))
    far, _ = find_scale(BLANK, (), ScaleOptions(points=(10, 100, 390, 100, 76.0)))
    assert near is not None
    assert far is not None
    assert near.relative_sd > 3 * far.relative_sd


def test_given_value() -> None:
    scale, notices = find_scale(BLANK, (), ScaleOptions(mm_per_px=0.123))
    assert scale is not None
    assert (scale.mm_per_px, scale.method) == (0.123, "given")
    assert not notices


@pytest.mark.parametrize("points", [(10, 10, 500, 10, 50.0), (-1, 0, 100, 0, 50.0), (0, 0, 0, 300, 50.0)])
def test_points_outside_the_photo(points: tuple[float, float, float, float, float]) -> None:
    with pytest.raises(ScaleError) as caught:
        find_scale(BLANK, (), ScaleOptions(points=points))
    assert caught.value.code == "points_outside"


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("mm_per_px", 0.0, "bad_mm_per_px"),
        ("mm_per_px", -1.0, "bad_mm_per_px"),
        ("mm_per_px", math.nan, "bad_mm_per_px"),
        ("mm_per_px", math.inf, "bad_mm_per_px"),
        ("grid_mm", 0.0, "bad_grid_mm"),
        ("ruler_mm", 1000.0, "bad_ruler_mm"),
        ("check_bar_mm", 5.0, "bad_check_bar_mm"),
        ("points", (1.0, 1.0, 1.0, 1.0, 50.0), "bad_points"),
        ("points", (1.0, 1.0, 90.0, 1.0, 0.0), "bad_points"),
        ("points", (1.0, 1.0, math.nan, 1.0, 10.0), "bad_points"),
        ("points", (1.0, 2.0, 3.0), "bad_points"),
    ],
)
def test_senseless_options(option: str, value: object, code: str) -> None:
    with pytest.raises(OptionError) as caught:
        ScaleOptions(**{option: value})  # type: ignore[arg-type]
    assert caught.value.code == code
    assert caught.value.hint


def test_the_given_value_wins_and_the_ruler_objects() -> None:
    photo, wound = ruled()
    scale, notices = find_scale(photo, (wound,), ScaleOptions(mm_per_px=0.25))
    assert scale is not None
    assert (scale.mm_per_px, scale.method) == (0.25, "given")
    assert [n.code for n in notices] == ["scale_disagrees"]
    assert "ruler" in notices[0].text


def test_a_given_value_that_agrees_is_not_remarked() -> None:
    photo, wound = ruled()
    _, notices = find_scale(photo, (wound,), ScaleOptions(mm_per_px=0.201))
    assert not notices


def test_told_ticks_overrule_the_reading() -> None:
    photo, wound = ruled()
    scale, _ = find_scale(photo, (wound,), ScaleOptions(ruler_mm=2.0))
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(0.4, rel=0.005)


def test_nothing_known_says_what_to_do() -> None:
    scale, notices = find_scale(BLANK, ())
    assert scale is None
    assert [n.code for n in notices] == ["no_scale"]
    assert "ruler" in notices[0].text
