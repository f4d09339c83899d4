"""A trainee's evening in a real browser: come in, photo, result, correction, progress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from api_doubles import jpeg
from school import School, school

from api.store import people

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from browser import DESKTOP, PASSWORD, PHONE, faults, let_in, needs_chromium, origin, sign_in, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
PAD = {"name": "pad.jpg", "mimeType": "image/jpeg", "buffer": jpeg((400, 300), (200, 170, 150))}


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        let_in(found, "pupil")
        yield found


@pytest.fixture(scope="module")
def signed_in(room: School, browser: Browser) -> Iterator[Page]:
    """One browser, signed in once; tests go on from wherever the last one left it."""
    with watched(browser, origin(room.client)) as page:
        sign_in(page, origin(room.client), "pupil@school.test")
        yield page


@pytest.fixture
def page(signed_in: Page) -> Page:
    signed_in.set_viewport_size(PHONE)  # type: ignore[arg-type]
    return signed_in


def result_of(page: Page, room: School, number: int) -> None:
    page.goto(f"{origin(room.client)}/work/{number}")
    page.wait_for_selector("#result:not([hidden])")


def test_the_first_admin_comes_in_by_the_link(room: School, browser: Browser) -> None:
    with room.database.writing() as session:
        admin = people.person(session, room.caller("admin"), room.ids["admin"])
        token = people.make_link(session, admin)
    with watched(browser, origin(room.client)) as page:
        page.goto(f"{origin(room.client)}/welcome#{token}")
        assert token not in page.url  # neither in the address bar nor in the history
        assert faults(page) == []
        page.get_by_label("Password").fill("short")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        page.wait_for_url(f"{origin(room.client)}/")
        page.get_by_role("link", name="People").click()
        page.get_by_role("heading", name="Invite somebody").wait_for()
        page.get_by_label("Name", exact=True).fill("New Teacher")
        page.get_by_role("button", name="Invite", exact=True).click()
        link = page.get_by_label("Link to hand over").input_value()
        assert link.startswith(f"{origin(room.client)}/welcome#")
        assert faults(page) == []


def test_a_wrong_password_is_said_and_the_way_back_is_kept(room: School, browser: Browser) -> None:
    with watched(browser, origin(room.client)) as page:
        page.goto(f"{origin(room.client)}/progress")  # leads here
        page.get_by_label("E-mail").fill("pupil@school.test")
        page.get_by_label("Password").fill("not this")
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text("not right").wait_for()
        assert faults(page) == []
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{origin(room.client)}/progress")
        page.get_by_text("Nothing here yet").wait_for()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_photo_is_kept_and_leads_to_its_result(page: Page, room: School, size: dict[str, int]) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.goto(f"{origin(room.client)}/")
    page.get_by_label("Sewn with").select_option("dominant")
    page.get_by_label("Thread size").select_option("4-0")
    assert faults(page) == []
    page.set_input_files("#file", PAD)  # type: ignore[arg-type]
    page.wait_for_url("**/work/*")
    page.wait_for_selector("#result:not([hidden])")
    assert "right bite 1 mm shorter" in page.locator(".summary .lead").inner_text()
    assert page.locator(".stitches tbody tr").count() == 2
    assert faults(page) == []
    page.goto(f"{origin(room.client)}/")  # what stays the same from photo to photo is remembered
    assert page.get_by_label("Thread size").input_value() == "4-0"


def test_stitches_of_the_picture_are_gone_through_with_the_keyboard(page: Page, room: School) -> None:
    result_of(page, room, room.hand_in("pupil"))
    first = page.get_by_role("button", name="Stitch 1 of 2 on the photo")
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    second = page.get_by_role("button", name="Stitch 2 of 2 on the photo")
    assert second.get_attribute("aria-pressed") == "true"
    assert "Stitch 2:" in page.locator(".detail").inner_text()
    row = page.get_by_role("button", name="Stitch 2: show it")
    assert row.get_attribute("aria-pressed") == "true"


def test_a_bite_is_corrected_by_keyboard(page: Page, room: School) -> None:
    number = room.hand_in("pupil")
    result_of(page, room, number)
    page.get_by_role("button", name="Correct a point").click()
    again = page.get_by_role("button", name="Measure again")
    assert again.is_disabled()
    assert faults(page) == []
    page.get_by_role("button", name="Stitch 2, left bite").focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Stitch 2, left bite").focus()
    page.keyboard.press("ArrowLeft")
    again.click()
    page.get_by_text("corrected by hand").wait_for()
    assert stitches(room, number)[1]["bites"] == [[279.0, 90.0], [280.0, 190.0]]
    assert stitches(room, number)[0]["bites"] == [[120.0, 100.0], [120.0, 190.0]]


def test_a_knot_is_dragged_and_stitches_come_and_go(page: Page, room: School) -> None:
    number = room.hand_in("pupil")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    result_of(page, room, number)
    page.get_by_role("button", name="Correct a point").click()
    layer = page.locator(".corrector .layer")
    layer.scroll_into_view_if_needed()
    photo = layer.bounding_box()
    assert photo is not None
    scale = photo["width"] / 400
    # The knot is at (120, 185), five pixels from a bite: the nearest is meant.
    x, y = photo["x"] + 120.5 * scale, photo["y"] + 185.5 * scale
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 10, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Stitch 2, left bite").focus()
    page.get_by_role("button", name="No stitch here").click()
    page.get_by_role("button", name="A stitch is missing").click()
    for py in (100, 200):
        layer.click(position={"x": 200 * scale, "y": py * scale})
    page.get_by_role("button", name="Measure again").click()
    page.get_by_text("corrected by hand").wait_for()
    first, second = stitches(room, number)
    assert first["knot"] == pytest.approx([120 + 20 / scale, 185 + 10 / scale], abs=1.5)
    assert second["bites"][0] == pytest.approx([200, 100], abs=1.5)
    assert second["bites"][1] == pytest.approx([200, 200], abs=1.5)


def stitches(room: School, number: int) -> list[dict[str, list[list[float]]]]:
    found = room.ask("pupil", "GET", f"/submissions/{number}/assessment").json()
    wound: list[dict[str, list[list[float]]]] = found["wounds"][0]["stitches"]
    return wound


def test_what_was_declared_is_changed_and_graded_again(page: Page, room: School) -> None:
    result_of(page, room, room.hand_in("pupil"))
    page.get_by_label("Technique").select_option("simple_running")
    page.get_by_role("button", name="Keep, and grade again").click()
    page.get_by_text("as you said").wait_for()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_progress_shows_trends_ladder_and_photos(page: Page, room: School, size: dict[str, int]) -> None:
    for hand in ("dominant", "non_dominant"):
        room.hand_in("pupil", hand=hand, suture_size="4-0")
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.goto(f"{origin(room.client)}/progress")
    page.get_by_role("heading", name="Finer threads").wait_for()
    spacing = page.get_by_role("region", name="Spacing", exact=True)
    assert "no change" in spacing.inner_text()
    assert "Other hand:" in spacing.inner_text()
    assert page.locator(".gallery li").count() >= 2
    assert faults(page) == []
    spacing.get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/work/*")


def test_a_photo_is_deleted_after_asking(page: Page, room: School) -> None:
    number = room.hand_in("pupil")
    result_of(page, room, number)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete this photo").click()
    page.wait_for_url("**/progress")
    assert room.ask("pupil", "GET", f"/submissions/{number}").status_code == 404


def test_an_assignment_is_handed_in_for(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/courses")
    page.get_by_role("link", name="Row of eight").click()
    page.get_by_role("link", name="Hand in a photo").click()
    assert page.get_by_label("For", exact=True).input_value() == str(room.ids["assignment"])
    page.set_input_files("#file", PAD)  # type: ignore[arg-type]
    page.wait_for_url("**/work/*")
    page.wait_for_selector("#result:not([hidden])")
    # What is graded for a course is its instructor's to correct.
    assert page.get_by_role("button", name="Correct a point").count() == 0
