"""Live sessions under load: round trips, dropped frames, processor time and memory, by the minute.

python -m scripts.live_load                          one session for a minute
python -m scripts.live_load --sessions 9 --minutes 10

Starts the service itself, sends frames of a rendered clip at 30 a second to every session (a little apart
from each other, as browsers would), keeps to the credits, and prints two tables. A refusal is a result. What
else runs on the machine, or is stolen from it by its host, stands beside the round trips of that minute.
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
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.live.wire import HEADER, VERSION

FPS = 30.0
WIDTH, HEIGHT = 640, 480
CLIP_S = 6.0
JPEG_QUALITY = 90
SPACING_S = 3.0  # between the starts of sessions: the desk looks at what the earlier ones cost
LOOK_EVERY_S = 5.0
READ_EVERY = 30  # answers: this process shares the processors with what it measures
SETTLED_S = 10.0  # after the last session's start, from where memory counts
SERVE = "from api.serve import serve; serve(port=0, single_user=True)"


@dataclass(slots=True)
class Session:
    """What one session saw; `trips` are (answered at since the load began, round trip) in seconds."""

    refused: str = ""
    sent: int = 0
    dropped: int = 0
    most_in_flight: int = 0
    trips: list[tuple[float, float]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    tips: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """Processor seconds used since whenever, by whom; memory of the service, MB."""

    at_s: float
    web_s: float
    sessions_s: float
    load_s: float
    all_s: float
    stolen_s: float
    memory_mb: float


def pictures() -> list[bytes]:
    """JPEGs of a rendered clip with one tip, forwards and backwards, so that it repeats without a jump."""
    import cv2

    from assessor.render.clips import ClipOrder, InstrumentOrder, Tremor, shoot

    tip = InstrumentOrder(task="hold", tremor=Tremor(1.0, 8.0, direction_rad=0.7))
    film = shoot(ClipOrder(seconds=CLIP_S, instruments=(tip,), seed=3), "load")
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    once = [bytes(cv2.imencode(".jpg", bgr, quality)[1].tobytes()) for _, bgr in film.frames()]
    return once + once[::-1]


async def play(url: str, jpegs: list[bytes], seconds: float, session: Session, load_began_s: float) -> None:
    """One browser's part: frames at their times, none beyond the credit, until the time is up."""
    async with connect(url, max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"type": "start", "task": "hold"}))
        first = json.loads(await socket.recv())
        if first["type"] == "error":
            session.refused = first["code"]
            return
        in_flight: deque[float] = deque()
        hearing = asyncio.create_task(hear(socket, in_flight, load_began_s, session))
        began_s = time.monotonic()
        for seq in range(int(seconds * FPS)):
            await asyncio.sleep(began_s + seq / FPS - time.monotonic())
            if hearing.done():
                break
            if len(in_flight) >= first["credit"]:
                session.dropped += 1
                continue
            in_flight.append(time.monotonic())
            session.sent += 1
            session.most_in_flight = max(session.most_in_flight, len(in_flight))
            head = HEADER.pack(VERSION, 0, 0, seq, int(seq * 1e6 / FPS), 0, 0, WIDTH, HEIGHT)
            await socket.send(head + jpegs[seq % len(jpegs)])
        await socket.send('{"type": "stop"}')
        await hearing


async def hear(
    socket: ClientConnection, in_flight: deque[float], load_began_s: float, session: Session
) -> None:
    """Answers come in the order of the frames."""
    try:
        async for text in socket:
            now_s = time.monotonic()
            if text.startswith('{"type": "score"'):  # type: ignore[arg-type]
                session.trips.append((now_s - load_began_s, now_s - in_flight.popleft()))
                if len(session.trips) % READ_EVERY == 0:
                    message = json.loads(text)
                    tremor = message["tremor"]
                    session.statuses[tremor["status"] if tremor else "none yet"] += 1
                    session.tips.append(len(message["tips"]))
            elif text.startswith('{"type": "error"'):  # type: ignore[arg-type]
                session.refused = json.loads(text)["code"]
    except ConnectionClosed as closed:
        session.refused = session.refused or f"closed: {closed}"


class Watch:
    """Looks at the service's processes, this one, and the machine."""

    def __init__(self, pid: int) -> None:
        self._service = psutil.Process(pid)
        self._used_s: dict[int, float] = {}  # by each child of the service, also those that ended

    def look(self, at_s: float) -> Look:
        memory = self._service.memory_info().rss
        for child in self._service.children(recursive=True):
            try:
                self._used_s[child.pid] = _busy_s(child)
                memory += child.memory_info().rss
            except psutil.Error:
                continue
        machine = psutil.cpu_times()
        idle_s = machine.idle + getattr(machine, "iowait", 0.0)
        stolen_s = getattr(machine, "steal", 0.0)
        return Look(
            at_s=at_s,
            web_s=_busy_s(self._service),
            sessions_s=sum(self._used_s.values()),
            load_s=time.process_time(),
            all_s=sum(machine) - idle_s - stolen_s,
            stolen_s=stolen_s,
            memory_mb=memory / 1e6,
        )


def _busy_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def load(url: str, pid: int, count: int, seconds: float) -> tuple[list[Session], list[Look]]:
    """Every session's account, and what was looked at meanwhile."""
    jpegs = await asyncio.to_thread(pictures)
    sessions = [Session() for _ in range(count)]
    watch, looks = Watch(pid), []
    began_s = time.monotonic()

    async def keep_looking() -> None:
        while True:
            looks.append(watch.look(time.monotonic() - began_s))
            await asyncio.sleep(LOOK_EVERY_S)

    async def one(k: int) -> None:
        await asyncio.sleep(k * SPACING_S)
        await play(url, jpegs, seconds - k * SPACING_S, sessions[k], began_s)

    looking = asyncio.create_task(keep_looking())
    await asyncio.gather(*(one(k) for k in range(count)))
    looking.cancel()
    return sessions, looks


def by_session(sessions: list[Session]) -> str:
    head = ["session", "frames/s", "dropped", "in flight at most", "p50 ms", "p95 ms"]
    lines = _head([*head, "p95 of the first, last fifth, ms", "tips held", "tremor"])
    for k, session in enumerate(sessions, 1):
        if not session.trips:
            lines.append(f"| {k} | refused: {session.refused} | | | | | | | |")
            continue
        trips = np.array(session.trips)
        at_s, ms = trips[:, 0], 1e3 * trips[:, 1]
        first_s, lasted_s = at_s[0], at_s[-1] - at_s[0]
        early, late = ms[at_s < first_s + lasted_s / 5], ms[at_s > first_s + lasted_s * 4 / 5]
        offered, read = session.sent + session.dropped, max(1, len(session.tips))
        status = ", ".join(f"{name} {n / read:.0%}" for name, n in session.statuses.most_common(2))
        lines.append(
            f"| {k} | {len(ms) / lasted_s:.1f} | {session.dropped / offered:.1%} | {session.most_in_flight} "
            f"| {np.median(ms):.0f} | {np.percentile(ms, 95):.0f} "
            f"| {np.percentile(early, 95):.0f}, {np.percentile(late, 95):.0f} "
            f"| {sum(session.tips) / read:.2f} | {status} |"
        )
    return "\n".join(lines)


def by_minute(sessions: list[Session], looks: list[Look], seconds: float) -> str:
    """Round trips of all sessions, and processors kept busy meanwhile."""
    trips = np.array([trip for session in sessions for trip in session.trips])
    columns = ["minute", "frames/s, all", "p50 ms", "p95 ms", "CPU ms a frame: sessions", "web", "load"]
    lines = _head([*columns, "processors busy", "of these not ours", "stolen", "memory, MB"])
    for minute in range(max(1, round(seconds / 60))):
        some = [look for look in looks if 60 * minute <= look.at_s < min(60 * minute + 65, seconds)]
        if len(some) < 2:
            continue
        a, b = some[0], some[-1]
        lasted_s = b.at_s - a.at_s
        ms = 1e3 * trips[(trips[:, 0] >= a.at_s) & (trips[:, 0] < b.at_s), 1] if len(trips) else trips
        if not len(ms):
            continue
        sessions_s, web_s, load_s = b.sessions_s - a.sessions_s, b.web_s - a.web_s, b.load_s - a.load_s
        all_s = b.all_s - a.all_s
        lines.append(
            f"| {minute + 1} | {len(ms) / lasted_s:.0f} | {np.median(ms):.0f} | {np.percentile(ms, 95):.0f} "
            + "".join(f"| {1e3 * used_s / len(ms):.1f} " for used_s in (sessions_s, web_s, load_s))
            + f"| {all_s / lasted_s:.2f} | {(all_s - sessions_s - web_s - load_s) / lasted_s:.2f} "
            f"| {(b.stolen_s - a.stolen_s) / lasted_s:.2f} | {b.memory_mb:.0f} |"
        )
    return "\n".join(lines)


def memory(sessions: int, looks: list[Look], seconds: float) -> str:
    """From when every session is in and its libraries are loaded, a while after the last one's start."""
    from_s = (sessions - 1) * SPACING_S + SETTLED_S
    at_start = [one.memory_mb for one in looks if from_s < one.at_s < from_s + seconds / 10]
    at_end = [one.memory_mb for one in looks if 0.9 * seconds < one.at_s < 0.98 * seconds]
    if not at_start or not at_end:
        return "Too short to tell whether memory grows."
    start_mb, end_mb = statistics.median(at_start), statistics.median(at_end)
    a_minute = 60 * (end_mb - start_mb) / (0.94 * seconds - from_s)
    return (
        f"Memory of the service: {start_mb:.0f} MB at the start, {end_mb:.0f} MB at the end "
        f"({a_minute:+.1f} a minute); most {max(one.memory_mb for one in looks):.0f} MB."
    )


def _head(columns: list[str]) -> list[str]:
    return ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1.0)
    options = parser.parse_args()
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "service.log").open("w") as log:
        environment = {**os.environ, "ASSESSOR_DATA_DIR": folder, "ASSESSOR_WORKERS": "1"}
        command = [sys.executable, "-c", SERVE]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as service:
            assert service.stdout is not None
            try:
                address = service.stdout.readline().split()[1]
                transport = httpx.HTTPTransport(retries=10)
                with httpx.Client(transport=transport, timeout=60) as client:
                    client.get(f"{address}api/v1/health")
                url = address.replace("http", "ws", 1) + "api/v1/live"
                sessions, looks = asyncio.run(load(url, service.pid, options.sessions, seconds))
            finally:
                service.send_signal(signal.SIGINT)
    print(f"{options.sessions} sessions, {options.minutes:g} minutes, {os.cpu_count()} cores, 640x480.\n")
    print(by_session(sessions), by_minute(sessions, looks, seconds), sep="\n\n")
    print(f"\n{memory(len(sessions), looks, seconds)}")


if __name__ == "__main__":
    main()
