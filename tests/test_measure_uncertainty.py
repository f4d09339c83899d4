"""Uncertainties by chance: about 95 % of noisy readings lie within two standard deviations of the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pads import finding, metrics_of, straight, value, wound

from assessor.photo.row import ACROSS_SHARE
from assessor.results import Metric, Scale

CHECKED = (
    "spacing_mm",
    "spacing_cv",
    "bite_left_mm",
    "bite_right_mm",
    "total_bite_mm",
    "bite_cv",
    "symmetry",
    "bite_bias",
    "bite_travel_ratio",
    "angle_deg",
    "angle_spread_deg",
    "row_straightness_mm",
    "end_gap_mm",
    "coverage",
)


@pytest.mark.parametrize("irregular", [0.0, 0.15])
def test_about_95_percent_of_truths_lie_within_two_sd(irregular: float) -> None:
    rng = np.random.default_rng(20240501)
    trials, sd, line_sd, scale_sd = 120, 1.0, 0.7, 0.02
    inside = dict.fromkeys(CHECKED, 0)
    for _ in range(trials):
        at = 40 + 40 * np.arange(8) + 40 * irregular * rng.standard_normal(8)
        left, right = 25 * (1 + irregular * rng.standard_normal((2, 8)))
        slant = 25 * irregular * rng.standard_normal(8)
        rows = [straight([x], a, b, s) for x, a, b, s in zip(at, left, right, slant, strict=True)]
        exact = [s for row in rows for s in row]
        truth = metrics_of(wound(exact, ((0, 0), (360, 0))))
        noisy = []
        for s in exact:
            bites = np.array(s.bites_px)
            thread = (bites[1] - bites[0]) / np.linalg.norm(bites[1] - bites[0])
            across = np.array([-thread[1], thread[0]])
            shake = rng.normal(0, sd, (2, 1)) * thread + rng.normal(0, ACROSS_SHARE * sd, (2, 1)) * across
            noisy.append(replace(s, bites_px=tuple(map(tuple, bites + shake)), bite_sd_px=(sd, sd)))
        shift = rng.normal(0, line_sd)
        ends = rng.normal(0, line_sd, 2)
        line = ((ends[0], shift), (360 + ends[1], shift))
        guess = Scale(0.1 * (1 + rng.normal(0, scale_sd)), scale_sd, "ruler")
        seen = replace(wound(noisy, line, line_sd), incision_end_sd_px=(line_sd, line_sd))
        for name, m in metrics_of(seen, guess).items():
            if name in inside:
                assert m.value is not None, (name, m)
                assert m.sd is not None
                inside[name] += abs(m.value - value(truth, name)) <= 2 * m.sd
    for name, hits in inside.items():
        assert hits / trials >= 0.90, (name, hits / trials)
    # and not by being vague: the plain means are neither too wide
    for name in ("spacing_mm", "bite_left_mm", "total_bite_mm", "bite_travel_ratio"):
        assert hits_below_one(inside[name], trials), name


def hits_below_one(hits: int, trials: int) -> bool:
    return hits / trials <= 0.995


@pytest.mark.parametrize(
    ("sure", "status"), [((0.9, 0.3, 0.4, 0.5), "measured"), ((0.6, 0.3, 0.4, 0.5), "uncertain")]
)
def test_stitches_that_are_doubtful_on_the_whole_measure_nothing(
    sure: tuple[float, ...], status: str
) -> None:
    w = wound([finding((20 * k, -5), (20 * k, 5), confidence=c) for k, c in enumerate(sure, 1)])
    m = metrics_of(w)
    assert {m[name].status for name in ("stitch_count", "total_bite_mm", "bite_left_mm", "angle_deg")} == {
        status
    }
    assert (m["stitch_count"].value is None) == (status == "uncertain")


def test_a_number_is_no_surer_than_the_doubtful_stitch_that_it_hangs_on() -> None:
    def row(last: float) -> dict[str, Metric]:
        at = [(10.0 * k, 1.0) for k in range(1, 6)] + [(65.0, last)]
        return metrics_of(wound([finding((x, -5), (x, 5), sd=0.2, confidence=c) for x, c in at]))

    sure, doubtful = row(1.0), row(0.2)
    # without it the spacing is 10 px, with it 11, at 0.1 mm a pixel; 0.4 is the root of 0.2 x 0.8
    assert value(doubtful, "spacing_mm") == pytest.approx(1.1)
    assert (sure["spacing_mm"].sd or 0) < 0.02
    assert doubtful["spacing_mm"].sd == pytest.approx(np.hypot(0.4 * 0.1, sure["spacing_mm"].sd), rel=0.02)
    assert doubtful["total_bite_mm"].sd == pytest.approx(
        sure["total_bite_mm"].sd
    )  # it is as long as the others


def test_a_gap_far_wider_than_the_others_may_hide_a_stitch() -> None:
    def row(last: float) -> dict[str, Metric]:
        return metrics_of(wound([finding((x, -5), (x, 5), sd=0.2) for x in (10, 20, 30, 40, 50, last)]))

    even, wide = row(65), row(70)
    # with a stitch in the gap of 20 px the spacing were 10 px, not 12, at 0.1 mm a pixel; 0.28 hide one
    own = even["spacing_mm"].sd or 0.0
    assert own < 0.02
    assert value(wide, "spacing_mm") == pytest.approx(1.2)
    assert wide["spacing_mm"].sd == pytest.approx(np.hypot(0.2 * np.sqrt(0.28 * 0.72), own), rel=0.02)
    assert wide["stitch_count"].sd == pytest.approx(np.sqrt(0.28 * 0.72))
    assert even["stitch_count"].sd == pytest.approx(0.0)
    assert wide["total_bite_mm"].sd == pytest.approx(even["total_bite_mm"].sd)


def test_errors_in_common_do_not_average_out() -> None:
    stitches = [finding((10 * k, -5), (10 * k, 5), sd=1.0) for k in range(1, 9)]
    own, common = (
        metrics_of(replace(wound(stitches), bite_common_share=share))["total_bite_mm"].sd
        for share in (0.0, 1.0)
    )
    assert own == pytest.approx(0.1 * np.sqrt(2 / 8))
    assert common == pytest.approx(0.1 * np.sqrt(2))
    cv = metrics_of(replace(wound(stitches), bite_common_share=1.0))["bite_cv"]
    assert cv.value == pytest.approx(0.0)  # all stitches are off alike: no irregularity, and none taken out
