"""Clips on the pages, in a real browser: handed in, waited for, read; marked with other marks unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from school import School, school

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from browser import (  # noqa: E402
    DESKTOP,
    PHONE,
    faults,
    let_in,
    needs_chromium,
    origin,
    sign_in,
    watched,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
CLIP = {"name": "hold.mp4", "mimeType": "video/mp4", "buffer": b"steady 30"}


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        let_in(found, "pupil", "teacher")
        yield found


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def page(request: pytest.FixtureRequest, browser: Browser, room: School) -> Iterator[Page]:
    with watched(browser, origin(room.client), request.param) as found:
        yield found


def test_a_clip_is_handed_in_and_its_measures_come_by_themselves(page: Page, room: School) -> None:
    here = origin(room.client)
    sign_in(page, here, "pupil@school.test", "/film")
    assert faults(page) == []
    page.get_by_label("The clip").set_input_files(CLIP)  # type: ignore[arg-type]
    page.get_by_label("It shows").select_option("hold")
    page.get_by_label("Hand (").select_option("right")
    page.get_by_label("Scale").fill("0,1")
    page.get_by_role("button", name="Hand it in").click()
    page.get_by_text("Right hand: Tremor 30 micrometres, peak at 9.1 hertz.").wait_for()
    page.get_by_role("heading", name="Measures, no automatic mark").wait_for()
    sync_api.expect(page.locator(".curve canvas")).to_have_count(2)
    assert faults(page) == []
    page.goto(f"{here}/progress")
    page.get_by_role("heading", name="Your hands").wait_for()
    page.get_by_role("heading", name="Tremor, 4 to 12 Hz (rms)").wait_for()
    assert faults(page) == []


def test_a_class_shows_its_clips_apart_and_anothers_mark_stays_unseen(page: Page, room: School) -> None:
    here = origin(room.client)
    form = {"title": "Hold", "unseen": True}
    made = room.ask("teacher", "POST", f"/courses/{room.ids['knots']}/assignments", json=form)
    task = made.json()["id"]
    clip = room.hand_in_clip("pupil", task, clip=b"steady 44", hand="right", mm_per_px="0.1")
    room.hand_in("pupil", task)
    mark = {"points": 7, "points_of": 10, "reason": "as the admin saw it", "overrides": True}
    room.ask("admin", "POST", f"/submissions/{clip}/marks", json=mark).raise_for_status()
    sign_in(page, here, "teacher@school.test", f"/assignments/{task}")
    page.get_by_label("What", exact=True).select_option("clip")
    page.get_by_text("right hand 44 ± 0.7").first.wait_for()
    assert faults(page) == []
    page.goto(f"{here}/work/{clip}")
    page.get_by_text("Somebody has marked this already.").wait_for()
    assert page.get_by_text("as the admin saw it").count() == 0
    assert faults(page) == []


def test_a_class_says_what_its_clips_show_and_tries_once_more_what_broke(
    page: Page, room: School, tmp_path: Path
) -> None:
    here, gone = origin(room.client), tmp_path / "gone"
    made = room.ask("teacher", "POST", f"/courses/{room.ids['knots']}/assignments", json={"title": "Drill"})
    task = made.json()["id"]
    sign_in(page, here, "teacher@school.test", f"/assignments/{task}")
    page.get_by_text("What you know about all of them").click()
    page.get_by_label("Clips: they show").select_option("hold")
    page.get_by_label("Clips: hand").select_option("right")
    assert faults(page) == []
    clip = {**CLIP, "name": "Ann.mp4", "buffer": f"unless {gone}".encode()}
    page.get_by_label("Choose a zip, photos or clips").set_input_files(clip)  # type: ignore[arg-type]
    page.get_by_text("1 of 1 broke grading down again and again and has no grade.").wait_for()
    page.get_by_role("cell", name="broke down").wait_for()
    assert faults(page) == []
    page.get_by_role("link", name="Ann.mp4").click()
    page.get_by_text("Measuring this clip broke down again and again.").wait_for()
    assert faults(page) == []
    gone.touch()
    page.get_by_role("button", name="Try once more").click()
    page.get_by_text("Right hand: Tremor 42").wait_for()
    page.get_by_role("heading", name="Clip: hold still").wait_for()
