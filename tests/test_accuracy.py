"""Accuracy on fresh rendered pads with fixed seeds: what is found, and how exactly. Floors at the top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from assessor.photo.perception import find_wounds
from assessor.render.samples import Sample, render_sample
from assessor.results import WoundFinding
from training.matching import matched

SEED = 20_001  # no training run or sample has it
WIDTH = 1200
PADS = (
    ("silicone", "simple_interrupted", (0, 1, 2, 3, 4)),
    ("silicone", "simple_running", (0, 1)),
    ("rubber", "simple_interrupted", (2, 3)),
    ("skin", "simple_interrupted", (0, 3, 4)),
)
F1_FLOOR = {"silicone": 0.90, "rubber": 0.95, "skin": 0.95}
INCISION_FOUND_FLOOR = 0.9  # of the wounds: the line within a tenth of a stitch, median over its points
INCISION_HELD_FLOOR = 0.85  # of the wounds: the line within twice its sd, median over its points at stitches
INCISION_SD_CEILING = 0.02  # and that sd no wider, median over the wounds, of a stitch
TIPS_HELD_FLOOR = 0.85  # of the incisions' ends: within twice their sd
TIP_SD_CEILING = 0.1  # and that sd no wider, median, of a stitch
END_ERROR_CEILING = 0.02  # median distance of a bite from its true place, of the stitch's length
SYMMETRY_ERROR_CEILING = 0.08  # median difference of shorter over longer bite


@dataclass(frozen=True)
class Reading:
    """A pad and what was found on it. `pairs` are (true bites, found bites), each (2, 2)."""

    sample: Sample
    found: tuple[WoundFinding, ...]
    count_found: int
    pairs: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]


@pytest.fixture(scope="module")
def readings() -> tuple[Reading, ...]:
    return tuple(
        read(render_sample(number, SEED, kit=kit, technique=technique, width=WIDTH))
        for kit, technique, numbers in PADS
        for number in numbers
    )


def read(sample: Sample) -> Reading:
    wounds = find_wounds(sample.bgr)
    found = np.array([s.bites_px for wound in wounds for s in wound.stitches]).reshape(-1, 2, 2)
    true = sample.truth.bites_px
    pairs = tuple((true[i], found[j][::way]) for i, j, way in matched(true, found))
    return Reading(sample, wounds, len(found), pairs)


def f1(of: list[Reading]) -> float:
    hits = sum(len(r.pairs) for r in of)
    return 2 * hits / sum(len(r.sample.truth.bites_px) + r.count_found for r in of)


def to_line(point: NDArray[np.float64], line: NDArray[np.float64]) -> float:
    a, d = line[:-1], np.diff(line, axis=0)
    t = np.clip(((point - a) * d).sum(1) / np.maximum((d * d).sum(1), 1e-9), 0, 1)
    return float(np.linalg.norm(point - (a + t[:, None] * d), axis=1).min())


def symmetry(bites: NDArray[np.float64], line: NDArray[np.float64]) -> float:
    short, long = sorted(to_line(bite, line) for bite in bites)
    return short / max(long, 1e-9)


def nearest_line(reading: Reading, at: NDArray[np.float64]) -> NDArray[np.float64] | None:
    lines = [np.array(w.incision_px) for w in reading.found if w.incision_px is not None]
    return min(lines, key=lambda line: to_line(at, line)) if lines else None


@pytest.mark.parametrize("kit", list(F1_FLOOR))
def test_stitches_are_found(readings: tuple[Reading, ...], kit: str) -> None:
    of_kit = [r for r in readings if r.sample.order.kit == kit]
    assert sum(len(r.sample.truth.bites_px) for r in of_kit) >= 10
    assert f1(of_kit) >= F1_FLOOR[kit]


def test_incisions_are_found(readings: tuple[Reading, ...]) -> None:
    hits = 0
    for r in readings:
        truth = r.sample.truth
        line = nearest_line(r, truth.incision_px.mean(0))
        if line is not None:
            off = np.median([to_line(point, line) for point in truth.incision_px])
            hits += bool(off < 0.1 * truth.stitch_px)
    assert hits / len(readings) >= INCISION_FOUND_FLOOR


def test_bites_lie_where_they_are(readings: tuple[Reading, ...]) -> None:
    errors = [
        np.linalg.norm(found - true, axis=1) / np.linalg.norm(true[1] - true[0])
        for r in readings
        for true, found in r.pairs
    ]
    assert np.median(errors) <= END_ERROR_CEILING


def test_incisions_are_as_sure_as_they_say(readings: tuple[Reading, ...]) -> None:
    held, widths = [], []
    for r in readings:
        wound, truth = r.found[0], r.sample.truth
        middles = np.array([s.bites_px for s in wound.stitches]).mean(1)
        line = np.array(wound.incision_px)
        near = [p for p in line if np.linalg.norm(middles - p, axis=1).min() < truth.stitch_px]
        off = np.median([to_line(p, truth.incision_px) for p in near])
        held.append(off <= 2 * wound.incision_sd_px)
        widths.append(wound.incision_sd_px / truth.stitch_px)
    assert np.mean(held) >= INCISION_HELD_FLOOR
    assert np.median(widths) <= INCISION_SD_CEILING


def test_incisions_ends_are_as_sure_as_they_say(readings: tuple[Reading, ...]) -> None:
    held, widths = [], []
    for r in readings:
        wound, truth = r.found[0], r.sample.truth
        line = np.array(wound.incision_px)
        for end, inner, sd in zip(line[[0, -1]], line[[2, -3]], wound.incision_end_sd_px, strict=True):
            tip = truth.incision_px[[0, -1]]
            tip = tip[np.linalg.norm(tip - end, axis=1).argmin()]
            out = (end - inner) / np.linalg.norm(end - inner)
            held.append(abs((tip - end) @ out) <= 2 * sd)
            widths.append(sd / truth.stitch_px)
    assert np.mean(held) >= TIPS_HELD_FLOOR
    assert np.median(widths) <= TIP_SD_CEILING


def test_symmetry_is_right(readings: tuple[Reading, ...]) -> None:
    errors = []
    for r in readings:
        for true, found in r.pairs:
            line = nearest_line(r, found.mean(0))
            if line is not None:
                errors.append(abs(symmetry(found, line) - symmetry(true, r.sample.truth.incision_px)))
    assert len(errors) >= 20
    assert np.median(errors) <= SYMMETRY_ERROR_CEILING


def test_matching_takes_each_stitch_once_and_either_way_round() -> None:
    true = np.array([[[0.0, 0.0], [0.0, 40.0]], [[30.0, 0.0], [30.0, 40.0]]])
    turned = true[:1, ::-1] + 3.0
    twice = np.concatenate([turned, true[:1]])
    assert matched(true, turned) == [(0, 0, -1)]
    assert matched(true, twice) == [(0, 1, 1)]
    assert matched(true, true + 15.0) == []
    assert matched(true, np.zeros((0, 2, 2))) == []
