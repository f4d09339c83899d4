"""A real PostgreSQL for the tests, from Debian's packages: a new cluster on a free port."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

# Debian's own user; the server refuses to run as root.
ACCOUNT = "postgres"


@dataclass(frozen=True)
class Cluster:
    """A server that can be stopped and started; `url(name)` makes an empty database."""

    programs: Path
    folder: Path
    port: int

    def url(self, name: str) -> str:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://{ACCOUNT}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = f"-p {self.port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run(
            "pg_ctl", "-D", str(self.folder), "-w", "-l", str(self.folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """As if it crashed: connections are cut."""
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=ACCOUNT if os.getuid() == 0 else None,
            cwd=self.folder,
        )


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A running server; the test is skipped where PostgreSQL is not installed (.ci/run installs it)."""
    found = shutil.which("initdb") or next(iter(Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, socket.socket() as free:
        if os.getuid() == 0:
            shutil.chown(folder, ACCOUNT)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        server = Cluster(Path(found).parent, Path(folder), port)
        server._run("initdb", "-D", folder, "-A", "trust", "-U", ACCOUNT, "--no-sync")
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()
