"""How sure the networks are: what their raw cues were found to mean on rendered pads they had not seen."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Calibration:
    """Written by `python -m training.calibrate`; lengths in strip pixels (a stitch is 48).

    A candidate's confidence is sigmoid(weights . cues + offset), the cues being those of `row`, its own
    log-odds the first of them.
    A bite's standard deviation is a base plus a share of how widely it may lie, and `hidden_times` as much
    under a knot; `bite_common_share` of the variance is common to all bites of a side. The incision's is a
    base and a share of the square of how widely it may lie: one of two edges, or both; its ends' a share of
    the square of how far it fades out there. A technique's score times `technique_sharpness` is its
    log-probability, but for a constant.
    """

    confidence_weights: tuple[float, ...] = (1.0,)
    confidence_offset: float = 0.0
    bite_sd_px: float = 1.0
    spread_share: float = 0.5
    hidden_times: float = 1.0
    bite_common_share: float = 0.0
    incision_sd_px: float = 1.2
    incision_spread_share: float = 0.0
    incision_fade_share: float = 0.0
    technique_sharpness: float = 1.0

    def confidence(self, cues: NDArray[np.float64]) -> float:
        weights = np.asarray(self.confidence_weights)
        return 1 / (1 + math.exp(-float(weights @ cues[: len(weights)]) - self.confidence_offset))

    def bite_sd(self, spread_px: float, hidden: bool) -> float:
        return (self.bite_sd_px + self.spread_share * spread_px) * (self.hidden_times if hidden else 1.0)

    def end_sd(self, fade_px: float) -> float:
        return self.incision_fade_share * fade_px**2

    def incision_sd(self, spread_px: float) -> float:
        return self.incision_sd_px + self.incision_spread_share * spread_px**2


@cache
def shipped() -> Calibration:
    """The calibration that belongs to the shipped networks."""
    known = json.loads(files("assessor.models").joinpath("calibration.json").read_text("utf-8"))
    return Calibration(**known | {"confidence_weights": tuple(known["confidence_weights"])})
