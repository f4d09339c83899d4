"""Names and zips of a class's upload, friendly and hostile."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from api.archive import Most, photos
from api.errors import ServiceError
from api.handed import Handed, Roster, whose

MIB = 2**20


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Jane Doe_1234_assignsubmission_file_/IMG_1.jpg", Handed("IMG_1.jpg", "Jane Doe", "1234")),
        ("Jane Doe_1234_assignsubmission_file/a/b.jpg", Handed("b.jpg", "Jane Doe", "1234")),
        ("Jane Doe_1234_assignsubmission_file_my_pad.jpg", Handed("my_pad.jpg", "Jane Doe", "1234")),
        ("Participant_1234_assignsubmission_file_/x.png", Handed("x.png", None, "1234")),
        ("doejane_340934_208490284_my_pad.jpg", Handed("my_pad.jpg", "doejane", "340934")),
        ("doejane_LATE_340934_208490284_pad.jpg", Handed("pad.jpg", "doejane", "340934")),
        ("anon_xY3zQ_208490284_pad.jpg", Handed("pad.jpg", None, "xY3zQ")),
        ("IMG_20261101_1200.jpg", Handed("IMG_20261101_1200.jpg")),
        ("pad\x1b[31m\u202egpj.jpg", Handed("pad[31mgpj.jpg")),
    ],
)
def test_names_say_whose_it_is(path: str, expected: Handed) -> None:
    assert whose([path, "other.jpg"])[0] == expected


def test_a_folder_is_somebodys_unless_everything_lies_in_it() -> None:
    assert [h.participant for h in whose(["class/a.jpg", "class/b.jpg"])] == [None, None]
    assert [h.participant for h in whose(["class/Ann/a.jpg", "class/Bo/a.jpg"])] == ["Ann", "Bo"]


def test_the_roster_knows_who_one_alone_can_be() -> None:
    people = [
        (1, "Jané Doe", "jane@x.org"),
        (2, "Bo Lee", "bo@x.org"),
        (3, "Bo Lee", None),
        (4, "Mary Ann Poe", None),
    ]
    roster = Roster(people)
    assert roster.person(Handed("a.jpg", "jane doe")) == 1
    assert roster.person(Handed("a.jpg", "doejane")) == 1  # as Canvas writes it
    assert roster.person(Handed("jane@x.org.jpg")) == 1
    assert roster.person(Handed("a.jpg", "poemaryann")) == 4
    assert roster.person(Handed("a.jpg", "Bo Lee")) is None  # there are two
    assert roster.person(Handed("bo.jpg")) == 2
    assert roster.person(Handed("IMG_1.jpg")) is None


def taken(data: bytes, name: str = "class.zip", most: int = MIB) -> list[tuple[str, str | None]]:
    found = photos(name, io.BytesIO(data), Most(most, MIB // 2, MIB))
    return [(photo.path, photo.why_not) for photo in found]


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_what_is_no_photo_is_left_out_with_its_reason() -> None:
    files = {
        "a.jpg": b"1",
        "__MACOSX/._a.jpg": b"1",
        ".DS_Store": b"1",
        "b.pdf": b"1",
        "c.JPG": b"",
        "d.zip": b"1",
    }
    reasons = dict(taken(packed(files)))
    assert [path for path, why in reasons.items() if why is None] == ["a.jpg"]
    assert reasons["c.JPG"] == "empty"
    assert taken(packed({"big.jpg": b"\0" * (MIB // 2 + 1)})) == [("big.jpg", "larger than 0 MB")]
    assert taken(packed({"odd.jpg": b"1" * 99}, zipfile.ZIP_LZMA)) == [
        ("odd.jpg", "packed in an unusual way")
    ]


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "C:\\x.jpg", "..\\x.jpg"])
def test_a_zip_that_leads_out_of_its_folder_is_refused(name: str) -> None:
    assert refused(packed({"ok.jpg": b"1", name: b"1"})) == "zip_unsafe"


def test_a_single_file_loses_what_leads_out_of_its_folder() -> None:
    assert taken(b"\xff\xd8", "../../etc/pad.jpg") == [("etc/pad.jpg", None)]
    assert taken(b"\xff\xd8", "C:\\..\\pad") == [("C:/pad", None)]


def refused(data: bytes) -> str:
    with pytest.raises(ServiceError) as caught:
        taken(data)
    return caught.value.code


def test_bombs_are_refused_before_anything_is_unpacked() -> None:
    assert refused(packed({f"{n}.jpg": b"\0" * (MIB // 4) for n in range(5)})) == "zip_too_large"
    many = packed({f"{n}.jpg": b"" for n in range(10_001)}, zipfile.ZIP_STORED)
    assert refused(many) == "zip_too_large"
    # a directory that is larger than any class's, whatever the number of its entries says
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 50_000_000, 0, 0)
    assert refused(b"PK\x03\x04" + b"\0" * 100 + end) == "zip_too_large"


def test_an_entry_is_not_read_beyond_what_the_directory_says() -> None:
    data = bytearray(packed({"a.jpg": b"\0" * 100_000}))
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 10)  # of 100,000 bytes the directory admits 10
    (photo,) = photos("a.zip", io.BytesIO(bytes(data)), Most(MIB, MIB, MIB))
    with pytest.raises(ServiceError) as caught:
        photo.read()
    assert caught.value.code == "zip_broken"


def test_broken_and_encrypted_zips_are_told_apart() -> None:
    whole = packed({"a.jpg": b"1" * 1000})
    assert refused(whole[:-10]) == "zip_broken"
    assert refused(b"PK\x03\x04") == "zip_broken"
    locked = bytearray(whole)
    for start in (locked.index(b"PK\x03\x04") + 6, locked.index(b"PK\x01\x02") + 8):
        locked[start] |= 1
    assert refused(bytes(locked)) == "zip_encrypted"
