"""The whole live chain, nothing doubled: a rendered clip as Chromium's camera, the page against its truth."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from api_server import running
from test_live_page import camera_arguments, start, turn_on

from api.live.child import open_session
from assessor.render.clips import CameraOrder, ClipOrder, InstrumentOrder, Tremor, render_clip

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PEAK_PX, HZ = 2.0, 7.0
# Whole periods of the tremor, so that the clip, which the camera plays in a loop, has no jump in it.
CLIP_S = 8.0
LISTEN_MS = 500
PATIENCE_MS = 60_000


def test_the_page_shows_the_clips_tremor(tmp_path: Path) -> None:
    order = ClipOrder(
        seconds=CLIP_S,
        instruments=(InstrumentOrder(task="hold", tremor=Tremor(PEAK_PX, HZ, direction_rad=0.7)),),
        camera=CameraOrder(noise=1.0),
    )
    clip = tmp_path / "hold.mjpeg"
    truth = render_clip(clip, order).tips[0].tremor
    assert truth is not None
    with running(live_session=open_session) as client, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=camera_arguments(clip))
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(str(client.base_url).rstrip("/") + "/live")
        turn_on(page)
        start(page)
        page.wait_for_timeout(8000)
        rms_px, hz = shown(page.locator("#tremor").inner_text()), shown(page.locator("#peak").inner_text())
        said = page.locator("#score-line").inner_text()
        page.get_by_role("button", name="Stop and sum up").click()
        page.wait_for_selector("#result:not([hidden])")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save numbers").click()
        saved = json.loads(download.value.path().read_text("utf-8"))
        browser.close()
    if saved["video"]["real_fps"] < 27:
        pytest.skip(f"too busy a machine for live video: {saved['video']['real_fps']:.0f} frames a second")
    assert rms_px == pytest.approx(truth.rms_px, rel=0.15), said
    assert hz == pytest.approx(truth.hz, abs=0.3), said
    assert "Tremor" in said
    tremor = saved["tips"][0]["tremor"]
    assert tremor["status"] == "measured"
    assert tremor["rms_px"] == pytest.approx(truth.rms_px, rel=0.15)
    assert tremor["peak_hz"] == pytest.approx(truth.hz, abs=0.3)


def shown(text: str) -> float | None:
    """The number that a reader sees; None for a dash."""
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else None
