"""What one client may cost: bytes, seconds, places; over raw sockets where a client must misbehave."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_server import port_of, running

from api import limits, serve

PHOTOS = "/api/v1/photos"
MIB = 1024 * 1024
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="pad.jpg"\r\n\r\n'
END = b"\r\n--x--\r\n"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(upload_timeout_s=1.0, max_uploads=2) as client:
        yield client


def head(*headers: str) -> bytes:
    lines = (
        f"POST {PHOTOS} HTTP/1.1",
        "Host: localhost",
        "Content-Type: multipart/form-data; boundary=x",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode()


def talk(client: httpx.Client, *pieces: bytes) -> tuple[int, dict[str, object]]:
    """Send the pieces, read until the server closes; status and document of its first answer."""
    with socket.create_connection(("127.0.0.1", port_of(client)), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    top, _, body = received.partition(b"\r\n\r\n")
    return int(top.split(b" ", 2)[1]), json.loads(body)


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_a_body_over_the_limit_is_refused_by_its_stated_length(client: httpx.Client) -> None:
    # Nothing of the body is sent: the answer must come from the header alone.
    status, document = talk(client, head(f"Content-Length: {300 * MIB}"))
    assert (status, document["code"]) == (413, "upload_too_large")


def test_a_whole_body_over_the_limit_still_gets_to_read_its_answer(client: httpx.Client) -> None:
    answer = client.post(PHOTOS, files={"file": ("pad.jpg", bytes(5 * MIB))})
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert answer.headers["connection"] == "close"


def test_a_chunked_body_is_counted_as_it_streams(client: httpx.Client) -> None:
    pieces = [chunk(PART), *[chunk(bytes(65536))] * 20, b"0\r\n\r\n"]
    status, document = talk(client, head("Transfer-Encoding: chunked"), *pieces)
    assert (status, document["code"]) == (413, "upload_too_large")


def test_a_chunked_body_within_the_limit_is_graded(client: httpx.Client) -> None:
    pieces = [chunk(PART), chunk(b"pad"), chunk(END), b"0\r\n\r\n"]
    status, document = talk(client, head("Transfer-Encoding: chunked", "Connection: close"), *pieces)
    assert (status, document["schema_version"]) == (200, "1")


def test_a_length_that_lies_cuts_the_form_short(client: httpx.Client) -> None:
    # In one piece: the server closes after its answer, and what is sent to a closed door breaks the pipe.
    status, document = talk(client, head("Content-Length: 40", "Connection: close") + PART + b"pad" + END)
    assert (status, document["code"]) == (422, "no_file")


def test_a_slow_sender_is_sent_away(client: httpx.Client) -> None:
    status, document = talk(client, head("Content-Length: 1000"), PART)
    assert (status, document["code"]) == (408, "upload_too_slow")


def test_a_trickling_sender_gives_its_place_back_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRACE_S", 0.2)
    with running(upload_timeout_s=3600) as client:
        status, document = talk(client, head("Content-Length: 1000"), PART)
    assert (status, document["code"]) == (408, "upload_too_slow")


def test_a_slow_sender_to_a_wrong_address_is_sent_away(client: httpx.Client) -> None:
    status, document = talk(client, head("Content-Length: 1000").replace(b"photos", b"nothing"), PART)
    assert (status, document["code"]) == (404, "not_found")


def test_a_client_that_hangs_up_costs_nothing(client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", port_of(client)), timeout=30) as connection:
        connection.sendall(head("Content-Length: 1000") + PART)
    answer = client.post(PHOTOS, files={"file": ("pad.jpg", b"pad")})
    assert answer.status_code == 200


def test_headers_that_never_end_close_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEADER_TIMEOUT_S", 0.2)
    with (
        running() as client,
        socket.create_connection(("127.0.0.1", port_of(client)), timeout=30) as connection,
    ):
        connection.sendall(b"POST /api/v1/photos HTTP/1.1\r\nHost: loc")
        assert connection.recv(100) == b""
        # The client's other connections live on past the limit.
        assert client.get("/api/v1/health").status_code == 200


def test_headers_beyond_the_limit_are_refused(client: httpx.Client) -> None:
    # Without an end: the limit is on what is still incomplete, however it arrives.
    with socket.create_connection(("127.0.0.1", port_of(client)), timeout=30) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nx-long: " + b"y" * 2 * serve.MAX_HEADER_BYTES
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_more_uploads_than_places_are_told_when_to_come_back(client: httpx.Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    statuses: list[int] = []

    def upload() -> None:
        with httpx.Client(base_url=client.base_url, timeout=60) as own:
            answer = own.post(PHOTOS, files={"file": ("pad.jpg", f"wait {gate}".encode())})
            statuses.append(answer.status_code)

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    # Health answers while both places are taken, and shows when they are.
    while client.get("/api/v1/health").json()["queue_depth"] < 2:
        pass
    answer = client.post(PHOTOS, files={"file": ("pad.jpg", b"pad")})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["retry-after"]) > 0
    assert client.get("/").status_code == 200
    gate.touch()
    for thread in threads:
        thread.join(30)
    assert statuses == [200, 200]
    assert client.post(PHOTOS, files={"file": ("pad.jpg", b"pad")}).status_code == 200
    assert client.get("/api/v1/health").json()["queue_depth"] == 0
