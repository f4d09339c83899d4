"""The whole live chain, nothing doubled: a rendered clip as Chromium's camera, the page against its truth."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_server import port_of, running
from test_live_page import camera_arguments, start, turn_on
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

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

PEAK_PX, HZ = 2.0, 7.0
SIZE = (480, 360)
FPS = 30.0
# The camera plays the clip in a loop; what is measured here is over before it begins anew.
CLIP_S = 12.0
LISTEN_MS = 7000
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TremorTruth]:
    order = ClipOrder(
        seconds=CLIP_S,
        instruments=(InstrumentOrder(task="hold", tremor=Tremor(PEAK_PX, HZ, direction_rad=0.7)),),
        camera=CameraOrder(width=SIZE[0], height=SIZE[1], fps=FPS, noise=1.0),
        seed=3,
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
    jpegs = [b"\xff\xd8" + part for part in path.read_bytes().split(b"\xff\xd8")[1:]][: int(6 * FPS)]
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


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_shows_the_clips_tremor(client: httpx.Client, clip: tuple[Path, TremorTruth]) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path, truth = clip
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=camera_arguments(path))
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(str(client.base_url).rstrip("/") + "/live")
        turn_on(page)
        start(page)
        page.wait_for_timeout(LISTEN_MS)
        rms_px, hz = shown(page.locator("#tremor").inner_text()), shown(page.locator("#peak").inner_text())
        said = page.locator("#score-line").inner_text()
        page.get_by_role("button", name="Stop and sum up").click()
        page.wait_for_selector("#result:not([hidden])")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save numbers").click()
        saved = json.loads(download.value.path().read_text("utf-8"))
        browser.close()
    fps = saved["video"]["real_fps"]
    if fps is None or fps < 27:  # refused, and rightly: such a machine gives no live tremor
        assert rms_px is None, said
        pytest.skip(f"too busy a machine for live video: {fps} frames a second")
    assert rms_px == pytest.approx(truth.rms_px, rel=0.15), said
    assert hz == pytest.approx(truth.hz, abs=0.3), said
    assert said.startswith("Tremor ")
    tremor = saved["tips"][0]["tremor"]
    assert tremor["rms_px"] == pytest.approx(truth.rms_px, rel=0.15)
    assert tremor["peak_hz"] == pytest.approx(truth.hz, abs=0.3)


def shown(text: str) -> float | None:
    """The number that a reader sees; None for a dash."""
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else None
