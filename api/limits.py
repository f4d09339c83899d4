"""What one client may cost: bytes, seconds and places, counted while the body streams in.

A plain ASGI middleware, because a Content-Length may lie and a chunked body has none.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ServiceError
from api.settings import MIB

RETRY_AFTER_S = 5
# After an early answer the rest of the body is read and thrown away for a moment: closing at once
# would reset the connection and many clients would never see the answer.
LINGER_S = 2.0
LINGER_BYTES = 64 * MIB
# Slower than this after a moment's grace, a body would not be in before the deadline anyway; a client
# that trickles gives its place back early.
GRACE_S = 10.0
SLOWEST_BYTES_PER_S = 16 * 1024
# A client that does not read its answer gives its place back after this.
SEND_TIMEOUT_S = 60.0


@dataclass(slots=True)
class _Body:
    """How much of a request's body has come in."""

    complete: bool
    received_bytes: int = 0


class UploadGuard:
    """Caps a request's body in bytes and time, and how many bodies are in the house at once.

    Paths that begin with a key of `larger_bytes` may send that much, for as long as they do not trickle.
    Raises (into the application) or answers `ServiceError`s: upload_too_large, upload_too_slow, busy.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        receive_timeout_s: float,
        max_uploads: int,
        larger_bytes: Mapping[str, int],
    ) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.receive_timeout_s = receive_timeout_s
        self.max_uploads = max_uploads
        self.larger_bytes = larger_bytes
        self.uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = int(headers.get("content-length", 0))
        body = _Body(complete=length == 0 and "transfer-encoding" not in headers)
        send = self._patient_send(scope, body, receive, send)
        if body.complete:
            await self.app(scope, receive, send)
            return
        most_bytes, patience_s = self.max_body_bytes, self.receive_timeout_s
        for path, larger_bytes in self.larger_bytes.items():
            if scope["path"].startswith(path):
                most_bytes, patience_s = larger_bytes, math.inf
        if length > most_bytes:
            await _too_large(most_bytes).response()(scope, receive, send)
            return
        if self.uploads >= self.max_uploads:
            await self._busy().response()(scope, receive, send)
            return
        self.uploads += 1
        try:
            await self.app(scope, _counting_receive(body, receive, most_bytes, patience_s), send)
        finally:
            self.uploads -= 1

    def _patient_send(self, scope: Scope, body: _Body, receive: Receive, send: Send) -> Send:
        """`send` that answers before the body is in without cutting the client off."""
        expects_continue = "expect" in Headers(scope=scope)

        async def patient_send(message: Message) -> None:
            early = not body.complete
            if message["type"] == "http.response.start" and early and scope["http_version"].startswith("1"):
                MutableHeaders(scope=message)["connection"] = "close"
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if not (last and early):
                    await send(message)
                    return
                await send({**message, "more_body": True})
            if not (expects_continue and body.received_bytes == 0):
                await _drain(body, receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        return patient_send

    def _busy(self) -> ServiceError:
        return ServiceError(
            "busy",
            "Too many photos are being graded right now",
            f"Try again in {RETRY_AFTER_S} seconds.",
            headers={"retry-after": str(RETRY_AFTER_S)},
        )


def _counting_receive(body: _Body, receive: Receive, most_bytes: int, longest_s: float) -> Receive:
    start = asyncio.get_running_loop().time()

    async def counting_receive() -> Message:
        if body.complete:
            return await receive()
        patience_s = min(longest_s, GRACE_S + body.received_bytes / SLOWEST_BYTES_PER_S)
        try:
            async with asyncio.timeout_at(start + patience_s):
                message = await receive()
        except TimeoutError:
            raise ServiceError(
                "upload_too_slow",
                f"The photo was not all there after {patience_s:.0f} seconds",
                "Move to a better connection, or send a smaller photo.",
            ) from None
        _count(body, message)
        if body.received_bytes > most_bytes:
            raise _too_large(most_bytes)
        return message

    return counting_receive


def _too_large(most_bytes: int) -> ServiceError:
    return ServiceError(
        "upload_too_large",
        f"The upload is larger than {most_bytes // MIB} MB",
        "Send photos as the phone saved them, a class in several uploads; cut clips to the exercise.",
    )


def _count(body: _Body, message: Message) -> None:
    if message["type"] == "http.request":
        body.received_bytes += len(message.get("body", b""))
        body.complete = not message.get("more_body", False)
    else:
        body.complete = True


async def _drain(body: _Body, receive: Receive) -> None:
    most = body.received_bytes + LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_S):
            while not body.complete and body.received_bytes < most:
                _count(body, await receive())
    except TimeoutError:
        pass
