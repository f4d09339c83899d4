"""POST /photos and /health through a real server, with a double in place of grading."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from api_doubles import PNG
from api_server import running
from pydantic import TypeAdapter

from api.errors import MEDIA_TYPE, SERVICE_CODES, STATUS_OF_CODE
from api.routes.photos import prefers_png
from assessor import __version__
from assessor.results import PhotoAssessment

PHOTOS = "/api/v1/photos"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running() as client:
        yield client


def post(
    client: httpx.Client, photo: bytes = b"pad", data: object = None, **kwargs: object
) -> httpx.Response:
    return client.post(PHOTOS, files={"file": ("pad.jpg", photo)}, data=data, **kwargs)  # type: ignore[arg-type]


def problem(answer: httpx.Response) -> dict[str, object]:
    assert answer.headers["content-type"] == MEDIA_TYPE
    document: dict[str, object] = answer.json()
    assert set(document) == {"type", "title", "status", "code", "hint"}
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["hint"]
    return document


def test_health(client: httpx.Client) -> None:
    answer = client.get("/api/v1/health")
    assert answer.json() == {"status": "ok", "version": __version__, "queue_depth": 0, "live_sessions": 0}


def test_a_photo_comes_back_as_the_contracts_json(client: httpx.Client) -> None:
    answer = post(client)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert document["schema_version"] == "1"
    assert document["image"]["file"] == "pad.jpg"
    assert "error" not in document
    assert len(TypeAdapter(PhotoAssessment).validate_python(document).wounds[0].stitches) == 2


def test_the_picture_comes_back_where_it_is_asked_for(client: httpx.Client) -> None:
    answer = post(client, headers={"accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == PNG


@pytest.mark.parametrize(
    ("accept", "png"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("image/png", True),
        ("image/*", True),
        ("image/png, */*;q=0.1", True),
        ("image/png;q=0.1, application/json", False),
        ("image/png;q=nonsense", False),
        ("text/html", False),
    ],
)
def test_accept(accept: str, png: bool) -> None:
    assert prefers_png(accept) is png


@pytest.mark.parametrize(
    ("data", "technique_declared"),
    [({}, False), ({"technique": "simple_running"}, True), ({"technique": "  ", "kit": ""}, False)],
)
def test_options_reach_the_grading(
    client: httpx.Client, data: dict[str, str], technique_declared: bool
) -> None:
    assert post(client, data=data).json()["wounds"][0]["technique"]["declared"] is technique_declared


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"mm_per_px": "five"}, "bad_number"),
        ({"mm_per_px": "-1"}, "bad_mm_per_px"),
        ({"grid_mm": "nan"}, "bad_grid_mm"),
        ({"ruler_mm": "0"}, "bad_ruler_mm"),
        ({"points": "1,2,3"}, "bad_points"),
        ({"technique": "crochet"}, "unknown_technique"),
        ({"rubric": "../../etc/passwd"}, "rubric_unknown"),
        ({"kit": "cheese"}, "unknown_kit"),
        ({"kit": "silicone"}, "ok"),
        ({"suture_size": "4"}, "ok"),
        ({"suture_size": "four"}, "bad_suture_size"),
        ({"mm_per_px": "0,05"}, "ok"),
        ({"depth": "1"}, "unknown_field"),
        ({"technique": ["simple_running", "staples"]}, "repeated_field"),
        ({"kit": "x" * 5000}, "bad_form"),
        ({f"field{i}": "1" for i in range(50)}, "bad_form"),
    ],
)
def test_each_bad_field_has_its_code(client: httpx.Client, data: dict[str, str], code: str) -> None:
    answer = post(client, data=data)
    if code == "ok":
        assert answer.status_code == 200
    else:
        document = problem(answer)
        assert document["code"] == code
        assert answer.status_code == SERVICE_CODES.get(code, 422)


@pytest.mark.parametrize(
    ("request_", "code", "status"),
    [
        ({"json": {"file": "pad"}}, "not_multipart", 415),
        ({"data": {"file": "pad"}}, "not_multipart", 415),
        ({"files": {"photo": ("a.jpg", b"x")}}, "unknown_field", 422),
        ({"files": {"kit": ("a.jpg", b"x")}}, "unknown_field", 422),
        ({"files": [("file", ("a.jpg", b"x")), ("file", ("b.jpg", b"x"))]}, "bad_form", 400),
        ({"files": {"kit": (None, "silicone")}}, "no_file", 422),
        ({"files": {"file": (None, "text")}}, "no_file", 422),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, "bad_form", 400),
        (
            {"content": b"junk", "headers": {"content-type": "multipart/form-data; boundary=x"}},
            "bad_form",
            400,
        ),
    ],
)
def test_each_broken_form_has_its_code(
    client: httpx.Client, request_: dict[str, object], code: str, status: int
) -> None:
    answer = client.post(PHOTOS, **request_)  # type: ignore[arg-type]
    assert problem(answer)["code"] == code
    assert answer.status_code == status


def test_a_photo_that_cannot_be_graded_is_a_problem_with_its_code_and_hint(client: httpx.Client) -> None:
    answer = post(client, b"refuse")
    assert problem(answer) == {
        "type": "urn:suture-assessor:problem:not_an_image",
        "title": "This is no photo.",
        "status": 415,
        "code": "not_an_image",
        "hint": "Send a photo.",
    }


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", "not_found"),
        ("GET", "/static/../api/main.py", "not_found"),
        ("GET", "/static/nothing.js", "not_found"),
        ("GET", PHOTOS, "method_not_allowed"),
        ("DELETE", "/api/v1/health", "method_not_allowed"),
        ("POST", "/nothing", "not_found"),
    ],
)
def test_wrong_addresses_are_problems_too(client: httpx.Client, method: str, path: str, code: str) -> None:
    assert problem(client.request(method, path))["code"] == code


def test_a_file_name_is_only_a_name(client: httpx.Client) -> None:
    answer = client.post(PHOTOS, files={"file": ("C:\\Users\\kim\\../pad.jpg", b"pad")})
    assert answer.json()["image"]["file"] == "pad.jpg"


def test_openapi_names_every_answer_and_field(client: httpx.Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    operation = document["paths"][PHOTOS]["post"]
    statuses = {status for status in {*SERVICE_CODES.values(), *STATUS_OF_CODE.values()} if status >= 400}
    # Not answers of this route: wrong address (404), wrong method (405), wrong host (421), and the class
    # room's conflicts (409), used links (410) and guessed passwords (429).
    assert {int(s) for s in operation["responses"]} == {200, *statuses} - {404, 405, 409, 410, 421, 429}
    for status, answer in operation["responses"].items():
        if status != "200":
            assert list(answer["content"]) == [MEDIA_TYPE]
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "image/png"}
    body = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert body["required"] == ["file"]
    assert {"PhotoAssessment", "Stitch", "Metric", "ProblemDocument"} <= set(
        document["components"]["schemas"]
    )
