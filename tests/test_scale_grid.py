"""Printed grids with a given pitch: measured where they can be, refused where there is none."""

from __future__ import annotations

import numpy as np
import planes
import pytest
from planes import Plane

from assessor.errors import ScaleError
from assessor.photo.scale import ScaleOptions, find_scale
from assessor.photo.scale.grid import find_grid
from assessor.results import WoundFinding

PINK = (190, 170, 225)


def card(
    *,
    pitch: float = 15.0,
    lines: int = 6,
    turn: float = 0.0,
    tilt: float = 0.0,
    contrast: int = 22,
    sutured: bool = True,
    slit: bool = True,
    stretch: float = 1.0,
    seed: int = 0,
) -> tuple[planes.Image, WoundFinding, float]:
    """A rubber sheet with a grid, a slit mid-way between two of its lines, stitches across it."""
    plane = Plane(110, 100, PINK)
    planes.grid(plane.at(15, 12), pitch, lines, contrast)
    plane.at(15 + 2.5 * pitch, 25, 90)
    if sutured:
        planes.stitches(plane, 7, 7.0, 10.0)
    elif slit:
        plane.line([(-4, 0), (49, 0)], 0.3, (110, 140, 190))
    to_px, (w, h) = planes.camera(plane, 5.0, turn, tilt, 20)
    to_px = np.diag([stretch, 1.0, 1.0]) @ to_px
    photo = planes.photograph(plane, to_px, (round(w * stretch), h), 0.7, 2.0, seed)
    return photo, planes.wound_at(plane, to_px, 7, 7.0), planes.true_mm_per_px(to_px @ plane.pose, (22, 0))


@pytest.mark.parametrize(
    "made",
    [
        pytest.param({}, id="straight"),
        pytest.param({"turn": 11}, id="turned"),
        pytest.param({"turn": 97, "pitch": 10.0, "lines": 8}, id="fine"),
        pytest.param({"contrast": 14}, id="faint"),
        pytest.param({"contrast": -25}, id="bright lines"),
        pytest.param({"sutured": False}, id="slit alone"),
        pytest.param({"stretch": 1.12}, id="stretched"),
    ],
)
def test_grid_gives_the_scale(made: dict[str, float]) -> None:
    photo, wound, truth = card(**made)  # type: ignore[arg-type]
    scale, _ = find_scale(photo, (wound,), ScaleOptions(grid_mm=made.get("pitch", 15.0)))
    assert scale is not None
    assert scale.method == "grid"
    assert scale.mm_per_px == pytest.approx(truth, rel=0.006)
    assert 0.01 <= scale.relative_sd < 0.03


def test_tilt_is_corrected() -> None:
    photo, wound, truth = card(tilt=10, turn=5)
    scale, _ = find_scale(photo, (wound,), ScaleOptions(grid_mm=15.0))
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(truth, rel=0.01)
    assert scale.px_to_mm is not None
    bites = np.array([s.bites_px for s in wound.stitches]).reshape(-1, 2)
    mm = planes.project(np.array(scale.px_to_mm), bites.tolist()).reshape(-1, 2, 2)
    lengths = np.hypot(*(mm[:, 1] - mm[:, 0]).T)
    assert lengths == pytest.approx(np.full(7, 9.0), rel=0.02)


@pytest.mark.parametrize("tilt", [14, 18, 22, 27])
def test_a_strong_tilt_gives_no_wrong_value(tilt: float) -> None:
    photo, wound, truth = card(tilt=tilt, turn=5)
    scale = find_grid(photo, (wound,), 15.0)
    assert scale is None or abs(scale.mm_per_px / truth - 1) < 2 * scale.relative_sd


def test_stretched_sheet_keeps_both_directions() -> None:
    photo, wound, _ = card(stretch=1.12)
    scale, _ = find_scale(photo, (wound,), ScaleOptions(grid_mm=15.0))
    assert scale is not None
    assert scale.px_to_mm is not None
    across = planes.project(np.array(scale.px_to_mm), [(100, 100), (156, 100), (100, 150)])
    assert np.hypot(*(across[1] - across[0])) == pytest.approx(10.0, rel=0.01)
    assert np.hypot(*(across[2] - across[0])) == pytest.approx(10.0, rel=0.01)


def stripes() -> planes.Image:
    plane = Plane(110, 100, PINK)
    for k in range(7):
        plane.line([(12 + 14 * k, 2), (12 + 14 * k, 98)], 0.2, (165, 145, 200))
    return planes.photograph(plane, *planes.camera(plane, 5.0))


def sutures() -> planes.Image:
    plane = Plane(110, 100, PINK)
    planes.stitches(plane.at(55, 12, 90), 9, 9.0, 14.0)
    return planes.photograph(plane, *planes.camera(plane, 5.0))


@pytest.mark.parametrize("photo", [stripes(), sutures(), np.full((400, 400, 3), 150, np.uint8)])
def test_no_grid_is_an_error(photo: planes.Image) -> None:
    with pytest.raises(ScaleError) as caught:
        find_scale(photo, (), ScaleOptions(grid_mm=10.0))
    assert caught.value.code == "grid_not_found"
    assert caught.value.hint


def test_a_ruler_steps_in_for_a_grid_that_is_not_there() -> None:
    plane = Plane()
    planes.ruler(plane.at(40, 57))
    planes.stitches(plane.at(47, 42))
    to_px, size = planes.camera(plane, 5.0)
    wound = planes.wound_at(plane, to_px)
    scale, _ = find_scale(planes.photograph(plane, to_px, size), (wound,), ScaleOptions(grid_mm=10.0))
    assert scale is not None
    assert scale.method == "ruler"


def test_tiny_photo() -> None:
    with pytest.raises(ScaleError):
        find_scale(np.zeros((20, 30, 3), np.uint8), (), ScaleOptions(grid_mm=10.0))
