"""Signing in at the school, against a sign-in service of our own on this machine."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Form
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey
from school import School, school

from api.store import people


@dataclass
class SignInService:
    """An OpenID provider that signs everybody in with `claims`; `wrong` makes it lie."""

    url: str
    claims: dict[str, Any] = field(default_factory=dict)
    wrong: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048))
    nonces: dict[str, str] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def metadata() -> dict[str, Any]:
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }

        @app.get("/authorize")
        def authorize(redirect_uri: str, state: str, nonce: str, code_challenge: str) -> RedirectResponse:
            code = secrets.token_urlsafe()
            self.nonces[code] = nonce
            return RedirectResponse(f"{redirect_uri}?code={code}&state={state}")

        @app.post("/token")
        def token(code: str = Form(), code_verifier: str = Form()) -> dict[str, Any]:
            now = int(time.time())
            claims = {
                "iss": "https://else.where" if self.wrong == "issuer" else self.url,
                "aud": "somebody else" if self.wrong == "audience" else "assessor",
                "exp": now - 3600 if self.wrong == "expired" else now + 60,
                "iat": now,
                "nonce": "another" if self.wrong == "nonce" else self.nonces.pop(code),
                **self.claims,
            }
            key = RSAKey.generate_key(2048) if self.wrong == "key" else self.key
            return {
                "access_token": "x",
                "token_type": "Bearer",
                "id_token": jwt.encode({"alg": "RS256", "kid": self.key.thumbprint()}, claims, key),
            }

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            return {"keys": [{**self.key.as_dict(private=False), "kid": self.key.thumbprint()}]}

        return app


@contextlib.contextmanager
def provider() -> Iterator[SignInService]:
    listener = socket.create_server(("127.0.0.1", 0))
    found = SignInService(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(found.app(), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def service() -> Iterator[SignInService]:
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def room(service: SignInService) -> Iterator[School]:
    with school(oidc_issuer=service.url, oidc_client_id="assessor", oidc_client_secret="s") as found:
        yield found


def sign_in(room: School, service: SignInService, wrong: str = "", **claims: Any) -> httpx.Response:
    """Go through the whole round in a new browser; the answer of /me, or the first that is an error."""
    service.claims, service.wrong = claims, wrong
    with httpx.Client(base_url=room.client.base_url, timeout=60) as browser:
        there = browser.get("/api/v1/oidc")
        assert there.status_code == 303
        back = httpx.get(there.headers["location"], timeout=60).headers["location"]
        done = browser.get(back)
        if done.status_code != 303:
            return done
        assert done.headers["location"] == "/"
        return browser.get("/api/v1/me")


def test_somebody_new_becomes_a_trainee_and_stays_the_same_person(
    room: School, service: SignInService
) -> None:
    first = sign_in(room, service, sub="1", name="Kim").json()
    assert (first["name"], first["role"], first["email"]) == ("Kim", "trainee", None)
    assert sign_in(room, service, sub="1", name="Kim").json()["id"] == first["id"]
    assert sign_in(room, service, sub="2", name="Kim").json()["id"] != first["id"]


def test_who_was_invited_is_known_by_a_verified_address_alone(room: School, service: SignInService) -> None:
    address = "Teacher@school.test"
    claimed = sign_in(room, service, sub="3", email=address).json()
    assert (claimed["id"] == room.ids["teacher"], claimed["email"]) == (False, None)
    verified = sign_in(room, service, sub="4", email=address, email_verified=True).json()
    assert (verified["id"], verified["role"]) == (room.ids["teacher"], "instructor")
    # The account has its subject now: another with the same address does not get it.
    other = sign_in(room, service, sub="5", email=address, email_verified=True).json()
    assert other["id"] != room.ids["teacher"]


def test_a_closed_account_stays_closed(room: School, service: SignInService) -> None:
    number = sign_in(room, service, sub="6").json()["id"]
    with room.database.writing() as session:
        people.change_person(session, people.person(session, room.caller("admin"), number), {"active": False})
    assert sign_in(room, service, sub="6").json()["code"] == "wrong_login"


@pytest.mark.parametrize("wrong", ["issuer", "audience", "expired", "nonce", "key"])
def test_a_token_that_lies_is_refused(room: School, service: SignInService, wrong: str) -> None:
    answer = sign_in(room, service, wrong, sub="7")
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_login")


def test_coming_back_without_having_left_is_refused(room: School, service: SignInService) -> None:
    answer = room.client.get("/api/v1/oidc/back?code=x&state=y")
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_login")
    assert room.client.get("/api/v1/oidc/back?error=access_denied").status_code == 401


def test_another_browser_cannot_use_the_way_back(room: School, service: SignInService) -> None:
    """Login forgery: a victim is sent the attacker's way back."""
    service.claims, service.wrong = {"sub": "8"}, ""
    with httpx.Client(base_url=room.client.base_url, timeout=60) as attacker:
        there = attacker.get("/api/v1/oidc").headers["location"]
    assert parse_qs(urlsplit(there).query)["code_challenge_method"] == ["S256"]
    back = httpx.get(there, timeout=60).headers["location"]
    assert room.client.get(back).status_code == 401


def test_a_school_that_does_not_answer_is_named() -> None:
    with school(oidc_issuer="http://127.0.0.1:9", oidc_client_id="assessor") as found:
        answer = found.client.get("/api/v1/oidc")
        assert (answer.status_code, answer.json()["code"]) == (503, "school_away")
