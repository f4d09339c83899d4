"""The commands `assessor motion` and `assessor live`. Nothing heavy is imported before one of them runs."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assessor.motion.options import MotionOptions
    from assessor.motion.results import MotionAssessment

DONE, SOME_NOT_ASSESSED, WRONG_USAGE, NOTHING_ASSESSED = 0, 1, 2, 3

MmPerPx = Annotated[float | None, typer.Option(help="Millimetres per pixel, where known.")]
Tips = Annotated[
    list[str] | None,
    typer.Option("--tip", metavar="X,Y", help="A tip's pixel in the first picture; twice at most."),
]
TaskName = Annotated[str, typer.Option(help="hold: keep the tips over a dot; suture: work as usual.")]
HandName = Annotated[str, typer.Option(help="The dominant hand, or that of the only tip: left or right.")]
ExposureMs = Annotated[
    float | None,
    typer.Option(help="Shutter time, ms, where known: it damps fast tremor, which is corrected."),
]


def motion(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO", help="Recorded clips.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results"),
    mm_per_px: MmPerPx = None,
    tip: Tips = None,
    task: TaskName = "suture",
    hand: HandName = "unknown",
    exposure_ms: ExposureMs = None,
) -> None:
    """Tremor and economy of the instrument tips in clips: a JSON file and a plot for each in --out."""
    from assessor.folder import cannot_write, name_results
    from assessor.motion.folder import assess_into

    assessed = 0
    with _errors_as(WRONG_USAGE):
        options = _options(mm_per_px, tip, task, hand, exposure_ms)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise cannot_write(out, exc) from exc
        for video, name in zip(videos, name_results(videos, out), strict=True):
            result = assess_into(video, out, name, options)
            assessed += bool(result.tips)
            tell(str(video), result)
    typer.echo(f"Results: a JSON file and a plot for each clip in {out}.")
    raise typer.Exit(DONE if assessed == len(videos) else SOME_NOT_ASSESSED if assessed else NOTHING_ASSESSED)


def live(
    camera: Annotated[int, typer.Option(min=0, help="Which camera.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the summary.")] = Path("results"),
    mm_per_px: MmPerPx = None,
    task: TaskName = "hold",
    hand: HandName = "unknown",
    exposure_ms: ExposureMs = None,
) -> None:
    """The local webcam in a window with rolling scores; click a tip to follow it, q ends it."""
    from assessor.motion.window import watch

    with _errors_as(WRONG_USAGE):
        options = _options(mm_per_px, None, task, hand, exposure_ms)
    with _errors_as(NOTHING_ASSESSED):
        result, path = watch(camera, options, out)
    tell("live", result)
    typer.echo(f"Summary: {path}")


def tell(name: str, result: MotionAssessment) -> None:
    """A line a tip, then the warnings."""
    from assessor.report.motion_plot import tip_name, tremor_text

    if result.error is not None:
        typer.echo(f"{name}: {result.error.text} {result.error.hint} [{result.error.code}]", err=True)
        return
    if not result.tips:
        typer.echo(f"{name}: no instrument tip found")
    for tip in result.tips:
        typer.echo(f"{name}: {tip_name(tip)}: {tremor_text(tip.tremor)}")
    for warning in result.warnings:
        typer.echo(f"  note: {warning.text}")


def _options(
    mm_per_px: float | None, tips: list[str] | None, task: str, hand: str, exposure_ms: float | None
) -> MotionOptions:
    from assessor.motion.options import MotionOptions, parse_tip

    return MotionOptions(
        mm_per_px=mm_per_px,
        tips=tuple(parse_tip(text) for text in tips or ()),
        task=task,  # type: ignore[arg-type]  # checked there
        hand=hand,  # type: ignore[arg-type]
        exposure_s=None if exposure_ms is None else exposure_ms / 1000,
    )


@contextmanager
def _errors_as(code: int) -> Iterator[None]:
    """Errors that concern the whole call end it with this exit code."""
    from assessor.errors import AssessorError

    try:
        yield
    except AssessorError as error:
        typer.echo(f"{error.text} {error.hint} [{error.code}]", err=True)
        raise typer.Exit(code) from None
