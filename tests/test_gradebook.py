"""Grade books of Moodle and Canvas: the right cells written, every other byte as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ServiceError
from api.exports.cells import parse
from api.exports.gradebook import Entry, fill

MOODLE = (
    '\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\r\n'
    'Participant 1001,"Doe, Jane",jane@school.test,"Submitted for grading - ",,100.00,Yes,'
    '"Monday, 2 November 2026, 9:15 AM",-,\r\n'
    'Participant 1002,"O\'Hara ""Bo""",bo@school.test,Submitted, 55.00 ,100.00,Yes,-,-,"<p>old</p>"\r\n'
    "Participant 1003,Lee,lee@school.test,No submission,,100.00,Yes,-,-,\r\n"
    "Participant 1004,Poe,poe@school.test,Submitted,,100.00,No,-,-,\r\n"
).encode()
# Header names are translated, numbers have a comma, and nobody has a name: blind marking.
GERMAN = (
    'Kennung,Status,Bewertung,Bestbewertung,"Zuletzt geändert (Bewertung)"\n'
    'Teilnehmer/in1001,Abgegeben,"","10,00",-\nTeilnehmer/in1002,Abgegeben,,"10,00",-'
).encode()
CANVAS = (
    b"Student,ID,SIS User ID,SIS Login ID,Section,Row of eight (4711),Knots (4712),Current Score\n"
    b"    Points Possible,,,,,20,10,(read only)\n"
    b'"Doe, Jane",501,s1,jane@school.test,"=Lab 1",,7,50.1\n'
    b'"Hara, Bo",502,s2,bo@school.test,Lab 1,12.5,,\n'
    b'"Lee, Ann",503,s3,lee@school.test,Lab 1,EX,,\n'
    b'"Student, Test",999,,abc,Lab 1,,,'
)


def entry(
    submission: int, share: float | None, number: str | None = None, email: str | None = None, said: str = ""
) -> Entry:
    return Entry(submission, share, said, number, email)


def test_a_moodle_worksheet_keeps_every_byte_but_the_grades() -> None:
    filled = fill(
        MOODLE,
        [
            entry(1, 0.855, "1001", said='Stitch 3: "right" bite, 1 mm < left.'),
            entry(2, 0.5, email="BO@school.test"),
            entry(3, None, "1003"),
            entry(4, 1.0, "1004"),
            entry(5, 1.0, "1999"),
        ],
        "Row",
    )
    expected = MOODLE.decode()
    expected = expected.replace(
        'Submitted for grading - ",,100.00,Yes,"Monday, 2 November 2026, 9:15 AM",-,',
        'Submitted for grading - ",85.50,100.00,Yes,"Monday, 2 November 2026, 9:15 AM",-,'
        '"Stitch 3: ""right"" bite, 1 mm &lt; left."',
    ).replace("Submitted, 55.00 ,", "Submitted,50.00,")
    assert filled.data.decode() == expected
    assert (filled.kind, filled.column, filled.feedback_column) == ("moodle", "Grade", "Feedback comments")
    assert (filled.filled, filled.replaced, filled.locked) == (2, 1, 1)
    assert (filled.without_grade, filled.not_found) == ([3], [5])


def test_a_translated_worksheet_is_understood_by_its_cells() -> None:
    filled = fill(GERMAN, [entry(1, 0.75, "1001"), entry(2, 1 / 3, "1002")], "Row")
    expected = (
        GERMAN.decode()
        .replace('Abgegeben,"",', 'Abgegeben,"7,50",')
        .replace('Abgegeben,,"10,00"', 'Abgegeben,"3,33","10,00"')
    )
    assert filled.data.decode() == expected
    assert filled.feedback_column is None


def test_a_canvas_grade_book_keeps_every_byte_but_one_column() -> None:
    filled = fill(
        CANVAS,
        [entry(1, 0.5, "501"), entry(2, 0.625, None, "bo@school.test"), entry(3, 1.0, "503")],
        "row of EIGHT",
    )
    assert filled.data.decode() == CANVAS.decode().replace('"=Lab 1",,7', '"=Lab 1",10.00,7')
    assert (filled.kind, filled.column) == ("canvas", "Row of eight (4711)")
    assert (filled.filled, filled.replaced, filled.locked) == (2, 0, 1)  # 12.5 was there already


def test_the_column_can_be_named_and_must_be_where_it_is_not_clear() -> None:
    filled = fill(CANVAS, [entry(1, 1.0, "501")], "Something else", column="Knots (4712)")
    assert b'"=Lab 1",,10.00,50.1' in filled.data
    with pytest.raises(ServiceError) as caught:
        fill(CANVAS, [entry(1, 1.0, "501")], "Something else")
    assert caught.value.code == "gradebook_column"
    assert "Knots (4712)" in caught.value.hint


def test_comments_are_quoted_off_and_can_be_left_alone() -> None:
    given_ = [entry(1, 1.0, "1001", said="=HYPERLINK(1)")]
    assert b",'=HYPERLINK(1)\r\n" in fill(MOODLE, given_, "Row").data
    assert b"HYPERLINK" not in fill(MOODLE, given_, "Row", feedback=False).data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00bad",
        b"a,b\n1,2\n",
        b'Identifier,"Grade\nParticipant 1',
        CANVAS.replace(b",20,10,", b",,10,"),
        MOODLE.replace(b"100.00", b"Pass"),
    ],
)
def test_what_is_no_grade_book_is_refused(data: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        fill(data, [entry(1, 1.0, "1001")], "Row of eight")
    assert caught.value.code in ("gradebook_unreadable", "gradebook_column")


@given(st.text(st.sampled_from('a,;"\n\r\t 1é'), max_size=30))
def test_what_nobody_wrote_comes_back_as_it_was(text: str) -> None:
    try:
        sheet = parse(text.encode())
    except ServiceError:
        return
    assert bytes(sheet) == text.encode()
