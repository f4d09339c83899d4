"""Where the cut runs: the likeliest path through a strip's columns, and the incision traced on a pad."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from assessor.photo.perception.curve import Curve, Pyramid
from assessor.photo.perception.cut import log_share, trace_cut
from assessor.photo.perception.path import best_path, between_rows

STITCH_PX = 60.0


def test_the_path_follows_a_ridge_between_rows_and_bridges_what_hides_it() -> None:
    rows, columns = np.arange(40)[:, None], np.arange(480)
    true = 18.4 + 0.0125 * columns
    logits = -((rows - true) ** 2) / 2
    logits[:, 200:240] = 0  # a knot: nothing is seen
    logits[3, 81] = 30  # one place far off shines brighter
    log_p = log_share(logits.astype(np.float32))
    found = between_rows(best_path(log_p), np.exp(log_p) + 1e-9)
    apart = np.abs(found - true.reshape(-1, 4).mean(1))
    hidden = [20, *range(50, 60)]
    assert np.delete(apart, hidden).max() < 0.1
    assert apart[hidden].max() < 2


@pytest.mark.parametrize("off", [-0.2, 0.15])
def test_the_cut_of_a_pad_is_found_from_a_course_beside_it(off: float) -> None:
    h, w = 300, 600
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    line = 150 + 10 * np.sin(x[0] / 150)
    shade = np.where(y < line, 1.0, 0.72 + 0.28 * np.clip((y - line) / 25, 0, 1))  # one lip stands higher
    noise = np.random.default_rng(1).normal(0, 2, (h, w, 1))
    pad = np.clip(np.array([130.0, 165, 210]) * shade[..., None] + noise, 0, 255).astype(np.uint8)
    for at in range(90, 560, 55):
        cv2.line(pad, (at, 120), (at + 4, 182), (30, 30, 32), 3, cv2.LINE_AA)
    rough = np.stack([x[0], line + off * STITCH_PX], 1)[40:560:20]
    found, _ = trace_cut(Pyramid(pad), rough, STITCH_PX)
    apart = Curve(np.stack([x[0], line], 1)).distance(found)
    assert np.median(apart) < 0.02 * STITCH_PX
    assert found[0] == pytest.approx(rough[0], abs=0.3 * STITCH_PX)
    assert found[-1] == pytest.approx(rough[-1], abs=0.3 * STITCH_PX)
