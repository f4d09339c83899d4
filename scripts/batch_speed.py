"""Speed of a batch: two cores against one, service and store against bare grading, Dask against the pool.

    python -m scripts.batch_speed            on an idle machine; figures are ratios of photos per second

Everything is pinned: "one" is one core, "two" are two. Each way grades the same rendered photos, in processes
that have graded before, one way after the other in each round. Bare grading on two cores is what the machine
itself gives: two busy cores share caches, memory and heat. Which process took the time is said in CPU time,
which a busy machine changes little.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # of distributed

from api import job
from api.cluster import Cluster, warm_one_core
from api.grading import Executor, ExecutorAwayError, Grader
from api.job import GradeRequest
from api.store import jobs, migrate, people, submissions
from api.store.blobs import open_blobs
from api.store.engine import Database, database_url
from api.store.models import Batch, utc_now
from api.store.scope import Caller
from api.workers import WorkerPool
from assessor.options import GradeOptions
from scripts.batch_soak import class_zip, free_port

TIMEOUT_S, MEMORY_BYTES = 300.0, 4 << 30
# Photos that each process grades before it counts: libraries and networks load, memory is found.
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """What grading all photos took: seconds of the clock, and of CPU by what a process is for."""

    wall_s: float
    cpu_s: Counter[str]


def cpu_s() -> Counter[str]:
    """CPU seconds of this process (the service) and all below it, so far."""
    found: Counter[str] = Counter()
    here = psutil.Process()
    for process in (here, *here.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found["service" if process == here else _role(process)] += times.user + times.system
    return found


def _role(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    if "dask_scheduler" in words:
        return "scheduler"
    if "spawn_main" not in words:
        return "others"  # what only starts and watches
    starts_some = any("spawn_main" in " ".join(child.cmdline()) for child in process.children())
    return "Dask workers" if starts_some else "grading"


def bare(photos: list[bytes], processes: int) -> Taken:
    """Grading alone: no store, no service, nothing sent but a photo's number."""
    with get_context("spawn").Pool(processes, _prepare, (photos,)) as found:
        found.map(_grade, list(range(WARM_UP)) * processes, chunksize=WARM_UP)
        before, began_s = cpu_s(), time.perf_counter()
        for _ in found.imap_unordered(_grade, range(len(photos))):
            pass
        return Taken(time.perf_counter() - began_s, cpu_s() - before)


_photos: list[bytes] = []


def _prepare(photos: list[bytes]) -> None:
    _photos[:] = photos
    warm_one_core(1)


def _grade(number: int) -> None:
    job.grade(GradeRequest(_photos[number], "pad.jpg", GradeOptions(), "screen"))


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
        began_at = utc_now()
        grader.start()
        finished_at = None
        while finished_at is None:
            time.sleep(0.5)  # the row says when; asking often would take from what is measured
            with database.reading() as session:
                finished_at = session.get_one(Batch, number).finished_at
        grader.stop()
        database.dispose()
    return (finished_at - began_at).total_seconds()


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


def warmed(executor: Executor, photos: list[bytes]) -> Taken:
    """A batch after every process has graded: what starting them takes is not its speed."""
    for future in [
        executor.submit(GradeRequest(p, "pad.jpg", GradeOptions(), "screen"))
        for p in photos[:WARM_UP] * 2 * executor.slots
    ]:
        future.result()
    before = cpu_s()
    wall_s = batch(photos, executor)
    return Taken(wall_s, cpu_s() - before)


def pinned(cores: set[int], measure: Callable[[], Taken]) -> Taken:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        return measure()
    finally:
        os.sched_setaffinity(0, before)


def ways(photos: list[bytes], cores: list[int]) -> dict[str, Callable[[], Taken]]:
    """Name -> what measures it."""
    one, two = {cores[0]}, set(cores[:2])

    def with_pool(size: int) -> Taken:
        with pool(size) as executor:
            return warmed(executor, photos)

    def with_dask() -> Taken:
        with dask(2) as executor:
            return warmed(executor, photos)

    return {
        "bare, one core": lambda: pinned(one, lambda: bare(photos, 1)),
        "bare, two cores": lambda: pinned(two, lambda: bare(photos, 2)),
        "batch, one core": lambda: pinned(one, lambda: with_pool(1)),
        "batch, two cores": lambda: pinned(two, lambda: with_pool(2)),
        "Dask, two cores": lambda: pinned(two, with_dask),
    }


def ratio(name: str, rounds: list[dict[str, Taken]], slow: str, fast: str, wanted: str) -> None:
    """Print how many times `fast` is as fast as `slow`: over all rounds, and the extremes of single ones."""
    whole = sum(r[slow].wall_s for r in rounds) / sum(r[fast].wall_s for r in rounds)
    each = [r[slow].wall_s / r[fast].wall_s for r in rounds]
    print(f"{name:26s} {whole:.3f}  ({min(each):.3f} to {max(each):.3f}){wanted}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, default=1600, help="of the photos, px")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("Two cores are needed.")
        return 2
    with zipfile.ZipFile(BytesIO(class_zip(given.count, 1, given.width))) as archive:
        photos = [archive.read(name) for name in archive.namelist()]
    measures = ways(photos, cores)
    rounds = []
    for n in range(given.rounds):
        rounds.append({name: measure() for name, measure in measures.items()})
        print(
            f"round {n + 1}: " + ", ".join(f"{name} {t.wall_s:.1f} s" for name, t in rounds[-1].items()),
            flush=True,
        )
    graded = given.count * given.rounds
    for name in measures:
        cpu = sum((r[name].cpu_s for r in rounds), Counter())
        parts = ", ".join(f"{role} {1000 * s / graded:.0f}" for role, s in cpu.most_common())
        print(
            f"{name:26s} {graded / sum(r[name].wall_s for r in rounds):.2f} photos/s;"
            f" ms of CPU a photo: {1000 * cpu.total() / graded:.0f} ({parts})"
        )
    ratio("two cores: the machine's", rounds, "bare, one core", "bare, two cores", "")
    ratio("two cores: a batch's", rounds, "batch, one core", "batch, two cores", "  wanted 1.8")
    ratio("batch against bare, one", rounds, "bare, one core", "batch, one core", "  wanted 0.9")
    ratio("batch against bare, two", rounds, "bare, two cores", "batch, two cores", "")
    ratio("Dask against the pool", rounds, "batch, two cores", "Dask, two cores", "  wanted 0.9")
    return 0


if __name__ == "__main__":
    sys.exit(main())
