"""Frame by frame: ground, instruments and hands at several moments of the exposure, then the sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.render.canvas import Array, Points
from assessor.render.clips.cast import Actor, cast
from assessor.render.clips.clock import frame_times
from assessor.render.clips.ground import draw_ground
from assessor.render.clips.order import CameraOrder, ClipOrder
from assessor.render.clips.truth import ClipTruth, TipTruth
from assessor.render.clips.waves import band

_STEP_PX = 0.8  # moments of an exposure lie no further apart than this
_MOMENTS = (2, 24)  # at least, at most


@dataclass(frozen=True, slots=True)
class Film:
    """A clip before it is written: its truth, and its frames on demand."""

    order: ClipOrder
    truth: ClipTruth
    _frames: Iterator[NDArray[np.uint8]]

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """(t_s, BGR (h, w, 3) uint8) of each frame in turn; they are made once."""
        return zip(self.truth.t_s.tolist(), self._frames, strict=True)


def shoot(order: ClipOrder, file: str = "") -> Film:
    """Plan a clip and its truth; the frames are drawn while they are read."""
    camera = order.camera
    rng = np.random.default_rng(order.seed)
    ground = draw_ground(order, rng)
    actors = cast(order, ground.bites_px, rng)
    clock = frame_times(camera, order.seconds, rng)
    shake = band(rng, 3.0, 10.0, camera.shake_rms_px)
    shown = clock.t_s.copy()  # the moment that each frame shows
    for i in np.flatnonzero(clock.duplicate):
        shown[i] = shown[i - 1]
    rest = shake(np.zeros(1))

    def shift(t_s: Points) -> Points:
        return shake(t_s) - rest

    def frames() -> Iterator[NDArray[np.uint8]]:
        grain = rng.standard_normal((camera.height + 64, camera.width + 64, 3), np.float32)
        frame: NDArray[np.uint8] | None = None
        still = None if camera.shake_rms_px else ground.seen(np.zeros(2))
        for t, again in zip(clock.t_s, clock.duplicate, strict=True):
            if frame is None or not again:
                moments, weights = _moments(float(t), camera, actors)
                light = np.zeros((3, camera.height, camera.width), np.float32)
                for moment, weight, moved in zip(moments, weights, shift(moments), strict=True):
                    picture = ground.seen(moved) if still is None else still.copy()
                    for actor in actors:
                        actor.lay(picture, float(moment), moved)
                    light += picture * np.float32(weight)
                frame = _sense(cv2.merge(list(light)), camera, grain, rng)
            yield frame

    tips = tuple(
        _truth(actor, actors[k + 1 :], shown, shift(shown), camera)
        for k, actor in enumerate(actors)
        if actor.order
    )
    truth = ClipTruth(
        file=file,
        width=camera.width,
        height=camera.height,
        fps=camera.fps,
        shutter_s=camera.shutter_s,
        px_per_mm=camera.px_per_mm,
        t_s=clock.t_s,
        duplicate=clock.duplicate,
        dropped=clock.dropped,
        camera_px=shift(shown),
        tips=tips,
    )
    return Film(order, truth, frames())


def _moments(t: float, camera: CameraOrder, actors: tuple[Actor, ...]) -> tuple[Points, Points]:
    """Moments of an exposure (n,) s and their weights: Gauss-Legendre, since two evenly spaced moments would
    lose 4 % too little of a 12 Hz tremor under a shutter of 1/30 s."""
    ends = np.array([t - camera.shutter_s / 2, t + camera.shutter_s / 2])
    way = max((float(np.hypot(*np.diff(a.position(ends), axis=0)[0])) for a in actors), default=0.0)
    n = int(np.clip(np.ceil(way / _STEP_PX), *_MOMENTS))
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return t + camera.shutter_s / 2 * nodes, weights / 2


def _sense(light: Array, camera: CameraOrder, grain: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Photons and read-out: noise grows with the root of the light; a dim room is half made good by gain."""
    h, w = light.shape[:2]
    x, y = rng.integers(0, 64, 2)
    noise = grain[y : y + h, x : x + w]
    noise = noise[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    gain = np.float32(np.sqrt(camera.light))
    strength = np.sqrt(light * np.float32(0.75 / 128) + np.float32(0.25)) * np.float32(camera.noise / gain)
    eight: NDArray[np.uint8] = np.clip(light * gain + noise * strength + 0.5, 0, 255).astype(np.uint8)
    return eight


def _truth(
    actor: Actor, above: tuple[Actor, ...], t_s: Points, shift: Points, camera: CameraOrder
) -> TipTruth:
    order = actor.order
    assert order is not None
    voluntary, tremor = actor.lead(t_s), actor.shiver(t_s)
    tip = voluntary + tremor + shift
    size = (camera.width - 1, camera.height - 1)
    visible = np.asarray(((tip >= 0) & (tip <= size)).all(1))
    for i, (t, p) in enumerate(zip(t_s, tip, strict=True)):
        visible[i] &= all(other.covers(float(t), shift[i], p) < 0.5 for other in above)
    return TipTruth(
        kind=order.kind,
        hand=order.hand,
        task=order.task,
        tip_px=tip,
        voluntary_px=voluntary,
        tremor_px=tremor,
        axis_rad=actor.turn(t_s)[:, 0],
        visible=visible,
        tremor=actor.tremor,
        dwells_s=actor.dwells_s,
    )
