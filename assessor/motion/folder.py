"""Clips -> a folder of results: for each `<stem>.json` and the plot `<stem>.png`, whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

from assessor.errors import AssessorError
from assessor.folder import relative, write_whole
from assessor.motion.assess import assess_clip, refusal
from assessor.motion.frames import open_clip
from assessor.motion.options import MotionOptions
from assessor.motion.results import MotionAssessment, VideoInfo
from assessor.report.canvas import Bgr
from assessor.report.motion_plot import motion_plot_png


def assess_into(video: Path, out: Path, name: str, options: MotionOptions) -> MotionAssessment:
    """Assess one clip and write its files; what cannot be read becomes a result with `error`.

    OptionError cannot_write where `out` cannot be written.
    """
    try:
        result = assess_clip(video, options)
        picture = first_picture(video)
    except AssessorError as error:
        result, picture = refusal(error, _unread(video), options), None
    write_result(out, name, result, source=relative(video, out), options=options, picture=picture)
    return result


def write_result(
    out: Path,
    name: str,
    result: MotionAssessment,
    *,
    source: str,
    options: MotionOptions,
    picture: Bgr | None,
) -> Path:
    """The plot first: the JSON is the mark that both are there. Returns the JSON's path."""
    # The key `photo` is how results remember whose they are (assessor.folder.name_results).
    document = {**result.to_json(), "grading": {"photo": source, "options": dataclasses.asdict(options)}}
    plot = out / f"{name}.png"
    if result.error is None:
        write_whole(plot, motion_plot_png(result, picture))
    else:
        plot.unlink(missing_ok=True)
    path = out / f"{name}.json"
    write_whole(path, json.dumps(document, ensure_ascii=False, indent=None, allow_nan=False).encode())
    return path


def first_picture(video: Path) -> Bgr | None:
    """For the tracks to lie on."""
    with open_clip(video) as clip:
        return next((frame.bgr for frame in clip), None)


def _unread(video: Path) -> VideoInfo:
    try:
        with video.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        digest = ""
    return VideoInfo(video.name, 0, 0, 0, 0, 0.0, None, None, None, sha256=digest)
