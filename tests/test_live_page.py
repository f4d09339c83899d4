"""The live page in a real browser whose camera is a drawn clip; a double in place of the session."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import httpx
import numpy as np
import pytest
from api_server import running
from browser import DESKTOP, PHONE, chromium, needs_chromium, origin, watched
from live_doubles import BREAK

from api.live import desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium

SIZE = (640, 480)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bright dot that goes round, 30 frames."""
    path = tmp_path_factory.mktemp("camera") / "dot.mjpeg"
    with path.open("wb") as file:
        for k in range(30):
            picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
            angle = 2 * np.pi * k / 30
            centre = (round(320 + 60 * np.cos(angle)), round(240 + 60 * np.sin(angle)))
            cv2.circle(picture, centre, 12, (240, 240, 240), -1, cv2.LINE_AA)
            file.write(cv2.imencode(".jpg", picture)[1].tobytes())
    return path


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(live_sessions=2) as client:
        yield client


@pytest.fixture(scope="module")
def browser(clip: Path) -> Iterator[Browser]:
    with chromium(clip) as found:
        yield found


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """The live page on a phone, or at the size a test asks for; nothing was blocked or too wide."""
    size = getattr(request, "param", PHONE)
    with watched(browser, origin(client), size) as page:
        page.goto(f"{origin(client)}/live")
        yield page
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def turn_on(page: Page) -> None:
    page.get_by_role("button", name="Turn on the camera").click()
    page.wait_for_selector("[data-phase=ready]")


def start(page: Page) -> None:
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("[data-phase=running]")


def wait_until(page: Page, expression: str) -> None:
    """Polled from here: the page's policy forbids Playwright's own way, which evaluates in the page."""
    while not page.evaluate(expression):
        page.wait_for_timeout(50)


@pytest.mark.parametrize("page", [PHONE, DESKTOP], ids=["phone", "desktop"], indirect=True)
def test_from_the_camera_to_the_summary(page: Page) -> None:
    turn_on(page)
    page.get_by_text("Light is good").wait_for()
    page.get_by_label("Scale, mm per pixel").fill("0,05")
    start(page)
    page.locator("#score-line", has_text="Tremor 38 micrometres, peak at 8.1 hertz.").wait_for()
    assert page.locator("#score-line").get_attribute("aria-live") == "polite"
    assert page.locator("#tremor").inner_text().replace("\xa0", " ") == "38 µm"
    assert page.locator("#peak").inner_text().replace("\xa0", " ") == "8.1 Hz"
    assert page.locator("#zone-share").inner_text().replace("\xa0", " ") == "75 %"
    assert page.locator(".u-over").count() == 2  # both curves
    # Something is drawn over the picture where the tip is.
    assert page.evaluate(
        """() => {
            const { data } = overlay.getContext("2d").getImageData(0, 0, overlay.width, overlay.height);
            return data.some((value) => value > 0);
        }"""
    )
    page.get_by_role("button", name="Stop and sum up").click()
    page.wait_for_selector("#result:not([hidden])")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save numbers").click()
    saved = json.loads(download.value.path().read_text("utf-8"))
    assert saved["schema_version"] == "1"
    assert "type" not in saved
    assert (saved["video"]["width"], saved["video"]["height"]) == SIZE
    assert saved["video"]["frames"] > 0
    # And again.
    start(page)
    page.get_by_role("button", name="Stop and sum up").click()
    page.wait_for_selector("#result:not([hidden])")


def test_a_sign_that_appears_does_not_move_the_button_under_a_finger(page: Page) -> None:
    """A press whose button moves away before the finger lifts is no click."""
    turn_on(page)
    page.get_by_text("Light is good").wait_for()
    button = page.get_by_role("button", name="Start")
    button.hover()
    page.evaluate("document.getElementById('hint-light').hidden = true")
    page.mouse.down()
    page.get_by_text("Light is good").wait_for()
    page.mouse.up()
    page.wait_for_selector("[data-phase=running]")


def test_frames_carry_the_times_at_which_they_were_taken(page: Page) -> None:
    page.evaluate(
        """() => {
            window.heads = [];
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (data) {
                if (data instanceof Uint8Array) {
                    const head = new DataView(data.buffer);
                    heads.push([head.getUint32(4, true), Number(head.getBigUint64(8, true)) / 1e6]);
                }
                send.call(this, data);
            };
        }"""
    )
    turn_on(page)
    start(page)
    wait_until(page, "heads.length >= 10")
    heads = page.evaluate("heads")
    assert [seq for seq, _ in heads] == list(range(len(heads)))
    times_s = [t_s for _, t_s in heads]
    assert all(b > a for a, b in itertools.pairwise(times_s))
    # The clip's own rhythm, in whole frames, however busy this machine is: not the screen's.
    elapsed_s = times_s[-1] - times_s[0]
    assert elapsed_s >= (len(times_s) - 1) / 30 * 0.5


def test_a_tap_on_the_picture_is_a_tip(page: Page) -> None:
    page.evaluate(
        """() => {
            window.texts = [];
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (data) {
                if (typeof data === "string") texts.push(JSON.parse(data));
                send.call(this, data);
            };
        }"""
    )
    turn_on(page)
    box = page.locator("#overlay").bounding_box()
    assert box is not None
    page.locator("#overlay").click(position={"x": box["width"] / 2, "y": box["height"] / 4})
    page.get_by_label("Exercise").select_option("suture")
    page.get_by_label("Hand that holds the tool").select_option("left")
    start(page)
    page.locator("#overlay").click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    wait_until(page, "texts.length === 3")
    begin, first, second = page.evaluate("texts")
    assert begin == {"type": "start", "task": "suture", "hand": "left"}
    assert (first["type"], second["type"]) == ("tip", "tip")
    near = 640 / box["width"] + 0.5  # a CSS pixel
    assert (first["x"], first["y"]) == pytest.approx((320, 120), abs=near)
    assert (second["x"], second["y"]) == pytest.approx((160, 240), abs=near)


def test_two_points_on_the_picture_give_the_scale(page: Page) -> None:
    turn_on(page)
    page.get_by_role("button", name="Set the scale with two points").click()
    layer = page.locator("#scale-tool .layer")
    box = layer.bounding_box()
    assert box is not None
    for share in (0.25, 0.75):
        layer.click(position={"x": box["width"] * share, "y": box["height"] / 2})
    page.get_by_label("Distance between them, mm").fill("32")
    page.get_by_role("button", name="Use this scale").click()
    assert float(page.get_by_label("Scale, mm per pixel").input_value()) == pytest.approx(0.1, rel=0.02)
    assert page.locator("#scale-tool").inner_text() == ""


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places count here, not what else this machine is at; admission by load: test_api_live."""
    monkeypatch.setattr(desk, "FULL", math.inf)
    monkeypatch.setattr(desk, "STRAINED", math.inf)


def test_a_session_that_breaks_is_told_and_another_begins(page: Page) -> None:
    turn_on(page)
    page.get_by_label("Scale, mm per pixel").fill(str(BREAK))
    page.get_by_role("button", name="Start").click()  # it breaks before one could see it run
    page.locator(".alert", has_text="The service made a mistake").wait_for()
    page.get_by_label("Scale, mm per pixel").fill("")
    start(page)
    page.locator("#score-line", has_text="Tremor").wait_for()
    assert page.locator(".alert").count() == 0


def test_a_full_house_is_told_in_words(page: Page) -> None:
    origin = page.url
    others = [page.context.new_page() for _ in range(2)]
    for other in others:
        other.goto(origin)
        turn_on(other)
        start(other)
    page.bring_to_front()
    turn_on(page)
    page.get_by_role("button", name="Start").click()
    page.locator(".alert", has_text="All 2 places for live sessions are taken").wait_for()
    assert page.get_by_role("button", name="Start").is_visible()
    for other in others:
        other.close()


MEASURED = {"status": "measured", "rms_px": 0.5, "unit": "px", "peak_status": "distinct", "peak_hz": 8.0}
FEW = {"status": "frame_rate", "hint": "A faster camera."}
LOST = {"status": "gaps", "hint": ""}
GOOD, DARK = {"ok": True, "text": "Light is good"}, {"ok": False, "text": "Too dark: bring a lamp"}
SLOW = {
    "ok": False,
    "text": "Only 26 of 30 pictures a second get through: the service or the network is slow",
}
TIP = [{"id": 0, "x": 1, "y": 1, "confidence": 1}]

# tips, tremor, seconds since the start, light, rate
SENTENCES = [
    (([], None, None, GOOD, None), "Looking for instrument tips."),
    (([], None, 5, GOOD, None), "No instrument tip is seen: bring it into view, or tap it in the picture."),
    (([], None, 5, DARK, None), "No instrument tip is seen. Too dark: bring a lamp."),
    ((TIP, None, 0.5, None, None), "Hold the tip still in view for at least two seconds."),
    ((TIP, FEW, 5, GOOD, GOOD), "A faster camera."),  # the service's own hint
    ((TIP, FEW, 5, GOOD, SLOW), f"No tremor can be told. {SLOW['text']}."),  # not the camera's fault
    ((TIP, LOST, 5, GOOD, None), "The tip was lost too often."),
    (([], MEASURED, 5, DARK, SLOW), "Tremor 0.50 pixels, peak at 8.0 hertz."),
]

# the camera's pictures a second, those sent, whether there is light
RATES = [
    ((None, None, True), None),
    ((29.6, None, True), "30 pictures a second"),
    ((26.8, None, False), "26 pictures a second are too few: bring a lamp"),
    ((20, 20, True), "20 pictures a second are too few: close other programs, or choose another camera"),
    ((30, 26.9, True), SLOW["text"]),
]


def test_what_is_wrong_is_said_with_what_mends_it(page: Page) -> None:
    sentence = """([tips, tremor, estimated_s, light, rate]) => import('/static/motion-words.js').then(
        (words) => words.liveSentence({ tips, tremor, estimated_s }, light, rate))"""
    assert [page.evaluate(sentence, list(given)) for given, _ in SENTENCES] == [said for _, said in SENTENCES]
    hint = """([camera, sent, bright]) => import('/static/hints.js').then(
        (hints) => hints.rateHint({ fps: camera }, { fps: sent }, bright)?.text ?? null)"""
    assert [page.evaluate(hint, list(given)) for given, _ in RATES] == [said for _, said in RATES]


def test_pictures_that_did_not_get_through_stand_in_the_summary(page: Page) -> None:
    """Frames that the socket is slow to take are dropped for want of credit."""
    page.evaluate(
        """() => {
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (data) {
                const late = data instanceof Uint8Array ? 500 : 0;
                setTimeout(() => this.readyState === 1 && send.call(this, data), late);
            };
        }"""
    )
    turn_on(page)
    start(page)
    page.locator("#score-line", has_text="Tremor").wait_for()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop and sum up").click()
    page.locator(".warnings", has_text="of the camera's pictures did not get through").wait_for()


def test_a_camera_that_is_not_allowed_is_told(page: Page) -> None:
    page.evaluate(
        """() => {
            const no = () => Promise.reject(new DOMException("no", "NotAllowedError"));
            navigator.mediaDevices.getUserMedia = no;
        }"""
    )
    page.get_by_role("button", name="Turn on the camera").click()
    page.locator(".alert", has_text="The camera is not allowed here").wait_for()
    assert page.get_by_role("button", name="Turn on the camera").is_enabled()
