"""Recorded clips as jobs, with a double in place of the assessor, and once with the assessor itself."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from api_server import running
from clips import textured, write_clip

from api.clips import ClipRequest
from api.job import GradeReply
from assessor.errors import MotionError

CLIPS = "/api/v1/clips"
PNG = b"\x89PNG"


def assess(request: ClipRequest) -> GradeReply:
    """Obeys the clip's first word: wait for a file, refuse, die, or else say what was declared."""
    words = Path(request.path).read_bytes().split(b" ", 1)
    match words[0]:
        case b"wait":
            while not os.path.exists(words[1]):
                time.sleep(0.01)
        case b"refuse":
            raise MotionError("not_a_clip", "This is no video.", "Send a video.")
        case b"die":
            os._exit(1)
    said = {"name": request.name, "path": request.path, "options": repr(request.options)}
    return GradeReply(json.dumps(said).encode(), PNG)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(clip=assess, max_clips=2, max_clip_mb=3) as client:
        yield client


def post(client: httpx.Client, clip: bytes, name: str = "hand.mp4", **fields: str) -> httpx.Response:
    return client.post(CLIPS, files={"file": (name, clip)}, data=fields)


def result(client: httpx.Client, posted: httpx.Response) -> httpx.Response:
    """The job's answer once there is one; meanwhile it says what it is at."""
    assert posted.status_code == 202, posted.text
    assert posted.headers["location"] == f"{CLIPS}/{posted.json()['id']}"
    while (answer := client.get(posted.headers["location"])).status_code == 202:
        assert answer.json()["state"] in ("queued", "running")
        assert int(answer.headers["retry-after"]) > 0
        time.sleep(0.02)
    return answer


def test_a_clip_becomes_an_assessment_and_a_plot(client: httpx.Client) -> None:
    posted = post(
        client, b"clip", "../a/hand.mp4", mm_per_px="0,05", task="hold", hand="left", tips="1,2;3,4.5"
    )
    answer = result(client, posted)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert said["name"] == "hand.mp4"
    for part in ("mm_per_px=0.05", "tips=((1.0, 2.0), (3.0, 4.5))", "task='hold'", "hand='left'"):
        assert part in said["options"]
    assert not Path(said["path"]).exists()  # the clip is gone once it is assessed
    plot = client.get(posted.headers["location"], headers={"accept": "image/png"})
    assert (plot.headers["content-type"], plot.content) == ("image/png", PNG)


@pytest.mark.parametrize(
    ("clip", "status", "code"), [(b"refuse", 415, "not_a_clip"), (b"die", 500, "grading_died")]
)
def test_a_clip_that_fails_says_why_and_the_next_is_assessed(
    client: httpx.Client, clip: bytes, status: int, code: str
) -> None:
    answer = result(client, post(client, clip))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert result(client, post(client, b"clip")).status_code == 200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mm_per_px": "wide"}, "bad_number"),
        ({"mm_per_px": "0"}, "bad_mm_per_px"),
        ({"task": "juggle"}, "unknown_task"),
        ({"hand": "third"}, "unknown_hand"),
        ({"tips": "1"}, "bad_tip"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_at_once(
    client: httpx.Client, fields: dict[str, str], code: str
) -> None:
    answer = post(client, b"clip", **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_no_file_and_no_such_clip(client: httpx.Client) -> None:
    answer = client.post(CLIPS, data={"task": "hold"}, files={"other": b""})
    assert answer.json()["code"] == "unknown_field"
    assert client.get(f"{CLIPS}/nothing").json()["code"] == "not_found"


def test_a_clip_may_be_larger_than_a_photo_but_not_endless(client: httpx.Client) -> None:
    mib = 1024 * 1024
    assert result(client, post(client, bytes(2 * mib))).status_code == 200
    answer = post(client, bytes(4 * mib))
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    photo = client.post("/api/v1/photos", files={"file": ("pad.jpg", bytes(2 * mib))})
    assert photo.json()["code"] == "upload_too_large"


def test_more_clips_than_may_wait_are_refused(client: httpx.Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = post(client, f"wait {gate}".encode())
    second = post(client, b"clip")
    answer = post(client, b"clip")
    assert (answer.status_code, answer.json()["code"]) == (503, "clips_full")
    assert int(answer.headers["retry-after"]) > 0
    gate.touch()
    assert [result(client, posted).status_code for posted in (first, second)] == [200, 200]


def test_the_assessor_itself_assesses_a_clip() -> None:
    picture = textured()
    rng = np.random.default_rng(0)
    pictures = [
        np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8) for _ in range(30)
    ]
    clip = write_clip(pictures, [k / 30 for k in range(30)])
    with running() as client:
        posted = post(client, clip, "still.mp4", task="hold")
        answer = result(client, posted)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["schema_version"] == "1"
        assert (document["video"]["file"], document["video"]["frames"]) == ("still.mp4", 30)
        assert all(tip["tremor"]["status"] != "measured" for tip in document["tips"])
        plot = client.get(posted.headers["location"], headers={"accept": "image/png"})
        assert io.BytesIO(plot.content).read(4) == PNG
        refused = result(client, post(client, b"no video"))
        assert (refused.status_code, refused.json()["code"]) == (415, "not_a_clip")
