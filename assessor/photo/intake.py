"""Bytes or a path become an upright 8-bit BGR photo: the only decoder in the project.

The format is told from the first bytes (a wrong extension does no harm), the header is judged before
any pixel is decoded, and only that one Pillow plug-in sees the data. Pillow reads all formats: an RGB
image leaves it in strips in BGR order, which makes a 12 MP JPEG as fast as `cv2.imdecode` (0.12 s for
both, equal pixels), while a truncated file is noticed here and passes there.
Kept of the metadata: focal length and camera model. Position, serial numbers, thumbnails: never read out.
"""

from __future__ import annotations

import errno
import hashlib
import io
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from assessor.errors import IntakeError
from assessor.results import ImageInfo, Notice

MAX_PIXELS = 64_000_000  # the largest phone sensors in common use give 48-50 MP; 64 MP are 192 MB in BGR
MAX_SIDE_PX = 16_384
MAX_FILE_BYTES = 100_000_000  # a 12 MP 16-bit RGB PNG is 72 MB at worst
MIN_LONG_SIDE_PX = 64  # below this no row of stitches has pixels enough to be told apart
MIN_SHORT_SIDE_PX = 24  # crops along a wound are narrow: 30 px can still hold 16 px stitches
STRIP_ROWS = 64  # rows converted at a time: stays in the cache, and no second copy of the photo

# What Pillow raises on broken files, found by flipping bytes (DecompressionBombError is not among them:
# the plug-ins are called directly, and the gate here is stricter than Pillow's).
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError)
_EXIF_ERRORS = (*_DECODER_ERRORS, AttributeError, ArithmeticError, UserWarning)
_TRUNCATION_SIGNS = ("truncated", "end of file", "insufficient input", "requires a buffer")
_SUPPORTED = "JPEG, PNG, WebP or HEIC"
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"MiHE"}
# First bytes of what people send instead of a photo, with its name for the message.
_OTHER_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF or camera raw file"),
    (b"MM\x00*", "a TIFF or camera raw file"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip or an office document"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"\x1aE\xdf\xa3", "a video"),
)

# EXIF orientation 1-8 as the OpenCV steps that make the photo upright (EXIF 2.32, 4.6.4).
_TRANSPOSED = (5, 6, 7, 8)
_FLIP_AFTER: dict[int, int] = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}


@dataclass(frozen=True, slots=True)
class Photo:
    """An upright photo: `bgr` uint8 (h, w, 3), alpha over white, in sRGB; read-only."""

    bgr: NDArray[np.uint8]
    info: ImageInfo
    notices: tuple[Notice, ...] = ()


def load_photo(source: str | Path | bytes, *, name: str | None = None) -> Photo:
    """The upright photo in a file or in its bytes; `name` overrides the file name in `info`.

    Raises IntakeError, code: file_missing, file_not_regular, file_unreadable, file_empty, file_too_large,
    not_an_image, format_unsupported, image_animated, image_too_large, image_too_small, image_truncated,
    image_corrupt, out_of_memory. At the 64 MP gate a decode takes 0.6 GB (WebP 1.0): a worker for untrusted
    uploads should have its address space capped (RLIMIT_AS), which then gives out_of_memory.
    """
    default_name = "photo" if isinstance(source, bytes) else Path(source).name
    try:
        data = source if isinstance(source, bytes) else _read(Path(source))
        _gate_bytes(len(data))
        bgr, orientation, focal_mm, model, notices = _decode(data, _format_of(data))
        bgr = _upright(bgr, orientation)
    except (MemoryError, cv2.error):  # turning a whole array fails for want of memory only
        raise IntakeError(
            "out_of_memory",
            "There is not enough memory to decode this photo.",
            "Send a smaller photo: 12 megapixels are plenty.",
        ) from None
    bgr.setflags(write=False)
    info = ImageInfo(
        file=(name or default_name).encode("utf-8", "replace").decode("utf-8"),
        width=int(bgr.shape[1]),
        height=int(bgr.shape[0]),
        sha256=hashlib.sha256(data).hexdigest(),
        focal_length_mm=focal_mm,
        camera_model=model,
    )
    return Photo(bgr, info, notices)


def _read(path: Path) -> bytes:
    try:
        mode = path.stat()
        if stat.S_ISDIR(mode.st_mode):
            raise IntakeError(
                "file_not_regular", "This is a folder, not a photo.", "Name the photo files inside it."
            )
        if not stat.S_ISREG(mode.st_mode):
            raise IntakeError(
                "file_not_regular", "This is a device or a pipe, not a photo file.", "Name a photo file."
            )
        _gate_bytes(mode.st_size)
        with path.open("rb") as file:
            return file.read(min(mode.st_size, MAX_FILE_BYTES) + 1)  # it may have grown since
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise IntakeError(
                "file_missing", "There is no file of this name.", "Check the name and the folder."
            ) from None
        reason = "you may not read it" if isinstance(error, PermissionError) else "the disk reports an error"
        raise IntakeError(
            "file_unreadable",
            f"The file cannot be read: {reason}.",
            "Check its permissions, or copy it to another folder and try again.",
        ) from error


def _gate_bytes(size: int) -> None:
    if size == 0:
        raise IntakeError(
            "file_empty", "The file is empty.", "The upload or copy failed: send the photo again."
        )
    if size > MAX_FILE_BYTES:
        raise IntakeError(
            "file_too_large",
            f"The file has {size / 1e6:.0f} MB; at most {MAX_FILE_BYTES / 1e6:.0f} MB are read.",
            "Send the photo as a JPEG.",
        )


def _format_of(data: bytes) -> str:
    """The format told from the first bytes: JPEG, PNG, WEBP or HEIF; IntakeError for all others."""
    head = data[:64]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    other = next((text for magic, text in _OTHER_FORMATS if head.startswith(magic)), None)
    if head[4:8] == b"ftyp":
        box = head[8 : max(12, min(64, int.from_bytes(head[:4], "big")))]
        brands = {box[i : i + 4] for i in range(0, len(box), 4) if i != 4}  # [4:8] is a version number
        if brands & {b"avif", b"avis"}:
            other = "an AVIF file"
        elif box[:4] in _HEIC_BRANDS:
            return "HEIF"
        else:
            other = "a video"
    if other is None:
        raise IntakeError(
            "not_an_image", "This file is not a photo.", f"Send the photo itself, as {_SUPPORTED}."
        )
    raise IntakeError(
        "format_unsupported",
        f"This file is {other}, which is not read here.",
        f"Send the photo as {_SUPPORTED}.",
    )


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    stream: IO[bytes] = io.BytesIO(data)
    if kind == "JPEG":
        # Not Image.open: that would take a phone's multi-picture JPEG for an animation of two frames.
        return JpegImagePlugin.JpegImageFile(stream)
    if kind == "PNG":
        return PngImagePlugin.PngImageFile(stream)
    if kind == "WEBP":
        return WebPImagePlugin.WebPImageFile(stream)
    from pillow_heif import HeifImageFile

    image: ImageFile.ImageFile = HeifImageFile(stream)
    return image


def _decode(
    data: bytes, kind: str
) -> tuple[NDArray[np.uint8], int, float | None, str | None, tuple[Notice, ...]]:
    """BGR as stored, EXIF orientation, focal length (mm), camera model, notices."""
    try:
        if kind == "WEBP":
            _gate_size(*_webp_size(data))  # its plug-in takes memory for two frames on opening
        with _open(data, kind) as image:
            _gate_size(*image.size)
            # A frame picked out of an animation is a guess at which one was meant. (Of a HEIC with several
            # pictures the file itself names the primary one: that is taken.)
            if kind in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
                raise IntakeError(
                    "image_animated",
                    f"This file is an animation of {getattr(image, 'n_frames', 0)} pictures.",
                    "Send one still photo.",
                )
            image.load()
            # HEIC turns itself upright while decoding; its EXIF orientation is then reset by the plug-in.
            orientation, focal_mm, model, notices = _exif(image)
            return _to_bgr(image), orientation, focal_mm, model, notices
    except _DECODER_ERRORS as error:
        _raise_broken(error)


def _raise_broken(error: BaseException) -> NoReturn:
    text = str(error).lower()
    hint = "Send the original file from the phone again; do not edit or rename it on the way."
    if isinstance(error, EOFError) or any(sign in text for sign in _TRUNCATION_SIGNS):
        raise IntakeError("image_truncated", "The end of the photo is missing.", hint) from error
    raise IntakeError("image_corrupt", "The photo is damaged and cannot be decoded.", hint) from error


def _gate_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise IntakeError(
            "image_too_large",
            f"The photo has {width} x {height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels and "
            f"{MAX_SIDE_PX} a side are read.",
            "Send it smaller, or crop it to the pad.",
        )
    if max(width, height) < MIN_LONG_SIDE_PX or min(width, height) < MIN_SHORT_SIDE_PX:
        raise IntakeError(
            "image_too_small",
            f"The photo has only {width} x {height} pixels.",
            "Send the original photo, not a preview or thumbnail of it.",
        )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas size from the first chunk (RFC 9649, sections 2.5-2.7)."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise EOFError("truncated WebP header")
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    raise ValueError("unknown WebP chunk")


def _exif(image: Image.Image) -> tuple[int, float | None, str | None, tuple[Notice, ...]]:
    """Orientation 1-8, focal length (mm), camera model; a notice where the EXIF block is broken."""
    orientation, focal_mm, model = 1, None, None
    try:
        exif = image.getexif()
        stored = exif.get(ExifTags.Base.Orientation)
        if isinstance(stored, int) and 1 <= stored <= 8:
            orientation = stored
        model = _clean_text(exif.get(ExifTags.Base.Model))
        focal = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.FocalLength)
        if focal is not None and 0.1 <= float(focal) <= 2000:  # False for NaN (0/0 in the file)
            focal_mm = float(focal)
        broken = bool(image.info.get("exif")) and not exif
    except _EXIF_ERRORS:
        broken = True
    notice = Notice(
        "exif_unreadable",
        "The photo's EXIF data is damaged: if the overlay lies on its side, send the original file.",
    )
    return orientation, focal_mm, model, (notice,) if broken else ()


def _clean_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    kept = "".join(c for c in value.split("\x00")[0] if c.isprintable()).strip()[:64]
    return kept.encode("utf-8", "ignore").decode("utf-8") or None


def _to_bgr(image: Image.Image) -> NDArray[np.uint8]:
    """Any decoded mode as uint8 BGR (h, w, 3): strip by strip, so the photo is held no third time."""
    bgr = np.empty((image.height, image.width, 3), np.uint8)
    see_through = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    to_srgb = None if see_through and image.mode == "L" else _srgb_transform(image)
    for top in range(0, image.height, STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height)))
        out = bgr[top : top + strip.height]
        if strip.mode.startswith("I"):  # 16-bit grey: 0..65535 -> 0..255 (Pillow would clip at 255)
            levels = np.asarray(strip).astype(np.int64).clip(0, 65535)
            out[:] = ((levels + 128) // 257)[..., None]
            continue
        if see_through:
            strip = _over_white(strip)
        elif strip.mode == "P":
            strip = strip.convert("RGB")
        if to_srgb is not None:
            strip = ImageCms.applyTransform(strip, to_srgb) or strip
        elif strip.mode != "RGB":
            strip = strip.convert("RGB")
        out[:] = np.frombuffer(strip.tobytes("raw", "BGR"), np.uint8).reshape(out.shape)
    return bgr


def _over_white(strip: Image.Image) -> Image.Image:
    rgba = strip.convert("RGBA")
    white = Image.new("RGB", rgba.size, (255, 255, 255))
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _srgb_transform(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """From the embedded profile to sRGB; None where there is none, it is sRGB, broken or for another mode."""
    raw = image.info.get("icc_profile")
    if not raw:
        return None
    mode = "RGB" if image.mode in ("RGB", "RGBA", "P", "PA") else image.mode
    wanted = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY"}.get(mode)
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(raw))
        if profile.profile.xcolor_space != wanted:
            return None
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return None
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, *_DECODER_ERRORS):
        return None  # colours a little off do no harm to a measurement; a refusal would


def _upright(bgr: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The stored pixels turned and mirrored as EXIF `orientation` asks; a contiguous array."""
    if orientation in _TRANSPOSED:
        bgr = np.asarray(cv2.transpose(bgr), np.uint8)
    if orientation in _FLIP_AFTER:
        bgr = np.asarray(cv2.flip(bgr, _FLIP_AFTER[orientation]), np.uint8)
    return bgr
