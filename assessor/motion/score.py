"""Points from 0 to 100 for steadiness alone. Speed, time and counts never enter: haste must not pay."""

from __future__ import annotations

from collections.abc import Sequence

from assessor.motion.results import Steadiness, Tremor
from assessor.results import Score

NAME, VERSION = "steadiness", "1"
# Full points at what vitreoretinal surgeons show in the most delicate part (38 um rms, Singh & Riviere 2002),
# none at the upper end of their tremor (200 um rms, PMC3989364).
FULL_UM, NONE_UM = 38.0, 200.0


def tremor_points(tremor: Tremor) -> float | None:
    """Of one tip, 0 to 100; None without a scale or a measurement.

    Below the floor counts as full where the floor itself lies low enough to know.
    """
    if tremor.unit != "um":
        return None
    if tremor.status == "below_floor":
        floor = tremor.noise_floor
        return 100.0 if floor is not None and 2 * floor <= FULL_UM else None
    if tremor.status != "measured" or tremor.rms is None:
        return None
    return 100 * min(1.0, max(0.0, (NONE_UM - tremor.rms) / (NONE_UM - FULL_UM)))


def score(tremors: Sequence[Tremor], held: Sequence[Steadiness]) -> Score | None:
    """Mean over what could be measured of each tip: its tremor and, for task hold, its share in the zone.

    None where nothing was measured; `coverage` is the share that was.
    """
    parts = [tremor_points(t) for t in tremors]
    parts += [None if s.zone_share is None else 100 * s.zone_share for s in held]
    known = [p for p in parts if p is not None]
    if not known:
        return None
    return Score(sum(known) / len(known), 100.0, len(known) / len(parts), NAME, VERSION)
