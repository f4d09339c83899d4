"""What a grading process really does with a kept clip: a rendered one through the real chain."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from api.clip_job import MeasureRequest, measure
from api.store.digest import digest
from assessor.errors import MotionError
from assessor.motion.options import MotionOptions
from scripts.batch_soak import clips


def test_a_clip_is_measured_and_its_tracks_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(clips(1)[0] + b"\0\0\0\x0cfree1234")  # as the soak makes them its own
    options = MotionOptions(mm_per_px=0.4, task="hold", hand="right")
    reply = measure(MeasureRequest(str(tmp_path / "clip"), "submission-1", options))
    document = json.loads(reply.document)
    assert document["video"]["file"] == "submission-1"
    (tip,) = (tip for tip in document["tips"] if tip["hand"] == "right")  # so small a picture may show more
    assert tip["tracked_share"] > 0.9
    assert tip["id"] in [row["tip"] for row in document["repeatability"]]
    named = {row.name for row in digest(document).metrics}
    assert {"right.tremor_rms_um", "right.path_length_mm", "right.zone_share"} <= named
    with Image.open(io.BytesIO(reply.picture)) as picture:
        assert (picture.format, picture.width / picture.height) == ("JPEG", pytest.approx(320 / 240))


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(b"words")
    with pytest.raises(MotionError) as caught:
        measure(MeasureRequest(str(tmp_path / "clip"), "submission-1", MotionOptions()))
    assert caught.value.code == "not_a_clip"
