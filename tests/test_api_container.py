"""Containerfile and compose.yaml: linted, and every command, flag, port, path and variable in them is real.

There is no container engine where the tests run, so nothing is built here.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import dockerfile  # type: ignore[import-untyped]
import pytest
import typer
import yaml
from distributed.cli.dask_scheduler import main as dask_scheduler
from pydantic import SecretStr
from sqlalchemy import make_url

from api.settings import SECRETS, Settings
from api.store.engine import database_url
from assessor import __version__
from assessor.cli import app

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CONTAINERFILE = ROOT / "Containerfile"
COMPOSE_TEXT = (ROOT / "compose.yaml").read_text("utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, one in SERVICES.items() if "build" in one]
STEPS = list(dockerfile.parse_file(str(CONTAINERFILE)))
LAST_STAGE = STEPS[max(at for at, step in enumerate(STEPS) if step.cmd == "FROM") :]
VARIABLES = {
    name: value
    for step in LAST_STAGE
    if step.cmd == "ENV"
    for name, value in zip(step.value[::2], step.value[1::2], strict=True)
}


def step(command: str) -> list[str]:
    """What the image's last stage says of a command that it has once."""
    (found,) = (step for step in LAST_STAGE if step.cmd == command)
    return list(found.value)


def lint_containerfile(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "hadolint", file], capture_output=True, text=True, check=False)


def lint_compose(file: Path) -> subprocess.CompletedProcess[str]:
    """Against the Compose specification's own schema."""
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_containerfile_is_clean() -> None:
    done = lint_containerfile(CONTAINERFILE)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("line", "rule"),
    [("RUN sudo true", "DL3004"), ("RUN cd /tmp && rm $x", "SC2086"), ("FROM debian:latest", "DL3007")],
)
def test_the_containerfiles_linter_looks(line: str, rule: str, tmp_path: Path) -> None:
    worse = tmp_path / "Containerfile"
    worse.write_text(CONTAINERFILE.read_text() + line + "\n")
    done = lint_containerfile(worse)
    assert done.returncode == 1
    assert rule in done.stdout


def test_the_compose_file_is_one() -> None:
    done = lint_compose(ROOT / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_the_compose_files_linter_looks(tmp_path: Path) -> None:
    worse = tmp_path / "compose.yaml"
    worse.write_text(COMPOSE_TEXT.replace("healthcheck:", "healthchecks:"))
    assert lint_compose(worse).returncode == 1


def test_every_image_has_a_version() -> None:
    images = [one["image"] for one in SERVICES.values()]
    images += [step.value[0] for step in STEPS if step.cmd == "FROM"]
    for image in images:
        tag = image.rpartition(":")[2]
        assert re.match(r"\d", tag), image
    assert {SERVICES[name]["image"] for name in OURS} == {f"suture-assessor:{__version__}"}
    ci = (ROOT / ".ci" / "run").read_text()
    assert "bare Debian 12" in ci
    assert {step.value[0] for step in STEPS if step.cmd == "FROM"} == {"docker.io/library/debian:12-slim"}


def test_nobody_is_root() -> None:
    user = step("USER")[0]
    uid = int(user.partition(":")[0])
    assert uid > 0
    made = next(text for s in LAST_STAGE if s.cmd == "RUN" for text in s.value)
    assert f"useradd --system --user-group --uid {uid} " in made
    assert f"--home-dir {VARIABLES['ASSESSOR_DATA_DIR']} --create-home" in made
    for name in OURS:
        assert "user" not in SERVICES[name]
        assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_what_the_wheel_needs_is_copied_and_not_ignored() -> None:
    copied = {
        source
        for s in STEPS
        if s.cmd == "COPY" and not any(flag.startswith("--from") for flag in s.flags)
        for source in s.value[:-1]
    }
    pyproject = (ROOT / "pyproject.toml").read_text()
    wanted = {
        "pyproject.toml",
        "hatch_build.py",
        *re.findall(r'"(README.md|LICENSE|assessor|api)"', pyproject),
    }
    assert copied == wanted
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_the_image_has_the_system_packages_that_ci_installs() -> None:
    installed = " ".join(text for s in LAST_STAGE if s.cmd == "RUN" for text in s.value)
    needed = re.findall(r"^  need '.*' (lib\S+|fonts-\S+)$", (ROOT / ".ci" / "run").read_text(), re.M)
    assert needed == ["libgl1", "libglib2.0-0", "fonts-dejavu-core", "fonts-wqy-zenhei"]
    assert set(needed) <= set(installed.split())


def commands() -> Iterator[tuple[str, list[str]]]:
    """Service and what it runs, the image's own command where it says none."""
    for name in OURS:
        one = SERVICES[name]
        yield name, [*one.get("entrypoint", step("ENTRYPOINT")), *one.get("command", step("CMD"))]


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_commands_are_understood_by_the_program_they_name(name: str, command: list[str]) -> None:
    program, what, *arguments = command
    if program == "assessor":
        cli = typer.main.get_command(app).commands[what]  # type: ignore[attr-defined]
    else:
        assert (program, what) == ("dask", "scheduler")
        cli = dask_scheduler
    assert (BIN / program).exists()
    with cli.make_context(what, arguments):  # parses and checks; it ends the test on an unknown flag
        pass


def test_an_unknown_flag_is_seen() -> None:
    cli = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="--hosts"):
        cli.make_context("serve", ["--hosts", "0.0.0.0"])


def parsed(name: str) -> dict[str, Any]:
    command = dict(commands())[name]
    group = typer.main.get_command(app)
    cli = dask_scheduler if command[0] == "dask" else group.commands[command[1]]  # type: ignore[attr-defined]
    with cli.make_context(command[1], command[2:]) as context:
        return dict(context.params)


def test_addresses_and_ports_meet() -> None:
    environment = SERVICES["service"]["environment"]
    port = parsed("service")["port"]
    assert step("EXPOSE") == [str(port)]
    (published,) = SERVICES["service"]["ports"]
    assert published == f"127.0.0.1:{port}:{port}"
    asked = next(s for s in LAST_STAGE if s.cmd == "HEALTHCHECK")
    assert f"http://127.0.0.1:{port}/api/v1/health" in " ".join(asked.value)
    scheduler = environment["ASSESSOR_CLUSTER"]
    assert parsed("worker")["scheduler"] == scheduler
    assert urlsplit(scheduler).hostname == "scheduler"
    assert str(urlsplit(scheduler).port) == parsed("scheduler")["port"]
    assert f"'127.0.0.1', {urlsplit(scheduler).port}" in SERVICES["scheduler"]["healthcheck"]["test"][-1]
    url, database = make_url(environment["ASSESSOR_DATABASE_URL"]), SERVICES["database"]
    assert url.host == "database"
    assert url.username == database["environment"]["POSTGRES_USER"]
    assert url.database == database["environment"]["POSTGRES_DB"]
    check = database["healthcheck"]["test"]
    assert {f"--username={url.username}", f"--dbname={url.database}"} <= set(check)
    for one in ("database", "scheduler", "worker"):  # reached through the service alone
        assert SERVICES[one]["networks"] == ["back"]
        assert "ports" not in SERVICES[one]
    assert COMPOSE["networks"]["back"] == {"internal": True}


def test_photos_and_tables_outlive_their_containers() -> None:
    folder = VARIABLES["ASSESSOR_DATA_DIR"]
    assert step("VOLUME") == [folder]
    assert SERVICES["service"]["volumes"] == [f"photos:{folder}"]
    assert SERVICES["database"]["volumes"] == ["database:/var/lib/postgresql/data"]
    assert set(COMPOSE["volumes"]) == {"photos", "database"}


def test_what_is_set_is_a_setting_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    given = VARIABLES | SERVICES["service"]["environment"]
    ours = {name: value for name, value in given.items() if name.startswith("ASSESSOR_")}
    assert {name.removeprefix("ASSESSOR_").lower() for name in ours} <= set(Settings.model_fields)
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.cluster == ours["ASSESSOR_CLUSTER"]
    assert str(settings.data_dir) == ours["ASSESSOR_DATA_DIR"]


def test_secrets_are_files_that_the_service_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert {name for one in SERVICES.values() for name in one.get("secrets", ())} == set(COMPOSE["secrets"])
    for name in COMPOSE["secrets"]:
        assert name in SERVICES["service"]["secrets"]
        assert SecretStr in get_args(Settings.model_fields[name.removeprefix("assessor_")].annotation)
    password = SERVICES["database"]["environment"]["POSTGRES_PASSWORD_FILE"]
    assert password == str(SECRETS / "assessor_database_password")
    (tmp_path / "assessor_database_password").write_text("p@ss/word\n")
    settings = Settings(
        _secrets_dir=tmp_path, database_url=SERVICES["service"]["environment"]["ASSESSOR_DATABASE_URL"]
    )
    assert settings.database_password is not None
    assert settings.database_url is not None
    told = settings.database_password.get_secret_value()
    assert database_url(settings.database_url.get_secret_value(), tmp_path, told).password == "p@ss/word"
    own = database_url("postgresql://a:own@h/d", tmp_path, told)
    assert own.password == "own"
    assert "p@ss" not in repr(settings)


def test_no_secret_stands_in_the_files() -> None:
    environments = [one.get("environment", {}) for one in SERVICES.values()]
    for name, value in (pair for e in [VARIABLES, *environments] for pair in e.items()):
        assert "PASSWORD" not in name or name.endswith("_FILE")
        assert urlsplit(value).password is None
    assert (ROOT / ".gitignore").read_text().splitlines().count("/secrets/") == 1


def test_the_databases_health_is_asked_as_it_can_be() -> None:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_isready"))
    if not programs:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    _, program, *flags = SERVICES["database"]["healthcheck"]["test"]
    assert program == "pg_isready"
    # 1: rejecting, 2: no answer, 3: a flag that is none
    done = subprocess.run([programs[-1], *flags, "--port=1"], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr


def test_the_documents_commands_name_services_and_commands_that_exist() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    text = (ROOT / "docs" / "classroom.md").read_text("utf-8")
    lines = [shlex.split(line) for line in re.findall(r"docker (?:compose|run) [^`\n]+", text)]
    assert {words[2] for words in lines if words[1] == "compose"} == {"up", "logs", "exec", "cp", "ps"}
    for words in lines:
        if words[2] in ("exec", "logs"):
            assert words[3] in SERVICES
        if words[2] == "cp":
            assert words[3].startswith(f"service:{VARIABLES['ASSESSOR_DATA_DIR']}/")
        if "assessor" in words:
            assert words[words.index("assessor") + 1] in known
        if words[1] == "run":
            image = words.index(SERVICES["worker"]["image"])
            assert words[image + 1] in known
