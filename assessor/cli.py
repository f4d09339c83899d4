"""The command `assessor`. Nothing heavy is imported before a command runs.

Exit codes: 0 done; 1 at least one input could not be assessed (refused, or no wound on it); 2 wrong usage;
3 nothing could be assessed; 130 stopped by Ctrl-C (what was graded is kept).
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assessor import service_commands
from assessor.motion import commands as motion_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assessor.folder import PhotoDone

DONE, SOME_NOT_ASSESSED, WRONG_USAGE, NOTHING_ASSESSED, STOPPED = 0, 1, 2, 3, 130

app = typer.Typer(
    name="assessor",
    help="Measured feedback on sutured practice pads. For training; not for patients or credentialing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def grade(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results"),
    technique: Annotated[
        str | None, typer.Option(help="Declared technique, e.g. simple_interrupted; else it is recognised.")
    ] = None,
    rubric: Annotated[str | None, typer.Option(help="Name of a rubric, or a TOML file of yours.")] = None,
    suture_size: Annotated[str | None, typer.Option(help="USP size as on the packet, e.g. 4-0.")] = None,
    kit: Annotated[str | None, typer.Option(help="What was sutured, e.g. skin-pad or micro-card.")] = None,
    mm_per_px: Annotated[float | None, typer.Option(help="Millimetres per pixel, where known.")] = None,
    grid_mm: Annotated[float | None, typer.Option(help="Pitch of a printed grid on the pad, mm.")] = None,
    ruler_mm: Annotated[
        float | None, typer.Option(help="Length between two ticks of the ruler in view, mm.")
    ] = None,
    check_bar_mm: Annotated[
        float | None, typer.Option(help="What the printed card's 50 mm bar measures on paper, mm.")
    ] = None,
    points: Annotated[
        str | None, typer.Option(metavar="X,Y,X,Y,MM", help="Two points of the photo and their distance.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Grade also what is done already.")] = False,
) -> None:
    """Grade photos of finished pads: JSON, overlay picture and grades.csv in --out."""
    from assessor.folder import CSV_NAME, grade_folder
    from assessor.options import GradeOptions, parse_points

    with _errors_as_usage():
        options = GradeOptions(
            technique=technique,
            rubric=rubric,
            suture_size=suture_size,
            kit=kit,
            mm_per_px=mm_per_px,
            grid_mm=grid_mm,
            ruler_mm=ruler_mm,
            check_bar_mm=check_bar_mm,
            points=None if points is None else parse_points(points),
        )
        done: list[PhotoDone] = []
        try:
            with _progress() as (on_start, advance):

                def on_photo(photo: PhotoDone) -> None:
                    done.append(photo)
                    advance()

                grade_folder(
                    paths, out, options, jobs=jobs, again=again, on_start=on_start, on_photo=on_photo
                )
        except KeyboardInterrupt:
            typer.echo(f"Stopped. {len(done)} graded and kept in {out}; the same command goes on.", err=True)
            raise typer.Exit(STOPPED) from None
    if not done:
        typer.echo("There is no photo (JPEG, PNG, WebP, HEIC) in what was given.", err=True)
        raise typer.Exit(NOTHING_ASSESSED)
    _tell(done)
    typer.echo(f"Results: {out / CSV_NAME}, and a picture and a JSON file for each photo beside it.")
    assessed = sum(photo.assessed for photo in done)
    raise typer.Exit(DONE if assessed == len(done) else SOME_NOT_ASSESSED if assessed else NOTHING_ASSESSED)


app.command()(motion_commands.motion)
app.command()(motion_commands.live)


@app.command()
def card(out: Annotated[Path, typer.Option(help="The PDF to write.")] = Path("card.pdf")) -> None:
    """Write the printable calibration card."""
    from assessor.report.card import write_card

    with _errors_as_usage():
        write_card(out)
    typer.echo(f"{out}: print at 100 %, check the bar with a ruler, lay it flat on the pad.")


@app.command()
def render(
    out: Annotated[Path, typer.Option(help="Folder for pads or clips and their truth.")],
    count: Annotated[int, typer.Option(min=1, help="How many pads.")] = 13,
    clips: Annotated[int, typer.Option(min=0, help="That many clips of moving instruments, no pads.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same.")] = 0,
    kit: Annotated[str | None, typer.Option(help="Only this kit: silicone, rubber or skin.")] = None,
    technique: Annotated[str | None, typer.Option(help="Only this technique, e.g. simple_running.")] = None,
    width: Annotated[int, typer.Option(help="Longer side of the photos, px.")] = 1600,
) -> None:
    """Draw synthetic pads, or clips, with their exact truth."""
    from assessor.render import write_samples

    if clips:
        from assessor.render.clips.samples import write_clips

        with _errors_as_usage():
            write_clips(out, clips, seed)
        typer.echo(f"{clips} clips in {out}, their truth in {out / 'clips.json'}.")
        return
    with _errors_as_usage():
        write_samples(out, count, seed, kit=kit, technique=technique, width=width)
    typer.echo(f"{count} pads in {out}, their truth in {out / 'truth.json'}.")


for service_command in service_commands.COMMANDS:
    app.command()(service_command)


def _version(wanted: bool) -> None:
    if wanted:
        from assessor import __version__

        typer.echo(f"assessor {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Measured feedback on sutured practice pads. For training; not for patients or credentialing."""


@contextmanager
def _errors_as_usage() -> Iterator[None]:
    """Errors that concern the whole call, not one photo, end it with code 2."""
    from assessor.errors import AssessorError

    try:
        yield
    except AssessorError as error:
        typer.echo(f"{error.text} {error.hint} [{error.code}]", err=True)
        raise typer.Exit(WRONG_USAGE) from None


@contextmanager
def _progress() -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """(start with a total, one more is done): a bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("Grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("grade", total=None)
        yield lambda total: bar.update(task, total=total), lambda: bar.advance(task)


def _tell(done: Sequence[PhotoDone]) -> None:
    """A line a photo on stdout, refusals with their reason on stderr; hints where there is one photo only."""
    for photo in sorted(done, key=lambda photo: photo.name):
        if photo.refused:
            error = photo.result["error"]
            typer.echo(f"{photo.photo}: {error['text']} {error['hint']} [{error['code']}]", err=True)
            continue
        wounds = photo.result["wounds"]
        typer.echo(f"{photo.photo}: " + ("; ".join(map(_summary, wounds)) or "no wound found"))
        if len(done) == 1:
            for hint in (hint for wound in wounds for hint in wound["hints"]):
                typer.echo(f"  {hint['text']}")
            for warning in photo.result["warnings"]:
                typer.echo(f"  note: {warning['text']}")
    kept = sum(photo.kept for photo in done)
    if kept:
        typer.echo(f"{kept} of {len(done)} were graded before with the same options (--again grades anew).")


def _summary(wound: dict[str, object]) -> str:
    """ "8 stitches, simple interrupted, 71 of 100 points"."""
    stitches, technique, score = wound["stitches"], wound["technique"], wound["score"]
    assert isinstance(stitches, list)
    assert isinstance(technique, dict)
    count = sum(not stitch["cut"] for stitch in stitches)
    parts = [f"{count} stitch" + ("" if count == 1 else "es"), str(technique["name"]).replace("_", " ")]
    if isinstance(score, dict):
        parts.append(f"{score['points']:.0f} of {score['of']:.0f} points")
    return ", ".join(parts)
