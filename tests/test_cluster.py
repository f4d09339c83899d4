"""Batches on a real Dask scheduler and workers, each a process of its own, that are killed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from api_doubles import grade, measure
from test_grading import Room

from api.clip_job import MeasureRequest
from api.cluster import Cluster
from api.errors import ServiceError
from api.grading import ExecutorAwayError, Grader
from api.job import GradeReply, GradeRequest
from api.store import migrate
from api.store.blobs import open_blobs
from api.store.engine import Database, database_url
from api.workers import Job
from assessor.errors import AssessorError
from assessor.motion.options import MotionOptions
from assessor.options import GradeOptions
from scripts.batch_soak import free_port

ROOT = Path(__file__).parents[1]


@dataclass
class Dask:
    """A scheduler, and `assessor worker` with one process."""

    port: int
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, name: str) -> None:
        here = ("--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--no-jupyter")
        command = {
            "scheduler": ("-m", "distributed.cli.dask_scheduler", *here),
            "worker": ("-c", f"from api.cluster_worker import worker; worker({self.address!r}, 1)"),
        }[name]
        path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))  # the worker imports the tests' double
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                (sys.executable, *command), env={**os.environ, "PYTHONPATH": path}, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def dask_worker(self) -> psutil.Process:
        """The process that Dask runs tasks in; its grading child is below it."""
        nanny = psutil.Process(self.processes["worker"].pid).children()[0]
        (found,) = (child for child in nanny.children() if "spawn_main" in " ".join(child.cmdline()))
        return found

    def stop(self) -> None:
        for process in self.processes.values():
            family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            for one in [*family, process]:
                one.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    found = Dask(free_port(), tmp_path_factory.mktemp("dask"))
    found.start("scheduler")
    found.start("worker")
    yield found
    found.stop()


@contextlib.contextmanager
def connected(dask: Dask, timeout_s: float, job: Job = grade) -> Iterator[Cluster]:
    found = Cluster(dask.address, timeout_s=timeout_s, memory_bytes=1 << 30, grade=job)
    until(lambda: slots(found) == 1)
    yield found
    found.close()


def slots(found: Cluster) -> int:
    try:
        return found.slots
    except ExecutorAwayError:
        return 0


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to this"
        time.sleep(0.05)


def ask(cluster: Cluster, photo: bytes) -> Future[GradeReply]:
    return cluster.submit(GradeRequest(photo, "pad.jpg", GradeOptions(), "screen"))


def test_a_worker_outlives_every_photo(dask: Dask) -> None:
    with connected(dask, timeout_s=4) as cluster:
        assert ask(cluster, b"pad").result(120).picture.startswith(b"\xff\xd8")
        with pytest.raises(AssessorError) as refused:
            ask(cluster, b"refuse").result(60)
        assert refused.value.code == "not_an_image"
        for photo, code in (
            (b"die", "grading_died"),
            (b"hang", "grading_timeout"),
            (b"hog 8", "grading_out_of_memory"),
        ):
            with pytest.raises(ServiceError) as broken:
                ask(cluster, photo).result(60)
            assert broken.value.code == code
        assert ask(cluster, b"pad").result(60).document
        assert dask.processes["worker"].poll() is None


def test_a_clip_travels_in_parts(dask: Dask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.cluster.PART_BYTES", 1000)
    clip = tmp_path / "clip"
    clip.write_bytes(b"steady 31 " + bytes(5000))
    with connected(dask, timeout_s=60, job=measure) as cluster:
        reply = cluster.submit(MeasureRequest(str(clip), "c.mp4", MotionOptions(mm_per_px=0.1))).result(120)
        found = json.loads(reply.document)
        assert found["tips"][0]["tremor"]["rms_um"] == 31
        clip.write_bytes(b"die " + bytes(3000))
        with pytest.raises(ServiceError) as broken:
            cluster.submit(MeasureRequest(str(clip), "c.mp4", MotionOptions())).result(120)
        assert broken.value.code == "grading_died"
        clip.unlink()
        with pytest.raises(ExecutorAwayError):  # before it was sent
            cluster.submit(MeasureRequest(str(clip), "c.mp4", MotionOptions())).result(120)


def test_memory_is_kept_from_photo_to_photo(dask: Dask) -> None:
    """Dask has malloc give back every large array at once: a quarter more time for each photo."""
    with connected(dask, timeout_s=60) as cluster:
        assert ask(cluster, b"pad").result(120).document
        worker = dask.dask_worker()
        grading = [child for child in worker.children() if "spawn_main" in " ".join(child.cmdline())]
        assert grading
        assert "MALLOC_TRIM_THRESHOLD_" in worker.environ()
        assert all("MALLOC_TRIM_THRESHOLD_" not in child.environ() for child in grading)


def test_a_batch_survives_the_death_of_its_worker_and_scheduler(dask: Dask, tmp_path: Path) -> None:
    database = Database(database_url(None, tmp_path))
    migrate.upgrade(database)
    room = Room(database, open_blobs(None, tmp_path))
    gate = tmp_path / "gate"
    ids = room.photos(*(b"wait " + b"/" * n + str(gate).encode() for n in range(6)))
    with connected(dask, timeout_s=200) as cluster:
        batch = room.batch(ids)
        grader = Grader(database, room.blobs, cluster, idle_s=0.2)
        grader.start()
        try:
            room.until(lambda: room.jobs(batch).get("leased", 0) >= 1)
            dask.dask_worker().kill()
            dask.kill("scheduler")
            room.until(lambda: room.jobs(batch) == {"waiting": 6}, 120)  # lost, and given back
            gate.touch()
            dask.start("scheduler")  # as systemd would; the worker finds it by itself
            room.until(lambda: room.state(batch) == "done", 180)
        finally:
            grader.stop()
    assert room.jobs(batch) == {"graded": 6}
    assert [id_ for id_, _ in room.results()] == sorted(ids)
    database.dispose()
