"""Handing a class back, through the front door."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest
from school import School, school
from test_batches import done, packed, send, task

from api.exports.report import class_pdf
from api.store.summaries import ClassSummary

FILES = {
    "Pupil_1001_assignsubmission_file_/pad.jpg": b"pad 1",
    "=cmd|x_1002_assignsubmission_file_/pad.jpg": b"pad 2",
    "Zoë Grey_1003_assignsubmission_file_/pad.jpg": b"refuse",
    "Ann Lee_1004_assignsubmission_file_/pad.jpg": b"pad 4",
}
MOODLE = (
    b"Identifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback comments\r\n"
    b'Participant 1001,"Pupil, A",pupil@school.test,Submitted,,20.00,\r\n'
    b"Participant 1003,Zoe,zoe@school.test,Submitted,-,20.00,\r\n"
)


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school(workers=2) as found:
        found.ids["task"] = task(found)
        answer = send(found, {"class.zip": packed(FILES)}, assignment=found.ids["task"]).json()
        found.ids["batch"] = answer["id"]
        rows = done(found, answer["id"])["rows"]
        found.ids |= {row["participant"]: row["submission"] for row in rows}
        yield found


def got(room: School, path: str) -> bytes:
    answer = room.ask("teacher", "GET", path)
    assert answer.status_code == 200, answer.text[:300]
    return answer.content


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def mark(
    room: School, submission: int, points: float, *, who: str = "teacher", overrides: bool = False
) -> None:
    form = {"points": points, "points_of": 10, "reason": "knots are loose", "overrides": overrides}
    answer = room.ask(who, "POST", f"/submissions/{submission}/marks", json=form)
    assert answer.status_code == 201, answer.text


def table(room: School) -> dict[str, dict[str, str]]:
    text = got(room, f"/batches/{room.ids['batch']}/grades.csv").decode("utf-8-sig")
    return {row["participant"]: row for row in csv.DictReader(io.StringIO(text))}


def test_the_table_has_a_row_a_submission_and_no_formula(room: School) -> None:
    rows = table(room)
    assert list(rows) == ["Pupil", "'=cmd|x", "Zoë Grey", "Ann Lee"]
    assert (rows["Pupil"]["points"], rows["Pupil"]["points_of"], rows["Pupil"]["percent"]) == (
        "3",
        "10",
        "30",
    )
    assert rows["Pupil"]["email"] == "pupil@school.test"
    assert (rows["Zoë Grey"]["state"], rows["Zoë Grey"]["error_code"]) == ("refused", "not_an_image")
    assert rows["Zoë Grey"]["points"] == ""
    assert rows["Ann Lee"]["spacing_mm"] == "16"


def test_an_override_counts_and_both_are_kept(room: School) -> None:
    mark(room, room.ids["Ann Lee"], 8, overrides=True)
    row = table(room)["Ann Lee"]
    assert (row["points"], row["assessor_points"], row["override_reason"]) == ("8", "3", "knots are loose")
    (found,) = [
        r
        for r in room.ask("teacher", "GET", f"/batches/{room.ids['batch']}").json()["rows"]
        if r["participant"] == "Ann Lee"
    ]
    assert found["score"] == {"points": 8, "of": 10, "overridden": True}
    assert found["result"]["points"] == 3


def test_the_workbook_has_text_where_text_is_and_a_summary(room: School) -> None:
    book = openpyxl.load_workbook(io.BytesIO(got(room, f"/batches/{room.ids['batch']}/grades.xlsx")))
    rows = list(book["Grades"].iter_rows(values_only=True))
    assert rows[0][:2] == ("submission", "participant")
    assert [row[1] for row in rows[1:]] == ["Pupil", "'=cmd|x", "Zoë Grey", "Ann Lee"]
    assert all(cell.data_type != "f" for line in book["Grades"].iter_rows() for cell in line)
    summary = {row[0]: row[1] for row in book["Class"].iter_rows(values_only=True)}
    assert (summary["graded"], summary["refused"], summary["30 to 40"]) == (3, 1, 3)
    assert summary["bite_short"] == 3


def test_reports_say_what_was_measured_and_why_not(room: School) -> None:
    whole = text_of(got(room, f"/assignments/{room.ids['task']}/report.pdf"))
    assert "3 graded, 1 refused" in whole
    assert "bite short" in whole
    one = text_of(got(room, f"/submissions/{room.ids['Pupil']}/report.pdf"))
    assert "3 of 10 points (30 %)" in one
    assert "Stitch 2: right bite 1 mm shorter than left." in one
    assert "16 ± 0.4 mm" in one
    assert "This is no photo. Send a photo." in text_of(
        got(room, f"/submissions/{room.ids['Zoë Grey']}/report.pdf")
    )


@pytest.mark.parametrize(
    ("package", "name", "other"),
    [
        ("fonts-dejavu-core", "Żłć", "Ěřů"),
        ("fonts-wqy-zenhei", "王芳", "李娜"),
        ("fonts-wqy-zenhei", "김민수", "박지우"),
        ("", "Zoë", "Bob"),
    ],
)
def test_names_in_reports_are_no_boxes(package: str, name: str, other: str) -> None:
    if package and not list(Path("/usr/share/doc").glob(package)):
        pytest.skip(f"apt-get install {package}")
    nothing = ClassSummary({}, [], {}, {}, {}, {})

    def drawn(title: str) -> bytes:
        document = pypdfium2.PdfDocument(class_pdf([], nothing, title))
        try:
            return document[0].render(scale=1).to_numpy().tobytes()
        finally:
            document.close()

    assert name in text_of(class_pdf([], nothing, name))
    assert drawn(name) == drawn(name)
    assert drawn(name) != drawn(other)  # boxes of one width all look alike


def test_feedback_files_are_named_as_moodle_takes_them(room: School) -> None:
    archive = zipfile.ZipFile(io.BytesIO(got(room, f"/assignments/{room.ids['task']}/feedback.zip")))
    names = archive.namelist()
    assert f"Ann Lee_1004_assignsubmission_file_/feedback-{room.ids['Ann Lee']}.pdf" in names
    assert f"=cmd x_1002_assignsubmission_file_/feedback-{room.ids['=cmd|x']}.pdf" in names
    assert all(len(name.split("/")[0].split("_")) >= 4 for name in names)
    assert all(archive.read(name).startswith(b"%PDF") for name in names)


def test_a_grade_book_is_filled_in_and_told_about(room: School) -> None:
    path = f"/assignments/{room.ids['task']}/gradebook"
    sent: dict[str, Any] = {"files": {"file": ("grades.csv", MOODLE)}}
    told = room.ask("teacher", "POST", path, **sent).json()
    assert (told["kind"], told["filled"], told["without_grade"]) == ("moodle", 1, [room.ids["Zoë Grey"]])
    assert sorted(told["not_found"]) == sorted([room.ids["=cmd|x"], room.ids["Ann Lee"]])
    filled = room.ask("teacher", "POST", path, **sent, headers={"accept": "text/csv"}).content
    assert filled == MOODLE.replace(
        b"Submitted,,20.00,\r\n", b"Submitted,6.00,20.00,Stitch 2: right bite 1 mm shorter than left.\r\n"
    )


def test_blind_marking_hides_names_but_fills_grade_books(room: School) -> None:
    blind = task(room, blind=True)
    answer = send(room, {"class.zip": packed(FILES)}, assignment=blind).json()
    rows = done(room, answer["id"])["rows"]
    numbers = [f"submission {row['submission']}" for row in rows]
    assert [row["file"] for row in rows] == numbers
    assert {row["participant"] for row in rows} == {row["person_id"] for row in rows} == {None}
    listed = room.ask("teacher", "GET", f"/submissions?assignment={blind}").json()["items"]
    assert {item["person_id"] for item in listed} == {None}
    for kind in ("grades.csv", "grades.xlsx", "report.pdf", "feedback.zip"):
        data = got(room, f"/batches/{answer['id']}/{kind}")
        text = text_of(data) if kind.endswith("pdf") else data.decode("latin-1")
        assert "Pupil" not in text
        assert "pupil@" not in text
    path = f"/assignments/{blind}/gradebook"
    assert room.ask("teacher", "POST", path, files={"file": ("g.csv", MOODLE)}).json()["filled"] == 1
    own = room.ask("pupil", "GET", f"/submissions?assignment={blind}").json()["items"]
    assert [item["file"] for item in own] == ["pad.jpg"]


def test_markers_are_compared_without_touching_a_grade(room: School) -> None:
    again = task(room)
    files = {f"T {n}/pad.jpg": b"pad %d" % n for n in range(4)}
    found = done(room, send(room, {"a.zip": packed(files)}, assignment=again).json()["id"])
    ids = [row["submission"] for row in found["rows"]]
    for number, points in zip(ids, (2, 4, 6, 8), strict=True):
        mark(room, number, points)
        mark(room, number, points - 1, who="admin")
    pairs = room.ask("teacher", "GET", f"/assignments/{again}/agreement").json()
    assert [(p["first"], p["second"], p["n"]) for p in pairs] == [
        ("assessor", f"marker {room.ids['teacher']}", 4),
        ("assessor", f"marker {room.ids['admin']}", 4),
        (f"marker {room.ids['teacher']}", f"marker {room.ids['admin']}", 4),
    ]
    between = pairs[2]
    # one marker always 10 % above: MSR = 2 * 20**2 * 5/3, MSC = 200, MSE = 0
    assert between["icc"]["value"] == pytest.approx((4000 / 3) / (4000 / 3 + 2 * 200 / 4))
    assert between["bland_altman"]["bias"] == pytest.approx(10)
    assert between["bland_altman"]["sd"] == pytest.approx(0, abs=1e-9)
    assert between["points"][0] == [ids[0], 20.0, 10.0]
    assert {row["score"]["points"] for row in found["rows"]} == {3.0}
