"""The whole service on rendered pads: real server, real processes, real grading."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator

import cv2
import httpx
import numpy as np
import pytest
from api_server import running
from PIL import Image

from api import job
from assessor import GradeOptions, grade_photo
from assessor.photo.intake import load_photo
from assessor.render.scene import render_photo

PHOTOS = "/api/v1/photos"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(job.grade, worker_timeout_s=120, max_upload_mb=8) as client:
        client.timeout = httpx.Timeout(120)
        yield client


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A clear pad as a JPEG of 900 x 720."""
    rng = np.random.default_rng(2)
    pad = render_photo(
        rng, 900, 720, "silicone", "simple_interrupted", fill=(0.7, 0.8), poor=0.0, ruler=False
    )
    ok, data = cv2.imencode(".jpg", pad.bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert ok
    return bytes(data)


def test_the_service_says_what_the_library_says(client: httpx.Client, photo: bytes) -> None:
    options = {"mm_per_px": "0.1", "technique": "simple_interrupted"}
    answer = client.post(PHOTOS, files={"file": ("pad.jpg", photo)}, data=options)
    expected = grade_photo(photo, GradeOptions(technique="simple_interrupted", mm_per_px=0.1), name="pad.jpg")
    assert answer.json() == expected.to_json()
    assert any(stitch["length_mm"] for wound in answer.json()["wounds"] for stitch in wound["stitches"])


def test_the_overlay_is_the_photo_with_something_drawn_on_it(client: httpx.Client, photo: bytes) -> None:
    answer = client.post(PHOTOS, files={"file": ("pad.jpg", photo)}, headers={"accept": "image/png"})
    overlay = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    plain = load_photo(photo).bgr
    assert answer.headers["content-type"] == "image/png"
    shown = cv2.resize(
        overlay[: round(overlay.shape[1] * 720 / 900)], (900, 720), interpolation=cv2.INTER_AREA
    )
    changed = np.abs(shown.astype(int) - plain).max(axis=2) > 40
    assert 0.001 < changed.mean() < 0.5


def test_the_pages_picture_is_the_photo_alone_at_screen_size(client: httpx.Client, photo: bytes) -> None:
    document = client.post("/grade", files={"file": ("pad.jpg", photo)}).json()
    data = base64.b64decode(document["overlay"].split(",", 1)[1])
    width, height = Image.open(io.BytesIO(data)).size
    assert max(width, height) <= job.SCREEN_LONG_SIDE_PX
    assert width / height == pytest.approx(900 / 720, rel=0.005)


def png_header(width: int, height: int) -> bytes:
    """A small PNG that claims to be of this size."""

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + block(b"IHDR", header)
        + block(b"IDAT", zlib.compress(bytes(100)))
        + block(b"IEND", b"")
    )


def blank() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (640, 480), (120, 120, 120)).save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "file_empty"),
        (b"What a fine cat", 415, "not_an_image"),
        (png_header(30000, 30000), 413, "image_too_large"),
        (png_header(300, 300), 422, "image_truncated"),
    ],
)
def test_bad_photos_are_refused_with_the_assessors_codes(
    client: httpx.Client, data: bytes, status: int, code: str
) -> None:
    answer = client.post(PHOTOS, files={"file": ("pad.png", data)})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_photo_without_a_wound_is_an_answer_not_an_error(client: httpx.Client) -> None:
    document = client.post(PHOTOS, files={"file": ("pad.png", blank())}).json()
    assert document["wounds"] == []
    assert "no_wound" in {warning["code"] for warning in document["warnings"]}


def test_points_outside_this_photo_are_refused(client: httpx.Client, photo: bytes) -> None:
    form = {"points": "0,0,9000,0,10"}
    answer = client.post(PHOTOS, files={"file": ("pad.jpg", photo)}, data=form)
    assert (answer.status_code, answer.json()["code"]) == (422, "points_outside")
