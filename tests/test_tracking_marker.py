"""A printed marker on an instrument: found, followed to hundredths of a pixel, lost and found again."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assessor.motion.frames import Frame
from assessor.motion.tips.marker import TIP_MARKERS_MM
from assessor.motion.tracking import FrameMotion, Tracker

FPS, SIZE = 30.0, (320, 240)
PEAK_PX, HZ = 0.5, 8.0
SIDE_PX = 34.0


def tag(number: int) -> NDArray[np.float32]:
    """The marker with the white it needs, 20 px a module."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    black = cv2.aruco.generateImageMarker(dictionary, number, 160, borderBits=1)
    return np.pad(black, 20, constant_values=255).astype(np.float32)


def ground() -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    rough = cv2.GaussianBlur(rng.normal(0, 60, (SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 1.5)
    return np.asarray(150 + rough, np.float32)


def clip(places: NDArray[np.float64], *numbers: int, hidden: range = range(0)) -> Iterator[Frame]:
    """Markers side by side, the first one's middle at `places` (n, 2) px, turned by 0.3 rad."""
    rng = np.random.default_rng(5)
    pad, scale = ground(), SIDE_PX / 160
    c, s = scale * np.cos(0.3), scale * np.sin(0.3)
    for k, place in enumerate(places):
        picture = pad.copy()
        for i, number in enumerate(numbers if k not in hidden else ()):
            middle = place + np.array([i * 90.0, 0.0])
            to_px = np.array([[c, -s, 0.0], [s, c, 0.0]])
            to_px[:, 2] = middle - to_px[:, :2] @ (99.5, 99.5)
            # by area: the tag is drawn in fine and halved, as a camera's pixels take light in
            fine = np.array([[4.0, 0, 1.5], [0, 4.0, 1.5], [0, 0, 1]]) @ np.vstack([to_px, [0, 0, 1]])
            big = (SIZE[0] * 4, SIZE[1] * 4)
            drawn = cv2.warpAffine(tag(number), fine[:2], big, flags=cv2.INTER_AREA)
            where = cv2.warpAffine(np.ones((200, 200), np.float32), fine[:2], big)
            where = cv2.resize(where, SIZE, interpolation=cv2.INTER_AREA)
            picture = picture * (1 - where) + cv2.resize(drawn, SIZE, interpolation=cv2.INTER_AREA) * where
        picture += rng.normal(0, 2, picture.shape)
        bgr = np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
        yield Frame(bgr, k / FPS, k)


def trembling(n: int) -> NDArray[np.float64]:
    t = np.arange(n) / FPS
    return np.stack([140 + 3 * np.sin(2 * np.pi * 0.4 * t), 120 + PEAK_PX * np.sin(2 * np.pi * HZ * t)], 1)


def follow(frames: Iterator[Frame], tracker: Tracker | None = None) -> list[FrameMotion]:
    tracker = tracker or Tracker()
    return [tracker.step(frame) for frame in frames]


def test_it_is_followed_to_hundredths_of_a_pixel() -> None:
    places = trembling(90)
    found = follow(clip(places, 90))
    assert all(len(f.tips) == 1 for f in found)
    assert {f.tips[0].segment for f in found} == {1}
    seen = np.array([(f.tips[0].x_px, f.tips[0].y_px) for f in found])
    assert np.abs(seen - places).max() < 0.5
    fine = np.array([(f.tips[0].fine_x_px, f.tips[0].fine_y_px) for f in found])[10:]
    error = fine - places[10:]
    assert (error - error.mean(axis=0)).std(axis=0).max() < 0.04


def test_a_tip_that_the_user_points_at_goes_with_it() -> None:
    places = trembling(40)
    offset = np.array([-40.0, 25.0])
    found = follow(clip(places, 91), Tracker([tuple(places[0] + offset)]))
    assert all(len(f.tips) == 1 for f in found)
    seen = np.array([(f.tips[0].x_px, f.tips[0].y_px) for f in found])
    assert np.abs(seen - places - offset).max() < 1.0


def test_hidden_it_is_lost_and_found_again_as_the_same_tip() -> None:
    places = trembling(90)
    found = follow(clip(places, 92, hidden=range(30, 45)), Tracker([tuple(places[0] + (20.0, 0.0))]))
    assert all(f.tips == () for f in found[34:45])
    back = [f.tips for f in found[52:]]
    assert all(len(tips) == 1 and tips[0].tip == 0 for tips in back)
    assert {tips[0].segment for tips in back}.isdisjoint({f.tips[0].segment for f in found[:30]})
    last = found[-1].tips[0]
    assert (last.x_px, last.y_px) == pytest.approx(places[-1] + (20.0, 0.0), abs=1.0)


def test_two_are_two_tips_and_numbers_of_the_card_are_none() -> None:
    assert not set(range(80)) & set(TIP_MARKERS_MM)
    found = follow(clip(trembling(30), 90, 93, 5))
    assert [len(f.tips) for f in found] == [2] * 30
    for f in found:
        assert f.tips[1].x_px - f.tips[0].x_px == pytest.approx(90, abs=0.5)
