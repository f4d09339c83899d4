"""Tip track -> tremor: band amplitude, peak frequency, noise floor; or why there is none.

In each slow window sines are taken out of the least-squares spectrum one after the other while they stand
out of the rest; their power and what the rest holds above the noise make the amplitude. Noise and what the
camera's shake leaves on still background are subtracted in power and stated as the floor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assessor.motion import timing, uncertainty
from assessor.motion.compression import Kinds, Shown, shown
from assessor.motion.peaks import EDGE_HZ, distinct_peak
from assessor.motion.results import BandTremor, PeakStatus, Spectrum, Tremor, TremorStatus, Window
from assessor.motion.spectrum import GRID_HZ, MEDIAN_OF_NOISE, WindowFit, grid, level, parameters
from assessor.motion.windows import SHORTEST_S, SlowWindow, slow_windows

Array = NDArray[np.float64]
Band = tuple[float, float]

ABOVE_FLOOR = 2.0  # an amplitude below this many floors is not told from noise
SINE_GATE = 5.0  # a sine's density over the noise's from which it counts (noise alone: 2 % of windows)
MOST_SINES = 12
LOWEST_HZ, SEARCH_HZ = 2.75, (3.5, 12.6)
STILL_FROM_HZ = 12.75  # above it neither hand nor tripod shakes: what is there is noise
LEAST_ABOVE_HZ = 0.8  # so much of the spectrum must lie above that to tell it
MUCH_THE_SAME = 2.5  # times: so far apart are two estimates of one noise from a window of 3 s
HIGHEST_HZ = 20.0  # nothing of a hand's tremor lies above
# A recorder that saves bits repeats blocks: the tip stands, then jumps. Steps below this share of the upper
# quartile are standing: 3 % of them by noise alone, 9 % at a sine's turning points.
STANDING, MOST_STANDING = 0.15, 0.25
MOST_CODING_SD = 0.2  # relative: where compression makes an amplitude less sure there is none
REFERENCE_SHARE = 0.8  # of a window's samples must have a background reference

HINTS: dict[TremorStatus, str] = {
    "measured": "",
    "below_floor": "Steadier than this camera can see here: move closer, or use more light.",
    "frame_rate": "The camera gives too few new pictures a second: more light, or a faster camera.",
    "too_short": "Hold the tip still in view for at least two seconds.",
    "no_slow_window": "The tip was never slow for 1.5 s: tremor shows only when the hand is nearly still.",
    "gaps": "The tip was lost too often: keep it in view, uncovered, against a plain ground.",
    "compressed": "Compressed too much for sub-pixel motion: use the camera's own file, not a messenger's.",
    "no_reference": "No still background was seen: fix the camera and let some of the table be in view.",
    "not_tracked": "No tip was followed for sure: bring it into view, or click it.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TipSignal:
    """One tip's fine track: `t_s` (n,), `xy` (n, 2) px comparable within a `segment` (n,).

    `floor` (n, 2) px is what still background does at the same times after compensation; `noise` (n, 2) px
    is the track's own noise (half the difference of two independent halves of its points). NaN where unknown.
    `coded` (n,) says how each frame was coded (`frames.Frame`), `sure` (n,) whether the tip is known for one.
    """

    t_s: Array
    xy: Array
    segment: NDArray[np.int64]
    floor: Array
    noise: Array
    coded: Kinds
    sure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for the whole clip: its timing (None: too few frames), unit and shutter.

    `blocked` is a reason found before any spectrum, such as "compressed".
    """

    timing: timing.Timing | None
    um_per_px: float | None
    slow_px_s: float
    exposure_s: float | None = None
    blocked: TremorStatus | None = None


@dataclass(frozen=True, slots=True)
class TipTremor:
    tremor: Tremor
    windows: tuple[Window, ...]
    spectrum: Spectrum | None


@dataclass(frozen=True, slots=True)
class _Looked:
    """One window looked at: densities (f,) px^2 / Hz; `rest` is what the sines left. `bandwidth_hz` of its
    spectrum; relative sd of an amplitude: `coding_sd` for what the recorder's compression took, `halves_sd`
    for what halves of the points disagree."""

    window: SlowWindow
    density: Array
    rest: Array
    sines_hz: Array
    sines_power: Array
    floor: Array
    noise: Array
    bandwidth_hz: float
    coding_sd: float
    halves_sd: float


def measure_tremor(tip: int, signal: TipSignal, given: Conditions) -> TipTremor:
    """Tremor of one tip over its slow windows, and of each window; a refusal where it cannot be had."""
    refused = _refusal(signal, given)
    if refused is not None:
        return TipTremor(refusal(refused, given), (), None)
    assert given.timing is not None
    windows = slow_windows(signal.t_s, signal.xy, signal.segment, given.slow_px_s)
    if not windows:
        return TipTremor(refusal("no_slow_window", given), (), None)
    # What was never seen to be an instrument's end may be a stitch in line with it, or a finger.
    known = np.unique(signal.segment[signal.sure])
    windows = [w for w in windows if signal.segment[w.at.start] in known]
    if not windows:
        return TipTremor(refusal("not_tracked", given), (), None)
    windows = [w for w in windows if _carries(signal.t_s[w.at])]
    if not windows:
        return TipTremor(refusal("gaps", given), (), None)
    windows = [w for w in windows if standing_share(signal.xy[w.at]) <= MOST_STANDING]
    if not windows:
        return TipTremor(refusal("compressed", given), (), None)
    freq = grid(LOWEST_HZ, min(0.48 * given.timing.nominal_fps, HIGHEST_HZ))
    seen = _shown(signal, windows, freq)
    looked = [one for w in windows if (one := _look(signal, w, freq, seen)) is not None]
    if not looked:
        return TipTremor(refusal("no_reference", given), (), None)
    floor = _floor(looked, freq)
    each = tuple(
        Window(
            tip=tip,
            t0_s=float(signal.t_s[one.window.at.start]),
            t1_s=float(signal.t_s[one.window.at.stop - 1]),
            samples=one.window.at.stop - one.window.at.start,
            mean_speed=one.window.mean_speed_px_s * _mm_per_px(given),
            tremor=_tremor([one], freq, floor, signal.t_s, given),
        )
        for one in looked
    )
    whole = each[0].tremor if len(each) == 1 else _tremor(looked, freq, floor, signal.t_s, given)
    return TipTremor(whole, each, _spectrum(looked, freq, floor, given))


def refusal(status: TremorStatus, given: Conditions) -> Tremor:
    """No number, its reason and what to do."""
    return Tremor(
        unit=_unit(given),
        band_hz=timing.FULL_HZ,
        rms=None,
        peak_to_peak=None,
        direction_deg=None,
        peak_hz=None,
        peak_status="not_measured",
        noise_floor=None,
        status=status,
        hint=HINTS[status],
        exposure_s=given.exposure_s,
        bands=tuple(
            BandTremor(band, None, None, status) for band in (timing.LOW_HZ, timing.PHYSIOLOGICAL_HZ)
        ),
    )


def _refusal(signal: TipSignal, given: Conditions) -> TremorStatus | None:
    if given.timing is None or given.timing.duration_s < SHORTEST_S:
        return "too_short"
    if not timing.shows(given.timing, timing.LOW_HZ):
        return "frame_rate"
    if given.blocked is not None:
        return given.blocked
    stretches = timing.runs(signal.t_s, signal.segment)
    if not stretches:
        return "not_tracked"
    if max(float(signal.t_s[s.stop - 1] - signal.t_s[s.start]) for s in stretches) < SHORTEST_S:
        return "gaps"
    return None


def standing_share(xy: Array) -> float:
    """Share of steps of a track (n, 2) in which it stands still against its usual step."""
    steps = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    return float(np.mean(steps <= STANDING * float(np.percentile(steps, 75))))


def _carries(t_s: Array) -> bool:
    """Whether a window has the samples for its own slow terms and the low band."""
    own = timing.timing_of(t_s)
    if own is None or not timing.shows(own, timing.LOW_HZ):
        return False
    return own.samples > 1.5 * parameters(own.duration_s)


def _shown(signal: TipSignal, windows: Sequence[SlowWindow], freq: Array) -> Shown:
    """How much of a tremor the recorder's compression left in these windows."""
    if not signal.coded.any():
        return Shown()
    fits = [(WindowFit(signal.t_s[w.at], signal.xy[w.at], freq), signal.coded[w.at]) for w in windows]
    return shown(fits, timing.FULL_HZ)


def _look(signal: TipSignal, window: SlowWindow, freq: Array, shows: Shown) -> _Looked | None:
    """Spectrum, sines and rest of one window; None without a background reference."""
    t, xy, still = signal.t_s[window.at], signal.xy[window.at], signal.floor[window.at]
    seen = np.asarray(np.isfinite(still).all(axis=1))
    if seen.mean() < REFERENCE_SHARE:
        return None
    coded = signal.coded[window.at]
    fitted = WindowFit(t, xy, freq, shows.of(coded))
    density = left = fitted.density
    halves_sd = uncertainty.halves_sd(fitted, density, signal.noise[window.at])
    free = _free(freq, fitted)
    sought = (freq >= SEARCH_HZ[0]) & (freq <= SEARCH_HZ[1])
    while True:
        noise = level(freq, left, free)
        candidates = np.where(free & sought, left / noise, 0.0)
        k = int(candidates.argmax())
        if candidates[k] < SINE_GATE or len(fitted.sines_hz) == MOST_SINES:
            break
        fitted.take_out(fitted.refined(float(freq[k])))
        left, free = fitted.density, _free(freq, fitted)
    return _Looked(
        window=window,
        density=density,
        rest=fitted.rest,
        sines_hz=np.array(fitted.sines_hz),
        sines_power=np.array(fitted.sines_power).reshape(-1, 2, 2),
        floor=_density_of(fitted, t, still, seen),
        noise=_own_noise(fitted, t, signal.noise[window.at], noise),
        bandwidth_hz=fitted.bandwidth_hz,
        coding_sd=shows.relative_sd(coded),
        halves_sd=halves_sd,
    )


def _density_of(fitted: WindowFit, t_s: Array, xy: Array, known: NDArray[np.bool_]) -> Array:
    """Density (f,) of a signal (n, 2) at the times of `fitted`, of its `known` samples (n,)."""
    if known.all():
        return fitted.density_of(xy)
    return WindowFit(t_s[known], xy[known], fitted.freq_hz).density


def _own_noise(fitted: WindowFit, t_s: Array, halves_px: Array, noise: Array) -> Array:
    """Density (f,) of the track's own noise: `noise`, the rest's in and above the band, unless what is left
    above all tremor and two halves of the points (blind to what both share) are much quieter: then those."""
    freq = fitted.freq_hz
    still = freq >= STILL_FROM_HZ
    if still.sum() * GRID_HZ < LEAST_ABOVE_HZ:
        return noise
    above = float(np.median(fitted.rest[still])) / MEDIAN_OF_NOISE
    if float(noise.min()) < MUCH_THE_SAME * above:
        return noise
    known = np.asarray(np.isfinite(halves_px).all(axis=1))
    halves = 0.0
    if known.mean() >= REFERENCE_SHARE:
        halves = float(_density_of(fitted, t_s, halves_px, known)[freq >= SEARCH_HZ[0]].mean())
    return np.full(len(freq), max(halves, above))


def _free(freq: Array, fitted: WindowFit) -> NDArray[np.bool_]:
    free = np.ones(len(freq), bool)
    for sine in fitted.sines_hz:
        free &= np.abs(freq - sine) > fitted.bandwidth_hz / 2
    return free


def _floor(looked: Sequence[_Looked], freq: Array) -> Array:
    """Density (f,) of the track's noise and of the shake that is left, mean over the windows."""
    noise = np.mean([one.noise for one in looked], axis=0)
    still = np.mean([one.floor for one in looked], axis=0)
    quiet = float(still[freq >= STILL_FROM_HZ].mean()) if (freq >= STILL_FROM_HZ).any() else 0.0
    # The reference's own noise is no part of the tip's motion: what exceeds it is shake, smooth over 1 Hz.
    shake = np.convolve(np.pad(still - quiet, 10, mode="edge"), np.ones(21) / 21, mode="valid")
    return np.asarray(noise + np.maximum(shake, 0.0))


def _tremor(looked: Sequence[_Looked], freq: Array, floor: Array, t_s: Array, given: Conditions) -> Tremor:
    assert given.timing is not None
    gain = np.sinc(freq * (given.exposure_s or 0.0)) ** 2
    full = timing.shows(given.timing, timing.FULL_HZ)
    bands = tuple(
        _band(looked, freq, floor, gain, band, given) for band in (timing.LOW_HZ, timing.PHYSIOLOGICAL_HZ)
    )
    whole = _band(looked, freq, floor, gain, timing.FULL_HZ, given)
    peak_hz: float | None = None
    peak_status: PeakStatus = "not_measured"
    loss = direction = peak_to_peak = relative_sd = None
    if whole.status == "measured":
        peak_hz = distinct_peak(freq, np.mean([one.density for one in looked], axis=0), timing.FULL_HZ)
        peak_status = "no_distinct_peak" if peak_hz is None else "distinct"
        if given.exposure_s is None:
            loss = 1 - float(np.sinc((peak_hz or timing.FULL_HZ[1]) / given.timing.nominal_fps))
        share, direction = _main_direction(looked)
        assert whole.rms is not None
        assert whole.noise_floor is not None
        relative_sd = uncertainty.relative_sd(
            noise=whole.noise_floor / whole.rms,
            bandwidth_hz=[one.bandwidth_hz for one in looked],
            coding=_coding_sd(looked),
            halves=uncertainty.typical([one.halves_sd for one in looked]),
        )
        peak_to_peak = 2 * math.sqrt(2 * share) * whole.rms
    lengths = [float(t_s[one.window.at.stop - 1] - t_s[one.window.at.start]) for one in looked]
    return Tremor(
        unit=_unit(given),
        band_hz=timing.FULL_HZ,
        rms=whole.rms,
        relative_sd=relative_sd,
        peak_to_peak=peak_to_peak,
        direction_deg=direction,
        peak_hz=peak_hz,
        peak_status=peak_status,
        noise_floor=whole.noise_floor,
        status=whole.status if full else "frame_rate",
        hint=HINTS[whole.status if full else "frame_rate"],
        windows=len(looked),
        window_s=float(np.median(lengths)),
        exposure_s=given.exposure_s,
        shutter_loss=loss,
        bands=bands,
    )


def _band(
    looked: Sequence[_Looked], freq: Array, floor: Array, gain: Array, band: Band, given: Conditions
) -> BandTremor:
    """Median over the windows of the power in a band, noise and shake subtracted."""
    assert given.timing is not None
    if not timing.shows(given.timing, band):
        return BandTremor(band, None, None, "frame_rate")
    inside = (freq >= band[0]) & (freq <= band[1])
    width = band[1] - band[0]
    floor_power = float((floor / gain)[inside].mean()) * width
    powers = []
    for one in looked:
        own = _sines_of(one, band)
        gains = np.interp(one.sines_hz[own], freq, gain)
        power = float((np.trace(one.sines_power[own], axis1=1, axis2=2) / gains).sum())
        powers.append(power + float((one.rest / gain)[inside].mean()) * width - floor_power)
    unit = 1.0 if given.um_per_px is None else given.um_per_px
    floor_rms = math.sqrt(floor_power)
    rms = math.sqrt(max(0.0, float(np.median(powers))))
    if rms < ABOVE_FLOOR * floor_rms:
        return BandTremor(band, None, floor_rms * unit, "below_floor")
    if _coding_sd(looked) > MOST_CODING_SD:
        return BandTremor(band, None, floor_rms * unit, "compressed")
    return BandTremor(band, rms * unit, floor_rms * unit, "measured")


def _coding_sd(looked: Sequence[_Looked]) -> float:
    return float(np.median([one.coding_sd for one in looked]))


def _sines_of(one: _Looked, band: Band) -> NDArray[np.bool_]:
    """Which sines count to a band: a peak at the outer edges does, 8 Hz belongs to the upper band."""
    low = band[0] - (EDGE_HZ if band[0] == timing.FULL_HZ[0] else 0.0)
    high = band[1] + (EDGE_HZ if band[1] == timing.FULL_HZ[1] else 0.0)
    return np.asarray((one.sines_hz >= low) & (one.sines_hz < high))


def _main_direction(looked: Sequence[_Looked]) -> tuple[float, float]:
    """Share of the power along the main direction (0.5 to 1) and that direction, degrees in [0, 180)."""
    matrix = np.sum([one.sines_power.sum(axis=0) for one in looked], axis=0)
    if not np.trace(matrix) > 0:
        return 0.5, 0.0
    values, vectors = np.linalg.eigh(matrix)
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180.0
    return float(values[1] / values.sum()), angle


def _spectrum(looked: Sequence[_Looked], freq: Array, floor: Array, given: Conditions) -> Spectrum:
    unit = 1.0 if given.um_per_px is None else given.um_per_px
    density = np.sqrt(np.mean([one.density for one in looked], axis=0)) * unit
    every = slice(None, None, 2)
    return Spectrum(
        tuple(freq[every].tolist()),
        tuple(density[every].tolist()),
        tuple((np.sqrt(floor) * unit)[every].tolist()),
    )


def _unit(given: Conditions) -> Literal["um", "px"]:
    return "px" if given.um_per_px is None else "um"


def _mm_per_px(given: Conditions) -> float:
    return 1.0 if given.um_per_px is None else given.um_per_px / 1000
