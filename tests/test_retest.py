"""The figures of docs/accuracy.md: agreement, lightness and hits, on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.retest import Tally, agreement, asked, hits, lightness, page

PAD = np.array([[[40.0, 50.0], [40.0, 70.0]], [[60.0, 50.0], [60.0, 70.0]]])


def test_agreement_of_pairs() -> None:
    found = agreement([(5.0, 4.0, 0.3, 0.3), (3.0, 3.0, 0.4, 0.4), (2.0, 3.0, None, 0.4)])
    assert found is not None
    assert (found.pairs, found.mean) == (3, 0.0)
    assert found.sd == pytest.approx(1.0)
    assert found.repeatability == pytest.approx(1.96)
    assert found.within == 0.5  # of the two whose sd are known, one lies within 2 sd
    assert agreement([(5.0, 4.0, 0.4, 0.4)] * 2) is None


@pytest.mark.parametrize(("grey", "name"), [(20, "dark"), (120, "medium"), (230, "light")])
def test_lightness_is_that_of_the_ground(grey: int, name: str) -> None:
    photo = np.full((120, 100, 3), grey, np.uint8)
    for (x, y0), (_, y1) in PAD.astype(int):
        photo[y0 : y1 + 1, x - 1 : x + 2] = 255 - grey  # the thread is not the ground
    assert lightness(photo, PAD) == name


def test_hits_count_each_stitch_once_either_way_round() -> None:
    assert hits(PAD, PAD[:, ::-1] + 2) == 2
    assert hits(PAD, np.concatenate([PAD[:1], PAD[:1] + 1])) == 1
    assert hits(PAD, PAD + 12) == 0
    assert hits(PAD, np.zeros((0, 2, 2))) == 0
    longer = PAD + np.array([[0, -9], [0, 9]])
    assert (hits(PAD, longer), hits(PAD, longer, rough=True)) == (0, len(PAD))
    assert hits(PAD, longer + 12, rough=True) == 0


def test_the_nearer_reading_counts_and_nothing_that_the_border_cuts() -> None:
    first, second = PAD.tolist()
    other = (PAD[0] + 20).tolist()
    entry = {
        "wounds": [{"stitches": [{"bites": first, "or": [other]}, {"bites": second, "truncated": True}]}]
    }
    found = np.array([other[::-1], second], float) + 1.0
    true, counted = asked(entry, found)
    assert true.tolist() == [other]
    assert counted.tolist() == found[:1].tolist()
    true, counted = asked(entry, np.zeros((0, 2, 2)))
    assert (true.tolist(), len(counted)) == ([first], 0)


def test_a_refused_photo_counts_with_its_reason_and_its_stitches_as_missed() -> None:
    tally = Tally()
    tally.add("a set", np.full((120, 100, 3), 120, np.uint8), PAD, "too_blurred", np.zeros((0, 2, 2)))
    text = page([], [], tally, "2026-01-01")
    assert "| a set | 1 | 100.0% | `too_blurred` 1 |" in text
    assert "| a set | medium | 1 | 2 | 0.000 |" in text
