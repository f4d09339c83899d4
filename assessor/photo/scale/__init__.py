"""Millimetres per pixel from what lies beside the wound: printed card, ruler, grid, points or a value."""

from .find import find_scale
from .options import ScaleOptions
from .rows import find_rows

__all__ = ["ScaleOptions", "find_rows", "find_scale"]
