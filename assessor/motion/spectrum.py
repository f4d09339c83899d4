"""Least-squares spectrum of positions at true, irregular times, with slow motion fitted alongside.

A generalised Lomb-Scargle periodogram (Zechmeister & Kuerster 2009) whose nuisance part is a cubic and all
Fourier terms below `NUISANCE_HZ`, under a taper: what the hand does on purpose does not leak into the
tremor's band, and neither jitter nor dropped frames change an amplitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor.motion.flow import upper_median

Array = NDArray[np.float64]

NUISANCE_HZ = 2.5  # 98.9 % of voluntary power at the tip lies below 2 Hz (Riviere, Rader, Khosla 1997)
GRID_HZ = 0.05
TAPERED = 0.25  # share of the window under the taper's flanks: none lets fast drifts leak, more loses data
# Median of what noise alone gives (Gamma of shape 2: two axes, sine and cosine each) over its mean.
MEDIAN_OF_NOISE = 0.8392
LEVEL_HZ = 3.0  # twice a sine's width in the shortest window


def grid(low_hz: float, high_hz: float) -> Array:
    """The frequencies (f,) at which spectra are had."""
    return np.asarray(np.arange(round(low_hz / GRID_HZ), round(high_hz / GRID_HZ) + 1) * GRID_HZ)


def parameters(length_s: float) -> int:
    """How many parameters the slow motion takes in a window of this length."""
    return 4 + 2 * _harmonics(length_s)


@dataclass(frozen=True, slots=True)
class Apart:
    """One sine in two kinds of samples: its `gain` (2,) over that of all together, the gains' `covariance`
    (2, 2), and what each kind shows of the sine and beside it: mean squares (2,) px^2, x plus y."""

    gain: Array
    covariance: Array
    noise: Array
    power: Array


class WindowFit:
    """One window's spectrum; sines found in it can be taken out, one after the other, all fitted jointly.

    `t_s` (n,) s, `xy` (n, 2) px, `freq_hz` (f,) of `grid`; n must exceed `parameters`, else ValueError.
    `shown` (n,): the share of a sine that each sample shows, 1 where nothing damps it.
    """

    def __init__(self, t_s: Array, xy: Array, freq_hz: Array, shown: Array | None = None) -> None:
        t = t_s - (t_s[0] + t_s[-1]) / 2
        length_s = float(t[-1] - t[0]) * (1 + 1 / (len(t) - 1))  # each sample stands for its own step
        if len(t) <= parameters(length_s) + 2:
            raise ValueError(f"{len(t)} samples cannot carry {parameters(length_s)} slow terms and a sine")
        weight = _taper(t / length_s)
        self.freq_hz = freq_hz
        self.bandwidth_hz = len(t) * float((weight**2).sum() / weight.sum() ** 2) / length_s
        self.sines_hz: list[float] = []
        self.sines_power: list[Array] = []  # each (2, 2): mean squares of x and y and their product, px^2
        self._t = t
        self._root = np.sqrt(weight)[:, None]
        self._shown = np.ones(len(t)) if shown is None else shown
        self._weight = float(weight @ self._shown**2)
        self._slow, _ = np.linalg.qr(self._root * _nuisance(t, length_s))
        self._basis = self._slow
        self._y = self._without_slow(xy)
        seen = self._root * self._shown[:, None]
        self._cos, self._sin = (seen * part for part in _sines_on_grid(t, freq_hz))
        # Products of cosines and sines outside the slow terms, and outside all that is fitted so far.
        self._slow_left = _products(self._cos, self._sin) - self._taken(self._slow)
        self._left = self._slow_left

    @property
    def density(self) -> Array:
        """One-sided power density of x plus y (f,), px^2 / Hz, of what is not taken out yet."""
        return _power(self._left, self._cos.T @ self._y, self._sin.T @ self._y) / self.bandwidth_hz

    @property
    def rest(self) -> Array:
        """Like `density`, but adding up to the rest's power (Parseval): nothing near a sine is scaled up."""
        along = np.stack([self._cos.T @ self._y, self._sin.T @ self._y])
        return np.asarray(2 * (along**2).sum(axis=(0, 2)) / self._weight**2 / self.bandwidth_hz)

    def density_of(self, xy: Array) -> Array:
        """`density` (f,) of another signal (n, 2) at the same times, no sine taken out."""
        y = self._without_slow(xy)
        return _power(self._slow_left, self._cos.T @ y, self._sin.T @ y) / self.bandwidth_hz

    def refined(self, freq_hz: float) -> float:
        """The frequency near a grid's maximum at which a sine takes out most: by parabolas, Hz."""
        step = GRID_HZ
        for _ in range(3):
            below, here, above = self._density_at(freq_hz + step * np.array([-0.5, 0.0, 0.5]))
            bend = below - 2 * here + above
            if bend >= 0:
                break
            freq_hz += step / 2 * float(np.clip((below - above) / (2 * bend), -1, 1))
            step /= 3
        return freq_hz

    def take_out(self, freq_hz: float) -> None:
        """Fit a sine of this frequency alongside from now on; its power is what it takes from the rest.

        Not the square of its amplitude in a joint fit: two near sines of opposite sign have any.
        """
        # Over uneven times the slow terms take a little of any sine.
        sine = self._sines(np.array([freq_hz]))
        kept = 1 - float(((self._slow.T @ sine) ** 2).sum() / (sine**2).sum())
        basis, _ = np.linalg.qr(self._without(sine, self._basis))
        share = basis.T @ self._y
        self.sines_power.append(share.T @ share / self._weight / kept)
        self._y = self._y - basis @ share
        self._left = self._left - self._taken(basis)
        self._basis = np.concatenate([self._basis, basis], axis=1)
        self.sines_hz.append(freq_hz)

    def goes_along(self, freq_hz: float, xy: Array) -> float:
        """The sine of this frequency in another signal (n, 2), in phase with the own, as a share of that.

        By the samples in which the other one is known, else NaN.
        """
        known = np.asarray(np.isfinite(xy).all(axis=1))
        columns = np.concatenate([self._sines(np.array([freq_hz])), self._slow], axis=1)[known]
        both = (self._y[known], (self._root * xy)[known])
        own, other = (np.linalg.lstsq(columns, y, rcond=None)[0][:2] for y in both)
        return float((own * other).sum() / (own**2).sum())

    def apart(self, freq_hz: float, some: NDArray[np.bool_]) -> Apart:
        """The sine of this frequency in `some` of the samples (n,) and in the others, each for itself."""
        sine = self._sines(np.array([freq_hz]))
        columns = np.concatenate([sine, self._slow], axis=1)
        whole = sine @ np.linalg.lstsq(columns, self._y, rcond=None)[0][:2]
        parts = [self._without(whole * kind[:, None], self._slow).ravel() for kind in (~some, some)]
        inverse = np.linalg.pinv(np.stack(parts, axis=1))
        gain = inverse @ self._y.ravel()
        left = ((self._y - (gain @ parts).reshape(-1, 2)) ** 2).sum(axis=1)
        weight = self._root[:, 0] ** 2
        free = 1 - (self._slow.shape[1] + 1) / len(weight)  # of the residual's degrees of freedom
        noise = np.array([left[kind].sum() / max(weight[kind].sum(), 1e-9) / free for kind in (~some, some)])
        each = np.repeat(weight * np.where(some, noise[1], noise[0]) / 2, 2)
        power = float((whole**2).sum() / weight.sum())
        return Apart(gain, (inverse * each) @ inverse.T, noise, power * gain**2)

    def _sines(self, freq_hz: Array) -> Array:
        """Cosines and sines (n, 2 k) at frequencies (k,), as the samples show them, weighted."""
        return self._root * self._shown[:, None] * np.concatenate(_sine(self._t, freq_hz), axis=1)

    def _density_at(self, freq_hz: Array) -> Array:
        columns = self._sines(freq_hz)
        columns, few = self._without(columns, self._basis), len(freq_hz)
        squares, along = columns.T @ columns, columns.T @ self._y
        cc, ss = np.split(squares.diagonal(), 2)
        products = np.array([cc, ss, squares.diagonal(few)])
        return _power(products, along[:few], along[few:]) / self.bandwidth_hz

    def _taken(self, basis: Array) -> Array:
        """What the orthonormal `basis` (n, b) takes of the products of cosines and sines (3, f)."""
        return _products(basis.T @ self._cos, basis.T @ self._sin)

    def _without_slow(self, xy: Array) -> Array:
        return self._without(self._root * xy, self._slow)

    @staticmethod
    def _without(columns: Array, basis: Array) -> Array:
        return np.asarray(columns - basis @ (basis.T @ columns))


def band_power(freq_hz: Array, density: Array, band_hz: tuple[float, float]) -> float:
    """Integral of a density (f,) over a band: px^2."""
    inside = (freq_hz >= band_hz[0] - GRID_HZ / 4) & (freq_hz <= band_hz[1] + GRID_HZ / 4)
    return float(density[inside].mean()) * (band_hz[1] - band_hz[0])


def level(freq_hz: Array, density: Array, free: NDArray[np.bool_]) -> Array:
    """Density (f,) of the noise under the `free` part (f,) of a spectrum: flat but for a rise at its low end.

    There a follower's errors rise that come with the hand's slow way over the pad. By medians over
    `LEVEL_HZ`: a tremor is narrower, and what is set apart from the lower end is no noise.
    """
    centres = np.arange(freq_hz[0] + LEVEL_HZ / 4, freq_hz[-1], LEVEL_HZ / 4)
    flat = upper_median(density[free])
    medians = []
    for centre in centres:
        some = density[free & (np.abs(freq_hz - centre) <= LEVEL_HZ / 2)]
        medians.append(upper_median(some) if len(some) * GRID_HZ > LEVEL_HZ / 4 else flat)
        if medians[-1] <= flat:
            break
    rest = density[free & (freq_hz > centres[len(medians) - 1])]
    flat = min(flat, upper_median(rest)) if len(rest) else flat
    rise = np.interp(freq_hz, centres[: len(medians)], medians, right=flat)
    return np.asarray(np.maximum(rise, flat) / MEDIAN_OF_NOISE)


def _products(cos: Array, sin: Array) -> Array:
    """(3, f): of columns (n, f) the sums of cos cos, sin sin, cos sin."""
    return np.stack([np.einsum("nf,nf->f", a, b) for a, b in ((cos, cos), (sin, sin), (cos, sin))])


def _power(products: Array, yc: Array, ys: Array) -> Array:
    """Half the squared amplitude of the best sine at each frequency, x plus y (f,), px^2.

    `products` (3, f) as of `_products`; `yc`, `ys` (f, 2) those of cosines and sines with x and y.
    """
    cc, ss, cs = products[:, :, None]
    # Where a sine is taken out nothing is left of its columns: their power there is 0, not 0 / 0.
    det = np.maximum(cc * ss - cs * cs, 1e-6 * max(float((cc * ss).max()), 1e-300))
    a = (yc * ss - ys * cs) / det
    b = (ys * cc - yc * cs) / det
    return np.asarray((a * a + b * b).sum(axis=1) / 2)


def _sine(t: Array, freq_hz: Array) -> tuple[Array, Array]:
    angle = 2 * np.pi * t[:, None] * freq_hz[None, :]
    return np.cos(angle), np.sin(angle)


def _sines_on_grid(t: Array, freq_hz: Array) -> tuple[Array, Array]:
    """As `_sine` for frequencies GRID_HZ apart, by products of a coarse and a fine grid: quicker."""
    block = 16
    coarse = np.exp(2j * np.pi * t[:, None] * freq_hz[::block])
    fine = np.exp(2j * np.pi * GRID_HZ * t[:, None] * np.arange(block))
    every = (coarse[:, :, None] * fine[:, None, :]).reshape(len(t), -1)[:, : len(freq_hz)]
    return np.ascontiguousarray(every.real), np.ascontiguousarray(every.imag)


def _harmonics(length_s: float) -> int:
    return int(np.ceil(NUISANCE_HZ * length_s)) - 1


def _taper(u: Array) -> Array:
    """Tukey's window over u in (-0.5, 0.5)."""
    flank = np.clip((0.5 - np.abs(u)) / (TAPERED / 2), 0.0, 1.0)
    return np.asarray(np.sin(np.pi / 2 * flank) ** 2)


def _nuisance(t: Array, length_s: float) -> Array:
    u = 2 * t / length_s
    cos, sin = _sine(t, np.arange(1, _harmonics(length_s) + 1) / length_s)
    return np.concatenate([np.stack([np.ones_like(u), u, u**2, u**3], axis=1), cos, sin], axis=1)
