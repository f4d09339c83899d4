"""Without a mouse: every page's links, buttons and fields are reached with Tab, and a class is graded so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from api_doubles import jpeg
from school import School, school

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from browser import DESKTOP, let_in, needs_chromium, origin, sign_in, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
PAD = {"name": "pad.jpg", "mimeType": "image/jpeg", "buffer": jpeg((400, 300), (200, 170, 150))}
# Numbers what can be used, in `data-stop`; how many there are.
NUMBER = """() => {
  const all = [...document.querySelectorAll("a[href], button, select, textarea, input, [tabindex='0']")];
  const usable = all.filter((e) => !e.disabled && e.type !== "hidden" && e.checkVisibility());
  usable.forEach((e, n) => e.setAttribute("data-stop", n));
  return usable.length;
}"""
# Which of them has the focus, and whether that is to be seen on it, its label or what it is drawn with.
FOCUS = """() => {
  const here = document.activeElement;
  const drawn = [here, here.previousElementSibling, ...here.querySelectorAll("*")].filter(Boolean);
  const seen = drawn.some((e) => {
    const style = getComputedStyle(e);
    return (style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.strokeWidth !== "1px";
  });
  return [here.dataset.stop ?? null, seen, here.outerHTML.slice(0, 120)];
}"""
PAGES = {
    "pupil": ("/", "/progress", "/courses", "/assignments/{assignment}", "/work/{at_home}", "/me"),
    "teacher": (
        "/courses/{knots}",
        "/courses/{knots}/assignments/new",
        "/assignments/{assignment}",
        "/assignments/{assignment}/class",
        "/assignments/{assignment}/hand-back",
        "/work/{handed_in}",
    ),
}


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        let_in(found, *PAGES)
        found.ids["handed_in"] = found.hand_in("pupil", found.ids["assignment"], mm_per_px="0.1")
        found.ids["at_home"] = found.hand_in("pupil", hand="dominant", suture_size="4-0")
        yield found


@pytest.mark.parametrize("who", PAGES)
def test_tab_reaches_everything_that_can_be_used(room: School, browser: Browser, who: str) -> None:
    with watched(browser, origin(room.client), DESKTOP) as page:
        sign_in(page, origin(room.client), f"{who}@school.test", "/me")
        for path in PAGES[who]:
            page.goto(origin(room.client) + path.format(**room.ids))
            page.wait_for_load_state("networkidle")
            missed, unseen = walked(page)
            assert (missed, unseen) == ([], []), path


def walked(page: Page) -> tuple[list[str], list[str]]:
    """Press Tab until the page has been gone through: what was not reached, and what showed no focus."""
    count = page.evaluate(NUMBER)
    assert count > 5  # there is at least the bar
    reached: set[str] = set()
    unseen: list[str] = []
    for _ in range(2 * count + 10):  # a field for a time has several stops
        page.keyboard.press("Tab")
        stop, seen, html = page.evaluate(FOCUS)
        if stop is not None and stop not in reached:
            reached.add(stop)
            unseen += [] if seen else [html]
        if len(reached) == count:
            break
    missed = [str(n) for n in range(count) if str(n) not in reached]
    return [page.locator(f"[data-stop='{n}']").evaluate("e => e.outerHTML") for n in missed], unseen


def choose_when_asked(page: Page) -> None:
    """Give the pad to every file dialog of `page`, from its start on.

    `expect_file_chooser` around the key is not enough: Chromium may get the key before it is told to hand
    dialogs over.
    """
    page.on("filechooser", lambda chooser: chooser.set_files(PAD))  # type: ignore[arg-type]


def test_a_class_is_collected_marked_and_filtered_by_keyboard(room: School, browser: Browser) -> None:
    with watched(browser, origin(room.client), DESKTOP) as page:
        here = f"/assignments/{room.ids['assignment']}"
        choose_when_asked(page)
        sign_in(page, origin(room.client), "teacher@school.test", here)
        page.locator("#files").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Graded: 1 of 1").wait_for()
        page.get_by_label("First").focus()
        with page.expect_response("**order=newest**"):
            page.keyboard.type("newest")
        page.get_by_role("link", name="Pupil").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/work/*")
        page.wait_for_selector("#result:not([hidden])")
        page.get_by_label("Points").focus()
        for text in ("8", "10", "Neat, but the last knot is loose."):
            page.keyboard.press("Control+a")
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        page.get_by_role("button", name="Keep this mark").focus()
        page.keyboard.press("Space")
        page.get_by_text("8 of 10 points, given by an instructor").wait_for()


def test_a_photo_is_chosen_by_keyboard(room: School, browser: Browser) -> None:
    with watched(browser, origin(room.client)) as page:
        choose_when_asked(page)
        sign_in(page, origin(room.client), "pupil@school.test", "/")
        page.locator("#file").focus()
        page.keyboard.press("Space")
        page.wait_for_url("**/work/*")
        page.wait_for_selector("#result:not([hidden])")
