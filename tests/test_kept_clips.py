"""Clips that are handed in: kept, measured once, each told what became of it; nobody else's clip suffers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from school import School, school
from test_batches import done, packed, send, task
from test_exports import text_of

from api.store.models import Blob, Result, Submission


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school(workers=1) as found:
        yield found


def asked(room: School, who: str, path: str) -> Any:
    answer = room.ask(who, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_clip_is_kept_and_measured_with_what_was_declared(room: School) -> None:
    number = room.hand_in_clip("pupil", task="hold", hand="right", mm_per_px="0.1")
    found = asked(room, "pupil", f"/submissions/{number}")
    assert (found["kind"], found["state"]) == ("clip", "graded")
    assert found["motion"] == {"task": "hold", "hand": "right", "mm_per_px": 0.1}
    assert (found["result"]["rubric"], found["result"]["points"]) == ("none", None)
    document = asked(room, "pupil", f"/submissions/{number}/motion")
    assert document["video"]["file"] == f"submission-{number}"  # no name of a file travels on
    assert document["tips"][0]["tremor"]["rms_um"] == 42
    assert document["repeatability"][0]["tremor_rms"] > 0
    assert room.ask("pupil", "GET", f"/submissions/{number}/overlay.jpg").status_code == 200
    assert room.ask("pupil", "GET", f"/submissions/{number}/thumb.jpg").status_code == 200
    for path in ("assessment", "photo.jpg"):  # those are of photos
        assert room.ask("pupil", "GET", f"/submissions/{number}/{path}").status_code == 404
    assert room.ask("pupil", "POST", f"/submissions/{number}/corrections", json={}).status_code == 409


def test_a_clip_is_played_in_parts(room: School) -> None:
    number = room.hand_in_clip("pupil", clip=b"clip 0123456789")
    whole = room.ask("pupil", "GET", f"/submissions/{number}/clip")
    assert (whole.content, whole.headers["content-type"]) == (b"clip 0123456789", "video/mp4")
    part = room.ask("pupil", "GET", f"/submissions/{number}/clip", headers={"range": "bytes=5-8"})
    assert (part.status_code, part.content) == (206, b"0123")
    photo = room.hand_in("pupil")
    assert room.ask("pupil", "GET", f"/submissions/{photo}/clip").status_code == 404


def test_a_clip_that_cannot_be_read_is_kept_with_its_reason(room: School) -> None:
    number = room.hand_in_clip("pupil", clip=b"refuse this")
    found = asked(room, "pupil", f"/submissions/{number}")
    assert (found["state"], found["result"]["error_code"]) == ("refused", "not_a_clip")
    assert asked(room, "pupil", f"/submissions/{number}/motion")["error"]["hint"] == "Send a video."


def test_a_clip_that_kills_its_process_fails_alone_after_three_tries(room: School) -> None:
    files = {"Ann/die.mp4": b"die now", "Bea/good.mp4": b"clip of Bea", "Cid/pad.jpg": b"pad of Cid"}
    started = send(room, {"class.zip": packed(files)}, assignment=task(room)).json()
    rows = {row["participant"]: row for row in done(room, started["id"])["rows"]}
    assert (rows["Ann"]["state"], rows["Ann"]["error_code"]) == ("failed", "grading_died")
    assert (rows["Bea"]["state"], rows["Cid"]["state"]) == ("graded", "graded")


def test_measured_once_and_again_only_as_declared_otherwise(room: School) -> None:
    number = room.hand_in_clip("pupil", clip=b"clip once")

    def again(**said: Any) -> tuple[int, str]:
        answer = room.ask("pupil", "POST", f"/submissions/{number}/measurements", json=said)
        assert answer.status_code == 202, answer.text
        room.settled(number)
        unit = asked(room, "pupil", f"/submissions/{number}/motion")["tips"][0]["unit"]
        return len(asked(room, "pupil", f"/submissions/{number}/results")), unit

    assert again() == (1, "px")
    assert again(mm_per_px=0.1) == (2, "mm")
    assert again(mm_per_px=None) == (2, "px")  # the first result counts again
    wrong = room.ask("pupil", "POST", f"/submissions/{number}/measurements", json={"mm_per_px": 50})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_mm_per_px")


def test_a_batch_takes_photos_and_clips_and_a_rubric_changes_nothing_for_a_clip(room: School) -> None:
    assignment = task(room)
    files = {
        "Pupil/pad.jpg": b"pad mixed",
        "Pupil/hold.MOV": b"clip mixed",
        "Zoe Grey/notes.txt": b"words",
        "Ann/pad.jpg": b"pad of Ann",
    }
    said = {"task": "hold", "clip_hand": "left", "mm_per_px": "0.05", "hand": "non_dominant"}
    answer = send(room, {"a.zip": packed(files)}, assignment=assignment, **said).json()
    assert (answer["new"], [left["file"] for left in answer["left"]]) == (3, ["Zoe Grey/notes.txt"])
    done(room, answer["id"])
    listed = asked(room, "teacher", f"/submissions?assignment={assignment}&kind=clip")
    (clip,) = listed["items"]
    assert clip["person_id"] == room.ids["pupil"]
    assert clip["motion"] == {"task": "hold", "hand": "left", "mm_per_px": 0.05}
    photos = asked(room, "teacher", f"/submissions?assignment={assignment}&kind=photo")["items"]
    assert {photo["hand"] for photo in photos} == {"non_dominant"}
    again = send(
        room, {"a.zip": packed(files)}, assignment=assignment
    ).json()  # known, and as it was declared
    assert (again["new"], again["known"]) == (0, 3)
    done(room, again["id"])
    assert asked(room, "teacher", f"/submissions/{clip['id']}")["motion"] == clip["motion"]
    regraded = room.ask(
        "teacher", "POST", f"/assignments/{assignment}/regrade", json={"builtin_rubric": "skin-pad-dense"}
    )
    done(room, regraded.json()["id"])
    assert len(asked(room, "teacher", f"/submissions/{clip['id']}/results")) == 1


def test_what_is_said_of_known_clips_is_measured_anew_and_the_rest_stays(room: School) -> None:
    assignment, files = task(room), {"a.zip": packed({"Ann/hold.mp4": b"clip said anew"})}

    def sent(**said: str) -> tuple[dict[str, Any], str, int]:
        """What is declared, the hand that was measured, how many results there are."""
        done(room, send(room, files, assignment=assignment, **said).json()["id"])
        (clip,) = asked(room, "teacher", f"/submissions?assignment={assignment}")["items"]
        here = f"/submissions/{clip['id']}"
        measured = asked(room, "teacher", f"{here}/motion")["tips"][0]["hand"]
        return clip["motion"], measured, len(asked(room, "teacher", f"{here}/results"))

    assert sent(task="hold") == ({"task": "hold"}, "unknown", 1)
    assert sent(clip_hand="right") == ({"task": "hold", "hand": "right"}, "right", 2)
    assert sent() == ({"task": "hold", "hand": "right"}, "right", 2)
    assert sent(clip_hand="unknown") == ({"task": "hold"}, "unknown", 2)
    for said in ({"clip_hand": "third"}, {"task": "juggle"}, {"hand": "left"}):
        assert send(room, files, assignment=assignment, **said).status_code == 422


def test_a_clip_of_a_zip_that_lies_about_its_size_is_left_out(room: School) -> None:
    data = bytearray(packed({"a.mp4": b"clip " * 200}))
    at = data.find(b"PK\x01\x02") + 24  # uncompressed size, in the directory
    data[at : at + 4] = (900).to_bytes(4, "little")
    answer = send(room, {"a.zip": bytes(data)}, assignment=task(room)).json()
    assert (answer["new"], len(answer["left"])) == (0, 1)


def test_too_large_a_clip_and_too_many_are_refused(tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    with school(max_clip_mb=1, max_clips=2) as room:
        large = room.ask("pupil", "POST", "/submissions/clips", files={"file": ("a.mp4", bytes(2 << 20))})
        assert (large.status_code, large.json()["code"]) == (413, "upload_too_large")
        waiting = [
            room.ask(
                "pupil", "POST", "/submissions/clips", files={"file": ("a.mp4", f"wait {gate}".encode())}
            )
            for _ in range(3)
        ]
        assert [answer.status_code for answer in waiting] == [202, 202, 503]
        assert waiting[2].json()["code"] == "clips_full"
        assert room.hand_in("pupil") > 0  # photos do not wait for clips
        gate.touch()
        for answer in waiting[:2]:
            room.settled(answer.json()["id"])


def test_progress_counts_a_change_only_above_the_clips_own_wobble(room: School) -> None:
    for rms in (60, 61, 30):
        room.hand_in_clip("stranger", clip=b"steady %d" % rms, task="hold", hand="right", mm_per_px="0.1")
    series = {(s["task"], s["hand"], s["metric"]): s for s in asked(room, "stranger", "/progress/clips")}
    tremor = series["hold", "right", "tremor_rms_um"]
    assert [round(p["value"]) for p in tremor["points"]] == [60, 61, 30]
    assert (tremor["counts"], round(tremor["difference"])) == (True, -30)
    path = series["hold", "right", "path_length_mm"]
    assert path["counts"] is False  # 0 apart
    assert series["hold", "right", "sparc"]["metric"] == "sparc"


def test_a_deleted_clip_leaves_nothing(room: School) -> None:
    number = room.hand_in_clip("pupil", clip=b"clip to go")
    with room.database.reading() as session:
        subject = session.get_one(Submission, number)
        hashes = [
            subject.blob_sha256,
            *(r.overlay_sha256 for r in session.query(Result).filter_by(submission_id=number)),
        ]
    assert room.ask("pupil", "DELETE", f"/submissions/{number}").status_code == 204
    with room.database.reading() as session:
        assert session.get(Blob, hashes[0]) is None
        assert session.query(Result).filter_by(submission_id=number).count() == 0


def test_clips_are_handed_back_with_their_measures_and_an_instructors_mark(room: School) -> None:
    assignment = task(room)
    number = room.hand_in_clip("pupil", assignment, clip=b"clip to mark", hand="right", mm_per_px="0.1")
    refused = room.hand_in_clip("pupil", assignment, clip=b"refuse to mark")
    photo = room.hand_in("pupil", assignment)
    mark = {"points": 7, "points_of": 10, "reason": "calm hands", "overrides": True}
    room.ask("teacher", "POST", f"/submissions/{number}/marks", json=mark).raise_for_status()
    here = f"/assignments/{assignment}"
    grades = {int(row["submission"]): row for row in csv_rows(room, f"{here}/grades.csv")}
    assert (grades[number]["kind"], grades[number]["percent"]) == ("clip", "70")
    assert (grades[photo]["kind"], grades[refused]["error_code"]) == ("photo", "not_a_clip")
    first, second = csv_rows(room, f"{here}/clips.csv")
    assert (first["task"], first["hand"], first["tremor_rms_um"], first["tremor_status"]) == (
        "suture",
        "right",
        "42",
        "measured",
    )
    assert float(first["tremor_rms_um_sd"]) > 0
    assert (second["state"], second["hand"], second["error_code"]) == ("refused", "", "not_a_clip")
    book = openpyxl.load_workbook(io.BytesIO(room.ask("teacher", "GET", f"{here}/grades.xlsx").content))
    assert [row[0] for row in book["Clips"].iter_rows(min_row=2, values_only=True)] == [number, refused]
    text = text_of(room.ask("pupil", "GET", f"/submissions/{number}/report.pdf").content)
    assert "7 of 10 points (70 %)" in text
    assert "42 ± 0.75" in text
    assert "no rubric for motion" in text
    assert "This is no clip." in text_of(
        room.ask("pupil", "GET", f"/submissions/{refused}/report.pdf").content
    )
    whole = text_of(room.ask("teacher", "GET", f"{here}/report.pdf").content)
    assert "clip, suturing" in whole


def csv_rows(room: School, path: str) -> list[dict[str, str]]:
    text = room.ask("teacher", "GET", path).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))
