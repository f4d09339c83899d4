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


def same_origin(headers: Headers) -> bool:
    """Whether a WebSocket comes from this service's own page, or from a program (which names no origin)."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
