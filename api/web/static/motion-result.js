// A MotionAssessment as a person reads it: the sentence, each hand's numbers, what to know about them.

import { el } from "./dom.js";
import { amount, motionStatus, peakText, percent, rmsOf, tremorSentence, tremorText } from "./motion-words.js";
import { points } from "./words.js";

// From this share of the camera's pictures on it is told that they did not get through.
const MANY_LOST = 0.1;
const HIDDEN = "Hidden by the shutter, at most";

/** The section below the stage; `plotUrl` where the service drew one, `lost` the share of pictures that never got there. */
export function motionResult(assessment, { plotUrl = null, lost = 0 } = {}) {
  const { tips } = assessment;
  return el(
    "div",
    {},
    el(
      "div",
      { class: "panel summary" },
      ...(tips.length ? tips.map((tip) => lead(tip, tips.length, lost)) : [el("p", { class: "lead" }, "No instrument tip was followed.")]),
      assessment.score
        ? el("p", { class: "score-points" }, `${points(assessment.score.points)} of ${points(assessment.score.of)} points for steadiness`)
        : null,
      el("p", { class: "quiet" }, about(assessment)),
    ),
    warnings(assessment, lost),
    tips.length ? numbers(assessment) : null,
    plotUrl
      ? el("div", { class: "panel" }, el("img", { class: "plot", src: plotUrl, alt: "Track, amplitude over time and spectrum" }))
      : null,
    el("p", { class: "buttons" }, download(assessment)),
  );
}

function warnings(assessment, lost) {
  // That there is no scale stands in the summary, in the page's own words.
  const texts = assessment.warnings.filter((warning) => warning.code !== "no_scale").map((warning) => warning.text);
  if (lost > MANY_LOST) {
    texts.unshift(`${percent(lost)} of the camera's pictures did not get through: the service or the network was slow.`);
  }
  return texts.length ? el("ul", { class: "warnings" }, ...texts.map((text) => el("li", {}, text))) : null;
}

function lead(tip, count, lost) {
  const who = count > 1 || tip.hand !== "unknown" ? `${name(tip)}: ` : "";
  // The service does not know that there were more: it would blame the camera.
  const few = tip.tremor.status === "frame_rate" && lost > MANY_LOST;
  return el("p", { class: "lead" }, who + (few ? "Too few pictures got through to tell the tremor." : tremorSentence(tip.tremor)));
}

const name = (tip) => (tip.hand === "unknown" ? `Tip ${tip.id + 1}` : `${tip.hand[0].toUpperCase()}${tip.hand.slice(1)} hand`);

function about({ video, scale }) {
  const fps = video.real_fps === null ? "" : ` at ${video.real_fps.toFixed(video.real_fps < 10 ? 1 : 0)} pictures a second`;
  const size = scale ? "" : " No scale was given: lengths are in pixels of the picture.";
  return `${Math.round(video.duration_s)} seconds${fps}.${size}`;
}

function numbers({ tips }) {
  const rows = [
    ["Tremor, 4 to 12 Hz (rms)", (tip) => withSd(tip.tremor), (tip) => tip.tremor.status],
    ["Peak to peak", (tip) => amount(tip.tremor.peak_to_peak, tip.tremor.unit)],
    ["Peak frequency", (tip) => peakText(tip.tremor)],
    [HIDDEN, (tip) => percent(tip.tremor.shutter_loss)],
    ["Camera's own noise (rms)", (tip) => amount(tip.tremor.noise_floor, tip.tremor.unit)],
    ["Still moments measured", (tip) => String(tip.tremor.windows)],
    ["Time in the zone", (tip) => percent(tip.steadiness?.zone_share), (tip) => tip.steadiness?.status],
    ["Path of the tip", (tip) => amount(tip.path_length, tip.unit), (tip) => tip.economy_status],
    ["Mean speed", (tip) => amount(tip.speed, `${tip.unit}/s`), (tip) => tip.economy_status],
    ["Movements", (tip) => (tip.movements === null ? "–" : String(tip.movements)), (tip) => tip.economy_status],
    ["At rest", (tip) => percent(tip.idle_share), (tip) => tip.economy_status],
    ["Smoothness (SPARC)", (tip) => signed(tip.smoothness.sparc), (tip) => tip.smoothness.status],
    ["In view", (tip) => percent(tip.tracked_share)],
  ];
  const has = { "Time in the zone": (tip) => tip.steadiness, [HIDDEN]: (tip) => tip.tremor.shutter_loss };
  const shown = rows.filter(([label]) => !has[label] || tips.some(has[label]));
  return el(
    "div",
    { class: "panel" },
    el("h2", {}, "Numbers"),
    el(
      "div",
      { class: "table-scroll" },
      el(
        "table",
        { class: "metrics" },
        el("thead", {}, el("tr", {}, el("td", {}), ...tips.map((tip) => el("th", { scope: "col" }, name(tip))))),
        el("tbody", {}, ...shown.map((row) => line(row, tips))),
      ),
    ),
  );
}

function line([label, value, status], tips) {
  const cells = tips.map((tip) => {
    const text = value(tip);
    const why = text === "–" && status?.(tip);
    return el("td", why ? { class: "quiet" } : {}, why ? motionStatus(why) : text);
  });
  return el("tr", {}, el("th", { scope: "row" }, label), ...cells);
}

/** A tremor's amplitude with its standard uncertainty, without the scale's. */
function withSd(tremor) {
  const sd = tremor.status === "measured" && tremor.relative_sd ? tremor.relative_sd * rmsOf(tremor) : null;
  return tremorText(tremor) + (sd === null ? "" : ` ± ${amount(sd, tremor.unit)}`);
}

const signed = (value) => (value === null ? "–" : value.toFixed(2).replace("-", "\u2212"));

function download(assessment) {
  const json = new Blob([JSON.stringify(assessment, null, 1)], { type: "application/json" });
  const stem = assessment.video.file.replace(/\.[^.]*$/, "") || "live";
  return el("a", { class: "button", href: URL.createObjectURL(json), download: `${stem}.motion.json` }, "Save numbers");
}
