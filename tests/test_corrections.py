"""Corrections by hand through batches: kept, judged by whatever rubric is asked for, never put upon another
reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from test_grading import Desk, Room, embedded, good

from api import job
from api.errors import ServiceError
from api.job import GradeReply, GradeRequest
from api.store import corrections, submissions
from api.store.models import Result
from assessor.errors import IntakeError
from assessor.options import GradeOptions
from assessor.photo.correct import Seen, SeenStitch
from assessor.render.scene import render_photo


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with embedded(tmp_path) as found:
        yield found


MOVED: Seen = ((SeenStitch(((130.0, 90.0), (120.0, 190.0)), None),),)


def corrected(room: Room, number: int) -> int:
    """A person sets a bite right and takes a stitch away; the id of the result."""
    request = GradeRequest(b"pad", "pad.jpg", GradeOptions(), seen=MOVED)
    with room.database.writing() as session:
        document = good(request).document.decode()
        return submissions.record_result(
            session, number, document, rubric_key="auto", correction_key="by hand"
        ).id


def counting(room: Room, number: int) -> Result:
    with room.database.reading() as session:
        (row,) = submissions.rows(session, [number], eyes=None)
        assert row.result is not None
        return row.result


def test_a_correction_outlives_a_batch_of_the_same_rubric(room: Room) -> None:
    ids = room.photos(b"pad")
    room.graded(room.batch(ids), Desk(good))
    kept = corrected(room, ids[0])
    desk = Desk(good)
    assert room.graded(room.batch(ids), desk) == {"graded": 1}  # such as an upload that is sent again
    assert desk.asked == []
    assert counting(room, ids[0]).id == kept


def test_a_correction_is_judged_by_another_rubric_too(room: Room) -> None:
    ids = room.photos(b"pad")
    room.graded(room.batch(ids), Desk(good))
    kept = corrected(room, ids[0])
    asked: list[Seen | None] = []

    def answer(request: GradeRequest) -> GradeReply:
        asked.append(request.seen)
        return good(request)

    room.graded(room.batch(ids, "skin-pad-dense"), Desk(answer))
    now = counting(room, ids[0])
    assert asked == [MOVED]
    assert (now.rubric_key, now.correction_key) == ("builtin:skin-pad-dense", "by hand")
    assert now.stitches == 1
    with room.database.writing() as session:  # and by another declaration
        submissions.submission(session, room.caller, ids[0]).kit = "skin-pad"
    room.graded(room.batch(ids), Desk(answer))
    assert asked == [MOVED, MOVED]
    assert counting(room, ids[0]).correction_key == "by hand"
    with room.database.writing() as session:
        submissions.submission(session, room.caller, ids[0]).kit = None
    room.graded(room.batch(ids), Desk(answer))  # all as it was: the first corrected result counts again
    assert asked == [MOVED, MOVED]
    assert counting(room, ids[0]).id == kept


def test_a_refusal_of_corrected_points_loses_none_of_them(room: Room) -> None:
    ids = room.photos(b"pad")
    corrected(room, ids[0])
    asked: list[Seen | None] = []

    def answer(request: GradeRequest) -> GradeReply:
        asked.append(request.seen)
        if request.options.rubric == "face":
            raise IntakeError("no_scale", "No scale.", "Lay a card beside it.")
        return good(request)

    assert room.graded(room.batch(ids, "face"), Desk(answer)) == {"refused": 1}
    assert room.graded(room.batch(ids, "skin-pad"), Desk(answer)) == {"graded": 1}
    assert asked == [MOVED, MOVED]


def test_a_correction_is_not_put_upon_another_softwares_reading_but_stays(room: Room) -> None:
    ids = room.photos(b"pad", b"another pad")
    room.graded(room.batch(ids), Desk(good))
    kept = corrected(room, ids[0])

    def next_version(request: GradeRequest) -> GradeReply:
        assert request.seen is None
        document = {**json.loads(good(request).document), "software_version": "next"}
        return GradeReply(json.dumps(document).encode(), b"picture")

    assert room.graded(room.batch(ids), Desk(next_version), software="next") == {"graded": 2}
    now = counting(room, ids[0])
    assert (now.software, now.correction_key) == ("next", "")
    with room.database.reading() as session:
        assert corrections.of_older_readings(session, ids) == {ids[0]}
        assert kept in [result.id for result in submissions.results(session, ids[0])]
    # The software of before finds its reading, and what was corrected in it.
    assert room.graded(room.batch(ids), Desk(good)) == {"graded": 2}
    assert counting(room, ids[0]).id == kept
    with room.database.reading() as session:
        assert corrections.of_older_readings(session, ids) == set()


def test_the_older_corrected_result_can_be_chosen_to_count_and_both_stay(room: Room) -> None:
    ids = room.photos(b"pad", b"another pad")
    room.graded(room.batch(ids), Desk(good))
    kept = corrected(room, ids[0])

    def next_version(request: GradeRequest) -> GradeReply:
        document = {**json.loads(good(request).document), "software_version": "next"}
        return GradeReply(json.dumps(document).encode(), b"picture")

    room.graded(room.batch(ids), Desk(next_version), software="next")
    newest = counting(room, ids[0]).id
    with room.database.writing() as session:
        submissions.choose_result(session, ids[0], kept)
    assert counting(room, ids[0]).id == kept
    with room.database.reading() as session:
        assert newest in [result.id for result in submissions.results(session, ids[0])]
        assert corrections.of_older_readings(session, ids) == set()
        elsewhere = submissions.results(session, ids[1])[0].id
    with pytest.raises(ServiceError) as caught, room.database.writing() as session:
        submissions.choose_result(session, ids[0], elsewhere)  # of another submission
    assert caught.value.code == "not_found"
    assert counting(room, ids[0]).id == kept


def test_corrected_points_measure_the_same_under_every_rubric() -> None:
    """Real grading: the stitches of a corrected result, applied again, give its very measures."""
    rng = np.random.default_rng(2)
    pad = render_photo(
        rng, 900, 720, "silicone", "simple_interrupted", fill=(0.7, 0.8), poor=0.0, ruler=False
    )
    photo = cv2.imencode(".jpg", pad.bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()

    def graded(rubric: str, seen: Seen | None) -> list[dict[str, Any]]:
        options = GradeOptions(mm_per_px=0.1, technique="simple_interrupted", rubric=rubric)
        reply = job.grade(GradeRequest(photo, "pad.jpg", options, seen=seen))
        wounds: list[dict[str, Any]] = json.loads(reply.document)["wounds"]
        return wounds

    by_hand = graded("skin-pad", None)
    by_hand[0]["stitches"][0]["bites"][0][1] -= 15
    del by_hand[0]["stitches"][2]
    first = graded("skin-pad", corrections.correction(by_hand).seen)
    again = graded("skin-pad-dense", corrections.correction(first).seen)
    assert len(first[0]["stitches"]) == len(by_hand[0]["stitches"]) > 2
    assert again[0]["stitches"] == first[0]["stitches"]
    assert again[0]["score"]["rubric"] != first[0]["score"]["rubric"]
    for name, metric in first[0]["metrics"].items():
        assert [again[0]["metrics"][name][k] for k in ("value", "sd", "status")] == [
            metric[k] for k in ("value", "sd", "status")
        ]
