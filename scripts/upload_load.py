"""What hostile uploads cost the service: its memory, and how long /health takes meanwhile.

    python -m scripts.upload_load --postgres       on an idle machine

Bodies of 300 MB go to every route that takes files, with a stated length, without one, and as a class's
upload; slow senders hold connections. /health, which asks the database, is asked ten times a second, before
and meanwhile: what it takes before is the machine's.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # of distributed

from scripts.batch_soak import ROOT, free_port, postgres_server

MIB = 1024 * 1024
HEALTH_EVERY_S = 0.1
# Route, whether its length is stated. /batches may be sent up to 2 GB: kept on disk, refused for what it is.
BODIES = (("photos", True), ("photos", False), ("submissions", False), ("clips", False), ("batches", False))
PART = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.zip"\r\n\r\n'
HEADERS = {"content-type": "multipart/form-data; boundary=x"}


def body(field: bytes, size_bytes: int) -> Iterator[bytes]:
    yield PART % field
    for _ in range(size_bytes // MIB):
        yield b"\0" * MIB
    yield b"\r\n--x--\r\n"


def upload(base: str, route: str, stated: bool, size_bytes: int, answers: Counter[str]) -> None:
    headers = {**HEADERS, **({"content-length": str(size_bytes + 100)} if stated else {})}
    content = body(b"files" if route == "batches" else b"file", size_bytes)
    try:
        answer = httpx.post(f"{base}/{route}", content=content, headers=headers, timeout=300)
        answers[f"{route}: {answer.status_code} {answer.json()['code']}"] += 1
    except httpx.TransportError as exc:  # the door was closed while sending
        answers[f"{route}: {type(exc).__name__}"] += 1


def trickle(port: int, stop: threading.Event) -> None:
    """A sender that gives a byte a second."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = "POST /api/v1/photos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        connection.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        try:
            while not stop.wait(1):
                connection.sendall(b"-")
        except OSError:
            return  # sent away, as it should be


def send_all(base: str, port: int, given: argparse.Namespace) -> Counter[str]:
    """All bodies at once, slow senders meanwhile; how each body was answered."""
    stop = threading.Event()
    answers: Counter[str] = Counter()
    slow = [threading.Thread(target=trickle, args=(port, stop)) for _ in range(given.slow)]
    uploads = [
        threading.Thread(target=upload, args=(base, *one, given.size * MIB, answers))
        for one in BODIES * given.rounds
    ]
    for thread in (*slow, *uploads):
        thread.start()
    for thread in uploads:
        thread.join()
    stop.set()
    for thread in slow:
        thread.join()
    return answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=300, help="of a body, MB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow", type=int, default=8, help="slow senders")
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, postgres_server(given.postgres) as server:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ASSESSOR_DATA_DIR": folder}
        if server:
            environment["ASSESSOR_DATABASE_URL"] = server.url("uploads")
        command = [sys.executable, "-c", f"from api.serve import serve; serve('127.0.0.1', {port}, True)"]
        with (Path(folder) / "log").open("wb") as log:
            service = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            return _measure(given, port, psutil.Process(service.pid))
        finally:
            service.terminate()
            service.wait()


def _measure(given: argparse.Namespace, port: int, service: psutil.Process) -> int:
    base = f"http://127.0.0.1:{port}/api/v1"
    with httpx.Client(timeout=30) as client:
        until_up(client, base)
        quiet_ms = [health_ms(client, base) for _ in range(30)]
        before_mb = service.memory_info().rss / MIB
        # in a process of their own: threads beside the clock would be timed with the service
        with ProcessPoolExecutor(1, get_context("spawn")) as others:
            sent = others.submit(send_all, base, port, given)
            took_ms, most_mb = [], before_mb
            while not sent.done():
                took_ms.append(health_ms(client, base))
                most_mb = max(most_mb, service.memory_info().rss / MIB)
            answers = sent.result()
    for answer, count in sorted(answers.items()):
        print(f"{count:3d} x {answer}")
    for when, ms in (("before", quiet_ms), ("meanwhile", took_ms)):
        p95_ms = statistics.quantiles(ms, n=20)[-1]
        print(
            f"/health {when}: median {statistics.median(ms):.0f} ms, p95 {p95_ms:.0f}, longest {max(ms):.0f}"
        )
    print(f"memory of the service's process: {before_mb:.0f} MB before, at most {most_mb:.0f} MB meanwhile")
    return 0


def until_up(client: httpx.Client, base: str) -> None:
    while True:
        try:
            client.get(f"{base}/health").raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)


def health_ms(client: httpx.Client, base: str) -> float:
    time.sleep(HEALTH_EVERY_S)
    began_s = time.perf_counter()
    client.get(f"{base}/health").raise_for_status()
    return (time.perf_counter() - began_s) * 1000


if __name__ == "__main__":
    sys.exit(main())
