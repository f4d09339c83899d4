"""The local camera in a window of its own: tips, rolling tremor, hints; ends with a summary on disk."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from assessor.errors import MotionError
from assessor.folder import cannot_write
from assessor.motion.folder import write_result
from assessor.motion.frames import Camera
from assessor.motion.options import MotionOptions
from assessor.motion.results import LiveScore, MotionAssessment
from assessor.motion.session import Session
from assessor.report import canvas
from assessor.report.canvas import Bgr
from assessor.report.chart import Chart
from assessor.report.motion_plot import tremor_text

TITLE = "assessor live - click a tip, q ends"
ESCAPE = 27


def watch(camera: int, options: MotionOptions, out: Path) -> tuple[MotionAssessment, Path]:
    """Show the camera until q, Escape or the window's close button; the summary and where it was written.

    MotionError: no_display, camera_missing, camera_lost. OptionError: cannot_write.
    """
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise MotionError(
            "no_display",
            "There is no screen to show the camera on.",
            "Run it on a desktop, or use `assessor serve` and the page /live.",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise cannot_write(out, exc) from exc
    session = Session(options)
    picture: Bgr | None = None
    with Camera(camera) as frames:
        _open_window(session)
        try:
            for frame in frames:
                score = session.push(frame)
                picture = frame.bgr
                cv2.imshow(TITLE, draw_live(frame.bgr, score))
                if cv2.waitKey(1) & 0xFF in (ord("q"), ESCAPE) or _closed():
                    break
        except KeyboardInterrupt:
            pass
        finally:
            cv2.destroyAllWindows()
    result = session.summary()
    name = time.strftime("live-%Y%m%d-%H%M%S")
    return result, write_result(out, name, result, source=name, options=options, picture=picture)


def draw_live(bgr: Bgr, score: LiveScore) -> Bgr:
    """The frame (h, w, 3) with tips, the rolling tremor in words and its spectrum; a new picture."""
    image = bgr.copy()
    height, width = image.shape[:2]
    unit = width / 1280
    for index, tip in enumerate(score.tips):
        colour = canvas.ORANGE if index % 2 else canvas.SKY
        canvas.ring(image, np.array([tip.x_px, tip.y_px]), 12 * unit, colour, 2.5 * unit)
    size = max(14, round(26 * unit))
    lines = [score.hint or "Hold still."]
    if score.tremor is not None:
        lines.insert(0, tremor_text(score.tremor).split(". ")[0])
    if score.zone_share is not None:
        lines.append(f"{100 * score.zone_share:.0f} % of the last seconds over the dot")
    for row, text in enumerate(lines):
        wide, _ = canvas.text_size(text, size)
        at = np.array([size + wide / 2, size * (1.2 + 1.7 * row)])
        canvas.put_text(image, at, text, size, canvas.WHITE, plate=True)
    spectrum = score.spectrum
    if spectrum is not None:
        high = 1.15 * max(spectrum.density)
        box = canvas.Box(size, height * 0.78, width * 0.4, height - size)
        chart = Chart(image, box, (spectrum.freq_hz[0], spectrum.freq_hz[-1]), (0.0, high), size)
        chart.area(spectrum.freq_hz, spectrum.floor, canvas.GREY, 0.6)
        chart.line(spectrum.freq_hz, spectrum.density, canvas.YELLOW, 2.5 * unit)
    return image


def _open_window(session: Session) -> None:
    def clicked(event: int, x: int, y: int, flags: int, data: object) -> None:
        if event == cv2.EVENT_LBUTTONDOWN:
            session.add_tip(float(x), float(y))

    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)
        cv2.setMouseCallback(TITLE, clicked)
    except cv2.error:
        raise MotionError(
            "no_display",
            "This OpenCV cannot open a window.",
            "Install opencv-python instead of its headless form, or use `assessor serve` and the page /live.",
        ) from None


def _closed() -> bool:
    return bool(cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1)
