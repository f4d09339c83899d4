"""The child process of one live session: frames and commands in, texts for the client out.

Pictures are hostile input, so they are decoded here and not in the process that answers requests.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import struct
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

from api.children import limit_memory
from api.live.wire import (
    CREDIT,
    MAX_SESSION_US,
    FrameMessage,
    LiveError,
    Start,
    Stop,
    Tip,
    parse_command,
    parse_frame,
)
from assessor.errors import AssessorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assessor.motion.frames import Frame
    from assessor.motion.results import LiveScore, MotionAssessment

DONE, REFUSED, FAILED = 0, 1, 2
# Outcome, and the CPU time the message took: what a session costs this machine.
REPLY = struct.Struct("<Bd")
TEXT, FRAME = b"T", b"F"
MIN_PART_PX = 64


class LiveSession(Protocol):
    """What `assessor.motion.session.Session` offers, and a double in tests."""

    def push(
        self, frame: Frame, roi: tuple[int, int] = (0, 0), full_size: tuple[int, int] | None = None
    ) -> LiveScore: ...

    def add_tip(self, x_px: float, y_px: float) -> None: ...

    def summary(self) -> MotionAssessment: ...


Open = Callable[[Start], LiveSession]


def open_session(start: Start) -> LiveSession:
    """A session of the assessor; its errors where an option makes no sense."""
    # The first estimate imports them: in the midst of a session it would stand still for most of a second.
    import scipy.ndimage
    import scipy.signal  # noqa: F401

    from assessor.motion.session import MotionOptions, Session

    return Session(MotionOptions(mm_per_px=start.mm_per_px, task=start.task, hand=start.hand))


def serve(pipe: Connection, open_one: Open, memory_bytes: int) -> None:
    """Warm up, say so, then a message in and a text out until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    limit_memory(memory_bytes)
    # One core a session: threads of eight sessions would fight for two.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    import cv2

    cv2.setNumThreads(1)
    conversation = Conversation(open_one)
    pipe.send_bytes(b"ready")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            message = pipe.recv_bytes()
            began_s = time.process_time()
            outcome, text = _answer(conversation, message)
            pipe.send_bytes(REPLY.pack(outcome, time.process_time() - began_s) + text.encode())


def _answer(conversation: Conversation, message: bytes) -> tuple[int, str]:
    try:
        if message[:1] == FRAME:
            return DONE, conversation.frame(memoryview(message)[1:])
        return DONE, conversation.command(message[1:].decode())
    except LiveError as exc:
        return REFUSED, json.dumps([exc.code, exc.title, exc.hint])
    except AssessorError as exc:
        return REFUSED, json.dumps([exc.code, exc.text, exc.hint])
    except Exception as exc:
        # Frames only: a message may hold what a person wrote.
        return FAILED, "".join(traceback.format_tb(exc.__traceback__)) + type(exc).__name__


class Conversation:
    """One session's messages in their order; raises LiveError, or the assessor's errors."""

    def __init__(self, open_one: Open) -> None:
        self._open = open_one
        self._session: LiveSession | None = None
        self._pictures = Pictures()
        self._score: LiveScore | None = None
        self._estimated_s: float | None = None

    def command(self, text: str) -> str:
        command = parse_command(text)
        if isinstance(command, Start):
            if self._session is not None:
                raise LiveError(
                    "already_started", "This session has begun already", "Open a new connection for another."
                )
            self._session = self._open(command)
            return json.dumps({"type": "ready", "credit": CREDIT})
        session = self._begun()
        if isinstance(command, Tip):
            session.add_tip(command.x_px, command.y_px)
            return ""
        assert isinstance(command, Stop)
        document = {"type": "summary", **session.summary().to_json()}
        return json.dumps(document, allow_nan=False, ensure_ascii=False)

    def frame(self, data: memoryview) -> str:
        """The `score` message. A repeated picture, or one that is not later, holds nothing new."""
        session = self._begun()
        message = parse_frame(data)
        frame = self._pictures.new(message)
        if frame is not None:
            self._score = session.push(frame, message.roi_px, message.full_px)
        score = {"type": "score", "seq": message.seq, "tips": [], "tremor": None, "score": None}
        if self._score is not None:
            told = self._score.estimated_s == self._estimated_s
            # The spectrum is large, and told already.
            score |= (replace(self._score, spectrum=None) if told else self._score).to_json()
            if told:
                del score["spectrum"]
            self._estimated_s = self._score.estimated_s
        return json.dumps({**score, "credit": CREDIT}, allow_nan=False)

    def _begun(self) -> LiveSession:
        assert self._session is not None, "the parent sends `start` first"
        return self._session


class Pictures:
    """JPEGs of the socket -> frames with times; what repeats the picture before is no frame."""

    def __init__(self) -> None:
        self._first_us: int | None = None
        self._last_us = -1
        self._index = -1
        self._full_px: tuple[int, int] | None = None
        self._before: tuple[tuple[int, int], NDArray[np.uint8]] | None = None

    def new(self, message: FrameMessage) -> Frame | None:
        """LiveError bad_frame where the picture cannot be used."""
        from assessor.motion.frames import Frame, is_duplicate

        self._index += 1
        if self._full_px not in (None, message.full_px):
            raise _unusable("the full picture's size changed", "Turn the phone before starting, not after.")
        self._full_px = message.full_px
        grey = decode(message)
        if message.capture_us <= self._last_us:
            return None
        if self._first_us is None:
            self._first_us = message.capture_us
        if message.capture_us - self._first_us > MAX_SESSION_US:
            raise _unusable("its time is more than an hour after the first", "Start a new session.")
        self._last_us = message.capture_us
        before, self._before = self._before, (message.roi_px, grey)
        if before is not None and before[0] == message.roi_px and is_duplicate(before[1], grey):
            return None
        return Frame(grey, (message.capture_us - self._first_us) * 1e-6, self._index)


def decode(message: FrameMessage) -> NDArray[np.uint8]:
    """The frame's grey picture (h, w); LiveError bad_frame unless it is a JPEG that fits into the full."""
    import cv2
    import numpy as np
    from PIL import Image

    (x, y), (full_w, full_h) = message.roi_px, message.full_px
    try:
        # The header alone: a small file may claim a gigabyte of pixels.
        with Image.open(io.BytesIO(message.jpeg), formats=("JPEG",)) as header:
            width, height = header.size
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        raise _unusable("it is no JPEG", "Load the page again.") from None
    if x + width > full_w or y + height > full_h or min(width, height) < MIN_PART_PX:
        raise _unusable("it is tiny or reaches outside the full picture", "Load the page again.")
    # As stored: the client's pixels are the contract's, whatever an orientation tag says. Colour is not used.
    grey = cv2.imdecode(
        np.frombuffer(message.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    )
    if grey is None:
        raise _unusable("the JPEG is broken", "Load the page again.")
    return np.asarray(grey, np.uint8)


def _unusable(reason: str, hint: str) -> LiveError:
    return LiveError("bad_frame", f"A frame cannot be used: {reason}", hint)
