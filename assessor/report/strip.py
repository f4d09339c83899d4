"""The strip of words below the overlay: what was found, what to do better, scale bar and legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from assessor.report import canvas
from assessor.report.canvas import Bgr, Vec
from assessor.results import PhotoAssessment, Wound

_X = np.array([1.0, 0.0])

PAPER: canvas.Colour = (250, 249, 246)
FAINT: canvas.Colour = (95, 98, 104)
MIN_WIDTH_PX = 720  # narrower, sentences become columns of single words
HINTS_AT_MOST = 2
NOT_ON_THE_PICTURE = frozenset({"no_scale", "no_wound", "ruler_chosen"})  # said otherwise, or all is well
_NICE = (1.0, 2.0, 5.0)

_Symbol = Callable[[Bgr, Vec, float], None]


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    size_px: int
    colour: canvas.Colour


def draw_strip(assessment: PhotoAssessment, width: int, zoom: float, any_marked: bool) -> Bgr:
    """BGR (h, max(width, MIN_WIDTH_PX), 3); `zoom` is overlay pixels per photo pixel."""
    width = max(width, MIN_WIDTH_PX)
    unit = float(np.clip(width / 1280, 0.75, 1.6))
    margin, size = round(26 * unit), round(25 * unit)
    lines = [
        _Text(part, text.size_px, text.colour)
        for text in _sentences(assessment, size)
        for part in wrapped(text.text, text.size_px, width - 2 * margin)
    ]
    legend = _legend(assessment, any_marked)
    cells = _flowed(legend, round(size * 0.82), width - 2 * margin, margin)
    bar = _scale_bar(assessment, width, zoom)
    line_px, gap = round(size * 1.45), round(size * 0.5)
    legend_rows = 1 + max((row for row, *_ in cells), default=-1)
    height = 2 * margin + (len(lines) + legend_rows + (bar is not None)) * line_px + gap
    image = np.empty((height, width, 3), np.uint8)
    image[:] = PAPER[::-1]
    y = margin + line_px / 2
    for text in lines:
        wide, _ = canvas.text_size(text.text, text.size_px)
        _put(image, text, margin + wide / 2, y)
        y += line_px
    y += gap
    if bar is not None:
        _draw_bar(image, bar, margin, y, size)
        y += line_px
    for row, x, symbol, label in cells:
        small = round(size * 0.82)
        middle = y + row * line_px
        symbol(image, np.array([x + 0.8 * size, middle]), float(size))
        wide, _ = canvas.text_size(label, small)
        _put(image, _Text(label, small, FAINT), x + 1.9 * size + wide / 2, middle)
    return image


def widened(image: Bgr, width: int) -> Bgr:
    """The picture with paper added on its right up to `width`."""
    missing = width - image.shape[1]
    if missing <= 0:
        return image
    paper = np.empty((image.shape[0], missing, 3), np.uint8)
    paper[:] = PAPER[::-1]
    return np.concatenate([image, paper], axis=1)


def wrapped(text: str, size_px: int, width_px: float) -> list[str]:
    """The text in lines no wider than `width_px` (a single longer word stays whole)."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and canvas.text_size(longer, size_px)[0] <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def nice_length_mm(longest_mm: float) -> float:
    """The largest of 1, 2, 5 x 10^k that is not above `longest_mm`."""
    decade = 10.0 ** np.floor(np.log10(longest_mm))
    return float(max(step * decade for step in _NICE if step * decade <= longest_mm * (1 + 1e-9)))


def _sentences(assessment: PhotoAssessment, size: int) -> list[_Text]:
    if assessment.error is not None:
        error = assessment.error
        return [_Text(error.text, round(size * 1.2), canvas.INK), _Text(error.hint, size, canvas.INK)]
    if not assessment.wounds:
        said = [w.text for w in assessment.warnings if w.code == "no_wound"] or [
            "No sutured wound was found."
        ]
        return [_Text(said[0], round(size * 1.2), canvas.INK)]
    many = len(assessment.wounds) > 1
    out = []
    for i, wound in enumerate(assessment.wounds):
        title = (f"Wound {i + 1}: " if many else "") + _summary(wound)
        out.append(_Text(title, round(size * 1.2), canvas.INK))
        out += [_Text(hint.text, size, canvas.INK) for hint in wound.hints[: 1 if many else HINTS_AT_MOST]]
    # One warning: the rest is in the result, and this picture is for a glance.
    notes = [w.text for w in assessment.warnings if w.code not in NOT_ON_THE_PICTURE][:1]
    if assessment.scale is None:
        notes.append("No scale in the photo: ratios only, no millimetres.")
    return out + [_Text(note, round(size * 0.85), FAINT) for note in notes]


def _summary(wound: Wound) -> str:
    shown = sum(not stitch.cut for stitch in wound.stitches)
    parts = [f"{shown} stitch" + ("" if shown == 1 else "es")]
    if wound.technique.name != "unknown":
        parts.append(wound.technique.name.replace("_", " "))
    if wound.score is not None:
        parts.append(f"{wound.score.points:.0f} of {wound.score.of:.0f} points")
    return " · ".join(parts)


def _scale_bar(assessment: PhotoAssessment, width: int, zoom: float) -> tuple[float, str] | None:
    """Length on the picture (px) and what it says; ± is two standard deviations."""
    scale = assessment.scale
    if scale is None or not assessment.wounds:
        return None
    overlay_px_per_mm = zoom / scale.mm_per_px
    length_mm = nice_length_mm(0.3 * width / overlay_px_per_mm)
    text = f"{length_mm:g} mm at the wound, ±{200 * scale.relative_sd:.1f} %"
    sds = [
        sd
        for wound in assessment.wounds
        for stitch in wound.stitches
        for sd in (stitch.bite_left_sd_mm, stitch.bite_right_sd_mm)
        if sd is not None and not stitch.cut
    ]
    if sds:
        text += f"; each bite ±{2 * float(np.median(sds)):.2g} mm"
    return length_mm * overlay_px_per_mm, text


def _draw_bar(image: Bgr, bar: tuple[float, str], x: float, y: float, size: int) -> None:
    length, label = bar
    tick = size * 0.28
    for a, b in (((0, 0), (length, 0)), ((0, -tick), (0, tick)), ((length, -tick), (length, tick))):
        canvas.line(image, np.array([[x + a[0], y + a[1]], [x + b[0], y + b[1]]]), canvas.INK, size * 0.14)
    small = round(size * 0.82)
    wide, _ = canvas.text_size(label, small)
    _put(image, _Text(label, small, FAINT), x + length + size * 0.7 + wide / 2, y)


def _legend(assessment: PhotoAssessment, any_marked: bool) -> list[tuple[_Symbol, str]]:
    """Only what the picture shows."""
    stitches = [stitch for wound in assessment.wounds for stitch in wound.stitches]
    sided = [s for s in stitches if s.bite_left_px is not None and not s.cut]
    entries: list[tuple[_Symbol, str, bool]] = [
        (_bite(canvas.SKY), "left bite", bool(sided)),
        (_bite(canvas.ORANGE), "right bite", bool(sided)),
        (_dashed, "hidden by the knot, estimated", any(any(s.inferred) for s in stitches)),
        (_look, "look at these first", any_marked),
        (_incision, "incision", any(wound.incision for wound in assessment.wounds)),
        (_cut, "cut by the frame, not measured", any(s.cut for s in stitches)),
    ]
    return [(symbol, label) for symbol, label, shown in entries if shown]


def _flowed(
    entries: Sequence[tuple[_Symbol, str]], size: int, width: float, margin: float
) -> list[tuple[int, float, _Symbol, str]]:
    """(row, x, symbol, label) of entries set one after the other, rows broken at `width`."""
    out: list[tuple[int, float, _Symbol, str]] = []
    row, x = 0, 0.0
    for symbol, label in entries:
        wide = canvas.text_size(label, size)[0] + 3.6 * size
        if x > 0 and x + wide - 1.3 * size > width:
            row, x = row + 1, 0.0
        out.append((row, margin + x, symbol, label))
        x += wide
    return out


def _put(image: Bgr, text: _Text, x: float, y: float) -> None:
    canvas.put_text(image, np.array([x, y]), text.text, text.size_px, text.colour)


def _bite(colour: canvas.Colour) -> _Symbol:
    def draw(image: Bgr, at: Vec, size: float) -> None:
        ring_at = at - 0.45 * size * _X
        canvas.line(image, np.stack([ring_at, at + 0.8 * size * _X]), colour, size * 0.1, casing=size * 0.05)
        canvas.disc(image, ring_at, size * 0.27, PAPER, PAPER, 1)
        canvas.ring(image, ring_at, size * 0.27, colour, size * 0.1)

    return draw


def _dashed(image: Bgr, at: Vec, size: float) -> None:
    canvas.ring(image, at, size * 0.38, canvas.GREY, size * 0.11, dashed=True)


def _look(image: Bgr, at: Vec, size: float) -> None:
    canvas.capsule(
        image, at - 0.45 * size * _X, at + 0.45 * size * _X, size * 0.3, canvas.VERMILLION, size * 0.13
    )


def _incision(image: Bgr, at: Vec, size: float) -> None:
    ends = np.stack([at - 0.75 * size * _X, at + 0.75 * size * _X])
    canvas.line(image, ends, canvas.YELLOW, size * 0.1, casing=size * 0.05)


def _cut(image: Bgr, at: Vec, size: float) -> None:
    ends = np.stack([at - 0.75 * size * _X, at + 0.75 * size * _X])
    canvas.line(image, ends, canvas.GREY, size * 0.1, casing=size * 0.05, dash=size * 0.35)
