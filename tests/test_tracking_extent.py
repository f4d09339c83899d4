"""An instrument ends where what moves with it ends, wherever its edges break off."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from test_tracking import FPS, H, Place, W, draw_marks, draw_tool, followed, ground

from assessor.motion.frames import Frame, to_grey
from assessor.motion.tips.extent import Travel, moved_to
from assessor.motion.tips.follow import Follower
from assessor.motion.tips.slot import END_NEAR
from assessor.motion.tracking import Tracker

TIP, AXIS_DEG = (240.0, 170.0), 30.0
STILL = np.array([[1.0, 0, 0], [0, 1, 0]])


def grey(tip: tuple[float, float] = TIP, seed: int = 0) -> NDArray[np.uint8]:
    picture = ground()
    draw_tool(picture, *tip, AXIS_DEG)
    draw_marks(picture, *tip, AXIS_DEG)
    noise = np.random.default_rng(seed).normal(0, 1.5, picture.shape)
    return to_grey(np.clip(picture + noise, 0, 255).astype(np.uint8))


def on_axis(back_px: float, *, turned: bool = False) -> Follower:
    """Held `back_px` behind the tip."""
    axis_rad = math.radians(AXIS_DEG)
    x, y = TIP[0] - back_px * math.cos(axis_rad), TIP[1] - back_px * math.sin(axis_rad)
    follower = Follower((x, y), axis_rad + math.pi * turned, 20.0, 150.0)
    follower.proven = True
    return follower


def travelled(follower: Follower, way: tuple[float, float]) -> tuple[Travel, NDArray[np.uint8]]:
    before, now = grey(), grey((TIP[0] + way[0], TIP[1] + way[1]), seed=1)
    travel = Travel(before)
    assert travel.step(follower, before, now, STILL, 0.0, held=False)
    return travel, now


@pytest.mark.parametrize(
    ("back_px", "turned"),
    [
        (0.0, False),
        (70.0, False),  # as at a joint
        (70.0, True),  # taken for the other end
        (-12.0, False),  # beyond the tip, on the pad
    ],
)
def test_the_end_is_where_the_motion_ends(back_px: float, turned: bool) -> None:
    way = (-1.2, 1.6)
    follower = on_axis(back_px, turned=turned)
    travel, now = travelled(follower, way)
    end = travel.end(now, follower)
    assert end is not None
    assert end.free
    near_px = END_NEAR * math.hypot(W, H)
    assert math.dist(end.tip, (TIP[0] + way[0], TIP[1] + way[1])) < near_px
    assert math.remainder(end.axis_rad - math.radians(AXIS_DEG), math.tau) == pytest.approx(0, abs=0.15)
    assert end.off_px == pytest.approx(abs(back_px), abs=near_px)
    held = moved_to(follower, end, now)
    assert held.unchanged(now)
    assert held.length_px > follower.length_px


def pointed(tip: tuple[float, float], seed: int) -> NDArray[np.uint8]:
    """An instrument that grows thinner over its last 60 px, down to half a pixel."""
    along = np.array([math.cos(math.radians(AXIS_DEG)), math.sin(math.radians(AXIS_DEG))])
    rows, columns = np.mgrid[:H, :W] + 0.0
    back = (tip[0] - columns) * along[0] + (tip[1] - rows) * along[1]
    beside = np.abs((rows - tip[1]) * along[0] - (columns - tip[0]) * along[1])
    half = 0.25 + 6.0 * np.clip(back / 60, 0, 1)
    inside = np.clip(half - beside + 0.5, 0, 1) * (back > 0) * np.minimum(2 * half, 1)
    picture = to_grey(ground()) * (1 - inside) + (150 + 80 * np.sin(back / 5)) * inside
    return np.clip(picture + np.random.default_rng(seed).normal(0, 1.5, picture.shape), 0, 255).astype(
        np.uint8
    )


def test_a_thin_end_is_seen_to_its_point() -> None:
    way = (-1.2, 1.6)
    offs = []
    for seed in range(8):
        follower = on_axis(0.0)
        before, now = pointed(TIP, 2 * seed), pointed((TIP[0] + way[0], TIP[1] + way[1]), 2 * seed + 1)
        travel = Travel(before)
        assert travel.step(follower, before, now, STILL, 0.0, held=False)
        end = travel.end(now, follower)
        assert end is not None
        assert end.free
        tip_to_end = end.tip - np.array(TIP) - way
        offs.append(float(tip_to_end @ [math.cos(math.radians(AXIS_DEG)), math.sin(math.radians(AXIS_DEG))]))
    assert abs(np.median(offs)) < 4, offs


def short(tip: tuple[float, float], seed: int) -> NDArray[np.uint8]:
    """The same instrument, whose other end lies in the picture, too: as where a hand hides the rest."""
    back = np.array(TIP) - 160 * np.array(
        [math.cos(math.radians(AXIS_DEG)), math.sin(math.radians(AXIS_DEG))]
    )
    rows, columns = np.mgrid[:H, :W]
    hidden = (columns - back[0]) * math.cos(math.radians(AXIS_DEG)) + (rows - back[1]) * math.sin(
        math.radians(AXIS_DEG)
    ) < 0
    return np.where(hidden, to_grey(ground()), grey(tip, seed))


def test_of_two_free_ends_the_tip_is_the_one_that_points_into_the_picture() -> None:
    way = (-1.2, 1.6)
    follower = on_axis(150, turned=True)
    before, now = short(TIP, 0), short((TIP[0] + way[0], TIP[1] + way[1]), 1)
    travel = Travel(before)
    assert travel.step(follower, before, now, STILL, 0.0, held=False)
    end = travel.end(now, follower)
    assert end is not None
    assert end.free
    assert math.dist(end.tip, (TIP[0] + way[0], TIP[1] + way[1])) < END_NEAR * math.hypot(W, H)


@pytest.mark.parametrize("lean_deg", [-40, 40])
def test_an_axis_across_the_instrument_is_set_by_what_moves(lean_deg: float) -> None:
    """As where the edge of a pad ends at the instrument that lies over it."""
    way = (-1.2, 1.6)
    follower = on_axis(70)
    travel, now = travelled(follower, way)
    assert follower.axis_rad is not None
    follower.axis_rad += math.radians(lean_deg)
    end = travel.end(now, follower)
    assert end is not None
    assert end.free
    assert math.dist(end.tip, (TIP[0] + way[0], TIP[1] + way[1])) < END_NEAR * math.hypot(W, H)
    assert math.remainder(end.axis_rad - math.radians(AXIS_DEG), math.tau) == pytest.approx(0, abs=0.15)


def test_without_motion_of_its_own_nothing_is_known() -> None:
    follower = on_axis(70)
    before = grey()
    travel = Travel(before)
    assert travel.end(before, follower) is None
    assert travel.step(follower, before, grey(seed=1), STILL, 0.0, held=False)
    assert travel.end(grey(seed=1), follower) is None


def test_what_moves_only_against_a_wrong_background_is_no_instrument() -> None:
    """A hand was followed as background: a picture that stands still seems to move."""
    follower = on_axis(0)
    before, now = grey(), grey(seed=1)
    travel = Travel(before)
    drifted = np.array([[1.0, 0, 1.2], [0, 1, -1.6]])
    assert travel.step(follower, before, now, drifted, 0.0, held=False)
    assert travel.apart_px(follower.tip) == pytest.approx(2, abs=0.1)
    assert travel.across_px(follower) == pytest.approx(1.2 * 0.5 + 1.6 * 0.866, abs=0.1)
    end = travel.end(now, follower)
    assert end is not None
    assert not end.free


def test_a_supposed_tip_ahead_on_the_ground_is_told_from_one_on_plain_metal() -> None:
    way = (-1.2, 1.6)
    follower = on_axis(0)
    travel, now = travelled(follower, way)
    axis_rad = math.radians(AXIS_DEG)
    follower.tip = follower.tip + 25 * np.array([math.cos(axis_rad), math.sin(axis_rad)])
    end = travel.end(now, follower)
    assert end is not None
    assert end.ground
    assert math.dist(end.tip, (TIP[0] + way[0], TIP[1] + way[1])) < END_NEAR * math.hypot(W, H)


def test_without_a_background_nothing_is_known() -> None:
    follower = on_axis(70)
    travel = Travel(grey())
    now = grey((TIP[0] - 1.2, TIP[1] + 1.6), seed=1)
    assert travel.step(follower, grey(), now, None, 0.0, held=False)
    assert travel.end(now, follower) is None


def test_a_shaft_that_crosses_the_picture_has_no_free_end() -> None:
    pictures = []
    for k, x in enumerate((900.0, 902.0)):  # its tip is far outside
        picture = ground()
        draw_tool(picture, x, 250.0, 0.0)
        cv2.line(picture, (0, 250), (W, 250), (30, 30, 30), 2)
        noise = np.random.default_rng(k).normal(0, 1.5, picture.shape)
        moved = cv2.warpAffine(picture, np.array([[1.0, 0, 0], [0, 1, 2.0 * k]]), (W, H))
        pictures.append(to_grey(np.clip(moved + noise, 0, 255).astype(np.uint8)))
    follower = Follower((240.0, 250.0), 0.0, 40.0, 150.0)
    travel = Travel(pictures[0])
    # the whole picture went down, and the table with it: nothing moves by itself
    down = np.array([[1.0, 0, 0], [0, 1, 2.0]])
    assert travel.step(follower, pictures[0], pictures[1], down, 0.0, held=False)
    assert travel.end(pictures[1], follower) is None
    # the same against a table that stays: it moves, but ends nowhere
    alone = Travel(pictures[0])
    follower = Follower((240.0, 250.0), 0.0, 40.0, 150.0)
    assert alone.step(follower, pictures[0], pictures[1], STILL, 0.0, held=False)
    end = alone.end(pictures[1], follower)
    assert end is None or not end.free


def test_a_taped_instrument_is_held_at_its_tip() -> None:
    """A plain tape interrupts its edges: what is found first ends there."""

    def tool(t: float) -> tuple[float, float, float]:
        return 240 + 9 * math.sin(2.1 * t), 170 + 7 * math.sin(1.3 * t), 30

    def taped(place: Place) -> list[Frame]:
        rng = np.random.default_rng(5)
        frames = []
        for k in range(3 * FPS):
            x, y, axis_deg = place(k / FPS)
            picture = ground()
            draw_tool(picture, x, y, axis_deg)
            c, s = math.cos(math.radians(axis_deg)), math.sin(math.radians(axis_deg))
            ends = np.array([[x - 25 * c, y - 25 * s], [x - 75 * c, y - 75 * s]])
            (x0, y0), (x1, y1) = np.rint(ends * 16).astype(int).tolist()
            cv2.line(picture, (x0, y0), (x1, y1), (60, 170, 50), 16, cv2.LINE_AA, 4)
            noisy = picture + rng.normal(0, 1.5, picture.shape)
            frames.append(Frame(np.clip(noisy, 0, 255).astype(np.uint8), k / FPS, k))
        return frames

    motions = followed(iter(taped(tool)))
    late = [m for m in motions if m.t_s > 1.5]
    off = [math.dist((s.x_px, s.y_px), tool(m.t_s)[:2]) for m in late for s in m.tips]
    assert len(off) > 0.9 * len(late)
    assert np.percentile(off, 90) < 8


def test_a_tip_on_the_ground_in_line_goes_back_to_where_the_instrument_ends() -> None:
    ahead = on_axis(-80)
    ahead.length_px = 260.0
    before = grey()
    moved = (TIP[0] - 0.9, TIP[1] + 1.2)
    back = Travel(before).cut_back(grey(moved, seed=1), ahead)
    assert back is not None
    assert math.dist(back.tip, moved) < 0.03 * math.hypot(W, H)
    assert back.length_px == pytest.approx(180, abs=20)
    assert Travel(before).cut_back(grey(seed=1), ahead) is None  # nothing moved
    there = on_axis(0)
    assert Travel(before).cut_back(grey(moved, seed=1), there) is None  # it lies at the end


def test_an_instrument_in_line_with_a_thread_is_held_at_its_own_end() -> None:
    axis_deg, tip = 30.0, (230.0, 170.0)
    along = np.array([math.cos(math.radians(axis_deg)), math.sin(math.radians(axis_deg))])
    pad = ground()
    for side in (-4, 4):  # two edges that go on in line where its own end
        ends = [np.array(tip) + way * along + side * np.array([-along[1], along[0]]) for way in (8, 100)]
        start, stop = (tuple(int(v) for v in np.rint(end)) for end in ends)
        cv2.line(pad, start, stop, (30, 30, 60), 2, cv2.LINE_AA)
    rng, tracker, offs = np.random.default_rng(3), Tracker(), []
    for k in range(90):
        t = k / FPS
        place = (tip[0] + 0.8 * math.sin(40 * t), tip[1] + 0.8 * math.cos(40 * t) + 0.5 * math.sin(3 * t))
        picture = pad.copy()
        draw_tool(picture, *place, axis_deg)
        draw_marks(picture, *place, axis_deg)
        noisy = picture + rng.normal(0, 1.5, picture.shape)
        seen = tracker.step(Frame(np.clip(noisy, 0, 255).astype(np.uint8), t, k))
        offs.append(min((math.dist((s.x_px, s.y_px), place) for s in seen.tips if s.sure), default=math.inf))
    assert np.median(offs[60:]) < 8
