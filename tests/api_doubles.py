"""Jobs that stand in for grading where a test is about the service around it.

Functions of a module, because the grading processes import them; what they do is said by the photo's
first bytes.
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
from dataclasses import replace

from PIL import Image

from api.job import GradeReply, GradeRequest
from assessor import __version__
from assessor.errors import IntakeError
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
    """Obey the photo's first word: hang, die, hog (GiB), break, refuse, or else be graded."""
    match request.photo.split(b" ", 1)[0]:
        case b"hang":
            time.sleep(3600)
        case b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"hog":
            bytes(int(request.photo.split()[1]) << 30)  # zeros: address space, hardly any memory
        case b"break":
            raise RuntimeError(f"secret {request.name}")
        case b"refuse":
            raise IntakeError("not_an_image", "This is no photo.", "Send a photo.")
        case b"wait":  # until the test makes the named file
            path = request.photo.split(b" ", 1)[1].decode()
            while not os.path.exists(path):
                time.sleep(0.01)
    if request.picture == "bare":
        return GradeReply(b"", jpeg((400, 300), (200, 170, 150)))
    document = json.dumps(assessment(request).to_json()).encode()
    pictures = {"none": b"", "full": PNG, "screen": jpeg((400, 300), (90, 120, 140))}
    return GradeReply(document, pictures[request.picture])


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
