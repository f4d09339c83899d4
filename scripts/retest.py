"""docs/accuracy.md's tables: two photos of one pad, lightness of the pad, photos refused.

    python -m scripts.retest BENCH [--pads 24] [--out docs/accuracy.md]

BENCH is a folder with `photos/images` and `photos/annotations.json`; in the set ruler-pad, PAD of the name
`ruler-pad_PAD_NUMBER.png` tells which photos show one pad. Rendered pads are drawn afresh, each seen by
two cameras; seeds start at 3 * 10**9, where no training run or sample has any. Figures only leave BENCH.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.errors import AssessorError
from assessor.photo.grade import assess
from assessor.photo.intake import Photo, load_photo
from assessor.render.camera import random_camera, take
from assessor.render.samples import Sample, encode, render_sample
from assessor.results import Metric, PhotoAssessment, Wound
from training.matching import matched

FIRST_SEED = 3 * 10**9
RENDERED = (0, 1, 3, 7, 10)  # samples with a card or a ruler, so with millimetres
SIDES = ("shorter bite, mm", "longer bite, mm")
METRICS = ("stitch_count", "spacing_mm", "total_bite_mm", *SIDES, "symmetry")
LIGHTNESS = ((35.0, "dark"), (65.0, "medium"), (101.0, "light"))  # CIE L* up to which
Pair = tuple[PhotoAssessment, PhotoAssessment]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Differences of one metric between two photos of a pad, in its unit; `repeatability` is what 95 % of
    such differences lie below (1.96 sd, Bland and Altman 1986); `within` the share inside 2 combined sd."""

    pairs: int
    mean: float
    sd: float
    repeatability: float
    within: float | None


def agreement(values: Sequence[tuple[float, float, float | None, float | None]]) -> Agreement | None:
    """(first value, second value, sd, sd) a pad; None below three pads."""
    if len(values) < 3:
        return None
    apart = [first - second for first, second, _, _ in values]
    sd = statistics.stdev(apart)
    known = [
        abs(a - b) <= 2 * float(np.hypot(s, t)) for a, b, s, t in values if s is not None and t is not None
    ]
    within = sum(known) / len(known) if known else None
    return Agreement(len(values), statistics.mean(apart), sd, 1.96 * sd, within)


def agreements(pairs: Sequence[Pair]) -> dict[str, Agreement]:
    """By metric, over the pairs whose first wound has it in both photos."""
    out = {}
    for name in METRICS:
        values = []
        for pair in pairs:
            a, b = (metrics(p.wounds[0]).get(name) if p.wounds else None for p in pair)
            if a is not None and b is not None and a.value is not None and b.value is not None:
                values.append((a.value, b.value, a.sd, b.sd))
        found = agreement(values)
        if found is not None:
            out[name] = found
    return out


def metrics(wound: Wound) -> dict[str, Metric]:
    """Its metrics, with the sides by length: which is left hangs on how the photo was turned."""
    sides = [wound.metrics[f"bite_{side}_mm"] for side in ("left", "right")]
    if any(m.value is None for m in sides):
        return dict(wound.metrics)
    sides.sort(key=lambda m: m.value or 0.0)
    return {**wound.metrics, **dict(zip(SIDES, sides, strict=True))}


def lightness(bgr: NDArray[np.uint8], bites: NDArray[np.float64]) -> str:
    """Class of the median L* of the ground beside the wound; `bites` (n, 2, 2) px, n > 0."""
    middle, half = bites.mean(1, keepdims=True), (bites[:, 1:] - bites[:, :1]) / 2
    beside = (middle + np.array([-1.6, -1.3, 1.3, 1.6])[None, :, None] * half).reshape(-1, 2)
    xy = np.rint(beside).astype(int).clip(0, np.array(bgr.shape[1::-1]) - 1)
    lab = cv2.cvtColor(bgr[xy[:, 1], xy[:, 0]][None].astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    level = float(np.median(lab[..., 0]))
    return next(name for top, name in LIGHTNESS if level < top)


def hits(true: NDArray[np.float64], found: NDArray[np.float64], rough: bool = False) -> int:
    """Stitches (n, 2, 2) found (m, 2, 2): both bites near, either way round, one for one.

    `rough`: only the true places along the row are to be trusted, within 0.3 of the mean gap.
    """
    from scipy.optimize import linear_sum_assignment

    if not rough or len(true) < 2 or not len(found):
        return len(matched(true, found))
    length = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
    middles = true.mean(1)
    axis = np.linalg.svd(middles - middles.mean(0))[2][0]
    apart = found.mean(1)[None] - middles[:, None]
    along = np.abs(apart @ axis)
    across = np.sqrt(np.maximum((apart**2).sum(-1) - along**2, 0))
    gap = float(np.diff(np.sort(middles @ axis)).mean())
    near = (along <= 0.3 * gap) & (across <= length[:, None])
    rows, columns = linear_sum_assignment(-near.astype(float))
    return int(near[rows, columns].sum())


def graded(photo: Photo) -> PhotoAssessment | str:
    """The assessment, or the code with which the photo was refused."""
    try:
        return assess(photo)
    except AssessorError as error:
        return error.code


def stitches(result: PhotoAssessment | str) -> NDArray[np.float64]:
    wounds = () if isinstance(result, str) else result.wounds
    return np.array([s.bites for w in wounds for s in w.stitches], float).reshape(-1, 2, 2)


def second_look(sample: Sample, seed: int) -> Photo:
    """The pad again through another camera: turned, from another side, other light, lens and grain."""
    rng = np.random.default_rng([seed, 1])
    h, w = sample.bgr.shape[:2]
    corners = np.array([[0, 0], [w - 1, 0], [w - 1, h - 1], [0, h - 1]], np.float32)
    moved = (corners - corners.mean(0)) * rng.uniform(0.88, 0.96) + corners.mean(0)
    moved = (moved + rng.uniform(-0.02, 0.02, (4, 2)) * min(w, h)).astype(np.float32)
    seen = cv2.warpPerspective(
        sample.bgr,
        cv2.getPerspectiveTransform(corners, moved),
        (w, h),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    taken = take(seen.astype(np.float32), random_camera(rng, 0.08), rng)
    return load_photo(cv2.imencode(".png", taken)[1].tobytes())


class Tally:
    """What is counted photo by photo: refusals by set, stitches by set and lightness."""

    def __init__(self) -> None:
        self.photos: Counter[str] = Counter()
        self.refused: dict[str, Counter[str]] = defaultdict(Counter)
        self.found: dict[tuple[str, str], NDArray[np.int_]] = defaultdict(lambda: np.zeros(4, int))

    def add(
        self,
        where: str,
        bgr: NDArray[np.uint8],
        true: NDArray[np.float64],
        result: PhotoAssessment | str,
        found: NDArray[np.float64],
        rough: bool = False,
    ) -> None:
        self.photos[where] += 1
        if isinstance(result, str):
            self.refused[where][result] += 1
        elif not result.wounds:
            self.refused[where]["no_wound"] += 1
        elif all(w.metrics["stitch_count"].status != "measured" for w in result.wounds):
            told = {w.code for w in result.warnings}
            self.refused[where]["stitches_doubtful" if "stitches_doubtful" in told else "no_stitches"] += 1
        if len(true):
            counts = (1, len(true), len(found), hits(true, found, rough))
            self.found[where, lightness(bgr, true)] += np.array(counts)


def asked(
    entry: Mapping[str, Any], found: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What counts of an annotation and of the stitches found (n, 2, 2): none that the border cuts, and where
    two people read differently, the reading nearer to any found."""

    def far(reading: NDArray[np.float64]) -> float:
        ways = np.stack([found, found[:, ::-1]])
        return float(np.linalg.norm(ways - reading, axis=-1).mean(-1).min(initial=np.inf))

    every = [s for w in entry["wounds"] for s in w["stitches"]]
    cut = np.array([s["bites"] for s in every if s.get("truncated")], float).reshape(-1, 2, 2)
    whole = [
        min((np.array(r, float) for r in (s["bites"], *s.get("or", ()))), key=far)
        for s in every
        if not s.get("truncated")
    ]
    free = [j for _, j, _ in matched(cut, found)]
    return np.array(whole).reshape(-1, 2, 2), np.delete(found, free, 0)


def bench(folder: Path, tally: Tally) -> list[Pair]:
    """Grade every annotated photo; the pairs of the ruler pads."""
    pads: dict[str, list[PhotoAssessment]] = defaultdict(list)
    truth = json.loads((folder / "photos" / "annotations.json").read_text("utf-8"))
    for name, entry in sorted(truth.items()):
        photo = load_photo(folder / "photos" / "images" / name)
        result = graded(photo)
        true, found = asked(entry, stitches(result))
        tally.add(entry["set"], photo.bgr, true, result, found, entry.get("ends") == "rough")
        if entry["set"] == "ruler-pad" and isinstance(result, PhotoAssessment):
            pads[name.split("_")[1]].append(result)
    return [(p[0], p[1]) for p in pads.values() if len(p) == 2]


def rendered(count: int, tally: Tally) -> list[Pair]:
    """Grade `count` fresh pads, each through two cameras."""
    pairs = []
    for seed, number in itertools.islice(zip(itertools.count(FIRST_SEED), itertools.cycle(RENDERED)), count):
        sample = render_sample(number, seed, width=1200)
        first = graded(load_photo(encode(sample.bgr)))
        second = graded(second_look(sample, seed))
        tally.add("rendered", sample.bgr, sample.truth.bites_px, first, stitches(first))
        if isinstance(first, PhotoAssessment) and isinstance(second, PhotoAssessment):
            pairs.append((first, second))
    return pairs


def agreement_table(found: Mapping[str, Agreement]) -> Iterable[str]:
    yield "| metric | pads | mean difference | sd of differences | repeatability | within 2 sd |"
    yield "|---|---|---|---|---|---|"
    for name, a in found.items():
        within = "-" if a.within is None else f"{a.within:.0%}"
        label = name if name in SIDES else f"`{name}`"
        yield f"| {label} | {a.pairs} | {a.mean:+.3f} | {a.sd:.3f} | {a.repeatability:.3f} | {within} |"


def lightness_table(tally: Tally) -> Iterable[str]:
    yield "| photos | ground | photos | stitches | F1 |"
    yield "|---|---|---|---|---|"
    for (where, level), (photos, true, found, hit) in sorted(tally.found.items()):
        yield f"| {where} | {level} | {photos} | {true} | {2 * hit / max(true + found, 1):.3f} |"


def refusal_table(tally: Tally) -> Iterable[str]:
    yield "| photos | number | refused | why |"
    yield "|---|---|---|---|"
    for where, photos in sorted(tally.photos.items()):
        why = tally.refused[where]
        reasons = ", ".join(f"`{code}` {n}" for code, n in why.most_common()) or "-"
        yield f"| {where} | {photos} | {why.total() / photos:.1%} | {reasons} |"


def page(real: Sequence[Pair], drawn: Sequence[Pair], tally: Tally, date: str) -> str:
    """Markdown of all tables."""
    command = f"`python -m scripts.retest BENCH --pads {tally.photos['rendered']} --out docs/accuracy.md`"
    lines = [
        "# How well it repeats, on which pads, and what it refuses",
        "",
        f"Measured on {date} by {command}.",
        "Hits and errors against annotations are in the [README](../README.md).",
        "",
        "## Two photos of one pad",
        "Repeatability: what 95 % of the differences of two photos lie below (1.96 sd). Within 2 sd: the",
        "share of differences inside twice the combined uncertainty of both results; about 95 % is right.",
        "Sides go by their length, as a photo may have been turned.",
        "",
        "Real pads, each photographed twice (ruler-pad):",
        "",
        *agreement_table(agreements(real)),
        "",
        "Rendered pads, each seen by two cameras:",
        "",
        *agreement_table(agreements(drawn)),
        "",
        "## By lightness of the pad",
        "Median CIE L* of the ground beside the wound: dark below 35, light from 65.",
        "",
        *lightness_table(tally),
        "",
        "## Refused",
        "Nothing measured: an error, or one of these warnings. `no_stitches` is right where none were sewn.",
        "",
        *refusal_table(tally),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bench", type=Path)
    parser.add_argument("--pads", type=int, default=40, help="rendered pads")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    tally = Tally()
    real = bench(given.bench, tally)
    drawn = rendered(given.pads, tally)
    text = page(real, drawn, tally, datetime.date.today().isoformat())
    if given.out:
        given.out.write_text(text, "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
