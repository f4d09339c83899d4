"""Frames with their true times, from a clip or a local camera; the only place where video is decoded.

Times are the container's presentation times (a clip) or the clock right after `grab()` (a camera), never
1 / fps: a wrong clock loses half of a tremor's amplitude. A frame that repeats the picture before it (what
recorders and video calls fill gaps with) is dropped and counted: it holds no new sample of the hand.
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
import statistics
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import PictureType
from numpy.typing import NDArray

from assessor.errors import MotionError

MAX_FILE_BYTES = 4_000_000_000  # ten minutes of 4K from a phone
MAX_DURATION_S = 1800.0  # a suturing exercise takes minutes; half an hour is a recording of a lesson
MAX_PIXELS = 4096 * 2304  # 4K
MAX_FRAMES = 120_000  # 1800 s at 60 fps, with room: what a broken time base could ask for
MIN_SIDE_PX = 96  # below this an instrument's tip is a few pixels
# Containers that carry their frames' times (raw streams do not) and refer to no other file (playlists do).
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"

# A repeated picture differs by what the recorder's compression adds. On a video call repeated frames: mean
# at most 0.09 grey levels, eighth-largest block at most 2.1; the quietest new frames of all: 0.53 and 3.2.
DUPLICATE_MEAN = 0.1
DUPLICATE_BLOCK = 2.5
BLOCK_PX = 16

# A picture is predicted from none (also where that is unknown), from those before it, or from both sides.
ALONE, FORWARD, BETWEEN = 0, 1, 2
CODED = {int(PictureType.P): FORWARD, int(PictureType.B): BETWEEN}

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """An upright picture taken at `t_s` seconds after the first; `index` counts all.

    `bgr` is uint8 (h, w, 3), or (h, w) where only its grey was decoded: colour tells nothing of motion.
    `coded` says from which pictures the recorder predicted it: ALONE, FORWARD or BETWEEN.
    """

    bgr: NDArray[np.uint8]
    t_s: float
    index: int
    coded: int = ALONE


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What was read: `frames` new ones, `duplicates` dropped, `damaged` that could not be decoded.

    `median_fps` and `largest_gap_ms` are of the new frames: None below two of them.
    """

    file: str
    width: int
    height: int
    frames: int
    duplicates: int
    damaged: int
    duration_s: float
    median_fps: float | None
    largest_gap_ms: float | None
    codec: str
    bit_rate: int | None
    sha256: str


def is_duplicate(before: Grey, now: Grey) -> bool:
    """Whether `now` shows the picture `before` again; both uint8 (h, w) of the same view."""
    if before.shape != now.shape:
        return False
    change = cv2.absdiff(before, now)
    if cv2.mean(change)[0] >= DUPLICATE_MEAN:
        return False
    height, width = change.shape
    size = (max(1, width // BLOCK_PX), max(1, height // BLOCK_PX))
    blocks = np.sort(cv2.resize(change.astype(np.float32), size, interpolation=cv2.INTER_AREA), axis=None)
    return bool(blocks[-min(8, len(blocks))] < DUPLICATE_BLOCK)


def to_grey(bgr: NDArray[np.uint8]) -> Grey:
    if bgr.ndim == 2:
        return bgr
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)


class Clip:
    """New frames of a video file, in order: iterate once, inside `with`. `info` says what was read so far."""

    def __init__(self, container: InputContainer, source: IO[bytes], file: str, sha256: str) -> None:
        self._container, self._source, self._file, self._sha256 = container, source, file, sha256
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._codec = self._stream.codec_context.name
        self._bit_rate = container.bit_rate or self._stream.codec_context.bit_rate
        self._width = self._height = 0
        self._times_s = array("d")
        self._last_s = 0.0
        self._duplicates = self._damaged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()
        self._source.close()

    @property
    def info(self) -> ClipInfo:
        gaps = [b - a for a, b in zip(self._times_s, self._times_s[1:], strict=False)]
        return ClipInfo(
            file=self._file,
            width=self._width,
            height=self._height,
            frames=len(self._times_s),
            duplicates=self._duplicates,
            damaged=self._damaged,
            duration_s=self._last_s,
            median_fps=1 / statistics.median(gaps) if gaps else None,
            largest_gap_ms=1000 * max(gaps) if gaps else None,
            codec=self._codec,
            bit_rate=int(self._bit_rate) if self._bit_rate else None,
            sha256=self._sha256,
        )

    def __iter__(self) -> Iterator[Frame]:
        """Raises MotionError: clip_too_long, clip_too_large, clip_corrupt (no frame could be decoded)."""
        first_s: float | None = None
        before: Grey | None = None
        for index, picture in enumerate(self._pictures()):
            if picture.pts is None or picture.time_base is None:
                self._damaged += 1  # without a time it is no sample
                continue
            now_s = float(picture.pts * picture.time_base)
            first_s = now_s if first_s is None else first_s
            t_s = now_s - first_s
            if self._times_s and t_s <= self._last_s:
                self._damaged += 1
                continue
            if t_s > MAX_DURATION_S or index >= MAX_FRAMES:
                raise _too_long()
            bgr = _upright(picture)
            height, width = bgr.shape[:2]
            if self._width and (width, height) != (self._width, self._height):
                raise _corrupt("The size of the picture changes within the video.")
            self._width, self._height, self._last_s = width, height, t_s
            grey = to_grey(bgr)
            if before is not None and is_duplicate(before, grey):
                self._duplicates += 1
                continue
            before = grey
            self._times_s.append(t_s)
            yield Frame(bgr, t_s, index, CODED.get(picture.pict_type, ALONE))
        if not self._times_s:
            raise _corrupt("The video holds no picture that can be decoded.")

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """Decoded pictures; one that the decoder had to patch up would show motion that never was."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                pictures = [] if packet is None else packet.decode()
            except EOFError:
                return
            except (av.FFmpegError, ValueError):
                self._damaged += 1
                if self._damaged > MAX_FRAMES:
                    return
                continue
            if packet is None:
                return
            for picture in pictures:
                _gate_size(picture.width, picture.height)
                if picture.is_corrupt:
                    self._damaged += 1
                else:
                    yield picture


def open_clip(source: str | Path | bytes, *, name: str | None = None) -> Clip:
    """A video file, or its bytes, ready to be read; `name` overrides the file name in `info`.

    Raises MotionError: file_missing, file_unreadable, file_not_regular, file_empty, file_too_large,
    not_a_clip, clip_corrupt, clip_too_large, clip_too_long.
    """
    file = name or ("clip" if isinstance(source, bytes) else Path(source).name)
    stream, size = (
        (io.BytesIO(source), len(source)) if isinstance(source, bytes) else _open_file(Path(source))
    )
    try:
        _gate_bytes(size)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
        stream.seek(0)
        container = _container(stream)
        try:
            _gate(container)
        except BaseException:
            container.close()
            raise
    except BaseException:
        stream.close()
        raise
    return Clip(container, stream, file.encode("utf-8", "replace").decode("utf-8"), digest)


def _open_file(path: Path) -> tuple[IO[bytes], int]:
    try:
        if path.exists() and not path.is_file():
            raise MotionError("file_not_regular", "This is not a file.", "Name the video file itself.")
        file = path.open("rb")
        return file, path.stat().st_size
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise MotionError(
                "file_missing", "There is no file of this name.", "Check the name and the folder."
            ) from None
        raise MotionError(
            "file_unreadable",
            "The system refuses to read this file.",
            "Check its permissions, or copy it to another folder and try again.",
        ) from error


def _container(stream: IO[bytes]) -> InputContainer:
    try:
        # A file object, not a path, and a list of containers: no playlist can make FFmpeg open anything else.
        container = av.open(stream, "r", options={"format_whitelist": CONTAINERS})
    except (av.FFmpegError, ValueError) as error:
        stream.seek(0)
        head = stream.read(12)
        if head[4:8] == b"ftyp" or head[:4] in (b"\x1aE\xdf\xa3", b"RIFF"):
            raise _corrupt("The video is damaged or its end is missing.") from error
        raise MotionError(
            "not_a_clip",
            "This is no video file that can be read here.",
            "Send an MP4, MOV, WebM, MKV or AVI file, as the camera wrote it.",
        ) from error
    if not container.streams.video:
        container.close()
        raise MotionError("not_a_clip", "This file holds no moving picture.", "Send the video itself.")
    return container


def _gate(container: InputContainer) -> None:
    """Limits from the header, before anything is decoded; the reader holds them again against what comes."""
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise _corrupt("The video is written in a way that cannot be decoded here.")
    if stream.width and stream.height:
        _gate_size(stream.width, stream.height)
    if container.duration is not None and container.duration / av.time_base > MAX_DURATION_S:
        raise _too_long()


def _gate_bytes(size: int) -> None:
    if size == 0:
        raise MotionError("file_empty", "The file is empty.", "The upload or copy failed: send it again.")
    if size > MAX_FILE_BYTES:
        raise MotionError(
            "file_too_large",
            f"The file has {size / 1e6:.0f} MB; at most {MAX_FILE_BYTES / 1e6:.0f} MB are read.",
            "Cut the clip to the exercise.",
        )


def _gate_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise MotionError(
            "clip_too_large",
            f"The video has {width} x {height} pixels; at most 4096 x 2304 are read.",
            "Record at 1080p: more pixels do not help here.",
        )
    if min(width, height) < MIN_SIDE_PX:
        raise MotionError(
            "clip_too_small",
            f"The video has only {width} x {height} pixels.",
            "Send the original recording, not a preview of it.",
        )


def _too_long() -> MotionError:
    return MotionError(
        "clip_too_long",
        f"The video is longer than {MAX_DURATION_S / 60:.0f} minutes.",
        "Cut the clip to the exercise.",
    )


def _corrupt(text: str) -> MotionError:
    return MotionError("clip_corrupt", text, "Copy the original recording again; do not convert it.")


def _upright(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """BGR uint8 (h, w, 3) with the container's rotation applied and square pixels."""
    bgr = picture.to_ndarray(format="bgr24")
    turns = round(picture.rotation / 90) % 4  # counter-clockwise
    bgr = np.rot90(bgr, turns) if turns else bgr
    return np.ascontiguousarray(bgr)


class Camera:
    """A local camera: iterate inside `with`; ends only when the camera does (MotionError camera_lost)."""

    def __init__(self, index: int = 0) -> None:
        """Raises MotionError camera_missing."""
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise MotionError(
                "camera_missing",
                f"There is no camera {index}, or another program is using it.",
                "Close other programs that use the camera, or choose another with --camera.",
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old picture waiting in a queue has a wrong time

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        first_s = math.nan
        index = 0
        before: Grey | None = None
        while self._capture.grab():
            now_s = time.perf_counter()  # before decoding, which takes a varying time
            taken, picture = self._capture.retrieve()
            if not taken:
                continue
            bgr = np.asarray(picture, np.uint8)
            grey = to_grey(bgr)
            index += 1
            if before is not None and is_duplicate(before, grey):
                continue
            before = grey
            first_s = now_s if math.isnan(first_s) else first_s
            yield Frame(bgr, now_s - first_s, index - 1)
        raise MotionError(
            "camera_lost", "The camera stopped giving pictures.", "Plug it in again and start anew."
        )
