"""Measured feedback on sutured practice pads."""
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("suture-assessor")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
