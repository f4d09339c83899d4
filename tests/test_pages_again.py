"""Pages in a real browser that say: this grade is no longer of what is declared, or of what was corrected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from school import School, school

from api.store import courses, submissions

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from browser import DESKTOP, PHONE, faults, let_in, needs_chromium, origin, sign_in, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        let_in(found, "teacher", "pupil")
        yield found


@pytest.fixture(scope="module")
def page(room: School, browser: Browser) -> Iterator[Page]:
    """The teacher's browser, signed in once."""
    with watched(browser, origin(room.client), DESKTOP) as page:
        sign_in(page, origin(room.client), "teacher@school.test", "/courses")
        yield page


def task(room: School, **declared: str) -> int:
    with room.database.writing() as session:
        return courses.add_assignment(session, room.ids["knots"], {"title": "Row", **declared}).id


def declare(room: School, assignment: int, **declared: str | int) -> None:
    body = {"title": "Row", **declared}
    room.ask("teacher", "PUT", f"/assignments/{assignment}", json=body).raise_for_status()


def submission(room: School, number: int) -> dict[str, Any]:
    found: dict[str, Any] = room.ask("teacher", "GET", f"/submissions/{number}").json()
    return found


@SIZES
def test_a_class_declared_otherwise_says_so_until_it_is_graded_again(
    page: Page, room: School, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    assignment = task(room, technique="simple_interrupted", suture_size="4-0")
    numbers = [room.hand_in("pupil", assignment, photo=b"pad %d" % n) for n in range(2)]
    here = f"{origin(room.client)}/assignments/{assignment}"
    for path in ("", "/hand-back"):
        page.goto(f"{here}{path}")
        assert page.get_by_text("graded as declared before").count() == 0
    declare(room, assignment, technique="simple_running", kit="skin-pad", suture_size="4-0")
    page.goto(f"{here}/hand-back")
    page.get_by_text("2 photos are graded as declared before").wait_for()
    assert faults(page) == []
    page.goto(here)
    assert page.get_by_text("graded as simple interrupted, now declared simple running").count() == 2
    assert page.get_by_text("Pad: graded with none declared, now declared skin pad").count() == 2
    assert page.get_by_text("Thread:").count() == 0
    assert faults(page) == []
    page.get_by_role("button", name="Grade them again").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Graded: 2 of 2").wait_for()
    page.goto(here)
    assert page.get_by_text("graded as").count() == 0
    for number in numbers:
        assert submission(room, number)["result"]["declared"] == {
            "technique": "simple_running",
            "suture_size": "4-0",
            "kit": "skin-pad",
        }


@SIZES
def test_a_result_says_that_the_declaration_changed_and_is_graded_again(
    page: Page, room: School, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    assignment = task(room, technique="simple_interrupted")
    number = room.hand_in("pupil", assignment)
    moved = [{"stitches": [{"bites": [[130.0, 90.0], [120.0, 190.0]], "knot": None}]}]
    room.ask("teacher", "POST", f"/submissions/{number}/corrections", json={"wounds": moved})
    declare(room, assignment, technique="simple_running")
    page.goto(f"{origin(room.client)}/work/{number}")
    page.wait_for_selector("#result:not([hidden])")
    page.get_by_text("graded as simple interrupted, now declared simple running").wait_for()
    assert faults(page) == []
    page.get_by_role("button", name="Grade again", exact=True).click()
    page.get_by_text("Declared otherwise").wait_for(state="detached")
    page.wait_for_selector("#result:not([hidden])")
    found = room.ask("teacher", "GET", f"/submissions/{number}/assessment").json()["wounds"][0]
    assert [stitch["bites"][0] for stitch in found["stitches"]] == [[130.0, 90.0]]  # still as corrected


def test_a_class_graded_by_another_rubric_says_so(page: Page, room: School) -> None:
    assignment = task(room)
    room.hand_in("pupil", assignment)
    declare(room, assignment, rubric_id=room.ids["rubric"])
    page.goto(f"{origin(room.client)}/assignments/{assignment}/hand-back")
    page.get_by_text("1 photo is graded by another rubric").wait_for()
    assert page.get_by_text("declared before").count() == 0
    page.goto(f"{origin(room.client)}/assignments/{assignment}")
    page.get_by_role("button", name="Grade them again").click()
    page.get_by_text("Graded: 1 of 1").wait_for()
    page.get_by_text("another rubric").wait_for(state="detached")


def test_who_may_not_grade_again_is_told_who_may(room: School, browser: Browser) -> None:
    assignment = task(room)
    number = room.hand_in("pupil", assignment)
    declare(room, assignment, suture_size="5-0")
    with watched(browser, origin(room.client)) as page:
        sign_in(page, origin(room.client), "pupil@school.test", f"/work/{number}")
        page.wait_for_selector("#result:not([hidden])")
        page.get_by_text("Thread: graded with none declared, now declared 5-0").wait_for()
        page.get_by_text("Your instructor can grade it again.").wait_for()
        assert page.get_by_role("button", name="Grade again", exact=True).count() == 0
        assert faults(page) == []


def test_what_is_being_graded_again_offers_nothing(page: Page, room: School, tmp_path: Path) -> None:
    assignment = task(room)
    gate = tmp_path / "gate"
    number = room.hand_in("pupil", assignment)
    with room.database.writing() as session:
        submissions.submission(session, room.caller("teacher"), number).blob_sha256 = room.blobs.add(
            session, f"wait {gate}".encode(), "image/jpeg"
        )
    declare(room, assignment, kit="skin-pad")
    room.ask("teacher", "POST", f"/assignments/{assignment}/regrade", json={}).raise_for_status()
    page.goto(f"{origin(room.client)}/work/{number}")
    page.get_by_text("It is being graded again.").wait_for()
    assert page.get_by_role("button", name="Grade again", exact=True).count() == 0
    page.goto(f"{origin(room.client)}/assignments/{assignment}")
    page.get_by_text("Grading 0 of 1").wait_for()
    assert page.get_by_role("button", name="Grade them again").count() == 0
    gate.touch()
    page.get_by_text("Graded: 1 of 1").wait_for()


def test_a_correction_of_an_older_reading_is_told(page: Page, room: School) -> None:
    assignment = task(room)
    number = room.hand_in("pupil", assignment)
    with room.database.writing() as session:
        document = json.loads(submissions.document(session, submissions.results(session, number)[0].id)) | {
            "software_version": "0.0.9"
        }
        submissions.record_result(
            session, number, json.dumps(document), rubric_key="auto", correction_key="by hand"
        )
    page.goto(f"{origin(room.client)}/work/{number}")
    page.wait_for_selector("#result:not([hidden])")
    page.get_by_role("heading", name="An older reading counts").wait_for()  # the corrected one still does
    room.ask("teacher", "POST", f"/assignments/{assignment}/regrade", json={}).raise_for_status()
    page.goto(f"{origin(room.client)}/assignments/{assignment}")
    page.get_by_text("Graded: 1 of 1").wait_for()
    page.get_by_text("corrected in an older reading").wait_for()
    page.get_by_role("rowheader").get_by_role("link").first.click()
    page.get_by_role("heading", name="Corrected in an older reading").wait_for()
    page.get_by_text("points corrected by hand").wait_for()  # kept, among the versions
    assert faults(page) == []
    page.get_by_role("button", name="Let this count").click()
    page.get_by_role("heading", name="An older reading counts").wait_for()
    assert page.get_by_role("listitem").filter(has_text="points corrected by hand").locator("em").count() == 1
    page.wait_for_selector("#result:not([hidden])")
    assert faults(page) == []
