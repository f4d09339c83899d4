"""Synthetic clips of instruments over a pad, with their exact truth.

truth = render_clip("hold.mp4", ClipOrder(instruments=(InstrumentOrder(tremor=Tremor(0.5, 9.0)),)))
"""

from __future__ import annotations

from pathlib import Path

from assessor.render.clips.encode import check_format, write_frames
from assessor.render.clips.film import Film, shoot
from assessor.render.clips.order import CameraOrder, ClipOrder, InstrumentOrder, Tremor
from assessor.render.clips.truth import ClipTruth, TipTruth, TremorTruth

__all__ = [
    "CameraOrder",
    "ClipOrder",
    "ClipTruth",
    "Film",
    "InstrumentOrder",
    "TipTruth",
    "Tremor",
    "TremorTruth",
    "render_clip",
    "shoot",
]


def render_clip(path: str | Path, order: ClipOrder) -> ClipTruth:
    """Write a clip (.mp4, .mkv or .mjpeg) and return its truth. OptionError where the file cannot hold it."""
    path = Path(path)
    check_format(path, order)
    film = shoot(order, path.name)
    write_frames(path, film.frames(), order)
    return film.truth
