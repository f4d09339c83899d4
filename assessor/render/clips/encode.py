"""Frames into files: H.264 in .mp4 and Motion JPEG in .mkv keep the times, bare .mjpeg has none."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.errors import OptionError
from assessor.render.clips.clock import TICKS_PER_S
from assessor.render.clips.order import ClipOrder

SUFFIXES = (".mp4", ".mkv", ".mjpeg")


def check_format(path: Path, order: ClipOrder) -> None:
    """OptionError where the file's kind is unknown, or cannot hold what is ordered."""
    camera = order.camera
    if path.suffix not in SUFFIXES:
        raise OptionError(
            "bad_clip_format",
            f"No clip is written as {path.suffix!r}.",
            "Use one of: " + ", ".join(SUFFIXES) + ".",
        )
    if path.suffix == ".mjpeg" and (camera.jitter_s or camera.dropped_share):
        raise OptionError(
            "bad_clip_format",
            "A .mjpeg file holds no times, so frames cannot be late or missing.",
            "Write .mp4 or .mkv.",
        )


def write_frames(path: Path, frames: Iterable[tuple[float, NDArray[np.uint8]]], order: ClipOrder) -> None:
    """Encode (t_s, BGR) frames. `.mjpeg` is what Chromium takes as a fake camera."""
    if path.suffix == ".mjpeg":
        with path.open("wb") as out:
            for _, bgr in frames:
                done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, order.quality])
                assert done
                out.write(data.tobytes())
        return
    import av

    camera = order.camera
    jpeg = path.suffix == ".mkv"
    with av.open(str(path), "w") as container:
        rate = Fraction(camera.fps).limit_denominator(1001)
        if jpeg:
            # libavcodec's scale: 2 is the best, 31 the worst
            scale = str(round(float(np.interp(order.quality, [50, 75, 90, 100], [12, 6, 3, 2]))))
            stream = container.add_stream("mjpeg", rate=rate, options={"qmin": scale, "qmax": scale})
            stream.pix_fmt = "yuvj420p"
        else:
            # else the same frames make another file each time: what mbtree rounds hangs on the memory
            options = {"crf": str(order.crf), "preset": "medium", "x264-params": "cpu-independent=1"}
            stream = container.add_stream("libx264", rate=rate, options=options)
            stream.pix_fmt = "yuv420p"
        stream.width, stream.height = camera.width, camera.height
        stream.codec_context.thread_count = 1
        base = Fraction(1, 1000 if jpeg else TICKS_PER_S)  # Matroska counts milliseconds
        stream.codec_context.time_base = base
        for t_s, bgr in frames:
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.time_base = base
            frame.pts = round(t_s / base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
