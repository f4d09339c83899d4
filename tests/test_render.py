"""The renderer's truth is where its pictures show it: thread ends, ticks, grid lines and card markers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assessor.photo.scale.layout import CARDS, CardLayout
from assessor.render.canvas import Canvas, apply_homography
from assessor.render.card import draw_card
from assessor.render.closure import CLOSURES
from assessor.render.clutter import draw_ruler
from assessor.render.pad import draw_grid
from assessor.render.scene import render_photo, similarity
from assessor.render.thread import Thread, draw_strand
from assessor.render.wound import sample_wound
from assessor.results import TECHNIQUES

TILTED = np.array([[9.0, 0.6, 40.0], [-0.5, 8.6, 60.0], [4e-5, -6e-5, 1.0]])
KITS = ("silicone", "rubber", "skin")
BARE = ("subcuticular", "buried")


def blank(mm_to_px: NDArray[np.float64], side: int = 800, supersample: int = 1) -> Canvas:
    canvas = Canvas(side, side, mm_to_px, supersample)
    canvas.fine[:] = 200
    return canvas


def grey(canvas: Canvas) -> NDArray[np.float64]:
    return canvas.picture().mean(2).astype(float)


def sampled(picture: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The picture at sub-pixel points (n, 2)."""
    p = points.astype(np.float32)
    at = cv2.remap(picture.astype(np.float32), p[None, :, 0], p[None, :, 1], cv2.INTER_LINEAR)
    return np.asarray(at[0], float)


def test_every_technique_of_the_contract_can_be_drawn() -> None:
    assert set(CLOSURES) == set(TECHNIQUES) - {"unknown"}


@pytest.mark.parametrize("kit", KITS)
def test_the_same_seed_draws_the_same_photo(kit: str) -> None:
    one, same, other = (render_photo(np.random.default_rng(s), 320, 240, kit=kit) for s in (3, 3, 4))
    assert (one.bgr == same.bgr).all()
    assert (one.bgr != other.bgr).any()
    assert all((a.bites_px == b.bites_px).all() for a, b in zip(one.wounds, same.wounds, strict=True))


@pytest.mark.parametrize("technique", sorted(set(CLOSURES) - set(BARE)))
@pytest.mark.parametrize("kit", KITS)
def test_bites_lie_left_and_right_and_where_thread_ends(kit: str, technique: str) -> None:
    wound = sample_wound(np.random.default_rng(12), kit, technique, count=6)
    assert len(wound.closure.stitches) > 0
    ends = [line[k] for line in [*wound.closure.strands, *wound.closure.staples] for k in (0, -1)]
    for stitch in wound.closure.stitches:
        for side, bite in zip((-1, 1), stitch.bites_mm, strict=True):
            i = int(np.argmin(np.linalg.norm(wound.curve.points - bite, axis=1)))
            i = min(max(i, 1), len(wound.curve.points) - 2)
            tangent = wound.curve.points[i + 1] - wound.curve.points[i - 1]
            offset = bite - wound.curve.points[i]
            assert np.sign(tangent[0] * offset[1] - tangent[1] * offset[0]) == side
            cap = (
                wound.row.diameter_mm / 2
            )  # thread's round end reaches the bite, a stub at the knot may pass it
            nearest = min(np.linalg.norm(np.array(ends) - bite, axis=1))
            assert min(abs(nearest - cap), nearest) < 1e-3


def test_a_running_rows_thread_may_leave_its_first_knot_beside_the_wound() -> None:
    entered = []
    for seed in range(40):
        wound = sample_wound(np.random.default_rng(seed), "silicone", "simple_running", count=6)
        bites = np.concatenate([stitch.bites_mm for stitch in wound.closure.stitches])
        ends = np.array([line[-1] for line in wound.closure.strands])
        for at in wound.closure.punctures:
            if np.linalg.norm(bites - at, axis=1).min() > 0:  # where thread goes in that is no stitch's
                entered.append(seed)
                assert np.linalg.norm(ends - at, axis=1).min() < wound.row.diameter_mm
    assert 0 < len(entered) < 30
    assert len(set(entered)) == len(entered)


def test_a_running_rows_first_knot_has_one_end_its_last_one_a_loops() -> None:
    first, last = [], []
    for seed in range(60):
        wound = sample_wound(np.random.default_rng(seed), "silicone", "simple_running", count=6)
        ends = np.array([tail[0] for tail in wound.closure.tails]).reshape(-1, 2)
        near_mm = wound.row.throws_mm * 1.3 + 2 * wound.row.diameter_mm
        for stitch, counts in ((wound.closure.stitches[0], first), (wound.closure.stitches[-1], last)):
            if stitch.knot_mm is not None:
                counts.append(int((np.linalg.norm(ends - stitch.knot_mm, axis=1) < near_mm).sum()))
    assert len(first) > 30
    assert len(last) > 30
    assert np.median(first) == 1
    assert np.median(last) == 3


@pytest.mark.parametrize("technique", BARE)
def test_a_closure_below_the_surface_has_no_stitches(technique: str) -> None:
    closure = sample_wound(np.random.default_rng(1), "skin", technique).closure
    assert closure.stitches == []
    assert closure.strands == []


def test_a_vertical_mattress_is_sewn_between_four_dots() -> None:
    wounds = [sample_wound(np.random.default_rng(seed), "skin", "vertical_mattress") for seed in range(20)]
    dotted = [w for w in wounds if len(w.dots_mm) and w.closure.stitches]
    assert len(dotted) > 10
    for w in dotted:
        near = np.array(w.closure.punctures).reshape(-1, 4, 2)[:, 2:].reshape(-1, 2)
        apart = np.linalg.norm(near[:, None] - w.dots_mm, axis=2).min(1)
        assert np.median(apart) < 0.15 * w.stitch_mm  # as exactly as a hand follows dots


@pytest.mark.parametrize("kit", ["silicone", "rubber"])
def test_a_pens_strokes_over_a_hidden_closure_are_alike_and_cross_the_cut(kit: str) -> None:
    wounds = [sample_wound(np.random.default_rng(seed), kit, "buried") for seed in range(40)]
    marked = [w for w in wounds if len(w.crosses_mm) >= 3]
    assert 15 < len(marked) < 40
    for w in marked:
        assert w.closure.stitches == []
        for stroke in w.crosses_mm:
            off = stroke[:, 1] - np.interp(stroke[:, 0], *w.curve.points.T)
            assert off[0] * off[1] < 0


@pytest.mark.parametrize("supersample", [1, 2])
def test_thread_ends_half_its_width_beyond_its_line(supersample: int) -> None:
    canvas = blank(TILTED, supersample=supersample)
    ends = np.array([[20.0, 30.0], [50.0, 44.0]])
    thread = Thread((20.0, 20.0, 20.0), 0.8, gloss=0.0, opacity=1.0, braided=False)
    light = np.array([0.0, 1.0])
    draw_strand(
        canvas, np.linspace(ends[0], ends[1], 20), thread, light, np.random.default_rng(0), lift_mm=0.0
    )
    along = np.linspace(-0.2, 1.2, 2801)[:, None]
    line = canvas.project(ends[0] + along * (ends[1] - ends[0]))
    dark = np.flatnonzero(sampled(grey(canvas), line) < 110)
    length_px = np.linalg.norm(np.diff(canvas.project(ends), axis=0))
    shares = along[dark[[0, -1]], 0]
    half_px = 0.4 * canvas.pixels_per_mm(ends.mean(0))
    assert -shares[0] * length_px == pytest.approx(half_px, abs=0.8)
    assert (shares[1] - 1) * length_px == pytest.approx(half_px, abs=0.8)


@pytest.mark.parametrize("seed", range(4))
def test_ruler_ticks_lie_a_millimetre_apart(seed: int) -> None:
    turn = 0.05
    canvas = blank(similarity(11.3, 0.0, (40.0, 120.0)), side=1000)
    at = np.array([2.0, 3.0])
    draw_ruler(canvas, at, turn, np.random.default_rng(seed))
    x, y = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    u = np.arange(-0.5, 40.5, 0.01)
    profile = sampled(grey(canvas), canvas.project(at + u[:, None] * x + 1.2 * y))
    dark = profile < 90
    starts, stops = (
        np.flatnonzero(np.diff(dark.astype(int)) > 0),
        np.flatnonzero(np.diff(dark.astype(int)) < 0),
    )
    centres = (u[starts] + u[stops] + 0.01) / 2
    assert len(centres) == 41
    assert np.abs(centres - np.arange(41)).max() < 0.05


def test_grid_lines_lie_a_pitch_apart() -> None:
    canvas = blank(similarity(20.0, 0.0, (400.0, 400.0)))
    draw_grid(canvas, 2.5, np.zeros(2), 0.0, np.random.default_rng(5))
    column_mm = (np.arange(800) - 400.0) / 20.0
    dark = 200 - grey(canvas).mean(0)
    lines = [k * 2.5 for k in range(-7, 8)]
    for line in lines:
        near = np.abs(column_mm - line) < 0.6
        weight = np.clip(dark[near] - np.median(dark), 0, None)
        assert float((weight * column_mm[near]).sum() / weight.sum()) == pytest.approx(line, abs=0.06)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
@pytest.mark.parametrize("supersample", [1, 2])
def test_card_markers_are_found_where_the_truth_has_them(card: CardLayout, supersample: int) -> None:
    # Everything scaled so that the card fills the picture, whatever its size.
    zoom = 60.0 / max(card.width_mm, card.height_mm)
    mm_to_px = TILTED @ np.diag([zoom, zoom, 1.0])
    place = similarity(1.0, 0.1, (8.0 / zoom, 4.0 / zoom))
    canvas = blank(mm_to_px, supersample=supersample)
    draw_card(canvas, card, place, np.array([0.0, 1.0]))
    picture = np.clip(canvas.picture(), 0, 255).astype(np.uint8)
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers(picture)
    assert ids is not None
    found = dict(zip(ids.ravel().tolist(), corners, strict=True))
    assert set(found) == set(card.markers)
    for number, seen in found.items():
        truth = apply_homography(mm_to_px @ place, card.corners_mm(number))
        assert np.abs(seen[0] - truth).max() < 0.35


def test_a_photo_shows_what_was_asked_for() -> None:
    pad = render_photo(np.random.default_rng(2), 400, 300, kit="skin", technique="staples", wounds=2)
    assert pad.bgr.shape == (300, 400, 3)
    assert pad.bgr.dtype == np.uint8
    assert [wound.technique for wound in pad.wounds] == ["staples", "staples"]
    assert pad.kit == "skin"
