"""The page in a real browser (Chromium), against a real server with a double in place of grading."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from api_doubles import jpeg
from api_server import running
from browser import DESKTOP, PHONE, needs_chromium, origin, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = needs_chromium

PAD = {"name": "pad.jpg", "mimeType": "image/jpeg", "buffer": jpeg((400, 300), (200, 170, 150))}
CAT = {"name": "cat.gif", "mimeType": "image/gif", "buffer": b"refuse"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running() as client:
        yield client


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """The page on a phone, or at the size a test asks for; in the end nothing was blocked or too wide."""
    size = getattr(request, "param", PHONE)
    with watched(browser, origin(client), size) as page:
        page.goto(origin(client))
        yield page
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def upload(page: Page, file: dict[str, object] = PAD) -> None:
    page.set_input_files("#file", file)  # type: ignore[arg-type]
    page.wait_for_selector("#result:not([hidden]), .alert")


def words(locator: Locator) -> str:
    """Its text, with the spaces that keep a number and its unit on one line made plain."""
    return locator.inner_text().replace("\xa0", " ")


@pytest.mark.parametrize("page", [PHONE, DESKTOP], ids=["phone", "desktop"], indirect=True)
def test_a_photo_gives_picture_sentence_score_and_tables(page: Page) -> None:
    upload(page)
    assert page.locator(".summary .lead").inner_text() == "Stitch 2: right bite 1 mm shorter than left."
    assert page.locator(".score-points").inner_text() == "3 of 10 points"
    assert page.locator(".stitches tbody tr").count() == 2
    assert (
        page.locator(".picture img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 400
    )
    assert page.locator(".warnings li").all_inner_texts() == ["Glare on the wound: tilt the light."]
    spacing = words(page.locator(".metrics tr", has_text="Spacing").first)
    assert "160 px" in spacing
    assert "needs a scale" in spacing
    assert "target 5 to 10 mm" in spacing
    assert "too few stitches" in page.locator(".metrics").inner_text()
    assert page.locator(".spinner").count() == 0


def test_two_tapped_points_give_millimetres(page: Page) -> None:
    upload(page)
    assert "No scale" in page.locator("#result").inner_text()
    page.get_by_role("button", name="Set two points").click()
    photo = page.locator(".points .layer")
    box = photo.bounding_box()
    assert box is not None
    for share in (0.25, 0.75):
        photo.click(position={"x": box["width"] * share, "y": box["height"] * 0.5})
    second = page.locator(".close-up").nth(1)
    second.focus()
    second.press("ArrowRight")
    second.press("Shift+ArrowDown")
    page.get_by_label("Distance between them, mm").fill("20,5")
    page.get_by_role("button", name="Grade with this scale").click()
    scale = page.get_by_role("region", name="Scale")
    scale.get_by_text("your two points").wait_for()
    text = words(scale)
    points = ast.literal_eval(text[text.index("(") : text.index(")") + 1])
    # Within a CSS pixel of where the taps were, the second moved by one pixel right and ten down.
    assert points == pytest.approx((100, 150, 301, 160, 20.5), abs=400 / box["width"] + 0.5)
    row = words(page.locator(".stitches tbody tr").first)
    assert "5.0 ± 0.2" in row
    assert "4.0 ± 0.2*" in row


def test_the_scale_tool_says_what_is_missing(page: Page) -> None:
    upload(page)
    page.get_by_role("button", name="Set two points").click()
    grade = page.get_by_role("button", name="Grade with this scale")
    grade.click()
    assert "Set both points" in page.locator(".field-error").inner_text()
    for close_up in page.locator(".close-up").all():
        close_up.press("ArrowUp")
    grade.click()
    assert "how many millimetres" in page.locator(".field-error").inner_text()
    page.get_by_role("button", name="Cancel").click()
    assert page.get_by_role("button", name="Set two points").is_visible()


def test_a_stitch_is_chosen_by_tap_or_keyboard(page: Page) -> None:
    upload(page)
    button = page.get_by_role("button", name="Stitch 2 of 2 on the photo")
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert "Stitch 2: left 50 px, right 40 px" in words(page.locator(".detail"))
    layer = page.locator(".picture .layer")
    box = layer.bounding_box()
    assert box is not None
    layer.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.5})  # stitch 1 is at x = 120 of 400
    assert button.get_attribute("aria-pressed") == "false"
    assert "Stitch 1:" in words(page.locator(".detail"))


def test_a_refusal_shows_what_to_do(page: Page) -> None:
    upload(page, CAT)
    assert page.locator(".alert").inner_text().split("\n") == ["This is no photo.", "", "Send a photo."]
    assert page.locator(".spinner").count() == 0
    assert page.locator("#result").is_hidden()
    upload(page)  # and the next photo is graded
    page.wait_for_selector("#result:not([hidden])")
    assert page.locator(".alert").count() == 0


def test_a_lost_connection_ends_the_waiting(page: Page) -> None:
    page.route("**/grade", lambda route: route.abort())
    upload(page)
    assert "No answer from the service" in page.locator(".alert").inner_text()
    assert page.locator(".spinner").count() == 0


def test_a_photo_too_large_is_not_even_sent(page: Page) -> None:
    upload(page, {**PAD, "buffer": bytes(2 * 1024 * 1024)})
    assert "larger than 1 MB" in page.locator(".alert").inner_text()


def test_waiting_can_be_stopped(page: Page, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page.set_input_files("#file", {**PAD, "buffer": f"wait {gate}".encode()})  # type: ignore[arg-type]
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(".spinner", state="detached")
    gate.touch()
    upload(page)
    assert page.locator(".stitches tbody tr").count() == 2


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_or_pasted(page: Page, way: str) -> None:
    page.evaluate(
        """([way, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "pad.jpg", {type: "image/jpeg"}));
            const event = way === "drop"
                ? new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})
                : new ClipboardEvent("paste", {clipboardData: data, bubbles: true});
            document.body.dispatchEvent(event);
        }""",
        [way, list(PAD["buffer"])],  # type: ignore[call-overload]
    )
    page.wait_for_selector("#result:not([hidden])")
    assert page.locator(".stitches tbody tr").count() == 2


def test_options_go_with_the_photo(page: Page) -> None:
    page.locator("summary").click()
    page.get_by_label("Technique").select_option("simple_interrupted")
    assert page.locator("#options-set").inner_text() == "(1 set)"
    upload(page)
    assert "as you said" in page.locator(".score").inner_text()
    page.get_by_label("Technique").select_option("")
    page.get_by_role("button", name="Grade this photo again").click()
    page.locator(".score", has_text="recognised").wait_for()
