"""Does the confidence mean something on real photos? A table, and the diagram of the model card.

    python -m scripts.reliability RESULTS BENCH [--plot docs/reliability.png]

RESULTS holds what `assessor grade BENCH/photos/images --out RESULTS` wrote; BENCH has `score_photos.py`,
whose own matching says which stitches are right, and `photos/annotations.json`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

EDGES = (0.15, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
Pairs = list[tuple[float, bool]]


def judged(results: Path, bench: Path) -> Pairs:
    """(confidence, right) of every stitch given, those that the photo's border cuts left out."""
    scorer = _module(bench / "score_photos.py")
    pairs: Pairs = []
    for name, truth in json.loads((bench / "photos" / "annotations.json").read_text()).items():
        path = results / f"{Path(name).stem}.json"
        result = json.loads(path.read_text()) if path.exists() else {}
        asked, cut, readings = scorer.stitches_of(truth)
        given, _, _ = scorer.stitches_of(result)
        for i, others in enumerate(readings):
            if others and len(given):
                asked[i] = min(
                    [asked[i], *others], key=lambda r: min(scorer.end_errors(r, g).mean() for g in given)
                )
        match = scorer.match(asked, given, truth.get("ends") == "rough")
        right, free = {j for _, j in match}, {j for i, j in match if cut[i]}
        for j, stitch in enumerate(scorer.all_stitches(result)):
            if j not in free:
                pairs.append((float(stitch["confidence"]), j in right))
    return pairs


def table(pairs: Pairs) -> list[tuple[float, float, int, float, float]]:
    """(from, to, n, mean confidence, share right) of each bin that holds any."""
    c, right = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    rows = []
    for low, high in pairwise(EDGES):
        on = (c >= low) & ((c < high) | (high == 1.0))
        if on.any():
            rows.append((low, high, int(on.sum()), float(c[on].mean()), float(right[on].mean())))
    return rows


def diagram(rows: list[tuple[float, float, int, float, float]], side: int = 520) -> np.ndarray[Any, Any]:
    """Share right over confidence, each bin with its 95 % interval (Wilson), BGR (side, side, 3)."""
    ink, grey, blue = (50, 40, 40), (205, 205, 205), (170, 90, 20)
    picture = np.full((side, side, 3), 255, np.uint8)
    margin = 60

    def at(x: float, y: float) -> tuple[int, int]:
        reach = side - 1.5 * margin
        return round(margin + x * reach), round(side - margin - y * reach)

    for v in (0.0, 0.25, 0.5, 0.75, 1.0):
        cv2.line(picture, at(v, 0), at(v, 1), grey, 1, cv2.LINE_AA)
        cv2.line(picture, at(0, v), at(1, v), grey, 1, cv2.LINE_AA)
        x, y = at(v, 0)
        cv2.putText(picture, f"{v:g}", (x - 12, y + 20), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
        x, y = at(0, v)
        cv2.putText(picture, f"{v:g}", (x - 38, y + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
    cv2.line(picture, at(0, 0), at(1, 1), ink, 1, cv2.LINE_AA)
    for _, _, n, confidence, right in rows:
        low, high = wilson(right, n)
        cv2.line(picture, at(confidence, low), at(confidence, high), blue, 2, cv2.LINE_AA)
        cv2.circle(picture, at(confidence, right), 5, blue, -1, cv2.LINE_AA)
        x, y = at(confidence, low)
        cv2.putText(picture, str(n), (x - 10, y + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.38, ink, 1, cv2.LINE_AA)
    for text, where in (("confidence given", (side // 2 - 60, side - 14)), ("share right", (8, 24))):
        cv2.putText(picture, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
    return picture


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share seen in n (Wilson 1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return middle - half, middle + half


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("results", type=Path)
    ap.add_argument("bench", type=Path)
    ap.add_argument("--plot", type=Path)
    a = ap.parse_args()
    rows = table(judged(a.results, a.bench))
    print("| confidence given | stitches | mean confidence | share right |\n|---|---|---|---|")
    for low, high, n, confidence, right in rows:
        print(f"| {low:g} to {high:g} | {n} | {confidence:.2f} | {right:.2f} |")
    if a.plot:
        cv2.imwrite(str(a.plot), diagram(rows))


if __name__ == "__main__":
    main()
