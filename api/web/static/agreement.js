// Who agrees with whom: ICC(2,1) and a Bland-Altman plot for each pair. The figures are the service's.

import { byId, el, svg } from "./dom.js";
import { ask, Problem } from "./forms.js";

const host = byId("agreement");
const names = JSON.parse(host.dataset.markers);
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [560, 300, 52, 40, 12];

ask("GET", `/api/v1/assignments/${host.dataset.assignment}/agreement`).then(show, (error) => {
  if (!(error instanceof Problem)) throw error;
  host.replaceChildren(el("div", { class: "panel alert" }, el("p", { class: "lead" }, error.message), el("p", {}, error.hint)));
});

function show(pairs) {
  if (!pairs.length) {
    host.replaceChildren(
      el(
        "div",
        { class: "panel empty" },
        el("p", { class: "lead" }, "Nobody has marked beside the assessor yet."),
        el("p", {}, "Open a photo in the results and mark it as a second marker. From three photos on the agreement stands here."),
      ),
    );
    return;
  }
  host.replaceChildren(
    ...pairs.map(panel),
    el(
      "p",
      { class: "quiet" },
      "ICC(2,1): one where two always agree, zero where they agree no more than chance. Bias: how much the first gives more. ",
      "Between the dashed limits lie 95 % of the differences.",
    ),
  );
}

function who(text) {
  return text === "assessor" ? "Assessor" : (names[text.replace("marker ", "")] ?? text);
}

function panel(pair) {
  const title = `${who(pair.first)} against ${who(pair.second)}`;
  const { icc, bland_altman: ba } = pair;
  if (!ba) return el("section", { class: "panel" }, el("h2", {}, title), el("p", {}, `${pair.n} photos marked by both: too few, three are needed.`));
  const percent = (value) => `${value.toFixed(1).replace("-", "\u2212")} %`;
  const facts = [
    ["Photos", String(pair.n)],
    ["ICC(2,1)", icc ? `${icc.value.toFixed(2)} (${icc.low.toFixed(2)} to ${icc.high.toFixed(2)})` : "all marks are the same"],
    ["Bias", `${percent(ba.bias)} ± ${ba.bias_half_width.toFixed(1)}`],
    ["Limits", `${percent(ba.lower)} to ${percent(ba.upper)}`],
  ];
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, title),
    el("dl", { class: "facts" }, ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    plot(pair, title),
  );
}

function plot({ points, bland_altman: ba }, title) {
  const spots = points.map(([id, a, b]) => ({ id, mean: (a + b) / 2, far: a - b }));
  const [low, high] = padded(spots.map((s) => s.mean));
  const [least, most] = padded([...spots.map((s) => s.far), ba.lower, ba.upper, 0]);
  const x = (value) => LEFT + ((value - low) / (high - low)) * (WIDTH - LEFT - 10);
  const y = (value) => TOP + ((most - value) / (most - least)) * (HEIGHT - TOP - BOTTOM);
  const level = (value, name, text) => [
    svg("line", { class: name, x1: LEFT, x2: WIDTH - 10, y1: y(value), y2: y(value) }),
    svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, text),
  ];
  const whole = (value) => value.toFixed(0).replace("-", "\u2212");
  return svg(
    "svg",
    { class: "altman", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Bland-Altman plot, ${title}: difference against mean of both, in per cent` },
    ...level(ba.upper, "limit", whole(ba.upper)),
    ...level(ba.bias, "bias", whole(ba.bias)),
    ...level(ba.lower, "limit", whole(ba.lower)),
    ...spots.map(({ mean, far }) => svg("circle", { cx: x(mean), cy: y(far), r: 5 })),
    svg("text", { x: LEFT, y: HEIGHT - 20 }, whole(low)),
    svg("text", { x: WIDTH - 10, y: HEIGHT - 20, "text-anchor": "end" }, whole(high)),
    svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "mean of both, % of the points; upwards: the difference"),
  );
}

function padded(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * 0.08 || 1;
  return [low - room, high + room];
}
