"""Synthetic pads with their exact truth: for samples, tests and training. See the modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assessor.render.samples import write_samples

__all__ = ["write_samples"]


def __getattr__(name: str) -> Any:
    """Training imports this package in many processes: it need not load the samples' code."""
    if name != "write_samples":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assessor.render.samples import write_samples

    return write_samples
