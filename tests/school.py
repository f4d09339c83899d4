"""A small school for the tests of the class room: two courses, and somebody of each kind.

teacher and pupil are in the course `knots`, colleague and stranger in another; admin is in neither.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from api_server import running

from api.store import courses, overview, people, submissions
from api.store.blobs import Blobs, open_blobs
from api.store.engine import Database, database_url
from api.store.models import Submission
from api.store.scope import Caller

WHO = ("visitor", "stranger", "pupil", "colleague", "teacher", "admin")
ROLES = {
    "stranger": "trainee",
    "pupil": "trainee",
    "colleague": "instructor",
    "teacher": "instructor",
    "admin": "admin",
}
RUBRIC = """
name = "week-3"
version = "{version}"
title = "Week 3"
summary = "Even spacing."
techniques = ["simple_interrupted"]
[targets.spacing_cv]
low = 0.0
high = 0.2
slack = 0.2
weight = {weight}
evidence = "D"
source = "ours"
"""


@dataclass(slots=True)
class School:
    client: httpx.Client
    database: Database
    blobs: Blobs
    keys: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def caller(self, who: str) -> Caller:
        return Caller(self.ids[who], ROLES[who])  # type: ignore[arg-type]

    def ask(self, who: str, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """A request under /api/v1 with the key of `who`; none for the visitor."""
        headers = {"authorization": f"Bearer {self.keys[who]}"} if who in self.keys else {}
        headers |= kwargs.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **kwargs)

    def hand_in(self, who: str, assignment: int | None = None, photo: bytes = b"pad", **fields: Any) -> int:
        """A submission through the front door; its id."""
        data = {"assignment": assignment, **fields} if assignment else fields
        answer = self.ask(who, "POST", "/submissions", files={"file": ("pad.jpg", photo)}, data=data)
        assert answer.status_code == 201, answer.text
        number: int = answer.json()["submission"]["id"]
        return number

    def hand_in_clip(
        self, who: str, assignment: int | None = None, clip: bytes = b"clip", **fields: Any
    ) -> int:
        """A clip through the front door, measured when this returns; its id."""
        data = {"assignment": assignment, **fields} if assignment else fields
        answer = self.ask(who, "POST", "/submissions/clips", files={"file": ("hold.mp4", clip)}, data=data)
        assert answer.status_code == 202, answer.text
        number: int = answer.json()["id"]
        self.settled(number)
        return number

    def settled(self, number: int, seconds: float = 60) -> None:
        """Wait until nothing is left to grade of a submission."""
        deadline = time.monotonic() + seconds
        while True:
            with self.database.reading() as session:
                if not overview.being_graded(session, number):
                    return
            assert time.monotonic() < deadline, "it never was measured"
            time.sleep(0.05)

    def put(self, who: str | None, assignment: int | None, photo: bytes = b"pad", **fields: Any) -> int:
        """A submission without result, straight into the tables; its id."""
        with self.database.writing() as session:
            values = {
                "person_id": self.ids[who] if who else None,
                "assignment_id": assignment,
                "blob_sha256": self.blobs.add(session, photo, "image/jpeg"),
                "file_name": "pad.jpg",
                **fields,
            }
            return submissions.add_submission(session, values).id

    def count(self, model: type[Any] = Submission) -> int:
        with self.database.reading() as session:
            return session.query(model).count()


@contextlib.contextmanager
def school(**settings: Any) -> Iterator[School]:
    """A running service with its people, their keys and courses."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"data_dir": folder, **settings}
        with running(**settings) as client:
            data_dir = Path(settings["data_dir"])
            database = Database(database_url(settings.get("database_url"), data_dir))
            found = School(client, database, open_blobs(None, data_dir))
            try:
                _fill(found)
                yield found
            finally:
                database.dispose()


def _fill(found: School) -> None:
    with found.database.writing() as session:
        for who, role in ROLES.items():
            person = people.add_person(session, who.title(), f"{who}@school.test", role)  # type: ignore[arg-type]
            found.ids[who] = person.id
            found.keys[who] = people.add_key(session, found.caller(who), "test", None)[1]
        for name, teacher, pupil in (("knots", "teacher", "pupil"), ("other", "colleague", "stranger")):
            course = courses.add_course(session, found.caller(teacher), name)
            courses.set_member(
                session, course.id, people.person(session, found.caller("admin"), found.ids[pupil]), "trainee"
            )
            found.ids[name] = course.id
        rubric = courses.add_rubric(
            session,
            found.caller("teacher"),
            found.ids["knots"],
            "week-3",
            "1",
            RUBRIC.format(version=1, weight=5),
        )
        found.ids["rubric"] = rubric.id
        task = courses.add_assignment(session, found.ids["knots"], {"title": "Row of eight"})
        found.ids["assignment"] = task.id
