"""Photo files of four coloured patches, which tell every orientation apart."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 160, 40), (40, 50, 190), (128, 128, 128)


def patches(width: int = 96, height: int = 64) -> Image.Image:
    rgb = np.empty((height, width, 3), np.uint8)
    half_h, half_w = height // 2, width // 2
    rgb[:half_h, :half_w], rgb[:half_h, half_w:] = RED, GREEN
    rgb[half_h:, :half_w], rgb[half_h:, half_w:] = BLUE, GREY
    return Image.fromarray(rgb)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _s15f16(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def display_p3_profile() -> bytes:
    """A matrix-shaper ICC profile with Display P3 primaries (D50-adapted) and gamma 2.2."""
    columns = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
        b"wtpt": (0.96420, 1.0, 0.82491),
    }
    tags = {k: b"XYZ \0\0\0\0" + b"".join(map(_s15f16, v)) for k, v in columns.items()}
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(2.2 * 256), 0)
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    text = b"Wide"
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * 79
    tags[b"desc"] += b"\0" * (-len(tags[b"desc"]) % 4)
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += value
    size = offset + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += b"".join(map(_s15f16, (0.9642, 1.0, 0.82491)))
    header += b"\0" * (128 - len(header))
    return header + struct.pack(">I", len(tags)) + table + body
