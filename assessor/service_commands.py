"""The commands that need the service installed: `serve`, and those that look after a class room.

They are found as entry points and not imported: the assessor works without the service.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

PROBLEM, WRONG_USAGE = 1, 2


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; else this machine's own, with --https every one."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    single_user: Annotated[
        bool, typer.Option("--single-user", help="No accounts, this machine only.")
    ] = False,
    https: Annotated[
        bool, typer.Option("--https", help="With a certificate of its own: phones need it for their camera.")
    ] = False,
    cluster: Annotated[
        str | None, typer.Option(help="A Dask scheduler whose workers grade batches: tcp://host:8786.")
    ] = None,
) -> None:
    """Run the service and its pages; prints the address to open."""
    _run("serve", host, port, single_user, https, cluster)


def worker(
    scheduler: Annotated[str, typer.Argument(help="The Dask scheduler's address: tcp://host:8786.")],
    processes: Annotated[
        int, typer.Option(min=1, max=256, help="Photos graded at once; a core each.")
    ] = os.cpu_count() or 1,
) -> None:
    """Grade batches for a service that runs with --cluster."""
    _run("worker", scheduler, processes)


def doctor() -> None:
    """Check everything the service needs, a line each."""
    if not _run("doctor"):
        raise typer.Exit(PROBLEM)


def backup(file: Annotated[Path, typer.Argument(help="The zip file to write.")]) -> None:
    """Save the class room to one file; the service may go on."""
    _run("backup", file)


def restore(file: Annotated[Path, typer.Argument(help="A file of `assessor backup`.")]) -> None:
    """Fill an empty class room from a backup, also on another kind of database."""
    _run("restore", file)


def erase(
    person: Annotated[str, typer.Argument(help="E-mail address or number.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person with all they handed in."""
    if not yes:
        typer.confirm(f"Erase {person} and all they handed in, for good?", abort=True)
    _run("erase", person)


def tidy(
    older_than_days: Annotated[
        int | None, typer.Option(min=1, help="Delete what was handed in longer ago; else the setting's.")
    ] = None,
) -> None:
    """Delete submissions beyond their time and files that nothing refers to."""
    _run("tidy", older_than_days)


COMMANDS: tuple[Callable[..., None], ...] = (serve, worker, doctor, backup, restore, erase, tidy)


def _run(name: str, *arguments: Any) -> Any:
    from importlib.metadata import entry_points

    from assessor.errors import AssessorError

    found = list(entry_points(group="assessor.commands", name=name))
    if not found:
        typer.echo("The service is not installed: install suture-assessor as a package.", err=True)
        raise typer.Exit(WRONG_USAGE)
    try:
        return found[0].load()(*arguments)
    except AssessorError as error:
        typer.echo(f"{error.text} {error.hint} [{error.code}]", err=True)
        raise typer.Exit(WRONG_USAGE) from None
