"""Sample pads: photos of every kit and technique, each with its exact truth, reproducible from a seed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from assessor.errors import OptionError
from assessor.photo.scale.layout import CARDS, CardLayout
from assessor.render.camera import random_camera, take
from assessor.render.canvas import Canvas, Points, apply_homography
from assessor.render.card import draw_card
from assessor.render.closure import CLOSURES
from assessor.render.clutter import draw_ruler
from assessor.render.pad import KITS
from assessor.render.scene import paint_scene, similarity, tilted
from assessor.render.wound import Wound, WoundTruth, sample_wound, truth_of

JPEG_QUALITY = 88
LICENCE = "MIT"
ScaleProp = Literal["card", "ruler", "grid", "none"]

_ROOM_MM = {"silicone": 9.0, "rubber": 1.2, "skin": 9.0}  # free pad round wound and prop
_RULER_MM = (62.0, 27.0)  # what has to be in view of the ruler: most of its length, all of its width
_GRID_MM = 1.0
_POOR = 0.08  # a steady hand and a good phone
_TRIES = 40
_FRAMES = ("Frame", "Large frame")


@dataclass(frozen=True, slots=True)
class Order:
    """What a sample shall show. `stitches` may come out lower: some rows are left unfinished."""

    kit: str
    technique: str
    scale: ScaleProp
    stitches: int
    card: str = "Strip"
    frame: float = 0.0  # how often the pad lies in a frame


PLAN: tuple[Order, ...] = (
    Order("silicone", "simple_interrupted", "card", 8, card="Frame"),
    Order("silicone", "simple_running", "ruler", 8),
    Order("rubber", "simple_interrupted", "grid", 9),
    Order("skin", "simple_interrupted", "ruler", 6),
    Order("silicone", "simple_interrupted", "none", 9, frame=1.0),
    Order("rubber", "simple_running", "card", 8),
    Order("silicone", "vertical_mattress", "card", 6, card="Corner"),
    Order("skin", "horizontal_mattress", "ruler", 8),
    Order("silicone", "running_locking", "none", 8),
    Order("skin", "figure_of_eight", "card", 8),
    Order("silicone", "staples", "ruler", 8),
    Order("skin", "subcuticular", "card", 6),
    Order("skin", "buried", "none", 6),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A rendered photo (h, w, 3) uint8 BGR, its truth in its own pixels, and the plane it lies on."""

    bgr: NDArray[np.uint8]
    order: Order
    truth: WoundTruth
    mm_to_px: Points
    px_per_mm: float  # at the middle of the wound


def write_samples(
    out: str | Path,
    count: int = len(PLAN),
    seed: int = 0,
    *,
    kit: str | None = None,
    technique: str | None = None,
    width: int = 1600,
) -> tuple[Path, ...]:
    """Write `count` JPEG photos, `truth.json` and `manifest.json` into a folder; returns the photos' paths.

    `width` is the longer side in pixels. `kit` and `technique` ask for these only. OptionError where one
    of them is unknown. A photo depends on the seed and its own number alone, not on `count`.
    """
    _check(count, kit, technique, width)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    truths: dict[str, Any] = {}
    photos: list[dict[str, Any]] = []
    for number in range(count):
        sample = render_sample(number, seed, kit=kit, technique=technique, width=width)
        order = sample.order
        name = f"{number + 1:02d}-{order.kit}-{order.technique.replace('_', '-')}.jpg"
        data = encode(sample.bgr)
        (folder / name).write_bytes(data)
        truths[name] = truth_json(sample, seed)
        photos.append(
            {
                "file": name,
                "sha256": hashlib.sha256(data).hexdigest(),
                "kit": order.kit,
                "technique": order.technique,
                "scale": order.scale,
                "stitches": len(sample.truth.bites_px),
            }
        )
    manifest = {
        "licence": LICENCE,
        "origin": "rendered by assessor.render; no photograph is part of it",
        "seed": seed,
        "width": width,
        "truth": "truth.json",
        "photos": photos,
    }
    lines = (f"{json.dumps(name)}: {json.dumps(truth)}" for name, truth in truths.items())
    (folder / "truth.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return tuple(folder / photo["file"] for photo in photos)


def encode(bgr: NDArray[np.uint8]) -> bytes:
    """JPEG bytes of a sample."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV cannot write JPEG")
    return bytes(data)


def render_sample(
    number: int, seed: int, *, kit: str | None = None, technique: str | None = None, width: int = 1600
) -> Sample:
    """The sample `number` (from 0) of a seed."""
    order = _order(number, kit, technique)
    rng = np.random.default_rng([seed, number])
    wound = _good_wound(order, rng)
    box = _extent(wound)
    card = _card_for(order, box)
    height = round(width * 3 / 4)
    place, everything = _place_prop(order, card, box, rng)
    mm_to_px = _camera_plane(everything, _ROOM_MM[order.kit], (width, height), rng)
    canvas = Canvas(width, height, mm_to_px, supersample=2 if width < 1200 else 1)
    paint_scene(
        canvas,
        [(wound, np.eye(3))],
        order.kit,
        rng,
        frame_share=order.frame,
        ruler=False,
        grid_mm=_GRID_MM if order.scale == "grid" else 0.0,
        labels=False,
    )
    if card is not None:
        turn = rng.uniform(0, 2 * np.pi)
        draw_card(canvas, card, place, np.array([np.cos(turn), np.sin(turn)]))
    elif order.scale == "ruler":
        at, angle = place[:2, 2], float(np.arctan2(place[1, 0], place[0, 0]))
        draw_ruler(canvas, at, angle, rng)
    bgr = take(canvas.picture(), random_camera(rng, _POOR), rng)
    middle = wound.curve.to_mm(wound.curve.length_mm / 2, 0.0)[0]
    return Sample(bgr, order, truth_of(wound, mm_to_px), mm_to_px, canvas.pixels_per_mm(middle))


def truth_json(sample: Sample, seed: int) -> dict[str, Any]:
    """Truth of a photo as JSON: pixels of the photo, and the 3x3 plane `mm_to_px` they came through.

    `px_per_mm` holds at the middle of the wound. A stitch cut by the frame is `truncated`.
    """
    truth = sample.truth
    height, width = sample.bgr.shape[:2]
    stitches = []
    for bites, knot, hidden in zip(truth.bites_px, truth.knots_px, truth.hidden, strict=True):
        inside = bool(((bites >= 0) & (bites <= (width - 1, height - 1))).all())
        stitches.append(
            {
                "bites": _plain(bites),
                "knot": None if knot is None else _plain(knot),
                "hidden": list(hidden),
                "truncated": not inside,
            }
        )
    return {
        "set": sample.order.kit,
        "kit": sample.order.kit,
        "technique": sample.order.technique,
        "scale": sample.order.scale,
        "grid_mm": _GRID_MM if sample.order.scale == "grid" else None,
        "seed": seed,
        "px_per_mm": round(sample.px_per_mm, 5),
        "mm_to_px": [[float(f"{v:.9g}") for v in row] for row in sample.mm_to_px],
        "wounds": [{"incision": {"points": _plain(truth.incision_px[::3])}, "stitches": stitches}],
    }


def _plain(points: Points) -> Any:
    return np.round(points, 3).tolist()


def _check(count: int, kit: str | None, technique: str | None, width: int) -> None:
    if kit is not None and kit not in KITS:
        raise OptionError(
            "unknown_kit", f"No pad is drawn as {kit!r}.", "Use one of: " + ", ".join(KITS) + "."
        )
    if technique is not None and technique not in CLOSURES:
        raise OptionError(
            "unknown_technique",
            f"The technique {technique!r} cannot be drawn.",
            "Use one of: " + ", ".join(CLOSURES) + ".",
        )
    if count < 1 or not 320 <= width <= 8000:
        raise OptionError(
            "bad_render_size",
            f"{count} pads of {width} px cannot be drawn.",
            "Ask for at least one pad, 320 to 8000 px wide.",
        )


def _order(number: int, kit: str | None, technique: str | None) -> Order:
    order = PLAN[number % len(PLAN)]
    if technique is not None:
        order = replace(order, technique=technique)
    if kit is not None and kit != order.kit:
        scale = order.scale if order.scale in ("card", "none") else "grid" if kit == "rubber" else "ruler"
        order = replace(order, kit=kit, scale=scale)
    return order


def _good_wound(order: Order, rng: np.random.Generator) -> Wound:
    """A finished row of about as many stitches as asked for."""
    bare = order.technique in ("subcuticular", "buried")
    for _ in range(_TRIES):
        wound = sample_wound(rng, order.kit, order.technique, order.stitches)
        if bare or len(wound.closure.stitches) >= min(order.stitches - 1, 4):
            return wound
    raise RuntimeError(f"no finished row of {order.technique} in {_TRIES} tries")


def _extent(wound: Wound) -> Points:
    """(2, 2) lower and upper corner, mm, of all that belongs to a wound."""
    parts = [wound.curve.points, *wound.closure.strands, *wound.closure.tails, *wound.closure.staples]
    parts += [
        wound.dots_mm,
        *wound.crosses_mm,
        np.array([at for at, _ in wound.closure.knots]).reshape(-1, 2),
    ]
    every = np.concatenate([p for p in parts if len(p)])
    return np.array([every.min(0), every.max(0)])


def _card_for(order: Order, box: Points) -> CardLayout | None:
    """The card asked for; of the frames the smallest whose window holds the wound, else the Strip."""
    if order.scale != "card":
        return None
    named = {card.name: card for card in CARDS}
    card = named["Mini" if order.kit == "rubber" else order.card]
    if card.name not in _FRAMES:
        return card
    held = [
        c for c in (named[f] for f in _FRAMES) if c.cut_out and (box[1] - box[0] + 3 <= c.cut_out[2:]).all()
    ]
    return held[0] if held else named["Strip"]


def _place_prop(
    order: Order, card: CardLayout | None, box: Points, rng: np.random.Generator
) -> tuple[Points, Points]:
    """Where card or ruler lies (3x3, its mm to the pad's), clear of the wound; and all corners (n, 2)."""
    corners = np.array([box[0], [box[1, 0], box[0, 1]], box[1], [box[0, 0], box[1, 1]]])
    if order.scale not in ("card", "ruler"):
        return np.eye(3), corners
    w, h = (card.width_mm, card.height_mm) if card is not None else _RULER_MM
    gap = 0.25 * _ROOM_MM[order.kit] * rng.uniform(1.0, 2.0)
    turn = float(rng.normal(0, 0.02))
    middle = box.mean(0)
    if card is not None and card.name in _FRAMES:
        place = _turned((w / 2, h / 2), middle, turn)
    elif card is not None and card.cut_out is not None:  # an L, its inner corner towards the wound
        place = _turned((card.cut_out[0] + gap, card.cut_out[1] + gap), box[0], turn)
    elif rng.random() < 0.5:
        place = _turned((w / 2, -gap), np.array([middle[0], box[1, 1]]), turn)
    else:  # above the wound, turned round: the same edge next to it
        place = _turned((w / 2, -gap), np.array([middle[0], box[0, 1]]), turn + np.pi)
    outline = apply_homography(place, np.array([[0, 0], [w, 0], [w, h], [0, h]], float))
    return place, np.concatenate([corners, outline])


def _turned(own: tuple[float, float], at: Points, angle: float) -> Points:
    """Turned by `angle`, so that the prop's own point `own` comes to lie on `at`."""
    spun = similarity(1.0, angle, (0.0, 0.0))
    spun[:2, 2] = at - spun[:2, :2] @ np.asarray(own)
    return spun


def _camera_plane(
    corners_mm: Points, room_mm: float, size: tuple[int, int], rng: np.random.Generator
) -> Points:
    """A camera nearly straight above that has all corners in view with some room round them."""
    width, height = size
    angle = float(rng.normal(0, 0.12)) + float(rng.choice([0.0, np.pi]))
    turned = apply_homography(similarity(1.0, angle, (0, 0)), corners_mm)
    low, high = turned.min(0) - room_mm, turned.max(0) + room_mm
    zoom = float(min(np.array([width, height]) / (high - low))) * float(rng.uniform(0.86, 0.95))
    centre = zoom * (low + high) / 2
    shift = np.array([width - 1, height - 1]) / 2 - centre
    flat = similarity(zoom, angle, (float(shift[0]), float(shift[1])))
    return tilted(flat, size, 0.03, rng)
