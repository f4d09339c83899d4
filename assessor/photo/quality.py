"""Is the photo good enough? Warnings that say what to do, or a refusal where a number would be a lie.

Thresholds were set on hand-marked real photos (from sharp 640 px close-ups to 100 px crops, thread 2 px
wide): people marked stitches well on all of them, so none may be refused and few warned; and on the same
photos blurred further until the bites run together. `visibility` measures, this module judges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.errors import QualityError
from assessor.photo.metrics import doubtful
from assessor.photo.perception.curve import Pyramid
from assessor.photo.visibility import CLIPPED_BRIGHT, CLIPPED_DARK, Visibility, blur_px, see
from assessor.results import Notice, Scale, WoundFinding

# Refused: below this a bite found to 0.7 px is off by a tenth of the stitch, its symmetry by more. The
# shortest median stitch that people marked consistently was 11 px.
MIN_STITCH_PX = 8.0
# Warned below: guide value for a bite that can be placed to a third of the thread's width.
GOOD_THREAD_PX = 3.0
# Warned below, from scale and USP size: a thread that the camera cannot resolve at all.
RESOLVED_THREAD_PX = 1.5
# Standard deviation of the blur as a share of the median stitch. The marked photos: median 0.03, 95 % below
# 0.06, worst 0.08; the same blurred by 0.2, where the two bites of a stitch are one blob: 0.13-0.28.
GOOD_BLUR = 0.055
MAX_BLUR = 0.14
# Shares of the band along the stitches. Of the marked photos all but 1 % have less than 0.05 of each.
GOOD_CLIPPED = 0.2
MAX_CLIPPED = 0.8
GOOD_LEVEL = 30.0  # median grey level 0..255; the darkest brown pad that was marked: 39
GOOD_GLARE = 0.03
GOOD_VISIBLE = 0.5  # share of stitches whose thread stands out; 1.0 on every marked photo
# An incision that ends this near the border (share of a stitch, at least px) goes on beyond it.
AT_FRAME_STITCH = 0.1
AT_FRAME_PX = 2.0
# Practice threads are off their nominal size by up to a third; knots, shine and blur widen them more.
SIZE_TOLERANCE = 2.0
SIZE_JUDGED_FROM_PX = 4.0  # below this the width is the camera's, not the thread's
# Without a wound the whole photo is looked at, shrunk to this; a stitch is taken to be 1/25 of it.
OVERVIEW_SIDE_PX = 800
OVERVIEW_STITCH = 0.04

# USP size of synthetic thread -> least and largest diameter in mm (USP <861>; sources disagree on
# 2-0, 6-0 and 7-0 by up to 0.05 mm, which SIZE_TOLERANCE covers). Never used as a scale.
USP_DIAMETER_MM: dict[str, tuple[float, float]] = {
    "11-0": (0.010, 0.019),
    "10-0": (0.020, 0.029),
    "9-0": (0.030, 0.039),
    "8-0": (0.040, 0.049),
    "7-0": (0.050, 0.069),
    "6-0": (0.070, 0.099),
    "5-0": (0.100, 0.149),
    "4-0": (0.150, 0.199),
    "3-0": (0.200, 0.249),
    "2-0": (0.300, 0.339),
    "0": (0.350, 0.399),
    "1-0": (0.350, 0.399),
    "1": (0.400, 0.499),
    "2": (0.500, 0.599),
}


def check(
    photo: Pyramid,
    wounds: tuple[WoundFinding, ...],
    scale: Scale | None = None,
    suture_size: str | None = None,
) -> tuple[Notice, ...]:
    """Warnings about an upright photo and the wounds found on it, one of a code.

    Raises QualityError (stitches_too_small, too_blurred, too_dark, overexposed) where this holds for
    every wound that has stitches; a poor wound beside a good one is warned of.
    """
    if not wounds:
        return (*_overview(photo.level(0)), Notice("no_wound", _NO_WOUND))
    seen = [see(photo, wound) for wound in wounds]
    with_stitches = [v for v in seen if v is not None]
    _refuse_unusable(with_stitches)
    notices: dict[str, Notice] = {}
    for number, (wound, visibility) in enumerate(zip(wounds, seen, strict=True), 1):
        found = list(_at_frame(photo, wound, visibility))
        if visibility is not None:
            found += [*_visibility_notices(visibility), *_size_notices(visibility, scale, suture_size)]
        elif wound.stitches:
            found.append(Notice("no_whole_stitch", _NO_WHOLE_STITCH))
        else:
            found.append(Notice("no_stitches", _NO_STITCHES))
        if doubtful(wound.stitches):
            found.append(Notice("stitches_doubtful", _DOUBTFUL))
        if wound.incision_px is None:
            found.append(Notice("no_incision", _NO_INCISION))
        for notice in found:
            where = f"Wound {number}: " if len(wounds) > 1 else ""
            notices.setdefault(notice.code, Notice(notice.code, where + notice.text))
    return tuple(notices.values())


_NO_WOUND = (
    "No sutured wound was found. Photograph the pad from straight above, filling the picture, in even light."
)
_NO_STITCHES = (
    "An incision was found but no stitch on it. If there are some, move closer and light them from the side."
)
_DOUBTFUL = (
    "What was found may not be stitches, so nothing was measured or graded. Take the photo again from "
    "closer, sharp and evenly lit; or correct the stitches on the page."
)
_NO_WHOLE_STITCH = "Every stitch is cut by the edge of the photo: take it again with the whole wound in view."
_NO_INCISION = (
    "The incision itself was not found, so bites left and right of it cannot be told apart. "
    "Photograph the whole wound in even light."
)
_BLURRED = "The photo is blurred, so bites are placed less exactly. Hold still, tap on the wound to focus."
_TOO_DARK = "The wound is too dark. Turn on a light or move to a window."
_OVEREXPOSED = "The wound is overexposed. Tap on it to set the exposure, or turn the light away."


def _refuse_unusable(wounds: list[Visibility]) -> None:
    """QualityError for the first fault that all wounds have."""
    again = "Take the photo again"
    faults: list[tuple[Callable[[Visibility], bool], str, str, str]] = [
        (
            lambda v: v.stitch_px < MIN_STITCH_PX,
            "stitches_too_small",
            f"The stitches are less than {MIN_STITCH_PX:.0f} pixels long: no bite can be measured.",
            f"{again} from closer, so that the wound fills the picture, and send the original file.",
        ),
        (
            lambda v: v.dark_share > MAX_CLIPPED,
            "too_dark",
            "The wound is black in this photo.",
            f"{again} with a light on, or by a window.",
        ),
        (
            lambda v: v.bright_share > MAX_CLIPPED,
            "overexposed",
            "The wound is burnt out to white in this photo.",
            f"{again}: tap on the wound to set the exposure, or turn the light away.",
        ),
        (
            lambda v: v.blur_px is not None and v.blur_px > MAX_BLUR * v.stitch_px,
            "too_blurred",
            "The photo is so blurred that the two bites of a stitch run together.",
            f"{again}: hold still, and tap on the wound to focus.",
        ),
    ]
    for is_faulty, code, text, hint in faults:
        if wounds and all(is_faulty(v) for v in wounds):
            raise QualityError(code, text, hint)


def _visibility_notices(seen: Visibility) -> Iterator[Notice]:
    if seen.blur_px is not None and seen.blur_px > GOOD_BLUR * seen.stitch_px:
        yield Notice("blurred", _BLURRED)
    if seen.visible_share < GOOD_VISIBLE or seen.thread_px is None:
        yield Notice(
            "thread_faint",
            "The thread hardly stands out from the pad, so bites are uncertain. Light the pad from the side, "
            "or use a thread of another colour.",
        )
    elif seen.thread_px < GOOD_THREAD_PX:
        yield Notice(
            "thread_thin",
            f"The thread is only {seen.thread_px:.1f} pixels wide, so bites are found less exactly. "
            "Move closer, and send the original file rather than a reduced copy.",
        )
    if seen.dark_share > GOOD_CLIPPED or seen.median_level < GOOD_LEVEL:
        yield Notice("too_dark", _TOO_DARK)
    if seen.bright_share > GOOD_CLIPPED:
        yield Notice("overexposed", _OVEREXPOSED)
    elif seen.glare_bites or seen.glare_share > GOOD_GLARE:
        covered = f"covers {seen.glare_bites} bite(s)" if seen.glare_bites else "lies on the stitches"
        yield Notice(
            "glare",
            f"A reflection {covered}; what lies under it is a guess. Turn the light or the pad a little.",
        )


def _size_notices(seen: Visibility, scale: Scale | None, suture_size: str | None) -> Iterator[Notice]:
    """What scale and USP size say about the thread: can the camera resolve it, do the two agree?"""
    if scale is None or suture_size not in USP_DIAMETER_MM:
        return
    least_mm, largest_mm = USP_DIAMETER_MM[suture_size]
    expected_px = (least_mm + largest_mm) / 2 / scale.mm_per_px
    if expected_px < RESOLVED_THREAD_PX:
        yield Notice(
            "thread_unresolved",
            f"A {suture_size} thread is {expected_px:.1f} pixels wide here: too thin to be followed. "
            f"Move closer, to {math.ceil(GOOD_THREAD_PX * 2 / (least_mm + largest_mm))} pixels a millimetre.",
        )
    if seen.thread_px is None or seen.thread_px < SIZE_JUDGED_FROM_PX:
        return
    blur_fwhm_px = 2.355 * (seen.blur_px or 0.0)
    if blur_fwhm_px > 0.7 * seen.thread_px:
        return  # the width seen is mostly blur
    width_mm = math.sqrt(seen.thread_px**2 - blur_fwhm_px**2) * scale.mm_per_px
    if not least_mm / SIZE_TOLERANCE <= width_mm <= largest_mm * SIZE_TOLERANCE:
        yield Notice(
            "suture_size_doubtful",
            f"The thread measures about {width_mm:.2f} mm; {suture_size} has {least_mm:g}-{largest_mm:g} mm. "
            "Check the suture size and the scale: one of them is wrong.",
        )


def _at_frame(photo: Pyramid, wound: WoundFinding, seen: Visibility | None) -> Iterator[Notice]:
    cut = sum(stitch.cut for stitch in wound.stitches)
    if cut:
        yield Notice(
            "stitches_cut",
            f"{cut} stitch(es) are cut by the edge of the photo and left out of the numbers. "
            "Take the photo from a little further away.",
        )
    if wound.incision_px is None:
        return
    width, height = photo.size
    near_px = max(AT_FRAME_PX, AT_FRAME_STITCH * seen.stitch_px if seen else 0.0)
    ends = (wound.incision_px[0], wound.incision_px[-1])
    if any(min(x, y, width - 1 - x, height - 1 - y) < near_px for x, y in ends):
        yield Notice(
            "wound_at_frame",
            "The incision runs to the edge of the photo; stitches beyond it are not counted. "
            "Take the photo with the whole wound in view.",
        )


def _overview(bgr: NDArray[np.uint8]) -> Iterator[Notice]:
    """Why nothing may have been found: exposure and blur of the whole photo."""
    factor = min(1.0, OVERVIEW_SIDE_PX / max(bgr.shape[:2]))
    small = bgr if factor == 1 else cv2.resize(bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    small = np.asarray(small, np.uint8)
    if float(np.median(small.mean(axis=2))) < GOOD_LEVEL or np.mean(small.max(axis=2) <= CLIPPED_DARK) > 0.5:
        yield Notice("too_dark", "The photo is too dark. Turn on a light or move to a window.")
        return
    if np.mean(small.min(axis=2) >= CLIPPED_BRIGHT) > 0.5:
        yield Notice(
            "overexposed",
            "The photo is burnt out to white. Tap on the pad to set the exposure, or dim the light.",
        )
        return
    unit_px = OVERVIEW_STITCH * max(small.shape[:2])
    blur = blur_px(small, np.full(small.shape[:2], 255, np.uint8), unit_px)
    if blur is not None and blur > MAX_BLUR * unit_px:
        yield Notice("blurred", "The photo is blurred. Hold still, and tap on the wound to focus.")
