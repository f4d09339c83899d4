"""An instrument's body followed pixel by pixel: the tip's motion to a few hundredths of a pixel."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assessor.motion.tips.body import Body
from assessor.render.clips import CameraOrder, ClipOrder, ClipTruth, InstrumentOrder, Tremor, shoot

CAMERA = CameraOrder(width=320, height=240)


LEARNT = 10  # pictures


def clip(kind: str, task: str, seed: int) -> tuple[ClipTruth, list[NDArray[np.uint8]]]:
    one = InstrumentOrder(kind, task=task, tremor=Tremor(0.4, 8.0), drift_rms_px=4)  # type: ignore[arg-type]
    film = shoot(ClipOrder(seconds=2, instruments=(one,), camera=CAMERA, seed=seed))
    return film.truth, [
        np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8) for _, bgr in film.frames()
    ]


def strip(tip: NDArray[np.float64], axis_rad: float, half_px: float) -> NDArray[np.int32]:
    """A strip over the instrument that is wider than it and so holds some of the pad."""
    along = np.array([math.cos(axis_rad), math.sin(axis_rad)])
    across = np.array([-along[1], along[0]])
    back = tip + 90 * along
    corners = [tip + 3 * across, back + half_px * across, back - half_px * across, tip - 3 * across]
    return np.rint(corners).astype(np.int32)


@pytest.mark.parametrize(
    ("kind", "half_px", "seed"),
    [("needle_holder", 13, 2), ("needle_holder", 13, 3), ("tweezers", 10, 1), ("tweezers", 10, 2)],
)
def test_the_tip_is_followed_to_a_few_hundredths_of_a_pixel(kind: str, half_px: float, seed: int) -> None:
    truth, frames = clip(kind, "drift", seed)
    tip = truth.tips[0]
    body = Body(frames[0], strip(tip.tip_px[0], tip.axis_rad[0], half_px), tip.tip_px[0])
    seen = [body.tip]
    for i in range(1, len(frames)):
        if body.due:
            again = strip(tip.tip_px[i - 1], tip.axis_rad[i - 1], half_px)
            body = Body(frames[i - 1], again, body.tip, body)
        assert body.follow(frames[i], body.tip, 0.0)  # it is told nothing of where the tip went
        seen.append(body.tip)
    # On a textured pad it takes some pictures to learn which pixels are the instrument's.
    moved, meant = np.diff(np.array(seen), axis=0)[LEARNT:], np.diff(tip.tip_px, axis=0)[LEARNT:]
    gain = (moved * meant).sum() / (meant**2).sum()
    assert gain == pytest.approx(1.0, abs=0.10)  # what amplitudes may be off by
    assert np.sqrt(((moved - meant) ** 2).sum(1).mean()) < 0.1
    assert 0.001 < np.hypot(*body.noise) < 0.1


def test_a_picture_that_gets_brighter_does_not_move_it() -> None:
    truth, frames = clip("forceps", "still", seed=2)
    tip = truth.tips[0]
    body = Body(frames[0], strip(tip.tip_px[0], tip.axis_rad[0], 10), tip.tip_px[0])
    brighter = np.clip(frames[0] * 0.8 + 20.0, 0, 255).astype(np.uint8)
    assert body.follow(brighter, tip.tip_px[0] + 0.5, 0.01)
    assert np.abs(body.tip - tip.tip_px[0]).max() < 0.03


def test_what_is_out_of_the_picture_or_gone_is_not_followed() -> None:
    plain = np.full((80, 100), 128, np.uint8)
    outside = np.array([[200, 10], [260, 10], [260, 30], [200, 30]], np.int32)
    assert not Body(plain, outside, np.array([200.0, 20.0])).usable
    truth, frames = clip("forceps", "still", seed=2)
    tip = truth.tips[0]
    body = Body(frames[0], strip(tip.tip_px[0], tip.axis_rad[0], 10), tip.tip_px[0])
    assert body.usable
    assert not body.follow(frames[0], tip.tip_px[0] + (0.0, 400.0), 0.0)


def test_what_was_learnt_of_a_large_body_is_known_when_it_is_cut_out_anew() -> None:
    """Of more pixels than count: those that do not count in both pictures are not trusted blindly."""
    rng = np.random.default_rng(4)
    ground, metal = (cv2.GaussianBlur(rng.normal(0, s, (160, 240)), (0, 0), 2) + 128 for s in (160, 30))
    mask = np.zeros((160, 240), np.uint8)
    cv2.rectangle(mask, (60, 60), (200, 90), 1, -1)  # the instrument; the strip below is wider by two thirds

    def picture(x_px: float) -> NDArray[np.uint8]:
        there = np.array([[1.0, 0.0, x_px], [0.0, 1.0, 0.0]])
        moved, cover = (cv2.warpAffine(of, there, (240, 160)) for of in (metal, mask.astype(float)))
        return np.asarray(np.clip(moved * cover + ground * (1 - cover), 0, 255), np.uint8)

    wide = np.array([[70, 50], [190, 50], [190, 100], [70, 100]], np.int32)
    ways = 4 * np.sin(np.arange(40) / 4)
    body = Body(picture(0.0), wide, np.array([70.0, 75.0]))
    for x_px in ways:
        body.follow(picture(x_px), np.array([70.0 + x_px, 75.0]), 0.0)
    again = Body(picture(ways[-1]), wide, body.tip, body)
    assert again.follow(picture(ways[-1] + 0.5), again.tip, 0.0)
    assert again.tip[0] - body.tip[0] == pytest.approx(0.5, abs=0.05)
