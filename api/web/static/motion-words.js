// How motion's numbers and states are said.

import { plain } from "./words.js";

const STATUS = {
  measured: "measured",
  below_floor: "below what this camera can see",
  frame_rate: "too few pictures a second",
  too_short: "not yet long enough",
  no_slow_window: "no still moment yet",
  gaps: "the tip was lost too often",
  compressed: "too compressed to tell",
  no_reference: "no still background in view",
  not_tracked: "no instrument tip in view",
  no_movement: "no movement to judge",
  no_scale: "needs a scale",
};
const MICRO = "\u00b5m";

export const motionStatus = (status) => STATUS[status] ?? plain(status);
export const unitText = (unit) => (unit === "um" ? MICRO : unit);

/** Three digits at most: "38", "4.2", "0.31". */
export function amount(value, unit = "") {
  if (value === null || value === undefined) return "–";
  const places = value >= 20 ? 0 : value >= 1 ? 1 : 2;
  return value.toFixed(places) + (unit ? `\u00a0${unitText(unit)}` : "");
}

export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)}\u00a0%`);

export const rmsOf = (tremor) => tremor.rms_um ?? tremor.rms_px ?? null;

/** A tremor's amplitude, or why there is none. */
export function tremorText(tremor) {
  if (tremor.status === "measured") return amount(rmsOf(tremor), tremor.unit);
  if (tremor.status === "below_floor") return `under ${amount(2 * tremor.noise_floor, tremor.unit)}`;
  return "–";
}

export function peakText(tremor) {
  if (tremor.peak_status === "distinct") return `${tremor.peak_hz.toFixed(1)}\u00a0Hz`;
  return tremor.peak_status === "no_distinct_peak" ? "no distinct peak" : "–";
}

/** One sentence for the ear: what the tremor is, or what to do so that it can be measured. */
export function tremorSentence(tremor) {
  if (tremor.status === "measured") {
    const unit = tremor.unit === "um" ? "micrometres" : "pixels";
    const peak = tremor.peak_status === "distinct" ? `, peak at ${tremor.peak_hz.toFixed(1)} hertz` : ", no distinct peak";
    return `Tremor ${amount(rmsOf(tremor))} ${unit}${peak}.`;
  }
  const words = motionStatus(tremor.status);
  return tremor.hint || `${words[0].toUpperCase()}${words.slice(1)}.`;
}

const SEARCH_S = 3;

/**
 * The same while the hands work, of the newest score; `light` and `rate` are the page's own signs `{ok, text}` or null:
 * it sees what the service cannot tell, as whose fault it is that pictures are few.
 */
export function liveSentence({ tips, tremor, estimated_s: sinceS }, light, rate) {
  if (tremor?.status === "measured") return tremorSentence(tremor);
  if (!tips.length) {
    if (light && !light.ok) return `No instrument tip is seen. ${light.text}.`;
    if ((sinceS ?? 0) < SEARCH_S) return "Looking for instrument tips.";
    return "No instrument tip is seen: bring it into view, or tap it in the picture.";
  }
  if (!tremor) return "Hold the tip still in view for at least two seconds.";
  if (tremor.status === "frame_rate" && rate && !rate.ok) return `No tremor can be told. ${rate.text}.`;
  return tremorSentence(tremor);
}
