"""Rendered clips: what they show lies where the truth says, when it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from assessor.cli import app
from assessor.errors import OptionError
from assessor.render.canvas import Canvas, Points
from assessor.render.clips import (
    CameraOrder,
    ClipOrder,
    ClipTruth,
    InstrumentOrder,
    Tremor,
    render_clip,
    samples,
    shoot,
)
from assessor.render.clips.sprites import draw_sprite
from assessor.render.clips.waves import Reaches, tremor_wave

GREEN = (40.0, 235.0, 40.0)
SMALL = CameraOrder(width=320, height=240, px_per_mm=3.0, noise=1.0)


def order(seconds: float = 1.0, camera: CameraOrder = SMALL, **instrument: object) -> ClipOrder:
    one = InstrumentOrder(tape=GREEN, gloved=True, **instrument)  # type: ignore[arg-type]
    return ClipOrder(seconds=seconds, instruments=(one,), camera=camera, seed=5)


def frames_of(clip: ClipOrder) -> tuple[ClipTruth, list[NDArray[np.uint8]]]:
    film = shoot(clip)
    return film.truth, [bgr for _, bgr in film.frames()]


def tape_centre(bgr: NDArray[np.uint8]) -> Points:
    """Centre of the green band: its place in the picture, found without the renderer."""
    b, g, r = cv2.split(bgr.astype(np.float64))
    green = np.maximum(g - np.maximum(b, r) - 90, 0)  # no table is as green
    y, x = np.mgrid[0 : bgr.shape[0], 0 : bgr.shape[1]]
    return np.array([(green * x).sum(), (green * y).sum()]) / green.sum()


def test_the_same_order_makes_the_same_file(tmp_path: Path) -> None:
    written = []
    for k in range(4):
        render_clip(tmp_path / f"{k}.mp4", order())
        written.append((tmp_path / f"{k}.mp4").read_bytes())
        written.append(np.random.default_rng(k).bytes(300_000 * (k + 1)))  # and memory is not as it was
    assert written[0] == written[2] == written[4] == written[6]


def test_a_sprite_lies_where_it_is_laid_to_a_hundredth_of_a_pixel() -> None:
    sprite = draw_sprite(
        lambda c: c.disc(np.array([4.0, 1.0]), 2.0, (255, 255, 255)), (0, -2, 7, 4), 4.0, 0.5
    )
    y, x = np.mgrid[0:80, 0:80]
    off = []
    for k in range(60):
        at, angle = np.array([30.0, 35.0]) + k * np.array([0.0371, 0.0113]), 0.02 * k
        frame = np.zeros((3, 80, 80), np.float32)
        sprite.lay(frame, sprite.placing(at, angle))
        seen = np.array([(frame[0] * x).sum(), (frame[0] * y).sum()]) / frame[0].sum()
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        off.append(seen - at - turn @ (16.0, 4.0))
    assert np.abs(np.array(off) - np.mean(off, axis=0)).max() < 0.01
    assert np.abs(np.mean(off, axis=0)).max() < 0.35  # half a sprite pixel and the disc's own drawing


def test_a_sprite_is_opaque_where_it_is_painted() -> None:
    def paint(canvas: Canvas) -> None:
        canvas.polygon(np.array([[1.0, 1], [9, 1], [9, 9], [1, 9]]), (10, 20, 200))
        canvas.polygon(np.array([[11.0, 1], [19, 1], [19, 9], [11, 9]]), (0, 0, 0), alpha=0.5)

    sprite = draw_sprite(paint, (0, 0, 20, 10), 2.0, 0.0)
    place = sprite.placing(np.array([3.0, 4.0]), 0.0)
    for point, alpha in (((13, 14), 1.0), ((33, 14), 0.5), ((23, 14), 0.0), ((-20, 5), 0.0)):
        assert sprite.alpha_at(place, np.array(point, float)) == pytest.approx(alpha, abs=0.01)


@pytest.mark.parametrize("task", ["drift", "suture"])
def test_the_instrument_moves_as_the_truth_says(task: str) -> None:
    clip = order(task=task, tremor=Tremor(0.4, 9.0), seconds=1.2)
    truth, frames = frames_of(replace(clip, camera=replace(SMALL, shake_rms_px=0.5)))
    tip = truth.tips[0]
    seen = np.array([tape_centre(bgr) for bgr in frames])
    axis = np.c_[np.cos(tip.axis_rad), np.sin(tip.axis_rad)]
    along = float(((seen - tip.tip_px) * axis).sum(1).mean())  # how far behind the tip the tape sits
    off = seen - tip.tip_px - along * axis
    assert 5 * 3 < along < 18 * 3
    assert np.abs(off - off.mean(0)).max() < 0.05
    assert np.hypot(*off.mean(0)) < 0.5  # the tape is wound about the axis


def test_truth_is_the_sum_of_its_parts() -> None:
    clip = order(tremor=Tremor(0.5, 8.0, round=0.5), camera=replace(SMALL, shake_rms_px=0.5))
    truth = shoot(clip).truth
    tip = truth.tips[0]
    np.testing.assert_allclose(tip.tip_px, tip.voluntary_px + tip.tremor_px + truth.camera_px, atol=1e-9)
    assert tip.tremor is not None
    assert tip.tremor.rms_px == pytest.approx(0.5 * np.sqrt((1 + 0.25) / 2))
    long, short = np.linalg.svd(tip.tremor_px)[1]
    assert short / long == pytest.approx(0.5, abs=0.1)
    assert truth.camera_px[0] == pytest.approx([0, 0])


@pytest.mark.parametrize("round_share", [0.0, 0.5])
def test_narrow_band_tremor_keeps_its_rms(round_share: float) -> None:
    wave = tremor_wave(np.random.default_rng(1), Tremor(0.6, 9.0, round=round_share, bandwidth_hz=1.0))
    t = np.arange(0, 200, 0.004)
    rms = np.sqrt((wave(t) ** 2).sum(1).mean())
    assert rms == pytest.approx(0.6 * np.sqrt((1 + round_share**2) / 2), rel=0.03)
    assert ((wave.hz > 8.5) & (wave.hz < 9.5)).all()


def test_a_reach_is_minimum_jerk() -> None:
    reach = Reaches(np.array([[0.0, 0], [10, 0]]), np.array([1.0]), np.array([3.0]))
    assert reach(np.array([0.0, 1, 2, 3, 9]))[:, 0] == pytest.approx([0, 0, 5, 10, 10])
    t = np.arange(1, 3, 1e-4)
    assert np.gradient(reach(t)[:, 0], t).max() == pytest.approx(1.875 * 10 / 2, rel=1e-4)


@pytest.mark.parametrize(("suffix", "tolerance_s"), [(".mp4", 1e-6), (".mkv", 0.00051)])
def test_the_file_holds_the_times(tmp_path: Path, suffix: str, tolerance_s: float) -> None:
    late = replace(SMALL, jitter_s=0.004, dropped_share=0.1, duplicate_share=0.1)
    truth = render_clip(tmp_path / f"a{suffix}", order(seconds=2, camera=late))
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        times = [float(f.pts * f.time_base) for f in container.decode(video=0)]  # type: ignore[operator]
    assert len(times) == len(truth.t_s) == 60 - truth.dropped
    assert truth.dropped == 6
    assert truth.duplicate.sum() == 5
    assert np.abs(np.array(times) - times[0] - truth.t_s).max() < tolerance_s
    assert np.diff(truth.t_s).std() > 0.004


def test_a_duplicate_shows_the_frame_before() -> None:
    truth, frames = frames_of(order(camera=replace(SMALL, duplicate_share=0.2)))
    for i in range(1, len(frames)):
        assert bool(truth.duplicate[i]) == bool((frames[i] == frames[i - 1]).all())
        same = (truth.tips[0].tip_px[i] == truth.tips[0].tip_px[i - 1]).all()
        assert bool(truth.duplicate[i]) == bool(same)


def test_the_same_order_shows_the_same() -> None:
    clip = order(seconds=0.1, tremor=Tremor(0.5, 9.0))
    first, again = frames_of(clip)[1], frames_of(clip)[1]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    other = frames_of(replace(clip, seed=6))[1]
    assert (other[0] != first[0]).mean() > 0.5


def test_a_hand_in_the_way_hides_the_tip_for_a_while() -> None:
    clip = replace(order(seconds=3, task="still"), crossed_by_hand=True)
    truth, frames = frames_of(clip)
    visible = truth.tips[0].visible
    middle = len(frames) // 2
    assert visible[0]
    assert visible[-1]
    assert not visible[middle]
    x, y = np.round(truth.tips[0].tip_px[0]).astype(int)
    patch = (slice(y - 4, y + 5), slice(x - 4, x + 5))
    seen = [np.abs(f[patch].astype(float) - frames[0][patch]).mean() for f in frames]
    assert seen[middle] > 15 > 5 > seen[-1]


def test_little_light_is_dark_and_noisy() -> None:
    still = order(seconds=0.2, task="still")
    dim = replace(still, camera=replace(SMALL, light=0.25))
    bright_frames, dim_frames = frames_of(still)[1], frames_of(dim)[1]
    assert np.mean(dim_frames[0]) < 0.6 * np.mean(bright_frames[0])
    noise = [np.std(f[1].astype(float) - f[0]) for f in (bright_frames, dim_frames)]
    assert noise[1] > 1.2 * noise[0]


def test_a_long_exposure_averages_the_tremor() -> None:
    shaking = order(seconds=1, task="still", tremor=Tremor(2.0, 12.0, direction_rad=0.3))
    truth, frames = frames_of(replace(shaking, camera=replace(SMALL, shutter_s=1 / 30, noise=0)))
    seen = np.array([tape_centre(bgr) for bgr in frames])
    tremor = truth.tips[0].tremor_px
    moved, meant = seen - seen.mean(0), tremor - tremor.mean(0)
    assert (moved * meant).sum() / (meant**2).sum() == pytest.approx(np.sinc(12 / 30), rel=0.02)


def test_fast_motion_is_blurred_along_the_way() -> None:
    fast = order(seconds=0.5, task="still", tremor=Tremor(12.0, 5.0, direction_rad=0.0))
    quick = frames_of(replace(fast, camera=replace(SMALL, shutter_s=0.001, noise=0)))
    slow = frames_of(replace(fast, camera=replace(SMALL, shutter_s=0.03, noise=0)))
    i = int(np.argmin(np.abs(quick[0].tips[0].tremor_px[1:-1, 0]))) + 1  # it passes the middle at full speed
    x, y = np.round(quick[0].tips[0].tip_px[i]).astype(int)
    patch = (slice(y - 20, y + 40), slice(x - 10, x + 70))
    steep = [(np.diff(f[i][patch].astype(float), axis=1) ** 2).mean() for f in (quick[1], slow[1])]
    assert steep[1] < 0.7 * steep[0]


def test_no_instrument_is_an_empty_pad() -> None:
    truth, frames = frames_of(ClipOrder(seconds=0.1, instruments=(), camera=SMALL))
    assert truth.tips == ()
    assert frames[0].shape == (240, 320, 3)


@pytest.mark.parametrize(
    ("name", "camera"),
    [("a.avi", SMALL), ("a", SMALL), ("a.mjpeg", replace(SMALL, jitter_s=0.004))],
)
def test_what_the_file_cannot_hold_is_refused(tmp_path: Path, name: str, camera: CameraOrder) -> None:
    with pytest.raises(OptionError) as info:
        render_clip(tmp_path / name, order(camera=camera))
    assert info.value.code == "bad_clip_format"
    assert not (tmp_path / name).exists()


def test_motion_jpeg_for_a_fake_camera(tmp_path: Path) -> None:
    truth = render_clip(tmp_path / "camera.mjpeg", order(seconds=0.3))
    pictures = (tmp_path / "camera.mjpeg").read_bytes().split(b"\xff\xd8\xff")[1:]
    assert len(pictures) == len(truth.t_s)
    first = cv2.imdecode(np.frombuffer(b"\xff\xd8\xff" + pictures[0], np.uint8), cv2.IMREAD_COLOR)
    assert first.shape == (240, 320, 3)


def test_the_command_writes_clips_and_their_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [(name, replace(clip, seconds=0.5, camera=SMALL)) for name, clip in samples.PLAN]
    monkeypatch.setattr(samples, "PLAN", plan)
    done = CliRunner().invoke(app, ["render", "--out", str(tmp_path), "--clips", "2", "--seed", "2"])
    assert done.exit_code == 0, done.output
    clip, other = sorted(tmp_path.glob("*.mp4"))
    truth = json.loads((tmp_path / "clips.json").read_text("utf-8"))[clip.name]
    assert truth["tips"][0]["tremor"]["hz"] == 9.0
    assert len(truth["tips"][0]["tip_px"]) == len(truth["t_s"]) == 15
    assert len(json.loads((tmp_path / "clips.json").read_text("utf-8"))[other.name]["tips"]) == 2
