"""How a full class room answers: 100,000 submissions in the tables, list, filter and class summary.

    python -m scripts.room_bench                                  SQLite in a temporary folder
    python -m scripts.room_bench --database postgresql://...      an empty PostgreSQL database
    python -m scripts.room_bench --submissions 5000               smaller

Prints a line a question with the median and the 95th percentile of the whole HTTP answer, ms, on this
machine as it is: run it while nothing else does.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import insert

from api.main import create_app
from api.settings import Settings
from api.store import courses, people
from api.store.engine import Database
from api.store.models import (
    Blob,
    Membership,
    Result,
    ResultHint,
    ResultMetric,
    Submission,
    utc_now,
)
from api.store.scope import Caller

CLASS_SIZE = 250  # submissions of one assignment
METRICS = ("spacing_mm", "spacing_cv", "bite_left_mm", "bite_right_mm", "symmetry", "angle_deg", "coverage")
HINTS = ("bites_short", "spacing_uneven", "stitches_lean", "well_done")
ROWS_AT_ONCE = 5000


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", help="URL of an empty database")
    parser.add_argument("--submissions", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = Settings(data_dir=Path(folder), database_url=given.database, workers=1)
        with TestClient(create_app(chosen)) as client:
            database: Database = client.app.state.database  # type: ignore[attr-defined]
            keys, task = fill(database, given.submissions)
            if not database.is_sqlite:
                with database.engine.connect() as connection:
                    connection.exec_driver_sql("ANALYZE")
            print(f"{given.submissions} submissions, {database.engine.dialect.name}")
            print("| question | median ms | p95 ms |\n|---|---|---|")
            for name, who, path in questions(task):
                times = [ask(client, keys[who], path) for _ in range(given.repeats + 3)][3:]
                p95 = statistics.quantiles(times, n=20)[18]
                print(f"| {name} | {statistics.median(times):.0f} | {p95:.0f} |", flush=True)


def questions(task: int) -> Iterator[tuple[str, str, str]]:
    """Name, who asks, path."""
    yield "class list, newest first", "teacher", f"/submissions?assignment={task}"
    yield "class list, lowest first", "teacher", f"/submissions?assignment={task}&order=lowest"
    yield "class list, outliers first", "teacher", f"/submissions?assignment={task}&order=outliers"
    yield "class filter: refused", "teacher", f"/submissions?assignment={task}&state=refused"
    yield "class filter: a fault", "teacher", f"/submissions?assignment={task}&hint=bites_short"
    yield "class summary", "teacher", f"/assignments/{task}/summary"
    yield "all of an instructor's", "teacher", "/submissions"
    yield "a trainee's own", "pupil", "/submissions"
    yield "a trainee's progress", "pupil", "/progress"
    yield "everything, newest first", "admin", "/submissions"
    yield "everything, page 1,000", "admin", "/submissions?offset=50000"
    yield "everything, lowest first", "admin", "/submissions?order=lowest"
    yield "everything, outliers first", "admin", "/submissions?order=outliers"
    yield "everything, filter: a fault", "admin", "/submissions?hint=bites_short"
    yield "people", "admin", "/people?text=pupil%2012"


def ask(client: TestClient, key: str, path: str) -> float:
    """Milliseconds of one answer."""
    started = time.perf_counter()
    answer = client.get(f"/api/v1{path}", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return (time.perf_counter() - started) * 1000


def fill(database: Database, count: int) -> tuple[dict[str, str], int]:
    """A school with `count` graded submissions; keys of admin, teacher, pupil, and one assignment."""
    chance = random.Random(1)
    keys: dict[str, str] = {}
    with database.writing() as session:
        callers = {}
        for who, role in (("admin", "admin"), ("teacher", "instructor")):
            person = people.add_person(session, who, f"{who}@school.test", role)  # type: ignore[arg-type]
            callers[who] = Caller(person.id, person.role)
            keys[who] = people.add_key(session, callers[who], "bench", None)[1]
        pupils = [
            people.add_person(session, f"Pupil {i}", f"p{i}@school.test", "trainee").id
            for i in range(max(2, count // 100))
        ]
        keys["pupil"] = people.add_key(session, Caller(pupils[0], "trainee"), "bench", None)[1]
        session.execute(
            insert(Blob), [{"sha256": "0" * 64, "size_bytes": 1, "media_type": "", "created_at": utc_now()}]
        )
        tasks = []
        for number in range(max(1, count // CLASS_SIZE // 4)):
            course = courses.add_course(session, callers["admin"], f"Course {number}")
            if number % 10 == 0:
                session.add(
                    Membership(course_id=course.id, person_id=callers["teacher"].person_id, role="instructor")
                )
            tasks += [courses.add_assignment(session, course.id, {"title": f"Task {i}"}).id for i in range(4)]
    for first in range(0, count, ROWS_AT_ONCE):
        numbers = range(first + 1, min(first + ROWS_AT_ONCE, count) + 1)
        with database.writing() as session:
            for model, rows in _rows(chance, numbers, pupils, tasks).items():
                session.execute(insert(model), rows)
    return keys, tasks[0]


def _rows(
    chance: random.Random, numbers: range, pupils: list[int], tasks: list[int]
) -> dict[type[Any], list[dict[str, Any]]]:
    out: dict[type[Any], list[dict[str, Any]]] = {
        Submission: [],
        Result: [],
        ResultMetric: [],
        ResultHint: [],
    }
    for n in numbers:
        refused = chance.random() < 0.05
        out[Submission].append(
            {
                "id": n,
                "kind": "photo",
                "person_id": pupils[n % len(pupils)],
                "assignment_id": tasks[n % len(tasks)],
                "blob_sha256": "0" * 64,
                "file_name": f"pad{n}.jpg",
                "created_at": utc_now(),
            }
        )
        out[Result].append(
            {
                "id": n,
                "submission_id": n,
                "software": "bench",
                "rubric_key": "auto",
                "declared_key": "",
                "correction_key": "",
                "counts": True,
                "error_code": "too_blurred" if refused else None,
                "technique": None if refused else "simple_interrupted",
                "stitches": None if refused else 8,
                "points": None if refused else chance.uniform(20, 100),
                "points_of": None if refused else 100.0,
                "coverage": None if refused else 0.9,
                "created_at": utc_now(),
            }
        )
        if not refused:
            out[ResultMetric] += [
                {
                    "result_id": n,
                    "name": name,
                    "status": "measured",
                    "value": chance.gauss(5, 1),
                    "sd": 0.2,
                    "sampling_sd": None,
                }
                for name in METRICS
            ]
            out[ResultHint] += [{"result_id": n, "code": code} for code in chance.sample(HINTS, 2)]
    return out


if __name__ == "__main__":
    main()
