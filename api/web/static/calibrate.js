// Scale from two points: tapped roughly on the photo, then set exactly in two close-ups.

import { closeUp } from "./close-up.js";
import { el, svg } from "./dom.js";
import { distance, photoPoint } from "./picture.js";

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
  const pins = before
    ? [before.slice(0, 2), before.slice(2, 4)]
    : [[width * 0.35, height * 0.5], [width * 0.65, height * 0.5]].map(([x, y]) => [Math.round(x), Math.round(y)]);
  const placed = [Boolean(before), Boolean(before)];
  let active = 0;

  const marks = pins.map((_, i) => pin(i, Math.max(width, height)));
  const layer = svg("svg", { viewBox: `-0.5 -0.5 ${width} ${height}`, class: "layer", "aria-hidden": "true" }, marks);
  const photo = el("img", { src: source.src, alt: "The photo, to tap two points on", width, height });
  const closeUps = pins.map((_, i) => {
    const close = closeUp(source, image, {
      label: `Close-up of point ${i + 1}. Arrow keys move it by one pixel, with Shift by ten.`,
      onMove: (point) => {
        placed[i] = true;
        pins[i] = point;
        draw(i);
      },
    });
    close.node.addEventListener("focus", () => setActive(i));
    close.node.addEventListener("pointerdown", () => setActive(i));
    return close;
  });
  const length = el("input", { id: "length-mm", inputmode: "decimal", autocomplete: "off", required: true, value: before ? before[4] : "" });
  const problem = el("p", { class: "field-error", role: "alert" });

  layer.addEventListener("click", (event) => {
    pins[active] = closeUps[active].clamped(photoPoint(layer, event));
    placed[active] = true;
    draw(active);
    if (!placed[1 - active]) setActive(1 - active);
  });

  function setActive(i) {
    active = i;
    marks.forEach((mark, k) => mark.classList.toggle("active", k === i));
    closeUps.forEach((close, k) => close.node.classList.toggle("active", k === i));
  }

  function draw(i) {
    marks[i].setAttribute("transform", `translate(${pins[i][0]} ${pins[i][1]})`);
    closeUps[i].show(pins[i]);
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
      ...closeUps.map((close, i) => el("div", {}, close.node, el("p", { class: "quiet", "aria-hidden": "true" }, `Point ${i + 1}`))),
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
