"""An instructor's Monday in a real browser: course, rubric, assignment, upload, results, marks, hand back."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from api_doubles import jpeg
from school import School, school

from api.store import courses

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from browser import (  # noqa: E402
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    faults,
    let_in,
    needs_chromium,
    origin,
    sign_in,
    watched,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    with school() as found:
        let_in(found, "teacher", "pupil")
        with found.database.writing() as session:
            task = courses.add_assignment(session, found.ids["knots"], {"title": "Graded row"})
            found.ids["graded"] = task.id
        found.ids["handed_in"] = found.hand_in("pupil", found.ids["graded"], mm_per_px="0.1")
        found.hand_in("pupil", found.ids["graded"], photo=b"another pad", mm_per_px="0.1")
        yield found


@pytest.fixture(scope="module")
def page(room: School, browser: Browser) -> Iterator[Page]:
    """One browser, signed in once; tests go on from wherever the last one left it."""
    with watched(browser, origin(room.client), DESKTOP) as page:
        sign_in(page, origin(room.client), "teacher@school.test", "/courses")
        yield page


def a_zip(names: list[str]) -> bytes:
    """Photos of a colour each, as Moodle packs them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(f"{name}_{100 + i}_assignsubmission_file_/pad.jpg", jpeg((40, 30), (i, 99, 9)))
    return file.getvalue()


def test_a_course_is_made_and_somebody_invited(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/courses")
    page.get_by_label("Name").fill("Evening class")
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("heading", name="Evening class").wait_for()
    page.get_by_label("Name", exact=True).first.fill("Ada New")
    page.get_by_label("E-mail").fill("ada@school.test")
    page.get_by_role("button", name="Add", exact=True).click()
    assert "/welcome#" in page.get_by_label("Link to hand over").input_value()
    page.get_by_role("button", name="Done").click()
    page.get_by_role("rowheader", name="Ada New").wait_for()
    assert faults(page) == []


def test_a_form_sent_before_its_script_is_there_waits_for_it(page: Page, room: School) -> None:
    held: list[Route] = []
    page.route("**/static/invite.js", lambda route: held.append(route))
    course = f"{origin(room.client)}/courses/{room.ids['knots']}"
    page.goto(course, wait_until="commit")
    page.get_by_label("Name", exact=True).first.fill("Bo Early")
    page.get_by_label("E-mail").fill("bo@school.test")
    page.get_by_role("button", name="Add", exact=True).click()
    assert page.url == course  # else the browser has sent it: the fields stand in the address
    held[0].continue_()
    assert "/welcome#" in page.get_by_label("Link to hand over").input_value()
    page.unroute_all()


def test_a_rubric_is_edited_into_a_new_version_and_exported(page: Page, room: School) -> None:
    page.goto(
        f"{origin(room.client)}/courses/{room.ids['knots']}/rubrics/new?version_of={room.ids['rubric']}"
    )
    group = page.get_by_role("group", name="Even spacing")
    group.get_by_label("weight").fill("8")
    page.get_by_role("button", name="Keep this version").click()
    page.get_by_role("alert").get_by_text(
        "exists with other figures"
    ).wait_for()  # a version is never changed
    page.get_by_label("Version").fill("2")
    page.get_by_label("Add a measure").select_option("symmetry")
    added = page.get_by_role("group", name="Symmetric bites")
    added.get_by_label("at least").fill("0,8")
    added.get_by_label("ideal").fill("1")
    assert faults(page) == []
    page.get_by_role("button", name="Keep this version").click()
    page.get_by_role("heading", name="Rubrics of this course").wait_for()
    newest = room.ask("teacher", "GET", f"/courses/{room.ids['knots']}/rubrics").json()[0]
    text = room.ask("teacher", "GET", f"/rubrics/{newest['id']}").text
    assert newest["version"] == "2"
    assert re.search(r"\[targets.spacing_cv\][^\[]*weight = 8\n", text)
    assert re.search(r"\[targets.symmetry\][^\[]*low = 0.8\n", text)


def test_a_rubric_of_the_assessor_can_be_taken_over_and_a_file_imported(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/courses/{room.ids['knots']}/rubrics/new")
    page.get_by_label("Begin with").select_option("face")
    page.get_by_role("button", name="Take this").click()
    page.wait_for_url("**/rubrics/new?builtin=face")
    page.get_by_role("button", name="Keep this version").click()
    page.get_by_role("rowheader", name="our face").wait_for()
    page.goto(f"{origin(room.client)}/courses/{room.ids['knots']}/rubrics/new")
    page.set_input_files("#file", {"name": "x.toml", "mimeType": "text/plain", "buffer": b"name = 1"})  # type: ignore[arg-type]
    page.locator("#import").get_by_role("alert").get_by_text("rubric").wait_for()


def test_an_assignment_is_made_with_rubric_and_due_time(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/courses/{room.ids['knots']}/assignments/new")
    page.get_by_label("Title").fill("Week 4")
    page.get_by_label("What to do").fill("Eight stitches.")
    page.get_by_label("Rubric").select_option(f"own:{room.ids['rubric']}")
    page.get_by_label("Due").fill("2026-12-24T18:00")
    page.get_by_label("Blind grading").check()
    assert faults(page) == []
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("heading", name="Week 4").wait_for()
    made = room.ask("teacher", "GET", f"/assignments/{page.url.rsplit('/', 1)[1]}").json()
    assert (made["rubric_id"], made["builtin_rubric"], made["blind"]) == (room.ids["rubric"], None, True)
    assert made["due_at"].startswith("2026-12-24T")
    page.get_by_role("link", name="Change").click()
    sync_api.expect(page.get_by_label("Due")).to_have_value("2026-12-24T18:00", timeout=PATIENCE_MS)
    assert page.get_by_label("Rubric").input_value() == f"own:{room.ids['rubric']}"


def test_a_zip_is_uploaded_graded_and_listed_without_loading_the_page_again(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/assignments/{room.ids['assignment']}")
    moodle = {
        "name": "moodle.zip",
        "mimeType": "application/zip",
        "buffer": a_zip(["Pupil", "Ben Two", "Cy"]),
    }
    page.set_input_files("#files", moodle)  # type: ignore[arg-type]
    page.get_by_text("Graded: 3 of 3").wait_for()
    page.locator(".results .share").nth(2).wait_for()  # the table looked again by itself
    table = page.locator(".results")
    assert table.locator("tbody tr").count() == 3
    assert {"Pupil", "Ben Two", "Cy"} == {row.inner_text() for row in table.locator("tbody th a").all()}
    assert faults(page) == []
    page.set_input_files("#files", moodle)  # type: ignore[arg-type]
    page.get_by_text("3 known already").wait_for()  # the same again adds nothing


def test_what_is_no_photo_is_said_before_it_is_sent(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/assignments/{room.ids['assignment']}")
    page.set_input_files("#files", {"name": "essay.doc", "mimeType": "text/plain", "buffer": b"x"})  # type: ignore[arg-type]
    page.get_by_role("alert").get_by_text("no photo, clip or zip").wait_for()


def test_the_list_is_filtered_in_place(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/assignments/{room.ids['graded']}")
    page.evaluate("window.stayed = true")
    page.get_by_label("Which").select_option("refused")
    page.get_by_text("Nothing here").wait_for()
    page.get_by_label("Which").select_option("graded")
    page.locator(".results tbody tr").first.wait_for()
    assert page.locator(".results tbody tr").count() == 2
    page.get_by_label("Technique").select_option("staples")
    page.get_by_text("Nothing here").wait_for()
    page.get_by_label("Technique").select_option("simple_interrupted")
    page.locator(".results tbody tr").first.wait_for()
    assert page.locator(".results tbody tr").count() == 2
    assert page.evaluate("window.stayed")


def test_a_grade_is_overridden_with_a_reason_and_both_are_kept(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/work/{room.ids['handed_in']}")
    page.wait_for_selector("#result:not([hidden])")
    page.get_by_label("Points").fill("7,5")
    page.get_by_label("of", exact=True).fill("10")
    page.get_by_label("Reason").fill("Two knots are loose.")
    page.get_by_role("button", name="Keep this mark").click()
    page.get_by_text("7.5 of 10 points, given by an instructor").wait_for()
    assert "3 of 10" in page.locator(".marked-by-hand").inner_text()
    page.wait_for_selector("#result:not([hidden])")
    assert faults(page) == []
    page.get_by_label("Points").fill("6")
    page.get_by_label("Reason").fill("A second look.")
    page.get_by_label("This is", exact=True).select_option("false")
    page.get_by_role("button", name="Keep this mark").click()
    page.get_by_text("second marker,").wait_for()
    marks = room.ask("teacher", "GET", f"/submissions/{room.ids['handed_in']}/marks").json()
    assert [(mark["points"], mark["overrides"]) for mark in marks] == [(7.5, True), (6.0, False)]


@pytest.mark.parametrize("view", ["class", "agreement", "hand-back"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_class_is_looked_at_from_every_side(
    page: Page, room: School, view: str, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.goto(f"{origin(room.client)}/assignments/{room.ids['graded']}/{view}")
    page.wait_for_load_state("networkidle")
    assert page.locator("main .chips a[aria-current=page]").count() == 1
    assert page.get_by_text("Loading").count() == 0
    assert faults(page) == []
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_a_grade_book_is_looked_at_before_it_is_written(page: Page, room: School) -> None:
    page.goto(f"{origin(room.client)}/assignments/{room.ids['graded']}/hand-back")
    book = (
        b"Student,ID,SIS User ID,SIS Login ID,Section,Row (11)\n"
        b"    Points Possible,,,,,10\nPupil,1,,pupil@school.test,A,\n"
    )
    page.set_input_files("#book", {"name": "canvas.csv", "mimeType": "text/csv", "buffer": book})  # type: ignore[arg-type]
    page.get_by_role("button", name="See what would be written").click()
    page.get_by_role("alert").get_by_text("which column is meant").wait_for()
    page.get_by_label("Column of the grades").fill("Row (11)")
    page.get_by_role("button", name="See what would be written").click()
    page.get_by_text("1 grade into the column").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Get the file").click()
    assert download.value.suggested_filename == "canvas.csv"


def test_everything_on_a_phone(page: Page, room: School) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for path in (f"/courses/{room.ids['knots']}", f"/assignments/{room.ids['graded']}", "/me"):
        page.goto(f"{origin(room.client)}{path}")
        assert faults(page) == [], path
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
