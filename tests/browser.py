"""Chromium for the tests of the pages: what a page must never do, whatever it is, is watched here."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.secret import hash_password
from api.store import people

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from school import School

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1200, "height": 900}
PATIENCE_MS = 60_000  # of a machine that does other things too
PASSWORD = "four words and more"


@contextlib.contextmanager
def chromium(camera: Path | None = None) -> Iterator[Browser]:
    """A browser; its camera, allowed already, plays the clip `camera` (.mjpeg) over and over."""
    # In a container, Chromium's own sandbox has no rights to set itself up.
    arguments = ["--no-sandbox"]
    if camera is not None:
        arguments += [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextlib.contextmanager
def watched(browser: Browser, origin: str, size: dict[str, int] = PHONE) -> Iterator[Page]:
    """A page of its own; in the end no script failed, no policy was broken, no request left the host."""
    context = browser.new_context(viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []

    def seen(url: str) -> None:
        if not url.startswith((origin, "data:", "blob:")):
            complaints.append(f"went to {url}")

    page.on("pageerror", lambda error: complaints.append(str(error)))
    # A refusal (HTTP 4xx) is on the console too; what the policy blocks is the page's mistake.
    page.on("console", lambda m: complaints.append(m.text) if "Content Security" in m.text else None)
    page.on("request", lambda request: seen(request.url))
    try:
        yield page
        assert complaints == []
    finally:
        context.close()


def origin(client: httpx.Client) -> str:
    """Where a page's addresses begin."""
    return str(client.base_url).rstrip("/")


def let_in(school: School, *who: str) -> None:
    """These people of the school come in by PASSWORD."""
    with school.database.writing() as session:
        for name in who:
            person = people.person(session, school.caller("admin"), school.ids[name])
            person.password_hash = hash_password(PASSWORD)


def sign_in(page: Page, origin: str, email: str, after: str = "/") -> None:
    page.goto(f"{origin}/login?next={after}")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{origin}{after}")


def faults(page: Page) -> list[tuple[str, str]]:
    """What axe has to say, and what does not fit the screen's width."""
    axe = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    found: dict[str, Any] = page.evaluate(axe + "; axe.run()")
    out = [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]]
    assert page.viewport_size is not None
    width = page.evaluate("document.documentElement.scrollWidth")
    return out + ([("too wide", str(width))] if width > page.viewport_size["width"] else [])
