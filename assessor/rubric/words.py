"""Numbers and lists as a trainee reads them."""

from __future__ import annotations

from assessor.results import Target

LABELS: dict[str, str] = {
    "stitch_count": "number of stitches",
    "spacing_mm": "spacing",
    "spacing_cv": "even spacing",
    "bite_left_mm": "left bite",
    "bite_right_mm": "right bite",
    "total_bite_mm": "total bite",
    "bite_cv": "even bites",
    "symmetry": "symmetric bites",
    "bite_bias": "balance of left and right",
    "bite_travel_ratio": "bite in proportion to spacing",
    "angle_deg": "angle to the wound",
    "angle_spread_deg": "parallel stitches",
    "row_straightness_mm": "straight row",
    "knot_side_share": "knots on one side",
    "tail_mm": "thread ends",
    "end_gap_mm": "gap at the wound's end",
    "coverage": "wound covered",
    "pass_distance_mm": "distance between the two passes",
    "suture_wound_ratio": "suture length to wound length",
}


def number(x: float) -> str:
    """Two decimals below 1, one below 10, none from there; no trailing zeros."""
    decimals = 2 if abs(x) < 0.95 else 1 if abs(x) < 9.95 else 0
    text = f"{x:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def mm(x: float) -> str:
    return f"{number(x)} mm"


def percent(x: float) -> str:
    return f"{100 * x:.0f} %"


def aim(target: Target, unit: str = "") -> str:
    """ "4 to 6 mm", "at least 3 mm", "at most 10 mm"."""
    tail = f" {unit}" if unit else ""
    if target.low is None:
        return f"at most {number(target.high or 0.0)}{tail}"
    if target.high is None:
        return f"at least {number(target.low)}{tail}"
    return f"{number(target.low)} to {number(target.high)}{tail}"


def stitches(indices: tuple[int, ...]) -> str:
    """ "Stitch 3", "Stitches 3 and 6": numbered from 1 as on the overlay."""
    numbers = [str(i + 1) for i in sorted(indices)]
    if len(numbers) == 1:
        return f"Stitch {numbers[0]}"
    return "Stitches " + ", ".join(numbers[:-1]) + f" and {numbers[-1]}"
