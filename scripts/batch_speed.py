"""Speed of a batch: two cores against one, service and store against bare grading, Dask against the pool.

    python -m scripts.batch_speed            on an idle machine; figures are ratios of photos per second

Everything is pinned: "one" is one core, "two" are two. Each way grades the same rendered photos.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # of distributed

from api import job
from api.cluster import Cluster, warm_one_core
from api.grading import Executor, ExecutorAwayError, Grader
from api.job import GradeRequest
from api.store import jobs, migrate, people, submissions
from api.store.blobs import open_blobs
from api.store.engine import Database, database_url
from api.store.models import Batch
from api.store.scope import Caller
from api.workers import WorkerPool
from assessor.options import GradeOptions
from scripts.batch_soak import class_zip, free_port

TIMEOUT_S, MEMORY_BYTES = 300.0, 4 << 30


def bare(photos: list[bytes]) -> float:
    """Seconds of grading alone, on one core, in this process."""
    warm_one_core(1)
    began_s = time.perf_counter()
    for photo in photos:
        job.grade(GradeRequest(photo, "pad.jpg", GradeOptions(), "screen"))
    return time.perf_counter() - began_s


def batch(photos: list[bytes], executor: Executor) -> float:
    """Seconds from the last photo handed in to the batch being done."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(database_url(None, Path(folder)))
        migrate.upgrade(database)
        blobs = open_blobs(None, Path(folder))
        with database.writing() as session:
            caller = Caller(people.add_person(session, "T", None, "admin").id, "admin")
            ids = [
                submissions.add_submission(
                    session, {"blob_sha256": blobs.add(session, p, "image/jpeg"), "file_name": "pad.jpg"}
                ).id
                for p in photos
            ]
            number = jobs.add_batch(session, caller, None, ids).id
        grader = Grader(database, blobs, executor)
        began_s = time.perf_counter()
        grader.start()
        while True:
            time.sleep(0.02)
            with database.reading() as session:
                if session.get_one(Batch, number).state == "done":
                    break
        seconds = time.perf_counter() - began_s
        grader.stop()
        database.dispose()
    return seconds


@contextmanager
def pool(size: int) -> Iterator[Executor]:
    found = WorkerPool(
        job.grade, size=size, timeout_s=TIMEOUT_S, memory_bytes=MEMORY_BYTES, warm=warm_one_core
    )
    try:
        yield found
    finally:
        found.close()


@contextmanager
def dask(processes: int) -> Iterator[Executor]:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    here = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-jupyter")
    commands = (
        ("-m", "distributed.cli.dask_scheduler", *here),
        ("-c", f"from api.cluster_worker import worker; worker({address!r}, {processes})"),
    )
    running = [
        subprocess.Popen((sys.executable, *c), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for c in commands
    ]
    found = Cluster(address, timeout_s=TIMEOUT_S, memory_bytes=MEMORY_BYTES)
    try:
        while _slots(found) < processes:
            time.sleep(0.5)
        yield found
    finally:
        found.close()
        for process in running:
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                one.kill()
            process.wait()


def _slots(found: Cluster) -> int:
    try:
        return found.slots
    except ExecutorAwayError:
        return 0


def warmed(executor: Executor, photos: list[bytes]) -> float:
    """A batch after every process has graded: what starting them takes is not its speed."""
    for future in [
        executor.submit(GradeRequest(p, "pad.jpg", GradeOptions(), "screen"))
        for p in photos[:1] * 4 * executor.slots
    ]:
        future.result()
    return batch(photos, executor)


def pinned(cores: set[int], measure: Callable[[], float]) -> float:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        return measure()
    finally:
        os.sched_setaffinity(0, before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--width", type=int, default=1600, help="of the photos, px")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("Two cores are needed.")
        return 2
    with zipfile.ZipFile(BytesIO(class_zip(given.count, 1, given.width))) as archive:
        photos = [archive.read(name) for name in archive.namelist()]
    one, two = {cores[0]}, set(cores[:2])

    def with_pool(size: int) -> Callable[[], float]:
        def measure() -> float:
            with pool(size) as executor:
                return warmed(executor, photos)

        return measure

    def with_dask() -> float:
        with dask(2) as executor:
            return warmed(executor, photos)

    seconds = {
        "bare, one core": pinned(one, lambda: bare(photos)),
        "batch, one core": pinned(one, with_pool(1)),
        "batch, two cores": pinned(two, with_pool(2)),
        "Dask, two cores": pinned(two, with_dask),
    }
    for name, s in seconds.items():
        print(f"{name:18s} {given.count / s:6.2f} photos/s")
    print(f"two cores against one      {seconds['batch, one core'] / seconds['batch, two cores']:.2f} (1.8)")
    overhead = 1 - seconds["bare, one core"] / seconds["batch, one core"]
    print(f"overhead over bare grading {100 * overhead:.1f} % (10 %)")
    print(f"Dask against the pool      {seconds['batch, two cores'] / seconds['Dask, two cores']:.2f} (0.9)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
