"""What a large clip costs: memory of service, cluster and store's client, and /health meanwhile.

    python -m scripts.clip_load --postgres              measured on this machine
    python -m scripts.clip_load --postgres --cluster    on a Dask worker

A clip of two seconds is padded to `--size` MB, handed in, and its measures are awaited; then one that is
larger than may be is sent.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # of distributed

from scripts.batch_soak import ROOT, clips, free_port, postgres_server
from scripts.upload_load import MIB, health_ms, until_up

GIVE_UP_S = 900.0


def padded(size_bytes: int) -> bytes:
    """A rendered clip with a box in the end that players skip."""
    film = clips(1)[0]
    rest = size_bytes - len(film)
    return film + rest.to_bytes(4, "big") + b"free" + bytes(rest - 8)


class Watch:
    """The most memory that processes had, in MB; children count with what started them."""

    def __init__(self, processes: dict[str, subprocess.Popen[bytes]]) -> None:
        self._roots = {name: psutil.Process(one.pid) for name, one in processes.items()}
        self.most_mb: dict[str, float] = {}

    def look(self) -> None:
        for name, root in self._roots.items():
            family = [root] if name == "service" else [root, *root.children(recursive=True)]
            now_mb = 0.0
            for one in family:
                try:
                    now_mb += one.memory_info().rss / MIB
                except psutil.Error:
                    continue
            self.most_mb[name] = max(now_mb, self.most_mb.get(name, 0.0))

    def told(self) -> str:
        return ", ".join(f"{name} {mb:.0f}" for name, mb in self.most_mb.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=299, help="of the clip, MB")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--cluster", action="store_true")
    given = parser.parse_args()
    port, scheduler = free_port(), free_port()
    address = f"tcp://127.0.0.1:{scheduler}"
    with tempfile.TemporaryDirectory() as folder, postgres_server(given.postgres) as server:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ASSESSOR_DATA_DIR": folder}
        if server:
            environment["ASSESSOR_DATABASE_URL"] = server.url("clips")
        cluster = f", cluster={address!r}" if given.cluster else ""
        serve = f"from api.serve import serve; serve('127.0.0.1', {port}, True{cluster})"
        commands: dict[str, tuple[str, ...]] = {"service": ("-c", serve)}
        if given.cluster:
            here = ("--host", "127.0.0.1", "--port", str(scheduler), "--no-dashboard", "--no-jupyter")
            commands["scheduler"] = ("-m", "distributed.cli.dask_scheduler", *here)
            commands["worker"] = ("-c", f"from api.cluster_worker import worker; worker({address!r}, 1)")
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, command in commands.items():
                with (Path(folder) / f"{name}.log").open("wb") as log:
                    running[name] = subprocess.Popen(
                        (sys.executable, *command), env=environment, stdout=log, stderr=log
                    )
            return _measure(f"http://127.0.0.1:{port}/api/v1", given.size, Watch(running))
        finally:
            for process in running.values():
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
                process.kill()
                process.wait()


def _measure(base: str, size_mb: int, watch: Watch) -> int:
    with httpx.Client(timeout=30) as client:
        until_up(client, base)
        client.post(f"{base}/submissions/clips", files={"file": ("warm.mp4", clips(2)[0])}).raise_for_status()
        _settled(client, base, 1, watch)
        print(f"memory before, MB: {watch.told()}")
        watch.most_mb.clear()
        quiet_ms = [health_ms(client, base) for _ in range(30)]
        # Apart: what it takes to send must not count as what it takes to be answered.
        sender = multiprocessing.get_context("spawn").Process(target=_send, args=(base, size_mb))
        began_s = time.monotonic()
        sender.start()
        took_ms = _settled(client, base, 2, watch)
        sender.join()
        state = client.get(f"{base}/submissions/2").json()["state"]
    print(f"{state} after {time.monotonic() - began_s:.0f} s")
    print(f"most memory meanwhile, MB: {watch.told()}")
    for when, ms in (("before", quiet_ms), ("meanwhile", took_ms)):
        p95_ms = statistics.quantiles(ms, n=20)[-1]
        median_ms = statistics.median(ms)
        print(f"/health {when}: median {median_ms:.0f} ms, p95 {p95_ms:.0f}, longest {max(ms):.0f}")
    return 0 if state == "graded" else 1


def _send(base: str, size_mb: int) -> None:
    for mb in (size_mb, size_mb + 8):
        file = ("hold.mp4", padded(mb * MIB))
        try:
            answer = httpx.post(f"{base}/submissions/clips", files={"file": file}, timeout=300)
            print(f"{mb} MB: {answer.status_code} {answer.json().get('code', 'taken')}", flush=True)
        except httpx.TransportError as exc:  # the door was closed while sending
            print(f"{mb} MB: {type(exc).__name__}", flush=True)


def _settled(client: httpx.Client, base: str, number: int, watch: Watch) -> list[float]:
    """Wait until submission `number` is measured; how long each /health took meanwhile."""
    took_ms = []
    deadline_s = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline_s:
        took_ms.append(health_ms(client, base))
        watch.look()
        if len(took_ms) % 5 == 0:
            found = client.get(f"{base}/submissions/{number}")
            if found.status_code == 200 and found.json()["state"] != "waiting":
                return took_ms
    raise TimeoutError("the clip was never measured")


if __name__ == "__main__":
    sys.exit(main())
