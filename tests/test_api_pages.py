"""The page as it is delivered: everything from here, nothing inline, every field labelled."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from importlib.resources import files

import httpx
import pytest
from api_server import running
from html_tags import Tags, tags_of

from api.form import OPTION_FIELDS

STATIC = {file.name for file in (files("api") / "web" / "static").iterdir()}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running() as client:
        yield client


@pytest.fixture(scope="module")
def tags(client: httpx.Client) -> Tags:
    return tags_of(client.get("/").text)


def test_the_policy_allows_this_origin_only(client: httpx.Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in policy


def test_nothing_runs_inline_and_nothing_comes_from_elsewhere(
    tags: Tags,
) -> None:
    for tag, attributes in tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        if tag == "script":
            assert attributes["src"]
        for name in ("src", "href", "action"):
            assert not re.match(r"[a-z]+:|//", attributes.get(name) or "")


def test_every_field_has_a_label_and_is_one_that_the_service_knows(
    tags: Tags,
) -> None:
    labelled = {attributes["for"] for tag, attributes in tags if tag == "label"}
    fields = [attributes for tag, attributes in tags if tag in ("input", "select")]
    assert {attributes["id"] for attributes in fields} == labelled
    named = {attributes["name"] for attributes in fields if "name" in attributes}
    # The rest of the options: points are tapped on the picture.
    assert named == set(OPTION_FIELDS) - {"points"}


@pytest.mark.parametrize("name", sorted(STATIC))
def test_every_static_file_is_served_and_names_only_its_neighbours(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    for module in re.findall(r'from "\./([^"]+)"', answer.text):
        assert module in STATIC
    assert not re.findall(r"https?://(?!www\.w3\.org/)", answer.text)
    assert not re.findall(r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write", answer.text)


def test_one_upload_gives_the_page_numbers_and_picture(client: httpx.Client) -> None:
    answer = client.post("/grade", files={"file": ("pad.jpg", b"pad")})
    document = answer.json()
    assert document["assessment"]["schema_version"] == "1"
    head, data = document["overlay"].split(",", 1)
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data).startswith(b"\xff\xd8")


def test_the_page_gets_errors_as_problems(client: httpx.Client) -> None:
    answer = client.post("/grade", files={"file": ("pad.jpg", b"refuse")})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_an_image")
