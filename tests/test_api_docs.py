"""docs/service.md says what the code does: settings, error codes and fields, each both ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.errors import SERVICE_CODES, STATUS_OF_CODE
from api.form import OPTION_FIELDS
from api.live.wire import LIVE_CODES
from api.serve import serve
from api.settings import Settings, default_settings
from assessor.errors import OptionError

TEXT = (Path(__file__).parents[1] / "docs" / "service.md").read_text("utf-8")


def stated(cell: str) -> object:
    """What a cell of the table says a default is."""
    words: dict[str, object] = {"unset": None, "true": True, "false": False}
    return words[cell] if cell in words else float(cell)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `ASSESSOR_(\w+)` \| ([^|]+) \|", TEXT, re.M))
    assert {name.lower() for name in rows} == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        if not field.default_factory:
            assert stated(rows[name.upper()]) == field.default


def test_every_code_is_documented_with_its_status() -> None:
    rows = {code: int(status) for code, status in re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", TEXT, re.M)}
    assert rows == SERVICE_CODES | LIVE_CODES


@pytest.mark.parametrize("name", [*STATUS_OF_CODE, *OPTION_FIELDS])
def test_mapped_codes_and_fields_are_documented(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSESSOR_MAX_UPLOAD_MB", "3")
    assert Settings().max_upload_bytes == 3 * 1024 * 1024


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_setting_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ASSESSOR_WORKERS", value)
    default_settings.cache_clear()
    with pytest.raises(OptionError, match="ASSESSOR_WORKERS") as caught:
        serve()
    assert caught.value.code == "bad_setting"
