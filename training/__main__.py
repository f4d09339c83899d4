"""Make the networks: train, export, calibrate and score on fresh rendered pads, write the model card.

    python -m training                          # five hours and a half on two cores
    python -m training --coarse-minutes 10 --fine-minutes 20

Training resumes from training/runs, else from training/start (what ships); delete both to begin anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--coarse-minutes", type=float, default=60)
    ap.add_argument("--fine-minutes", type=float, default=150)
    ap.add_argument("--incision-minutes", type=float, default=60)
    ap.add_argument("--bites-minutes", type=float, default=60)
    ap.add_argument("--technique-minutes", type=float, default=30)
    ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args()
    # in this order: those of bites and technique learn from what the exported fine view sees
    minutes = {
        "coarse": a.coarse_minutes,
        "fine": a.fine_minutes,
        "incision": a.incision_minutes,
        "bites": a.bites_minutes,
        "technique": a.technique_minutes,
    }
    for kind, m in minutes.items():
        _run("training.train", kind, "--minutes", str(m), "--threads", str(a.threads))
        _run("training.export", kind)
    _run("training.calibrate")
    _run("training.card")


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


if __name__ == "__main__":
    main()
