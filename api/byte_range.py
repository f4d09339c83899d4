"""A part of a stored file, for players: `Range` of a request (RFC 9110), one range at most."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from fastapi import Response
from fastapi.responses import StreamingResponse

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


def answer(
    asked: str | None, size_bytes: int, read: Callable[[int, int], Iterator[bytes]], media_type: str
) -> Response:
    """The whole, the part that is `asked` for (206), or 416 where there is no such part; what is no range, or
    several, asks for the whole. `read(start, stop)` gives the bytes."""
    found = _RANGE.match(asked or "")
    headers = {"accept-ranges": "bytes"}
    if found is None or found[0] == "bytes=-":
        headers["content-length"] = str(size_bytes)
        return StreamingResponse(read(0, size_bytes), 200, headers, media_type)
    first, last = found.groups()
    start = int(first) if first else max(0, size_bytes - int(last))
    stop = min(size_bytes, int(last) + 1) if first and last else size_bytes
    if start >= stop:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size_bytes}"})
    headers |= {
        "content-length": str(stop - start),
        "content-range": f"bytes {start}-{stop - 1}/{size_bytes}",
    }
    return StreamingResponse(read(start, stop), 206, headers, media_type)
