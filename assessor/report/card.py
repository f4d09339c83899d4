"""The printable sheet: calibration cards of several sizes, markers for instruments, check bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assessor.motion.tips.marker import TIP_MARKERS_MM
from assessor.photo.scale.layout import CARDS, CHECK_BAR_INCH_MM, CHECK_BAR_MM, MODULES, CardLayout

PAPERS_MM = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
MARGIN_MM = 14.0
POINTS_PER_MM = 72.0 / 25.4
# Where each card lies on the sheet: upper left corner, mm from the left margin and from below the text.
PLACES_MM: dict[str, tuple[float, float]] = {
    "Large frame": (0.0, 0.0),
    "Frame": (0.0, 102.0),
    "Corner": (101.0, 102.0),
    "Strip": (0.0, 156.0),
    "Square": (72.0, 154.0),
    "Mini": (98.0, 156.0),
}
TIP_MARKERS_AT_MM = (126.0, 158.0)  # the first one's upper left corner, from the same place
HOW_TO = (
    '1. Print at 100 % ("actual size", not "fit to page").',
    "2. Measure both check bars at the foot: if the 50 mm bar is not 50 mm long, print again at 100 %.",
    "3. Cut out the card that fits the pad and glue it on thin cardboard so that it stays flat.",
    "4. Lay it on the pad, on the surface with the stitches: not on the table, not on the frame.",
    "5. Photograph from straight above, wound and card sharp and wholly in view. Use one card at a time.",
)


def write_card(path: str | Path) -> Path:
    """Write the PDF (one A4 page, one Letter page, the same cards on both) and return its path."""
    from reportlab.pdfgen.canvas import Canvas

    path = Path(path)
    canvas = Canvas(str(path), pageCompression=1, invariant=1)
    canvas.setTitle("Suture practice assessor: calibration card")
    for name, (width, height) in PAPERS_MM.items():
        canvas.setPageSize((width * POINTS_PER_MM, height * POINTS_PER_MM))
        _Sheet(canvas, name, height).draw()
        canvas.showPage()
    canvas.save()
    return path


def sheet_origin_mm(card: CardLayout) -> tuple[float, float]:
    """Upper left corner of a card on either page, mm from the page's upper left corner."""
    x, y = PLACES_MM[card.name]
    return MARGIN_MM + x, 62.0 + y


class _Sheet:
    """One page, drawn in millimetres from its upper left corner."""

    def __init__(self, canvas: object, paper: str, height_mm: float) -> None:
        self.canvas: Any = canvas
        self.paper = paper
        self.height_mm = height_mm

    def draw(self) -> None:
        self.text(MARGIN_MM, 18, "Calibration card for sutured practice pads", 15, bold=True)
        self.text(MARGIN_MM, 24, f"Suture practice assessor - {self.paper} - for training only", 9)
        for i, line in enumerate(HOW_TO):
            self.text(MARGIN_MM, 32 + 5.2 * i, line, 9)
        for card in CARDS:
            self.card(card)
        self.tip_markers()
        foot = 248.0
        self.bar(MARGIN_MM, foot, CHECK_BAR_MM, "50 mm")
        self.bar(MARGIN_MM + 75, foot, CHECK_BAR_INCH_MM, "2 inches")
        self.text(MARGIN_MM, foot + 12, "Check bars: from the outer edge of one end mark to the other's.", 8)

    def card(self, card: CardLayout) -> None:
        x, y = sheet_origin_mm(card)
        self.outline(x, y, card)
        for number, (mx, my) in card.markers.items():
            self.marker(x + mx, y + my, card.marker_mm, number)
        label = f"{card.name}: {card.use}"
        if card.cut_out is None:
            self.text(x, y + card.height_mm + 3.2, card.name, 6)
        else:
            cx, cy, _, _ = card.cut_out
            self.text(x + cx + 3, y + cy + 6, label, 7)
            self.text(x + cx + 3, y + cy + 10, "(cut this part away)", 7)

    def tip_markers(self) -> None:
        """Markers for instruments, each in the white that it needs, with lines to cut along."""
        x, y = MARGIN_MM + TIP_MARKERS_AT_MM[0], 62.0 + TIP_MARKERS_AT_MM[1]
        for number, side in TIP_MARKERS_MM.items():
            rim = side / MODULES
            self.marker(x, y, side, number)
            self.dashed()
            self.rect(x - rim, y - rim, side + 2 * rim, side + 2 * rim, fill=False)
            self.canvas.setDash()
            x += side + 3 * rim
        self.text(MARGIN_MM + TIP_MARKERS_AT_MM[0], y + 14.5, "For instruments: stick one on, flat and", 6)
        self.text(MARGIN_MM + TIP_MARKERS_AT_MM[0], y + 17, "facing the camera, near the tip.", 6)

    def dashed(self) -> None:
        self.canvas.setLineWidth(0.3)
        self.canvas.setDash(2, 2)
        self.canvas.setStrokeGray(0.6)

    def outline(self, x: float, y: float, card: CardLayout) -> None:
        self.dashed()
        self.rect(x, y, card.width_mm, card.height_mm, fill=False)
        if card.cut_out is not None:
            cx, cy, w, h = card.cut_out
            self.rect(x + cx, y + cy, w, h, fill=False)
        self.canvas.setDash()

    def marker(self, x: float, y: float, side: float, number: int) -> None:
        """Black modules as one path: sharp at any size, and no hairlines between its parts."""
        import cv2

        from assessor.markers import dictionary

        bits = cv2.aruco.generateImageMarker(dictionary(), number, MODULES, borderBits=1)
        module = side / MODULES * POINTS_PER_MM
        left, top = x * POINTS_PER_MM, (self.height_mm - y) * POINTS_PER_MM
        path = self.canvas.beginPath()
        for row in range(MODULES):
            column = 0
            while column < MODULES:
                end = column
                while end < MODULES and bits[row, end] == 0:
                    end += 1
                if end > column:
                    path.rect(
                        left + column * module, top - (row + 1) * module, (end - column) * module, module
                    )
                column = end + 1
        self.canvas.setFillGray(0)
        self.canvas.drawPath(path, stroke=0, fill=1)

    def bar(self, x: float, y: float, length: float, label: str) -> None:
        self.canvas.setFillGray(0)
        self.rect(x, y, length, 0.4)
        for end in (x, x + length - 0.3):
            self.rect(end, y - 3, 0.3, 6.4)
        self.text(x + length / 2 - 6, y + 4.5, label, 9)

    def rect(self, x: float, y: float, width: float, height: float, fill: bool = True) -> None:
        k = POINTS_PER_MM
        self.canvas.rect(
            x * k,
            (self.height_mm - y - height) * k,
            width * k,
            height * k,
            stroke=0 if fill else 1,
            fill=int(fill),
        )

    def text(self, x: float, y: float, text: str, size: float, bold: bool = False) -> None:
        self.canvas.setFillGray(0)
        self.canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        self.canvas.drawString(x * POINTS_PER_MM, (self.height_mm - y) * POINTS_PER_MM, text)
