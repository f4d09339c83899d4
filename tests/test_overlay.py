"""The overlay: drawn where the finding says, legible at every size, nothing hidden, nothing invented."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from assessor.report import canvas, strip
from assessor.report.labels import Row, badge_radius, place
from assessor.report.overlay import (
    MARKED_AT_MOST,
    MAX_LONG_PX,
    MAX_ZOOM,
    MIN_LONG_PX,
    draw_overlay,
    length_text,
    marked,
    overlay_png,
    overlay_zoom,
)
from assessor.results import (
    Failure,
    Hint,
    ImageInfo,
    Incision,
    Notice,
    PhotoAssessment,
    Scale,
    Score,
    Stitch,
    Technique,
    Wound,
)

MM_PER_PX = 0.1


def stitch(
    left: tuple[float, float], right: tuple[float, float], *, mm: bool = True, **changes: object
) -> Stitch:
    """A stitch whose incision passes its middle."""
    length = math.dist(left, right)
    in_mm = length * MM_PER_PX if mm else None
    half_mm = length / 2 * MM_PER_PX if mm else None
    sd = 0.1 if mm else None
    made = Stitch(
        bites=(left, right),
        inferred=(False, False),
        knot=None,
        confidence=0.9,
        cut=False,
        bite_left_px=length / 2,
        bite_right_px=length / 2,
        length_px=length,
        bite_left_mm=half_mm,
        bite_right_mm=half_mm,
        length_mm=in_mm,
        bite_left_sd_mm=sd,
        bite_right_sd_mm=sd,
        length_sd_mm=sd,
        angle_deg=90.0,
        angle_sd_deg=1.0,
        symmetry=1.0,
        symmetry_sd=0.05,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def row_of(
    n: int, *, x: float = 200, y: float = 300, gap: float = 60, length: float = 80, **kw: bool
) -> list[Stitch]:
    """Upright stitches beside each other, the incision level through their middles; left is up."""
    return [stitch((x + i * gap, y - length / 2), (x + i * gap, y + length / 2), **kw) for i in range(n)]


def assessed(
    stitches: list[Stitch], size: tuple[int, int] = (640, 640), hints: tuple[Hint, ...] = (), mm: bool = True
) -> PhotoAssessment:
    incision = Incision(((100.0, 300.0), (600.0, 300.0)), 0.9)
    technique = Technique("simple_interrupted", 0.9)
    wound = Wound(incision, technique, tuple(stitches), {}, Score(70, 100, 0.9, "skin-pad", "1"), hints)
    scale = Scale(MM_PER_PX, 0.01, "ruler") if mm else None
    return PhotoAssessment("0", ImageInfo("a.jpg", size[1], size[0], ""), scale, (wound,))


def blank(height: int = 640, width: int = 640, value: int = 120) -> canvas.Bgr:
    return np.full((height, width, 3), value, np.uint8)


def at(picture: canvas.Bgr, zoom: float, x: float, y: float) -> tuple[int, int, int]:
    """RGB of the overlay at a photo's pixel."""
    b, g, r = picture[round((y + 0.5) * zoom - 0.5), round((x + 0.5) * zoom - 0.5)]
    return int(r), int(g), int(b)


def near(picture: canvas.Bgr, colour: canvas.Colour) -> np.ndarray:
    return (np.abs(picture[..., ::-1].astype(int) - colour).max(axis=2) < 12).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "long_px"),
    [
        ((640, 640), MIN_LONG_PX),  # small photos grow
        ((3000, 4000), MAX_LONG_PX),  # 12 MP shrinks
        ((1500, 1400), 1500),  # between: as it is
        ((85, 272), MIN_LONG_PX),  # a crop of the usual size
        ((30, 100), 100 * MAX_ZOOM),  # further would be blur
    ],
)
def test_the_picture_has_a_size_to_be_read(shape: tuple[int, int], long_px: float) -> None:
    result = assessed([], shape)
    picture = draw_overlay(blank(*shape), result)
    zoom = overlay_zoom(blank(*shape), result)
    assert round(max(shape) * zoom) == long_px
    assert picture.shape[1] == max(round(shape[1] * zoom), strip.MIN_WIDTH_PX)
    assert picture.shape[0] > round(shape[0] * zoom)


def test_short_stitches_enlarge_the_picture() -> None:
    few_px = assessed(row_of(5, gap=20, length=25))
    assert overlay_zoom(blank(), few_px) > overlay_zoom(blank(), assessed(row_of(5))) == MIN_LONG_PX / 640
    assert overlay_zoom(blank(), few_px) * 640 <= MAX_LONG_PX


def test_bites_are_rings_at_their_points_and_hollow() -> None:
    photo, result = blank(), assessed(row_of(3))
    zoom, picture = overlay_zoom(photo, result), draw_overlay(photo, result)
    for made in result.wounds[0].stitches:
        for bite in made.bites:
            assert at(picture, zoom, *bite) == (120, 120, 120)  # what is marked stays visible
    first = result.wounds[0].stitches[0]
    top = near(picture, canvas.SKY)[: round(300 * zoom)]
    ys, xs = np.nonzero(top[:, : round(230 * zoom)])
    # The left bite (up here) is the sky blue end: ring and line are symmetric about the stitch.
    assert abs((xs.mean() + 0.5) / zoom - 0.5 - first.bites[0][0]) < 1
    assert (ys.min() + 0.5) / zoom < first.bites[0][1]


def test_left_and_right_have_their_own_colour_and_meet_at_the_incision() -> None:
    uneven = stitch((300, 240), (300, 340), bite_left_px=60.0, bite_right_px=40.0)
    photo, result = blank(), assessed([uneven])
    zoom, picture = overlay_zoom(photo, result), draw_overlay(photo, result)
    assert at(picture, zoom, 300, 280) == canvas.SKY
    assert at(picture, zoom, 300, 320) == canvas.ORANGE


def test_an_inferred_bite_is_dashed() -> None:
    seen, guessed = blank(100, 100), blank(100, 100)
    canvas.ring(seen, np.array([50.0, 50.0]), 20, canvas.SKY, 3)
    canvas.ring(guessed, np.array([50.0, 50.0]), 20, canvas.SKY, 3, dashed=True)
    assert 0.3 < near(guessed, canvas.SKY).sum() / near(seen, canvas.SKY).sum() < 0.85
    result = assessed([stitch((300, 240), (300, 340), inferred=(True, False))])
    plain = assessed([stitch((300, 240), (300, 340))])
    height = round(640 * overlay_zoom(blank(), result))
    drawn, whole = (near(draw_overlay(blank(), r)[:height], canvas.SKY).sum() for r in (result, plain))
    assert drawn < whole


def test_a_cut_stitch_is_grey_and_has_no_lengths() -> None:
    photo = blank()
    result = assessed([stitch((300, 240), (300, 340), cut=True)])
    picture = draw_overlay(photo, result)[: round(640 * overlay_zoom(photo, result))]
    assert near(picture, canvas.SKY).sum() == near(picture, canvas.ORANGE).sum() == 0
    assert near(picture, canvas.GREY).sum() > 50


def test_without_an_incision_no_side_is_claimed() -> None:
    lone = stitch(
        (300, 240), (300, 340), bite_left_px=None, bite_right_px=None, bite_left_mm=None, bite_right_mm=None
    )
    result = assessed([lone])
    result = replace(result, wounds=(replace(result.wounds[0], incision=None),))
    picture = draw_overlay(blank(), result)[: round(640 * overlay_zoom(blank(), result))]
    assert (
        near(picture, canvas.SKY).sum()
        == near(picture, canvas.ORANGE).sum()
        == near(picture, canvas.YELLOW).sum()
        == 0
    )


@pytest.mark.parametrize(
    ("mm", "sd_mm", "text"),
    [
        (3.14159, 0.1, "3.1 mm"),  # +-0.2
        (3.14159, 0.05, "3.1 mm"),  # +-0.1
        (0.36159, 0.01, "0.36 mm"),  # +-0.02
        (0.36159, 0.0001, "0.36 mm"),
        (3.14159, 0.7, "3 mm"),  # +-1.4
        (3.14159, None, "3.1 mm"),
        (3.14159, 0.0, "3.1 mm"),
    ],
)
def test_a_length_shows_no_digit_that_is_not_known(mm: float, sd_mm: float | None, text: str) -> None:
    assert length_text(mm, sd_mm) == text


def test_marks_follow_the_hints_and_are_few() -> None:
    hints = (Hint("a", "", (4, 2)), Hint("b", "", (2, 5, 0, 1)), Hint("c", "", (99,)))
    result = assessed(row_of(6), hints=hints)
    assert marked(result.wounds[0]) == frozenset({4, 2, 5})
    assert len(marked(result.wounds[0])) == MARKED_AT_MOST
    assert marked(assessed(row_of(6)).wounds[0]) == frozenset()
    height = round(640 * overlay_zoom(blank(), result))
    assert near(draw_overlay(blank(), result)[:height], canvas.VERMILLION).sum() > 200
    assert near(draw_overlay(blank(), assessed(row_of(6)))[:height], canvas.VERMILLION).sum() == 0


@pytest.mark.parametrize("turn_deg", range(0, 180, 20))
@pytest.mark.parametrize("gap", [35, 60, 140])
def test_numbers_keep_off_the_stitches_and_each_other(turn_deg: int, gap: int) -> None:
    turn = math.radians(turn_deg)
    along, across = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    middles = [np.array([600.0, 600.0]) + along * gap * (i - 3) for i in range(7)]
    bites = np.array([[m - across * 50, m + across * 50] for m in middles])
    row = Row(bites, [("12.5 mm", "12.5 mm")] * 7, [None] * 7, frozenset({3}), None, 8.0)
    labels = place([row], 1200, 1200, 25)
    badges = [label for label in labels if label.kind == "badge"]
    assert [label.text for label in badges] == [str(i + 1) for i in range(7)]
    assert {(label.stitch, label.kind) for label in labels} >= {(3, "left"), (3, "right")}
    for label in badges:
        radius = badge_radius(label.size_px)
        assert np.all((label.centre >= radius) & (label.centre <= 1200 - radius))
        for a, b in bites:
            foot = a + (b - a) * np.clip((label.centre - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            assert np.hypot(*(label.centre - foot)) > radius
        others = [np.hypot(*(label.centre - other.centre)) for other in badges if other is not label]
        assert min(others) > 2 * radius - 1e-6


def test_lengths_all_find_a_place_where_there_is_room() -> None:
    bites = np.array([[[300.0, 100 + 90 * i], [420.0, 100 + 90 * i]] for i in range(8)])
    row = Row(bites, [("3.1 mm", "5.2 mm")] * 8, [None] * 8, frozenset(), None, 8.0)
    labels = place([row], 900, 900, 25)
    assert (
        sum(label.kind == "left" for label in labels) == sum(label.kind == "right" for label in labels) == 8
    )


def test_lengths_of_diagonals_lie_over_their_own_numbers() -> None:
    bites = np.array([[[200 + 90 * i, 300], [320 + 90 * i, 370]] for i in range(6)], float)
    texts = [("5.4 mm", "3.0 mm")] * 6
    row = Row(bites, texts, [None] * 6, frozenset({1, 2, 4}), np.array([[150.0, 335], [850, 335]]), 10.0)
    labels = place([row], 1000, 700, 25)
    over = [label for label in labels if label.kind != "badge" and label.centre[1] < 335]
    for number in (label for label in labels if label.kind == "badge"):
        nearest = min(over, key=lambda label: math.dist(label.centre, number.centre))
        assert nearest.stitch == number.stitch


def test_wounds_are_named_only_where_there_are_several() -> None:
    rows = []
    for y in (200.0, 600.0):
        bites = np.array([[[300.0 + 90 * i, y - 50], [300.0 + 90 * i, y + 50]] for i in range(4)])
        rows.append(
            Row(bites, [(None, None)] * 4, [None] * 4, frozenset(), np.array([[250.0, y], [700.0, y]]), 8.0)
        )
    named = [label for label in place(rows, 900, 900, 25) if label.kind == "wound"]
    assert [label.text for label in named] == ["Wound 1", "Wound 2"]
    assert all(label.centre[0] < 250 for label in named)  # before the incision's start, off its line
    assert "wound" not in {label.kind for label in place(rows[:1], 900, 900, 25)}


def test_labels_stay_inside_at_the_edge() -> None:
    bites = np.array([[[12.0, 100 + 90 * i], [120.0, 100 + 90 * i]] for i in range(5)])
    row = Row(bites, [(None, None)] * 5, [None] * 5, frozenset(), None, 8.0)
    for label in place([row], 600, 600, 25):
        assert label.centre[0] > 120  # no room on the left


def test_no_rows_no_labels() -> None:
    assert place([], 100, 100, 25) == []


def test_the_photo_itself_is_left_alone() -> None:
    photo = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    before = photo.copy()
    picture = draw_overlay(photo, assessed(row_of(4), (300, 400)))
    assert np.array_equal(photo, before)
    assert picture.dtype == np.uint8


def test_the_png_is_the_picture() -> None:
    result = assessed(row_of(4))
    data = overlay_png(blank(), result)
    assert np.array_equal(
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), draw_overlay(blank(), result)
    )


@pytest.mark.parametrize(
    "result",
    [
        PhotoAssessment(
            "0", ImageInfo("a", 64, 64, ""), None, (), (Notice("no_wound", "Nothing. Come closer."),)
        ),
        PhotoAssessment(
            "0", ImageInfo("a", 64, 64, ""), None, (), error=Failure("blurred", "Blurred.", "Hold still.")
        ),
        assessed([]),  # a wound with an incision and no stitch
        assessed([stitch((10, 10), (10.4, 10.2))]),  # shorter than its rings
        assessed([stitch((-30, 300), (40, 300))]),  # a bite outside the frame
    ],
)
def test_odd_results_still_give_a_picture(result: PhotoAssessment) -> None:
    picture = draw_overlay(blank(), result)
    assert picture.shape[0] > 640 * overlay_zoom(blank(), result)


def test_two_wounds_are_both_drawn_and_named() -> None:
    one = assessed(row_of(3, y=150), hints=(Hint("a", "First.", (0,)),))
    two = assessed(row_of(3, y=450), hints=(Hint("a", "Second.", (1,)),))
    both = replace(one, wounds=one.wounds + two.wounds)
    lower = slice(400 * 2, 500 * 2)
    assert near(draw_overlay(blank(), both)[lower], canvas.SKY).sum() > 0
    assert near(draw_overlay(blank(), one)[lower], canvas.SKY).sum() == 0


@pytest.mark.parametrize(("longest", "nice"), [(7.3, 5), (10, 10), (1.99, 1), (0.45, 0.2), (83, 50), (2, 2)])
def test_scale_bars_are_round(longest: float, nice: float) -> None:
    assert strip.nice_length_mm(longest) == pytest.approx(nice)


def test_the_scale_bar_has_its_length_and_is_missing_without_a_scale() -> None:
    zoom = 2.0
    with_scale = strip.draw_strip(assessed([]), 1280, zoom, False)
    ink = near(with_scale, canvas.INK)
    # 0.3 of the width is 384 px = 19.2 mm at 20 px a mm: the bar shows 10 mm, 200 px.
    longest = max(len(run) for line in ink for run in "".join(map(str, line)).split("0"))
    assert abs(longest - 10 * zoom / MM_PER_PX) <= 6
    without = near(strip.draw_strip(assessed([], mm=False), 1280, zoom, False), canvas.INK)
    assert max(len(run) for line in without for run in "".join(map(str, line)).split("0")) < 100


def test_sentences_wrap_to_the_width() -> None:
    text = "Stitches 3 and 6: right bite 2 mm shorter than left. " * 4
    lines = strip.wrapped(text, 25, 500)
    assert len(lines) > 3
    assert " ".join(lines).split() == text.split()
    assert all(canvas.text_size(line, 25)[0] <= 500 for line in lines)


@pytest.mark.parametrize("text", ["3 – 5 mm", "a × b ≥ c", "naïve µm ± 2 °", "字"])
def test_no_letter_becomes_a_box(text: str) -> None:
    face = canvas.font(40)
    missing = face.getmask("\uffff").getbbox(), bytes(face.getmask("\uffff"))
    for letter in canvas.spelled(text):
        assert (face.getmask(letter).getbbox(), bytes(face.getmask(letter))) != missing


@pytest.mark.parametrize("turned_deg", [0.0, 180.0])
def test_letters_are_drawn_whole(turned_deg: float) -> None:
    for size_px in range(8, 60):
        image = np.full((100, 100, 3), 255, np.uint8)
        canvas.put_text(image, np.array([50.0, 50.0]), "0", size_px, (0, 0, 0), turned_deg=turned_deg)
        letter = canvas.font(size_px).getmask("0")
        whole = np.array(letter, np.uint8).reshape(letter.size[::-1])
        drawn = 255 - image[..., 0]
        assert (drawn > 60).any(axis=1).sum() == (whole > 60).any(axis=1).sum(), size_px
