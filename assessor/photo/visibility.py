"""How well a wound can be seen: thread width, blur and exposure, measured at its stitches.

Pixels in, numbers out; `quality` judges them. Blur and light are measured on a crop scaled so that the
median stitch is `NORMAL_STITCH_PX` long, which makes one photo at 640 px and at 12 MP give one answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.photo.perception.curve import Pyramid
from assessor.results import WoundFinding

Floats = NDArray[np.float64]

NORMAL_STITCH_PX = 64.0  # enough to resolve a blur of 2 % of a stitch, small enough to be quick at 12 MP
# The thread's profile is read across each stitch at these shares of its length: away from the bites.
PROFILE_AT = np.linspace(0.12, 0.88, 13)
PROFILE_SAMPLES = 121
PROFILE_HALF_STITCH = 0.4  # half length of a profile, as a share of the stitch
PROFILE_HALF_MIN_PX = 4.0
MIN_CONTRAST_LEVELS = 8.0  # a thread less unlike the pad than this cannot be told from shading
MIN_CONTRAST_NOISE = 4.0  # ... or than this many standard deviations of the pad beside it
MIN_PROFILES = 4  # profiles of a stitch that must show the thread before its width counts
# Blur is read from two smoothings, this share of a stitch and twice it; where noise makes up more than
# MAX_NOISE_SHARE of what is left, from the next pair.
SMOOTHINGS = (0.03, 0.06, 0.12)
MAX_NOISE_SHARE = 0.5
# The lower quartile over the mean of a noise's gradient energy: chi-square with 2 degrees of freedom (the
# channels alike) 0.29, with 6 (each its own) 0.58.
QUIET_QUARTER = 0.45
STRONGEST_EDGES = 0.08  # share of the band's pixels whose edges tell the blur
CLIPPED_BRIGHT = 248  # all channels at or above: no detail left (JPEG does not keep exact 255)
CLIPPED_DARK = 15  # all channels at or below
GLARE_CORE = 0.12  # of a stitch: bright blobs thinner than this are threads or glints on them


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a wound shows. Shares are of the band along its stitches; None where it cannot be told."""

    stitch_px: float  # median length
    thread_px: float | None  # median full width at half height of the thread's profile; includes blur
    contrast_levels: float | None  # thread against pad in its best channel, 0..255
    visible_share: float  # stitches whose thread stands out from the pad
    blur_px: float | None  # standard deviation of a Gaussian blur that explains the edges
    median_level: float  # grey level of the band, 0..255
    dark_share: float
    bright_share: float
    glare_share: float
    glare_bites: int


def see(photo: Pyramid, wound: WoundFinding) -> Visibility | None:
    """The visibility of a wound's stitches, those cut by the frame left out; None without a stitch."""
    bites = np.array([s.bites_px for s in wound.stitches if not s.cut], np.float64).reshape(-1, 2, 2)
    lengths = np.hypot(*(bites[:, 1] - bites[:, 0]).T)
    middle = bites.mean(axis=1)
    in_photo = ((middle >= 0) & (middle <= np.subtract(photo.size, 1))).all(axis=1)
    kept = (lengths > 1) & in_photo
    bites, lengths = bites[kept], lengths[kept]
    if len(bites) == 0:
        return None
    stitch_px = float(np.median(lengths))
    widths, contrasts = _threads(photo.level(0), bites, lengths)
    crop, bites_in_crop, factor = _normal_crop(photo, bites, stitch_px)
    unit = stitch_px * factor
    blur = blur_px(crop, _band(crop.shape, bites_in_crop, 0.3 * unit), unit)
    band = _band(crop.shape, bites_in_crop, 0.5 * unit) > 0
    # channel by channel: over a last axis of three numpy takes ten times as long
    lit = [channel[band] for channel in cv2.split(crop)]
    darkest, brightest = np.minimum.reduce(lit), np.maximum.reduce(lit)
    glare = _glare(crop, unit)
    x, y = np.rint(bites_in_crop.reshape(-1, 2)).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < crop.shape[1]) & (y < crop.shape[0])
    return Visibility(
        stitch_px=stitch_px,
        thread_px=float(np.median(widths)) if len(widths) else None,
        contrast_levels=float(np.median(contrasts)) if len(contrasts) else None,
        visible_share=len(widths) / len(bites),
        blur_px=None if blur is None else blur / factor,
        median_level=float(np.median(np.sum(lit, axis=0, dtype=np.uint16))) / 3,
        dark_share=float(np.mean(brightest <= CLIPPED_DARK)),
        bright_share=float(np.mean(darkest >= CLIPPED_BRIGHT)),
        glare_share=float(np.mean(glare[band] > 0)),
        glare_bites=int(np.count_nonzero(glare[y[inside], x[inside]])),
    )


def blur_px(bgr: NDArray[np.uint8], mask: NDArray[np.uint8], unit_px: float) -> float | None:
    """Blur under a mask, as the standard deviation of a Gaussian; None where there is no edge.

    A step edge of blur s, smoothed by a, has a gradient proportional to 1 / sqrt(s^2 + a^2); the ratio of
    two smoothings gives s without the step's height (Zhuo and Sim 2011, doi 10.1016/j.patcog.2011.03.009).
    What noise adds, seen where the picture is flat, is taken off.
    `unit_px` (a stitch's length) sets the smoothings. Thin lines read up to a third too sharp, large plain
    edges up to a quarter too soft.
    """
    image = bgr.astype(np.float32)
    inside = mask > 0
    if np.count_nonzero(inside) < 16:
        return None
    found: float | None = None
    for share in SMOOTHINGS:
        fine = max(share * unit_px, 0.5)
        sharper, softer = _gradient_energy(image, fine), _gradient_energy(image, 2 * fine)
        # The softer one picks the pixels: noise would pick its own peaks in the sharper one.
        strong = inside & (softer >= np.quantile(softer[inside], 1 - STRONGEST_EDGES))
        raw, noise = float(sharper[strong].mean()), _noise_energy(sharper)
        soft = float(softer[strong].mean()) - _noise_energy(softer)
        if soft < MIN_CONTRAST_LEVELS**2 / unit_px or raw <= noise:
            continue  # nothing but noise and shading
        ratio = min(soft / (raw - noise), 0.9999)
        found = min(unit_px, fine * float(np.sqrt(max(0.0, (4 * ratio - 1) / (1 - ratio)))))
        if noise < MAX_NOISE_SHARE * raw:
            break
    return found


def _gradient_energy(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Squared gradient (h, w) of the smoothed image, summed over the channels."""
    smooth = cv2.GaussianBlur(image, (0, 0), sigma)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1)
    return np.asarray(cv2.transform(dx * dx + dy * dy, np.ones((1, 3), np.float32)), np.float32)


def _noise_energy(energy: NDArray[np.float32]) -> float:
    """Mean energy of the noise, from the flat quarter of the picture."""
    return float(np.quantile(energy, 0.25)) / QUIET_QUARTER


def _threads(bgr: NDArray[np.uint8], bites: Floats, lengths: Floats) -> tuple[Floats, Floats]:
    """Thread widths (px) and contrasts (levels) of the stitches (n, 2, 2) whose thread is visible."""
    n, rows, samples = len(bites), len(PROFILE_AT), PROFILE_SAMPLES
    along = bites[:, 1] - bites[:, 0]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / lengths[:, None]
    half = np.maximum(PROFILE_HALF_STITCH * lengths, PROFILE_HALF_MIN_PX)
    offset = np.linspace(-1, 1, samples)
    at = bites[:, 0, None, :] + along[:, None, :] * PROFILE_AT[:, None]
    xy = at[:, :, None, :] + across[:, None, None, :] * (half[:, None] * offset)[:, None, :, None]
    xy = xy.reshape(n * rows, samples, 2).astype(np.float32)
    read = cv2.remap(bgr, xy[..., 0], xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profile = np.asarray(read, np.float64).reshape(n, rows, samples, 3)

    # Against the pad's level, a straight line between the medians of the two outer parts.
    low = np.median(profile[:, :, offset < -0.6], axis=2)[:, :, None]
    high = np.median(profile[:, :, offset > 0.6], axis=2)[:, :, None]
    profile -= low + (high - low) * ((offset + 1) / 2)[:, None]
    signed = np.concatenate([profile, -profile], axis=3)  # thread brighter or darker, B G R
    middle = np.abs(offset) <= 0.5
    best = np.median(signed[:, :, middle].max(axis=2), axis=1).argmax(axis=1)
    thread = np.take_along_axis(signed, best[:, None, None, None], axis=3)[..., 0]
    noise = 1.4826 * np.median(np.abs(thread[:, :, np.abs(offset) > 0.6]), axis=2)

    peak_at = np.where(middle, thread, -np.inf).argmax(axis=2)
    peak = np.take_along_axis(thread, peak_at[..., None], axis=2)[..., 0]
    width, bounded = _width_at_half(thread, peak_at, peak)
    width *= (2 * half / (samples - 1))[:, None]
    valid = bounded & (peak >= np.maximum(MIN_CONTRAST_LEVELS, MIN_CONTRAST_NOISE * noise))
    kept = [i for i in range(n) if np.count_nonzero(valid[i]) >= MIN_PROFILES]
    return (
        np.array([np.median(width[i, valid[i]]) for i in kept]),
        np.array([np.median(peak[i, valid[i]]) for i in kept]),
    )


def _width_at_half(
    thread: Floats, peak_at: NDArray[np.intp], peak: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Full width at half height in samples, and whether both flanks come down within the profile."""
    index = np.arange(thread.shape[2])
    below = thread <= peak[..., None] / 2
    left = np.where(below & (index < peak_at[..., None]), index, -1).max(axis=2)
    right = np.where(below & (index > peak_at[..., None]), index, len(index)).min(axis=2)
    bounded = (left >= 0) & (right < len(index)) & (peak > 0)

    def crossing(outer: NDArray[np.intp], step: int) -> Floats:
        inner = np.clip(outer + step, 0, len(index) - 1)
        outer = np.clip(outer, 0, len(index) - 1)
        low = np.take_along_axis(thread, outer[..., None], axis=2)[..., 0]
        high = np.take_along_axis(thread, inner[..., None], axis=2)[..., 0]
        rise = np.where(high > low, high - low, 1.0)
        return np.asarray(outer + step * (peak / 2 - low) / rise)

    return crossing(right, -1) - crossing(left, 1), bounded


def _normal_crop(photo: Pyramid, bites: Floats, stitch_px: float) -> tuple[NDArray[np.uint8], Floats, float]:
    """The photo round the stitches, shrunk to `NORMAL_STITCH_PX`, the bites in it, and the factor."""
    factor = min(1.0, NORMAL_STITCH_PX / stitch_px)
    part, share = photo.halved(int(np.log2(1 / factor)))  # quicker than one step, and the networks look at it
    size, margin, rest = part.shape[1::-1], 0.5 * stitch_px * share, factor / share
    bites = (bites + 0.5) * share - 0.5
    corner = np.floor(bites.min(axis=(0, 1)) - margin).clip(0, np.subtract(size, 1)).astype(int)
    far = np.ceil(bites.max(axis=(0, 1)) + margin).clip(corner + 1, size).astype(int)
    crop = part[corner[1] : far[1], corner[0] : far[0]]
    if rest < 1:
        crop = np.asarray(cv2.resize(crop, None, fx=rest, fy=rest, interpolation=cv2.INTER_AREA))
    # Pixel centres are whole numbers: a resize maps x to (x + 1/2) f - 1/2.
    return crop, (bites - corner + 0.5) * rest - 0.5, factor


def _band(shape: tuple[int, ...], bites: Floats, width_px: float) -> NDArray[np.uint8]:
    """255 along each stitch, `width_px` wide."""
    mask = np.zeros(shape[:2], np.uint8)
    for first, second in np.rint(bites).astype(int).tolist():
        cv2.line(mask, first, second, 255, max(3, round(width_px)))
    return mask


def _glare(bgr: NDArray[np.uint8], unit_px: float) -> NDArray[np.uint8]:
    """255 on saturated blobs wider than a thread."""
    bright = cv2.inRange(bgr, (CLIPPED_BRIGHT,) * 3, (255,) * 3)
    size = max(3, round(GLARE_CORE * unit_px) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(bright, cv2.MORPH_OPEN, kernel), np.uint8)
