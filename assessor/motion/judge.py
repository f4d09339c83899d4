"""Recorded motion -> MotionAssessment: the pipeline of the signal side, top to bottom; no pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessor import __version__
from assessor.motion.camera import camera_motion
from assessor.motion.economy import bimanual, economy
from assessor.motion.options import MotionOptions
from assessor.motion.paths import Stretch, stretches
from assessor.motion.recording import Recorded, TipTrack
from assessor.motion.results import (
    Bimanual,
    Hand,
    MotionAssessment,
    Smoothness,
    Steadiness,
    TipResult,
    Tremor,
    TremorStatus,
    VideoInfo,
)
from assessor.motion.score import score
from assessor.motion.smoothness import smoothness
from assessor.motion.steadiness import steadiness
from assessor.motion.timing import timing_of
from assessor.motion.tremor import Conditions, TipSignal, TipTremor, measure_tremor
from assessor.motion.windows import SLOW_MM_S, px_per_mm
from assessor.results import Notice, Scale

Array = NDArray[np.float64]

LEAST_SAMPLES = 8
SEEN_SHARE = 0.02  # a tip seen less is no instrument of the exercise
LITTLE_SEEN = 0.5
UNCERTAIN_SD = 0.05  # relative: an amplitude that may be off by more than a tenth


@dataclass(frozen=True, slots=True)
class _Tip:
    track: TipTrack
    hand: Hand
    found: list[Stretch]
    tremor: TipTremor
    smooth: Smoothness


def conditions(
    recorded: Recorded,
    size_px: tuple[int, int],
    options: MotionOptions,
    blocked: TremorStatus | None = None,
) -> Conditions:
    """What of clip and options the tremor depends on; `size_px` (width, height) of the whole picture."""
    return Conditions(
        timing=timing_of(recorded.t_s),
        um_per_px=None if options.mm_per_px is None else 1000 * options.mm_per_px,
        slow_px_s=SLOW_MM_S * px_per_mm(options.mm_per_px, max(*size_px, 1)),
        exposure_s=options.exposure_s,
        blocked=blocked,
    )


def signal_of(track: TipTrack, recorded: Recorded) -> TipSignal:
    """The tip's fine track with the background's remains at the same frames."""
    return TipSignal(
        t_s=track.t_s,
        xy=track.fine,
        segment=track.segment,
        floor=recorded.floor[track.frame],
        noise=track.noise,
        coded=recorded.coded[track.frame],
        sure=track.sure,
    )


def judge(
    recorded: Recorded, video: VideoInfo, options: MotionOptions, blocked: TremorStatus | None = None
) -> MotionAssessment:
    """Everything that can be said of a recording; what cannot is a status, never an error."""
    given = conditions(recorded, (video.width, video.height), options, blocked)
    threshold = px_per_mm(options.mm_per_px, max(video.width, video.height, 1))
    least = max(LEAST_SAMPLES, SEEN_SHARE * len(recorded.t_s))
    tracks = [track for track in recorded.tips if len(track.t_s) >= least]
    hands = hands_of(tracks, options.hand)
    tips = []
    for track, hand in zip(tracks, hands, strict=True):
        found = stretches(track.t_s, track.fine, track.segment)
        tremor = measure_tremor(track.tip, signal_of(track, recorded), given)
        tips.append(_Tip(track, hand, found, tremor, smoothness(found, threshold)))
    results = tuple(_result(tip, recorded, given, threshold, options) for tip in tips)
    camera = camera_motion(recorded.t_s, recorded.camera, recorded.floor)
    held = [result.steadiness for result in results if result.steadiness is not None]
    return MotionAssessment(
        software_version=__version__,
        video=video,
        task=options.task,
        scale=None if options.mm_per_px is None else Scale(options.mm_per_px, 0.0, "given"),
        tips=results,
        camera_motion=camera,
        windows=tuple(window for tip in tips for window in tip.tremor.windows),
        bimanual=_bimanual(tips, threshold, options.hand),
        score=score([tip.tremor.tremor for tip in tips], held),
        warnings=_warnings(results, options),
    )


def hands_of(tracks: list[TipTrack], declared: Hand) -> list[Hand]:
    """Of two tips the one that lies farther left is the left hand's; of one only what was declared."""
    if len(tracks) != 2:
        return [declared if len(tracks) == 1 else "unknown" for _ in tracks]
    first, second = (float(np.median(track.xy[:, 0])) for track in tracks)
    return ["left", "right"] if first <= second else ["right", "left"]


def _result(
    tip: _Tip, recorded: Recorded, given: Conditions, threshold: float, options: MotionOptions
) -> TipResult:
    track, tremor = tip.track, tip.tremor.tremor
    rows = np.column_stack([track.t_s, track.xy, track.confidence]).tolist()
    return TipResult(
        id=track.tip,
        hand=tip.hand,
        dominant=None if "unknown" in (tip.hand, options.hand) else tip.hand == options.hand,
        tracked_share=len(track.t_s) / max(1, len(recorded.t_s)),
        track=tuple((t, x, y, c) for t, x, y, c in rows),
        tremor=tremor,
        economy=economy(tip.found, options.mm_per_px, threshold),
        smoothness=tip.smooth,
        steadiness=hold(track, given, tremor) if options.task == "hold" else None,
        spectrum=tip.tremor.spectrum,
    )


def hold(track: TipTrack, given: Conditions, tremor: Tremor) -> Steadiness:
    """How still the tip was held; the tremor's floor says whether the zone can be seen at all."""
    floor = tremor.noise_floor
    return steadiness(
        track.t_s,
        track.fine,
        track.segment,
        slow_px_s=given.slow_px_s,
        um_per_px=given.um_per_px,
        noise_px=None if floor is None else floor / (given.um_per_px or 1.0),
    )


def _bimanual(tips: list[_Tip], threshold: float, dominant: Hand) -> Bimanual | None:
    if len(tips) != 2:
        return None
    wanted = "right" if dominant == "unknown" else dominant
    reference, other = sorted(tips, key=lambda tip: tip.hand != wanted)
    return bimanual(
        reference.found,
        other.found,
        reference_tip=reference.track.tip,
        px_per_mm=threshold,
        tremor_ratio=_ratio(other.tremor.tremor, reference.tremor.tremor),
    )


def _ratio(other: Tremor, reference: Tremor) -> float | None:
    if other.rms is None or not reference.rms:
        return None
    return other.rms / reference.rms


def _warnings(results: tuple[TipResult, ...], options: MotionOptions) -> tuple[Notice, ...]:
    notices = []
    if not results:
        notices.append(Notice("no_tip", "No instrument tip was found. Bring it into view, or point at it."))
    if options.mm_per_px is None:
        notices.append(
            Notice("no_scale", "No scale: lengths are in pixels. Give --mm-per-px for micrometres.")
        )
    if any(tip.tracked_share < LITTLE_SEEN for tip in results):
        notices.append(
            Notice(
                "tip_often_lost", "A tip was seen in less than half of the frames; numbers hold for those."
            )
        )
    if any((tip.tremor.relative_sd or 0.0) > UNCERTAIN_SD for tip in results):
        notices.append(
            Notice(
                "amplitude_uncertain",
                "An amplitude may be off by more than 10 % (see relative_sd): noise or the compression"
                " hides part of it. Move closer, use more light, or record at a higher quality.",
            )
        )
    if options.exposure_s is None and any(tip.tremor.status == "measured" for tip in results):
        notices.append(
            Notice(
                "exposure_unknown",
                "The shutter time is unknown, so nothing is corrected for it: fast tremor may be larger"
                " than stated by at most the share given as shutter_loss.",
            )
        )
    return tuple(notices)
