// The overlay picture with its stitches to tap on.

import { el, svg } from "./dom.js";

/**
 * A figure with the drawn photo. `select(wound, stitch)` marks one stitch (null: none);
 * `onPick(wound, stitch)` is called when one is tapped.
 */
export function picture(assessment, overlay, onPick) {
  const { width, height } = assessment.image;
  const hole = svg("line", { stroke: "black", "stroke-linecap": "round" });
  const all = { x: -0.5, y: -0.5, width, height };
  const mask = svg("mask", { id: "all-but-one", maskUnits: "userSpaceOnUse", ...all }, svg("rect", { ...all, fill: "white" }), hole);
  const dim = svg("rect", { ...all, class: "dim", mask: "url(#all-but-one)", visibility: "hidden" });
  const stitches = assessment.wounds.flatMap((wound, w) => wound.stitches.map((stitch, s) => ({ stitch, w, s })));
  const length = median(stitches.map(({ stitch }) => distance(...stitch.bites))) || width / 10;
  // Wide enough for a finger, but not over the neighbours.
  const reach = Math.max(length * 0.5, 0.02 * Math.max(width, height));
  const layer = svg("svg", {
    // Pixel centres are whole numbers in the JSON: the picture's corner is at (-0.5, -0.5).
    viewBox: `-0.5 -0.5 ${width} ${height}`,
    class: "layer",
    role: "group",
    "aria-label": "Stitches on the photo. Arrow keys go from one to the next.",
    onclick: (event) => {
      const at = photoPoint(layer, event);
      const nearest = stitches
        .map(({ stitch, w, s }) => ({ w, s, far: fromSegment(at, ...stitch.bites) }))
        .sort((a, b) => a.far - b.far)[0];
      if (nearest && nearest.far <= reach) onPick(nearest.w, nearest.s);
      else onPick(null, null);
    },
  });
  // One stop of the Tab key for all of them; the table beside has a button for each.
  const targets = stitches.map(({ stitch, w, s }, i) => {
    const [[x1, y1], [x2, y2]] = stitch.bites;
    return svg("line", {
      x1, y1, x2, y2,
      class: "stitch",
      role: "button",
      tabindex: i ? -1 : 0,
      "aria-pressed": "false",
      "aria-label": `${assessment.wounds.length > 1 ? `Wound ${w + 1}, stitch` : "Stitch"} ${s + 1} of ${assessment.wounds[w].stitches.length} on the photo`,
      "stroke-width": length * 0.6,
      onkeydown: (event) => {
        if (event.key === "Enter" || event.key === " ") onPick(w, s);
        else {
          const to = { ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1 }[event.key];
          if (to === undefined || !targets[to]) return;
          targets.forEach((target, k) => target.setAttribute("tabindex", k === to ? 0 : -1));
          targets[to].focus({ preventScroll: true });
        }
        event.preventDefault();
      },
    });
  });
  layer.append(mask, dim, ...targets);
  hole.setAttribute("stroke-width", length * 0.6);

  const image = el("img", { src: overlay, alt: altText(assessment), width, height });
  const frame = el("div", { class: "frame" }, image, layer);
  const scroller = el("div", { class: "scroller" }, frame);
  const larger = el("button", { type: "button", class: "button small", "aria-pressed": "false" }, "Larger");
  larger.addEventListener("click", () => {
    const on = scroller.classList.toggle("zoomed");
    larger.setAttribute("aria-pressed", String(on));
    larger.textContent = on ? "Whole picture" : "Larger";
    if (on) centre(scroller, stitches, width, height);
  });

  return {
    node: el("figure", { class: "picture" }, scroller),
    larger,
    scroller,
    frame,
    image,
    select(w, s) {
      const chosen = stitches.find((item) => item.w === w && item.s === s);
      dim.setAttribute("visibility", chosen ? "visible" : "hidden");
      stitches.forEach((item, i) => targets[i].setAttribute("aria-pressed", String(item === chosen)));
      if (!chosen) return;
      const [[x1, y1], [x2, y2]] = chosen.stitch.bites;
      for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) hole.setAttribute(name, value);
    },
  };
}

/** Where on the photo (its pixels) a pointer event over `layer` is. */
export function photoPoint(layer, event) {
  const box = layer.getBoundingClientRect();
  const view = layer.viewBox.baseVal;
  return [
    view.x + ((event.clientX - box.left) / box.width) * view.width,
    view.y + ((event.clientY - box.top) / box.height) * view.height,
  ];
}

function centre(scroller, stitches, width, height) {
  if (!stitches.length) return;
  const middle = stitches[Math.floor(stitches.length / 2)].stitch.bites;
  const x = (middle[0][0] + middle[1][0]) / 2 / width;
  const y = (middle[0][1] + middle[1][1]) / 2 / height;
  scroller.scrollLeft = x * scroller.scrollWidth - scroller.clientWidth / 2;
  scroller.scrollTop = y * scroller.scrollHeight - scroller.clientHeight / 2;
}

function altText(assessment) {
  const count = assessment.wounds.reduce((sum, wound) => sum + wound.stitches.length, 0);
  if (!assessment.wounds.length) return "Your photo; no wound was found on it.";
  return `Your photo with ${count} numbered ${count === 1 ? "stitch" : "stitches"} drawn on it; the table below has their measures.`;
}

export const distance = ([x1, y1], [x2, y2]) => Math.hypot(x2 - x1, y2 - y1);

function fromSegment([x, y], [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : 0;
}
