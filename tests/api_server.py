"""A real uvicorn server on a free port, for the tests of the service."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn
from api_doubles import grade as double
from api_doubles import measure as measured
from fastapi import FastAPI
from live_doubles import open_session

from api import clips
from api.live.child import Open
from api.main import create_app
from api.serve import server_config
from api.settings import Settings
from api.workers import Job


@contextlib.contextmanager
def running(
    grade: Job = double,
    *,
    live_session: Open = open_session,
    clip: Job = clips.assess,
    measure: Job = measured,
    single_user: bool = False,
    **settings: object,
) -> Iterator[httpx.Client]:
    """A client of a server that runs `grade`, `live_session`, `clip` and `measure`, on a new database where
    `data_dir` names none; its base_url has the port."""
    with tempfile.TemporaryDirectory() as data_dir:
        given = {"workers": 1, "max_upload_mb": 1, "data_dir": data_dir, **settings}
        chosen = Settings(**given)  # type: ignore[arg-type]
        app = create_app(
            chosen,
            single_user=single_user,
            grade=grade,
            live_session=live_session,
            clip=clip,
            measure=measure,
        )
        with _serving(app, chosen) as client:
            yield client


@contextlib.contextmanager
def _serving(app: FastAPI, chosen: Settings) -> Iterator[httpx.Client]:
    config = server_config(app, chosen)
    config.port = 0
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            client.headers["accept"] = "application/json"
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


def port_of(client: httpx.Client) -> int:
    assert client.base_url.port is not None
    return client.base_url.port
