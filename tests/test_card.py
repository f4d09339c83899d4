"""The printable card: what comes out of the printer is what the finder expects, to 0.1 mm."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest

from assessor.motion.tips.marker import TIP_MARKERS_MM
from assessor.photo.scale import find_scale
from assessor.photo.scale.layout import CARDS, CHECK_BAR_INCH_MM, CHECK_BAR_MM
from assessor.report.card import PAPERS_MM, sheet_origin_mm, write_card

PX_PER_MM = 12.0


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_card(tmp_path_factory.mktemp("card") / "card.pdf")


@pytest.fixture(scope="module")
def pages(pdf: Path) -> list[np.ndarray]:
    document = pypdfium2.PdfDocument(pdf)
    pages = [
        np.ascontiguousarray(p.render(scale=PX_PER_MM * 25.4 / 72).to_numpy()[:, :, :3]) for p in document
    ]
    document.close()
    return pages


def markers(page: np.ndarray) -> dict[int, np.ndarray]:
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    found, numbers, _ = cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers(page)
    return {int(n): (q.reshape(4, 2) + 0.5) / PX_PER_MM for n, q in zip(numbers.ravel(), found, strict=True)}


def test_pages_have_their_papers_size(pdf: Path) -> None:
    document = pypdfium2.PdfDocument(pdf)
    sizes = [tuple(n / 72 * 25.4 for n in page.get_size()) for page in document]
    document.close()
    assert len(sizes) == len(PAPERS_MM)
    for size, paper in zip(sizes, PAPERS_MM.values(), strict=True):
        assert size == pytest.approx(paper, abs=0.05)


def test_every_marker_is_where_the_finder_expects_it(pages: list[np.ndarray]) -> None:
    for page in pages:
        seen = markers(page)
        assert set(seen) == {n for card in CARDS for n in card.markers} | TIP_MARKERS_MM.keys()
        for card in CARDS:
            origin = np.array(sheet_origin_mm(card))
            for number in card.markers:
                assert seen[number] == pytest.approx(card.corners_mm(number) + origin, abs=0.1)
        for number, side_mm in TIP_MARKERS_MM.items():
            sides = np.linalg.norm(np.roll(seen[number], 1, axis=0) - seen[number], axis=1)
            assert sides == pytest.approx(np.full(4, side_mm), abs=0.1)


def test_check_bars_have_their_length(pages: list[np.ndarray]) -> None:
    """The long dark runs on the bars' row, measured in pixels."""
    for page in pages:
        row = page[round(248.2 * PX_PER_MM), :, 0] < 128
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        lengths = np.diff(edges)[::2] / PX_PER_MM
        assert lengths == pytest.approx([CHECK_BAR_MM, CHECK_BAR_INCH_MM], abs=0.15)


def test_markers_keep_their_white_rim_and_stay_on_the_card() -> None:
    for card in CARDS:
        places = list(card.markers.values())
        module = card.marker_mm / 8
        for i, (x, y) in enumerate(places):
            assert module <= x <= card.width_mm - card.marker_mm - module
            assert module <= y <= card.height_mm - card.marker_mm - module
            for u, v in places[:i]:
                assert max(abs(x - u), abs(y - v)) >= card.marker_mm + module
            if card.cut_out is not None:
                cx, cy, w, h = card.cut_out
                outside = x + card.marker_mm <= cx or y + card.marker_mm <= cy or x >= cx + w or y >= cy + h
                assert outside


def test_cards_do_not_share_markers_or_overlap_on_the_sheet() -> None:
    numbers = [n for card in CARDS for n in card.markers]
    assert len(numbers) == len(set(numbers))
    boxes = [(*sheet_origin_mm(c), c.width_mm, c.height_mm) for c in CARDS]
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 10
        assert x + w <= min(p[0] for p in PAPERS_MM.values()) - 10
        assert y + h < 240
        for u, v, a, b in boxes[:i]:
            assert x + w <= u or u + a <= x or y + h <= v or v + b <= y


def test_the_sheet_itself_gives_its_scale(pages: list[np.ndarray]) -> None:
    scale, _ = find_scale(pages[0], ())
    assert scale is not None
    assert 1 / scale.mm_per_px == pytest.approx(PX_PER_MM, rel=0.001)


def test_the_words(pdf: Path) -> None:
    document = pypdfium2.PdfDocument(pdf)
    for paper, page in zip(PAPERS_MM, document, strict=True):
        text = page.get_textpage().get_text_range()
        for words in (paper, "for training only", "100 %", "50 mm", "2 inches", "not on the frame"):
            assert words in text
    document.close()


def test_the_same_file_every_time(pdf: Path, tmp_path: Path) -> None:
    assert write_card(tmp_path / "again.pdf").read_bytes() == pdf.read_bytes()
