"""Single-user mode answers only to this machine's own names.

A server on localhost is reachable by any page in the same browser whose name resolves to 127.0.0.1
(DNS rebinding); that page's name stands in the Host header.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ServiceError

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


class LocalHostsOnly:
    """Answers wrong_host to requests for any other host than this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_local(Headers(scope=scope).get("host", "")):
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
