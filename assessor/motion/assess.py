"""A clip -> its assessment."""

from __future__ import annotations

from pathlib import Path

from assessor import __version__
from assessor.errors import AssessorError
from assessor.motion.frames import ClipInfo, open_clip
from assessor.motion.options import MotionOptions
from assessor.motion.results import MotionAssessment, TremorStatus, VideoInfo
from assessor.motion.session import Session
from assessor.results import Failure

# Each picture is compressed alone: nothing freezes from frame to frame.
INTRA_CODECS = frozenset(
    "mjpeg png rawvideo ffv1 huffyuv utvideo prores dnxhd v210 jpeg2000 qtrle".split()  # noqa: SIM905
)
# H.264 at crf 28 of a still scene, where a tremor of a part of a pixel is lost; at crf 17 it has 0.03.
LEAST_BITS_PER_PX = 0.012


def assess_clip(
    source: str | Path | bytes, options: MotionOptions | None = None, *, name: str | None = None
) -> MotionAssessment:
    """Read a clip (path or bytes) and assess it; MotionError where it cannot be read.

    `name` is the file name to report where `source` is bytes.
    """
    session = Session(options, live=False)
    with open_clip(source, name=name) as clip:
        for frame in clip:
            session.push(frame)
        info = clip.info
    return session.summary(video_info(info), blocked=_blocked(info))


def refusal(error: AssessorError, video: VideoInfo, options: MotionOptions) -> MotionAssessment:
    """The result that an unreadable clip gets among others: no tips, the error as a value."""
    return MotionAssessment(
        software_version=__version__,
        video=video,
        task=options.task,
        scale=None,
        tips=(),
        camera_motion=None,
        windows=(),
        error=Failure(error.code, error.text, error.hint),
    )


def video_info(info: ClipInfo) -> VideoInfo:
    """The clip as the result describes it."""
    return VideoInfo(
        file=info.file,
        width=info.width,
        height=info.height,
        frames=info.frames,
        duplicates=info.duplicates,
        duration_s=info.duration_s,
        real_fps=(info.frames - 1) / info.duration_s if info.frames > 1 and info.duration_s > 0 else None,
        median_fps=info.median_fps,
        largest_gap_ms=info.largest_gap_ms,
        codec=info.codec,
        bit_rate=info.bit_rate,
        sha256=info.sha256,
    )


def _blocked(info: ClipInfo) -> TremorStatus | None:
    """Whether the recorder saved so much that blocks stand still while the hand moves by part of a pixel."""
    if info.codec in INTRA_CODECS or info.bit_rate is None or info.median_fps is None:
        return None
    bits_per_px = info.bit_rate / (info.width * info.height * info.median_fps)
    return "compressed" if bits_per_px < LEAST_BITS_PER_PX else None
