"""A class's photos in one upload: taken once, graded once, each told what became of it."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from school import School, school

from api.store import courses
from api.store.models import Result


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school(workers=2, worker_timeout_s=3, worker_memory_mb=1024) as found:
        yield found


def packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return out.getvalue()


def task(room: School, **values: Any) -> int:
    """A new assignment of the course `knots`."""
    with room.database.writing() as session:
        return courses.add_assignment(session, room.ids["knots"], {"title": "Row", **values}).id


def send(room: School, files: Mapping[str, bytes], who: str = "teacher", **data: Any) -> httpx.Response:
    parts = [("files", (name, content)) for name, content in files.items()]
    return room.ask(who, "POST", "/batches", files=parts, data=data)


def started(room: School, files: Mapping[str, bytes], **data: Any) -> int:
    answer = send(room, files, **data)
    assert answer.status_code == 202, answer.text
    number: int = answer.json()["id"]
    return number


def state(room: School, number: int) -> dict[str, Any]:
    answer = room.ask("teacher", "GET", f"/batches/{number}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(room: School, number: int, seconds: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while (found := state(room, number))["state"] == "running":
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_a_moodle_zip_is_graded_and_says_whose_each_photo_is(room: School) -> None:
    files = {
        "Pupil_1001_assignsubmission_file_/IMG_1.jpg": b"pad 1",
        "Zoe Grey_1002_assignsubmission_file_/IMG_1.jpg": b"pad 2",
        "Zoe Grey_1002_assignsubmission_file_/notes.docx": b"words",
        "Ann Lee_1003_assignsubmission_file_/IMG_1.jpg": b"refuse this",
    }
    assignment = task(room)
    answer = send(room, {"class.zip": packed(files)}, assignment=assignment).json()
    assert (answer["new"], answer["known"], answer["assignment_id"]) == (3, 0, assignment)
    assert [left["file"] for left in answer["left"]] == ["Zoe Grey_1002_assignsubmission_file_/notes.docx"]
    found = done(room, answer["id"])
    assert {k: found[k] for k in ("state", "total", "graded", "failed", "refused")} == {
        "state": "done",
        "total": 3,
        "graded": 2,
        "failed": 1,
        "refused": 1,
    }
    rows = {row["participant"]: row for row in found["rows"]}
    assert rows["Pupil"]["person_id"] == room.ids["pupil"]  # the one of the course who is called so
    assert rows["Zoe Grey"]["person_id"] is None
    assert rows["Zoe Grey"]["score"] == {"points": 3.0, "of": 10.0, "overridden": False}
    assert (rows["Ann Lee"]["state"], rows["Ann Lee"]["error_code"]) == ("refused", "not_an_image")
    overlay = room.ask(
        "teacher", "GET", f"/batches/{answer['id']}/submissions/{rows['Pupil']['submission']}/overlay.png"
    )
    assert overlay.content.startswith(b"\x89PNG")


def test_what_is_sent_twice_is_taken_and_graded_once(room: School) -> None:
    assignment = task(room)
    files = {f"Trainee {n}/pad.jpg": b"pad %d" % n for n in range(4)}
    first = send(room, {"a.zip": packed(files)}, assignment=assignment).json()
    done(room, first["id"])
    results = room.count(Result)
    more = {**files, "Trainee 5/pad.jpg": b"pad 0"}  # a copy of another's is still handed in
    again = send(room, {"a.zip": packed(more)}, assignment=assignment).json()
    assert (again["new"], again["known"]) == (1, 4)
    found = done(room, again["id"])
    assert (found["graded"], found["total"]) == (5, 5)
    assert room.count(Result) == results + 1


def test_what_is_declared_otherwise_is_graded_anew_and_only_once(room: School) -> None:
    assignment = task(room)
    first = done(room, started(room, {"a.jpg": b"pad declared"}, assignment=assignment))
    number = first["rows"][0]["submission"]

    def regraded(technique: str | None) -> tuple[str | None, bool, int]:
        """What is declared, whether the result that counts was graded so, and how many results there are."""
        body = {"title": "Row", "technique": technique}
        room.ask("teacher", "PUT", f"/assignments/{assignment}", json=body).raise_for_status()
        started = room.ask("teacher", "POST", f"/assignments/{assignment}/regrade", json={})
        (row,) = done(room, started.json()["id"])["rows"]
        wound = room.ask("teacher", "GET", f"/submissions/{number}/assessment").json()["wounds"][0]
        results = room.ask("teacher", "GET", f"/submissions/{number}/results").json()
        assert row["result"]["id"] in [result["id"] for result in results]
        declared = room.ask("teacher", "GET", f"/submissions/{number}").json()["technique"]
        return declared, wound["technique"]["declared"], len(results)

    assert regraded(None) == (None, False, 1)
    assert regraded("simple_interrupted") == ("simple_interrupted", True, 2)
    assert regraded("simple_interrupted") == ("simple_interrupted", True, 2)
    assert regraded("simple_running") == ("simple_running", True, 3)
    assert regraded(None) == (None, False, 3)  # the first result counts again


def test_the_same_photo_declared_otherwise_in_an_upload_is_graded_so(room: School) -> None:
    first = started(room, {"a.jpg": b"pad twice"})
    (row,) = done(room, first)["rows"]
    again = send(room, {"a.jpg": b"pad twice"}, technique="simple_running").json()
    assert (again["new"], again["known"]) == (0, 1)
    done(room, again["id"])
    results = room.ask("teacher", "GET", f"/submissions/{row['submission']}/results").json()
    assert len(results) == 2
