"""Build step: the front-end libraries of api/web/vendor, from their npm packages, checked by their hashes.

Runs with `pip install`; `python hatch_build.py` does it alone. The files are not in the repository;
wheels and source archives carry them. An editable install without the registry goes on: the live page
then shows no curves, and filters need a tap on "Show".
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import urllib.request
import warnings
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, outside a build
    BuildHookInterface = object

VENDOR = Path(__file__).parent / "api" / "web" / "vendor"
TIMEOUT_S = 60
# Package, version, sha512 as the registry and package-lock files state it, {name here: name in the package}.
LIBRARIES = (
    (
        "uplot",
        "1.6.32",
        "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        {"uPlot.js": "dist/uPlot.esm.js", "uPlot.css": "dist/uPlot.min.css", "uPlot.LICENSE": "LICENSE"},
    ),
    (
        "htmx.org",
        "4.0.1",
        "oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
        {"htmx.js": "dist/htmx.min.js", "htmx.LICENSE": "LICENSE"},
    ),
)


def fetch() -> None:
    """Download what is not there yet. OSError without the registry, ValueError where a hash differs."""
    for name, version, sha512, files in LIBRARIES:
        stamp = VENDOR / f"{name}.version"
        wanted = [VENDOR / file for file in files]
        if stamp.exists() and stamp.read_text() == version and all(file.exists() for file in wanted):
            continue
        url = f"https://registry.npmjs.org/{name}/-/{name}-{version}.tgz"
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            archive = answer.read()
        if base64.b64encode(hashlib.sha512(archive).digest()).decode() != sha512:
            raise ValueError(f"{url} is not what it was: its sha512 differs")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for file, member in files.items():
                content = tar.extractfile(f"package/{member}")
                assert content is not None
                (VENDOR / file).write_bytes(content.read())
        stamp.write_text(version)


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            fetch()
        except OSError as exc:
            if version != "editable":  # a release is whole or is not made
                raise
            warnings.warn(f"No npm registry ({exc}): pages will do without uPlot and htmx.", stacklevel=1)


if __name__ == "__main__":
    fetch()
