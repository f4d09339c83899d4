"""Tips are found without a click, kept apart, lost honestly, and never taken from the background."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assessor.motion.background import Background
from assessor.motion.frames import Frame, to_grey
from assessor.motion.tips.extent import End
from assessor.motion.tips.find import Finder, picture_area
from assessor.motion.tips.follow import Follower
from assessor.motion.tips.shafts import Shaft, find_shafts, straight_edges
from assessor.motion.tips.slot import Slot
from assessor.motion.tracking import FrameMotion, Tracker

Picture = NDArray[np.uint8]
Place = Callable[[float], tuple[float, float, float]]  # of time: tip x, y and axis in degrees
W, H, FPS = 480, 360, 30


def ground(seed: int = 1) -> Picture:
    """A pad with soft texture, and things that look like instruments but lie still."""
    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(rng.normal(0, 30, (H, W)).astype(np.float32), (0, 0), 2)
    picture = np.clip(150 + 3 * soft[..., None] + np.array([0, 5, 20]), 0, 255).astype(np.uint8)
    cv2.line(picture, (300, 330), (450, 250), (60, 60, 60), 9, cv2.LINE_AA)  # scissors on the table
    cv2.line(picture, (300, 330), (450, 250), (210, 210, 210), 3, cv2.LINE_AA)
    cv2.rectangle(picture, (330, 20), (460, 90), (90, 110, 90), 4)
    return picture


def draw_tool(picture: Picture, x: float, y: float, axis_deg: float) -> None:
    """A tapering metal shaft whose tip is at (x, y), coming from beyond the picture, drawn to 1/16 px."""
    along = np.array([math.cos(math.radians(axis_deg)), math.sin(math.radians(axis_deg))])
    across = np.array([-along[1], along[0]])
    tip, root = np.array([x, y]), np.array([x, y]) - 600 * along
    for share, level in ((1.0, 45), (0.55, 225), (0.2, 120)):
        half = np.array([1.5, 30.0]) * share
        corners = [
            tip + across * half[0],
            root + across * half[1],
            root - across * half[1],
            tip - across * half[0],
        ]
        cv2.fillConvexPoly(
            picture, np.rint(np.array(corners) * 16).astype(np.int32), (level, level, level), cv2.LINE_AA, 4
        )


def draw_marks(picture: Picture, x: float, y: float, axis_deg: float) -> None:
    """Serrations and scratches across the shaft: without any its motion along itself could not be seen."""
    along = np.array([math.cos(math.radians(axis_deg)), math.sin(math.radians(axis_deg))])
    across = np.array([-along[1], along[0]])
    for k, back in enumerate((12, 20, 28, 45, 58, 80, 97, 120)):
        middle = np.array([x, y]) - back * along
        ends = np.rint(np.stack([middle + across * 2, middle - across * 2]) * 16).astype(int)
        cv2.line(picture, ends[0].tolist(), ends[1].tolist(), (30, 30, 30), 1 + k % 2, cv2.LINE_AA, 4)


def film(seconds: float, *tools: Place, shake: Place | None = None, noise: float = 1.5) -> Iterator[Frame]:
    rng = np.random.default_rng(5)
    still = ground()
    for k in range(round(seconds * FPS)):
        t = k / FPS
        picture = still.copy()
        for tool in tools:
            draw_tool(picture, *tool(t))
            draw_marks(picture, *tool(t))
        if shake is not None:
            x, y, _ = shake(t)
            matrix = np.array([[1, 0, x], [0, 1, y]])
            picture = cv2.warpAffine(picture, matrix, (W, H), borderMode=cv2.BORDER_REPLICATE).astype(
                np.uint8
            )
        noisy = picture + rng.normal(0, noise, picture.shape)
        yield Frame(np.clip(noisy, 0, 255).astype(np.uint8), t, k)


def left_hand(t: float) -> tuple[float, float, float]:
    return 190 + 25 * math.sin(2.1 * t), 150 + 18 * math.sin(1.3 * t), 28 + 3 * math.sin(t)


def right_hand(t: float) -> tuple[float, float, float]:
    return 285 + 22 * math.sin(1.7 * t + 1), 170 + 15 * math.cos(1.9 * t), 160 + 3 * math.cos(t)


def followed(frames: Iterator[Frame], tracker: Tracker | None = None) -> list[FrameMotion]:
    tracker = tracker or Tracker()
    return [tracker.step(frame) for frame in frames]


def errors(motions: list[FrameMotion], place: Place, tip: int) -> NDArray[np.float64]:
    """Distances to the truth in the frames in which `tip` is held."""
    return np.array(
        [math.dist((s.x_px, s.y_px), place(m.t_s)[:2]) for m in motions for s in m.tips if s.tip == tip]
    )


def test_two_tips_are_found_without_a_click_and_kept_apart() -> None:
    motions = followed(film(4, left_hand, right_hand))
    late = motions[45:]
    assert np.mean([len(m.tips) == 2 for m in late]) > 0.95
    ids = {s.tip for m in motions for s in m.tips}
    assert len(ids) == 2
    first = {s.tip: s for s in late[0].tips}
    left, right = sorted(first, key=lambda tip: first[tip].x_px)
    assert np.percentile(errors(late, left_hand, left), 90) < 6
    assert np.percentile(errors(late, right_hand, right), 90) < 6


def test_the_fine_track_follows_tremor_and_not_the_camera() -> None:
    def tool(t: float) -> tuple[float, float, float]:
        return (
            190 + 4 * math.sin(1.1 * t) + 0.6 * math.sin(2 * math.pi * 8 * t),
            150 + 8 * math.sin(0.9 * t),
            30,
        )

    def shake(t: float) -> tuple[float, float, float]:
        return 1.5 * math.sin(2 * math.pi * 5 * t), 1.0 * math.cos(2 * math.pi * 3 * t), 0

    motions = followed(film(4, tool, shake=shake), Tracker([tool(0)[:2]]))
    late = [m for m in motions[30:] if m.tips]
    assert len(late) > 80
    t = np.array([m.t_s for m in late])
    fine = np.array([m.tips[0].fine_x_px for m in late])
    assert len({m.tips[0].segment for m in late}) == 1
    basis = [np.ones_like(t), t, t**2, t**3]
    basis += [f(2 * np.pi * hz * t) for hz in (3.0, 5.0, 8.0) for f in (np.sin, np.cos)]
    found = np.linalg.lstsq(np.stack(basis, 1), fine, rcond=None)[0]
    assert np.hypot(*found[-2:]) == pytest.approx(0.6, rel=0.25)
    assert np.hypot(*found[6:8]) < 0.15  # of 1.5 px of shake at 5 Hz
    camera = np.array([m.camera_x_px for m in late], float)
    true = np.array([shake(x)[0] for x in t])
    assert np.std(camera - true) < 0.1
    floor = np.array([m.floor_x_px for m in late], float)
    assert np.std(np.diff(floor)) < 0.1


def test_nothing_is_found_where_nothing_is_held() -> None:
    motions = followed(film(3))
    assert all(m.tips == () for m in motions)
    shaken = followed(film(2, shake=lambda t: (4 * math.sin(9 * t), 3 * math.sin(7 * t), 0)))
    assert all(m.tips == () for m in shaken)


def test_a_tool_that_leaves_is_lost_and_found_again_as_the_same_tip() -> None:
    def tool(t: float) -> tuple[float, float, float]:
        away = 420 * max(0.0, min(1.0, 4 * (t - 2), 4 * (3.6 - t)))  # out of the picture from 2.25 to 3.35 s
        x, y, axis = left_hand(t)
        return x - away * math.cos(math.radians(axis)), y - away * math.sin(math.radians(axis)), axis

    motions = followed(film(5, tool))
    held = {round(m.t_s, 2): m.tips for m in motions}
    assert len(held[1.9]) == 1
    gone = [m for m in motions if 2.5 < m.t_s < 3.3]
    assert all(m.tips == () for m in gone)
    back = [m for m in motions if m.t_s > 4.2]
    assert np.mean([len(m.tips) == 1 for m in back]) > 0.9
    assert {s.tip for m in motions for s in m.tips} == {held[1.9][0].tip}
    assert back[-1].tips[0].segment != held[1.9][0].segment  # what was before and after does not compare


def test_a_tip_held_still_is_found_by_its_small_motion() -> None:
    def tool(t: float) -> tuple[float, float, float]:
        return 190 + 0.8 * math.sin(2.5 * t), 150 + 0.7 * math.sin(6 * t), 30

    motions = followed(film(4, tool))
    late = motions[75:]
    assert np.mean([len(m.tips) == 1 for m in late]) > 0.9
    assert np.median(errors(late, tool, late[-1].tips[0].tip)) < 8


def test_a_click_on_the_still_background_reports_no_tip_for_long() -> None:
    motions = followed(film(3, left_hand), Tracker([(395, 55)]))  # a rectangle's edge, not an instrument
    assert not any(math.dist((s.x_px, s.y_px), (395, 55)) < 20 for m in motions[60:] for s in m.tips)


def test_a_crop_of_the_picture_gives_places_in_the_whole() -> None:
    tracker = Tracker()
    motions = []
    for frame in film(3, left_hand):
        if frame.t_s < 1.5:
            motions.append(tracker.step(frame))
        else:
            x, y = 40, 30
            cut = Frame(frame.bgr[y : y + 260, x : x + 330], frame.t_s, frame.index)
            motions.append(tracker.step(cut, (x, y), (W, H)))
    late = [m for m in motions if m.t_s > 2]
    assert np.mean([len(m.tips) == 1 for m in late]) > 0.9
    assert np.percentile(errors(late, left_hand, late[-1].tips[0].tip), 90) < 8


def test_a_plain_wall_has_no_known_camera_motion() -> None:
    plain = np.full((H, W, 3), 128, np.uint8)
    motions = followed(Frame(plain, k / FPS, k) for k in range(5))
    assert all(m.camera_x_px is None and m.floor_x_px is None and m.tips == () for m in motions)


def test_the_background_ignores_a_moving_hand() -> None:
    background = Background()
    rng = np.random.default_rng(2)
    hand = cv2.GaussianBlur(rng.normal(0, 60, (110, 110)).astype(np.float32), (0, 0), 3) * 2 + 120
    before: Picture | None = None
    for k in range(20):
        picture = to_grey(ground())
        picture[100:210, 60 + 3 * k : 170 + 3 * k] = np.clip(hand, 0, 255).astype(np.uint8)
        if before is not None:
            step = background.step(before, picture, np.zeros((H, W), np.uint8))
            assert step is not None
            assert np.abs(step.matrix - np.eye(2, 3)).max() < 0.05
        before = picture


def test_shafts_of_a_drawn_tool_end_at_its_tip() -> None:
    picture = ground()
    draw_tool(picture, 200, 150, 30)
    grey = to_grey(picture)
    diagonal = math.hypot(W, H)
    shafts = find_shafts(straight_edges(grey, diagonal), (W, H), diagonal)
    ends = [s for s in shafts if math.dist(s.tip_px, (200, 150)) < 8]
    assert len(ends) == 1
    assert ends[0].at_border
    assert ends[0].axis_rad == pytest.approx(math.radians(30), abs=0.05)
    assert find_shafts(np.empty((0, 4)), (W, H), diagonal) == []


def test_bars_beside_the_picture_are_no_border() -> None:
    boxed = np.full((H, W + 160), 20, np.uint8)
    boxed[:, 80:-80] = to_grey(ground())
    x0, _, x1, _ = picture_area(boxed)
    assert (x0, x1) == (pytest.approx(80, abs=4), pytest.approx(W + 80, abs=4))


@pytest.mark.parametrize(("fps", "each"), [(12, True), (30, False)])
def test_where_few_pictures_come_each_is_searched(
    fps: int, each: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, everywhere = [], Finder.everywhere

    def counted(*args: object, **more: object) -> object:
        looks.append(1)
        return everywhere(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Finder, "everywhere", counted)
    tracker = Tracker()
    for k in range(12):
        tracker.step(Frame(ground(), k / fps, k))
    assert (len(looks) == 12) == each


def test_a_tip_lost_a_moment_ago_is_not_taken_for_a_tool_far_off() -> None:
    def away(t: float) -> tuple[float, float, float]:
        x, y, axis = right_hand(t)
        return (x + 900, y, axis) if 1.6 <= t < 2.1 else (x, y, axis)

    def third(t: float) -> tuple[float, float, float]:
        later = max(0.0, t - 1.6)
        return 80 + 50 * later, 300 - 80 * later, -60.0

    motions = followed(film(3.2, left_hand, away, third))
    (right,) = {s.tip for s in motions[45].tips if math.dist((s.x_px, s.y_px), right_hand(1.5)[:2]) < 12}
    assert right in {s.tip for s in motions[-1].tips}
    assert errors(motions[45:], right_hand, right).max() < 15


@pytest.mark.parametrize("sure", [False, True])
def test_beside_another_tip_only_one_never_seen_as_an_end_is_put_where_its_own_end_is(
    monkeypatch: pytest.MonkeyPatch, sure: bool
) -> None:
    """A thread between two was taken for one; what moves with a tip that is sure may be the other's."""
    tracker = Tracker()
    motions = followed(film(2.5, left_hand, right_hand), tracker)
    wrong, other = tracker._slots
    assert wrong.follower is not None
    assert other.follower is not None
    place = right_hand if math.dist(wrong.follower.tip, right_hand(2.5)[:2]) < 40 else left_hand
    true = np.array(place(motions[-1].t_s)[:2])
    wrong.follower.put(other.follower.tip + np.array([12.0, 0.0]))
    wrong.sure = sure
    seen = End(20.0, true, 0.0, 5.0, free=True)
    monkeypatch.setattr(Slot, "end_elsewhere", lambda slot, *_: seen if slot is wrong else None)
    tracker._check_ends(to_grey(next(film(0.04, left_hand, right_hand)).bgr), 2.5)
    assert (math.dist(wrong.follower.tip, true) < 1) is not sure


def test_a_correction_of_the_tips_place_adds_no_jerk_and_is_done_in_the_end() -> None:
    pictures = [to_grey(frame.bgr) for frame in film(2.0, lambda t: (240.0, 170.0, 30.0))]
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    paths = []
    for step in ((0.0, 0.0), (-4.0, 3.0)):
        follower = Follower((240.0, 170.0), math.radians(30.0), 20.0, 150.0)
        path = []
        for k, (before, now) in enumerate(itertools.pairwise(pictures)):
            if k == 10:
                follower.draw(np.array(step))
            assert follower.step(before, now, still, k / FPS, held=True)
            path.append((*follower.tip, *follower.fine))
        paths.append(np.array(path))
    drawn = paths[1] - paths[0]
    assert np.abs(np.diff(drawn[:, :2], axis=0)).max() < 0.15 * 4
    assert drawn[-1, :2] == pytest.approx((-4, 3), abs=0.1)
    assert np.abs(drawn[:, 2:]).max() < 0.05  # the fine motion knows nothing of it


def test_a_shaft_whose_edges_break_off_does_not_draw_back_a_tip_whose_end_was_seen_ahead() -> None:
    picture = to_grey(ground())
    broken_off = Shaft((234.0, 173.0), (100.0, 173.0), 12.0, 200.0, False, np.zeros((2, 4)))
    ways = []
    for ends_ahead in (False, True):
        follower = Follower((240.0, 170.0), 0.0, 12.0, 150.0)
        for _ in range(6):
            assert not follower.confirm(broken_off, picture, ends_ahead=ends_ahead)
        ways.append(follower.aim - (240.0, 170.0))
    assert ways[0] == pytest.approx((-6, 3), abs=1.5)
    assert ways[1] == pytest.approx((0, 3), abs=1.0)


@pytest.mark.parametrize(("told_by", "value"), [("_slipped", True), ("_followed", 0.6)])
def test_a_tip_that_slipped_and_stands_like_the_ground_is_sought_anew(told_by: str, value: float) -> None:
    tracker = Tracker()
    frames = list(film(3.0, lambda t: (*left_hand(min(t, 2.0))[:2], 28.0)))
    for frame in frames[:75]:
        tips = tracker.step(frame).tips
    (before,) = tips
    assert before.sure
    setattr(tracker._slots[0], told_by, value)  # once hardly followed, or badly for a while
    (after,) = tracker.step(frames[75]).tips
    assert after.segment > before.segment
    assert not after.sure


def test_a_tip_that_is_drawn_aside_is_followed_by_what_lies_behind_it_now() -> None:
    def sways(t: float) -> tuple[float, float, float]:
        return 240 + 6 * math.sin(2 * math.pi * t), 170, 0.0

    pictures = [to_grey(frame.bgr) for frame in film(1.5, sways)]
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    follower = Follower((240.0, 190.0), 0.0, 20.0, 150.0)  # its strip lies beside the instrument
    xs = []
    for k, (before, now) in enumerate(itertools.pairwise(pictures)):
        if k == 12:
            follower.draw(np.array([0.0, -20.0]), at_once=True)
        follower.step(before, now, still, k / FPS, held=True)
        xs.append(follower.fine[0])
    true = np.array([sways((k + 1) / FPS)[0] for k in range(len(xs))])
    off = np.array(xs)[14:] - true[14:]
    assert np.ptp(off) < 0.5
