"""How often each technique is told on fresh rendered pads, from above and undeclared.

    python -m training.techniques --count 12

Seeds start at 3 * 10**9: neither training nor calibration has them.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from assessor.photo.perception import find_wounds
from assessor.photo.technique import recognise
from assessor.render.scene import Rendered, render_photo
from assessor.results import TECHNIQUES
from training.score import KITS

FIRST_SEED = 3 * 10**9


def picture(seed: int, technique: str, kit: str) -> Rendered:
    """A finished row of five stitches or more (none where they are hidden), 30 px a stitch at least."""
    rng = np.random.default_rng(seed)
    while True:
        r = render_photo(rng, 1000, 750, kit=kit, technique=technique, wounds=1, fill=(0.5, 0.95))
        truth = r.wounds[0]
        if truth.stitch_px > 30 and (len(truth.bites_px) >= 5 or technique in ("subcuticular", "buried")):
            return r


def told(count: int) -> dict[str, Counter[str]]:
    """By true technique: what `count` pads of it were taken for ("nothing" where no wound was found)."""
    out: dict[str, Counter[str]] = {}
    for t, name in enumerate(TECHNIQUES[:-1]):
        out[name] = Counter()
        for k in range(count):
            wounds = find_wounds(picture(FIRST_SEED + 1000 * t + k, name, KITS[k % 3]).bgr)
            out[name][recognise(wounds[0], None)[0].name if wounds else "nothing"] += 1
    return out


def rows(counts: dict[str, Counter[str]]) -> list[str]:
    """Lines of a Markdown table: technique, pads, named rightly, named wrongly, left open."""
    lines = []
    for name, seen in counts.items():
        n, right = sum(seen.values()), seen[name]
        open_ = seen["unknown"] + seen["nothing"]
        wrong = ", ".join(
            f"{v} {k.replace('_', ' ')}"
            for k, v in seen.most_common()
            if k not in (name, "unknown", "nothing")
        )
        lines.append(f"| {name.replace('_', ' ')} | {n} | {right} | {wrong or '0'} | {open_} |")
    return lines


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=12)
    print("\n".join(rows(told(ap.parse_args().count))))


if __name__ == "__main__":
    main()
