"""Frames carry true times; what repeats, is damaged or is no video is told apart."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from assessor.errors import MotionError
from assessor.motion import frames
from assessor.motion.frames import Camera, is_duplicate, open_clip, to_grey
from tests.clips import Picture, textured, write_clip

# Irregular on purpose, as a phone in dim light writes it.
TIMES_S = (0.0, 0.033, 0.066, 0.141, 0.174, 0.307, 0.340)


def moving(count: int) -> list[Picture]:
    """A textured picture that shifts by 3 px a frame."""
    return [np.roll(textured(), 3 * k, axis=1) for k in range(count)]


@pytest.mark.parametrize("container", ["mp4", "matroska", "mov"])
def test_times_are_those_of_the_file(container: str) -> None:
    with open_clip(write_clip(moving(7), TIMES_S, container=container), name="a.mp4") as clip:
        seen = list(clip)
    assert [f.t_s for f in seen] == pytest.approx(TIMES_S, abs=6e-4)
    assert [f.index for f in seen] == list(range(7))
    assert seen[0].bgr.shape == (128, 160, 3)
    info = clip.info
    assert (info.file, info.width, info.height, info.frames, info.duplicates) == ("a.mp4", 160, 128, 7, 0)
    assert info.duration_s == pytest.approx(0.340, abs=6e-4)
    assert info.largest_gap_ms == pytest.approx(133, abs=1)
    assert info.median_fps == pytest.approx(1 / 0.033, rel=0.03)
    assert len(info.sha256) == 64


def test_repeated_pictures_are_dropped_and_counted() -> None:
    pictures = [p for p in moving(5) for _ in range(2)]
    times = [k / 30 for k in range(10)]
    with open_clip(write_clip(pictures, times)) as clip:
        seen = [f.t_s for f in clip]
    assert seen == pytest.approx(times[::2], abs=1e-3)
    assert (clip.info.frames, clip.info.duplicates) == (5, 5)
    assert clip.info.median_fps == pytest.approx(15, rel=0.02)


def test_what_counts_as_a_repeat() -> None:
    rng = np.random.default_rng(3)
    still = to_grey(textured())
    noisy = np.clip(still + rng.normal(0, 1.0, still.shape), 0, 255).astype(np.uint8)
    tool_moved = still.copy()
    tool_moved[40:90, 60:90] = np.roll(tool_moved[40:90, 60:90], 1, axis=1)
    assert is_duplicate(still, still.copy())
    assert not is_duplicate(still, noisy)  # a camera's noise is a new picture, though nothing moved
    assert not is_duplicate(still, tool_moved)
    assert not is_duplicate(still, still[:64])


@pytest.mark.parametrize(("angle", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_a_phone_held_upright_gives_an_upright_picture(angle: int, turns: int) -> None:
    picture = np.zeros((96, 160, 3), np.uint8)
    picture[:48, :80] = 255  # the stored picture is bright at its top left
    data = bytearray(write_clip([picture, 255 - picture], [0, 0.1]))
    at = data.index(b"tkhd") + 4 + 40  # the track header's matrix, ISO 14496-12, 8.3.2
    c, s = round(np.cos(np.radians(angle))), round(np.sin(np.radians(angle)))
    data[at : at + 36] = struct.pack(">9i", c << 16, s << 16, 0, -s << 16, c << 16, 0, 0, 0, 1 << 30)
    with open_clip(bytes(data)) as clip:
        first = next(iter(clip)).bgr
    expected = np.rot90(picture, turns)
    assert first.shape == expected.shape
    assert np.abs(first.astype(int) - expected).mean() < 8


def test_a_damaged_middle_loses_frames_not_the_clip() -> None:
    data = bytearray(write_clip(moving(20), [k / 30 for k in range(20)], codec="mjpeg", container="matroska"))
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    with open_clip(bytes(data)) as clip:
        seen = [f.t_s for f in clip]
    assert 5 <= len(seen) < 20
    assert seen == sorted(seen)


def bad_inputs() -> list[tuple[str, bytes, str]]:
    good = write_clip(moving(3), [0, 0.1, 0.2])
    jpeg = cv2.imencode(".jpg", textured())[1].tobytes()
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
    small = write_clip([textured(width=64, height=64)] * 2, [0, 0.1])
    return [
        ("empty", b"", "file_empty"),
        ("text", b"hello, this is not a video", "not_a_clip"),
        ("photo", jpeg, "not_a_clip"),
        ("playlist", playlist, "not_a_clip"),
        ("cut", good[: len(good) // 3], "clip_corrupt"),
        ("small", small, "clip_too_small"),
        ("long", write_clip(moving(2), [0, frames.MAX_DURATION_S + 60]), "clip_too_long"),
    ]


@pytest.mark.parametrize(("data", "code"), [pytest.param(d, c, id=n) for n, d, c in bad_inputs()])
def test_bad_input_gets_one_clear_error(data: bytes, code: str) -> None:
    with pytest.raises(MotionError) as caught, open_clip(data) as clip:
        list(clip)
    assert caught.value.code == code
    assert caught.value.hint


def test_limits_hold_before_decoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(write_clip(moving(3), [0, 0.1, 0.2]))
    with open_clip(file) as clip:
        assert clip.info.file == "clip.mp4"
        assert len(list(clip)) == 3
    monkeypatch.setattr(frames, "MAX_PIXELS", 100 * 100)
    with pytest.raises(MotionError) as caught:
        open_clip(file)
    assert caught.value.code == "clip_too_large"
    monkeypatch.setattr(frames, "MAX_FILE_BYTES", 100)
    with pytest.raises(MotionError) as caught:
        open_clip(file)
    assert caught.value.code == "file_too_large"


@pytest.mark.parametrize(("name", "code"), [("none.mp4", "file_missing"), (".", "file_not_regular")])
def test_no_file(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(MotionError) as caught:
        open_clip(tmp_path / name)
    assert caught.value.code == code


def test_no_camera() -> None:
    with pytest.raises(MotionError) as caught:
        Camera(99)
    assert caught.value.code == "camera_missing"
