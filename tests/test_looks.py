"""Which look at a place is kept: size, doubt, and what is worth aiming at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest

from assessor.photo.perception import looks
from assessor.photo.perception.calibration import Calibration
from assessor.photo.perception.coarse import Place
from assessor.photo.perception.curve import Curve, Pyramid, cut_strip
from assessor.photo.perception.fine import StripReading, StripStitch
from assessor.photo.perception.row import RowStitch

LINE = np.array([[0.0, 64.0], [900.0, 64.0]])
PHOTO = Pyramid(np.zeros((128, 900, 3), np.uint8))


def stitches(confidences: Iterable[float], length_px: float = 48.0) -> list[RowStitch]:
    """A level row in the middle of a strip."""
    row = []
    for k, sure in enumerate(confidences):
        bites = np.array([[50.0 * k + 40, 64 - length_px / 2], [50.0 * k + 40, 64 + length_px / 2]])
        seen = StripStitch(bites, sure, (1.0, 1.0), (0.8, 0.8), None, 0.0)
        row.append(RowStitch(seen, np.zeros(8), sure, bites, seen.spread_px))
    return row


@dataclass
class Seen:
    """What each size shows, and at which sizes it was looked."""

    by_px: dict[int, list[RowStitch]]
    sizes: list[int]

    def look(self, photo: Pyramid, curve: Curve, stitch_px: float, known: Calibration) -> looks.View:
        self.sizes.append(round(stitch_px))
        row = self.by_px.get(round(stitch_px), [])
        strip = cut_strip(photo, curve, 48 / stitch_px, 128, 10.0, 2560)
        reading = StripReading([s.seen for s in row], LINE, 1.0, None, np.zeros((7, 64, 64), np.float32))
        return looks.View(strip, reading, row, stitch_px)


def read(monkeypatch: pytest.MonkeyPatch, by_px: dict[int, list[RowStitch]]) -> tuple[looks.View, list[int]]:
    seen = Seen(by_px, [])
    monkeypatch.setattr(looks, "_look", seen.look)
    view = looks.read_place(PHOTO, Place(Curve(LINE), 80.0, 1.0), Calibration())
    return view, seen.sizes


def test_a_sure_row_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    view, sizes = read(monkeypatch, {80: stitches([0.95] * 6)})
    assert (view.stitch_px, sizes) == (80.0, [80])


def test_half_the_size_stands_where_it_shows_more_and_more_surely(monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful = stitches([0.7] * 6)
    assert read(monkeypatch, {80: doubtful, 40: stitches([0.8] * 7)})[0].stitch_px == 40
    assert (
        read(monkeypatch, {80: doubtful, 40: stitches([0.3] * 15)})[0].stitch_px == 80
    )  # pieces of stitches


def test_half_the_size_is_aimed_before_it_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful = stitches([0.7] * 7)
    small = {40: stitches([0.75] * 7, length_px=39.0), 32: stitches([0.9] * 7)}
    assert read(monkeypatch, {80: doubtful, **small})[0].stitch_px == pytest.approx(32.5)
    # Of so little it is not worth another look.
    little = {40: stitches([0.6] * 7, length_px=39.0), 32: stitches([0.9] * 7)}
    view, sizes = read(monkeypatch, {80: doubtful, **little})
    assert (view.stitch_px, sizes) == (80.0, [80, 40])
    # Aimed back at what was seen before it tells nothing new, a little surer or not.
    again = {40: stitches([0.75] * 7, length_px=90.0), 75: stitches([0.9] * 7)}
    assert read(monkeypatch, {80: doubtful, **again})[0].stitch_px == 80


def test_half_the_size_may_be_surer_than_where_it_would_be_aimed(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {40: stitches([0.8] * 7, length_px=39.0), 32: stitches([0.5] * 7)}
    assert read(monkeypatch, {80: stitches([0.7] * 7), **small})[0].stitch_px == 40


def test_what_is_hardly_seen_is_not_aimed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = {48: stitches([0.2], length_px=20.0), 20: stitches([0.8] * 30)}
    view, sizes = read(monkeypatch, ticks)
    assert 20 not in sizes
    assert len(view.stitches) == 1
    seen = {48: stitches([0.6], length_px=20.0), 20: stitches([0.8] * 30)}
    assert 20 in read(monkeypatch, seen)[1]
