"""A school's first week, through the front door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from school import School, school


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        yield found


def test_a_photo_that_is_handed_in_is_kept_with_its_grade(room: School) -> None:
    task = room.ids["assignment"]
    number = room.hand_in("pupil", task, hand="dominant", mm_per_px="0.1")
    found = room.ask("teacher", "GET", f"/submissions/{number}").json()
    assert found["state"] == "graded"
    assert (found["result"]["points"], found["result"]["points_of"]) == (3.0, 10.0)
    assert (found["hand"], found["person_id"]) == ("dominant", room.ids["pupil"])
    document = room.ask("pupil", "GET", f"/submissions/{number}/assessment").json()
    assert len(document["wounds"][0]["stitches"]) == 2
    picture = room.ask("pupil", "GET", f"/submissions/{number}/overlay.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    listed = room.ask("teacher", "GET", f"/submissions?assignment={task}").json()
    assert listed["total"] == len(listed["items"]) == 1
