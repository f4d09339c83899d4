"""What lies under the instruments: the pad with its wound, drawn a little larger than the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from assessor.render.canvas import Array, Canvas, Points
from assessor.render.clips.order import ClipOrder
from assessor.render.clips.sprites import SHARPNESS, soften
from assessor.render.pad import light_field
from assessor.render.scene import paint_scene, similarity
from assessor.render.wound import sample_wound, truth_of

MARGIN_PX = 16  # room for the camera's shake on each side


@dataclass(frozen=True, slots=True)
class Ground:
    """The background, drawn `sharpness` times too large, and the stitches' bites (n, 2) in final pixels."""

    fine: Array
    sharpness: int
    width: int
    height: int
    bites_px: Points

    def seen(self, shift_px: Points) -> Array:
        """The background as planes (3, height, width) float32, shifted by (2,) pixels."""
        # the centre of a final pixel lies at the centre of its block of drawn ones
        offset = (self.sharpness - 1) / 2 + self.sharpness * (MARGIN_PX - np.asarray(shift_px, float))
        back = np.array([[self.sharpness, 0, offset[0]], [0, self.sharpness, offset[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(self.fine, back, (self.width, self.height), flags=flags)
        return np.stack(cv2.split(seen))


def draw_ground(order: ClipOrder, rng: np.random.Generator) -> Ground:
    """A pad of the order's kit, its wound about the middle of the picture."""
    camera = order.camera
    w, h = camera.width + 2 * MARGIN_PX, camera.height + 2 * MARGIN_PX
    wound = sample_wound(rng, order.kit)
    length = wound.curve.length_mm
    zoom = camera.px_per_mm * (0.35 if order.kit == "rubber" else 1.0) ** -1
    to_px = similarity(zoom, float(rng.normal(0, 0.5)), (0.0, 0.0))
    middle = wound.curve.to_mm(length / 2, 0.0)[0]
    to_px[:2, 2] = (w / 2, h / 2) - to_px[:2, :2] @ middle + rng.normal(0, 15, 2)
    fine = SHARPNESS if camera.shake_rms_px else 1  # what does not move needs no sub-pixel places
    grow = np.array([[fine, 0, (fine - 1) / 2], [0, fine, (fine - 1) / 2], [0, 0, 1.0]])
    canvas = Canvas(w * fine, h * fine, grow @ to_px, supersample=1)
    paint_scene(canvas, [(wound, np.eye(3))], order.kit, rng, frame_share=0.7)
    canvas.multiply(light_field((24, 24), rng))
    truth = truth_of(wound, to_px)
    bites = np.asarray(truth.bites_px, float).reshape(-1, 2) - MARGIN_PX
    picture = soften(np.clip(canvas.fine, 0, 255), camera.blur_px, fine)
    return Ground(picture, fine, camera.width, camera.height, bites)
