"""Jobs that stand in for grading where a test is about the service around it.

Functions of a module, because the grading processes import them; what they do is said by the photo's
first bytes.
"""

from __future__ import annotations

import io
import json
import math
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from PIL import Image

from api.clip_job import MeasureRequest
from api.job import GradeReply, GradeRequest
from api.repeatability import repeatability
from assessor import __version__
from assessor.errors import IntakeError, MotionError
from assessor.motion.options import MotionOptions
from assessor.motion.results import (
    Economy,
    MotionAssessment,
    Smoothness,
    Spectrum,
    Steadiness,
    TipResult,
    Tremor,
    VideoInfo,
    Window,
)
from assessor.results import (
    Hint,
    ImageInfo,
    Incision,
    Metric,
    Notice,
    PhotoAssessment,
    Scale,
    Score,
    Stitch,
    Target,
    Technique,
    Wound,
)

PNG = b"\x89PNG\r\n\x1a\n"


def grade(request: GradeRequest) -> GradeReply:
    """Obey the photo's first word: hang, die (or unless a file is there), hog (GiB), break, refuse, wait for
    a file, or else be graded."""
    match request.photo.split(b" ", 1)[0]:
        case b"hang":
            time.sleep(3600)
        case b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"unless":
            _die_unless(request.photo)
        case b"hog":
            bytes(int(request.photo.split()[1]) << 30)  # zeros: address space, hardly any memory
        case b"break":
            raise RuntimeError(f"secret {request.name}")
        case b"refuse":
            raise IntakeError("not_an_image", "This is no photo.", "Send a photo.")
        case b"wait":  # until the test makes the named file
            while not _is_there(request.photo):
                time.sleep(0.01)
    if request.picture == "bare":
        return GradeReply(b"", jpeg((400, 300), (200, 170, 150)))
    document = json.dumps(assessment(request).to_json()).encode()
    pictures = {"none": b"", "full": PNG, "screen": jpeg((400, 300), (90, 120, 140))}
    return GradeReply(document, pictures[request.picture])


def measure(request: MeasureRequest) -> GradeReply:
    """Obey the clip's first word as a photo's, or else be measured; "steady 20" trembles by 20 um."""
    clip = Path(request.clip).read_bytes()
    match clip.split(b" ", 1)[0]:
        case b"hang":
            time.sleep(3600)
        case b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"unless":
            _die_unless(clip)
        case b"refuse":
            raise MotionError("not_a_clip", "This is no clip.", "Send a video.")
        case b"wait":  # until the test makes the named file
            while not _is_there(clip):
                time.sleep(0.01)
    rms = float(clip.split()[1]) if clip.startswith(b"steady ") else 42.0
    found = motion(request.options, request.name, rms)
    document = {**found.to_json(), "repeatability": repeatability(found)}
    return GradeReply(json.dumps(document).encode(), jpeg((640, 480), (120, 140, 90)))


def _is_there(said: bytes) -> bool:
    """Whether the file exists that is named by the second word."""
    return os.path.exists(said.split(b" ")[1].decode())


def _die_unless(said: bytes) -> None:
    if not _is_there(said):
        os.kill(os.getpid(), signal.SIGKILL)


def motion(options: MotionOptions, name: str, rms: float) -> MotionAssessment:
    """A made-up assessment of a clip of ten seconds with one tip: micrometres where a scale is given, else as
    many pixels; below the floor where `rms` is 0."""
    unit: Literal["um", "px"] = "um" if options.mm_per_px else "px"
    seen = rms > 0
    tremor = Tremor(
        unit=unit,
        band_hz=(4.0, 12.0),
        rms=rms if seen else None,
        peak_to_peak=2.8 * rms if seen else None,
        direction_deg=0.0,
        peak_hz=9.1 if seen else None,
        peak_status="distinct" if seen else "not_measured",
        noise_floor=4.0,
        status="measured" if seen else "below_floor",
        hint="" if seen else "Steadier than this camera can see here: move closer, or use more light.",
        windows=3,
        window_s=3.0,
    )
    windows = tuple(
        Window(0, 3.0 * k, 3.0 * k + 3, 90, 1.0, replace(tremor, rms=rms + k - 1 if seen else None))
        for k in range(3)
    )
    track = tuple((k / 30, 100 + 50 * math.sin(k / 20), 120 + 40 * math.cos(k / 20), 0.9) for k in range(300))
    freq = tuple(3 + 0.25 * k for k in range(40))
    tip = TipResult(
        id=0,
        hand=options.hand,
        dominant=None,
        tracked_share=0.98,
        track=track,
        tremor=tremor,
        economy=Economy(320.0, 32.0, 0.2, 0.1, 12, 72.0, "mm" if unit == "um" else "px", "measured"),
        smoothness=Smoothness(-2.1, -6.0, 4, "measured"),
        steadiness=Steadiness(100.0, 0.8, 3, 40.0, 9.5, "measured") if options.task == "hold" else None,
        spectrum=Spectrum(
            freq,
            tuple(1 + rms / 4 * math.exp(-((f - 9.1) ** 2)) for f in freq),
            tuple(1.0 for _ in freq),
        ),
    )
    return MotionAssessment(
        software_version=__version__,
        video=VideoInfo(name, 640, 480, 300, 0, 10.0, 30.0, 30.0, 40.0),
        task=options.task,
        scale=Scale(options.mm_per_px, 0.0, "given") if options.mm_per_px else None,
        tips=(tip,),
        camera_motion=None,
        windows=windows,
        score=Score(80.0, 100.0, 1.0, "steadiness", "1") if unit == "um" else None,
        warnings=() if options.mm_per_px else (Notice("no_scale", "No scale: lengths are in pixels."),),
    )


def jpeg(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def assessment(request: GradeRequest) -> PhotoAssessment:
    """A made-up assessment of a 400 x 300 photo with two stitches.

    A JPEG has a scale only where two points are given; its detail then repeats them.
    """
    points = request.options.points
    mm = None if request.photo.startswith(b"\xff\xd8") and points is None else 0.1
    target = Target(5, 10, 5, "B", "a list")
    stitches = tuple(_stitch(x, mm) for x in (120.0, 280.0))
    if request.seen is not None:  # as a person put them
        stitches = tuple(
            replace(_stitch(s.bites[0][0], mm), bites=s.bites, knot=s.knot) for s in request.seen[0]
        )
    metrics = {
        "stitch_count": Metric(2, 0, 2, "", "measured"),
        "spacing_mm": Metric(16.0, 0.2, 1, "mm", "measured", target, 0.0)
        if mm
        else Metric(None, None, 1, "mm", "no_scale", target),
        "spacing_px": Metric(160.0, 2.0, 1, "px", "measured"),
        "spacing_cv": Metric(None, None, 1, "", "too_few"),
    }
    wound = Wound(
        Incision(((50.0, 150.0), (350.0, 150.0)), 0.9),
        Technique("simple_interrupted", 0.9, request.options.technique is not None),
        stitches,
        metrics,
        Score(3.0, 10.0, 0.7, "skin-pad", "1"),
        (Hint("bite_short", "Stitch 2: right bite 1 mm shorter than left.", (1,)),),
    )
    return PhotoAssessment(
        software_version=__version__,
        image=ImageInfo(request.name, 400, 300, "0" * 64),
        scale=Scale(mm, 0.01, "points" if points else "card", repr(points)) if mm else None,
        wounds=(wound,),
        warnings=(Notice("glare", "Glare on the wound: tilt the light."),),
    )


def _stitch(x: float, mm: float | None) -> Stitch:
    def length(px: float) -> float | None:
        return px * mm if mm else None

    sd = 0.2 if mm else None
    return Stitch(
        bites=((x, 100.0), (x, 190.0)),
        inferred=(False, True),
        knot=(x, 185.0),
        confidence=0.9,
        cut=False,
        bite_left_px=50.0,
        bite_right_px=40.0,
        length_px=90.0,
        bite_left_mm=length(50),
        bite_right_mm=length(40),
        length_mm=length(90),
        bite_left_sd_mm=sd,
        bite_right_sd_mm=sd,
        length_sd_mm=sd,
        angle_deg=90.0,
        angle_sd_deg=2.0,
        symmetry=0.8,
        symmetry_sd=0.05,
    )
