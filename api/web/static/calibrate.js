// Scale from two points: tapped roughly on the photo, then set exactly in two close-ups.
// A fingertip covers some 40 pixels of a phone's photo; the close-ups show them one to one or larger.

import { el, svg } from "./dom.js";
import { distance, photoPoint } from "./picture.js";

const CLOSE_UP_PX = 150;
const STEP_PX = { plain: 1, shift: 10 };
// Apart by less, one pixel of error is already 2 %.
const LEAST_APART_PX = 50;

/** Button that opens the tool. `onDone("x,y,x,y,mm")` when both points and the length are set. */
export function calibration(image, source, before, onDone) {
  const host = el("div", { class: "calibration" });
  const open = el("button", { type: "button", class: "button" }, before ? "Change the two points" : "Set two points");
  open.addEventListener("click", () => {
    open.hidden = true;
    host.append(pointTool(image, source, before, onDone, () => { host.lastChild.remove(); open.hidden = false; open.focus(); }));
    host.querySelector(".close-up").focus({ preventScroll: true });
  });
  host.append(open);
  return host;
}

/** The tool itself; `image` has the width and height that `source`'s pixels are given in. */
export function pointTool(image, source, before, onDone, onCancel, doneText = "Grade with this scale") {
  const { width, height } = image;
  const zoom = Math.min(4, Math.max(1, 3000 / Math.max(width, height)));
  const pins = before
    ? [before.slice(0, 2), before.slice(2, 4)]
    : [[width * 0.35, height * 0.5], [width * 0.65, height * 0.5]].map(([x, y]) => [Math.round(x), Math.round(y)]);
  const placed = [Boolean(before), Boolean(before)];
  let active = 0;

  const marks = pins.map((_, i) => pin(i, Math.max(width, height)));
  const layer = svg("svg", { viewBox: `-0.5 -0.5 ${width} ${height}`, class: "layer", "aria-hidden": "true" }, marks);
  const photo = el("img", { src: source.src, alt: "The photo, to tap two points on", width, height });
  const closeUps = pins.map((_, i) => closeUp(i));
  const length = el("input", { id: "length-mm", inputmode: "decimal", autocomplete: "off", required: true, value: before ? before[4] : "" });
  const problem = el("p", { class: "field-error", role: "alert" });

  layer.addEventListener("click", (event) => {
    move(active, photoPoint(layer, event));
    placed[active] = true;
    if (!placed[1 - active]) setActive(1 - active);
  });

  function setActive(i) {
    active = i;
    marks.forEach((mark, k) => mark.classList.toggle("active", k === i));
    closeUps.forEach((canvas, k) => canvas.classList.toggle("active", k === i));
  }

  function move(i, [x, y]) {
    pins[i] = [clamp(x, width), clamp(y, height)];
    draw(i);
  }

  function draw(i) {
    marks[i].setAttribute("transform", `translate(${pins[i][0]} ${pins[i][1]})`);
    paint(closeUps[i], source, image, pins[i], zoom);
  }

  function closeUp(i) {
    const canvas = el("canvas", {
      class: "close-up",
      tabindex: 0,
      role: "img",
      "aria-label": `Close-up of point ${i + 1}. Arrow keys move it by one pixel, with Shift by ten.`,
    });
    let from = null;
    canvas.addEventListener("focus", () => setActive(i));
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = [event.clientX, event.clientY, ...pins[i]];
      setActive(i);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      placed[i] = true;
      move(i, [from[2] - (event.clientX - from[0]) / zoom, from[3] - (event.clientY - from[1]) / zoom]);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (from = null));
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      placed[i] = true;
      const step = event.shiftKey ? STEP_PX.shift : STEP_PX.plain;
      move(i, [pins[i][0] + way[0] * step, pins[i][1] + way[1] * step]);
    });
    return canvas;
  }

  function finish(event) {
    event.preventDefault();
    const mm = Number(length.value.replace(",", "."));
    const apart = distance(pins[0], pins[1]);
    if (!placed[0] || !placed[1]) problem.textContent = "Set both points first: tap them on the photo.";
    else if (!(mm > 0) || !Number.isFinite(mm)) problem.textContent = "Say how many millimetres lie between the points.";
    else if (apart < Math.min(LEAST_APART_PX, width / 4)) {
      problem.textContent = "The points are too close together for a good scale: take a longer distance.";
    } else onDone([...pins[0], ...pins[1]].map((v) => v.toFixed(1)).concat(String(mm)).join(","));
  }

  const form = el(
    "form",
    { class: "points", onsubmit: finish, novalidate: true },
    el(
      "p",
      {},
      "Tap two marks whose distance you know, such as 0 and 50 mm of a ruler that lies on the pad. ",
      "Then drag each close-up until the cross sits exactly on its mark.",
    ),
    el("div", { class: "frame" }, photo, layer),
    el(
      "div",
      { class: "close-ups" },
      ...closeUps.map((canvas, i) => el("div", {}, canvas, el("p", { class: "quiet", "aria-hidden": "true" }, `Point ${i + 1}`))),
    ),
    el("div", { class: "field" }, el("label", { for: "length-mm" }, "Distance between them, mm"), length),
    problem,
    el(
      "p",
      { class: "buttons" },
      el("button", { class: "button primary" }, doneText),
      el("button", { type: "button", class: "button", onclick: onCancel }, "Cancel"),
    ),
  );
  // Painted once the source is there and the canvases have their size.
  source.decode().catch(() => {}).then(() => pins.forEach((_, i) => draw(i)));
  setActive(0);
  return form;
}

function pin(i, side) {
  const r = side * 0.014;
  const lines = [[-2 * r, 0, -r, 0], [r, 0, 2 * r, 0], [0, -2 * r, 0, -r], [0, r, 0, 2 * r]];
  return svg(
    "g",
    { class: "pin" },
    svg("circle", { r, "stroke-width": r * 0.45, class: "pin-case" }),
    svg("circle", { r, "stroke-width": r * 0.22 }),
    ...lines.map(([x1, y1, x2, y2]) => svg("line", { x1, y1, x2, y2, "stroke-width": r * 0.22 })),
    svg("text", { x: 1.6 * r, y: -1.2 * r, "font-size": r * 2.6, "stroke-width": r * 0.4 }, String(i + 1)),
  );
}

/** The photo around `[x, y]` at `zoom` CSS pixels a photo pixel, a cross on the middle. */
function paint(canvas, source, image, [x, y], zoom) {
  const ratio = window.devicePixelRatio || 1;
  const side = Math.round(CLOSE_UP_PX * ratio);
  canvas.width = canvas.height = side; // also wipes it
  const context = canvas.getContext("2d");
  // The source may be smaller than the photo (the overlay, where the browser cannot show a HEIC).
  const f = source.naturalWidth / image.width;
  const span = (CLOSE_UP_PX / zoom) * f;
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
