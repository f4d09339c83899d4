// What the JSON's names are called, and how numbers are written.

const METRICS = {
  stitch_count: "Stitches",
  spacing: "Spacing",
  spacing_cv: "Evenness of spacing (variation)",
  bite_left: "Left bite",
  bite_right: "Right bite",
  total_bite: "Both bites together",
  bite_cv: "Evenness of bites (variation)",
  symmetry: "Symmetry of bites",
  bite_bias: "Lean to one side",
  bite_travel_ratio: "Bite to spacing",
  angle_deg: "Angle to the incision",
  angle_spread_deg: "Spread of the angles",
  row_straightness: "Straightness of the row",
  knot_side_share: "Knots on one side",
  tail: "Thread ends",
  end_gap: "Gap at the ends",
  coverage: "Part of the incision closed",
};
const SHARES = new Set(["knot_side_share", "coverage"]);
const STATUS = {
  too_few: "too few stitches",
  no_scale: "needs a scale",
  not_applicable: "does not apply",
  not_seen: "not visible",
  uncertain: "too uncertain to say",
};
const SCALES = {
  card: "the printed card",
  ruler: "the ruler",
  grid: "the printed grid",
  points: "your two points",
  given: "the scale you gave",
};
export const EVIDENCE = { A: "trials", B: "published checklist", C: "teaching text", D: "this project's estimate" };

export const metricName = (key) => METRICS[key] ?? METRICS[key.replace(/_(mm|px)$/, "")] ?? plain(key);
export const statusText = (status) => STATUS[status] ?? plain(status);
export const scaleName = (method) => SCALES[method] ?? plain(method);
/** A detail of the JSON as a sentence of its own. */
export const asSentence = (text) => (text ? ` ${text[0].toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}` : "");
export const plain = (name) => name.replaceAll("_", " ");

/** Digits after the point that a value with this uncertainty deserves: one digit of the sd, two after a 1. */
function digits(value, sd) {
  if (sd > 0) {
    const magnitude = Math.floor(Math.log10(sd));
    const leading = sd / 10 ** magnitude;
    return Math.min(3, Math.max(0, -magnitude + (leading < 2 ? 1 : 0)));
  }
  const size = Math.abs(value);
  return size >= 100 ? 0 : size >= 10 ? 1 : 2;
}

const MINUS = "\u2212";
const sign = (text) => text.replace("-", MINUS);

/** "5.2 ± 0.2"; the sd is one standard deviation and left away where there is none. */
export function measured(value, sd = null, unit = "") {
  if (value === null || value === undefined) return "–";
  const places = Math.min(digits(value, sd ?? 0), unit === "%" ? 1 : 3);
  const number = sign(Number.isInteger(value) && !sd ? String(value) : value.toFixed(places));
  return (sd ? `${number}\u00a0±\u00a0${sd.toFixed(places)}` : number) + suffix(unit);
}

function suffix(unit) {
  if (unit === "deg") return "°";
  return unit === "mm" || unit === "px" || unit === "%" ? `\u00a0${unit}` : "";
}

/** A metric's value in words, or why there is none. */
export function metricValue(key, metric) {
  const share = SHARES.has(key);
  if (metric.value !== null) {
    if (key === "stitch_count") {
      const count = String(Math.round(metric.value));
      return metric.sd >= 0.05 ? `${count}\u00a0±\u00a0${metric.sd.toFixed(1)}` : count;
    }
    const by = share ? 100 : 1;
    const sd = metric.sd === null ? null : metric.sd * by;
    return measured(metric.value * by, sd, share ? "%" : metric.unit);
  }
  return statusText(metric.status);
}

/** What the rubric asks: "4 to 6 mm". */
export function targetText(key, metric) {
  const { low, high } = metric.target;
  const by = SHARES.has(key) ? 100 : 1;
  const unit = suffix(SHARES.has(key) ? "%" : metric.unit);
  const number = (value) => sign(String(Number((value * by).toPrecision(3))));
  if (low !== null && high !== null) {
    return low === high ? number(low) + unit : `${number(low)} to ${number(high)}${unit}`;
  }
  if (high !== null) return `at most ${number(high)}${unit}`;
  return low !== null ? `at least ${number(low)}${unit}` : "–";
}

export const points = (value) => (value === null ? "–" : String(Math.round(value * 10) / 10));
