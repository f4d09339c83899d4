"""What of a MotionAssessment stands in columns: of each hand its tremor, path and smoothness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HANDS = ("left", "right", "unknown")
# Of which trends are shown, and which way is better: -1 less, 1 more, 0 neither.
TRENDS = {"tremor_rms_um": -1, "tremor_rms_px": -1, "path_length_mm": 0, "path_length_px": 0, "sparc": 1}


@dataclass(frozen=True, slots=True)
class MetricRow:
    name: str
    status: str
    value: float | None
    sd: float | None
    sampling_sd: float | None = None


def motion_metrics(document: dict[str, Any]) -> Iterator[MetricRow]:
    """A row "HAND.METRIC" for each; `sd` is how far the clip itself says it could be off by chance
    (`api/repeatability.py`), None where it does not say."""
    repeat = {row["tip"]: row for row in document.get("repeatability", ())}
    seen = set()
    for tip in document["tips"]:
        if tip["hand"] in seen:  # two tips of which nobody knows whose: the first one stands
            continue
        seen.add(tip["hand"])
        for row in _tip_metrics(tip, repeat.get(tip["id"], {})):
            yield MetricRow(f"{tip['hand']}.{row.name}", row.status, row.value, row.sd)


def _tip_metrics(tip: dict[str, Any], sds: dict[str, float | None]) -> Iterator[MetricRow]:
    tremor, smooth, held = tip["tremor"], tip["smoothness"], tip["steadiness"]
    unit, length = tremor["unit"], tip["unit"]
    floor = tremor["noise_floor"]
    yield MetricRow(f"tremor_rms_{unit}", tremor["status"], tremor[f"rms_{unit}"], sds.get("tremor_rms"))
    yield MetricRow(
        f"tremor_floor_{unit}", "measured" if floor is not None else tremor["status"], floor, None
    )
    peak = "measured" if tremor["peak_status"] == "distinct" else tremor["peak_status"]
    yield MetricRow("peak_hz", peak, tremor["peak_hz"], None)
    yield MetricRow(
        f"path_length_{length}", tip["economy_status"], tip["path_length"], sds.get("path_length")
    )
    yield MetricRow("sparc", smooth["status"], smooth["sparc"], sds.get("sparc"))
    yield MetricRow("idle_share", tip["economy_status"], tip["idle_share"], None)
    if held is not None:
        yield MetricRow("zone_share", held["status"], held["zone_share"], None)
    yield MetricRow("tracked_share", "measured", tip["tracked_share"], None)
