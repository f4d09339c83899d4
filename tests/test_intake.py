"""Every kind of file gives an upright BGR photo or one clear IntakeError."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from assessor.errors import IntakeError
from assessor.photo import intake
from assessor.photo.intake import load_photo

# Four patches tell every orientation apart: red, green / blue, grey.
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


def rgb_of(data: bytes) -> np.ndarray:
    return load_photo(data).bgr[..., ::-1]


def corners(rgb: np.ndarray) -> list[tuple[int, ...]]:
    """The colours 8 px inside the four corners, reading order."""
    return [tuple(int(v) for v in rgb[y, x]) for y in (8, -9) for x in (8, -9)]


def assert_colours(rgb: np.ndarray, expected: list[tuple[int, int, int]], tolerance: int) -> None:
    assert np.abs(np.array(corners(rgb)) - np.array(expected)).max() <= tolerance, corners(rgb)


def code_of(source: str | Path | bytes) -> str:
    with pytest.raises(IntakeError) as caught:
        load_photo(source)
    assert caught.value.text.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value.code


# ---- what gives a photo ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 4),
        ("HEIF", {"quality": 95}, 4),
    ],
)
def test_formats(kind: str, options: dict[str, Any], tolerance: int) -> None:
    photo = load_photo(encode(patches(), kind, **options))
    assert photo.bgr.shape == (64, 96, 3)
    assert photo.bgr.dtype == np.uint8
    assert photo.bgr.flags.c_contiguous
    assert not photo.bgr.flags.writeable
    assert (photo.info.width, photo.info.height) == (96, 64)
    assert photo.notices == ()
    assert_colours(photo.bgr[..., ::-1], [RED, GREEN, BLUE, GREY], tolerance)


def test_more_rows_than_a_strip_are_all_there() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (intake.STRIP_ROWS * 3 + 7, 70, 3), np.uint8)
    assert np.array_equal(rgb_of(encode(Image.fromarray(rgb), "PNG")), rgb)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(patches(), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert np.array_equal(rgb_of(data), upright)
    assert (rgb_of(data).shape[0] == 96) == (orientation >= 5)


def test_heic_orientation_is_applied_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to view
    rgb = rgb_of(encode(patches(), "HEIF", exif=exif.tobytes(), quality=95))
    assert rgb.shape == (96, 64, 3)
    assert_colours(rgb, [BLUE, RED, GREY, GREEN], 4)


def test_an_orientation_outside_1_to_8_leaves_the_photo_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    assert rgb_of(encode(patches(), "JPEG", exif=exif)).shape == (64, 96, 3)


def rgb16_png(value: int) -> bytes:
    """A 16-bit RGB PNG written by hand: Pillow cannot."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\x00" + struct.pack(">H", value) * 3 * 64 for _ in range(64))
    header = struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


@pytest.mark.parametrize(
    ("make", "colour"),
    [
        # grey, 8 bit
        (lambda: encode(Image.new("L", (64, 64), 77), "JPEG", quality=100), (77, 77, 77)),
        # 1 bit
        (lambda: encode(Image.new("1", (64, 64), 1), "PNG"), (255, 255, 255)),
        # palette
        (lambda: encode(Image.new("RGB", (64, 64), RED).quantize(4), "PNG"), RED),
        # 16-bit grey: scaled, not clipped
        (
            lambda: encode(Image.fromarray(np.full((64, 64), 100 * 257, np.uint16)), "PNG"),
            (100, 100, 100),
        ),
        # 16-bit RGB
        (lambda: rgb16_png(100 * 257), (100, 100, 100)),
        # alpha: half transparent black over white
        (lambda: encode(Image.new("RGBA", (64, 64), (0, 0, 0, 128)), "PNG"), (127, 127, 127)),
        # alpha: the colour under full transparency does not show
        (lambda: encode(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (lambda: encode(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "WEBP", lossless=True), (255, 255, 255)),
        # grey with alpha
        (lambda: encode(Image.new("LA", (64, 64), (0, 0)), "PNG"), (255, 255, 255)),
        # one colour named transparent, in RGB, in grey, in a palette
        (lambda: encode(Image.new("RGB", (64, 64), RED), "PNG", transparency=RED), (255, 255, 255)),
        (lambda: encode(Image.new("L", (64, 64), 9), "PNG", transparency=9), (255, 255, 255)),
        (lambda: encode(Image.new("P", (64, 64), 0), "PNG", transparency=0), (255, 255, 255)),
        # CMYK (Adobe's inverted JPEG): 255 of K is black
        (lambda: encode(Image.new("CMYK", (64, 64), (0, 0, 0, 255)), "JPEG", quality=100), (0, 0, 0)),
        (lambda: encode(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG", quality=100), (255, 0, 0)),
    ],
)
def test_modes_become_8_bit_colour(make: Any, colour: tuple[int, int, int]) -> None:
    rgb = rgb_of(make())
    assert rgb.shape == (64, 64, 3)
    assert np.abs(rgb.astype(int) - np.array(colour)).max() <= 2, rgb[0, 0]


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


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_wide_gamut_profile_is_converted_to_srgb(mode: str) -> None:
    image = Image.new("RGB", (64, 64), (180, 90, 60))
    image = image.quantize(2) if mode == "P" else image.convert(mode)
    rgb = rgb_of(encode(image, "PNG", icc_profile=display_p3_profile()))
    # P3 (180, 90, 60) by the primaries' matrices (IEC 61966-2-1, SMPTE EG 432-1), gamma 2.2 -> sRGB curve
    assert np.abs(rgb[0, 0].astype(int) - np.array([195, 83, 47])).max() <= 2, rgb[0, 0]


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),  # nothing to do
        b"not a profile",  # broken
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),  # for another colour space
    ],
)
def test_other_profiles_leave_the_colours(profile: bytes) -> None:
    rgb = rgb_of(encode(patches(), "PNG", icc_profile=profile))
    assert_colours(rgb, [RED, GREEN, BLUE, GREY], 0)


def test_a_multi_picture_jpeg_of_a_phone_is_a_photo() -> None:
    second = Image.new("RGB", (96, 64))
    data = encode(patches(), "MPO", save_all=True, append_images=[second], quality=95)
    assert_colours(rgb_of(data), [RED, GREEN, BLUE, GREY], 3)


def test_a_wrong_extension_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "pad.jpg"
    path.write_bytes(encode(patches(), "PNG"))
    assert_colours(load_photo(path).bgr[..., ::-1], [RED, GREEN, BLUE, GREY], 0)


def test_info_keeps_lens_and_model_and_nothing_else(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Phone 12\x00junk"
    exif.get_ifd(0x8769)[0x920A] = 4.25  # FocalLength
    exif.get_ifd(0x8769)[0xA431] = "SERIAL-777"  # BodySerialNumber
    exif.get_ifd(0x8825)[0x0001] = "N"  # GPSLatitudeRef
    exif.get_ifd(0x8825)[0x0002] = (52.0, 31.0, 12.0)
    path = tmp_path / "pad 1.jpg"
    path.write_bytes(encode(patches(), "JPEG", exif=exif))
    photo = load_photo(str(path))
    assert photo.info.file == "pad 1.jpg"
    assert photo.info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert photo.info.focal_length_mm == pytest.approx(4.25)
    assert photo.info.camera_model == "Phone 12"
    assert "SERIAL" not in repr(photo.info)
    assert "52" not in repr(photo.info).replace(photo.info.sha256, "")
    assert load_photo(path, name="s-17").info.file == "s-17"
    assert load_photo(path.read_bytes()).info.file == "photo"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_costs_a_notice_not_the_photo() -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    good = encode(patches(), "JPEG", exif=exif)
    start = good.index(b"Exif\0\0") + 6
    bad = good[: start + 4] + b"\xff" * 4 + good[start + 8 :]  # points outside
    photo = load_photo(bad)
    assert [n.code for n in photo.notices] == ["exif_unreadable"]
    assert_colours(photo.bgr[..., ::-1], [RED, GREEN, BLUE, GREY], 8)


# ---- what gives an error ---------------------------------------------------------------------------


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
