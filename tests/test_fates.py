"""What broke down or was stopped reads so wherever it is listed, and can be tried once more."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from school import School, school
from test_batches import done, packed, send, started, state, task
from test_exports import text_of

from api.broken import WHY
from api.grading import PHOTO_FAULTS


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school(workers=1) as found:
        yield found


def asked(room: School, path: str, who: str = "teacher") -> Any:
    answer = room.ask(who, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def page(room: School, path: str) -> str:
    headers = {"authorization": f"Bearer {room.keys['teacher']}"}
    answer = room.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_each_fault_has_its_words() -> None:
    assert set(WHY) == PHOTO_FAULTS


def test_what_broke_down_reads_so_everywhere(room: School) -> None:
    assignment = task(room)
    files = {
        "Ann/a.mp4": b"die now",
        "Bea/b.mp4": b"clip",
        "Cid/c.jpg": b"die too",
        "Dan/d.jpg": b"refuse it",
    }
    batch = done(room, started(room, {"class.zip": packed(files)}, assignment=assignment))
    assert (batch["graded"], batch["failed"], batch["refused"]) == (1, 3, 1)
    listed = {
        one["participant"]: one for one in asked(room, f"/submissions?assignment={assignment}")["items"]
    }
    assert {who: (one["state"], one["error_code"]) for who, one in listed.items()} == {
        "Ann": ("failed", "grading_died"),
        "Bea": ("graded", None),
        "Cid": ("failed", "grading_died"),
        "Dan": ("refused", "not_an_image"),
    }
    here = f"/submissions?assignment={assignment}"
    assert asked(room, f"{here}&state=failed")["total"] == 2
    assert asked(room, f"{here}&state=waiting")["total"] == 0
    first = [one["participant"] for one in asked(room, f"{here}&order=outliers")["items"]]
    assert set(first[:3]) == {"Ann", "Cid", "Dan"}
    summary = asked(room, f"/assignments/{assignment}/summary")
    assert summary["states"] == {"waiting": 0, "graded": 1, "refused": 1, "failed": 2, "cancelled": 0}
    assert summary["failures"] == {"grading_died": 2}
    text, hint = WHY["grading_died"]
    for one in (listed["Ann"], listed["Cid"]):
        own = page(room, f"/work/{one['id']}")
        assert text in own
        assert hint in own
        report = text_of(room.ask("teacher", "GET", f"/submissions/{one['id']}/report.pdf").content)
        assert text in report
    table = page(room, f"/assignments/{assignment}?state=failed")
    assert table.count("broke down</span>") == 2
    assert hint in table
    assert "4 handed in, 1 graded, 1 not gradable, 2 broke down" in table
    assert f"/assignments/{assignment}?state=failed" in page(room, f"/assignments/{assignment}/class")
    for name, of in (("grades.csv", {"Ann", "Cid"}), ("clips.csv", {"Ann"})):
        data = room.ask("teacher", "GET", f"/assignments/{assignment}/{name}").content.decode("utf-8-sig")
        rows = [row for row in csv.DictReader(io.StringIO(data)) if row["state"] == "failed"]
        assert {row["participant"] for row in rows} == of
        assert {(row["error_code"], row["error"], row["what_to_do"]) for row in rows} == {
            ("grading_died", text, hint)
        }
    book = room.ask("teacher", "GET", f"/assignments/{assignment}/grades.xlsx").content
    cells = list(openpyxl.load_workbook(io.BytesIO(book))["Class"].iter_rows(max_col=2, values_only=True))
    assert ("failed", 2) in cells
    assert ("grading_died", 2) in cells


def test_what_broke_down_is_tried_once_more(room: School, tmp_path: Path) -> None:
    """Its file makes it die until `gone` is there, as a machine short of memory would."""
    gone = tmp_path / "gone"
    files = {"Ann/a.mp4": f"unless {gone}".encode(), "Cid/c.jpg": f"unless {gone} of Cid".encode()}
    assignment = task(room)
    batch = done(room, started(room, {"class.zip": packed(files)}, assignment=assignment))
    clip, photo = (row["submission"] for row in sorted(batch["rows"], key=lambda row: row["file"]))
    assert [asked(room, f"/submissions/{n}")["state"] for n in (clip, photo)] == ["failed", "failed"]
    gone.touch()
    assert room.ask("teacher", "POST", f"/submissions/{clip}/measurements", json={}).status_code == 202
    room.settled(clip)
    assert room.ask("teacher", "POST", f"/submissions/{photo}/corrections", json={}).status_code == 201
    assert [asked(room, f"/submissions/{n}")["state"] for n in (clip, photo)] == ["graded", "graded"]


def test_a_class_is_tried_once_more_as_a_whole(room: School, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    files = {"Ann/a.mp4": f"unless {gone}".encode(), "Cid/c.jpg": f"unless {gone} of Cid".encode()}
    assignment = task(room)
    done(room, started(room, {"class.zip": packed(files)}, assignment=assignment))
    gone.touch()
    again = room.ask("teacher", "POST", f"/assignments/{assignment}/regrade", json={})
    assert done(room, again.json()["id"])["graded"] == 2


def test_a_measure_that_breaks_down_leaves_the_earlier_one_and_says_so(room: School, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.touch()
    number = room.hand_in_clip("pupil", task(room), clip=f"unless {gone}".encode())
    gone.unlink()
    room.ask("teacher", "POST", f"/submissions/{number}/measurements", json={"task": "hold"})
    room.settled(number)
    found = asked(room, f"/submissions/{number}")
    assert (found["state"], found["error_code"]) == ("graded", None)
    own = page(room, f"/work/{number}")
    assert WHY["grading_died"][0] in own
    table = page(room, f"/assignments/{found['assignment_id']}")
    assert "1 clip is measured as declared before: task, hand or scale changed since." in table
    assert "The earlier result below stays." in own


def test_what_was_stopped_is_not_said_to_wait(room: School, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    assignment = task(room)
    files = {f"Ann {n}/a.mp4": f"wait {gate} {n}".encode() for n in range(3)}
    batch = send(room, {"class.zip": packed(files)}, assignment=assignment).json()["id"]
    while state(room, batch)["grading"] == 0:
        time.sleep(0.05)
    room.ask("teacher", "PATCH", f"/batches/{batch}", json={"state": "cancelled"}).raise_for_status()
    here = f"/submissions?assignment={assignment}"
    stopped = asked(room, f"{here}&state=cancelled")["items"]
    assert [one["state"] for one in stopped] == ["cancelled", "cancelled"]
    assert asked(room, f"/assignments/{assignment}/summary")["states"]["cancelled"] == 2
    assert "Stopped before this clip was measured." in page(room, f"/work/{stopped[0]['id']}")
    gate.touch()
    again = room.ask("teacher", "POST", f"/assignments/{assignment}/regrade", json={})
    assert done(room, again.json()["id"])["graded"] == 3
