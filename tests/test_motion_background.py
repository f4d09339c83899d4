"""The camera's motion from still points, whether it is a tremble or a bump."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assessor.motion.background import Background
from assessor.motion.flow import apply

SIZE = (320, 240)


def seen(shift: tuple[float, float], turn_deg: float = 0.0) -> NDArray[np.uint8]:
    """A table with marks on it, moved by `shift` px and turned about the picture's top left."""
    table = np.random.default_rng(4).normal(128, 60, (SIZE[1] + 80, SIZE[0] + 80)).astype(np.float32)
    table = cv2.GaussianBlur(table, (0, 0), 2.5)
    matrix = cv2.getRotationMatrix2D((0, 0), turn_deg, 1.0)
    matrix[:, 2] = np.array(shift) - 40
    moved = cv2.warpAffine(table, matrix, SIZE, flags=cv2.INTER_CUBIC)
    return np.asarray(np.clip(4 * (moved - 128) + 128, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("shift", "turn_deg"),
    [
        pytest.param((0.3, -0.2), 0.0, id="tremble"),
        pytest.param((2.5, 1.0), 0.5, id="hand-held"),
        pytest.param((17.0, -9.0), 0.0, id="bump"),
    ],
)
def test_a_small_or_a_large_step_of_the_camera_is_found(shift: tuple[float, float], turn_deg: float) -> None:
    background = Background()
    still = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    assert background.step(seen((0, 0)), seen((0, 0)), still) is not None
    step = background.step(seen((0, 0)), seen(shift, turn_deg), still)
    assert step is not None
    # The table lay 40 px further up and left in its own picture.
    meant = cv2.getRotationMatrix2D((0, 0), turn_deg, 1.0)
    place = np.array([[160.0, 120.0], [60.0, 50.0]])
    true = (place + 40) @ meant[:, :2].T + np.array(shift) - 40
    assert np.abs(apply(step.matrix, place) - true).max() < 0.05
    assert np.abs(step.left_px).max() < 0.05


def test_a_picture_without_marks_tells_nothing() -> None:
    plain = np.full((SIZE[1], SIZE[0]), 90, np.uint8)
    assert Background().step(plain, plain, np.zeros_like(plain)) is None


def test_what_is_covered_is_no_background() -> None:
    background = Background()
    everything = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    assert background.step(seen((0, 0)), seen((0, 0)), everything) is None


def test_a_hand_with_more_points_than_the_ground_does_not_carry_it_along() -> None:
    rng = np.random.default_rng(2)
    blot = cv2.GaussianBlur(rng.normal(0, 1, (90, 80)).astype(np.float32), (0, 0), 2.5)
    background, before, camera = Background(), None, np.zeros(2)
    nothing = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    ways = []
    for k in range(45):
        x, y = 1.5 * np.sin(0.3 * k), 0.4 * np.sin(1.5 * k)  # it drifts and trembles
        hand = cv2.warpAffine(blot, np.array([[1, 0, 10 + x], [0, 1, 80 + y]]), SIZE)
        now = np.full((SIZE[1], SIZE[0]), 128, np.float32) + 400 * hand
        for place in ((220, 20), (300, 30), (250, 90), (290, 190), (230, 150), (30, 20), (120, 40)):
            cv2.rectangle(now, place, (place[0] + 8, place[1] + 8), 20.0, -1)
        now = cv2.GaussianBlur(now, (0, 0), 0.7) + rng.normal(0, 1, now.shape)
        grey = np.clip(now, 0, 255).astype(np.uint8)
        step = None if before is None else background.step(before, grey, nothing)
        before = grey
        if step is not None:
            middle = np.array([160.0, 120.0])
            camera = camera + apply(step.matrix, middle) - middle
            ways.append(camera)
    assert len(ways) > 40
    assert np.ptp(np.array(ways[15:]), axis=0).max() < 0.15  # before that it has to be told


def framed(shift: tuple[float, float], hand: tuple[float, float]) -> NDArray[np.uint8]:
    """A pad's frame and grid, straight edges all, moved by `shift`; over them a blotched hand at `hand`."""
    rng = np.random.default_rng(3)
    blot = cv2.GaussianBlur(rng.normal(0, 1, (110, 100)).astype(np.float32), (0, 0), 2.0)
    pad = np.full((SIZE[1] * 4, SIZE[0] * 4), 120, np.float32)
    for corners in (((200, 160), (1000, 240), (900, 800), (140, 700)), ((300, 260), (860, 320), (800, 660))):
        cv2.polylines(pad, [np.array(corners, np.int32)], True, 40.0, 14, cv2.LINE_AA)
    zoom = np.array([[0.25, 0, shift[0]], [0, 0.25, shift[1]]])
    now = cv2.warpAffine(cv2.GaussianBlur(pad, (0, 0), 3.0), zoom, SIZE, flags=cv2.INTER_AREA)
    over = cv2.warpAffine(blot, np.array([[1, 0, 200 + hand[0]], [0, 1, 120 + hand[1]]]), SIZE)
    where = cv2.warpAffine(np.ones_like(blot), np.array([[1, 0, 200 + hand[0]], [0, 1, 120 + hand[1]]]), SIZE)
    now = now * (1 - where) + (130 + 300 * over) * where
    return np.asarray(np.clip(now + rng.normal(0, 1, now.shape), 0, 255), np.uint8)


def test_a_shaken_camera_is_told_from_straight_edges_beside_a_hand_that_moves_more() -> None:
    """Points slide along such edges, and the hand has most of the corners."""
    background, before, nothing = Background(), None, np.zeros((SIZE[1], SIZE[0]), np.uint8)
    went, off = np.zeros(2), []
    for k in range(60):
        shake = (0.5 * np.sin(1.1 * k), 0.4 * np.cos(0.9 * k))
        hand = (shake[0] + 2.0 * np.sin(0.15 * k), shake[1] + 0.6 * np.sin(1.7 * k))
        now = framed(shake, hand)
        if before is not None:
            step = background.step(before, now, nothing)
            assert step is not None
            middle = np.array([160.0, 120.0])
            went = went + apply(step.matrix, middle) - middle
            off.append(went - shake)
        before = now
    assert np.std(off[20:], axis=0).max() < 0.05
