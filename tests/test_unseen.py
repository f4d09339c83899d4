"""Unseen second marking: no way leads to another's points before one's own are given."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from school import School, school

from api.store import courses, jobs, people

# Points that stand in no other figure of an answer.
SECRET = 7.3125
CLOCK = re.compile(rb"\d\d:\d\d:\d\d\.\d+")
FILES = ("grades.csv", "clips.csv", "grades.xlsx", "report.pdf", "feedback.zip")


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    """teacher and colleague both teach `knots`."""
    with school() as found:
        with found.database.writing() as session:
            caller = found.caller("admin")
            courses.set_member(
                session,
                found.ids["knots"],
                people.person(session, caller, found.ids["colleague"]),
                "instructor",
            )
        yield found


def exam(room: School) -> int:
    """A new assignment whose second marking is unseen."""
    form = {"title": "Exam", "unseen": True}
    made = room.ask("teacher", "POST", f"/courses/{room.ids['knots']}/assignments", json=form)
    number: int = made.json()["id"]
    return number


def mark(room: School, who: str, submission: int, points: float, *, overrides: bool) -> None:
    form = {"points": points, "points_of": 10, "reason": f"as {who} saw it", "overrides": overrides}
    answer = room.ask(who, "POST", f"/submissions/{submission}/marks", json=form)
    assert answer.status_code == 201, answer.text


def page(room: School, who: str, path: str) -> httpx.Response:
    return room.client.get(path, headers={"authorization": f"Bearer {room.keys[who]}"})


def ways(room: School, who: str, exam: int, submission: int, batch: int) -> list[httpx.Response]:
    """Whatever tells of a submission's marks."""
    api = [
        f"/submissions/{submission}",
        f"/submissions/{submission}/marks",
        f"/submissions?assignment={exam}",
        f"/submissions/{submission}/report.pdf",
        f"/batches/{batch}",
        f"/assignments/{exam}/summary",
        f"/assignments/{exam}/agreement",
        *(f"/assignments/{exam}/{name}" for name in FILES),
        *(f"/batches/{batch}/{name}" for name in FILES),
    ]
    pages = [f"/work/{submission}", *(f"/assignments/{exam}{view}" for view in ("", "/class", "/agreement"))]
    book = {"file": ("book.csv", b"Identifier,Full name,Grade,Maximum Grade\nParticipant 1,Pupil,,10.00\n")}
    return [
        *(room.ask(who, "GET", path) for path in api),
        *(page(room, who, path) for path in pages),
        room.ask(who, "POST", f"/assignments/{exam}/gradebook", files=book),
    ]


@pytest.mark.parametrize("overrides", [True, False])
@pytest.mark.parametrize("second", ["colleague", "admin"])
def test_nobody_reads_anothers_points_before_their_own_are_given(
    room: School, second: str, overrides: bool
) -> None:
    task_id = exam(room)
    submission = room.hand_in("pupil", task_id)
    with room.database.writing() as session:
        task = courses.assignment(session, room.caller("teacher"), task_id)
        batch = jobs.add_batch(session, room.caller("teacher"), task, [submission]).id
    mark(room, "teacher", submission, SECRET, overrides=overrides)
    for answer in ways(room, second, task_id, submission, batch):
        if answer.status_code == 409:
            assert answer.json()["code"] == "mark_first"
        else:
            assert answer.status_code == 200, (answer.url, answer.text[:200])
            said = CLOCK.sub(b"", answer.content)  # 12:31:47.3 is no mark
            for secret in ("7.3125", "7.3", "73.1", "as teacher saw it"):
                assert secret.encode() not in said, answer.url
    assert "Somebody has marked this already" in page(room, second, f"/work/{submission}").text
    # The first marker has marked, and sees all there is; the trainee what counts.
    assert room.ask("teacher", "GET", f"/submissions/{submission}/report.pdf").status_code == 200
    own = room.ask("pupil", "GET", f"/submissions/{submission}").json()["override"]
    assert (own is not None) == overrides
    mark(room, second, submission, 5, overrides=False)
    seen = room.ask(second, "GET", f"/submissions/{submission}/marks").json()
    assert [m["points"] for m in seen] == [SECRET, 5]
    assert room.ask(second, "GET", f"/submissions/{submission}/report.pdf").status_code == 200


def test_a_class_is_handed_back_by_who_has_marked_it_or_once_marks_are_shown(room: School) -> None:
    task_id = exam(room)
    submission = room.hand_in("pupil", task_id)
    mark(room, "teacher", submission, 6, overrides=True)
    grades = f"/assignments/{task_id}/grades.csv"
    assert room.ask("colleague", "GET", grades).status_code == 409
    assert room.ask("teacher", "GET", grades).status_code == 200
    room.ask("teacher", "PUT", f"/assignments/{task_id}", json={"title": "Exam"}).raise_for_status()
    assert room.ask("colleague", "GET", grades).status_code == 200


def test_agreement_takes_the_first_opinion_where_the_later_ones_were_seen(room: School) -> None:
    task_id = exam(room)
    submission = room.hand_in("pupil", task_id)
    mark(room, "teacher", submission, 9, overrides=False)
    mark(room, "colleague", submission, 2, overrides=False)
    mark(room, "colleague", submission, 9, overrides=False)  # after having seen the other's
    pairs = room.ask("teacher", "GET", f"/assignments/{task_id}/agreement").json()
    names = {f"marker {room.ids['teacher']}", f"marker {room.ids['colleague']}"}
    (pair,) = [p for p in pairs if {p["first"], p["second"]} == names]
    assert [sorted(point[1:]) for point in pair["points"] if point[0] == submission] == [[20, 90]]
