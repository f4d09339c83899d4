"""The printed cards: which marker lies where, in millimetres. Shared by the printer and the finder.

Card coordinates: x right, y down, (0, 0) the card's upper left corner. Markers are AprilTag 36h11
(fewer than one false marker in a million squares), eight modules a side with their black border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MODULES = 8
CHECK_BAR_MM, CHECK_BAR_INCH_MM = 50.0, 50.8


@dataclass(frozen=True, slots=True)
class CardLayout:
    """A card to cut out. `markers` maps a marker's number to its upper left corner (mm).

    `cut_out` is (x, y, width, height) of the part cut away: a window, or the corner that makes an L.
    """

    name: str
    use: str
    width_mm: float
    height_mm: float
    marker_mm: float
    markers: dict[int, tuple[float, float]]
    cut_out: tuple[float, float, float, float] | None = None

    def corners_mm(self, number: int) -> NDArray[np.float64]:
        """(4, 2) upper left, upper right, lower right, lower left corner of a marker, mm."""
        x, y = self.markers[number]
        m = self.marker_mm
        return np.array([[x, y], [x + m, y], [x + m, y + m], [x, y + m]], dtype=np.float64)


def _frame(
    name: str, use: str, first: int, size: tuple[float, float], marker: float, per_side: tuple[int, int]
) -> CardLayout:
    """A frame with `per_side` markers along its width and its height, corners counted in both."""
    width, height = size
    margin = marker / 5  # a module is an eighth: more than the white that a marker needs around it
    xs = np.linspace(margin, width - margin - marker, per_side[0])
    ys = np.linspace(margin, height - margin - marker, per_side[1])
    spots = [(float(x), float(ys[0])) for x in xs]
    spots += [(float(x), float(y)) for y in ys[1:-1] for x in (xs[0], xs[-1])]
    spots += [(float(x), float(ys[-1])) for x in xs]
    band = marker + 2 * margin
    return CardLayout(
        name,
        use,
        width,
        height,
        marker,
        dict(enumerate(spots, first)),
        (band, band, width - 2 * band, height - 2 * band),
    )


def _corner(name: str, use: str, first: int) -> CardLayout:
    """An L: five markers along its upper arm, two more down its left one."""
    spots = [(2.0 + 16.5 * i, 2.0) for i in range(5)] + [(2.0, 17.5), (2.0, 33.0)]
    return CardLayout(name, use, 80.0, 45.0, 10.0, dict(enumerate(spots, first)), (14.0, 14.0, 66.0, 31.0))


def _block(name: str, use: str, first: int, marker: float, columns: int, rows: int) -> CardLayout:
    margin = marker / 5
    pitch = marker + 1.25 * margin
    spots = [(margin + pitch * c, margin + pitch * r) for r in range(rows) for c in range(columns)]
    width = 2 * margin + pitch * (columns - 1) + marker
    height = 2 * margin + pitch * (rows - 1) + marker
    return CardLayout(name, use, width, height, marker, dict(enumerate(spots, first)))


CARDS: tuple[CardLayout, ...] = (
    _frame("Large frame", "round the wound on a large pad", 0, (160.0, 96.0), 14.0, (7, 4)),
    _frame("Frame", "round the wound on a 10 x 5 cm pad", 20, (96.0, 48.0), 8.0, (7, 3)),
    _corner("Corner", "beside the wound, its inner corner towards it", 40),
    _block("Strip", "beside the wound on a small pad", 50, 10.0, 5, 1),
    _block("Square", "beside a fine suture or a vessel, close-up", 60, 7.0, 2, 2),
    _block("Mini", "beside the suture under a loupe or microscope", 70, 3.5, 2, 2),
)
