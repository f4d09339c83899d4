"""Means, spreads and ratios of measured values that each carry an uncertainty.

Values x (n,) with the covariance matrix (n, n) of their measurement errors. A spread is what is
left of the observed scatter after the errors' share (guide metrics.md 1.3, noise correction).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assessor.photo.incision import FloatArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its standard uncertainty from measurement, and from how few stitches it comes.

    `sd` is about this pad: how far the true figure of these very stitches may lie. `sampling_sd`
    is about the hand: how far another row of as many stitches by the same hand would differ.
    """

    value: float
    sd: float
    sampling_sd: float | None = None


def mean(x: FloatArray, covariance: FloatArray, common_sd: float = 0.0) -> Estimate:
    """The mean; `common_sd` is an error that all values share."""
    n = len(x)
    return Estimate(float(x.mean()), float(np.sqrt(covariance.sum() / n**2 + common_sd**2)))


def variance(x: FloatArray, covariance: FloatArray) -> tuple[float, float]:
    """Noise-free variance (ddof 1, never below 0) and its standard uncertainty.

    E[s^2] = true + tr(C N)/(n-1), Var[s^2] = (2 tr(CNCN) + 4 x'CNCx)/(n-1)^2 for Gaussian errors of
    covariance N and the centring matrix C; for independent gaps of neighbours the first is the
    guide's sd^2 - 2 sigma_u^2, up to the end effects.
    """
    n = len(x)
    noise = _centred(covariance)
    observed = float(((x - x.mean()) ** 2).sum())
    share = float(np.trace(noise))
    twice = float((noise * noise.T).sum())
    signal = max(0.0, float(x @ noise @ x) - twice)  # x holds the noise once more
    return max(0.0, (observed - share) / (n - 1)), float(np.sqrt(2 * twice + 4 * signal)) / (n - 1)


def _centred(covariance: FloatArray) -> FloatArray:
    """Covariance (n, n) of the deviations from the mean."""
    centring = np.eye(len(covariance)) - 1 / len(covariance)
    centred: FloatArray = centring @ covariance @ centring
    return centred


def root(value: float, sd: float) -> tuple[float, float]:
    """Square root of a variance and its uncertainty; finite at 0, where the slope is not.

    Half of the longer arm of the root of [value - 2 sd, value + 2 sd]; sd / (2 root) far from 0.
    """
    r = float(np.sqrt(value))
    up = float(np.sqrt(value + 2 * sd)) - r
    down = r - float(np.sqrt(max(0.0, value - 2 * sd)))
    return r, max(up, down) / 2


def few(value: float, n: int) -> float | None:
    """Sampling uncertainty of a spread from n values: value / sqrt(2 (n - 1)).

    None for a spread of 0: "not distinguishable from regular" says nothing about the hand.
    """
    return value / float(np.sqrt(2 * (n - 1))) if value > 0 else None


def spread(x: FloatArray, covariance: FloatArray) -> Estimate:
    """Standard deviation less the errors' share; 0 where it is not distinguishable from none."""
    value, sd = root(*variance(x, covariance))
    return Estimate(value, sd, few(value, len(x)))


def variation(x: FloatArray, covariance: FloatArray) -> Estimate:
    """Coefficient of variation less the errors' share; for positive values."""
    s, centre = spread(x, covariance), mean(x, covariance)
    value = s.value / centre.value
    sd = float(np.hypot(s.sd / centre.value, value * centre.sd / centre.value))
    return Estimate(value, sd, few(value, len(x)))


def ratio(a: Estimate, b: Estimate) -> Estimate:
    """a / b of independent, positive estimates."""
    value = a.value / b.value
    return Estimate(value, value * float(np.hypot(a.sd / a.value, b.sd / b.value)))


def axial_mean(angle: FloatArray) -> float:
    """Mean direction in [0, pi) of undirected angles (n,) in radians: doubled, averaged, halved."""
    return float(np.mod(np.angle(np.exp(2j * angle).mean()) / 2, np.pi))


def axial_deviation(angle: FloatArray, centre: float) -> FloatArray:
    """Angles relative to `centre`, wrapped to [-pi/2, pi/2)."""
    wrapped: FloatArray = np.mod(angle - centre + np.pi / 2, np.pi) - np.pi / 2
    return wrapped


def axial_spread(angle: FloatArray, covariance: FloatArray) -> Estimate:
    """Circular standard deviation of undirected angles (n,), radians, less the share of their errors (n, n).

    sqrt(-2 ln R) / 2 with R of the doubled angles (guide 1.3), n/(n-1) for small n.
    """
    n = len(angle)
    r = float(np.clip(np.abs(np.exp(2j * angle).mean()), 1e-12, 1.0))
    observed = -2 * np.log(r) / 4 * n / (n - 1)
    _, sd = variance(axial_deviation(angle, axial_mean(angle)), covariance)
    noise = float(np.trace(_centred(covariance))) / (n - 1)
    value, value_sd = root(max(0.0, float(observed) - noise), sd)
    return Estimate(value, value_sd, few(value, n))
