"""What is no readable photo is one clear IntakeError, never a crash."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from photos import GREEN, RED, display_p3_profile, encode, patches
from PIL import Image

from assessor.errors import IntakeError
from assessor.photo import intake
from assessor.photo.intake import load_photo


def code_of(source: str | Path | bytes) -> str:
    with pytest.raises(IntakeError) as caught:
        load_photo(source)
    assert caught.value.text.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value.code


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert code_of(tmp_path / "no.jpg") == "file_missing"
    assert code_of(tmp_path / ("x" * 300)) == "file_missing"
    assert code_of("a\x00b.jpg") == "file_missing"
    assert code_of(tmp_path) == "file_not_regular"
    (tmp_path / "empty.jpg").touch()
    assert code_of(tmp_path / "empty.jpg") == "file_empty"
    assert code_of(b"") == "file_empty"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert code_of(tmp_path / "pipe.jpg") == "file_not_regular"


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.jpg"
    path.write_bytes(encode(patches(), "JPEG"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # chmod does not stop root, whom CI often is
    assert code_of(path) == "file_unreadable"


def test_a_file_over_the_cap_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.jpg"
    with path.open("wb") as file:
        file.truncate(intake.MAX_FILE_BYTES + 1)  # sparse: takes no disk
    assert code_of(path) == "file_too_large"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello, this is a text file\n" * 9, "not_an_image"),
        (b"\xff", "not_an_image"),
        (b"<html><body>sign in</body></html>", "not_an_image"),
        (b"GIF89a" + bytes(60), "format_unsupported"),
        (b"BM" + bytes(60), "format_unsupported"),
        (b"II*\x00" + bytes(60), "format_unsupported"),
        (b"%PDF-1.7\n" + bytes(60), "format_unsupported"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(60), "format_unsupported"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif" + bytes(60), "format_unsupported"),
        (b"\xff\xd8\xff\xe0" + bytes(60), "image_corrupt"),  # no JPEG after its first bytes
        (b"\x89PNG\r\n\x1a\n", "image_truncated"),
        (b"RIFF\x10\0\0\0WEBPVP8X", "image_truncated"),
    ],
)
def test_what_is_no_photo(data: bytes, code: str) -> None:
    assert code_of(data) == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_photo_is_noticed(kind: str, share: float) -> None:
    rng = np.random.default_rng(1)
    data = encode(Image.fromarray(rng.integers(0, 256, (200, 300, 3), np.uint8)), kind)
    assert code_of(data[: int(len(data) * share)]) in {"image_truncated", "image_corrupt"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, GREEN)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert code_of(data) == "image_animated"


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    head = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return (
        b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode(patches(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png_header(30_000, 30_000), "image_too_large"),  # the decompression bomb
        (png_header(16_385, 64), "image_too_large"),  # few pixels, too long a side
        (png_header(8_001, 8_000), "image_too_large"),  # just over 64 MP
        (png_header(8_000, 8_000), "image_truncated"),  # 64 MP: past the gate, but no pixels come
        (jpeg_claiming(30_000, 30_000), "image_too_large"),
        (b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0", "image_too_large"),
        (encode(patches(60, 60), "PNG"), "image_too_small"),
        (encode(patches(400, 20), "PNG"), "image_too_small"),
    ],
)
def test_size_gates_before_decoding(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_a_narrow_crop_of_a_wound_is_a_photo() -> None:
    assert load_photo(encode(patches(102, 31), "PNG")).info.height == 31


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_flipped_bytes_give_a_photo_or_an_intake_error(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "Phone"
    exif.get_ifd(0x8769)[0x920A] = 4.25
    good = encode(patches(), kind, exif=exif, icc_profile=display_p3_profile())
    rng = np.random.default_rng(11)
    outcomes: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow remarks on broken EXIF
        for trial in range(400):
            data = np.frombuffer(good, np.uint8).copy()
            where = rng.integers(12 if trial % 2 else 0, len(data) if trial % 3 else 200, 1 + trial % 4)
            data[where] = rng.integers(0, 256, len(where))
            try:
                photo = load_photo(data.tobytes())
            except IntakeError as error:
                outcomes.add(error.code)
            else:
                assert photo.bgr.ndim == 3
                outcomes.add("photo")
    assert "photo" in outcomes
    assert outcomes - {"photo"}


def test_a_memory_cap_ends_in_a_clear_error_not_in_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("L", (7000, 7000), 128).save(path, compress_level=1)
    program = (
        "import resource, sys\n"
        "from assessor.photo.intake import IntakeError, load_photo\n"
        "used = int(next(r for r in open('/proc/self/status') if r.startswith('VmSize')).split()[1]) * 1024\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    load_photo(sys.argv[1])\n"
        "except IntakeError as error:\n"
        "    print(error.code)\n"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux")
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "out_of_memory", done.stderr
