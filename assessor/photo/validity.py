"""Which metric means something for which technique, seen from above (guide metrics.md 3)."""

from __future__ import annotations

# The contract's metrics, in the order they are reported. `_mm` names have a `_px` twin without a scale.
METRICS: tuple[str, ...] = (
    "stitch_count",
    "spacing_mm",
    "spacing_cv",
    "bite_left_mm",
    "bite_right_mm",
    "total_bite_mm",
    "bite_cv",
    "symmetry",
    "bite_bias",
    "bite_travel_ratio",
    "angle_deg",
    "angle_spread_deg",
    "row_straightness_mm",
    "knot_side_share",
    "tail_mm",
    "end_gap_mm",
    "coverage",
)
# Added to the contract: distance between the two passes of a horizontal mattress (its bar) or of a
# figure of eight, and the estimated suture-to-wound-length ratio of a running suture.
PAIRED = frozenset({"horizontal_mattress", "figure_of_eight"})
EXTRA: dict[str, frozenset[str]] = {
    "pass_distance_mm": PAIRED,
    "suture_wound_ratio": frozenset({"simple_running"}),
}
# Nothing of these can be seen on the surface: neither count nor bites.
HIDDEN = frozenset({"subcuticular", "buried"})
# A gap this many times as wide as the median of the others may hide a stitch that was not found.
WIDE_GAP = 1.6

UNITS: dict[str, str] = {
    "stitch_count": "stitches",
    "angle_deg": "deg",
    "angle_spread_deg": "deg",
}

_EVERYTHING = frozenset(METRICS)
_NOT_APPLICABLE: dict[str, frozenset[str]] = {
    # knots only at the ends
    "simple_running": frozenset({"knot_side_share"}),
    # one end of each rung lies in a loop, not in a puncture of its own
    "running_locking": frozenset(
        {
            "bite_left_mm",
            "bite_right_mm",
            "total_bite_mm",
            "bite_cv",
            "symmetry",
            "bite_bias",
            "bite_travel_ratio",
            "knot_side_share",
        }
    ),
    # next to nothing crosses the wound: no chord to take an angle of; bites are the far ones
    "vertical_mattress": frozenset({"angle_deg", "angle_spread_deg", "bite_travel_ratio"}),
    # the visible bars run along the wound
    "horizontal_mattress": frozenset({"angle_deg", "angle_spread_deg", "bite_travel_ratio"}),
    "figure_of_eight": frozenset({"bite_travel_ratio", "spacing_cv"}),
    "staples": frozenset({"knot_side_share", "tail_mm", "bite_travel_ratio"}),
    "subcuticular": _EVERYTHING,
    "buried": _EVERYTHING,
}


def names(technique: str) -> tuple[str, ...]:
    """All metrics reported for a technique: the contract's and those added for it."""
    return METRICS + tuple(name for name, where in EXTRA.items() if technique in where)


def applies(name: str, technique: str) -> bool:
    """Whether metric `name` means something for `technique`; an unknown technique is measured plainly."""
    return name not in _NOT_APPLICABLE.get(technique, frozenset())


def unit(name: str) -> str:
    """Unit of a metric; "1" for ratios."""
    if name.endswith("_mm"):
        return "mm"
    if name.endswith("_px"):
        return "px"
    return UNITS.get(name, "1")
