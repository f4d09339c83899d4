"""A stitch seen alone: patches that show it level, places read from maps, bites found from a rough guess."""

from __future__ import annotations

import numpy as np
import pytest

from assessor.photo.perception import closer
from assessor.photo.perception.curve import Points, Pyramid
from assessor.render.scene import render_strip
from training.score import truth_of

MIDDLE = (np.array(closer.PATCH[::-1]) - 1) / 2


def same(points: Points) -> Points:
    return points


@pytest.mark.parametrize("turn", [0.0, 0.7, np.pi / 2, 3.0])
def test_a_patch_shows_its_stitch_level_and_of_one_size(turn: float) -> None:
    across = 15.0 * np.array([np.cos(turn), np.sin(turn)])
    bites = np.array([60.0, 50.0]) + np.array([-across, across])
    picture = np.zeros((100, 120, 3), np.uint8)
    for bite, colour in zip(bites, ((255, 0, 0), (0, 0, 255)), strict=True):
        x, y = np.round(bite).astype(int)
        picture[y - 1 : y + 2, x - 1 : x + 2] = colour
    to_strip = closer.levelled(bites[None])
    (patch,) = closer.cut_patches(Pyramid(picture), same, 1.0, to_strip)
    reach = 0.5 * closer.PATCH_STITCH_PX
    level = MIDDLE + np.array([[-reach, 0], [reach, 0]])
    for at, channel in zip(level, (0, 2), strict=True):
        y, x = np.nonzero(patch[..., channel] > 127)
        assert np.array([x.mean(), y.mean()]) == pytest.approx(at, abs=3)
    assert closer.moved(to_strip, level[None])[0] == pytest.approx(bites)


def test_a_map_says_where_between_its_cells_and_how_surely() -> None:
    y, x = np.mgrid[0:32, 0:80]

    def peak(at: tuple[float, float]) -> Points:
        squared = (x - at[0]) ** 2 + (y - at[1]) ** 2
        return np.asarray(-squared / (2 * closer.TRAINED_SIGMA**2))

    both = np.logaddexp(peak((20, 10)), peak((50, 10)) - 0.2)
    places, spread = closer._places(np.array([peak((30.3, 12.6)), both], np.float32))
    assert places[0] == pytest.approx([30.3, 12.6], abs=0.02)
    assert places[1] == pytest.approx([20, 10], abs=0.02)
    assert spread[0] == pytest.approx(0, abs=0.1)
    assert 10 < spread[1] < 20  # it may as well lie 30 cells further


def test_nothing_to_look_at() -> None:
    dark = Pyramid(np.zeros((64, 64, 3), np.uint8))
    assert closer.look_closer(dark, same, 1.0, np.zeros((0, 2, 2)))[0].shape == (0, 2, 2)


def test_a_rough_guess_is_put_right() -> None:
    rng = np.random.default_rng(7)
    before, after = list[float](), list[float]()
    for _ in range(6):
        strip = render_strip(rng, 640, 192, closer.PATCH_STITCH_PX, "simple_interrupted")
        true = truth_of(strip) if strip.wounds else np.zeros((0, 2, 2))
        whole = ((true > 8) & (true < [632, 184])).all((1, 2))
        true = true[whole]
        length = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
        rough = true + rng.normal(0, 0.06, true.shape) * length[:, None, None]
        found, _ = closer.look_closer(Pyramid(strip.bgr), same, 1.0, rough)
        for errors, bites in ((before, rough), (after, found)):
            errors += (np.linalg.norm(bites - true, axis=2) / length[:, None]).ravel().tolist()
    assert len(after) > 20
    assert np.median(after) < 0.5 * np.median(before)
