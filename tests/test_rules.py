"""Every route of the API, asked by everybody: this table is the rule, the code has to follow it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from school import RUBRIC, WHO, School, school

from api.main import create_app
from api.settings import Settings
from api.store import courses, jobs, people

OPEN = (200, 200, 200, 200, 200, 200)
COURSE_MEMBER = (401, 404, 200, 404, 200, 200)  # visitor, stranger, pupil, colleague, teacher, admin
COURSE_TEACHER = (401, 404, 403, 404, 200, 200)
SIGNED_IN = (401, 200, 200, 200, 200, 200)
FILES = ("grades.csv", "clips.csv", "grades.xlsx", "report.pdf", "feedback.zip")
GRADEBOOK = (401, 404, 403, 404, 422, 422)  # a photo is none
BATCH = (401, 403, 403, 404, 200, 200)
TEACHERS = (401, 403, 403, 200, 200, 200)
ADMINS = (401, 403, 403, 403, 403, 200)
_number = itertools.count()


@dataclass(frozen=True)
class Rule:
    """Who gets what; 200 stands for any success. `body`: JSON, a form with a photo ("file"), or none."""

    method: str
    path: str
    answers: tuple[int, ...]
    body: Any = None


RULES = (
    Rule("GET", "/health", OPEN),
    Rule("POST", "/photos", OPEN, "file"),
    Rule("POST", "/clips", OPEN, "file"),
    Rule("GET", "/clips/{pupil}", (404,) * 6),  # whoever knows a clip's id may ask; this is none
    Rule("POST", "/login", (401,) * 6, {"email": "nobody@school.test", "password": "wrong"}),
    Rule("POST", "/logout", OPEN),
    Rule("POST", "/welcome", (410,) * 6, {"token": "x" * 43, "password": "four words and more"}),
    # Not set up here: tests/test_oidc.py has them.
    Rule("GET", "/oidc", (404,) * 6),
    Rule("GET", "/oidc/back", (404,) * 6),
    Rule("GET", "/me", SIGNED_IN),
    Rule("GET", "/keys", SIGNED_IN),
    Rule("POST", "/keys", SIGNED_IN, {"name": "script"}),
    Rule("DELETE", "/keys/{pupils_key}", (401, 404, 200, 404, 404, 404)),
    Rule("GET", "/people", TEACHERS),
    Rule("POST", "/people", ADMINS, {"name": "New"}),
    Rule("GET", "/people/{pupil}", COURSE_MEMBER),
    Rule("PATCH", "/people/{pupil}", ADMINS, {"name": "Pupil"}),
    Rule("POST", "/people/{pupil}/link", ADMINS),
    Rule("DELETE", "/people/{somebody}", ADMINS),
    Rule("GET", "/courses", SIGNED_IN),
    Rule("POST", "/courses", TEACHERS, {"name": "New"}),
    Rule("GET", "/courses/{knots}", COURSE_MEMBER),
    Rule("PATCH", "/courses/{knots}", COURSE_TEACHER, {"name": "knots"}),
    Rule("GET", "/courses/{knots}/members", COURSE_TEACHER),
    Rule(
        "POST",
        "/courses/{knots}/members",
        COURSE_TEACHER,
        {"name": "New", "email": "new{number}@school.test"},
    ),
    Rule("PUT", "/courses/{knots}/members/{pupil}", COURSE_TEACHER, {"role": "trainee"}),
    Rule("DELETE", "/courses/{knots}/members/{member}", COURSE_TEACHER),
    Rule("GET", "/courses/{knots}/rubrics", COURSE_MEMBER),
    Rule("POST", "/courses/{knots}/rubrics", COURSE_TEACHER, {"text": RUBRIC.format(version=1, weight=5)}),
    Rule("GET", "/courses/{knots}/assignments", COURSE_MEMBER),
    Rule("POST", "/courses/{knots}/assignments", COURSE_TEACHER, {"title": "New"}),
    Rule("GET", "/rubrics", SIGNED_IN),
    Rule("GET", "/rubrics/{rubric}", COURSE_MEMBER),
    Rule("GET", "/assignments/{assignment}", COURSE_MEMBER),
    Rule("PUT", "/assignments/{assignment}", COURSE_TEACHER, {"title": "Row of eight"}),
    Rule("GET", "/assignments/{assignment}/summary", COURSE_TEACHER),
    Rule("POST", "/submissions", SIGNED_IN, "file"),
    Rule("GET", "/submissions", SIGNED_IN),
    Rule("GET", "/submissions/{handed_in}", COURSE_MEMBER),
    Rule("GET", "/submissions/{handed_in}/assessment", COURSE_MEMBER),
    Rule("GET", "/submissions/{handed_in}/results", COURSE_MEMBER),
    Rule("GET", "/submissions/{handed_in}/overlay.jpg", COURSE_MEMBER),
    Rule("GET", "/submissions/{handed_in}/photo.jpg", COURSE_MEMBER),
    Rule("GET", "/submissions/{handed_in}/thumb.jpg", COURSE_MEMBER),
    Rule("GET", "/submissions/{handed_in}/marks", COURSE_MEMBER),
    Rule("POST", "/submissions/clips", SIGNED_IN, "file"),
    Rule("GET", "/submissions/{clip}/motion", COURSE_MEMBER),
    Rule("GET", "/submissions/{clip}/clip", COURSE_MEMBER),
    Rule("POST", "/submissions/{clip}/measurements", COURSE_TEACHER, {"task": "hold"}),
    Rule(
        "POST", "/submissions/{clip_at_home}/measurements", (401, 404, 200, 404, 404, 200), {"task": "hold"}
    ),
    Rule("GET", "/submissions/{clip_at_home}/clip", (401, 404, 200, 404, 404, 200)),
    Rule("GET", "/progress/clips", SIGNED_IN),
    # A trainee does not change what they are graded on.
    Rule("POST", "/submissions/{handed_in}/corrections", COURSE_TEACHER, {"hand": "dominant"}),
    Rule(
        "POST", "/submissions/{at_home}/corrections", (401, 404, 200, 404, 404, 200), {"technique": "buried"}
    ),
    Rule("PUT", "/submissions/{handed_in}/counting", COURSE_TEACHER, {"result_id": "{handed_in_result}"}),
    Rule(
        "PUT",
        "/submissions/{at_home}/counting",
        (401, 404, 200, 404, 404, 200),
        {"result_id": "{at_home_result}"},
    ),
    Rule(
        "POST",
        "/submissions/{handed_in}/marks",
        COURSE_TEACHER,
        {"points": 5, "points_of": 10, "reason": "knots are loose", "overrides": True},
    ),
    Rule("DELETE", "/submissions/{fresh_handed_in}", COURSE_TEACHER),
    # What somebody sewed at home is nobody's business but theirs (and the admin's).
    Rule("GET", "/submissions/{at_home}", (401, 404, 200, 404, 404, 200)),
    Rule("DELETE", "/submissions/{fresh_at_home}", (401, 404, 200, 404, 404, 200)),
    Rule("GET", "/progress", SIGNED_IN),
    Rule("POST", "/batches", BATCH, "files"),
    Rule("GET", "/batches", TEACHERS),
    Rule("GET", "/batches/{batch}", BATCH),
    Rule("PATCH", "/batches/{batch}", BATCH, {"state": "paused"}),
    Rule("POST", "/batches/{batch}/files", BATCH, "files"),
    Rule("GET", "/batches/{batch}/submissions/{handed_in}/overlay.png", BATCH),
    Rule("POST", "/assignments/{assignment}/regrade", COURSE_TEACHER, {}),
    *(Rule("GET", f"/batches/{{batch}}/{kind}", BATCH) for kind in FILES),
    *(Rule("GET", f"/assignments/{{assignment}}/{kind}", COURSE_TEACHER) for kind in FILES),
    Rule("GET", "/assignments/{assignment}/agreement", COURSE_TEACHER),
    Rule("POST", "/assignments/{assignment}/gradebook", GRADEBOOK, "file"),
    Rule("GET", "/submissions/{handed_in}/report.pdf", COURSE_MEMBER),
)


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        found.ids["handed_in"] = found.hand_in("pupil", found.ids["assignment"])
        found.ids["at_home"] = found.hand_in("pupil")
        found.ids["clip"] = found.hand_in_clip("pupil", found.ids["assignment"])
        found.ids["clip_at_home"] = found.hand_in_clip("pupil")
        for name in ("handed_in", "at_home"):
            results = found.ask("pupil", "GET", f"/submissions/{found.ids[name]}/results").json()
            found.ids[f"{name}_result"] = results[0]["id"]
        with found.database.writing() as session:
            task = courses.assignment(session, found.caller("teacher"), found.ids["assignment"])
            batch = jobs.add_batch(session, found.caller("teacher"), task, [found.ids["handed_in"]])
            jobs.set_state(session, batch, "paused")
            found.ids["batch"] = batch.id
        yield found


def fresh(room: School) -> dict[str, int]:
    """Things that an answer may delete, made anew for each question."""
    with room.database.writing() as session:
        somebody = people.add_person(session, "Somebody", None, "trainee").id
        member = people.add_person(session, "Member", None, "trainee")
        courses.set_member(session, room.ids["knots"], member, "trainee")
        key = people.add_key(session, room.caller("pupil"), "old", None)[0].id
    return {
        "somebody": somebody,
        "member": member.id,
        "pupils_key": key,
        "fresh_handed_in": room.put("pupil", room.ids["assignment"]),
        "fresh_at_home": room.put("pupil", None),
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.method} {rule.path}")
def test_everybody_gets_what_the_table_says(room: School, rule: Rule) -> None:
    for who, expected in zip(WHO, rule.answers, strict=True):
        path = rule.path.format(**room.ids, **(fresh(room) if "{" in rule.path else {}))
        sent: dict[str, Any] = {}
        if rule.body == "file":
            sent["files"] = {"file": ("pad.jpg", b"pad")}
        elif rule.body == "files":
            sent["files"] = {"files": ("pad.jpg", b"pad")}
            sent["data"] = {"assignment": room.ids["assignment"]} if rule.path == "/batches" else {}
        elif rule.body is not None:
            number = str(next(_number))
            known = {**room.ids, "number": number}
            sent["json"] = {k: v.format(**known) if isinstance(v, str) else v for k, v in rule.body.items()}
        answer = room.ask(who, rule.method, path, **sent)
        got = 200 if answer.is_success else answer.status_code
        assert got == expected, (who, answer.status_code, answer.text[:300])


def test_every_route_has_its_rule() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    routes = {
        (method.upper(), template(path.removeprefix("/api/v1")))
        for path, operations in paths.items()
        for method in operations
        if path.startswith("/api/v1")  # /metrics: test_operations
    }
    assert routes == {(rule.method, template(rule.path)) for rule in RULES}


def template(path: str) -> str:
    """A path with its parameters nameless."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
