"""Write the model card beside the networks, with figures measured on fresh rendered pads.

python -m training.card --count 90
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import torch

from training.export import MODELS
from training.net import COARSE_CHANNELS, FINE_CHANNELS, network
from training.score import FIRST_SEED, pads, reliability, score, summary
from training.techniques import rows as technique_rows
from training.techniques import told
from training.train import checkpoint
from training.uncertainty import held
from training.uncertainty import rows as uncertainty_rows

_TEXT = (Path(__file__).parent / "model_card.md").read_text()


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=90)
    ap.add_argument("--per-technique", type=int, default=15)
    a = ap.parse_args()
    count = a.count
    tallies = score(count)
    rows = [
        f"| {kit} | {s['stitches']} | {s['precision']} | {s['recall']} | {s['f1']} | "
        f"{s['bite_error_median_share']} | {s['bite_error_p90_share']} | {s['bites_within_2_sd']} |"
        for kit, s in ((kit, summary(t)) for kit, t in tallies.items())
    ]
    bins = [
        f"| {name} | {n} | {mean:.2f} | {right:.2f} |"
        for name, n, mean, right in reliability([p for t in tallies.values() for p in t.confidences])
    ]
    facts: dict[str, object] = {}
    for kind in ("coarse", "fine", "incision", "bites", "technique"):
        saved = torch.load(checkpoint(kind), map_location="cpu", weights_only=True)
        facts[f"{kind}_steps"] = saved["step"]
        facts[f"{kind}_hours"] = saved["trained_s"] / 3600
        facts[f"{kind}_parameters"] = sum(p.numel() for p in network(kind).parameters())
    text = _TEXT.format(
        date=datetime.now(UTC).date(),
        coarse_channels=", ".join(COARSE_CHANNELS),
        fine_channels=", ".join(FINE_CHANNELS),
        first_seed=FIRST_SEED,
        count=count,
        rows="\n".join(rows),
        uncertainties="\n".join(uncertainty_rows(held(pads(count)))),
        bins="\n".join(bins),
        per_technique=a.per_technique,
        techniques="\n".join(technique_rows(told(a.per_technique))),
        **facts,
    )
    (MODELS / "README.md").write_text(text)


if __name__ == "__main__":
    main()
