// Points of stitches set right: chosen on the photo, moved by dragging the enlarged picture or by arrow keys.
//
// A fingertip covers the very thing it points at. So a tap chooses a point, and the close-up beside, in which
// the photo moves below a fixed cross, sets it exactly.

import { closeUp } from "./close-up.js";
import { el, svg } from "./dom.js";
import { distance, photoPoint } from "./picture.js";

const KINDS = { left: "left bite", right: "right bite", knot: "knot" };

/**
 * The tool: a panel that fires "cancel", and calls `onDone(wounds)` with every stitch of every wound.
 * `source`: the photo's picture; coordinates are pixels of the photo of the assessment.
 */
export function corrector(assessment, source, onDone) {
  const { image } = assessment;
  const wounds = assessment.wounds.map((wound) =>
    wound.stitches.map(({ bites, knot }) => ({ bites: bites.map((p) => [...p]), knot: knot && [...knot] })),
  );
  const before = JSON.stringify(wounds);
  const history = [];
  const reach = 0.03 * Math.max(image.width, image.height);
  let chosen = null; // {w, s, kind}
  let adding = null; // points of a new stitch so far

  const layer = svg("svg", {
    viewBox: `-0.5 -0.5 ${image.width} ${image.height}`,
    class: "layer",
    role: "group",
    "aria-label": "Points of the stitches. Tab goes from one to the next, arrow keys move the chosen one.",
  });
  const close = closeUp(source, image, {
    label: "Close-up of the chosen point. Arrow keys move it by one pixel, with Shift by ten.",
    onStart: remember,
    onMove: (point) => {
      set(chosen, point);
      draw();
    },
  });
  const line = el("p", { class: "detail", role: "status" });
  const undo = el("button", { type: "button", class: "button small", onclick: takeBack }, "Undo");
  const remove = el("button", { type: "button", class: "button small", onclick: drop }, "No stitch here");
  const knot = el("button", { type: "button", class: "button small", onclick: toggleKnot }, "No knot here");
  const add = el("button", { type: "button", class: "button small", onclick: () => startAdding() }, "A stitch is missing");
  const done = el("button", { type: "button", class: "button primary", onclick: () => onDone(asWounds()) }, "Measure again");
  const panel = el(
    "section",
    { class: "panel corrector", "aria-label": "Correct points", tabindex: -1 },
    el("h2", {}, "Correct a point"),
    el("p", { class: "quiet" }, "Tap a point, then drag the close-up until the cross is exactly on it."),
    el("div", { class: "frame" }, el("img", { src: source.src, alt: "The photo without drawings", width: image.width, height: image.height }), layer),
    el("div", { class: "correct-tools" }, close.node, el("div", {}, line, el("p", { class: "buttons" }, remove, knot, add, undo))),
    el(
      "p",
      { class: "buttons" },
      done,
      el("button", { type: "button", class: "button", onclick: () => panel.dispatchEvent(new Event("cancel")) }, "Cancel"),
    ),
  );

  layer.addEventListener("click", (event) => tap(photoPoint(layer, event)));
  new ResizeObserver(() => draw()).observe(layer);
  choose(first());
  return panel;

  function first() {
    const w = wounds.findIndex((stitches) => stitches.length);
    return w < 0 ? null : { w, s: 0, kind: "left" };
  }

  function get({ w, s, kind }) {
    const stitch = wounds[w][s];
    return kind === "knot" ? stitch.knot : stitch.bites[kind === "left" ? 0 : 1];
  }

  function set(at, point) {
    const stitch = wounds[at.w][at.s];
    if (at.kind === "knot") stitch.knot = point;
    else stitch.bites[at.kind === "left" ? 0 : 1] = point;
  }

  function every() {
    return wounds.flatMap((stitches, w) =>
      stitches.flatMap((stitch, s) => ["left", "right", ...(stitch.knot ? ["knot"] : [])].map((kind) => ({ w, s, kind }))),
    );
  }

  function tap(point) {
    if (adding) {
      adding.push(point);
      if (adding.length === 2) finishAdding();
      else say();
      return;
    }
    const found = nearest(point);
    if (found && found.far <= reach) choose(found.at);
  }

  function nearest(point) {
    return every()
      .map((at) => ({ at, far: distance(get(at), point) }))
      .sort((a, b) => a.far - b.far)[0];
  }

  function choose(at) {
    chosen = at;
    if (at) close.show(get(at));
    draw();
    say();
  }

  function remember() {
    history.push(JSON.stringify(wounds));
  }

  function takeBack() {
    const state = JSON.parse(history.pop());
    wounds.splice(0, wounds.length, ...state);
    choose(chosen && wounds[chosen.w][chosen.s] && (chosen.kind !== "knot" || wounds[chosen.w][chosen.s].knot) ? chosen : first());
  }

  function drop() {
    remember();
    wounds[chosen.w].splice(chosen.s, 1);
    choose(wounds[chosen.w].length ? { ...chosen, s: Math.min(chosen.s, wounds[chosen.w].length - 1), kind: "left" } : first());
  }

  function toggleKnot() {
    remember();
    const stitch = wounds[chosen.w][chosen.s];
    const [[x1, y1], [x2, y2]] = stitch.bites;
    stitch.knot = stitch.knot ? null : [(x1 + x2) / 2, (y1 + y2) / 2];
    choose({ ...chosen, kind: stitch.knot ? "knot" : "left" });
  }

  function startAdding() {
    adding = adding ? null : [];
    say();
  }

  function finishAdding() {
    remember();
    const w = nearestWound(adding[0]);
    wounds[w].push({ bites: adding, knot: null });
    adding = null;
    choose({ w, s: wounds[w].length - 1, kind: "right" });
  }

  function nearestWound(point) {
    const far = (w) =>
      Math.min(Infinity, ...(assessment.wounds[w].incision?.points ?? wounds[w].flatMap((s) => s.bites)).map((p) => distance(p, point)));
    return wounds.map((_, w) => w).sort((a, b) => far(a) - far(b))[0];
  }

  /** Stitches come back in the order they had; new ones last. The assessor sorts them along the row. */
  function asWounds() {
    return wounds.map((stitches) => ({ stitches }));
  }

  function name({ w, s, kind }) {
    return `${wounds.length > 1 ? `Wound ${w + 1}, stitch` : "Stitch"} ${s + 1}, ${KINDS[kind]}`;
  }

  function say() {
    if (adding) line.textContent = adding.length ? "Now tap where it comes out on the other side." : "Tap where the thread enters, on one side.";
    else line.textContent = chosen ? `${name(chosen)}.` : "No stitches are left.";
    const stitch = chosen && wounds[chosen.w][chosen.s];
    remove.disabled = knot.disabled = !chosen || Boolean(adding);
    knot.textContent = stitch?.knot ? "No knot here" : "A knot is here";
    add.textContent = adding ? "Stop adding" : "A stitch is missing";
    undo.disabled = !history.length;
    done.disabled = JSON.stringify(wounds) === before;
    close.node.hidden = !chosen;
  }

  function draw() {
    // Handles keep their size on the screen, whatever the photo's.
    const unit = image.width / (layer.getBoundingClientRect().width || image.width);
    const hadFocus = layer.contains(document.activeElement);
    layer.replaceChildren(
      ...wounds.flatMap((stitches) => stitches.map(({ bites: [[x1, y1], [x2, y2]] }) => svg("line", { x1, y1, x2, y2, class: "thread", "stroke-width": 2 * unit }))),
      ...every().map((at) => handle(at, unit)),
    );
    if (hadFocus) layer.querySelector(".handle.chosen")?.focus({ preventScroll: true });
    done.disabled = JSON.stringify(wounds) === before;
    undo.disabled = !history.length;
  }

  function handle(at, unit) {
    const [x, y] = get(at);
    const own = chosen && at.w === chosen.w && at.s === chosen.s && at.kind === chosen.kind;
    const r = (own ? 9 : 6) * unit;
    const shape =
      at.kind === "knot"
        ? svg("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, "stroke-width": 2.5 * unit })
        : svg("circle", { cx: x, cy: y, r, "stroke-width": 2.5 * unit });
    const node = svg("g", { class: `handle ${at.kind}${own ? " chosen" : ""}`, tabindex: 0, role: "button", "aria-pressed": String(Boolean(own)), "aria-label": name(at) }, shape);
    node.addEventListener("focus", () => {
      if (!own) choose(at);
    });
    node.addEventListener("keydown", (event) => {
      if (own) close.key(event);
    });
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      drag(nearest(photoPoint(layer, event)).at, event); // handles overlap: a knot often lies on a bite
    });
    return node;
  }

  /** Dragging a handle on the photo itself: roughly, where a mouse does it. */
  function drag(at, event) {
    choose(at);
    const [x0, y0] = photoPoint(layer, event);
    const [px, py] = get(at);
    let moved = false;
    const move = (next) => {
      const [x, y] = photoPoint(layer, next);
      if (!moved && distance([x, y], [x0, y0]) < reach / 10) return;
      if (!moved) remember();
      moved = true;
      const point = close.clamped([px + x - x0, py + y - y0]);
      set(at, point);
      close.show(point);
      draw();
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      say();
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }
}
