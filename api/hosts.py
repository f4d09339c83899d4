"""Which names this service answers to, and which pages may open a socket to it.

A server on localhost is reachable by any page in the same browser whose name resolves to 127.0.0.1
(DNS rebinding); that page's name stands in the Host header: single-user mode answers only to this
machine's own. And any page may open a WebSocket anywhere; the browser says in Origin which page it is.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ServiceError

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


class LocalHostsOnly:
    """Answers wrong_host to requests for any other host than this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and not is_local(Headers(scope=scope).get("host", "")):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})  # before the handshake: HTTP 403
                return
            problem = ServiceError(
                "wrong_host",
                "This service runs for one user on this machine",
                "Open it as http://localhost, or start it without --single-user.",
            )
            await problem.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)


def is_local(host: str) -> bool:
    """Whether a Host header (with or without port) names this machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.lower() in LOCAL_HOSTS


def same_origin(headers: Headers, public_url: str | None) -> bool:
    """Whether a request comes from this service's own page, or from a program (which names no origin).

    `public_url` is the service's address in front of a proxy, which may change the Host header.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    ours = {headers.get("host", "").lower(), urlsplit(public_url).netloc.lower() if public_url else ""}
    return urlsplit(origin).netloc.lower() in ours - {""}
