"""A photo that hangs, kills or bloats its grading process costs that one request."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_server import running

from assessor.errors import OptionError

PHOTOS = "/api/v1/photos"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(worker_timeout_s=3) as client:
        yield client


def post(client: httpx.Client, photo: bytes) -> httpx.Response:
    return client.post(PHOTOS, files={"file": ("kim.jpg", photo)})


@pytest.mark.parametrize(
    ("photo", "status", "code"),
    [
        (b"die", 500, "grading_died"),
        (b"hang", 504, "grading_timeout"),
        (b"hog 6", 500, "grading_out_of_memory"),
        (b"break", 500, "internal_error"),
        (b"refuse", 415, "not_an_image"),
    ],
)
def test_the_next_photo_is_graded(client: httpx.Client, photo: bytes, status: int, code: str) -> None:
    answer = post(client, photo)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert post(client, b"pad").status_code == 200


def test_a_dying_process_costs_no_other_request(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with running(workers=2) as client:
        answers: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: answers.append(post(client, f"wait {gate}".encode())))
        waiting.start()
        while client.get("/api/v1/health").json()["queue_depth"] < 1:
            pass
        for _ in range(3):
            assert post(client, b"die").json()["code"] == "grading_died"
        gate.touch()
        waiting.join(30)
        assert [answer.status_code for answer in answers] == [200]


def test_the_log_says_where_it_broke_but_no_name(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = post(client, b"break")
    assert "RuntimeError" in caplog.text
    assert "api_doubles.py" in caplog.text
    assert "kim" not in caplog.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(("memory_mb", "status"), [(2048, 500), (8192, 200)])
def test_memory_is_limited_to_what_the_setting_says(memory_mb: int, status: int) -> None:
    with running(worker_memory_mb=memory_mb) as client:
        assert post(client, b"hog 3").status_code == status


SERVE = "from api.serve import serve; serve(port=0, single_user=True)"


def test_serve_prints_the_address_answers_only_local_names_and_stops_on_interrupt(tmp_path: Path) -> None:
    environment = {**os.environ, "ASSESSOR_WORKERS": "1", "ASSESSOR_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        try:
            assert httpx.get(f"{address}api/v1/health", timeout=60).json()["status"] == "ok"
            elsewhere = httpx.get(address, headers={"host": "evil.example"}, timeout=60)
            assert (elsewhere.status_code, elsewhere.json()["code"]) == (421, "wrong_host")
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_single_user_does_not_listen_to_others() -> None:
    from api.serve import serve

    with pytest.raises(OptionError) as caught:
        serve(host="0.0.0.0", single_user=True)
    assert caught.value.code == "not_local"


def test_a_taken_port_is_one_clear_error(client: httpx.Client) -> None:
    from api.serve import serve

    handlers = list(logging.getLogger().handlers)
    with pytest.raises(OptionError) as caught:
        serve(port=client.base_url.port or 0)
    assert caught.value.code == "port_taken"
    assert logging.getLogger().handlers == handlers  # the logs of who called are not taken over


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://localhost:80/"),
        ("::1", "http://[::1]:80/"),
    ],
)
def test_address(host: str, url: str) -> None:
    from api.serve import address

    assert address(host, 80) == url
