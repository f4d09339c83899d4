"""Techniques told by their looks on the sample pads, which no training has seen."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from assessor.photo.perception import find_wounds
from assessor.photo.perception.kind import technique_input, technique_log_p, technique_scores
from assessor.photo.technique import recognise
from assessor.results import TECHNIQUES, WoundFinding

SAMPLES = Path(__file__).parent.parent / "samples"
SIMPLE = ("simple_interrupted", "simple_running")
HIDDEN = ("subcuticular", "buried")


@pytest.fixture(scope="module")
def seen() -> list[tuple[str, WoundFinding]]:
    """(true technique, the wound found) of each sample pad."""
    photos = json.loads((SAMPLES / "manifest.json").read_text("utf-8"))["photos"]
    return [
        (p["technique"], find_wounds(np.asarray(cv2.imread(str(SAMPLES / p["file"])), np.uint8))[0])
        for p in photos
    ]


def test_all_techniques_are_among_the_samples(seen: list[tuple[str, WoundFinding]]) -> None:
    assert {t for t, _ in seen} == set(TECHNIQUES) - {"unknown"}


def test_simple_rows_are_named(seen: list[tuple[str, WoundFinding]]) -> None:
    named = [(t, recognise(w, None)[0].name) for t, w in seen if t in SIMPLE]
    assert all(name in (t, "unknown") for t, name in named), named
    assert sum(name == t for t, name in named) >= len(named) - 1, named


def test_half_the_other_rows_are_named_and_none_wrongly(seen: list[tuple[str, WoundFinding]]) -> None:
    named = {t: recognise(w, None)[0].name for t, w in seen if t not in (*SIMPLE, *HIDDEN)}
    assert all(name in (t, "unknown") for t, name in named.items()), named
    assert sum(name == t for t, name in named.items()) >= 0.5 * len(named), named


def test_a_name_that_the_looks_contradict_is_objected_to(seen: list[tuple[str, WoundFinding]]) -> None:
    (bars,) = (w for t, w in seen if t == "horizontal_mattress")
    assert [n.code for n in recognise(bars, "simple_interrupted")[1]] == ["technique_disagrees"]
    assert recognise(bars, "horizontal_mattress")[1] == ()


def test_the_network_gets_each_place_s_four_pixels_and_what_was_seen_there() -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (128, 64, 3)).astype(np.uint8)
    seen = np.full((7, 64, 32), 0.25, np.float32)
    given = technique_input(bgr, seen)
    assert given.shape == (19, 64, 32)
    np.testing.assert_allclose(given[:12, 5, 9] * 255, bgr[10:12, 18:20].reshape(12), atol=1e-3)
    assert (given[12:] == 0.25).all()


def test_places_beyond_the_photo_have_no_vote() -> None:
    rng = np.random.default_rng(1)
    given = rng.random((19, 64, 160)).astype(np.float32)
    covered = np.ones((128, 320), bool)
    whole = technique_scores(given, covered)
    covered[:, 160:] = False
    left = technique_scores(given, covered)
    assert np.abs(whole - left).max() > 1e-3
    given[:, :, 128:] = rng.random((19, 64, 32)).astype(np.float32)  # far beyond what the left half sees
    np.testing.assert_allclose(technique_scores(given, covered), left, atol=1e-4)


def test_log_probabilities_sum_to_one_and_sharpen() -> None:
    scores = np.linspace(-1, 1, len(TECHNIQUES)).astype(np.float32)
    soft, sharp = technique_log_p(scores, 1.0), technique_log_p(scores, 3.0)
    assert np.exp(soft).sum() == pytest.approx(1)
    assert sharp.max() > soft.max()
