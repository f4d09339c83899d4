"""The picture a trainee reads at a glance: stitches numbered, both bites coloured, the worst marked.

The photo stands at the top left of the result, `overlay_zoom` times its size, so a point (x, y) of the
photo is at ((x + 0.5) * zoom - 0.5, ...) of the picture; below it a strip says in words what to do.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from assessor.report import canvas, strip
from assessor.report.canvas import Bgr, Vec
from assessor.report.labels import Placed, Row, badge_radius, place
from assessor.results import PhotoAssessment, Stitch, Wound

# Long side of the drawn photo, px: small crops grow until lines and numbers are legible, 12 MP shrink
# to what a screen shows and a PNG encodes quickly.
MIN_LONG_PX, MAX_LONG_PX = 1280, 2000
MAX_ZOOM = 6.0  # a crop grown further is only blur
STITCH_PX = 90  # a stitch of this length can be read with its numbers
MARKED_AT_MOST = 3  # beginners do not profit from more (metrics.md 4.1)


def draw_overlay(bgr: Bgr, assessment: PhotoAssessment) -> Bgr:
    """The photo (h, w, 3 BGR uint8) with its assessment drawn on; a new picture, a strip of words below."""
    zoom = overlay_zoom(bgr, assessment)
    height, width = (max(1, round(side * zoom)) for side in bgr.shape[:2])
    image = np.ascontiguousarray(
        cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    ).astype(np.uint8)
    unit = max(width, height) / MIN_LONG_PX
    marks = [marked(wound) for wound in assessment.wounds]
    rows = [_row(wound, mark, zoom, unit) for wound, mark in zip(assessment.wounds, marks, strict=True)]
    for wound, row in zip(assessment.wounds, rows, strict=True):
        _draw_row(image, wound, row, unit)
    for label in place(rows, width, height, text_px=25 * unit):
        _draw_label(image, label, _badge_fill(assessment.wounds[label.wound], marks[label.wound], label))
    footer = strip.draw_strip(assessment, width, zoom, any(marks))
    return np.concatenate([strip.widened(image, footer.shape[1]), footer])


def overlay_png(bgr: Bgr, assessment: PhotoAssessment) -> bytes:
    """`draw_overlay` as the bytes of a PNG file."""
    # Level 1: a photo does not get much smaller beyond it, only slower.
    done, data = cv2.imencode(".png", draw_overlay(bgr, assessment), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise RuntimeError("this OpenCV cannot write PNG")
    return bytes(data)


def overlay_zoom(bgr: Bgr, assessment: PhotoAssessment) -> float:
    """Overlay pixels per photo pixel."""
    long_px = max(bgr.shape[:2])
    lengths = [np.hypot(*np.subtract(*s.bites)) for w in assessment.wounds for s in w.stitches]
    wanted = long_px * STITCH_PX / max(float(np.median(lengths)), 1.0) if lengths else long_px
    shown = float(np.clip(max(long_px, wanted), MIN_LONG_PX, MAX_LONG_PX))
    return float(min(shown / long_px, MAX_ZOOM))


def marked(wound: Wound) -> frozenset[int]:
    """The stitches that the hints name, in their order, three at most."""
    named = [i for hint in wound.hints for i in hint.stitches if 0 <= i < len(wound.stitches)]
    return frozenset(list(dict.fromkeys(named))[:MARKED_AT_MOST])


def _row(wound: Wound, mark: frozenset[int], zoom: float, unit: float) -> Row:
    bites = _zoomed([stitch.bites for stitch in wound.stitches], zoom).reshape(-1, 2, 2)
    lengths = np.hypot(*(bites[:, 1] - bites[:, 0]).T)
    ring = float(np.clip(0.11 * np.median(lengths), 4.5 * unit, 9 * unit)) if len(lengths) else 6 * unit
    return Row(
        bites=bites,
        texts=[_texts(stitch, i in mark) for i, stitch in enumerate(wound.stitches)],
        knots=[None if s.knot is None else _zoomed([s.knot], zoom)[0] for s in wound.stitches],
        marked=mark,
        incision=_zoomed(wound.incision.points, zoom) if wound.incision else None,
        ring_px=ring,
    )


def _texts(stitch: Stitch, is_marked: bool) -> tuple[str | None, str | None]:
    """Each side's bite in mm; without a scale only marked stitches say theirs, as a share of both."""
    left, right = stitch.bite_left_px, stitch.bite_right_px
    if stitch.cut or left is None or right is None:
        return None, None
    if stitch.bite_left_mm is not None and stitch.bite_right_mm is not None:
        return (
            length_text(stitch.bite_left_mm, stitch.bite_left_sd_mm),
            length_text(stitch.bite_right_mm, stitch.bite_right_sd_mm),
        )
    if is_marked and left + right > 0:
        return f"{100 * left / (left + right):.0f} %", f"{100 * right / (left + right):.0f} %"
    return None, None


def length_text(mm: float, sd_mm: float | None) -> str:
    """A length with no more decimals than its uncertainty (two sd) leaves it: 0 to 2."""
    decimals = 1 if not sd_mm else min(2, max(0, math.ceil(-math.log10(2 * sd_mm) - 1e-9)))
    return f"{mm:.{decimals}f} mm"


def _draw_row(image: Bgr, wound: Wound, row: Row, unit: float) -> None:
    thin, ring_width = 1.8 * unit, 2.2 * unit
    if row.incision is not None and len(row.incision) > 1:
        canvas.line(image, row.incision, canvas.YELLOW, thin, casing=unit)
    for i in sorted(row.marked):
        canvas.capsule(
            image, row.bites[i][0], row.bites[i][1], row.ring_px * 2.0, canvas.VERMILLION, 3.2 * unit
        )
    for stitch, bites in zip(wound.stitches, row.bites, strict=True):
        left, right = (canvas.GREY, canvas.GREY) if stitch.cut else (canvas.SKY, canvas.ORANGE)
        if stitch.bite_left_px is None and not stitch.cut:
            left = right = canvas.WHITE
        inner = _shortened(bites, row.ring_px)
        crossing = _crossing(stitch, bites)
        dash = 7 * unit if stitch.cut else 0.0
        if inner is not None:
            canvas.line(image, np.stack([inner[0], crossing]), left, thin, casing=0.8 * unit, dash=dash)
            canvas.line(image, np.stack([crossing, inner[1]]), right, thin, casing=0.8 * unit, dash=dash)
        for bite, colour, inferred in zip(bites, (left, right), stitch.inferred, strict=True):
            canvas.ring(image, bite, row.ring_px, colour, ring_width, dashed=inferred)


def _shortened(bites: Vec, ring_px: float) -> Vec | None:
    """The stitch between its two rings, whose middles stay free; None where they touch."""
    along = bites[1] - bites[0]
    length = float(np.hypot(*along))
    if length <= 2 * ring_px:
        return None
    inset = along / length * ring_px
    return np.stack([bites[0] + inset, bites[1] - inset])


def _crossing(stitch: Stitch, bites: Vec) -> Vec:
    """Where the stitch passes the incision: its chord divided as its bites are."""
    left, right = stitch.bite_left_px, stitch.bite_right_px
    share = 0.5 if left is None or right is None or left + right <= 0 else left / (left + right)
    crossing: Vec = bites[0] + share * (bites[1] - bites[0])
    return crossing


def _badge_fill(wound: Wound, mark: frozenset[int], label: Placed) -> canvas.Colour:
    if label.stitch in mark:
        return canvas.VERMILLION
    return canvas.DARK_GREY if label.kind == "badge" and wound.stitches[label.stitch].cut else canvas.INK


def _draw_label(image: Bgr, label: Placed, fill: canvas.Colour) -> None:
    size = label.size_px
    if label.kind == "badge":
        canvas.disc(image, label.centre, badge_radius(size), fill, canvas.WHITE, max(1.5, size / 13))
        canvas.put_text(image, label.centre, label.text, round(size * 0.95), canvas.WHITE, bold=True)
        return
    colour = {"left": canvas.SKY, "right": canvas.ORANGE}.get(label.kind, canvas.WHITE)
    canvas.put_text(image, label.centre, label.text, size, colour, plate=True, turned_deg=label.turned_deg)


def _zoomed(points: object, zoom: float) -> Vec:
    """Photo pixels -> overlay pixels, both counted from the centre of the top-left pixel."""
    return (np.asarray(points, dtype=float) + 0.5) * zoom - 0.5
