"""What lies under the stitches: pad materials, the painted or open incision, ink marks, light."""

from __future__ import annotations

import cv2
import numpy as np

from assessor.render.canvas import Array, Canvas, Colour, Points, apply_homography
from assessor.render.closure import Closure, Curve

# BGR ranges (low, high) of the surfaces
SURFACES: dict[str, tuple[Colour, Colour]] = {
    "silicone_light": ((120, 165, 215), (175, 205, 245)),
    "silicone_tan": ((75, 115, 160), (125, 165, 215)),
    "silicone_brown": ((45, 70, 110), (85, 115, 155)),
    "silicone_dark": ((22, 32, 52), (45, 62, 95)),
    "glove": ((150, 185, 205), (215, 225, 235)),
    "glove_blue": ((140, 90, 40), (210, 160, 90)),
    "rubber_pink": ((165, 155, 205), (205, 195, 240)),
    "rubber_green": ((90, 130, 70), (150, 180, 130)),
    "skin_pale": ((165, 180, 205), (215, 220, 235)),
    "skin_pink": ((120, 125, 190), (180, 180, 225)),
    "skin_red": ((60, 60, 140), (110, 105, 205)),
    "skin_brown": ((50, 75, 105), (110, 140, 175)),
}
KITS: dict[str, tuple[str, ...]] = {
    "silicone": ("silicone_light", "silicone_tan", "silicone_brown", "silicone_dark"),
    "rubber": ("glove", "glove_blue", "rubber_pink", "rubber_green"),
    "skin": ("skin_pale", "skin_pink", "skin_red", "skin_brown"),
}


def noise_field(
    shape: tuple[int, int], cells: tuple[float, ...], amplitude: tuple[float, ...], rng: np.random.Generator
) -> Array:
    """A sum of smooth random fields (h, w); `cells` are their grain sizes as shares of the height."""
    h, w = shape
    out = np.zeros(shape, np.float32)
    for cell, a in zip(cells, amplitude, strict=True):
        gh = max(2, min(h, round(1 / cell) + 1))
        gw = max(2, min(w, round(w / h / cell) + 1))
        grid = rng.standard_normal((gh, gw), np.float32)
        out += a * cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC)
    return out


def draw_surface(canvas: Canvas, kit: str, rng: np.random.Generator) -> Colour:
    """Fill the whole canvas with pad material; returns its mean BGR colour."""
    low, high = SURFACES[str(rng.choice(KITS[kit]))]
    base = np.array([rng.uniform(a, b) for a, b in zip(low, high, strict=True)]) * rng.uniform(0.85, 1.08)
    canvas.fine[:] = base
    h, w = canvas.fine.shape[:2]
    rough = {"silicone": 0.012, "rubber": 0.02, "skin": 0.022}[kit] * rng.uniform(0.3, 1.8)
    grain = noise_field(
        (h, w), (0.5, 0.12, 0.03), (rough * (2.5 if kit == "skin" else 1.0), rough, rough * 0.7), rng
    )
    canvas.multiply(1 + grain)
    if kit == "skin":  # blotches of another hue
        tint = noise_field((h, w), (0.6, 0.2), (0.5, 0.3), rng)
        shift = np.array(rng.normal(0, 5, 3), np.float32)
        canvas.fine += np.clip(tint, -1.5, 1.5)[:, :, None] * shift
    for _ in range(int(rng.integers(0, 14)) if rng.random() < 0.6 else 0):
        _speck(canvas, rng, tuple(base))
    return float(base[0]), float(base[1]), float(base[2])


def visible_mm(canvas: Canvas, rng: np.random.Generator, n: int = 1) -> Points:
    """Random points (n, 2) of the pad that the picture shows."""
    px = rng.uniform((0, 0), (canvas.width, canvas.height), (n, 2))
    return apply_homography(np.asarray(np.linalg.inv(canvas.mm_to_px), float), px)


def _speck(canvas: Canvas, rng: np.random.Generator, base: Colour) -> None:
    at = visible_mm(canvas, rng)[0]
    px = 1.0 / canvas.pixels_per_mm(at)
    colour = [(40, 40, 170), (30, 30, 30), (235, 235, 235), tuple(0.7 * np.asarray(base))][
        int(rng.integers(0, 4))
    ]
    canvas.disc(at, rng.uniform(0.4, 1.8) * px, colour, rng.uniform(0.3, 0.9), 0.4 * px)


def draw_grid(
    canvas: Canvas, pitch_mm: float, phase_mm: Points, turn: float, rng: np.random.Generator
) -> None:
    """A faint printed square grid."""
    colour = (130, 120, 135) if rng.random() < 0.7 else (150, 100, 60)
    alpha, width = rng.uniform(0.15, 0.6), pitch_mm * rng.uniform(0.015, 0.05)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    reach = np.arange(-14, 15) * pitch_mm
    for k in reach:
        for line in (np.array([[k, reach[0]], [k, reach[-1]]]), np.array([[reach[0], k], [reach[-1], k]])):
            bent = np.linspace(line[0], line[1], 12)
            bent = bent + rng.normal(0, 0.006 * pitch_mm, bent.shape)
            canvas.stroke(phase_mm + bent @ axes, width, colour, alpha, 0.3 * width)


def draw_incision(
    canvas: Canvas,
    curve: Curve,
    kit: str,
    stitch_mm: float,
    ink: Colour | None,
    ink_width_mm: float,
    gape_mm: float,
    slit_alpha: float,
    rng: np.random.Generator,
) -> float:
    """The cut: an optional painted stripe, a step, an optional gaping lens, a dark slit. Returns the side of
    its higher lip, -1 or 1, or 0 where neither is."""
    u = np.linspace(0, curve.length_mm, 60)
    line = curve.to_mm(u, 0.0)
    lip = ink is not None and rng.random() < (0.75 if kit == "silicone" else 0.5)
    apart = rng.spawn(1)[0]  # its draws apart: a wound without a higher lip looks as it did
    stepped = kit == "silicone" and apart.random() < (0.7 if lip else 0.4)
    higher = float(apart.choice([-1.0, 1.0]))
    if ink is not None and lip:
        _draw_lip(canvas, curve, stitch_mm, higher, ink, ink_width_mm, rng)
    elif ink is not None:
        _draw_ink(canvas, curve, ink, ink_width_mm, rng)
        if rng.random() < 0.1:  # the cut's own inner edge parts the stripe
            pale = tuple(np.clip(rng.uniform(0.7, 1.25) * np.array([165, 180, 225.0]), 0, 250))
            widths = ink_width_mm * rng.uniform(0.1, 0.6) * _wander(60, 0.12, rng)
            canvas.stroke(line, widths, pale, rng.uniform(0.3, 0.9), 0.1 * ink_width_mm)
    if stepped:
        _draw_step(canvas, curve, stitch_mm, higher, apart)
    if stepped or lip:
        slit_alpha *= apart.random() < 0.4
    if gape_mm > 0:
        share = np.sort(rng.uniform(0, 1, 2)) if rng.random() < 0.5 else np.array([0.0, 1.0])
        s = np.linspace(0, 1, 30)
        uu = curve.length_mm * (share[0] + (share[1] - share[0]) * s)
        half = 0.5 * gape_mm * np.sin(np.pi * s) ** 0.7
        lens = np.concatenate([curve.to_mm(uu, -half), curve.to_mm(uu, half)[::-1]])
        inner = [(60, 50, 120), (30, 28, 45), (120, 130, 190), (170, 185, 210)][int(rng.integers(0, 4))]
        canvas.polygon(lens, inner, rng.uniform(0.5, 0.95), 0.12 * gape_mm)
        canvas.stroke(curve.to_mm(uu, -half), 0.1 * gape_mm + 0.05, (40, 35, 60), 0.5, 0.05 * gape_mm)
    if slit_alpha > 0:
        width = stitch_mm * rng.uniform(0.008, 0.03)
        canvas.stroke(line, width, (35, 32, 50), slit_alpha, 0.3 * width)
        if rng.random() < 0.4:  # a raised or sunken lip catches light
            canvas.stroke(
                curve.to_mm(u, width * 1.5),
                width * 2,
                (235, 235, 245),
                0.35 * slit_alpha * rng.random(),
                width,
            )
    return higher if stepped or lip else 0.0


def _draw_lip(
    canvas: Canvas,
    curve: Curve,
    stitch_mm: float,
    side: float,
    ink: Colour,
    width_mm: float,
    rng: np.random.Generator,
) -> None:
    """A stripe that was cut through: the lip on `side` stands higher, the pale wall below it shows in places,
    the other lies in its shade; ink on either, and run down the wall. The cut is the wall's lower edge."""
    u = np.linspace(0, curve.length_mm, 60)
    line = curve.to_mm(u, 0.0)
    reach = float(np.exp(rng.uniform(np.log(0.01), np.log(0.32))))
    wall = stitch_mm * reach * _wander(60, 0.15, rng) * (rng.random() < 0.75)
    if rng.random() < 0.4:  # the lips meet in places
        wall *= np.clip(np.interp(u, np.linspace(0, u[-1], 7), rng.uniform(-0.7, 1.5, 7)), 0, 1)
    widest = max(width_mm, stitch_mm * rng.uniform(0.05, 0.5))
    above, below = (widest * rng.uniform(0.1, 1.0) * (rng.random() < share) for share in (0.8, 0.6))
    if above:
        _draw_ink(canvas, curve, ink, above, rng, side * (wall + 0.5 * above * rng.uniform(0.8, 1.3)))
    if below:
        _draw_ink(canvas, curve, ink, below, rng, np.full(60, -side * 0.5 * below * rng.uniform(0.9, 1.5)))
    if wall.any():
        pale = tuple(np.clip(rng.uniform(0.8, 1.2) * np.array([170, 190, 230.0]), 0, 250))
        lip = np.concatenate([line, curve.to_mm(u, side * wall)[::-1]])
        # a broad band is the lip's own skin, stretched, not its wall
        canvas.polygon(
            lip, pale, rng.uniform(0.2, 0.9) if reach < 0.1 else rng.uniform(0.05, 0.4), 0.01 * stitch_mm
        )
        if rng.random() < 0.4:
            _draw_ink(canvas, curve, ink, float(wall.mean()) * rng.uniform(0.2, 0.9), rng, 0.5 * side * wall)
    if rng.random() < 0.4:
        _draw_patches(canvas, curve, stitch_mm, ink, rng)
    shade = stitch_mm * rng.uniform(0.02, 0.2)
    dark = np.concatenate([line, curve.to_mm(u, -side * shade)[::-1]])
    canvas.polygon(dark, (25, 40, 70), rng.uniform(0.05, 0.45), 0.25 * shade)
    canvas.stroke(
        line,
        0.015 * stitch_mm,
        (30, 40, 70),
        max(0.0, rng.uniform(-0.7, 0.7)),  # where the lips lie close no gap shows, only the step
        0.006 * stitch_mm,
    )


def _draw_patches(
    canvas: Canvas, curve: Curve, stitch_mm: float, ink: Colour, rng: np.random.Generator
) -> None:
    """What is left of a worn stripe: short strokes on either side of the cut, along it."""
    for _ in range(int(rng.integers(3, 10))):
        start, off = rng.uniform(0, curve.length_mm), rng.normal(0, 0.16) * stitch_mm
        u = start + stitch_mm * np.linspace(0, rng.uniform(0.15, 1.2), 8)
        widths = stitch_mm * rng.uniform(0.05, 0.2) * np.sin(np.linspace(0.4, np.pi - 0.4, 8))
        soft = stitch_mm * rng.uniform(0.004, 0.04)
        canvas.stroke(
            curve.to_mm(u, off + rng.normal(0, 0.02, 8) * stitch_mm), widths, ink, rng.uniform(0.4, 1.0), soft
        )


def _draw_step(canvas: Canvas, curve: Curve, stitch_mm: float, side: float, rng: np.random.Generator) -> None:
    """The lip on `side` stands higher: paler up to its crisp edge, the cut; the other lip in its shade."""
    u = np.linspace(0, curve.length_mm, 60)
    crisp = stitch_mm * rng.uniform(0.002, 0.015)
    light = np.zeros(canvas.fine.shape[:2], np.float32)
    for sign, reach, gain in (
        (side, rng.uniform(0.1, 0.6), rng.uniform(0.0, 0.3)),
        (-side, np.exp(rng.uniform(np.log(0.03), np.log(0.4))), -rng.uniform(0.1, 0.5)),
    ):
        far = stitch_mm * reach * _wander(60, 0.08, rng)
        band = Canvas(canvas.width, canvas.height, canvas.mm_to_px, canvas.supersample, channels=1)
        outline = np.concatenate([curve.to_mm(u, -far), curve.to_mm(u, far)[::-1]])
        band.polygon(outline, (gain,), 1.0, stitch_mm * reach * rng.uniform(0.03, 0.5))
        beyond = np.concatenate([curve.to_mm(u, 0.0), curve.to_mm(u, -sign * 4 * far)[::-1]])
        band.polygon(beyond, (0.0,), 1.0, crisp)
        light += band.fine[:, :, 0]
    canvas.multiply(1 + light)
    if rng.random() < 0.4:  # its rim catches light
        rim = curve.to_mm(u, side * 0.012 * stitch_mm)
        canvas.stroke(rim, 0.02 * stitch_mm, (215, 225, 245), rng.uniform(0.1, 0.6), crisp)


def _draw_ink(
    canvas: Canvas,
    curve: Curve,
    ink: Colour,
    width_mm: float,
    rng: np.random.Generator,
    aside_mm: Points | None = None,
) -> None:
    """A marker's stripe, smeared, patchy, worn, grainy; `aside_mm` (60,) from the cut, or often beside it."""
    n = 60
    u = np.linspace(0, curve.length_mm, n)
    strength = rng.uniform(0.35, 1.0)
    off = aside_mm
    if off is None:
        off = (rng.normal(0, 0.25) if rng.random() < 0.5 else 0.0) * width_mm + 0.1 * width_mm * np.cumsum(
            rng.normal(0, 0.2, n)
        )
    stripe = Canvas(canvas.width, canvas.height, canvas.mm_to_px, canvas.supersample, channels=1)
    if rng.random() < 0.5:  # smeared beside the line
        wide, faint = width_mm * rng.uniform(2, 4), rng.uniform(0.05, 0.3)
        stripe.stroke(curve.to_mm(u, off), wide, (faint,), 1.0, width_mm * 0.6)
    worn = float(rng.choice([0.0, 0.3, 0.6], p=[0.5, 0.3, 0.2]))
    a = 0
    while a < n - 3:
        b = min(n - 1, a + (int(rng.integers(3, 14)) if worn else n - 1))
        if rng.random() >= worn:
            aside = off[a : b + 1] + (rng.normal(0, 0.5) if rng.random() < 0.3 * worn else 0.0) * width_mm
            part = curve.to_mm(u[a : b + 1], aside)
            widths = width_mm * _wander(len(part), 0.08, rng)
            stripe.stroke(part, widths, (rng.uniform(0.6, 1.0),), 1.0, width_mm * rng.uniform(0.05, 0.3))
        a = b
    mask = stripe.fine[:, :, 0] * np.float32(strength)
    if rng.random() < 0.5:  # the pad's texture shows through
        h, w = mask.shape
        cell = float(np.exp(rng.uniform(np.log(0.006), np.log(0.05))))
        grain = noise_field((h, w), (cell, 3 * cell), (1.0, 0.5), rng)
        mask = mask * np.clip(1 - rng.uniform(0.2, 1.2) * (grain > rng.uniform(-0.3, 0.8)), 0, 1)
    canvas.blend_mask(mask.astype(np.float32), ink)


def _wander(n: int, step: float, rng: np.random.Generator) -> Points:
    """A width that wanders around 1 along a line, (n,)."""
    width: Points = np.clip(1 + np.cumsum(rng.normal(0, step, n)), 0.35, 1.8)
    return width


def draw_dots(canvas: Canvas, at_mm: Points, radius_mm: float, ink: Colour, rng: np.random.Generator) -> None:
    """Ink dots where stitches should go."""
    alpha, soft = rng.uniform(0.55, 1.0), rng.uniform(0.1, 0.5)
    for p in at_mm:
        r = radius_mm * rng.uniform(0.65, 1.35)
        a = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        blob = np.c_[np.cos(a), np.sin(a)] * (r * (1 + 0.2 * rng.normal(0, 1, 12)))[:, None]
        canvas.polygon(p + blob, ink, alpha * rng.uniform(0.7, 1.0), soft * r)
        if rng.random() < 0.25:
            canvas.disc(p, 2.2 * r, ink, 0.25 * rng.random(), 0.8 * r)


def smear_dots(
    canvas: Canvas, at_mm: Points, radius_mm: float, stitch_mm: float, ink: Colour, rng: np.random.Generator
) -> None:
    """Ink dots worn by gloves and thread: streaks out of them, mostly across the wound (it runs along x)."""
    lean, strength, reach = rng.normal(0, 0.5), rng.uniform(0.2, 0.8), rng.uniform(0.06, 0.25) * stitch_mm
    for p in at_mm:
        for _ in range(int(rng.integers(0, 7))):
            angle = rng.choice([-1.0, 1.0]) * np.pi / 2 + (lean if rng.random() < 0.7 else rng.normal(0, 1.2))
            way = np.array([np.cos(angle), np.sin(angle)]) * reach * rng.uniform(0.3, 1.2)
            start = p + rng.normal(0, 0.4, 2) * radius_mm
            width = radius_mm * rng.uniform(0.15, 0.9) * np.linspace(1.0, 0.3, 6)
            line = start + np.linspace(0, 1, 6)[:, None] * way
            canvas.stroke(line, width, ink, strength * rng.uniform(0.3, 1.0), 0.3 * float(width[0]))


def wash_ink(canvas: Canvas, curve: Curve, stitch_mm: float, ink: Colour, rng: np.random.Generator) -> None:
    """Ink that wet gloves have spread over the row, in patches."""
    u = np.linspace(0, curve.length_mm, 40)
    aside = stitch_mm * np.cumsum(rng.normal(0, 0.05, 40))
    wash = Canvas(canvas.width, canvas.height, canvas.mm_to_px, canvas.supersample, channels=1)
    width = stitch_mm * rng.uniform(0.4, 1.1) * _wander(40, 0.12, rng)
    wash.stroke(curve.to_mm(u, aside), width, (rng.uniform(0.1, 0.5),), 1.0, 0.1 * stitch_mm)
    patchy = noise_field(canvas.fine.shape[:2], (0.15, 0.04), (0.5, 0.25), rng)
    canvas.blend_mask(wash.fine[:, :, 0] * np.clip(1 + patchy, 0, 1.6), ink)


def draw_dimples(
    canvas: Canvas, closure: Closure, kit: str, stitch_mm: float, rng: np.random.Generator
) -> None:
    """Tissue drawn in at the punctures and along taut strands: hollows, and the tunnel that shows beyond."""
    depth = rng.uniform(0, 0.55)
    shade: Colour = [(40, 45, 70), (45, 70, 130), (30, 40, 95)][int(rng.integers(0, 3))]
    for p in closure.punctures:
        canvas.disc(p, stitch_mm * rng.uniform(0.03, 0.1), shade, depth * rng.random(), 0.05 * stitch_mm)
    often = {"silicone": 0.85, "rubber": 0.3, "skin": 0.5}[kit]
    tunnel, reach = rng.uniform(0.1, 0.6) * (rng.random() < often), rng.uniform(0.06, 0.35)
    for s in closure.stitches:
        if tunnel:  # the needle's path below the skin, from each bite outwards
            along = s.bites_mm[1] - s.bites_mm[0]
            for bite, sign in zip(s.bites_mm, (-1.0, 1.0), strict=True):
                turned = along + rng.normal(0, 0.15, 2) * stitch_mm
                line = np.linspace(bite, bite + sign * reach * rng.uniform(0.4, 1.3) * turned, 5)
                taper = stitch_mm * np.linspace(0.07, 0.02, 5) * rng.uniform(0.6, 1.6)
                canvas.stroke(line, taper, shade, tunnel * rng.uniform(0.3, 1.0), 0.025 * stitch_mm)
    if rng.random() < 0.4:
        for s in closure.stitches:
            ridge = np.linspace(s.bites_mm[0], s.bites_mm[1], 8) + rng.normal(0, 0.03 * stitch_mm, 2)
            canvas.stroke(ridge, 0.3 * stitch_mm, (60, 65, 90), 0.25 * depth * rng.random(), 0.12 * stitch_mm)


def draw_staple(canvas: Canvas, bites_mm: Points, rng: np.random.Generator) -> None:
    """A skin staple: a bright metal bar over a dark edge."""
    width = 0.07 * float(np.linalg.norm(bites_mm[1] - bites_mm[0]))
    line = np.linspace(bites_mm[0], bites_mm[1], 8)
    canvas.stroke(line + 0.5 * width, width * 1.3, (40, 40, 45), 0.4, 0.4 * width)
    canvas.stroke(line, width, (150, 152, 155), 1.0)
    canvas.stroke(line, 0.4 * width, (235, 238, 240), 0.6 + 0.4 * rng.random())


def light_field(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """How unevenly the scene is lit, (h, w) around 1."""
    field = 1 + noise_field(shape, (1.0,), (rng.uniform(0, 0.16),), rng)
    if rng.random() < 0.25:  # the edge of a cast shadow
        a = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        d = (x - rng.uniform(0, shape[1])) * np.cos(a) + (y - rng.uniform(0, shape[0])) * np.sin(a)
        soft = shape[0] * rng.uniform(0.02, 0.3)
        field *= 1 - rng.uniform(0.1, 0.5) / (1 + np.exp(np.clip(-d / soft, -30, 30)))
    result: Array = np.clip(field, 0.25, 1.7).astype(np.float32)
    return result
