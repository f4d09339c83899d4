"""The whole live chain, nothing doubled: a rendered clip as Chromium's camera, the page against its truth."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from api_server import port_of, running
from browser import PATIENCE_MS, chromium, needs_chromium, origin
from test_live_page import start, turn_on
from websockets.sync.client import connect

from api.live.child import open_session
from api.live.wire import HEADER, VERSION
from assessor.render.clips import (
    CameraOrder,
    ClipOrder,
    InstrumentOrder,
    Tremor,
    TremorTruth,
    render_clip,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

PEAK_PX, HZ = 2.0, 7.0
SIZE = (480, 360)
FPS = 30.0
# The camera plays the clip in a loop: whole cycles of the tremor, so that it goes on where it begins anew.
CLIP_S = 6.0
# The page looks back four seconds; the rest is for finding the tip, and for a machine that stutters.
LISTEN_S = 25.0
# Chromium stamps its test camera's pictures when it gets round to them: below this rate, or with more than
# this jitter (rms), what the page is shown is not the clip that the truth is of.
LEAST_FPS = 27.0
JITTER_S = 0.004


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TremorTruth]:
    order = ClipOrder(
        seconds=CLIP_S,
        instruments=(InstrumentOrder(task="hold", tremor=Tremor(PEAK_PX, HZ, direction_rad=0.7)),),
        camera=CameraOrder(width=SIZE[0], height=SIZE[1], fps=FPS, noise=1.0),
        seed=7,  # over the bare pad; over stitches, as with seed 3: docs/tracking.md
    )
    path = tmp_path_factory.mktemp("camera") / "hold.mjpeg"
    truth = render_clip(path, order).tips[0].tremor
    assert truth is not None
    return path, truth


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(live_session=open_session) as client:
        yield client


def test_the_socket_gives_the_clips_tremor(client: httpx.Client, clip: tuple[Path, TremorTruth]) -> None:
    """At whatever pace this machine has: the frames carry their own times."""
    path, truth = clip
    jpegs = [b"\xff\xd8" + part for part in path.read_bytes().split(b"\xff\xd8")[1:]]
    with connect(f"ws://127.0.0.1:{port_of(client)}/api/v1/live") as socket:
        socket.send(json.dumps({"type": "start", "task": "hold"}))
        assert json.loads(socket.recv(120))["type"] == "ready"
        score = {}
        for seq, jpeg in enumerate(jpegs):
            socket.send(HEADER.pack(VERSION, 0, 0, seq, round(seq * 1e6 / FPS), 0, 0, *SIZE) + jpeg)
            score = json.loads(socket.recv(60))
            assert (score["type"], score.get("seq")) == ("score", seq), score
        socket.send('{"type": "stop"}')
        summary = json.loads(socket.recv(120))
    for tremor in (score["tremor"], summary["tips"][0]["tremor"]):
        assert tremor["status"] == "measured"
        assert tremor["rms_px"] == pytest.approx(truth.rms_px, rel=0.15)
        assert tremor["peak_hz"] == pytest.approx(truth.hz, abs=0.3)


@needs_chromium
def test_the_page_shows_the_clips_tremor(client: httpx.Client, clip: tuple[Path, TremorTruth]) -> None:
    path, truth = clip
    with chromium(path) as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{origin(client)}/live")
        turn_on(page)
        start(page)
        rms_px, hz, said = listen(page)
        page.get_by_role("button", name="Stop and sum up").click()
        page.wait_for_selector("#result:not([hidden])")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save numbers").click()
        saved = json.loads(download.value.path().read_text("utf-8"))
    excuse = held_up(saved)
    if None in (rms_px, hz):
        assert said, "the page said neither a tremor nor why there is none"
        assert excuse, f"no tremor in {LISTEN_S:.0f} s, and the machine is not to blame: {said}"
    if excuse:
        pytest.skip(f"too busy a machine for live video: {excuse}")
    assert rms_px == pytest.approx(truth.rms_px, rel=0.15), said
    assert hz == pytest.approx(truth.hz, abs=0.3), said
    assert said.startswith("Tremor ")
    tremor = saved["tips"][0]["tremor"]
    assert tremor["rms_px"] == pytest.approx(truth.rms_px, rel=0.15)
    assert tremor["peak_hz"] == pytest.approx(truth.hz, abs=0.3)


def listen(page: Page) -> tuple[float | None, float | None, str]:
    """Tremor (px rms), peak (Hz) and the sentence, once the page tells all three; else after LISTEN_S."""
    until_s = time.monotonic() + LISTEN_S
    while True:
        rms_px, hz = shown(page.locator("#tremor").inner_text()), shown(page.locator("#peak").inner_text())
        said = page.locator("#score-line").inner_text()
        told = rms_px is not None and hz is not None and said.startswith("Tremor ")
        if told or time.monotonic() > until_s:
            return rms_px, hz, said
        page.wait_for_timeout(200)


def held_up(saved: dict[str, Any]) -> str:
    """How a crowded machine kept the camera from playing its clip in time; empty where it did not."""
    if os.getloadavg()[0] <= (os.cpu_count() or 1):
        return ""
    fps = saved["video"]["real_fps"]
    if fps is None or fps < LEAST_FPS:
        return f"{fps} frames a second"
    t_s = np.array([row[0] for tip in saved["tips"][:1] for row in tip["track"]])
    steps = np.diff(t_s) * FPS
    jitter_s = float(np.std(steps - np.round(steps))) / FPS / 2**0.5 if len(steps) else 0.0
    return f"{1e3 * jitter_s:.0f} ms of jitter" if jitter_s > JITTER_S else ""


def shown(text: str) -> float | None:
    """The number that a reader sees; None for a dash."""
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else None
