"""Kill everything at random while a class is graded, and count: each graded once, none lost, no hand needed.

    python -m scripts.batch_soak --count 2000 --kills 20 --postgres
    python -m scripts.batch_soak --count 2000 --kills 20 --postgres --cluster

One of twenty is a clip of two seconds (`--clips`). The script is also the supervisor (systemd, compose) that
starts again what ended; it touches nothing else.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]  # of distributed
from sqlalchemy import func, select

from api.store.engine import Database, database_url
from api.store.models import Job, Result, Submission

ROOT = Path(__file__).parents[1]
DISTINCT, DISTINCT_CLIPS = 40, 4
GIVE_UP_S = 4 * 3600.0
AGAIN_S = 1.0


@dataclass(slots=True)
class Service:
    """A process that is started again whenever it ends."""

    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    stopping: bool = False
    starts: int = 0

    def watch(self) -> None:
        while not self.stopping:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command, env=self.environment, stdout=log, stderr=log, cwd=ROOT
                )
            self.starts += 1
            self.process.wait()
            time.sleep(AGAIN_S)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def descendants(self) -> list[psutil.Process]:
        """Working processes below it, not multiprocessing's helpers."""
        if self.process is None:
            return []
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(self.process.pid).children(recursive=True)
            return [p for p in found if "spawn_main" in " ".join(p.cmdline())]
        return []

    def stop(self) -> None:
        self.stopping = True
        for child in self.descendants():
            with contextlib.suppress(psutil.Error):
                child.kill()
        self.kill()


@dataclass(slots=True)
class Report:
    submissions: int
    states: dict[str, int] = field(default_factory=dict)
    results: int = 0
    twice: int = 0
    lost: int = 0
    clips: int = 0
    measured: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        whole = self.states.get("graded", 0) + self.states.get("refused", 0)
        once = whole == self.submissions == self.results and self.twice == self.lost == 0
        return once and self.measured == self.clips


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def class_zip(count: int, seed: int, width: int, one_clip_of: int = 0) -> bytes:
    """`count` photos of rendered pads, each with bytes of its own, named as Moodle does; the last one of each
    `one_clip_of` (0: none) is a clip."""
    from assessor.render import write_samples

    out = io.BytesIO()
    films = clips(seed) if one_clip_of else []
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(out, "w") as archive:
        write_samples(Path(folder), min(count, DISTINCT), seed, width=width)
        pads = [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]
        for n in range(count):
            folder_name = f"Trainee {n}_{10_000 + n}_assignsubmission_file_"
            own = n.to_bytes(4, "big")
            if one_clip_of and n % one_clip_of == one_clip_of - 1:  # "free": a box that players skip
                film = films[n // one_clip_of % len(films)] + b"\0\0\0\x0cfree" + own
                archive.writestr(f"{folder_name}/hold.mp4", film)
            else:
                archive.writestr(f"{folder_name}/pad.jpg", pads[n % len(pads)] + own)
    return out.getvalue()


def clips(seed: int) -> list[bytes]:
    """Rendered clips of two seconds: an instrument held over a pad."""
    from assessor.render.clips import CameraOrder, ClipOrder, InstrumentOrder, Tremor, render_clip

    camera = CameraOrder(width=320, height=240, px_per_mm=2.5)
    held = (InstrumentOrder(task="hold", tremor=Tremor(1.0, 8.0)),)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(DISTINCT_CLIPS):
            path = Path(folder) / f"{number}.mp4"
            render_clip(path, ClipOrder(seconds=2.0, instruments=held, camera=camera, seed=seed + number))
            found.append(path.read_bytes())
    return found


def soak(
    folder: Path,
    *,
    count: int,
    kills: int,
    seed: int = 0,
    width: int = 1000,
    one_clip_of: int = 20,
    on_cluster: bool = False,
    postgres: Any = None,
    tell: Callable[[str], None] = print,
) -> Report:
    """`postgres`: a `tests/postgres.py` cluster, else SQLite."""
    rng = random.Random(seed)
    port, scheduler = free_port(), free_port()
    url = postgres.url("soak") if postgres else f"sqlite:///{folder / 'classroom.db'}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ASSESSOR_DATA_DIR": str(folder),
        "ASSESSOR_DATABASE_URL": url,
        "ASSESSOR_WORKERS": "2",
        "ASSESSOR_WORKER_TIMEOUT_S": "120",
    }
    address = f"tcp://127.0.0.1:{scheduler}"
    running: dict[str, Service] = {}

    def start(name: str, *command: str) -> None:
        running[name] = Service((sys.executable, *command), environment, folder / f"{name}.log")
        threading.Thread(target=running[name].watch, daemon=True).start()

    if on_cluster:
        here = ("--host", "127.0.0.1", "--port", str(scheduler), "--no-dashboard", "--no-jupyter")
        start("scheduler", "-m", "distributed.cli.dask_scheduler", *here)
        start("worker", "-c", f"from api.cluster_worker import worker; worker({address!r}, 2)")
    cluster = f", cluster={address!r}" if on_cluster else ""
    serve = f"from api.serve import serve; serve('127.0.0.1', {port}, True{cluster})"
    start("service", "-c", serve)
    began_s = time.monotonic()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=600) as client:
            _until(lambda: _health(client), "the service does not start")
            packed = class_zip(count, seed, width, one_clip_of)
            files = {"files": ("class.zip", packed)}
            answer = client.post("/batches", files=files, data={"task": "hold"} if one_clip_of else {})
            answer.raise_for_status()
            batch = answer.json()["id"]
            tell(f"{answer.json()['new']} submissions in batch {batch}")
            done = _kill_and_wait(client, batch, count, kills, rng, running, postgres, tell)
        report = _counted(url, folder, count)
    finally:
        for one in running.values():
            one.stop()
    report.kills, report.seconds = dict(done), time.monotonic() - began_s
    return report


def _kill_and_wait(
    client: httpx.Client,
    batch: int,
    count: int,
    kills: int,
    rng: random.Random,
    running: dict[str, Service],
    postgres: Any,
    tell: Callable[[str], None],
) -> collections.Counter[str]:
    """Kill one after the other, spread over the whole batch, until it is done."""
    targets = [*running, "pool worker"] + (["postgres"] if postgres else [])
    plan = (targets * (kills // len(targets) + 1))[:kills]
    rng.shuffle(plan)
    killed: collections.Counter[str] = collections.Counter()
    deadline_s = time.monotonic() + GIVE_UP_S
    while True:
        if time.monotonic() > deadline_s:
            raise TimeoutError("the batch does not come to its end")
        state = _state(client, batch)
        if state is None:
            time.sleep(0.2)
            continue
        if state["state"] == "done":
            return killed
        at = sum(killed.values())
        if at < kills and state["graded"] + state["failed"] >= count * at / kills:
            target = plan[at]
            if not _kill(target, rng, running, postgres):
                time.sleep(0.2)
                continue
            killed[target] += 1
            tell(f"{state['graded']:5d} graded: killed {target}")
        time.sleep(rng.uniform(0.05, 0.5))


def _kill(target: str, rng: random.Random, running: dict[str, Service], postgres: Any) -> bool:
    """False where there is nobody to kill yet."""
    if target == "postgres":
        postgres.stop()
        time.sleep(rng.uniform(0.5, 3))
        postgres.start()
        return True
    if target == "pool worker":
        children = running.get("worker", running["service"]).descendants()
        if not children:
            return False
        with contextlib.suppress(psutil.Error):
            rng.choice(children).kill()
        return True
    if target == "worker":  # both the one that starts it again and what it started
        for child in running[target].descendants():
            with contextlib.suppress(psutil.Error):
                child.kill()
    running[target].kill()
    return True


def _state(client: httpx.Client, batch: int) -> dict[str, Any] | None:
    try:
        answer = client.get(f"/batches/{batch}?limit=0")
    except httpx.HTTPError:
        return None
    return answer.json() if answer.status_code == 200 else None


def _health(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.HTTPError:
        return False


def _until(holds: Callable[[], bool], otherwise: str, seconds: float = 300) -> None:
    deadline_s = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline_s:
            raise TimeoutError(otherwise)
        time.sleep(0.2)


def _counted(url: str, folder: Path, count: int) -> Report:
    """What stands in the tables, asked of the database itself."""
    database = Database(database_url(url, folder))
    with database.reading() as session:
        states = session.execute(select(Job.state, func.count()).group_by(Job.state)).all()
        per = select(func.count(Result.id).label("n")).group_by(Result.submission_id).subquery()
        of_clips = select(func.count()).select_from(Submission).where(Submission.kind == "clip")
        measured = of_clips.join(Result).where(Result.error_code.is_(None))
        report = Report(
            submissions=session.scalar(select(func.count()).select_from(Submission)) or 0,
            states={str(state): n for state, n in states},
            results=session.scalar(select(func.count()).select_from(Result)) or 0,
            twice=session.scalar(select(func.count()).select_from(per).where(per.c.n > 1)) or 0,
            lost=count - (session.scalar(select(func.count()).select_from(per)) or 0),
            clips=session.scalar(of_clips) or 0,
            measured=session.scalar(measured) or 0,
        )
    database.dispose()
    return report


@contextlib.contextmanager
def postgres_server(wanted: bool) -> Iterator[Any]:
    """The tests' own server; None where none is wanted."""
    if not wanted:
        yield None
        return
    sys.path.insert(0, str(ROOT / "tests"))
    cluster = importlib.import_module("postgres").cluster
    with cluster() as server:
        yield server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=1000, help="of the photos, px")
    parser.add_argument("--clips", type=int, default=20, help="one of so many is a clip; 0: none")
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing is left running
    with tempfile.TemporaryDirectory() as folder, postgres_server(given.postgres) as server:
        report = soak(
            Path(folder),
            count=given.count,
            kills=given.kills,
            seed=given.seed,
            width=given.width,
            one_clip_of=given.clips,
            on_cluster=given.cluster,
            postgres=server,
        )
        if not report.holds:
            for log in Path(folder).glob("*.log"):
                print(f"== {log.name}", log.read_text("utf-8", "replace")[-3000:], sep="\n")
    print(report)
    print("holds" if report.holds else "DOES NOT HOLD")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
