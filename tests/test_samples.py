"""samples/: complete, as its manifest says, made by the documented command; and new ones exact in mm."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assessor.errors import OptionError
from assessor.photo.scale import find_scale
from assessor.render.canvas import apply_homography
from assessor.render.closure import CLOSURES
from assessor.render.pad import KITS
from assessor.render.samples import PLAN, Sample, encode, render_sample, truth_json, write_samples
from assessor.results import StitchFinding, WoundFinding

SAMPLES = Path(__file__).parents[1] / "samples"
MANIFEST = json.loads((SAMPLES / "manifest.json").read_text("utf-8"))
TRUTH: dict[str, Any] = json.loads((SAMPLES / "truth.json").read_text("utf-8"))
MAX_BYTES = 6_000_000


def by_eye(sample: Sample) -> WoundFinding:
    """What perfect perception would say."""
    stitches = tuple(
        StitchFinding(((a[0], a[1]), (b[0], b[1])), (0.5, 0.5), (False, False), 1.0)
        for a, b in sample.truth.bites_px.tolist()
    )
    return WoundFinding(tuple((x, y) for x, y in sample.truth.incision_px.tolist()), 1.0, 0.5, stitches)


def lengths(bites: NDArray[np.float64], plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        np.linalg.norm(apply_homography(plane, bites[:, 0]) - apply_homography(plane, bites[:, 1]), axis=1)
    )


def test_manifest_truth_and_files_agree() -> None:
    photos = {photo["file"]: photo for photo in MANIFEST["photos"]}
    assert set(photos) == set(TRUTH) == {path.name for path in SAMPLES.glob("*.jpg")}
    assert MANIFEST["licence"] == "MIT"
    for name, photo in photos.items():
        assert hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest() == photo["sha256"]
        assert photo["technique"] == TRUTH[name]["technique"]
        assert photo["stitches"] == sum(len(wound["stitches"]) for wound in TRUTH[name]["wounds"])


def test_every_kit_technique_and_scale_is_there_in_few_bytes() -> None:
    photos = MANIFEST["photos"]
    assert {photo["kit"] for photo in photos} == set(KITS)
    assert {photo["technique"] for photo in photos} == set(CLOSURES)
    assert {photo["scale"] for photo in photos} == {"card", "ruler", "grid", "none"}
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < MAX_BYTES


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_every_stitch_lies_inside_its_photo(name: str) -> None:
    photo = cv2.imread(str(SAMPLES / name))
    assert photo is not None
    assert max(photo.shape[:2]) == MANIFEST["width"]
    for wound in TRUTH[name]["wounds"]:
        for stitch in wound["stitches"]:
            bites = np.array(stitch["bites"])
            assert (bites >= 0).all()
            assert (bites <= (photo.shape[1] - 1, photo.shape[0] - 1)).all()
            assert not stitch["truncated"]


@pytest.mark.parametrize("number", [1, 11])
def test_a_sample_is_drawn_again_from_its_seed(number: int) -> None:
    sample = render_sample(number, MANIFEST["seed"], width=MANIFEST["width"])
    name = MANIFEST["photos"][number]["file"]
    kept = cv2.imread(str(SAMPLES / name)).astype(float)
    again = cv2.imdecode(np.frombuffer(encode(sample.bgr), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(kept - again).mean() < 1.0  # not 0: another OpenCV rounds and compresses a little otherwise
    drawn, truth = truth_json(sample, MANIFEST["seed"]), TRUTH[name]
    assert drawn["px_per_mm"] == pytest.approx(truth["px_per_mm"], rel=1e-4)
    assert len(drawn["wounds"]) == len(truth["wounds"]) == 1
    for now, then in zip(drawn["wounds"], truth["wounds"], strict=True):
        assert np.abs(np.subtract(now["incision"]["points"], then["incision"]["points"])).max() < 0.01
        for one, other in zip(now["stitches"], then["stitches"], strict=True):
            assert np.abs(np.subtract(one["bites"], other["bites"])).max() < 0.01


def test_a_photo_depends_on_its_number_and_seed_alone(tmp_path: Path) -> None:
    (one,) = write_samples(tmp_path / "one", 1, seed=9, width=320)
    first, second = write_samples(tmp_path / "two", 2, seed=9, width=320)
    assert one.read_bytes() == first.read_bytes()
    assert first.read_bytes() != second.read_bytes()
    (other,) = write_samples(tmp_path / "other", 1, seed=10, width=320)
    assert one.read_bytes() != other.read_bytes()


def test_kit_and_technique_can_be_asked_for(tmp_path: Path) -> None:
    write_samples(tmp_path, 2, seed=1, kit="rubber", technique="staples", width=320)
    truths = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert {(truth["kit"], truth["technique"]) for truth in truths.values()} == {("rubber", "staples")}


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("unknown_kit", {"kit": "paper"}),
        ("unknown_technique", {"technique": "unknown"}),
        ("bad_render_size", {"width": 100}),
        ("bad_render_size", {"width": 100_000}),
        ("bad_render_size", {"count": 0}),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, code: str, request_: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        write_samples(tmp_path / "out", **request_)
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [k for k, order in enumerate(PLAN) if order.scale == "card"])
def test_the_card_gives_the_true_millimetres(number: int) -> None:
    sample = render_sample(number, 17, width=1000)
    scale, _ = find_scale(sample.bgr, (by_eye(sample),))
    assert scale is not None
    assert scale.method == "card"
    assert scale.mm_per_px * sample.px_per_mm == pytest.approx(1.0, abs=0.005)
    if len(sample.truth.bites_px):
        assert scale.px_to_mm is not None
        seen = lengths(sample.truth.bites_px, np.array(scale.px_to_mm))
        true = lengths(sample.truth.bites_px, np.linalg.inv(sample.mm_to_px))
        assert seen == pytest.approx(true, rel=0.01)


def test_the_ruler_gives_the_true_millimetres() -> None:
    """As surely as it says: seven of eight within two standard deviations, all within three."""
    off, sd = [], []
    for seed in range(1, 9):
        sample = render_sample(1, seed, width=1200)
        scale, _ = find_scale(sample.bgr, (by_eye(sample),))
        assert scale is not None
        assert scale.method == "ruler"
        sd.append(scale.relative_sd)
        off.append(abs(scale.mm_per_px * sample.px_per_mm - 1) / scale.relative_sd)
    assert np.median(sd) < 0.02  # tilted cameras among them: a ruler does not show their tilt
    assert max(off) < 3
    assert sum(z < 2 for z in off) >= 7
