"""The test command: style, types, layers, tests, notebook; every step runs, the first failure's code is kept.

python -m scripts.check            everything
python -m scripts.check ruff mypy  some of it
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BIN = Path(sys.executable).parent
STEPS: dict[str, tuple[str, ...]] = {
    "ruff": (sys.executable, "-m", "ruff", "check", "."),
    "format": (sys.executable, "-m", "ruff", "format", "--check", "."),
    "mypy": (sys.executable, "-m", "mypy"),
    "layers": (str(_BIN / "lint-imports"),),
    "pytest": (sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile"),
    "notebook": (sys.executable, "-m", "pytest", "--nbmake", "notebooks"),
}


def run(names: list[str]) -> int:
    """Run the named steps, all without names; the exit code of the first that failed, else 0."""
    unknown = set(names) - set(STEPS)
    if unknown:
        print(f"No step {', '.join(sorted(unknown))}; there are: {', '.join(STEPS)}.", file=sys.stderr)
        return 2
    codes: dict[str, int] = {}
    for name in names or list(STEPS):
        print(f"== {name}", flush=True)
        started = time.monotonic()
        codes[name] = subprocess.run(STEPS[name], cwd=ROOT, check=False).returncode
        print(
            f"== {name}: {'ok' if not codes[name] else 'FAILED'}, {time.monotonic() - started:.0f} s",
            flush=True,
        )
    failed = [name for name, code in codes.items() if code]
    print("All checks passed." if not failed else f"Failed: {', '.join(failed)}.")
    return codes[failed[0]] if failed else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
