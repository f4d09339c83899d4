"""Small video files for tests, written with PyAV."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def textured(seed: int = 0, width: int = 160, height: int = 128) -> Picture:
    """A picture with detail everywhere, (h, w, 3)."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.repeat(np.repeat(noise, 8, 0), 8, 1)


def write_clip(
    pictures: Iterable[Picture],
    times_s: Sequence[float],
    *,
    container: str = "mp4",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> bytes:
    """The bytes of a video that shows each picture (BGR) at its time, to the millisecond."""
    stream = None
    options = options or {"crf": "10", "preset": "ultrafast"}
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        for picture, t_s in zip(pictures, times_s, strict=True):
            if stream is None:
                stream = out.add_stream(
                    codec, rate=1000, options=options or {"crf": "10", "preset": "ultrafast"}
                )
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.codec_context.time_base = Fraction(1, 1000)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = round(t_s * 1000), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        assert stream is not None
        out.mux(stream.encode())
    return buffer.getvalue()
