"""How fast lists, filters and class summaries are with 100,000 submissions in the tables.

python -m scripts.store_scale                 SQLite
python -m scripts.store_scale --postgres      a PostgreSQL of Debian's packages, started for this
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from api.routes.submissions import submission_out
from api.store import courses, migrate, people, submissions
from api.store.engine import Database, database_url
from api.store.models import (
    Base,
    Blob,
    Course,
    Membership,
    Result,
    ResultDocument,
    ResultHint,
    ResultMetric,
    Submission,
    utc_now,
)
from api.store.page import Slice
from api.store.scope import Caller
from api.store.submissions import Filter
from assessor.photo.validity import METRICS
from scripts.batch_soak import postgres_server

COURSES, ASSIGNMENTS = 50, 4
TRAINEES = 2000
TECHNIQUES = ("simple_interrupted", "simple_running", "vertical_mattress")
HINTS = ("bites_short", "spacing_uneven", "stitches_lean", "well_done", "bites_uneven_sides")
SEED = 3
CHUNK = 5000
ROUNDS = 40


def fill(database: Database, count: int) -> tuple[Caller, Caller]:
    """`count` graded submissions; an admin and an instructor of five courses."""
    rng = random.Random(SEED)
    with database.writing() as session:
        admin = people.add_person(session, "Admin", None, "admin").id
        teacher = people.add_person(session, "Teacher", None, "instructor").id
        trainees = [people.add_person(session, f"T {n}", None, "trainee").id for n in range(TRAINEES)]
        tasks = []
        for n in range(COURSES):
            course = Course(name=f"Course {n}")
            session.add(course)
            session.flush()
            if n % 10 == 0:
                session.add(Membership(course_id=course.id, person_id=teacher, role="instructor"))
            for m in range(ASSIGNMENTS):
                tasks.append(courses.add_assignment(session, course.id, {"title": f"Row {m}"}).id)
        blob = {"sha256": "0" * 64, "size_bytes": 1, "media_type": "image/jpeg", "created_at": utc_now()}
        session.execute(insert(Blob), [blob])
    for start in range(1, count + 1, CHUNK):
        with database.writing() as session:
            _chunk(session, range(start, min(start + CHUNK, count + 1)), tasks, trainees, rng)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    return Caller(admin, "admin"), Caller(teacher, "instructor")


def _chunk(session: Session, ids: range, tasks: list[int], trainees: list[int], rng: random.Random) -> None:
    rows: dict[type[Base], list[dict[str, Any]]] = {
        m: [] for m in (Submission, Result, ResultDocument, ResultMetric, ResultHint)
    }
    for id_ in ids:
        refused = rng.random() < 0.04
        rows[Submission].append(
            {
                "id": id_,
                "kind": "photo",
                "person_id": rng.choice(trainees),
                "assignment_id": rng.choice(tasks),
                "blob_sha256": "0" * 64,
                "file_name": "pad.jpg",
                "created_at": utc_now(),
            }
        )
        rows[Result].append(
            {
                "id": id_,
                "submission_id": id_,
                "software": "1",
                "rubric_key": "auto",
                "correction_key": "",
                "counts": True,
                "error_code": "too_blurred" if refused else None,
                "technique": None if refused else rng.choice(TECHNIQUES),
                "stitches": None if refused else 8,
                "points": None if refused else round(rng.uniform(20, 100), 2),
                "points_of": None if refused else 100.0,
                "coverage": None if refused else 1.0,
                "created_at": utc_now(),
            }
        )
        rows[ResultDocument].append({"result_id": id_, "document": "{}" + " " * 20_000})
        if refused:
            continue
        for name in METRICS:
            values = {"value": rng.gauss(5, 1), "sd": 0.1, "sampling_sd": None}
            rows[ResultMetric].append({"result_id": id_, "name": name, "status": "measured", **values})
        for code in rng.sample(HINTS, 2):
            rows[ResultHint].append({"result_id": id_, "code": code})
    for model, found in rows.items():
        session.execute(insert(model), found)


def questions(
    admin: Caller, teacher: Caller, count: int
) -> dict[str, Callable[[Session, random.Random], Any]]:
    def listed(caller: Caller, order: Any = "newest", offset: int = 0, **wanted: Any) -> Any:
        def ask(session: Session, rng: random.Random) -> Any:
            asked = {k: rng.choice(v) if isinstance(v, tuple) else v for k, v in wanted.items()}
            found = submissions.submissions(session, caller, Filter(**asked), Slice(50, offset), order)
            return [submission_out(row, caller).model_dump_json() for row in found.items], found.total

        return ask

    tasks = tuple(range(1, COURSES * ASSIGNMENTS + 1))
    return {
        "all, newest": listed(admin),
        "all, deep page": listed(admin, offset=count // 2),
        "all, lowest first": listed(admin, "lowest"),
        "all, one technique": listed(admin, technique=TECHNIQUES),
        "all, refused": listed(admin, state="refused"),
        "all, one hint": listed(admin, hint=HINTS),
        "all, one person": listed(admin, person_id=tuple(range(3, TRAINEES))),
        "instructor's, newest": listed(teacher),
        "instructor's, refused": listed(teacher, state="refused"),
        "instructor's, one hint": listed(teacher, hint=HINTS),
        "assignment, lowest first": listed(admin, "lowest", assignment_id=tasks),
        "assignment, outliers first": listed(admin, "outliers", assignment_id=tasks),
        "class summary": lambda session, rng: submissions.class_summary(session, rng.choice(tasks)),
        "history of a person": lambda session, rng: submissions.history(session, rng.randrange(3, TRAINEES)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres_server(given.postgres) as server:
        database = Database(database_url(server.url("scale") if server else None, Path(folder)))
        migrate.upgrade(database)
        admin, teacher = fill(database, given.count)
        rng = random.Random(SEED)
        print(f"{given.count} submissions, {database.engine.dialect.name}: ms, median and p95 of {ROUNDS}")
        for name, ask in questions(admin, teacher, given.count).items():
            times_ms = []
            for _ in range(ROUNDS):
                began_s = time.perf_counter()
                with database.reading() as session:
                    ask(session, rng)
                times_ms.append(1000 * (time.perf_counter() - began_s))
            p95 = statistics.quantiles(times_ms, n=20)[18]
            print(f"{name:28s} {statistics.median(times_ms):7.1f} {p95:7.1f}", flush=True)
        database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
