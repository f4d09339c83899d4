"""The documents say what the code does: commands, flags, codes, links, and what CI runs."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
import typer

from assessor.cli import app
from scripts import check
from scripts.bench_gate import figures

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
CODES = (ROOT / "docs" / "codes.md").read_text("utf-8")
CI = (ROOT / ".ci" / "run").read_text("utf-8")
COMMANDS = {
    name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
}
SHELL_LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
    for line in block.strip().splitlines()
]
CALLS = {"Notice", "Hint", "_failure"}


def codes_in_source() -> set[str]:
    """Literal codes that errors, warnings and hints of the assessor are made with."""
    found = set()
    for file in sorted((ROOT / "assessor").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name not in CALLS and not re.fullmatch(
                r"(Assessor|Intake|Quality|Motion|Scale|Option|Rubric)Error", name
            ):
                continue
            code = node.args[0] if node.args else None
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                found.add(code.value)
    return found


def strings_in_source() -> tuple[set[str], set[str]]:
    """Every string of the assessor, and how every f-string begins."""
    whole, begun = set(), set()
    for file in sorted((ROOT / "assessor").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
    return whole, begun


def documented_codes() -> set[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", CODES, re.M)
    return {code for row in rows for code in re.findall(r"`([a-z_*]+)`", row)}


def test_every_code_of_the_assessor_is_documented() -> None:
    codes = codes_in_source()
    assert {"no_wound", "file_empty", "grading_died", "well_done"} <= codes  # the search finds what it should
    assert codes - documented_codes() == set()


def test_every_documented_code_exists() -> None:
    whole, begun = strings_in_source()
    assert len(documented_codes()) > 60
    gone = {
        code
        for code in documented_codes()
        if code.rstrip("*") not in whole | begun
        and not any(start.endswith("_") and len(start) > 3 and code.startswith(start) for start in begun)
    }
    assert gone == set()


@pytest.mark.parametrize(
    ("command", "option"),
    sorted((c, o) for c, options in COMMANDS.items() for o in options if o.startswith("--")),
)
def test_every_flag_stands_in_the_readme(command: str, option: str) -> None:
    assert f"assessor {command}" in README
    assert re.search(rf"`?{re.escape(option)}\b", README)


@pytest.mark.parametrize("line", [line for line in SHELL_LINES if "assessor " in line])
def test_commands_of_the_readme_exist(line: str) -> None:
    words = shlex.split(line.split("&&")[-1], comments=True)
    assert words[0] == "assessor"
    assert words[1] in COMMANDS
    assert {word for word in words[2:] if word.startswith("--")} <= COMMANDS[words[1]]


def test_ci_runs_the_two_commands_as_the_readme_gives_them() -> None:
    setups = [line for line in SHELL_LINES if line.startswith("python3 -m venv")]
    assert len(setups) == 2
    assert setups[0].endswith("assessor grade samples --out results")
    assert setups[1].endswith("python -m scripts.check")
    for line in setups:
        assert line in CI
    assert "python -m scripts.check" in CONTRIBUTING


def test_the_check_holds_every_tool() -> None:
    assert list(check.STEPS) == ["ruff", "format", "mypy", "layers", "pytest", "notebook"]
    assert check.run(["no-such-step"]) == 2


def test_the_python_example_of_the_readme_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(example, names)
    assert names["picture"].shape[2] == 3  # type: ignore[attr-defined]
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/codes.md", "docs/service.md"])
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert ((ROOT / document).parent / target).exists(), target


def test_the_documented_command_is_the_one_that_made_the_samples() -> None:
    manifest = json.loads((ROOT / "samples" / "manifest.json").read_text("utf-8"))
    count, seed = len(manifest["photos"]), manifest["seed"]
    assert f"assessor render --out samples --count {count} --seed {seed}" in CONTRIBUTING


def test_the_accuracy_table_can_be_read() -> None:
    assert all(0 <= f1 <= 1 for f1 in figures(README).values())


def test_the_notebook_is_kept_without_outputs() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
        assert cells
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
