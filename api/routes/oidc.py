"""Signing in at the school (OpenID Connect, authorization code with PKCE), where the operator set it up.

A person is known by issuer and subject; the first time by an e-mail address that the issuer has
verified and somebody here was invited with; else they become a new trainee.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from api.errors import ServiceError, documented, not_there
from api.security import Anyone, database, public_address, set_cookie
from api.settings import Settings
from api.store import people

if TYPE_CHECKING:
    from authlib.integrations.starlette_client import StarletteOAuth2App

router = APIRouter(tags=["accounts"], responses=documented(400, 401, 404, 503, 507))
NAME_LENGTH = 200
ANSWER: dict[int | str, dict[str, Any]] = {303: {"description": "on to the next page"}}


def _school(request: Request) -> StarletteOAuth2App:
    """The school's sign-in service; ServiceError not_found where none is set up."""
    settings: Settings = request.app.state.settings
    if settings.oidc_issuer is None:
        not_there("sign-in at a school")
    state = request.app.state
    if not hasattr(state, "oidc"):
        from authlib.integrations.starlette_client import OAuth

        secret = settings.oidc_client_secret
        state.oidc = OAuth().register(
            "school",
            client_id=settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
        )
    found: StarletteOAuth2App = state.oidc
    return found


@router.get("/oidc", status_code=303, response_class=RedirectResponse, responses=ANSWER)
async def leave_for_school(request: Request, visitor: Anyone) -> Response:
    """To the school's sign-in page."""
    back = f"{public_address(request)}/api/v1/oidc/back"
    try:
        answer: Response = await _school(request).authorize_redirect(request, back)
    except ServiceError:
        raise
    except Exception as exc:
        raise _away() from exc
    answer.status_code = 303
    return answer


@router.get("/oidc/back", status_code=303, response_class=RedirectResponse, responses=ANSWER)
async def come_back(request: Request, visitor: Anyone) -> Response:
    """From the school's sign-in page: sign this browser in and go to the start page."""
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError

    school = _school(request)
    try:
        token = await school.authorize_access_token(request)
        claims = dict(token["userinfo"])
        issuer, subject = str(claims["iss"]), str(claims["sub"])
    except (OAuthError, JoseError, KeyError, ValueError) as exc:
        raise ServiceError(
            "wrong_login", "The school did not sign you in", "Start again from the sign-in page."
        ) from exc
    except Exception as exc:
        raise _away() from exc
    session_token = await run_in_threadpool(_sign_in, request, issuer, subject, claims)
    answer = RedirectResponse("/", 303)
    set_cookie(request, answer, session_token)
    return answer


def _sign_in(request: Request, issuer: str, subject: str, claims: dict[str, Any]) -> str:
    email = str(claims.get("email") or "").lower() or None
    if claims.get("email_verified") is not True:
        email = None  # anybody may claim an address that nobody has checked
    with database(request).writing() as session:
        person = people.person_by_oidc(session, issuer, subject)
        if person is None:
            person = people.person_by_email(session, email) if email else None
            if person is None or person.oidc_subject is not None:
                taken = person is not None
                name = str(claims.get("name") or claims.get("preferred_username") or "New trainee")
                person = people.add_person(session, name[:NAME_LENGTH], None if taken else email, "trainee")
            person.oidc_issuer, person.oidc_subject = issuer, subject
        if not person.active:
            raise ServiceError("wrong_login", "This account was closed", "Ask an admin of the service.")
        return people.sign_in(session, person)


def _away() -> ServiceError:
    return ServiceError(
        "school_away",
        "The school's sign-in service does not answer as it should",
        "Try again in a minute; whoever runs the service can check ASSESSOR_OIDC_ISSUER.",
        headers={"retry-after": "5"},
    )
