"""Who moves in a clip, and how: instruments with their hands, and a hand that gets in the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assessor.render.canvas import Array, Points
from assessor.render.clips.hands import hand_sprite, shadow_sprite
from assessor.render.clips.instruments import instrument_sprite
from assessor.render.clips.order import ClipOrder, InstrumentOrder
from assessor.render.clips.sprites import Sprite
from assessor.render.clips.truth import TremorTruth
from assessor.render.clips.waves import Path, Reaches, Wave, band, suture_path, tremor_wave

_HOLD_RMS_PX = 1.2  # how far a steady hand drifts about the dot it points at
_TURN_RMS_RAD = 0.012
_STILL = Wave(np.zeros(1), np.zeros((1, 2)), np.zeros((1, 2)))


@dataclass(frozen=True, slots=True)
class Actor:
    """Sprites on one pose: `lead` and `shiver` (n, 2) px are where it is led and its tremor.

    `turn` (n, 1) rad is its axis from the tip to the hand. `order` is None for what only gets in the way.
    """

    sprites: tuple[Sprite, ...]  # from the lowest to the highest
    lead: Path
    shiver: Path
    turn: Path
    order: InstrumentOrder | None = None
    tremor: TremorTruth | None = None
    dwells_s: tuple[tuple[float, float], ...] = ()

    def position(self, t_s: Points) -> Points:
        """Times (n,) -> the origin (n, 2) without the camera's shift."""
        return self.lead(t_s) + self.shiver(t_s)

    def lay(self, picture: Array, t_s: float, shift_px: Points) -> None:
        """Paint it over a frame as it stands at one moment."""
        at, angle = self._pose(t_s, shift_px)
        for sprite in self.sprites:
            sprite.lay(picture, sprite.placing(at, angle))

    def covers(self, t_s: float, shift_px: Points, point_px: Points) -> float:
        """How opaque it is at a point of the frame; shadows count little."""
        at, angle = self._pose(t_s, shift_px)
        return max(s.alpha_at(s.placing(at, angle), point_px) for s in self.sprites)

    def _pose(self, t_s: float, shift_px: Points) -> tuple[Points, float]:
        t = np.array([t_s])
        return self.position(t)[0] + shift_px, float(self.turn(t)[0, 0])


def cast(order: ClipOrder, bites_px: Points, rng: np.random.Generator) -> tuple[Actor, ...]:
    """The actors of a clip, from the lowest to the highest."""
    light = rng.normal(0, 1, 2)
    light = 2.5 * light / np.hypot(*light)
    actors = [_instrument(order, one, light, bites_px, rng) for one in order.instruments]
    if order.crossed_by_hand:
        actors.append(_intruder(order, actors[0] if actors else None, rng))
    return tuple(actors)


def _instrument(
    clip: ClipOrder, order: InstrumentOrder, light_mm: Points, bites_px: Points, rng: np.random.Generator
) -> Actor:
    camera = clip.camera
    side = 1 if order.hand == "right" else -1
    # towards the hand: right and down for the right hand, left and down for the left one
    angle = float(rng.uniform(0.15, 0.85))
    angle = angle if side > 0 else np.pi - angle
    middle = np.array([camera.width, camera.height]) / 2
    home = middle + rng.normal(0, 0.03 * camera.height, 2)
    home[0] += side * 0.06 * camera.width
    dwells: tuple[tuple[float, float], ...] = ((0.0, clip.seconds),)
    lead: Path
    if order.task == "suture":
        near = bites_px[np.argsort(np.abs(bites_px - home).sum(1))[:8]]
        rest = home + np.array([side * 0.14 * camera.width, 0.1 * camera.height])
        path, dwells = suture_path(rng, near if len(near) else home[None], rest, clip.seconds)
        home = near[0] if len(near) else home
        slow = band(rng, 0.05, 1.5, _HOLD_RMS_PX)
        lead = _sum(home, path, slow)
    elif order.task == "still":
        lead = _sum(home)
    else:
        rms = order.drift_rms_px if order.task == "drift" else _HOLD_RMS_PX
        lead = _sum(home, band(rng, 0.05, 1.5, rms))
    turning = 0.0 if order.task == "still" else _TURN_RMS_RAD
    gloved = rng.random() < 0.6 if order.gloved is None else order.gloved
    c, s = np.cos(-angle), np.sin(-angle)
    own_light = np.array([[c, -s], [s, c]]) @ light_mm
    scale, blur = camera.px_per_mm, camera.blur_px
    sprites = (
        shadow_sprite(order.kind, own_light, side, float(rng.uniform(0.15, 0.45)), scale, rng),
        instrument_sprite(order.kind, order.tape, scale, blur, rng),
        hand_sprite(order.kind, side, gloved, scale, blur, rng),
    )
    shiver, truth = _STILL, None
    if order.tremor is not None:
        shiver = tremor_wave(rng, order.tremor)
        dense = shiver(np.arange(0, clip.seconds, 1e-3))
        band_hz = order.tremor.bandwidth_hz
        rms = float(np.sqrt((dense**2).sum(1).mean())) if band_hz else shiver.rms
        truth = TremorTruth(order.tremor.peak_px, rms, order.tremor.hz, band_hz)
    turn = _sum(np.array([angle]), band(rng, 0.05, 0.8, turning, axes=1))
    return Actor(sprites, lead, shiver, turn, order, truth, dwells)


def _intruder(clip: ClipOrder, target: Actor | None, rng: np.random.Generator) -> Actor:
    """A hand from above that covers the first tip about the middle of the clip."""
    camera = clip.camera
    over = (
        target.position(np.array([clip.seconds / 2]))[0]
        if target
        else np.array([camera.width, camera.height]) / 2
    )
    scale = camera.px_per_mm
    angle = float(rng.uniform(-2.2, -0.9))
    away = over + np.array([np.cos(angle), np.sin(angle)]) * (0.7 * camera.height + 90 * scale)
    inward = np.array([np.cos(angle), np.sin(angle)])
    hand = hand_sprite("forceps", 1, bool(rng.random() < 0.6), scale, camera.blur_px, rng)
    # its origin is where a tip would be, the fist lies 80 mm behind
    points = np.array([away, over - 80 * scale * inward, away])
    half = clip.seconds / 2
    stay = min(0.5, 0.1 * clip.seconds)
    reach = min(0.6, 0.2 * clip.seconds)
    path = Reaches(
        points,
        np.array([half - stay / 2 - reach, half + stay / 2]),
        np.array([half - stay / 2, half + stay / 2 + reach]),
    )
    return Actor((hand,), path, _STILL, _sum(np.array([angle])))


def _sum(start: Points, *parts: Path) -> Path:
    def path(t_s: Points) -> Points:
        total = np.repeat(start[None], len(t_s), axis=0)
        for part in parts:
            total = total + part(t_s)
        return total

    return path
