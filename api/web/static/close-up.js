// A part of the photo enlarged below a fixed cross: dragging or arrow keys bring a point exactly onto it.
// A fingertip covers some 40 pixels of a phone's photo; the close-up shows them one to one or larger.

import { el } from "./dom.js";

const SIDE_PX = 150;
const STEP_PX = { plain: 1, shift: 10 };
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * `{node, show(point), key(event), clamped(point)}`. `image` has the width and height that points are given
 * in; `onStart()` before the first movement of a drag and before each key, `onMove(point)` with each.
 */
export function closeUp(source, image, { label, onStart = () => {}, onMove }) {
  const zoom = Math.min(4, Math.max(1, 3000 / Math.max(image.width, image.height)));
  const node = el("canvas", { class: "close-up", tabindex: 0, role: "img", "aria-label": label });
  let at = [image.width / 2, image.height / 2];
  let from = null;

  node.addEventListener("pointerdown", (event) => {
    node.setPointerCapture(event.pointerId);
    from = { x: event.clientX, y: event.clientY, at, moved: false };
  });
  node.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (!from.moved) onStart();
    from.moved = true;
    move([from.at[0] - (event.clientX - from.x) / zoom, from.at[1] - (event.clientY - from.y) / zoom]);
  });
  for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => (from = null));
  node.addEventListener("keydown", key);

  function key(event) {
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    onStart();
    const step = event.shiftKey ? STEP_PX.shift : STEP_PX.plain;
    move([at[0] + way[0] * step, at[1] + way[1] * step]);
  }

  function move(point) {
    show(clamped(point));
    onMove(at);
  }

  function show(point) {
    at = point;
    paint(node, source, image, at, zoom);
  }

  const clamped = ([x, y]) => [clamp(x, image.width), clamp(y, image.height)];
  return { node, show, key, clamped };
}

/** The photo around `[x, y]` at `zoom` CSS pixels a photo pixel, a cross on the middle. */
function paint(canvas, source, image, [x, y], zoom) {
  const ratio = window.devicePixelRatio || 1;
  const side = Math.round(SIDE_PX * ratio);
  canvas.width = canvas.height = side; // also wipes it
  const context = canvas.getContext("2d");
  // The source may be smaller than the photo (the overlay, where the browser cannot show a HEIC).
  const f = source.naturalWidth / image.width;
  const span = (SIDE_PX / zoom) * f;
  context.drawImage(
    source,
    (x + 0.5) * f - span / 2,
    (y + 0.5) * f - span / 2,
    span,
    span,
    0,
    0,
    side,
    side,
  );
  for (const [colour, wide] of [["#000", 3], ["#fff", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide * ratio;
    context.beginPath();
    for (const [a, b] of [[0, 0.44], [0.56, 1]]) {
      context.moveTo(a * side, side / 2);
      context.lineTo(b * side, side / 2);
      context.moveTo(side / 2, a * side);
      context.lineTo(side / 2, b * side);
    }
    context.stroke();
  }
}

const clamp = (value, size) => Math.min(size - 1, Math.max(0, value));
