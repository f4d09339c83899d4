"""Rulers drawn to scale: the right millimetres, the right ruler, or none."""

from __future__ import annotations

import cv2
import numpy as np
import planes
import pytest
from planes import BLACK, RED, STEEL, TAN, WHITE, Image, Plane

from assessor.errors import ScaleError
from assessor.photo.scale import ScaleOptions, find_scale
from assessor.photo.scale.comb import Comb
from assessor.photo.scale.unit import read_unit
from assessor.results import Notice, Scale, WoundFinding

SIXTEENTHS = {1: 2.4, 4: 5.0, 16: 8.0}
KINDS = {
    "paper with blocks": {},
    "plain paper": {"blocks": False},
    "steel, thin ticks": {"face": STEEL, "ink": (70, 70, 70), "tick_width_mm": 0.2, "blocks": False},
    "white on black": {"face": BLACK, "ink": WHITE},
    "clear plastic": {"face": None, "blocks": False},
}


def scene(
    *,
    angle: float = 0.0,
    px_per_mm: float = 5.0,
    tilt: float = 0.0,
    blur: float = 0.5,
    noise: float = 2.0,
    seed: int = 0,
    inches: bool = False,
    **ruler: object,
) -> tuple[Image, WoundFinding, float]:
    """A wound and a ruler beside it on one pad; the true mm a pixel in the photo's middle."""
    plane = Plane()
    planes.ruler(plane.at(40, 57), **ruler)  # type: ignore[arg-type]
    if inches:
        planes.inch_side(plane.at(40 + 50.8, 57 + 22, 180))
    planes.stitches(plane.at(47, 42))
    to_px, size = planes.camera(plane, px_per_mm, angle, tilt)
    photo = planes.photograph(plane, to_px, size, blur, noise, seed)
    return photo, planes.wound_at(plane, to_px), planes.true_mm_per_px(to_px, (65, 50))


def codes(notices: tuple[Notice, ...]) -> set[str]:
    return {notice.code for notice in notices}


def relative_error(scale: Scale | None, truth: float) -> float:
    assert scale is not None
    return abs(scale.mm_per_px / truth - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_ruler(kind: str) -> None:
    photo, wound, truth = scene(**KINDS[kind])
    scale, notices = find_scale(photo, (wound,))
    assert relative_error(scale, truth) < 0.005
    assert scale is not None
    assert scale.method == "ruler"
    assert 0.005 < scale.relative_sd < 0.03
    assert not notices


@pytest.mark.parametrize("angle", [3, 37, 90, 141, 180, 268])
def test_any_direction(angle: float) -> None:
    photo, wound, truth = scene(angle=angle, inches=True)
    assert relative_error(find_scale(photo, (wound,))[0], truth) < 0.005


@pytest.mark.parametrize(
    ("px_per_mm", "blur", "noise"),
    [
        (4.2, 0.6, 4.0),  # a small picture: ticks two pixels apart from their gaps
        (5.0, 1.2, 2.0),  # out of focus
        (5.0, 0.5, 12.0),  # dark room
        (9.0, 1.5, 4.0),
    ],
)
def test_poor_photos(px_per_mm: float, blur: float, noise: float) -> None:
    photo, wound, truth = scene(px_per_mm=px_per_mm, blur=blur, noise=noise, angle=12, inches=True)
    assert relative_error(find_scale(photo, (wound,))[0], truth) < 0.01


def test_jpeg_artefacts() -> None:
    photo, wound, truth = scene(angle=8, px_per_mm=4.7)
    coded = cv2.imdecode(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    assert relative_error(find_scale(coded, (wound,))[0], truth) < 0.01


def test_large_photo() -> None:
    photo, wound, truth = scene(px_per_mm=6.0, angle=20)
    large = cv2.resize(photo, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    incision = tuple((x * 5, y * 5) for x, y in wound.incision_px or ())
    big_wound = WoundFinding(incision, 0.9, 5.0, ())
    assert relative_error(find_scale(large, (big_wound,))[0], truth / 5) < 0.005


def test_close_up() -> None:
    """Ticks 40 pixels apart are found in a smaller picture."""
    plane = Plane(40, 30)
    planes.ruler(plane.at(4, 18), 32, blocks=False)
    planes.stitches(plane.at(10, 10), 4, 4.0, 5.0)
    to_px, size = planes.camera(plane, 6.0, 2.0)
    photo = planes.photograph(plane, to_px, size)
    photo = cv2.resize(photo, None, fx=6.5, fy=6.5, interpolation=cv2.INTER_CUBIC)
    scale, _ = find_scale(photo, ())
    assert relative_error(scale, planes.true_mm_per_px(to_px, (20, 15)) / 6.5) < 0.005


@pytest.mark.parametrize(
    ("tick_mm", "every", "length_mm", "tick_width_mm"),
    [
        pytest.param(0.5, {1: 1.2, 2: 2.0, 10: 3.0, 20: 4.5}, 60, 0.15, id="half millimetres"),
        pytest.param(25.4 / 16, SIXTEENTHS, 60, 0.2, id="sixteenths of an inch"),
        pytest.param(25.4 / 8, {1: 2.0, 2: 3.5, 4: 5.5, 8: 8.0}, 80, 0.3, id="eighths of an inch"),
    ],
)
def test_units_are_read_from_the_long_ticks(
    tick_mm: float, every: dict[int, float], length_mm: float, tick_width_mm: float
) -> None:
    photo, wound, truth = scene(
        px_per_mm=6.6,
        tick_mm=tick_mm,
        every=every,
        length_mm=length_mm,
        tick_width_mm=tick_width_mm,
        blocks=False,
    )
    assert relative_error(find_scale(photo, (wound,))[0], truth) < 0.005


def test_equal_ticks_are_not_guessed() -> None:
    photo, wound, truth = scene(every={1: 3.0}, blocks=False)
    scale, notices = find_scale(photo, (wound,))
    assert scale is None
    assert codes(notices) == {"scale_ambiguous"}
    told, _ = find_scale(photo, (wound,), ScaleOptions(ruler_mm=1.0))
    assert relative_error(told, truth) < 0.005


@pytest.mark.parametrize(("fifths", "tick_mm"), [(0.35, 1.0), (0.0, None)])
def test_fifths_hardly_longer_than_the_rest(fifths: float, tick_mm: float | None) -> None:
    """A clear row of tenths: millimetres where fifths are seen as well, however faintly."""
    rows = np.arange(-72, 73) / 8
    marks = np.random.default_rng(1).normal(0, 0.3, (46, rows.size))
    marks[:, np.abs(rows) < 1] += 1
    marks[::5, (rows > 1.2) & (rows < 1.7)] += fifths
    marks[::10, (rows > 2.4) & (rows < 3.4)] += 1
    comb = Comb(((0, 0), (225, 0)), 5.0, 0.001, 0.0, 10.0, 90.0, True, marks.astype(np.float32), rows)
    reading = read_unit(comb)
    assert reading is not None
    assert (reading.family, reading.tick_mm) == ("decimal", tick_mm)


def test_tenths_alone_may_be_of_half_millimetres() -> None:
    photo, wound, _ = scene(every={1: 1.4, 10: 4.0}, blocks=False)
    scale, notices = find_scale(photo, (wound,))
    assert scale is None
    assert codes(notices) == {"scale_ambiguous"}


def test_told_ticks_without_a_ruler() -> None:
    photo = planes.photograph(Plane(), *planes.camera(Plane(), 5.0))
    with pytest.raises(ScaleError) as caught:
        find_scale(photo, (), ScaleOptions(ruler_mm=1.0))
    assert caught.value.code == "ruler_not_found"
    assert caught.value.hint


def framed(on_pad: bool, size: float = 1.07) -> tuple[Image, WoundFinding, float]:
    """A pad in a red frame with a ruler on the frame, nearer to the camera; another one on the pad."""
    plane = Plane(150, 110, RED)
    plane.box(45, 5, 98, 100, TAN)
    planes.ruler(plane.at(40, 25, 90, size))
    planes.inch_side(plane.at(40 - 22 * size, 25 + 50.8 * size, 270, size))
    if on_pad:
        planes.ruler(plane.at(105, 25, 80))
    planes.stitches(plane.at(80, 28, 90), 7)
    to_px, shape = planes.camera(plane, 4.6)
    photo = planes.photograph(plane, to_px, shape)
    return photo, planes.wound_at(plane, to_px, 7), planes.true_mm_per_px(to_px, (75, 55))


@pytest.mark.parametrize("size", [0.94, 1.04, 1.09])
def test_ruler_on_the_pad_wins(size: float) -> None:
    photo, wound, truth = framed(True, size)
    scale, notices = find_scale(photo, (wound,))
    assert relative_error(scale, truth) < 0.005
    assert codes(notices) == {"ruler_chosen"}


def test_ruler_on_the_frame_alone_is_refused() -> None:
    photo, wound, _ = framed(False)
    scale, notices = find_scale(photo, (wound,))
    assert scale is None
    assert codes(notices) == {"ruler_not_on_pad"}


def test_two_rulers_and_no_wound_are_ambiguous() -> None:
    photo, _, _ = framed(True)
    scale, notices = find_scale(photo, ())
    assert scale is None
    assert codes(notices) == {"scale_ambiguous"}


def test_threads_across_the_ticks() -> None:
    plane = Plane()
    planes.ruler(plane.at(40, 57))
    for x in (48, 63, 77):
        plane.at(0, 0).line([(x, 50), (x + 6, 64)], 0.4, BLACK)
    planes.stitches(plane.at(47, 42))
    to_px, size = planes.camera(plane, 5.0)
    scale, _ = find_scale(planes.photograph(plane, to_px, size), (planes.wound_at(plane, to_px),))
    assert relative_error(scale, planes.true_mm_per_px(to_px, (65, 50))) < 0.005


def test_tilt_along_the_ruler_is_told() -> None:
    plane = Plane()
    planes.ruler(plane.at(35, 55), 60)
    planes.stitches(plane.at(47, 42))
    to_px, size = planes.camera(plane, 6.0, 0, 32, 90)
    photo = planes.photograph(plane, to_px, size)
    scale, notices = find_scale(photo, (planes.wound_at(plane, to_px),))
    assert scale is not None
    assert "scale_tilt" in codes(notices)
    flat, wound, _ = scene()
    level, _ = find_scale(flat, (wound,))
    assert level is not None
    assert scale.relative_sd > 2 * level.relative_sd


def texture(kind: str) -> Image:
    """Things that look like a ruler and are none."""
    plane = Plane()
    if kind == "stitches":
        planes.stitches(plane.at(15, 50), 34, 3.0, 8.0)
    elif kind == "stripes":
        for k in range(90):
            plane.box(10 + k, 20, 0.5, 60, (120, 150, 190))
    elif kind == "comb with every third tick long":
        planes.ruler(plane.at(40, 57), every={1: 1.4, 3: 2.6}, blocks=False)
    elif kind == "comb with every seventh tick long":
        planes.ruler(plane.at(40, 57), every={1: 1.4, 7: 3.0}, blocks=False)
    elif kind == "text":
        for k in range(18):
            plane.text(8, 8 + 5 * k, "suture kit 2/0 lot 4711 IIIIIIIIIIII |||||||| iiiiiii", 2.2)
    elif kind == "weave":
        for k in range(0, 95):
            plane.line([(5 + k, 5), (35 + k, 95)], 0.35, (110, 150, 180))
            plane.line([(35 + k, 5), (5 + k, 95)], 0.35, (110, 150, 180))
    elif kind == "barcode":
        rng = np.random.default_rng(3)
        x = 20.0
        while x < 100:
            width = float(rng.choice([0.5, 1.0, 1.5, 2.0]))
            plane.box(x, 30, width, 20, BLACK)
            x += width + float(rng.choice([0.5, 1.0, 1.5]))
    return planes.photograph(plane, *planes.camera(plane, 5.0, 4.0))


@pytest.mark.parametrize(
    "kind",
    [
        "nothing",
        "stitches",
        "stripes",
        "comb with every third tick long",
        "comb with every seventh tick long",
        "text",
        "weave",
        "barcode",
    ],
)
def test_no_ruler_no_scale(kind: str) -> None:
    scale, notices = find_scale(texture(kind), ())
    assert scale is None
    assert notices


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 900, 3), (96, 48, 3), (73, 80, 3)])
def test_small_pictures(shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    assert find_scale(noise, ())[0] is None


def test_noise_alone() -> None:
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 255, (400, 500, 3), dtype=np.uint8)
        assert find_scale(noise, ())[0] is None
