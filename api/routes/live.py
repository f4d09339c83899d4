"""A live session over a WebSocket: frames in, scores out, a summary at the end."""

from __future__ import annotations

import asyncio
import contextlib
import time

from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from api.errors import ServiceError
from api.hosts import same_origin
from api.live.desk import LiveDesk, Seat
from api.live.process import SUMMARY_TIMEOUT_S
from api.live.wire import LiveError, Start, Stop, parse_command
from api.security import may_grade, visitor

router = APIRouter()

# Frames a second that one session may send; a faster one is read more slowly.
MOST_FRAMES_PER_S = 60.0
BURST_FRAMES = 3
IDLE_S = 30.0
LONGEST_S = 20 * 60.0
SEND_TIMEOUT_S = 20.0
DONE = 1000
STOP = '{"type": "stop"}'


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """The protocol of docs/service.md. A page from elsewhere may not open it (403)."""
    if not same_origin(socket.headers, socket.app.state.settings.public_url):
        await socket.close()
        return
    await socket.accept()
    desk: LiveDesk = socket.app.state.live
    with contextlib.suppress(WebSocketDisconnect):
        try:
            await run_in_threadpool(_check_caller, socket)
            start = await _start(socket)
            async with desk.seat() as seat:
                await _send(socket, await seat.process.command(start))
                await _converse(socket, desk, seat)
        except LiveError as refusal:
            await _send(socket, refusal.message())
            # A close frame's reason has 123 bytes at most.
            await socket.close(refusal.close_code, f"{refusal.code}: {refusal.title}"[:120])


def _check_caller(socket: WebSocket) -> None:
    try:
        may_grade(socket, visitor(socket))
    except ServiceError as refusal:
        raise LiveError(refusal.code, refusal.title, refusal.hint) from None


async def _start(socket: WebSocket) -> str:
    """The first message, which must be the command `start`."""
    text, data = await _receive(socket)
    if text is None and data is None:
        raise LiveError("live_idle", f"Nothing came for {IDLE_S:.0f} seconds", "Start again.")
    if text is None or not isinstance(parse_command(text), Start):
        raise LiveError("not_started", "The session has not begun", 'Send {"type": "start"} first.')
    return text


async def _converse(socket: WebSocket, desk: LiveDesk, seat: Seat) -> None:
    """Answer messages until `stop`, or until the client is silent or here for too long."""
    began_s = next_s = time.monotonic()
    while True:
        text, data = await _receive(socket)
        now_s = time.monotonic()
        over = (text is None and data is None) or now_s - began_s > LONGEST_S
        if data is not None and not over:
            answer, cpu_s = await seat.process.frame(data)
            desk.note(seat, cpu_s, time.monotonic() - now_s)
            await _send(socket, answer)
            next_s = max(next_s, now_s - BURST_FRAMES / MOST_FRAMES_PER_S) + 1 / MOST_FRAMES_PER_S
            if next_s > now_s:
                await asyncio.sleep(next_s - now_s)
            continue
        text = STOP if over or text is None else text
        command = parse_command(text)
        answer = await seat.process.command(text, SUMMARY_TIMEOUT_S)
        if answer:
            await _send(socket, answer)
        if isinstance(command, Stop):
            await socket.close(DONE)
            return


async def _receive(socket: WebSocket) -> tuple[str | None, bytes | None]:
    """A message's text or bytes; neither when none came for a while. WebSocketDisconnect."""
    try:
        async with asyncio.timeout(IDLE_S):
            message = await socket.receive()
    except TimeoutError:
        return None, None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    return message.get("text"), message.get("bytes")


async def _send(socket: WebSocket, text: str) -> None:
    """A client that does not read gives its place back."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_text(text)
    except (TimeoutError, RuntimeError):
        raise WebSocketDisconnect(1006) from None
