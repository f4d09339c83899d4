"""The live protocol against a real server, with a double in place of the assessor's session."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection
from typing import Any

import httpx
import live_doubles
import numpy as np
import pytest
from api_doubles import jpeg
from api_server import port_of, running
from live_doubles import BREAK, DIE, HANG, REFUSE
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api import serve
from api.live import desk, process
from api.live.child import Conversation
from api.live.wire import CREDIT, HEADER, MAX_MESSAGE_BYTES, LiveError
from api.routes import live

FULL = (640, 480)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running() as client:
        yield client


def open_socket(client: httpx.Client, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port_of(client)}/api/v1/live", **options)


def dot(x: int, y: int, size: tuple[int, int] = FULL) -> bytes:
    """A dark JPEG with a bright dot."""
    import cv2

    picture = np.zeros((size[1], size[0], 3), np.uint8)
    cv2.circle(picture, (x, y), 9, (255, 255, 255), -1, cv2.LINE_AA)
    picture[y, x] = 255
    picture = cv2.GaussianBlur(picture, (0, 0), 4)
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def frame(
    seq: int,
    picture: bytes,
    *,
    capture_us: int | None = None,
    roi: tuple[int, int] = (0, 0),
    full: tuple[int, int] = FULL,
    version: int = 1,
) -> bytes:
    t_us = 1_000_000 + seq * 33_333 if capture_us is None else capture_us
    return HEADER.pack(version, 0, 0, seq, t_us, *roi, *full) + picture


def receive(socket: ClientConnection) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(socket.recv(30))
    return document


def start(socket: ClientConnection, **options: object) -> dict[str, Any]:
    socket.send(json.dumps({"type": "start", **options}))
    return receive(socket)


def refused(socket: ClientConnection) -> tuple[str, int]:
    """Code of the error message that comes next, and the close code after it."""
    document = receive(socket)
    assert document["type"] == "error"
    assert document["title"]
    assert document["hint"]
    with pytest.raises(ConnectionClosed) as caught:
        socket.recv(30)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.reason.startswith(document["code"])
    return document["code"], caught.value.rcvd.code


def test_the_header_has_24_bytes_as_the_contract_lays_them_out() -> None:
    assert HEADER.size == 24
    by_hand = struct.pack("<BBH", 1, 0, 0) + struct.pack("<I", 7) + struct.pack("<Q", 2**40)
    by_hand += struct.pack("<4H", 16, 32, 1280, 720)
    assert HEADER.unpack(by_hand) == (1, 0, 0, 7, 2**40, 16, 32, 1280, 720)


def test_a_session_from_start_to_summary(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        assert start(socket, task="hold", mm_per_px=0.05, hand="right") == {"type": "ready", "credit": CREDIT}
        socket.send(json.dumps({"type": "tip", "x": 100, "y": 50.5}))
        for seq in range(5):
            socket.send(frame(seq, dot(100 + 10 * seq, 50)))
            score = receive(socket)
            assert (score["type"], score["seq"], score["credit"]) == ("score", seq, CREDIT)
            (tip,) = score["tips"]
            assert tip["id"] == 1
            assert (tip["x"], tip["y"]) == pytest.approx((100 + 10 * seq, 50), abs=3)
            assert score["tremor"]["rms_um"] == 38.0
            assert (score["tremor"]["peak_hz"], score["tremor"]["status"]) == (8.1, "measured")
            assert score["score"] == 80.0
            # The spectrum is drawn now and then only.
            assert ("spectrum" in score) == (seq == 0)
        socket.send(json.dumps({"type": "stop"}))
        summary = receive(socket)
        assert (summary["type"], summary["schema_version"]) == ("summary", "1")
        assert (summary["video"]["frames"], summary["video"]["width"]) == (5, 640)
        assert summary["video"]["duration_s"] == pytest.approx(4 * 0.033333, abs=1e-6)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(30)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000


def test_a_part_of_the_picture_keeps_full_coordinates(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        start(socket)
        socket.send(frame(0, dot(100, 80, (320, 240)), roi=(304, 160), full=(1280, 720)))
        score = receive(socket)
    assert (score["tips"][0]["x"], score["tips"][0]["y"]) == pytest.approx((404, 240), abs=3)
    assert score["tremor"]["rms_px"] == 0.4


def test_repeats_and_frames_from_the_past_are_answered_but_are_no_samples() -> None:
    conversation = Conversation(live_doubles.open_session)
    conversation.command('{"type": "start"}')
    pictures = [dot(100, 50), dot(100, 50), dot(120, 50), dot(140, 50)]
    times_us = [0, 33_000, 66_000, 50_000]
    for seq, (picture, t_us) in enumerate(zip(pictures, times_us, strict=True)):
        answer = conversation.frame(memoryview(frame(seq, picture, capture_us=t_us)))
        assert json.loads(answer)["seq"] == seq
    assert json.loads(conversation.command('{"type": "stop"}'))["video"]["frames"] == 2


BROKEN_FRAMES = {
    "empty": b"",
    "header": b"\x01" * 24,
    "no jpeg": frame(0, b"no jpeg"),
    "version": frame(0, dot(20, 20, (64, 64)), version=2),
    "outside": frame(0, dot(20, 20, (64, 64)), roi=(600, 0)),
    "huge": frame(0, dot(20, 20), full=(5000, 480)),
    "tiny": frame(0, dot(20, 20, (32, 32))),
    "cut": frame(0, dot(20, 20)[:300]),
    "bomb": frame(0, jpeg((8000, 8000), (0, 0, 0))[:5000]),  # claims 64 megapixels
    "an hour later": frame(1, dot(20, 20), capture_us=2**63),
    "turned": frame(1, dot(20, 20, (480, 640)), full=(480, 640)),
}


@pytest.mark.parametrize("message", BROKEN_FRAMES.values(), ids=BROKEN_FRAMES)
def test_a_frame_that_cannot_be_used_is_refused(message: bytes) -> None:
    conversation = Conversation(live_doubles.open_session)
    conversation.command('{"type": "start"}')
    conversation.frame(memoryview(frame(0, dot(30, 20))))
    with pytest.raises(LiveError) as caught:
        conversation.frame(memoryview(message))
    assert caught.value.code == "bad_frame"


def test_a_frame_that_cannot_be_used_ends_the_session(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        start(socket)
        socket.send(BROKEN_FRAMES["no jpeg"])
        assert refused(socket) == ("bad_frame", 1008)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_command"),
        ("[]", "bad_command"),
        ("{", "bad_command"),
        ("[" * 900, "bad_command"),
        ('{"type": "fly"}', "bad_command"),
        ('{"type": "start", "task": "juggle"}', "bad_command"),
        ('{"type": "start", "mm_per_px": NaN}', "bad_command"),
        ('{"type": "start", "mm_per_px": "wide"}', "bad_command"),
        ('{"type": "start", "mm_per_px": 1%s}' % ("0" * 400), "bad_command"),
        ('{"type": "tip", "x": true, "y": 1}', "bad_command"),
        ('{"type": "start", "hand": "%s"}' % ("x" * 2000), "bad_command"),
        ('{"type": "tip", "x": 1, "y": 1}', "not_started"),
        ('{"type": "stop"}', "not_started"),
    ],
)
def test_a_command_that_cannot_be_used(client: httpx.Client, text: str, code: str) -> None:
    with open_socket(client) as socket:
        socket.send(text)
        assert refused(socket) == (code, 1008)


def test_frames_before_the_start_are_refused(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        socket.send(frame(0, dot(20, 20)))
        assert refused(socket) == ("not_started", 1008)


def test_a_session_starts_once(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        start(socket)
        socket.send('{"type": "start"}')
        assert refused(socket) == ("already_started", 1008)


@pytest.mark.parametrize(
    ("mm_per_px", "answer"),
    [
        (DIE, ("live_died", 1011)),
        (BREAK, ("live_failed", 1011)),
        (REFUSE, ("bad_mm_per_px", 1008)),
    ],
)
def test_what_becomes_of_one_session_costs_no_other(
    client: httpx.Client, mm_per_px: float, answer: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "FULL", math.inf)  # however few processors this machine has
    with open_socket(client) as other, open_socket(client) as socket:
        start(other)
        start(socket, mm_per_px=mm_per_px)
        socket.send(frame(0, dot(20, 20)))
        assert refused(socket) == answer
        other.send(frame(0, dot(20, 20)))
        assert receive(other)["seq"] == 0


def test_a_session_that_hangs_is_ended(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ANSWER_TIMEOUT_S", 0.3)
    with open_socket(client) as socket:
        start(socket, mm_per_px=HANG)
        socket.send(frame(0, dot(20, 20)))
        assert refused(socket) == ("live_died", 1011)


def test_a_message_too_large_closes_the_connection(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        start(socket)
        socket.send(bytes(MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(30)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


def test_one_more_than_there_are_places_is_refused_and_the_place_comes_back() -> None:
    with running(live_sessions=1) as client:
        with open_socket(client) as first:
            start(first)
            with open_socket(client) as second:
                second.send('{"type": "start"}')
                assert refused(second) == ("live_full", 1013)
            assert client.get("/api/v1/health").json()["live_sessions"] == 1
        while client.get("/api/v1/health").json()["live_sessions"]:
            pass
        with open_socket(client) as third:
            assert start(third)["type"] == "ready"


def test_a_machine_that_cannot_carry_one_more_says_so(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "FULL", 0.0)
    with open_socket(client) as first:
        start(first)  # the only one is always let in
        with open_socket(client) as second:
            second.send('{"type": "start"}')
            assert refused(second) == ("live_overloaded", 1013)


def test_the_forecast_adds_one_more_session_like_those_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(desk.time, "monotonic", lambda: now_s)
    seat = desk.Seat(process=None)  # type: ignore[arg-type]
    for _ in range(desk.SETTLED_FRAMES):
        seat.note(cpu_s=0.010, wall_s=0.012)
        now_s += 1 / 25
    assert seat.settled
    assert seat.cores == pytest.approx(0.010 * 25, rel=0.05)
    assert not seat.strained
    for _ in range(10 * desk.SETTLED_FRAMES):
        seat.note(cpu_s=0.010, wall_s=0.039)
        now_s += 1 / 25
    assert seat.strained  # 39 of 40 ms are waiting


def test_a_client_that_says_nothing_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as client:
        monkeypatch.setattr(live, "IDLE_S", 0.3)
        with open_socket(client) as socket:
            assert refused(socket) == ("live_idle", 1008)
        monkeypatch.setattr(live, "IDLE_S", 1.0)
        with open_socket(client) as socket:
            start(socket)
            socket.send(frame(0, dot(20, 20)))
            assert receive(socket)["type"] == "score"
            assert receive(socket)["type"] == "summary"  # what was measured is not lost


def test_an_endless_session_is_summed_up(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONGEST_S", 0.0)
    with open_socket(client) as socket:
        start(socket)
        socket.send(frame(0, dot(20, 20)))
        assert receive(socket)["type"] == "summary"


def test_no_page_from_elsewhere_may_open_it(client: httpx.Client) -> None:
    with pytest.raises(InvalidStatus) as caught:
        open_socket(client, origin="https://evil.example")
    assert caught.value.response.status_code == 403
    with open_socket(client, origin=f"http://127.0.0.1:{port_of(client)}") as socket:
        assert start(socket)["type"] == "ready"


def test_behind_a_proxy_its_own_public_page_may_open_it() -> None:
    with running(public_url="https://sutures.school.test") as client:
        with open_socket(client, origin="https://sutures.school.test") as socket:
            assert start(socket)["type"] == "ready"
        with pytest.raises(InvalidStatus):
            open_socket(client, origin="https://school.test")


def test_visitors_are_sent_to_sign_in_where_grading_is_closed() -> None:
    with running(open_grading=False) as client, open_socket(client) as socket:
        assert refused(socket) == ("not_signed_in", 1008)


def test_single_user_mode_answers_only_to_this_machine() -> None:
    with running(single_user=True) as client:
        with open_socket(client) as socket:
            assert start(socket)["type"] == "ready"
        raw = create_connection(("127.0.0.1", port_of(client)))
        with raw, pytest.raises(InvalidStatus) as caught:
            connect("ws://evil.example/api/v1/live", sock=raw)
        assert caught.value.response.status_code == 403


def test_answers_are_sent_at_once() -> None:
    """Else one waits in the system until the browser acknowledges the one before, with its next frame."""

    async def accepted() -> int:
        delays: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            option = (IPPROTO_TCP, TCP_NODELAY)
            delays.set_result(writer.get_extra_info("socket").getsockopt(*option))
            writer.close()

        listener = serve._listen("127.0.0.1", 0)
        async with await asyncio.start_server(connected, sock=listener):
            with create_connection(listener.getsockname()):
                return await delays

    assert asyncio.run(accepted()) != 0


# A session whose tip trembles from the first frame on, in a process that has loaded nothing else.
ESTIMATES = """
import math, sys
import numpy as np
from api.live.child import open_session
from api.live.wire import Start
from assessor.motion.frames import Frame
from assessor.motion.tracking import FrameMotion, TipSample

class Trembling:
    def step(self, frame, roi, full_size):
        x = math.sin(50 * frame.t_s)
        return FrameMotion(frame.t_s, (TipSample(0, 50, 50, 1.0, x, 0.0, 1, 0.0),), 0.0, 0.0, 0.0, 0.0)

session = open_session(Start(None, "hold", "unknown"))
session._tracker = Trembling()
loaded = set(sys.modules)
for k in range(90):
    score = session.push(Frame(np.zeros((96, 96), np.uint8), k / 30, k))
print(score.tremor.status, *sorted(set(sys.modules) - loaded))
"""


def test_no_estimate_of_a_session_waits_for_a_library() -> None:
    done = subprocess.run([sys.executable, "-c", ESTIMATES], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["measured"]


def test_the_doubles_offer_what_the_assessor_does() -> None:
    session = pytest.importorskip("assessor.motion.session")
    for name in ("push", "add_tip", "summary"):
        assert hasattr(session.Session, name)
        assert hasattr(live_doubles.Double, name)
