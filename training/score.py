"""How well the shipped networks read fresh rendered pads: found, placed, and as sure as they say.

    python -m training.score --count 90

Seeds start at 10**9: no training picture has them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from assessor.photo.perception import find_wounds
from assessor.render.scene import Rendered, render_photo
from assessor.results import StitchFinding, WoundFinding
from training.matching import Points, matched

FIRST_SEED = 10**9
KITS = ("silicone", "rubber", "skin")


@dataclass
class Tally:
    """What was asked and found over some pictures; errors are shares of the true stitch's length."""

    truth: int = 0
    found: int = 0
    hit: int = 0
    end_errors: list[float] = field(default_factory=list)
    end_sigmas: list[float] = field(default_factory=list)
    confidences: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def f1(self) -> float:
        return 2 * self.hit / max(1, self.truth + self.found)


def picture(seed: int, kit: str | None = None, size: tuple[int, int] = (1000, 750)) -> Rendered:
    """A fresh picture of one wound, its stitches large enough to be read (12 px and more)."""
    rng = np.random.default_rng(seed)
    while True:
        r = render_photo(rng, *size, kit=kit, wounds=1, fill=(0.45, 0.95))
        if r.wounds[0].crossing and r.wounds[0].stitch_px > 30:
            return r


def bites_of(stitches: Sequence[StitchFinding]) -> Points:
    """Their bites (n, 2, 2) px."""
    return np.array([s.bites_px for s in stitches], float).reshape(-1, 2, 2)


def truth_of(rendered: Rendered) -> Points:
    """Every true stitch's bites (n, 2, 2) px."""
    return np.concatenate([t.bites_px for t in rendered.wounds])


def add(tally: Tally, rendered: Rendered, wounds: tuple[WoundFinding, ...]) -> None:
    """Count one picture; stitches that its border cuts are neither asked for nor held against it."""
    h, w = rendered.bgr.shape[:2]
    every = truth_of(rendered)
    inside = [bool((b > 2).all() and (b < np.array([w, h]) - 3).all()) for b in every]
    found: list[StitchFinding] = [s for wound in wounds for s in wound.stitches]
    bites = bites_of(found)
    pairs = matched(every, bites)
    free = {j for i, j, _ in pairs if not inside[i]}
    hits = [(i, j, way) for i, j, way in pairs if inside[i]]
    right = {j for _, j, _ in hits}
    for j, s in enumerate(found):
        if j not in free and not s.cut:
            tally.confidences.append((s.confidence, j in right))
            tally.found += 1
    tally.truth += sum(inside)
    tally.hit += sum(not found[j].cut for _, j, _ in hits)
    for i, j, way in hits:
        e = np.linalg.norm(every[i] - bites[j][::way], axis=1)
        length = float(np.linalg.norm(every[i][1] - every[i][0]))
        tally.end_errors += (e / length).tolist()
        tally.end_sigmas += (e / np.asarray(found[j].bite_sd_px)[::way]).tolist()


def summary(t: Tally) -> dict[str, float | int]:
    e, z = np.array(t.end_errors or [np.nan]), np.array(t.end_sigmas or [np.nan])
    return {
        "stitches": t.truth,
        "precision": round(t.hit / max(1, t.found), 3),
        "recall": round(t.hit / max(1, t.truth), 3),
        "f1": round(t.f1, 3),
        "bite_error_median_share": round(float(np.median(e)), 4),
        "bite_error_p90_share": round(float(np.percentile(e, 90)), 4),
        "bites_within_2_sd": round(float((z < 2).mean()), 3),
    }


def reliability(pairs: list[tuple[float, bool]]) -> list[tuple[str, int, float, float]]:
    """(bin, n, mean confidence, share right) of stitches by confidence."""
    c, ok = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    rows = []
    for low, high in ((0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01)):
        on = (c >= low) & (c < high)
        if on.any():
            name = f"{low:.1f}-{min(high, 1.0):.1f}"
            rows.append((name, int(on.sum()), float(c[on].mean()), float(ok[on].mean())))
    return rows


def score(count: int) -> dict[str, Tally]:
    """A tally a kit over `count` pictures."""
    tallies = {kit: Tally() for kit in KITS}
    for r in pads(count):
        add(tallies[r.kit], r, find_wounds(r.bgr))
    return tallies


def pads(count: int) -> Iterator[Rendered]:
    """`count` fresh pictures, the kits in turn."""
    for k in range(count):
        yield picture(FIRST_SEED + k, KITS[k % 3])


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=90)
    tallies = score(ap.parse_args().count)
    print(json.dumps({kit: summary(t) for kit, t in tallies.items()}, indent=1))
    for name, n, mean, right in reliability([p for t in tallies.values() for p in t.confidences]):
        print(f"confidence {name}: {n:4d} stitches, mean {mean:.2f}, right {right:.2f}")


if __name__ == "__main__":
    main()
