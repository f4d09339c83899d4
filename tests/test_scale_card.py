"""The printed card under a known camera: scale at the wound, lengths through the homography, refusals."""

from __future__ import annotations

import math

import numpy as np
import planes
import pytest
from planes import BLACK, Plane

from assessor.photo.scale import ScaleOptions, find_scale
from assessor.photo.scale.layout import CARDS, CardLayout
from assessor.results import Scale, WoundFinding

BY_NAME = {card.name: card for card in CARDS}
PRINT_SD = 0.005


def scene(
    name: str,
    *,
    px_per_mm: float = 5.0,
    turn: float = 0.0,
    tilt: float = 0.0,
    axis: float = 30.0,
    hidden: tuple[int, ...] = (),
    wound_mm: tuple[float, float] | None = None,
    seed: int = 0,
    blur: float = 0.6,
) -> tuple[planes.Image, WoundFinding, planes.Matrix]:
    """A card in the middle of a pad with a wound in its window or beside it."""
    layout = BY_NAME[name]
    plane = Plane(190, 130)
    left, top = 85 - layout.width_mm / 2, 60 - layout.height_mm / 2
    planes.card(plane.at(left, top), layout, hidden)
    if wound_mm is None:
        wound_mm = (73.0, 60.0) if "rame" in name else (left + 5, top + layout.height_mm + 10)
    planes.stitches(plane.at(*wound_mm), 5)
    to_px, size = planes.camera(plane, px_per_mm, turn, tilt, axis)
    photo = planes.photograph(plane, to_px, size, blur, 2.0, seed)
    return photo, planes.wound_at(plane, to_px, 5), to_px @ plane.pose


def wound_truth(to_px: planes.Matrix) -> float:
    """True mm a pixel in the middle of the five stitches."""
    return planes.true_mm_per_px(to_px, (12, 0))


def through(scale: Scale, points_px: planes.Matrix) -> planes.Matrix:
    assert scale.px_to_mm is not None
    return planes.project(np.array(scale.px_to_mm), points_px.tolist())


@pytest.mark.parametrize("name", ["Large frame", "Frame", "Corner", "Strip", "Square"])
@pytest.mark.parametrize(("turn", "tilt"), [(0, 0), (200, 22), (75, 42)])
def test_scale_and_lengths_at_the_wound(name: str, turn: float, tilt: float) -> None:
    photo, wound, to_px = scene(name, turn=turn, tilt=tilt)
    scale, notices = find_scale(photo, (wound,))
    if scale is None:  # a small card that is far off may be refused, with a reason
        assert name in {"Strip", "Square"}
        assert {n.code for n in notices} == {"scale_ambiguous"}
        return
    assert scale.method == "card"
    error = scale.mm_per_px / wound_truth(to_px) - 1
    assert abs(error) < max(3 * math.sqrt(scale.relative_sd**2 - PRINT_SD**2), 0.003)
    # A 9 mm stitch and a 24 mm row, whatever their directions.
    ends = planes.project(to_px, [(12, -4.5), (12, 4.5), (0, 0), (24, 0)])
    mm = through(scale, ends)
    limit = max(4 * scale.relative_sd, 0.01)
    assert math.dist(mm[0], mm[1]) == pytest.approx(9.0, rel=limit)
    assert math.dist(mm[2], mm[3]) == pytest.approx(24.0, rel=limit)


@pytest.mark.parametrize("name", ["Large frame", "Frame"])
def test_frames_are_precise(name: str) -> None:
    for seed in range(3):
        photo, wound, to_px = scene(name, tilt=30, turn=15, seed=seed)
        scale, _ = find_scale(photo, (wound,))
        assert scale is not None
        assert scale.mm_per_px == pytest.approx(wound_truth(to_px), rel=0.002)
        assert PRINT_SD <= scale.relative_sd < 1.2 * PRINT_SD


def test_mini_card_close_up() -> None:
    photo, wound, to_px = scene("Mini", px_per_mm=9.5, wound_mm=(80, 69))
    scale, _ = find_scale(photo, (wound,))
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(wound_truth(to_px), rel=0.03)
    assert scale.relative_sd > PRINT_SD


def test_hidden_markers_cost_little() -> None:
    layout = BY_NAME["Frame"]
    photo, wound, to_px = scene("Frame", tilt=20, hidden=tuple(layout.markers)[::2])
    scale, _ = find_scale(photo, (wound,))
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(wound_truth(to_px), rel=0.003)
    assert f"8 of {len(layout.markers)} markers" in scale.detail


def test_far_card_is_less_certain() -> None:
    near = find_scale(*_args(scene("Strip", wound_mm=(75, 75))))[0]
    far = find_scale(*_args(scene("Strip", wound_mm=(75, 104))))[0]
    assert near is not None
    assert far is None or far.relative_sd > near.relative_sd


def test_check_bar_corrects_the_print() -> None:
    photo, wound, _ = scene("Frame")
    plain = find_scale(photo, (wound,))[0]
    shrunk = find_scale(photo, (wound,), ScaleOptions(check_bar_mm=48.0))[0]
    assert plain is not None
    assert shrunk is not None
    assert shrunk.mm_per_px == pytest.approx(plain.mm_per_px * 0.96, rel=1e-6)
    assert shrunk.relative_sd < plain.relative_sd


def test_two_prints_of_one_card_are_not_mixed() -> None:
    plane = Plane(190, 130)
    for y in (20.0, 80.0):
        planes.card(plane.at(60, y), BY_NAME["Strip"])
    to_px, size = planes.camera(plane, 6.0)
    scale, _ = find_scale(planes.photograph(plane, to_px, size), ())
    assert scale is None


def test_bent_card_is_told() -> None:
    """The lower half of the card stands off the plane: its markers are shifted by a millimetre."""
    layout = BY_NAME["Frame"]
    plane = Plane(190, 130)
    lower = [n for n, (_, y) in layout.markers.items() if y > layout.height_mm / 2]
    bent = {
        n: (x + 0.9 * math.sin(x / 12), y) if n in lower else (x, y) for n, (x, y) in layout.markers.items()
    }
    crooked = CardLayout(layout.name, "", layout.width_mm, layout.height_mm, 8.0, bent, layout.cut_out)
    planes.card(plane.at(50, 40), crooked)
    to_px, size = planes.camera(plane, 6.0)
    scale, notices = find_scale(planes.photograph(plane, to_px, size), ())
    assert scale is not None
    assert {n.code for n in notices} == {"card_not_flat"}
    assert scale.relative_sd > PRINT_SD


def test_card_beats_ruler_and_they_are_compared() -> None:
    plane = Plane(190, 130)
    planes.card(plane.at(50, 20), BY_NAME["Frame"])
    planes.stitches(plane.at(84, 44), 5)
    pose = plane.pose
    planes.ruler(plane.at(60, 80, 0, 1.06))
    to_px, size = planes.camera(plane, 6.0)
    photo = planes.photograph(plane, to_px, size)
    plane.pose = pose
    scale, notices = find_scale(photo, (planes.wound_at(plane, to_px, 5),))
    assert scale is not None
    assert scale.method == "card"
    assert "scale_disagrees" in {n.code for n in notices}


def test_card_on_the_frame_is_told() -> None:
    plane = Plane(190, 130, planes.RED)
    plane.box(60, 40, 120, 80, planes.TAN)
    planes.card(plane.at(70, 15), BY_NAME["Strip"])
    planes.stitches(plane.at(90, 80), 5)
    to_px, size = planes.camera(plane, 5.0)
    photo = planes.photograph(plane, to_px, size)
    scale, notices = find_scale(photo, (planes.wound_at(plane, to_px, 5),))
    assert scale is not None
    assert {n.code for n in notices} == {"card_not_on_pad"}


@pytest.mark.parametrize("name", ["Frame", "Corner", "Strip", "Square"])
def test_card_on_the_pad_is_not_remarked(name: str) -> None:
    photo, wound, _ = scene(name)
    assert not find_scale(photo, (wound,))[1]


def test_squares_that_are_no_markers() -> None:
    plane = Plane(120, 80)
    rng = np.random.default_rng(5)
    for k in range(24):
        x, y = 8 + 18 * (k % 6), 6 + 18 * (k // 6)
        plane.box(x, y, 10, 10, BLACK)
        for _ in range(14):
            column, row = rng.integers(1, 7, 2)
            plane.box(x + column * 1.25, y + row * 1.25, 1.25, 1.25, planes.WHITE)
    to_px, size = planes.camera(plane, 6.0)
    assert find_scale(planes.photograph(plane, to_px, size), ())[0] is None


def _args(
    made: tuple[planes.Image, WoundFinding, planes.Matrix],
) -> tuple[planes.Image, tuple[WoundFinding, ...]]:
    return made[0], (made[1],)
