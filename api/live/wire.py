"""The live protocol as bytes and text: a frame's header, the commands, the refusals (docs/service.md)."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from assessor.motion.results import Hand, Task

Word = TypeVar("Word", bound=str)

# u8 version, u8 flags, u16 reserved, u32 seq, u64 capture_us, u16 roi_x, roi_y, full_w, full_h
HEADER = struct.Struct("<BBHIQHHHH")
VERSION = 1
# Frames in flight: one on its way, one being measured, one answered. More would only wait.
CREDIT = 3
MAX_MESSAGE_BYTES = 2 * 1024 * 1024  # a 1080p JPEG of good quality has 0.5 MB
MAX_COMMAND_CHARS = 1000
MAX_SIDE_PX = 1920
MIN_SIDE_PX = 96
MAX_SESSION_US = 3_600_000_000

# What ends a session early, with the WebSocket close code it ends in. docs/service.md explains each.
LIVE_CODES: dict[str, int] = {
    "bad_command": 1008,
    "bad_frame": 1008,
    "not_started": 1008,
    "already_started": 1008,
    "live_idle": 1008,
    "live_failed": 1011,
    "live_died": 1011,
    "live_full": 1013,
    "live_overloaded": 1013,
}


class LiveError(Exception):
    """The session does not begin, or ends without a summary."""

    def __init__(self, code: str, title: str, hint: str) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.hint = hint

    @property
    def close_code(self) -> int:
        """1008 for the assessor's own errors: an option or a picture that cannot be used."""
        return LIVE_CODES.get(self.code, 1008)

    def message(self) -> str:
        return json.dumps({"type": "error", "code": self.code, "title": self.title, "hint": self.hint})


@dataclass(frozen=True, slots=True)
class FrameMessage:
    """A frame as sent: `jpeg` is the part of the `full_px` (w, h) picture that begins at `roi_px` (x, y)."""

    seq: int
    capture_us: int
    roi_px: tuple[int, int]
    full_px: tuple[int, int]
    jpeg: memoryview


@dataclass(frozen=True, slots=True)
class Start:
    mm_per_px: float | None
    task: Task
    hand: Hand


@dataclass(frozen=True, slots=True)
class Tip:
    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True)
class Stop:
    pass


Command = Start | Tip | Stop
_HINT = "Load the page again; programs: see docs/service.md."
TASKS: tuple[Task, ...] = get_args(Task)
HANDS: tuple[Hand, ...] = get_args(Hand)


def parse_frame(message: bytes | memoryview) -> FrameMessage:
    """LiveError bad_frame where the header cannot be true."""
    if len(message) <= HEADER.size:
        raise _bad_frame("it is shorter than its header")
    version, _flags, _reserved, seq, capture_us, roi_x, roi_y, full_w, full_h = HEADER.unpack_from(message)
    if version != VERSION:
        raise _bad_frame(f"its version is {version}, not {VERSION}")
    if not (MIN_SIDE_PX <= full_w <= MAX_SIDE_PX and MIN_SIDE_PX <= full_h <= MAX_SIDE_PX):
        raise _bad_frame(f"a full picture has {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels a side")
    if roi_x >= full_w or roi_y >= full_h:
        raise _bad_frame("its part begins outside the full picture")
    jpeg = memoryview(message)[HEADER.size :]
    return FrameMessage(seq, capture_us, (roi_x, roi_y), (full_w, full_h), jpeg)


def parse_command(text: str) -> Command:
    """LiveError bad_command where it is none, or a value makes no sense."""
    if len(text) > MAX_COMMAND_CHARS:
        raise _bad_command("it is too long")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad_command("it is not JSON") from None
    if not isinstance(fields, dict):
        raise _bad_command("it is not an object")
    match fields.get("type"):
        case "start":
            mm_per_px = fields.get("mm_per_px")
            return Start(
                None if mm_per_px is None else _number(fields, "mm_per_px"),
                _word(fields, "task", TASKS, default="hold"),
                _word(fields, "hand", HANDS, default="unknown"),
            )
        case "tip":
            return Tip(_number(fields, "x"), _number(fields, "y"))
        case "stop":
            return Stop()
    raise _bad_command("its type is none of start, tip, stop")


def _number(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # JSON's whole numbers know no bound
            if math.isfinite(float(value)):
                return float(value)
    raise _bad_command(f"{name} is no number")


def _word(fields: dict[str, Any], name: str, known: tuple[Word, ...], default: Word) -> Word:
    value = fields.get(name, default)
    for word in known:
        if value == word:
            return word
    raise _bad_command(f"{name} is none of {', '.join(known)}")


def _bad_frame(reason: str) -> LiveError:
    return LiveError("bad_frame", f"A frame cannot be used: {reason}", _HINT)


def _bad_command(reason: str) -> LiveError:
    return LiveError("bad_command", f"A command cannot be used: {reason}", _HINT)
