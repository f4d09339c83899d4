"""One picture of a MotionAssessment: tracks on the picture, amplitude over time, spectrum with floor."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from assessor.motion.results import MotionAssessment, TipResult, Tremor, Window
from assessor.report import canvas
from assessor.report.canvas import Bgr, Box, Colour
from assessor.report.chart import FAINT, PAPER, Chart, put_left
from assessor.report.strip import wrapped

WIDTH_PX = 1600
TEXT_PX = 26
MARGIN_PX = 48
PANEL_PX = 330  # height of a chart inside its axes
VIEW_PX = 1200  # longer side of the tracks alone
BLANK: Colour = (232, 231, 227)
# Darker than on photos: lines on paper.
COLOURS: tuple[Colour, ...] = ((0, 114, 178), (213, 94, 0))
MOST_POINTS = 6000  # more of a track cannot be told apart


def motion_plot_png(assessment: MotionAssessment, picture: Bgr | None = None) -> bytes:
    """`draw_motion` as the bytes of a PNG file."""
    done, data = cv2.imencode(".png", draw_motion(assessment, picture))
    if not done:
        raise RuntimeError("this OpenCV cannot write PNG")
    return bytes(data)


def draw_motion(assessment: MotionAssessment, picture: Bgr | None = None) -> Bgr:
    """BGR uint8 (h, 1600, 3). `picture` (h, w, 3) is a frame of the clip to lie under the tracks."""
    lines = [line for tip in assessment.tips for line in _sentence(tip, assessment)] or [_nothing(assessment)]
    head_px = MARGIN_PX + round(TEXT_PX * 1.6) * len(lines) + TEXT_PX
    view = draw_tracks(assessment, picture, most_px=(WIDTH_PX * 0.42, 2 * (PANEL_PX + 3 * TEXT_PX)))
    charts_px = 2 * (PANEL_PX + 4 * TEXT_PX)
    body_px = max(view.shape[0], charts_px) + MARGIN_PX
    image = np.empty((head_px + body_px, WIDTH_PX, 3), np.uint8)
    image[:] = PAPER[::-1]
    for row, (text, colour) in enumerate(lines):
        put_left(image, MARGIN_PX, MARGIN_PX + row * TEXT_PX * 1.6, text, TEXT_PX, colour)
    image[head_px : head_px + view.shape[0], MARGIN_PX : MARGIN_PX + view.shape[1]] = view
    left = MARGIN_PX + view.shape[1] + 3 * MARGIN_PX
    top = head_px + 2 * TEXT_PX
    for draw, offset in ((_over_time, 0), (_spectrum, PANEL_PX + 4 * TEXT_PX)):
        draw(image, Box(left, top + offset, WIDTH_PX - MARGIN_PX, top + offset + PANEL_PX), assessment)
    return image


def _sentence(tip: TipResult, assessment: MotionAssessment) -> list[tuple[str, Colour]]:
    text = f"{tip_name(tip)}: {tremor_text(tip.tremor)}".removesuffix(".")
    if tip.steadiness is not None and tip.steadiness.zone_share is not None:
        text += (
            f"; {100 * tip.steadiness.zone_share:.0f} % of the time within {tip.steadiness.zone_um:.0f} um"
        )
    if tip.economy.path_length is not None:
        text += f"; path {tip.economy.path_length:.0f} {tip.economy.unit}"
    parts = wrapped(text, TEXT_PX, WIDTH_PX - 2 * MARGIN_PX)
    return [(part, COLOURS[assessment.tips.index(tip) % len(COLOURS)]) for part in parts]


def tip_name(tip: TipResult) -> str:
    return "Tip" if tip.hand == "unknown" else f"{tip.hand.capitalize()} tip"


def tremor_text(tremor: Tremor) -> str:
    """ "42 um rms at 9.1 Hz (sd 3 %, floor 8 um)", or why there is no number."""
    if tremor.status == "measured" and tremor.rms is not None and tremor.noise_floor is not None:
        peak = "no distinct peak" if tremor.peak_hz is None else f"at {tremor.peak_hz:.1f} Hz"
        join = ", " if tremor.peak_hz is None else " "
        floor = amount(tremor.noise_floor, tremor.unit)
        sure = "" if tremor.relative_sd is None else f"sd {100 * tremor.relative_sd:.0f} %, "
        return f"tremor {amount(tremor.rms, tremor.unit)} rms{join}{peak} ({sure}floor {floor})"
    if tremor.status == "below_floor" and tremor.noise_floor is not None:
        return f"tremor below what this camera can see (floor {amount(tremor.noise_floor, tremor.unit)})"
    return f"no tremor measured. {tremor.hint}"


def amount(value: float, unit: str) -> str:
    return f"{value:.0f} um" if unit == "um" else f"{value:.2f} px"


def _nothing(assessment: MotionAssessment) -> tuple[str, Colour]:
    return (assessment.error.text if assessment.error else "No instrument tip was found."), canvas.INK


def draw_tracks(
    assessment: MotionAssessment,
    picture: Bgr | None = None,
    *,
    most_px: tuple[float, float] = (VIEW_PX, VIEW_PX),
) -> Bgr:
    """`picture` (h, w, 3), a frame of the clip, with every tip's track on it; as large as fits into `most_px`
    (width, height). Without it, the tracks on blank ground."""
    video = assessment.video
    width, height = max(video.width, 1), max(video.height, 1)
    zoom = min(most_px[0] / width, most_px[1] / height)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    view = np.empty((size[1], size[0], 3), np.uint8)
    view[:] = BLANK[::-1]
    if picture is not None:
        scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
        view[:] = scaled.astype(np.uint8)
    for index, tip in enumerate(assessment.tips):
        colour = canvas.ORANGE if index % 2 else canvas.SKY
        rows = np.array(tip.track, float)[:: max(1, len(tip.track) // MOST_POINTS)]
        gap_s = 3 * float(np.median(np.diff(rows[:, 0]))) if len(rows) > 2 else 0.0
        for piece in np.split(rows, np.flatnonzero(np.diff(rows[:, 0]) > gap_s) + 1):
            points = (piece[:, 1:3] + 0.5) * zoom - 0.5
            if len(points) > 1:
                canvas.line(view, points, colour, 2.0, casing=1.0)
        canvas.ring(view, (rows[-1, 1:3] + 0.5) * zoom - 0.5, 9.0, colour, 3.0)
    return view


def _over_time(image: Bgr, box: Box, assessment: MotionAssessment) -> None:
    """A bar a slow window at its amplitude; hollow at the floor where it lies below what can be seen."""
    numbers = [w for w in assessment.windows if w.tremor.noise_floor is not None]
    unit = _unit(assessment)
    high = max((w.tremor.rms or 2 * (w.tremor.noise_floor or 0.0) for w in numbers), default=0.0)
    chart = Chart(
        image, box, (0.0, max(assessment.video.duration_s, 1.0)), (0.0, 1.15 * high or 1.0), TEXT_PX
    )
    chart.axes(f"Tremor amplitude 4-12 Hz over time, {unit} rms", "s")
    for index, tip in enumerate(assessment.tips):
        colour = COLOURS[index % len(COLOURS)]
        windows = [w for w in numbers if w.tip == tip.id]
        for window in windows:
            _window(chart, window, colour)
        seen = np.array([row[0] for row in tip.track])
        for piece in np.split(seen, np.flatnonzero(np.diff(seen) > 0.3) + 1):
            height = 0.018 * chart.y[1] * (1 + 1.6 * index)
            chart.line([piece[0], piece[-1]], [height, height], colour, 4.0)
    if not numbers:
        _say(image, box, "no slow window to measure in")


def _window(chart: Chart, window: Window, colour: Colour) -> None:
    tremor, span = window.tremor, [window.t0_s, window.t1_s]
    floor = tremor.noise_floor or 0.0
    if tremor.rms is None:
        chart.line(span, [2 * floor] * 2, colour, 2.0, dash=10.0)
    else:
        chart.area(span, [tremor.rms] * 2, colour, 0.25)
        chart.line(span, [tremor.rms] * 2, colour, 5.0)
        chart.line(span, [floor] * 2, FAINT, 2.0, dash=10.0)


def _spectrum(image: Bgr, box: Box, assessment: MotionAssessment) -> None:
    """Amplitude density of each tip with what noise and shake make of it, grey, below."""
    spectra = [(i, t.spectrum, t.tremor) for i, t in enumerate(assessment.tips) if t.spectrum is not None]
    high = max((max(_band(s.freq_hz, s.density)) for _, s, _ in spectra), default=1.0)
    top_hz = max((s.freq_hz[-1] for _, s, _ in spectra), default=15.0)
    chart = Chart(image, box, (2.75, top_hz), (0.0, 1.15 * high), TEXT_PX)
    chart.axes(f"Spectrum in the slow windows, {_unit(assessment)} per root Hz; floor grey", "Hz")
    for _, spectrum, _ in spectra:
        chart.area(spectrum.freq_hz, spectrum.floor, canvas.GREY, 0.5)
    for index, spectrum, tremor in spectra:
        chart.line(spectrum.freq_hz, spectrum.density, COLOURS[index % len(COLOURS)], 3.0)
        if tremor.peak_hz is not None:
            near = int(np.argmin(np.abs(np.array(spectrum.freq_hz) - tremor.peak_hz)))
            (point,) = chart.at([tremor.peak_hz], [spectrum.density[near]])
            above = point + np.array([0.0, -0.9 * TEXT_PX])
            canvas.put_text(image, above, f"{tremor.peak_hz:.1f} Hz", TEXT_PX, COLOURS[index % len(COLOURS)])
    if not spectra:
        _say(image, box, "no spectrum")


def _band(freq_hz: Sequence[float], density: Sequence[float]) -> list[float]:
    return [d for f, d in zip(freq_hz, density, strict=True) if f >= 3.5] or [1.0]


def _unit(assessment: MotionAssessment) -> str:
    return "px" if assessment.scale is None else "um"


def _say(image: Bgr, box: Box, text: str) -> None:
    middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    canvas.put_text(image, middle, text, TEXT_PX, FAINT)
