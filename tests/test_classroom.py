"""A school's first week, through the front door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from school import School, school

from api.grading import request
from api.store.jobs import Claim, Work
from api.store.models import Submission


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


def test_what_is_declared_of_the_scale_is_kept_for_the_next_grading(room: School) -> None:
    number = room.hand_in("pupil", room.ids["assignment"], grid_mm="10", check_bar_mm="48,5")
    with room.database.reading() as session:
        kept = session.get_one(Submission, number)
        assert kept.scale == {"grid_mm": 10.0, "check_bar_mm": 48.5}
        work = Work(Claim(1, 1, number, "somebody"), kept, "auto", None)
        assert request(work, b"pad").options.check_bar_mm == 48.5


def test_a_rubric_that_the_course_does_not_have_is_said_to_be_missing(room: School) -> None:
    changed = {"title": "Row of eight", "rubric_id": 57874}
    answer = room.ask("teacher", "PUT", f"/assignments/{room.ids['assignment']}", json=changed)
    assert (answer.status_code, answer.json()["code"]) == (422, "rubric_elsewhere")


def test_who_marks_blind_is_told_by_no_answer_whose_it_is(room: School) -> None:
    made = {"title": "Blind", "blind": True}
    course = f"/courses/{room.ids['knots']}"
    task = room.ask("teacher", "POST", f"{course}/assignments", json=made).json()["id"]
    files = {"files": ("pupil.jpg", b"a class's upload")}
    batch = room.ask("teacher", "POST", "/batches", files=files, data={"assignment": task}).json()["id"]
    photo = {"file": ("by pupil.jpg", b"handed in")}
    number = room.ask("pupil", "POST", "/submissions", files=photo, data={"assignment": task}).json()[
        "submission"
    ]["id"]
    pupil = room.ids["pupil"]
    for who in ("teacher", "admin"):
        listed = room.ask(who, "GET", f"/submissions?assignment={task}")
        assert [item["person_id"] for item in listed.json()["items"]] == [None, None]
        one = room.ask(who, "GET", f"/submissions/{number}")
        assert one.json()["file"] == f"submission {number}"
        rows = room.ask(who, "GET", f"/batches/{batch}")
        assert [row["person_id"] for row in rows.json()["rows"]] == [None]
        document = room.ask(who, "GET", f"/submissions/{number}/assessment")
        corrected = room.ask(who, "POST", f"/submissions/{number}/corrections", json={"hand": "dominant"})
        assert corrected.status_code == 201
        for answer in (listed, one, rows, document, corrected):
            assert "pupil" not in answer.text.lower(), answer.url
        asked = room.ask(who, "GET", f"/submissions?assignment={task}&person={pupil}")
        assert asked.json()["total"] == 0
    own = room.ask("pupil", "GET", f"/submissions?assignment={task}&person={pupil}").json()["items"]
    assert {item["person_id"] for item in own} == {pupil}
