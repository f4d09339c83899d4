"""Every kind of file gives an upright BGR photo or one clear IntakeError."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photos import BLUE, GREEN, GREY, RED, display_p3_profile, encode, patches
from PIL import Image, ImageCms, ImageOps

from assessor.photo import intake
from assessor.photo.intake import load_photo


def rgb_of(data: bytes) -> np.ndarray:
    return load_photo(data).bgr[..., ::-1]


def corners(rgb: np.ndarray) -> list[tuple[int, ...]]:
    """The colours 8 px inside the four corners, reading order."""
    return [tuple(int(v) for v in rgb[y, x]) for y in (8, -9) for x in (8, -9)]


def assert_colours(rgb: np.ndarray, expected: list[tuple[int, int, int]], tolerance: int) -> None:
    assert np.abs(np.array(corners(rgb)) - np.array(expected)).max() <= tolerance, corners(rgb)


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
