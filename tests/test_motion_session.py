"""Sessions, the JSON of results, commands and plot, with a tracker that knows where the tips are."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from assessor.cli import app
from assessor.errors import OptionError
from assessor.motion import recording
from assessor.motion.assess import assess_clip, refusal
from assessor.motion.frames import Frame
from assessor.motion.options import MotionOptions, parse_tip
from assessor.motion.results import LiveScore, MotionAssessment
from assessor.motion.session import Session
from assessor.motion.tracking import FrameMotion, TipSample
from assessor.motion.window import draw_live
from assessor.report.chart import number, ticks
from assessor.report.motion_plot import draw_motion
from tests.motion_signals import Array, line

FPS = 30.0
BLACK = np.zeros((48, 64, 3), np.uint8)
runner = CliRunner()


class Script:
    """Tips (frames, tips, 2) px said one frame after the other; NaN is a lost tip."""

    def __init__(self, tips: Array) -> None:
        self.tips, self.at, self.segment = tips, 0, 0
        self.rng = np.random.default_rng(0)
        self.clicked: list[tuple[float, float]] = []

    def step(
        self, frame: Frame, roi: tuple[int, int] = (0, 0), full_size: tuple[int, int] | None = None
    ) -> FrameMotion:
        rows = self.tips[self.at % len(self.tips)]
        self.at += 1
        noise = self.rng.normal(0, 0.03, (len(rows) + 1, 2))
        tips = tuple(
            TipSample(k, x, y, 0.9, x + noise[k, 0], y + noise[k, 1], 0, None)
            for k, (x, y) in enumerate(rows)
            if np.isfinite(x)
        )
        return FrameMotion(frame.t_s, tips, 0.0, 0.0, *noise[-1])

    def add_tip(self, x_px: float, y_px: float) -> None:
        self.clicked.append((x_px, y_px))


def two_hands(seconds: float) -> Array:
    """Left with 0.5 px at 9 Hz, right still, (n, 2, 2) px of a 640 px wide picture."""
    t = np.arange(0, seconds, 1 / FPS)
    left = np.array([100, 200]) + line(t, 0.5, 9.0, 0.4)
    return np.stack([left, np.tile([400.0, 220.0], (len(t), 1))], axis=1)


def run(tips: Array, options: MotionOptions | None = None) -> tuple[Session, list[LiveScore]]:
    session = Session(options or MotionOptions(mm_per_px=0.1), tracker=Script(tips))
    said = [session.push(Frame(BLACK, k / FPS, k), (0, 0), (640, 480)) for k in range(len(tips))]
    return session, said


def test_a_session_says_amplitude_frequency_and_hands() -> None:
    session, said = run(two_hands(8.0), MotionOptions(mm_per_px=0.1, task="hold", hand="right"))
    last = said[-1]
    assert last.tremor is not None
    assert (last.tremor.status, last.tremor.unit) == ("measured", "um")
    assert last.tremor.rms == pytest.approx(35.4, rel=0.1)
    assert last.tremor.peak_hz == pytest.approx(9.0, abs=0.2)
    assert (last.zone_share, last.real_fps) == (pytest.approx(1.0, abs=0.03), pytest.approx(30, abs=0.5))
    assert {tip for tip, _ in last.tremors} == {0, 1}
    result = session.summary()
    assert [(tip.hand, tip.dominant, tip.tremor.status) for tip in result.tips] == [
        ("left", False, "measured"),
        ("right", True, "below_floor"),
    ]
    assert result.bimanual is not None
    assert result.bimanual.reference_tip == 1
    assert result.bimanual.tremor_ratio is None  # one of them has no number
    assert result.score is not None
    assert 95 < result.score.points < 100  # 0.5 px is the zone's half side: some frames lie outside
    assert {window.tip for window in result.windows} == {0, 1}


def test_the_rolling_estimate_is_renewed_twice_a_second_and_forgets() -> None:
    trembles = two_hands(6.0)[:, :1]
    calm = np.tile([100.0, 200.0], (len(trembles), 1))[:, None]
    _, said = run(np.concatenate([trembles, calm]))
    times = sorted({score.estimated_s for score in said if score.estimated_s is not None})
    assert np.diff(times) == pytest.approx(0.5, abs=0.04)
    during, after = said[len(trembles) - 1].tremor, said[-1].tremor
    assert during is not None
    assert after is not None
    assert (during.status, after.status) == ("measured", "below_floor")


def test_without_a_scale_everything_is_in_pixels() -> None:
    session, _ = run(two_hands(6.0), MotionOptions())
    tip = session.summary().to_json()["tips"][0]
    assert tip["tremor"]["rms_px"] == pytest.approx(0.354, rel=0.1)
    assert "rms_um" not in tip["tremor"]
    assert tip["unit"] == "px"
    assert "no_scale" in {notice.code for notice in session.summary().warnings}


def test_a_lost_tip_is_a_gap() -> None:
    tips = two_hands(8.0)
    tips[90:120, 0] = np.nan
    session, said = run(tips)
    assert [tip.id for tip in said[100].tips] == [1]
    (lost, held) = session.summary().tips
    assert (lost.tracked_share, held.tracked_share) == (pytest.approx(0.875), 1.0)
    times = [row[0] for row in lost.track]
    assert max(np.diff(times)) == pytest.approx(31 / FPS)


def test_nobody_in_view_is_no_tremor_of_zero() -> None:
    session, said = run(np.full((120, 1, 2), np.nan))
    assert said[-1].tremor is None
    assert "click" in said[-1].hint
    result = session.summary()
    assert (result.tips, result.score, result.bimanual) == ((), None, None)
    assert [notice.code for notice in result.warnings] == ["no_tip"]


def test_an_empty_session_has_a_summary() -> None:
    result = Session(tracker=Script(np.zeros((1, 1, 2)))).summary()
    assert (result.video.frames, result.video.real_fps, result.camera_motion) == (0, None, None)
    json.dumps(result.to_json(), allow_nan=False)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_FRAMES", 300)
    session, said = run(two_hands(20.0))
    result = session.summary()
    assert len(result.tips[0].track) <= 330
    assert result.tips[0].track[-1][0] == pytest.approx(20.0 - 1 / FPS)
    assert result.tips[0].tremor.rms == pytest.approx(35.4, rel=0.1)
    assert said[-1].tremor is not None
    assert "session_cut" in {notice.code for notice in result.warnings}


def test_pointing_at_a_tip_reaches_the_tracker() -> None:
    script = Script(two_hands(1.0))
    Session(tracker=script).add_tip(3.0, 4.0)
    assert script.clicked == [(3.0, 4.0)]


@pytest.fixture
def result() -> MotionAssessment:
    return run(two_hands(6.0), MotionOptions(mm_per_px=0.1, task="hold"))[0].summary()


def test_the_json_is_the_contracts(result: MotionAssessment) -> None:
    said = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert said["schema_version"] == "1"
    assert {"video", "scale", "tips", "camera_motion", "windows", "warnings"} <= set(said)
    assert {"file", "width", "height", "frames", "duration_s", "median_fps", "largest_gap_ms"} <= set(
        said["video"]
    )
    tip = said["tips"][0]
    assert {
        "id", "hand", "tracked_share", "track", "tremor", "path_length", "speed", "smoothness", "idle_share"
    } <= set(tip)  # fmt: skip
    assert {"rms_um", "peak_hz", "band_hz", "noise_floor", "status"} <= set(tip["tremor"])
    assert {"sparc", "ldlj"} <= set(tip["smoothness"])
    assert len(tip["track"][0]) == 4
    assert {"t0_s", "t1_s", "tremor"} <= set(said["windows"][0])
    assert "error" not in said


def test_the_plot_of_something_and_of_nothing(result: MotionAssessment) -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    drawn, bare = draw_motion(result, picture), draw_motion(result)
    assert drawn.shape == bare.shape
    assert (drawn != bare).any()
    nothing = refusal(OptionError("x", "Broken.", "Mend it."), result.video, MotionOptions())
    assert draw_motion(nothing).shape[1] == drawn.shape[1]


def test_the_live_picture_shows_tips_words_and_spectrum() -> None:
    frame = np.full((480, 640, 3), 90, np.uint8)
    _, said = run(two_hands(5.0))
    drawn = draw_live(frame, said[-1])
    assert drawn.shape == frame.shape
    assert (drawn[190:210, 85:115] != 90).any()
    assert (drawn[380:, :250] != 90).any()
    assert (frame == 90).all()


def still_clip(path: Path, seconds: float, fps: int) -> Path:
    """A textured picture that does not move, each frame with noise of its own."""
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.uniform(60, 200, (15, 20)), (160, 120), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=fps, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for _ in range(round(seconds * fps)):
            grey = np.clip(ground + rng.normal(0, 3, ground.shape), 0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(np.repeat(grey[:, :, None], 3, axis=2), format="bgr24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path


def test_a_clip_without_an_instrument_is_said_so(tmp_path: Path) -> None:
    seen = assess_clip(still_clip(tmp_path / "still.avi", 3.0, 30), MotionOptions(mm_per_px=0.1))
    assert seen.video.frames + seen.video.duplicates == 90
    assert all(tip.tremor.status != "measured" for tip in seen.tips)
    assert seen.video.real_fps == pytest.approx(30, rel=0.05)
    assert seen.error is None


def test_the_command_writes_what_the_contract_says(tmp_path: Path) -> None:
    clip, out = still_clip(tmp_path / "still.avi", 2.0, 30), tmp_path / "out"
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    ran = runner.invoke(app, ["motion", str(clip), str(bad), "--out", str(out), "--task", "hold"])
    assert ran.exit_code in (1, 3), ran.output
    assert {p.name for p in out.iterdir()} == {"still.json", "still.png", "bad.json"}
    assert json.loads((out / "bad.json").read_text())["error"]["code"] == "not_a_clip"
    assert json.loads((out / "still.json").read_text())["task"] == "hold"
    assert "not_a_clip" in ran.stderr
    again = runner.invoke(app, ["motion", str(clip), "--out", str(out)])
    assert again.exit_code in (0, 3)
    assert len(list(out.iterdir())) == 3  # the same clip keeps its name


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--mm-per-px", "0"], "bad_mm_per_px"),
        (["--tip", "1"], "bad_tip"),
        (["--tip", "1,2", "--tip", "3,4", "--tip", "5,6"], "bad_tip"),
        (["--tip", "nan,1"], "bad_tip"),
        (["--task", "juggle"], "unknown_task"),
        (["--hand", "third"], "unknown_hand"),
        (["--exposure-ms", "-1"], "bad_exposure"),
    ],
)
def test_wrong_options_are_usage(tmp_path: Path, options: list[str], code: str) -> None:
    ran = runner.invoke(app, ["motion", "x.mp4", "--out", str(tmp_path / "o"), *options])
    assert ran.exit_code == 2
    assert f"[{code}]" in ran.stderr


def test_live_without_a_screen_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    ran = runner.invoke(app, ["live", "--out", str(tmp_path)])
    assert ran.exit_code == 3
    assert "no_display" in ran.stderr


def test_tips_and_ticks() -> None:
    assert parse_tip("3,4.5") == (3.0, 4.5)
    assert ticks(0.0, 10.0, 5) == pytest.approx([0, 2, 4, 6, 8, 10])
    assert ticks(0.0, 0.34, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert (number(0.25), number(3.0), number(0.0)) == ("0.25", "3", "0")
