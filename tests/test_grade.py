"""The pipeline: what each stage finds reaches the result, and the result keeps the contract."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from assessor import AssessorError, GradeOptions, QualityError, grade_photo
from assessor.errors import IntakeError, OptionError
from assessor.photo import grade
from assessor.photo.intake import Photo, load_photo
from assessor.render.scene import Rendered, render_photo
from assessor.report.tables import METRICS
from assessor.results import ImageInfo, PhotoAssessment, StitchFinding, WoundFinding

ENOUGH = 4  # stitches that a pad needs here


def rendered(wounds: int = 1) -> Rendered:
    """A clear pad of interrupted stitches, the first of fixed seeds that has enough of them."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        pad = render_photo(
            rng,
            480,
            480,
            "silicone",
            "simple_interrupted",
            fill=(0.7, 0.8),
            wounds=wounds,
            poor=0.0,
            ruler=False,
        )
        if all(len(wound.bites_px) >= ENOUGH for wound in pad.wounds):
            return pad
    raise AssertionError("no seed gives a pad with enough stitches")


def seen(pad: Rendered) -> tuple[WoundFinding, ...]:
    """The pad's truth as perception would hand it over."""
    findings = []
    for wound in pad.wounds:
        line = np.asarray(wound.incision_px)
        stitches = []
        for bites, knot, hidden in zip(wound.bites_px, wound.knots_px, wound.hidden, strict=True):
            ordered, turned = left_first(np.asarray(bites), line)
            stitches.append(
                StitchFinding(
                    bites_px=(tuple(map(float, ordered[0])), tuple(map(float, ordered[1]))),
                    bite_sd_px=(1.0, 1.0),
                    inferred=(hidden[1], hidden[0]) if turned else (hidden[0], hidden[1]),
                    confidence=0.9,
                    knot_px=None if knot is None else tuple(map(float, np.ravel(knot)[:2])),
                )
            )
        points = tuple(tuple(map(float, p)) for p in line)
        findings.append(WoundFinding(points, 0.9, 1.0, tuple(stitches)))
    return tuple(findings)


def left_first(bites: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, bool]:
    (tx, ty), (ox, oy) = line[-1] - line[0], bites[0] - bites[1]
    turned = tx * oy - ty * ox > 0
    return (bites[::-1] if turned else bites), bool(turned)


@pytest.fixture(scope="module")
def pad() -> Rendered:
    return rendered()


@pytest.fixture
def told(pad: Rendered, monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """The pad, with perception's part replaced by the truth: what follows it must be exact."""
    monkeypatch.setattr(grade, "find_wounds", lambda bgr: seen(pad))
    return pad


def photo(bgr: np.ndarray) -> Photo:
    h, w = bgr.shape[:2]
    return Photo(bgr, ImageInfo("pad.png", w, h, "00"), ())


def test_the_truth_comes_out_as_the_measurement(told: Rendered) -> None:
    result = grade.assess(photo(told.bgr), GradeOptions(mm_per_px=told.mm_per_px))
    (wound,) = result.wounds
    (truth,) = told.wounds
    bites = np.asarray(truth.bites_px)
    assert len(wound.stitches) == len(bites)
    assert result.error is None
    assert result.scale is not None
    assert result.scale.mm_per_px == told.mm_per_px
    spacing = wound.metrics["spacing_mm"]
    middles = bites.mean(axis=1)
    middles = middles[
        np.argsort((middles - middles.mean(0)) @ (truth.incision_px[-1] - truth.incision_px[0]))
    ]
    gaps_mm = np.hypot(*np.diff(middles, axis=0).T) * told.mm_per_px
    assert spacing.value == pytest.approx(gaps_mm.mean(), rel=0.05)
    assert spacing.sd is not None
    assert 0 < spacing.sd < 0.2 * gaps_mm.mean()
    lengths = sorted(s.length_px for s in wound.stitches)
    assert lengths == pytest.approx(sorted(np.hypot(*(bites[:, 1] - bites[:, 0]).T)), rel=0.02)


def test_the_result_keeps_the_contract(told: Rendered) -> None:
    result = grade.assess(photo(told.bgr), GradeOptions(mm_per_px=told.mm_per_px))
    form = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert set(form) == {"schema_version", "software_version", "image", "scale", "wounds", "warnings"}
    (wound,) = form["wounds"]
    assert set(wound) == {"incision", "technique", "stitches", "metrics", "score", "hints"}
    assert set(METRICS) <= set(wound["metrics"])
    for metric in wound["metrics"].values():
        assert set(metric) >= {"value", "sd", "n", "unit", "status", "target", "points"}
        assert (metric["value"] is None) == (metric["status"] not in {"measured", "no_scale"}) or metric[
            "status"
        ]
    for stitch in wound["stitches"]:
        assert np.shape(stitch["bites"]) == (2, 2)
        assert len(stitch["inferred"]) == 2
        assert stitch["bite_left_mm"] == pytest.approx(stitch["bite_left_px"] * told.mm_per_px, rel=1e-3)
    assert 1 <= len(wound["hints"]) <= 3
    assert all(hint["code"] and hint["text"] for hint in wound["hints"])


def test_without_a_scale_there_are_ratios_but_no_millimetres(told: Rendered) -> None:
    result = grade.assess(photo(told.bgr))
    (wound,) = result.wounds
    assert result.scale is None
    assert "no_scale" in {warning.code for warning in result.warnings}
    assert all(stitch.bite_left_mm is None and stitch.length_mm is None for stitch in wound.stitches)
    assert wound.metrics["spacing_mm"].value is None
    assert wound.metrics["spacing_mm"].status == "no_scale"
    assert wound.metrics["symmetry"].status == "measured"


def test_what_is_declared_is_used(told: Rendered) -> None:
    options = GradeOptions(technique="simple_interrupted", rubric="skin-pad-dense", mm_per_px=told.mm_per_px)
    (wound,) = grade.assess(photo(told.bgr), options).wounds
    assert wound.technique.declared
    assert wound.technique.name == "simple_interrupted"
    assert wound.score is not None
    assert wound.score.rubric == "skin-pad-dense"
    (dense,) = grade.assess(photo(told.bgr), GradeOptions(mm_per_px=told.mm_per_px)).wounds
    assert dense.score is None or dense.score.rubric != "skin-pad-dense"
    with pytest.raises(OptionError):
        grade.assess(photo(told.bgr), GradeOptions(kit="teapot"))


def test_each_wound_is_graded_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pads = rendered(wounds=2)
    monkeypatch.setattr(grade, "find_wounds", lambda bgr: seen(pads))
    result = grade.assess(photo(pads.bgr), GradeOptions(mm_per_px=pads.mm_per_px))
    assert [len(w.stitches) for w in result.wounds] == [len(w.bites_px) for w in pads.wounds]
    assert len(set(result.warnings)) == len(result.warnings)


def test_no_wound_is_a_warning_and_no_error(monkeypatch: pytest.MonkeyPatch, pad: Rendered) -> None:
    monkeypatch.setattr(grade, "find_wounds", lambda bgr: ())
    result = grade.assess(photo(pad.bgr))
    assert result.wounds == ()
    assert result.error is None
    assert [warning.code for warning in result.warnings].count("no_wound") == 1


def test_the_gates_refusal_is_raised(monkeypatch: pytest.MonkeyPatch, pad: Rendered) -> None:
    tiny = [
        StitchFinding(((10.0 + 4 * i, 10.0), (10.0 + 4 * i, 12.0)), (0.5, 0.5), (False, False), 0.9)
        for i in range(5)
    ]
    monkeypatch.setattr(
        grade, "find_wounds", lambda bgr: (WoundFinding(((5.0, 11.0), (40.0, 11.0)), 0.9, 1.0, tuple(tiny)),)
    )
    with pytest.raises(QualityError) as caught:
        grade.assess(photo(pad.bgr))
    refused = grade.refusal(caught.value, ImageInfo("a.png", 480, 480, "00"))
    assert refused.to_json()["error"] == {
        "code": caught.value.code,
        "text": caught.value.text,
        "hint": caught.value.hint,
    }
    assert refused.wounds == ()


def test_a_file_and_its_bytes_give_the_same(tmp_path: Path, pad: Rendered) -> None:
    path = tmp_path / "pad.png"
    cv2.imwrite(str(path), pad.bgr)
    assert (
        grade_photo(path) == grade_photo(path.read_bytes(), name="pad.png") == grade.assess(load_photo(path))
    )


def test_grading_twice_gives_the_same(pad: Rendered) -> None:
    options = GradeOptions(mm_per_px=0.1)
    first = grade.assess(photo(pad.bgr), options)
    assert isinstance(first, PhotoAssessment)
    assert first == grade.assess(photo(pad.bgr), options)


@pytest.mark.parametrize("data", [b"", b"no photo", b"\xff\xd8\xff\xe0 broken"])
def test_what_is_no_photo_is_an_intake_error(data: bytes) -> None:
    with pytest.raises(IntakeError) as caught:
        grade_photo(data)
    assert isinstance(caught.value, AssessorError)
    assert caught.value.code
    assert caught.value.hint
