"""`assessor-bench`: what grading a photo costs, measured against decoding the same file in the same run.

Ratios hold on any machine, seconds only on this one. Memory and the cold start are those of a whole
`assessor grade` process.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

# What the targets speak of: a crop of the web, a phone's 12 MP. Of these several: pads need one look to many.
PADS = ((640, 640, 1), (4000, 3000, 5))  # width, height, number
# Levels of a phone's sensor noise: without it a rendered file is a fifth of a phone's and sooner decoded.
GRAIN_LEVELS = 2.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the repeats; `grade_s` is from the file to the result, decoding included."""

    photo: str
    width: int
    height: int
    file_mb: float
    repeats: int
    decode_s: float
    grade_s: float
    overlay_png_s: float
    grade_per_decode: float
    process_s: float
    process_peak_mb: float | None


@app.command()
def main(
    photos: Annotated[
        list[Path] | None, typer.Argument(metavar="PHOTO", help="Photos; without any, some are rendered.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Measurements of each step.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
) -> None:
    """Time grading of photos against decoding them; report the memory of a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        costs = [cost(photo, repeats) for photo in photos or rendered(Path(folder))]
    typer.echo(json.dumps([asdict(c) for c in costs], indent=1) if as_json else table(costs))


def rendered(folder: Path) -> list[Path]:
    """Pads in both sizes, as JPEG files of a phone's quality."""
    import cv2
    import numpy as np

    from assessor.render.scene import render_photo

    paths = []
    for width, height, number in PADS:
        for seed in range(number):
            rng = np.random.default_rng(seed)
            pad = render_photo(rng, width, height, kit="silicone", wounds=1).bgr
            grainy = pad + GRAIN_LEVELS * rng.standard_normal((height, width, 1), np.float32)
            path = folder / f"pad-{width}x{height}-{seed}.jpg"
            cv2.imwrite(str(path), grainy.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])
            paths.append(path)
    return paths


def cost(photo: Path, repeats: int) -> Cost:
    """Measure one photo; AssessorError where it cannot be graded."""
    from assessor.photo.grade import grade_photo
    from assessor.photo.intake import load_photo
    from assessor.report.overlay import overlay_png

    first = grade_photo(photo)  # warm: imports, the network's weights
    bgr = load_photo(photo).bgr
    decode_s, grade_s, overlay_s = _medians(
        (lambda: load_photo(photo), lambda: grade_photo(photo), lambda: overlay_png(bgr, first)), repeats
    )
    process_s, peak_mb = whole_process(photo)
    return Cost(
        photo=photo.name,
        width=first.image.width,
        height=first.image.height,
        file_mb=photo.stat().st_size / 1e6,
        repeats=repeats,
        decode_s=decode_s,
        grade_s=grade_s,
        overlay_png_s=overlay_s,
        grade_per_decode=grade_s / decode_s,
        process_s=process_s,
        process_peak_mb=peak_mb,
    )


def _medians(steps: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Steps take turns, so that a busy moment of the machine falls on all of them."""
    spent: list[list[float]] = [[] for _ in steps]
    for _ in range(repeats):
        for step, seconds in zip(steps, spent, strict=True):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in spent]


def whole_process(photo: Path) -> tuple[float, float | None]:
    """Wall seconds and peak resident MB of `assessor grade PHOTO` from a cold start (None where unknown)."""
    with tempfile.TemporaryDirectory() as folder:
        peak = Path(folder) / "peak"
        code = f"import atexit, assessor.bench as b; atexit.register(b.write_peak, {str(peak)!r}); "
        code += "from assessor.cli import app; app()"
        command = [sys.executable, "-c", code, "grade", str(photo), "--out", folder]
        start = time.perf_counter()
        process = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            raise SystemExit(f"assessor grade {photo} ended with exit code {process.returncode}")
        return seconds, float(peak.read_text()) if peak.exists() else None


def write_peak(path: str) -> None:
    """Write the peak resident MB of this process and of its ended children, where the system tells.

    Read from inside: to a parent, ru_maxrss counts what the parent itself held when it forked.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return
    import resource

    own = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    Path(path).write_text(str(max(own, children) / 1e3))


def table(costs: Sequence[Cost]) -> str:
    head = ("photo", "MB", "decode s", "grade s", "grade/decode", "overlay s", "process s", "peak MB")
    lines = [head]
    for c in costs:
        peak = "-" if c.process_peak_mb is None else f"{c.process_peak_mb:.0f}"
        times = (c.decode_s, c.grade_s, c.overlay_png_s, c.process_s)
        decode, grade, overlay, process = (f"{seconds:.3f}" for seconds in times)
        size = f"{c.photo} ({c.width}x{c.height})"
        lines.append(
            (size, f"{c.file_mb:.1f}", decode, grade, f"{c.grade_per_decode:.1f}", overlay, process, peak)
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in lines)
