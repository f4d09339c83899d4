"""How sure the networks are: what their raw cues were found to mean on rendered pads they had not seen."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Calibration:
    """Written by `python -m training.calibrate`; lengths in strip pixels (a stitch is 48).

    A candidate's probability p becomes the confidence sigmoid(slope * logit(p) + offset). A bite's standard
    deviation is a base, larger under a knot, plus a share of how far the cues for it lie apart.
    """

    confidence_slope: float = 1.0
    confidence_offset: float = 0.0
    bite_sd_px: float = 1.0
    hidden_bite_sd_px: float = 2.5
    spread_share: float = 0.5
    incision_sd_px: float = 1.2

    def confidence(self, probability: float) -> float:
        p = min(max(probability, 1e-4), 1 - 1e-4)
        return 1 / (1 + math.exp(-(self.confidence_slope * math.log(p / (1 - p)) + self.confidence_offset)))

    def bite_sd(self, spread_px: float, hidden: bool) -> float:
        return (self.hidden_bite_sd_px if hidden else self.bite_sd_px) + self.spread_share * spread_px


@cache
def shipped() -> Calibration:
    """The calibration that belongs to the shipped networks."""
    return Calibration(**json.loads(files("assessor.models").joinpath("calibration.json").read_text("utf-8")))
