"""The quality gate on drawn pads: which fault gives which warning, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from assessor.errors import QualityError
from assessor.photo.perception.curve import Pyramid
from assessor.photo.quality import check
from assessor.photo.visibility import blur_px, see
from assessor.results import Notice, Scale, StitchFinding, WoundFinding

PAD = (150, 175, 215)  # B G R, skin-like
BLACK = (30, 25, 25)


def stitch(bites: np.ndarray, cut: bool = False) -> StitchFinding:
    first, second = (tuple(map(float, p)) for p in bites)
    return StitchFinding((first, second), (1.0, 1.0), (False, False), 0.9, cut=cut)


def wound_of(bites: np.ndarray, line: list[tuple[float, float]] | None) -> WoundFinding:
    return WoundFinding(tuple(line) if line else None, 0.9, 1.0, tuple(stitch(b) for b in bites))


def pad(
    stitch_px: float = 90.0,
    thread_px: float = 6.0,
    *,
    count: int = 6,
    thread: tuple[int, int, int] = BLACK,
    ground: tuple[int, int, int] = PAD,
    blur: float = 0.0,
    noise: float = 2.0,
    margin: float = 1.2,
    at: tuple[float, float] = (0.0, 0.0),
) -> tuple[np.ndarray, WoundFinding]:
    """A pad with a row of stitches across a vertical incision; `blur` is a Gaussian's sd in px."""
    gap, edge = 0.8 * stitch_px, margin * stitch_px
    width, height = math.ceil(2 * edge + stitch_px), math.ceil(2 * edge + (count - 1) * gap)
    fine = (
        4 if stitch_px < 150 else 2
    )  # drawn larger and averaged, so that a thread's width need not be whole pixels
    big = np.full((height * fine, width * fine, 3), ground, np.uint8)
    bites = np.array([[(edge, edge + i * gap), (edge + stitch_px, edge + i * gap + 3)] for i in range(count)])
    middle = edge + stitch_px / 2
    line = [(middle, edge - 0.5 * gap), (middle, edge + (count - 0.5) * gap)]

    def fine_px(points: object) -> np.ndarray:
        return np.rint((np.asarray(points) + 0.5) * fine - 0.5).astype(int)

    cv2.line(big, *fine_px(line).tolist(), (90, 90, 160), max(1, round(0.04 * stitch_px * fine)))
    for pair in fine_px(bites).tolist():
        cv2.line(big, *pair, thread, max(1, round(thread_px * fine)))
    image = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA).astype(np.float64)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    image += np.random.default_rng(5).normal(0, noise, image.shape)
    bgr = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return bgr, wound_of(bites + at, [(x + at[0], y + at[1]) for x, y in line])


def codes(notices: tuple[Notice, ...]) -> set[str]:
    assert all(n.text.endswith(".") for n in notices)
    assert len({n.code for n in notices}) == len(notices)
    return {n.code for n in notices}


# ---- what is measured ------------------------------------------------------------------------------


@pytest.mark.parametrize("thread_px", [3.0, 5.0, 8.0, 14.0])
@pytest.mark.parametrize("thread", [BLACK, (235, 235, 240), (200, 90, 40)])
def test_thread_width_is_that_of_the_drawn_thread(thread_px: float, thread: tuple[int, int, int]) -> None:
    bgr, wound = pad(120, thread_px, thread=thread)
    seen = see(Pyramid(bgr), wound)
    assert seen is not None
    assert seen.thread_px == pytest.approx(thread_px, abs=0.4)
    assert seen.visible_share == 1.0
    assert seen.stitch_px == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize("size", [1.0, 2.5])
@pytest.mark.parametrize("noise", [0.0, 8.0])
@pytest.mark.parametrize("share", [0.04, 0.08, 0.12])
def test_blur_is_found_whatever_size_and_noise(size: float, noise: float, share: float) -> None:
    bgr, wound = pad(80 * size, 6 * size, blur=share * 80 * size, noise=noise, count=4)
    seen = see(Pyramid(bgr), wound)
    assert seen is not None
    assert seen.blur_px is not None
    # a thin thread reads up to a third too sharp
    assert 0.6 * share < seen.blur_px / seen.stitch_px < 1.15 * share


@pytest.mark.parametrize("noise", [0.0, 6.0])
@pytest.mark.parametrize("sigma", [3.0, 5.0, 8.0])
def test_blur_of_plain_edges_is_their_sigma(sigma: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    squares = np.kron(rng.integers(30, 220, (10, 10)), np.ones((32, 32)))[..., None].repeat(3, axis=2)
    image = cv2.GaussianBlur(squares, (0, 0), sigma) + rng.normal(0, noise, squares.shape)
    bgr = np.clip(image, 0, 255).astype(np.uint8)
    mask = np.full(bgr.shape[:2], 255, np.uint8)
    assert blur_px(bgr, mask, 64.0) == pytest.approx(sigma, rel=0.25)


def test_noise_does_not_pass_for_sharpness() -> None:
    # a faint thread, much blurred: the noise holds as much fine detail as the thread does
    reads = []
    for noise in (0.0, 10.0):
        bgr, wound = pad(90, 12, thread=(110, 135, 175), blur=12, noise=noise, count=8)
        seen = see(Pyramid(bgr), wound)
        assert seen is not None
        assert seen.blur_px is not None
        reads.append(seen.blur_px)
    assert reads[1] == pytest.approx(reads[0], rel=0.15)


def test_a_plain_surface_has_no_blur_to_tell() -> None:
    bgr = np.full((200, 200, 3), 128, np.uint8)
    assert blur_px(bgr, np.full((200, 200), 255, np.uint8), 64.0) is None


def test_visibility_without_a_whole_stitch_is_none() -> None:
    bgr, wound = pad()
    assert see(Pyramid(bgr), WoundFinding(wound.incision_px, 0.9, 1.0, ())) is None
    cut = tuple(stitch(np.array(s.bites_px), cut=True) for s in wound.stitches)
    assert see(Pyramid(bgr), WoundFinding(wound.incision_px, 0.9, 1.0, cut)) is None


# ---- what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stitch_px", [60.0, 90.0, 400.0])
def test_a_good_photo_gives_no_warning(stitch_px: float) -> None:
    bgr, wound = pad(stitch_px, 0.07 * stitch_px, count=4)
    assert check(Pyramid(bgr), (wound,)) == ()


def test_a_read_only_photo_will_do() -> None:
    bgr, wound = pad()
    bgr.setflags(write=False)
    assert check(Pyramid(bgr), (wound,)) == ()


def test_no_wound() -> None:
    bgr, _ = pad()
    assert codes(check(Pyramid(bgr), ())) == {"no_wound"}
    assert codes(check(Pyramid(np.zeros((300, 400, 3), np.uint8)), ())) == {"no_wound", "too_dark"}
    assert codes(check(Pyramid(np.full((300, 400, 3), 255, np.uint8)), ())) == {"no_wound", "overexposed"}
    assert codes(check(Pyramid(np.full((300, 400, 3), 128, np.uint8)), ())) == {"no_wound"}
    assert codes(check(Pyramid(cv2.GaussianBlur(bgr, (0, 0), 12)), ())) == {"no_wound", "blurred"}


def test_a_wound_without_its_parts() -> None:
    bgr, wound = pad()
    assert codes(check(Pyramid(bgr), (WoundFinding(wound.incision_px, 0.9, 1.0, ()),))) == {"no_stitches"}
    assert codes(check(Pyramid(bgr), (WoundFinding(None, 0.0, 0.0, wound.stitches),))) == {"no_incision"}


def test_stitches_that_are_doubtful_on_the_whole_are_told() -> None:
    bgr, wound = pad()
    unsure = replace(wound, stitches=tuple(replace(s, confidence=0.4) for s in wound.stitches))
    assert codes(check(Pyramid(bgr), (unsure,))) == {"stitches_doubtful"}


@pytest.mark.parametrize(("share", "expected"), [(0.02, set()), (0.1, {"blurred"}), (0.3, "too_blurred")])
def test_blur_is_warned_of_and_then_refused(share: float, expected: set[str] | str) -> None:
    bgr, wound = pad(90, 12, blur=share * 90, margin=2.5)
    if isinstance(expected, set):
        assert codes(check(Pyramid(bgr), (wound,))) == expected
    else:
        with pytest.raises(QualityError) as caught:
            check(Pyramid(bgr), (wound,))
        assert caught.value.code == expected


@pytest.mark.parametrize(
    ("stitch_px", "thread_px", "expected"),
    [
        (38.0, 2.0, {"thread_thin"}),  # a whole pad at 640 px: warned, graded
        (90.0, 2.0, {"thread_thin"}),
        (14.0, 1.6, {"thread_thin"}),
        (90.0, 4.0, set()),
    ],
)
def test_pixels_a_thread(stitch_px: float, thread_px: float, expected: set[str]) -> None:
    bgr, wound = pad(stitch_px, thread_px)
    assert codes(check(Pyramid(bgr), (wound,))) == expected


def test_stitches_of_a_few_pixels_are_refused() -> None:
    bgr, wound = pad(7.0, 1.0)
    with pytest.raises(QualityError) as caught:
        check(Pyramid(bgr), (wound,))
    assert caught.value.code == "stitches_too_small"
    assert "closer" in caught.value.hint


def test_a_thread_like_the_pad() -> None:
    bgr, wound = pad(thread=(153, 178, 218))
    assert "thread_faint" in codes(check(Pyramid(bgr), (wound,)))


def test_too_dark() -> None:
    bgr, wound = pad()
    assert "too_dark" in codes(check(Pyramid((bgr * 0.12).astype(np.uint8)), (wound,)))
    with pytest.raises(QualityError) as caught:
        check(Pyramid((bgr * 0.05).astype(np.uint8)), (wound,))
    assert caught.value.code == "too_dark"


def test_overexposed() -> None:
    bgr, wound = pad()
    burnt = bgr.copy()
    burnt[: bgr.shape[0] // 2] = np.maximum(bgr[: bgr.shape[0] // 2], 252)
    assert "overexposed" in codes(check(Pyramid(burnt), (wound,)))
    with pytest.raises(QualityError) as caught:
        check(Pyramid(np.full_like(bgr, 255)), (wound,))
    assert caught.value.code == "overexposed"


def test_a_white_thread_is_not_glare_but_a_reflection_on_a_bite_is() -> None:
    bgr, wound = pad(thread=(255, 255, 255), noise=0)
    assert codes(check(Pyramid(bgr), (wound,))) == set()
    x, y = (round(v) for v in wound.stitches[2].bites_px[0])
    cv2.circle(bgr, (x, y), 14, (255, 255, 255), -1)
    (notice,) = check(Pyramid(bgr), (wound,))
    assert notice.code == "glare"
    assert "1 bite" in notice.text


@pytest.mark.parametrize("turns", range(4))
def test_an_incision_that_ends_at_the_frame(turns: int) -> None:
    bgr, wound = pad()
    assert wound.incision_px is not None
    top = round(wound.incision_px[0][1])
    bgr, shift = bgr[top:], np.array([0, top])
    bites = np.array([s.bites_px for s in wound.stitches]) - shift
    line = np.array(wound.incision_px) - shift
    for _ in range(turns):  # np.rot90: (x, y) -> (y, width - 1 - x)
        bites = np.stack([bites[..., 1], bgr.shape[1] - 1 - bites[..., 0]], axis=-1)
        line = np.stack([line[..., 1], bgr.shape[1] - 1 - line[..., 0]], axis=-1)
        bgr = np.ascontiguousarray(np.rot90(bgr))
    turned = wound_of(bites, [(float(x), float(y)) for x, y in line])
    assert codes(check(Pyramid(bgr), (turned,))) == {"wound_at_frame"}


def test_stitches_cut_by_the_frame() -> None:
    bgr, wound = pad()
    cut = (stitch(np.array(wound.stitches[0].bites_px), cut=True), *wound.stitches[1:])
    (notice,) = check(Pyramid(bgr), (WoundFinding(wound.incision_px, 0.9, 1.0, cut),))
    assert notice.code == "stitches_cut"
    assert notice.text.startswith("1 stitch")
    every = tuple(stitch(np.array(s.bites_px), cut=True) for s in wound.stitches)
    found = codes(check(Pyramid(bgr), (WoundFinding(wound.incision_px, 0.9, 1.0, every),)))
    assert found == {"stitches_cut", "no_whole_stitch"}


@pytest.mark.parametrize(
    ("mm_per_px", "size", "expected"),
    [
        (0.030, "3-0", set()),  # 8 px are 0.24 mm
        (0.030, "2-0", set()),  # off by a quarter: practice threads are
        (0.030, "6-0", {"suture_size_doubtful"}),
        (0.200, "3-0", {"suture_size_doubtful", "thread_unresolved"}),  # 8 px would be 1.6 mm
        (0.030, "12-0", set()),  # no diameter known
        (0.030, None, set()),
    ],
)
def test_scale_and_suture_size(mm_per_px: float, size: str | None, expected: set[str]) -> None:
    bgr, wound = pad(120, 8)
    assert codes(check(Pyramid(bgr), (wound,), Scale(mm_per_px, 0.01, "given"), size)) == expected


def test_a_poor_wound_beside_a_good_one_is_warned_of_not_refused() -> None:
    good, first = pad(90, 7)
    poor, _ = pad(90, 12, blur=27)
    second = pad(90, 7, at=(good.shape[1], 0))[1]
    both = np.hstack([good, poor])
    notices = check(Pyramid(both), (first, second))
    assert codes(notices) == {"blurred"}
    assert notices[0].text.startswith("Wound 2: ")
    with pytest.raises(QualityError):
        check(Pyramid(both), (second,))


@pytest.mark.parametrize("shape", [(24, 64, 3), (64, 24, 3), (31, 102, 3)])
def test_stitches_anywhere_never_crash_it(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(8)
    for _ in range(40):
        bgr = rng.integers(0, 256, shape, np.uint8)
        bites = rng.uniform(-20, 130, (int(rng.integers(1, 5)), 2, 2))
        line = [(float(x), float(y)) for x, y in rng.uniform(-5, 110, (3, 2))]
        try:
            notices = check(Pyramid(bgr), (wound_of(bites, line),), Scale(0.1, 0.02, "given"), "4-0")
        except QualityError:
            continue
        codes(notices)
