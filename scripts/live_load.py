"""Live sessions under load: round trips, dropped frames, memory. To be run on an otherwise idle machine.

python -m scripts.live_load                          one session for a minute
python -m scripts.live_load --sessions 9 --minutes 10

Starts the service itself, sends frames of a rendered clip at 30 a second to every session (a little apart
from each other, as browsers would), keeps to the credits, and prints a table. A refusal is a result.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.live.wire import HEADER, VERSION

FPS = 30.0
CLIP_S = 6.0
JPEG_QUALITY = 90
SPACING_S = 3.0  # between the starts of sessions: the desk looks at what the earlier ones cost
MEMORY_EVERY_S = 5.0
SETTLED_S = 10.0  # after the last session's start, from where memory counts
SERVE = "from api.serve import serve; serve(port=0, single_user=True)"


@dataclass(slots=True)
class Session:
    """What one session saw; `trips` are (when, round trip) in seconds since it began."""

    refused: str = ""
    sent: int = 0
    dropped: int = 0
    most_in_flight: int = 0
    trips: list[tuple[float, float]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


def pictures() -> list[bytes]:
    """JPEGs of a rendered clip, forwards and backwards, so that it repeats without a jump."""
    import cv2

    from assessor.render.clips import ClipOrder, InstrumentOrder, Tremor, shoot

    tip = InstrumentOrder(task="hold", tremor=Tremor(1.0, 8.0, direction_rad=0.7))
    film = shoot(ClipOrder(seconds=CLIP_S, instruments=(tip,)), "load")
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    once = [bytes(cv2.imencode(".jpg", bgr, quality)[1].tobytes()) for _, bgr in film.frames()]
    return once + once[::-1]


async def play(url: str, jpegs: list[bytes], seconds: float, session: Session) -> None:
    """One browser's part: frames at their times, none beyond the credit, until the time is up."""
    async with connect(url, max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"type": "start", "task": "hold"}))
        first = json.loads(await socket.recv())
        if first["type"] == "error":
            session.refused = first["code"]
            return
        in_flight: dict[int, float] = {}
        credit = [first["credit"]]
        began_s = time.monotonic()
        hearing = asyncio.create_task(hear(socket, in_flight, credit, began_s, session))
        height, width = 480, 640
        for seq in range(int(seconds * FPS)):
            await asyncio.sleep(began_s + seq / FPS - time.monotonic())
            if hearing.done():
                break
            if len(in_flight) >= credit[0]:
                session.dropped += 1
                continue
            in_flight[seq] = time.monotonic()
            session.sent += 1
            session.most_in_flight = max(session.most_in_flight, len(in_flight))
            head = HEADER.pack(VERSION, 0, 0, seq, int(seq * 1e6 / FPS), 0, 0, width, height)
            await socket.send(head + jpegs[seq % len(jpegs)])
        await socket.send('{"type": "stop"}')
        await hearing


async def hear(
    socket: ClientConnection,
    in_flight: dict[int, float],
    credit: list[int],
    began_s: float,
    session: Session,
) -> None:
    try:
        async for text in socket:
            now_s = time.monotonic()
            message = json.loads(text)
            if message["type"] == "score":
                session.trips.append((now_s - began_s, now_s - in_flight.pop(message["seq"])))
                credit[0] = message["credit"]
                tremor = message["tremor"]
                session.statuses[tremor["status"] if tremor else "none yet"] += 1
            elif message["type"] == "error":
                session.refused = message["code"]
    except ConnectionClosed as closed:
        session.refused = session.refused or f"closed: {closed}"


def memory_mb(pid: int) -> float:
    """Resident MB of a process and all below it (Linux)."""
    total_kb = 0
    children: dict[int, list[int]] = {}
    sizes_kb: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        children.setdefault(int(fields["PPid"]), []).append(int(fields["Pid"]))
        sizes_kb[int(fields["Pid"])] = int(fields.get("VmRSS", "0 kB").split()[0])
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        total_kb += sizes_kb.get(one, 0)
        waiting += children.get(one, [])
    return total_kb / 1e3


async def load(
    url: str, pid: int, count: int, seconds: float
) -> tuple[list[Session], list[tuple[float, float]]]:
    """Every session's account, and (seconds, MB) of the service's memory."""
    jpegs = await asyncio.to_thread(pictures)
    sessions = [Session() for _ in range(count)]
    memory: list[tuple[float, float]] = []
    began_s = time.monotonic()

    async def watch() -> None:
        while True:
            memory.append((time.monotonic() - began_s, await asyncio.to_thread(memory_mb, pid)))
            await asyncio.sleep(MEMORY_EVERY_S)

    async def one(k: int) -> None:
        await asyncio.sleep(k * SPACING_S)
        await play(url, jpegs, seconds - k * SPACING_S, sessions[k])

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(one(k) for k in range(count)))
    watching.cancel()
    return sessions, memory


def report(sessions: list[Session], memory: list[tuple[float, float]], seconds: float) -> str:
    head = ["session", "frames/s", "dropped", "in flight at most", "p50 ms", "p95 ms"]
    head += ["p95 of the first, last fifth, ms", "tremor"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for k, session in enumerate(sessions, 1):
        if not session.trips:
            lines.append(f"| {k} | refused: {session.refused} | | | | | | |")
            continue
        trips = np.array(session.trips)
        ms = 1e3 * trips[:, 1]
        end_s = float(trips[-1, 0])
        early, late = ms[trips[:, 0] < end_s / 5], ms[trips[:, 0] > end_s * 4 / 5]
        offered = session.sent + session.dropped
        status = ", ".join(f"{name} {n / len(ms):.0%}" for name, n in session.statuses.most_common(2))
        lines.append(
            f"| {k} | {len(ms) / end_s:.1f} | {session.dropped / offered:.1%} | {session.most_in_flight} "
            f"| {np.median(ms):.0f} | {np.percentile(ms, 95):.0f} "
            f"| {np.percentile(early, 95):.0f}, {np.percentile(late, 95):.0f} | {status} |"
        )
    # Every session is in, and its libraries are loaded, a while after the last one's start.
    from_s = (len(sessions) - 1) * SPACING_S + SETTLED_S
    at_start = [mb for t_s, mb in memory if from_s < t_s < from_s + seconds / 10]
    at_end = [mb for t_s, mb in memory if 0.9 * seconds < t_s < 0.98 * seconds]
    if at_start and at_end:
        start_mb, end_mb = statistics.median(at_start), statistics.median(at_end)
        most_mb = max(mb for _, mb in memory)
        lines.append(
            f"\nMemory of the service: {start_mb:.0f} MB at the start, {end_mb:.0f} MB at the end"
            f" ({60 * (end_mb - start_mb) / (0.94 * seconds - from_s):+.1f} a minute); most {most_mb:.0f} MB."
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1.0)
    options = parser.parse_args()
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ASSESSOR_DATA_DIR": folder, "ASSESSOR_WORKERS": "1"}
        command = [sys.executable, "-c", SERVE]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as service:
            assert service.stdout is not None
            try:
                address = service.stdout.readline().split()[1]
                transport = httpx.HTTPTransport(retries=10)
                with httpx.Client(transport=transport, timeout=60) as client:
                    client.get(f"{address}api/v1/health")
                url = address.replace("http", "ws", 1) + "api/v1/live"
                found = asyncio.run(load(url, service.pid, options.sessions, seconds))
            finally:
                service.send_signal(signal.SIGINT)
    print(f"{options.sessions} sessions, {options.minutes:g} minutes, {os.cpu_count()} cores, 640x480.\n")
    print(report(*found, seconds))


if __name__ == "__main__":
    main()
