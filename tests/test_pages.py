"""The pages as delivered: for every role what it may see, everything from here, every field labelled."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from html_tags import tags_of
from school import RUBRIC, WHO, School, school

SIGN_IN = 303  # led to the sign-in page
# visitor, stranger, pupil, colleague, teacher, admin
SIGNED_IN = (SIGN_IN, 200, 200, 200, 200, 200)
MEMBER = (SIGN_IN, 404, 200, 404, 200, 200)
TEACHER = (SIGN_IN, 404, 403, 404, 200, 200)
PAGES = {
    "/": (200,) * 6,
    "/login": (200, 303, 303, 303, 303, 303),
    "/welcome": (200,) * 6,
    "/live": (200,) * 6,
    "/progress": SIGNED_IN,
    "/courses": SIGNED_IN,
    "/me": SIGNED_IN,
    "/people": (SIGN_IN, 403, 403, 403, 403, 200),
    "/courses/{knots}": MEMBER,
    "/courses/{knots}/assignments/new": TEACHER,
    "/courses/{knots}/rubrics/new": TEACHER,
    "/courses/{knots}/rubrics/new?version_of={rubric}": TEACHER,
    "/assignments/{assignment}": MEMBER,
    "/assignments/{assignment}?state=&technique=&hint=": MEMBER,  # as an unset filter sends it
    "/progress?technique=": SIGNED_IN,
    "/assignments/{assignment}/edit": TEACHER,
    "/assignments/{assignment}/batches": TEACHER,
    "/assignments/{assignment}/class": TEACHER,
    "/assignments/{assignment}/agreement": TEACHER,
    "/assignments/{assignment}/hand-back": TEACHER,
    "/work/{handed_in}": MEMBER,
    "/work/{at_home}": (SIGN_IN, 404, 200, 404, 404, 200),
    "/work/{waiting}": MEMBER,
    "/work/{clip}": MEMBER,
    "/work/{clip_at_home}": (SIGN_IN, 404, 200, 404, 404, 200),
    "/film": SIGNED_IN,
    "/progress?task=suture": SIGNED_IN,
    "/assignments/{assignment}?kind=clip": MEMBER,
}
FIELDS = ("input", "select", "textarea")


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        found.ids["handed_in"] = found.hand_in("pupil", found.ids["assignment"], mm_per_px="0.1")
        found.ids["at_home"] = found.hand_in("pupil", hand="dominant", suture_size="4-0")
        found.ids["clip"] = found.hand_in_clip("pupil", found.ids["assignment"])
        found.ids["clip_at_home"] = found.hand_in_clip("pupil", hand="left", mm_per_px="0.1")
        found.ids["waiting"] = found.put("pupil", found.ids["assignment"])
        yield found


def get(room: School, who: str, path: str, **headers: str) -> httpx.Response:
    if who in room.keys:
        headers["authorization"] = f"Bearer {room.keys[who]}"
    return room.client.get(path.format(**room.ids), headers=headers)


@pytest.mark.parametrize("path", PAGES)
def test_everybody_sees_what_the_table_says(room: School, path: str) -> None:
    for who, expected in zip(WHO, PAGES[path], strict=True):
        answer = get(room, who, path)
        assert answer.status_code == expected, (who, answer.text[:300])
        if expected == SIGN_IN:
            assert answer.headers["location"].startswith("/login?next=/" if who == "visitor" else "/")
        else:
            assert "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize("path", PAGES)
def test_nothing_runs_inline_nothing_comes_from_elsewhere_and_every_field_has_a_name(
    room: School, path: str
) -> None:
    tags = tags_of(get(room, "admin", path).text)
    labelled = {attributes["for"] for tag, attributes in tags if tag == "label"}
    for tag, attributes in tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        for name in ("src", "href", "action"):
            assert not re.match(r"[a-z]+:|//", attributes.get(name) or "")
        if tag == "script":
            assert attributes["src"]
        if tag in FIELDS and attributes.get("type") != "hidden":
            assert attributes["id"] in labelled
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("after", ["//evil.test", "https://evil.test", "/\\evil.test"])
def test_signing_in_leads_nowhere_else(room: School, after: str) -> None:
    assert get(room, "pupil", f"/login?next={after}").headers["location"] == "/"
    assert "evil" not in get(room, "visitor", f"/login?next={after}").text


def test_a_wrong_address_is_a_page_with_a_way_on(room: School) -> None:
    answer = get(room, "pupil", "/work/99999999999999")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_names_stay_text(room: School) -> None:
    with room.database.writing() as session:
        from api.store.models import Submission

        subject = session.get_one(Submission, room.put(None, room.ids["assignment"]))
        subject.participant = "<script>alert(1)</script>"
    html = get(room, "teacher", "/assignments/{assignment}").text
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


def test_htmx_gets_the_table_alone(room: School) -> None:
    html = get(room, "teacher", "/assignments/{assignment}?order=lowest", **{"hx-request": "true"}).text
    assert html.lstrip().startswith('<div id="rows"')
    assert "<html" not in html


def test_what_stands_out_comes_first(room: School) -> None:
    with room.database.writing() as session:
        from api.store import courses

        task = courses.add_assignment(session, room.ids["knots"], {"title": "Order"}).id
    shares = {room.put("pupil", task): share for share in (0.7, 0.72, 0.1, None)}
    waiting = room.put("pupil", task)
    with room.database.writing() as session:
        from api.store import submissions

        for number, share in shares.items():
            submissions.record_result(session, number, json.dumps(result(share)), rubric_key="auto")
        refused = room_refuses(session, room, task)
    listed = room.ask("teacher", "GET", f"/submissions?assignment={task}&order=outliers").json()["items"]
    numbers = [row["id"] for row in listed]
    by_share = {share: number for number, share in shares.items()}
    assert numbers[0] == refused
    assert set(numbers[1:3]) == {by_share[None], waiting}
    assert numbers[3:] == [by_share[0.1], by_share[0.72], by_share[0.7]]


def room_refuses(session: Any, room: School, task: int) -> int:
    from api.store import submissions
    from api.store.models import Submission

    blob = session.query(Submission).first().blob_sha256
    values = {
        "person_id": room.ids["pupil"],
        "assignment_id": task,
        "blob_sha256": blob,
        "file_name": "cat.jpg",
    }
    new = submissions.add_submission(session, values)
    error = {"code": "too_blurred", "text": "Blurred.", "hint": "Again."}
    submissions.record_result(session, new.id, json.dumps(result(None) | {"error": error}), rubric_key="auto")
    return new.id


def result(share: float | None) -> dict[str, Any]:
    score = {"points": share * 10, "of": 10.0, "coverage": 1.0} if share is not None else None
    technique = {"name": "simple_interrupted", "confidence": 1.0, "declared": False}
    wound = {"technique": technique, "stitches": [], "metrics": {}, "score": score, "hints": []}
    return {"software_version": "1", "wounds": [wound]}


def test_blind_means_numbers_instead_of_names(room: School) -> None:
    with room.database.writing() as session:
        from api.store import courses

        task = courses.add_assignment(session, room.ids["knots"], {"title": "Blind", "blind": True}).id
    number = room.hand_in("pupil", task)
    for path in (f"/assignments/{task}", f"/work/{number}"):
        html = get(room, "teacher", path).text.lower()
        assert f"no. {number}" in html
        assert "pupil" not in html.replace("pupils", "")
    assert room.ask("teacher", "GET", f"/courses/{room.ids['knots']}").status_code == 200


# --- corrections


def wounds(room: School, number: int) -> list[dict[str, Any]]:
    document = room.ask("pupil", "GET", f"/submissions/{number}/assessment").json()
    return [
        {"stitches": [{"bites": s["bites"], "knot": s["knot"]} for s in wound["stitches"]]}
        for wound in document["wounds"]
    ]


def test_a_correction_counts_and_what_was_before_stays(room: School) -> None:
    number = room.hand_in("pupil", hand="dominant")
    before = room.ask("pupil", "GET", f"/submissions/{number}/assessment").json()
    corrected = wounds(room, number)
    corrected[0]["stitches"][0]["bites"][0] = [130.0, 90.0]
    answer = room.ask("pupil", "POST", f"/submissions/{number}/corrections", json={"wounds": corrected})
    assert answer.status_code == 201, answer.text
    assert answer.json()["submission"]["result"]["corrected"] is True
    now = room.ask("pupil", "GET", f"/submissions/{number}/assessment").json()
    assert now["wounds"][0]["stitches"][0]["bites"][0] == [130.0, 90.0]
    kept = room.ask("pupil", "GET", f"/submissions/{number}/results").json()
    assert [result["corrected"] for result in kept] == [False, True]
    assert before["wounds"][0]["stitches"][0]["bites"][0] == [120.0, 100.0]
    # What is declared later is judged by the corrected points, and hand and thread stay as they were.
    later = {"technique": "simple_running"}
    answer = room.ask("pupil", "POST", f"/submissions/{number}/corrections", json=later).json()
    assert answer["assessment"]["wounds"][0]["stitches"][0]["bites"][0] == [130.0, 90.0]
    assert answer["assessment"]["wounds"][0]["technique"]["declared"] is True
    assert (answer["submission"]["technique"], answer["submission"]["hand"]) == ("simple_running", "dominant")
    assert len(room.ask("pupil", "GET", f"/submissions/{number}/results").json()) == 3


def test_null_takes_a_declaration_back_and_two_points_give_a_scale(room: School) -> None:
    number = room.hand_in("pupil", photo=b"\xff\xd8 pad", hand="dominant")
    path = f"/submissions/{number}/corrections"
    found = room.ask("pupil", "POST", path, json={"hand": None, "points": "10,10,110,10,10"}).json()
    assert found["submission"]["hand"] is None
    assert found["assessment"]["scale"]["method"] == "points"
    # The scale stays with the photo.
    assert room.ask("pupil", "POST", path, json={"kit": "skin-pad"}).json()["assessment"]["scale"]
    assert room.ask("pupil", "POST", path, json={"points": None}).json()["assessment"]["scale"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"technique": "knitting"}, 422, "unknown_technique"),
        ({"kit": "a moon"}, 422, "unknown_kit"),
        ({"points": "1,2"}, 422, "bad_points"),
        ({"wounds": [{"stitches": [{"bites": [[0, 0]], "knot": None}]}]}, 400, "bad_form"),
        ({"grade": 10}, 400, "bad_form"),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(
    room: School, body: dict[str, Any], status: int, code: str
) -> None:
    answer = room.ask("pupil", "POST", f"/submissions/{room.ids['at_home']}/corrections", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_correction_is_judged_by_the_rubric_that_judged_before(room: School) -> None:
    text = RUBRIC.format(version=9, weight=7)
    rubric = room.ask("teacher", "POST", f"/courses/{room.ids['knots']}/rubrics", json={"text": text}).json()
    task = room.ask(
        "teacher",
        "POST",
        f"/courses/{room.ids['knots']}/assignments",
        json={"title": "Own rubric", "rubric_id": rubric["id"]},
    ).json()
    number = room.hand_in("pupil", task["id"])
    path = f"/submissions/{number}/corrections"
    answer = room.ask("teacher", "POST", path, json={"wounds": wounds(room, number)})
    assert answer.json()["submission"]["result"]["rubric"] == f"sha256:{rubric['sha256']}"


def test_pictures_for_lists_and_for_correcting(room: School) -> None:
    from io import BytesIO

    from PIL import Image

    number = room.ids["at_home"]
    for name, longest in (("photo.jpg", 1800), ("thumb.jpg", 360)):
        answer = room.ask("pupil", "GET", f"/submissions/{number}/{name}")
        assert answer.headers["cache-control"].startswith("private")
        assert max(Image.open(BytesIO(answer.content)).size) <= longest
