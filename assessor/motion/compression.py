"""What a recorder's compression takes from a tremor, told from the clip itself.

A picture that is predicted from both sides (a B picture) is given few bits and shows what its neighbours
show: less of a motion that turns round between them. Its neighbours are coded better, and one sine fitted
to both kinds tells how much less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from assessor.motion.frames import ALONE, BETWEEN
from assessor.motion.spectrum import WindowFit

Array = NDArray[np.float64]
Kinds = NDArray[np.int8]
Band = tuple[float, float]

FEWEST = 8  # pictures of a kind in a window
GATE = 5.0  # times the median density: a sine
# Most clips lose little: an exponential prior of this mean, so that a ratio hardly known changes little.
USUAL_LOSS = 0.1
# Pictures that are predicted forward lose some, too: this share, known to half of itself, of what those
# predicted from both sides lose beside them (fitted on 124 tips of rendered clips, 28 scenes, H.264 crf 17).
FORWARD_SHARE, FORWARD_SHARE_SD = 0.67, 0.33
# What else they lose: seen were up to this share of noise over sine, in power.
FORWARD_LOSS = 0.5


@dataclass(frozen=True, slots=True)
class Shown:
    """How much of a tremor the pictures of a clip show.

    `between`: the share in those predicted from both sides against the others, known to `between_sd`.
    `noise`: in power over the sine's, what the others show beside it, 0 where each is coded alone.
    """

    between: float = 1.0
    between_sd: float = 0.0
    noise: float = 0.0

    def of(self, kinds: Kinds) -> Array:
        """(n,) the share that each picture shows."""
        forward = self._forward
        return np.select([kinds == ALONE, kinds == BETWEEN], [1.0, forward * self.between], forward)

    def relative_sd(self, kinds: Kinds) -> float:
        """Of an amplitude that was had with `of` these pictures."""
        own, predicted = float((kinds == BETWEEN).mean()), float((kinds != ALONE).mean())
        ratio = own / (1 - own * (1 - self.between)) + predicted * FORWARD_SHARE / self._forward
        share = predicted * (1 - self.between) / self._forward
        return math.hypot(ratio * self.between_sd, share * FORWARD_SHARE_SD, FORWARD_LOSS * self.noise)

    @property
    def _forward(self) -> float:
        """The share of a tremor in pictures predicted forward."""
        return 1 - FORWARD_SHARE * (1 - self.between)


def shown(windows: Sequence[tuple[WindowFit, Kinds]], band_hz: Band) -> Shown:
    """By the strongest sine of each window within `band_hz`, all windows together."""
    found = [one for fit, kinds in windows if (one := _of_window(fit, kinds, band_hz)) is not None]
    if not found:
        return Shown()
    ratio, ratio_sd, noise = np.array(found).T
    known = ratio_sd > 0
    if not known.any():
        return Shown(noise=float(np.median(noise)))
    weight = 1 / ratio_sd[known] ** 2
    between, sd = _likely(float(weight @ ratio[known] / weight.sum()), float(weight.sum() ** -0.5))
    return Shown(between, sd, float(np.median(noise)))


def _of_window(fit: WindowFit, kinds: Kinds, band_hz: Band) -> tuple[float, float, float] | None:
    """Ratio, its sd (0: not both kinds) and noise over sine; None where nothing is predicted or no sine."""
    between = kinds == BETWEEN
    both = min(between.sum(), (~between).sum()) >= FEWEST
    if not (kinds != ALONE).any():
        return None
    inside = (fit.freq_hz >= band_hz[0]) & (fit.freq_hz <= band_hz[1])
    density = np.where(inside, fit.density, 0.0)
    k = int(density.argmax())
    if density[k] < GATE * float(np.median(fit.density)):
        return None
    apart = fit.apart(fit.refined(float(fit.freq_hz[k])), between & both)
    noise = float(apart.noise[0] / apart.power[0])
    if not both:
        return 1.0, 0.0, noise
    ratio = float(apart.gain[1] / apart.gain[0])
    way = np.array([-ratio, 1.0]) / apart.gain[0]
    return ratio, math.sqrt(float(way @ apart.covariance @ way)), noise


def _likely(ratio: float, sd: float) -> tuple[float, float]:
    """Mean and sd of a ratio that is 1 at most, under the prior of `USUAL_LOSS`."""
    # An exponential prior moves a normal likelihood's middle, and cuts it at no loss.
    middle = 1 - ratio - sd**2 / USUAL_LOSS
    cut = -middle / sd
    beyond = NormalDist().cdf(-cut)
    if beyond < 1e-9:  # far above 1: no loss
        return 1.0, 0.0
    rise = NormalDist().pdf(cut) / beyond
    return 1 - (middle + sd * rise), sd * math.sqrt(max(0.0, 1 - rise * (rise - cut)))
