"""Motion as functions of continuous time: each can be asked at any sub-exposure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assessor.render.canvas import Points
from assessor.render.clips.order import Tremor

Path = Callable[[Points], Points]  # times (n,) s -> (n, k)

_MANY = 24  # sinusoids that make a random band


@dataclass(frozen=True, slots=True)
class Wave:
    """A sum of sinusoids: `hz` (m,), `sine` and `cosine` (m, k) amplitudes."""

    hz: Points
    sine: Points
    cosine: Points

    def __call__(self, t_s: Points) -> Points:
        """Times (n,) -> displacements (n, k)."""
        phase = 2 * np.pi * np.asarray(t_s, float)[:, None] * self.hz
        moved: Points = np.sin(phase) @ self.sine + np.cos(phase) @ self.cosine
        return moved

    @property
    def rms(self) -> float:
        """Root of the mean power of all axes together, over a time long against 1 / hz."""
        return float(np.sqrt(0.5 * ((self.sine**2).sum() + (self.cosine**2).sum())))


@dataclass(frozen=True, slots=True)
class Reaches:
    """Minimum-jerk reaches: from `points[i]` at `leave_s[i]` to `points[i + 1]` at `arrive_s[i]`."""

    points: Points
    leave_s: Points
    arrive_s: Points

    def __call__(self, t_s: Points) -> Points:
        """Times (n,) -> positions (n, 2)."""
        t = np.asarray(t_s, float)[:, None]
        u = np.clip((t - self.leave_s) / (self.arrive_s - self.leave_s), 0, 1)
        share = u**3 * (10 - 15 * u + 6 * u**2)
        moved: Points = self.points[0] + share @ np.diff(self.points, axis=0)
        return moved


def band(rng: np.random.Generator, low_hz: float, high_hz: float, rms: float, axes: int = 2) -> Wave:
    """Band-limited noise of exactly `rms` (all axes together)."""
    hz = rng.uniform(low_hz, high_hz, _MANY)
    wave = Wave(hz, rng.standard_normal((_MANY, axes)), rng.standard_normal((_MANY, axes)))
    scale = rms / wave.rms
    return Wave(hz, wave.sine * scale, wave.cosine * scale)


def tremor_wave(rng: np.random.Generator, tremor: Tremor) -> Wave:
    """The tip's tremor, in pixels."""
    angle = rng.uniform(0, 2 * np.pi) if tremor.direction_rad is None else tremor.direction_rad
    phase = rng.uniform(0, 2 * np.pi)
    long = tremor.peak_px * np.array([[np.cos(angle), np.sin(angle)]])
    short = tremor.round * tremor.peak_px * np.array([[-np.sin(angle), np.cos(angle)]])
    one = Wave(
        np.array([tremor.hz]),
        np.cos(phase) * long - np.sin(phase) * short,
        np.sin(phase) * long + np.cos(phase) * short,
    )
    if not tremor.bandwidth_hz:
        return one
    half = tremor.bandwidth_hz / 2
    noise = band(rng, tremor.hz - half, tremor.hz + half, 1.0, axes=2)
    # the two random axes become the long and the short one of the ellipse
    axes = np.concatenate([long, short]) * np.sqrt(1.0 if tremor.round else 2.0)
    sine, cosine = noise.sine @ axes, noise.cosine @ axes
    scale = one.rms / Wave(noise.hz, sine, cosine).rms
    return Wave(noise.hz, sine * scale, cosine * scale)


def suture_path(
    rng: np.random.Generator, bites_px: Points, rest_px: Points, seconds: float
) -> tuple[Path, tuple[tuple[float, float], ...]]:
    """From bite to bite, with dwells of one and a half to three seconds at each and swings to a rest place.

    Returns positions about the first bite and the dwells (from, to) in s.
    """
    points, leave, arrive, dwells = [bites_px[0]], [], [], []
    t, k, at_bite = 0.0, 0, True
    while t < seconds:
        stay = float(rng.uniform(1.5, 3.0) if at_bite else rng.uniform(0.1, 0.4))
        if at_bite:
            dwells.append((t, min(t + stay, seconds)))
            k += 1
        at_bite = not at_bite or rng.random() < 0.5
        target = bites_px[k % len(bites_px)] if at_bite else rest_px + rng.normal(0, 12, 2)
        far = float(np.hypot(*(target - points[-1])))
        leave.append(t + stay)
        arrive.append(t + stay + 0.35 + far / rng.uniform(120, 260))
        points.append(target)
        t = arrive[-1]
    reaches = Reaches(np.array(points) - points[0], np.array(leave), np.array(arrive))
    return reaches, tuple(dwells)
