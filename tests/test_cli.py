"""The command line: what other programs rely on (contract.md), and that help costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import assessor
from assessor.cli import app
from assessor.folder import CSV_NAME, PhotoDone
from assessor.render.scene import render_photo

HEAVY = ("cv2", "numpy", "scipy", "skimage", "PIL", "fastapi", "reportlab")
runner = CliRunner()


@pytest.fixture(scope="module")
def pad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pad") / "pad.png"
    cv2.imwrite(
        str(path), render_photo(np.random.default_rng(5), 320, 320, kit="silicone", wounds=1, poor=0.0).bgr
    )
    return path


@pytest.mark.parametrize(
    "code", ["import assessor", "import assessor.cli", "run(['--help'])", "run(['grade', '--help'])"]
)
def test_help_and_import_are_light(code: str) -> None:
    script = (
        "import sys\n"
        "def run(args):\n"
        "    from assessor.cli import app\n"
        "    app(args, standalone_mode=False)\n"
        f"{code}\n"
        f"print('LOADED', *[m for m in {HEAVY} if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "LOADED"


def test_the_commands_and_options_of_the_contract_exist() -> None:
    assert runner.invoke(app, ["--help"]).exit_code == 0
    for command, options in {
        "grade": "technique rubric suture-size kit mm-per-px grid-mm ruler-mm check-bar-mm points jobs out "
        "again",
        "serve": "host port single-user",
        "card": "out",
        "render": "out count seed kit technique width",
    }.items():
        shown = runner.invoke(app, [command, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        for option in options.split():
            assert f"--{option}" in shown.output


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).output.strip() == f"assessor {assessor.__version__}"


def test_grading_a_photo_writes_what_the_contract_says(tmp_path: Path, pad: Path) -> None:
    out = tmp_path / "out"
    ran = runner.invoke(app, ["grade", str(pad), "--out", str(out), "--mm-per-px", "0.1"])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.output
    assert {p.name for p in out.iterdir()} == {"pad.json", "pad.overlay.png", CSV_NAME}
    result = json.loads((out / "pad.json").read_text())
    assert result["schema_version"] == "1"
    assert result["scale"]["method"] == "given"
    assert result["grading"]["options"]["mm_per_px"] == 0.1
    assert str(out / CSV_NAME) in ran.stdout
    again = runner.invoke(app, ["grade", str(pad), "--out", str(out), "--mm-per-px", "0.1"])
    assert again.exit_code == ran.exit_code
    assert "--again" in again.stdout


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        (["graded", "graded"], 0),
        (["graded", "refused"], 1),
        (["graded", "no wound"], 1),
        (["refused", "no wound"], 3),
        (["refused"], 3),
        (["no wound"], 3),
    ],
)
def test_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kinds: list[str], code: int) -> None:
    """What each kind of photo means for the call, whatever perception makes of a picture."""
    wound = {
        "stitches": [{"cut": True}, {"cut": False}],
        "technique": {"name": "simple_running"},
        "score": {"points": 7.0, "of": 10.0},
        "hints": [],
    }
    error = {"code": "broken", "text": "Broken.", "hint": "Mend it."}
    results = {
        "graded": {"wounds": [wound], "warnings": []},
        "no wound": {"wounds": [], "warnings": []},
        "refused": {"wounds": [], "warnings": [], "error": error},
    }

    def graded(*_: object, on_photo: Callable[[PhotoDone], None], **__: object) -> None:
        for i, kind in enumerate(kinds):
            on_photo(PhotoDone(Path(f"{kind}.jpg"), str(i), results[kind], kept=False))

    monkeypatch.setattr("assessor.folder.grade_folder", graded)
    ran = runner.invoke(app, ["grade", "x.jpg", "--out", str(tmp_path)])
    assert ran.exit_code == code
    assert ("graded.jpg: 1 stitch, simple running, 7 of 10 points" in ran.stdout) == ("graded" in kinds)
    assert ("refused.jpg: Broken. Mend it. [broken]" in ran.stderr) == ("refused" in kinds)
    assert ("no wound.jpg: no wound found" in ran.stdout) == ("no wound" in kinds)


def test_bad_files_and_empty_folders_end_with_three(tmp_path: Path) -> None:
    out, bad = str(tmp_path / "out"), tmp_path / "bad.jpg"
    bad.write_text("no photo")
    ran = runner.invoke(app, ["grade", str(bad), str(tmp_path / "gone.jpg"), "--out", out])
    assert ran.exit_code == 3
    assert "bad.jpg" in ran.stderr
    assert "gone.jpg" in ran.stderr
    (tmp_path / "nothing").mkdir()
    nothing = runner.invoke(app, ["grade", str(tmp_path / "nothing"), "--out", out])
    assert nothing.exit_code == 3
    assert "no photo" in nothing.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--technique", "knitting"], "unknown_technique"),
        (["--suture-size", "thin"], "bad_suture_size"),
        (["--mm-per-px", "0"], "bad_mm_per_px"),
        (["--mm-per-px", "nan"], "bad_mm_per_px"),
        (["--grid-mm", "-1"], "bad_grid_mm"),
        (["--ruler-mm", "inf"], "bad_ruler_mm"),
        (["--points", "1,2,3"], "bad_points"),
        (["--points", "1,2,a,4,5"], "bad_points"),
        (["--points", "1,2,1,2,5"], "bad_points"),
        (["--points", "1,2,30,2,0"], "bad_points"),
        (["--rubric", "no-such-rubric"], ""),
        (["--jobs", "0"], ""),
        (["--no-such-option"], ""),
    ],
)
def test_wrong_usage_is_said_before_anything_is_written(
    tmp_path: Path, pad: Path, options: list[str], code: str
) -> None:
    ran = runner.invoke(app, ["grade", str(pad), "--out", str(tmp_path / "out"), *options])
    assert ran.exit_code == 2
    assert code in ran.stderr
    assert "Traceback" not in ran.output
    assert not (tmp_path / "out").exists()


def test_no_command_and_no_photo_are_wrong_usage() -> None:
    assert runner.invoke(app, []).exit_code == 2
    assert runner.invoke(app, ["grade"]).exit_code == 2


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, pad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assessor.folder.grade_file", interrupted)
    ran = runner.invoke(app, ["grade", str(pad), "--out", str(tmp_path / "out")])
    assert ran.exit_code == 130
    assert "goes on" in ran.stderr
    assert (tmp_path / "out" / CSV_NAME).exists()


def test_card_writes_a_pdf(tmp_path: Path) -> None:
    ran = runner.invoke(app, ["card", "--out", str(tmp_path / "card.pdf")])
    assert ran.exit_code == 0, ran.output
    assert (tmp_path / "card.pdf").read_bytes().startswith(b"%PDF")


def test_serve_is_found_by_its_entry_point_and_its_errors_are_usage() -> None:
    assert [e.value for e in entry_points(group="assessor.commands", name="serve")] == ["api.serve:serve"]
    ran = runner.invoke(app, ["serve", "--single-user", "--host", "0.0.0.0"])
    assert ran.exit_code == 2
    assert "not_local" in ran.stderr


def test_serve_without_the_service_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: ())
    ran = runner.invoke(app, ["serve"])
    assert ran.exit_code == 2
    assert "not installed" in ran.stderr


def test_every_public_name_is_there() -> None:
    assert assessor.__all__ == sorted(assessor.__all__)
    for name in assessor.__all__:
        assert getattr(assessor, name) is not None
    with pytest.raises(AttributeError):
        assessor.no_such_name  # noqa: B018
    assert set(assessor.__all__) <= set(dir(assessor))
