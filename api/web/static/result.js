// An assessment as a person reads it: what to do better, the picture, the score, the tables.

import { el } from "./dom.js";
import { picture } from "./picture.js";
import { asSentence, measured, metricName, metricValue, plain, points, scaleName, statusText, targetText, EVIDENCE } from "./words.js";

/**
 * Everything below the upload. `tools.points(picture)`: the node that lets two points be tapped, null where
 * nobody may; `tools.correct()`: a promise of the node in which points are corrected.
 */
export function result(assessment, overlay, tools) {
  const rows = [];
  const detail = el("p", { class: "detail", "aria-live": "polite" });
  const view = picture(assessment, overlay, pick);

  function pick(w, s) {
    const same = rows.some((row) => row.w === w && row.s === s && row.button.getAttribute("aria-pressed") === "true");
    if (same) [w, s] = [null, null];
    for (const row of rows) {
      const chosen = row.w === w && row.s === s;
      row.button.setAttribute("aria-pressed", String(chosen));
      row.node.classList.toggle("chosen", chosen);
    }
    view.select(w, s);
    const stitch = w === null ? null : assessment.wounds[w].stitches[s];
    detail.textContent = stitch ? sentence(stitch, s) : "Tap a stitch to see its measures.";
  }

  const count = assessment.wounds.length;
  const wounds = assessment.wounds.map((wound, w) => woundSection(wound, w, count, rows, pick));
  if (count) pick(null, null);
  const seen = el(
    "div",
    { class: "panel" },
    view.node,
    count ? legend(assessment) : null,
    count ? detail : null,
    el("p", { class: "buttons" }, view.larger, tools.correct ? correctButton(tools.correct) : null, ...downloads(assessment, overlay)),
  );
  return el(
    "div",
    {},
    summary(assessment),
    warnings(assessment),
    el(
      "div",
      { class: "result-grid" },
      el("div", { class: "seen" }, seen, scaleSection(assessment, tools.points?.(view) ?? null)),
      el("div", {}, ...wounds),
    ),
  );
}

function correctButton(correct) {
  const button = el("button", { type: "button", class: "button small" }, "Correct a point");
  button.addEventListener("click", async () => {
    button.disabled = true;
    const panel = button.closest(".panel");
    const tool = await correct();
    const back = () => {
      tool.replaceWith(panel);
      button.disabled = false;
      button.focus();
    };
    tool.addEventListener("cancel", back);
    panel.replaceWith(tool);
    tool.focus();
  });
  return button;
}

function summary(assessment) {
  if (!assessment.wounds.length) {
    return el("div", { class: "panel summary" }, el("h2", {}, "No sutured wound was found on this photo."));
  }
  const many = assessment.wounds.length > 1;
  const blocks = assessment.wounds.map((wound, w) => {
    const shown = wound.stitches.filter((stitch) => !stitch.cut).length;
    const count = `${shown} ${shown === 1 ? "stitch" : "stitches"}`;
    const lead = wound.hints.length ? wound.hints[0].text : `${count} found.`;
    return [
      many ? el("h2", { class: "quiet" }, `Wound ${w + 1}`) : null,
      el("p", { class: "lead" }, lead),
      wound.hints.length > 1
        ? el("ul", { class: "more" }, ...wound.hints.slice(1).map((hint) => el("li", {}, hint.text)))
        : null,
      score(wound, count),
    ];
  });
  return el("div", { class: "panel summary" }, ...blocks.flat());
}

function score(wound, count) {
  const facts = [count];
  const { name, confidence, declared } = wound.technique;
  if (name !== "unknown") {
    const how = declared ? "as you said" : `recognised, ${Math.round(confidence * 100)} % sure`;
    facts.push(`${plain(name)} (${how})`);
  } else facts.push("technique not recognised");
  if (wound.score === null) {
    return el("p", { class: "score quiet" }, `No score: too little of the rubric could be measured. ${facts.join(", ")}.`);
  }
  const { points: got, of, coverage, rubric, rubric_version: version } = wound.score;
  const measurable = `${Math.round(coverage * 100)} % of the rubric “${plain(rubric)}” (${version}) could be measured`;
  return el(
    "div",
    { class: "score" },
    el("p", { class: "score-points" }, `${points(got)} of ${points(of)} points`),
    el("p", { class: "quiet" }, `${facts.join(", ")}. ${measurable}.`),
  );
}

function warnings(assessment) {
  // The section about the scale says the same, with what to do about it at hand.
  const said = assessment.warnings.filter((warning) => warning.code !== "no_scale");
  if (!said.length) return null;
  return el(
    "ul",
    { class: "warnings", "aria-label": "About this photo" },
    ...said.map((warning) => el("li", {}, warning.text)),
  );
}

function legend(assessment) {
  const stitches = assessment.wounds.flatMap((wound) => wound.stitches);
  const entries = [
    ["left", "left bite", stitches.some((s) => s.bite_left_px !== null)],
    ["right", "right bite", stitches.some((s) => s.bite_right_px !== null)],
    ["incision", "incision", assessment.wounds.some((wound) => wound.incision)],
    ["hidden", "under a knot, estimated", stitches.some((s) => s.inferred.includes(true))],
    ["look", "look at these first", assessment.wounds.some((w) => w.hints.some((hint) => hint.stitches.length))],
    ["cut", "cut by the frame, not measured", stitches.some((s) => s.cut)],
  ];
  const shown = entries.filter(([, , there]) => there);
  return el(
    "ul",
    { class: "legend" },
    ...shown.map(([kind, text]) => el("li", {}, el("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), text)),
  );
}

function scaleSection(assessment, pointsNode) {
  const { scale } = assessment;
  const title = el("h2", { id: "scale-title" }, "Scale");
  const body = scale
    ? [
        el(
          "p",
          {},
          `Measured with ${scaleName(scale.method)}: ${scale.mm_per_px.toPrecision(4)} mm a pixel, ` +
            `± ${(scale.relative_sd * 100).toPrecision(2)} %.`,
          asSentence(scale.detail),
        ),
      ]
    : [
        el("p", {}, el("strong", {}, "No scale in this photo, so no millimetres: only ratios and angles.")),
        el(
          "p",
          {},
          `Lay the printed card or a ruler flat on the pad and take the photo again${pointsNode ? ", or set two points here:" : "."}`,
        ),
      ];
  return el("section", { class: "panel", "aria-labelledby": "scale-title" }, title, ...body, pointsNode);
}

function woundSection(wound, w, count, rows, pick) {
  const title = count > 1 ? `Wound ${w + 1}: ` : "";
  return el(
    "section",
    { class: "panel", "aria-label": count > 1 ? `Wound ${w + 1}` : "Measures" },
    el("h2", {}, title ? `${title}stitch by stitch` : "Stitch by stitch"),
    stitchTable(wound, w, rows, pick),
    el("h2", {}, title ? `${title}against the rubric` : "Against the rubric"),
    metricTable(wound.metrics),
    el("p", { class: "quiet" }, "± is one standard deviation: two times out of three the true value lies within it."),
  );
}

function stitchTable(wound, w, rows, pick) {
  if (!wound.stitches.length) return el("p", {}, "No stitches were found along this incision.");
  const unit = wound.stitches.some((stitch) => stitch.length_mm !== null) ? "mm" : "px";
  const head = [["No."], ["Left", unit], ["Right", unit], ["Length", unit], ["Angle", "°"]];
  const marked = new Set(wound.hints.flatMap((hint) => hint.stitches));
  const body = wound.stitches.map((stitch, s) => {
    const button = el(
      "button",
      { type: "button", class: "number", "aria-pressed": "false", "aria-label": `Stitch ${s + 1}: show it` },
      String(s + 1),
    );
    const [left, right] = stitch.inferred;
    const cells = stitch.cut
      ? [el("td", { colspan: 4, class: "quiet" }, "cut by the frame, not measured")]
      : [
          cell(stitch[`bite_left_${unit}`], stitch.bite_left_sd_mm, left, unit),
          cell(stitch[`bite_right_${unit}`], stitch.bite_right_sd_mm, right, unit),
          cell(stitch[`length_${unit}`], stitch.length_sd_mm, false, unit),
          el("td", {}, measured(stitch.angle_deg, stitch.angle_sd_deg)),
        ];
    const node = el(
      "tr",
      { class: marked.has(s) ? "marked" : null, onclick: () => pick(w, s) },
      el("th", { scope: "row" }, button),
      ...cells,
    );
    rows.push({ node, button, w, s });
    return node;
  });
  const inferred = wound.stitches.some((stitch) => !stitch.cut && stitch.inferred.includes(true));
  return el(
    "div",
    {},
    el(
      "div",
      { class: "table-scroll" },
      el(
        "table",
        { class: "stitches" },
        el("caption", { class: "visually-hidden" }, "Every stitch with its measures and their uncertainty"),
        el("thead", {}, el("tr", {}, ...head.map(([text, u]) => el("th", { scope: "col" }, text, u ? el("small", {}, ` ${u}`) : null)))),
        el("tbody", {}, ...body),
      ),
    ),
    inferred ? el("p", { class: "quiet" }, "* The bite lies under a knot and is estimated.") : null,
  );
}

function cell(value, sdMm, inferred, unit) {
  return el("td", {}, measured(value, unit === "mm" ? sdMm : null), inferred ? el("abbr", { title: "estimated" }, "*") : null);
}

function metricTable(metrics) {
  const keys = Object.keys(metrics).filter((key) => !(key.endsWith("_px") && twinOf(key) in metrics));
  const applicable = keys.filter((key) => metrics[key].status !== "not_applicable");
  const body = applicable.map((key) => {
    const metric = metrics[key];
    const twin = key.endsWith("_mm") && metric.value === null ? metrics[key.replace(/_mm$/, "_px")] : null;
    const why = metricValue(key, metric);
    const yours = twin && twin.value !== null ? [measured(twin.value, null, "px"), el("small", { class: "aim" }, why)] : [why];
    const { target } = metric;
    const source = target ? `${target.source} (evidence: ${EVIDENCE[target.evidence] ?? target.evidence})` : null;
    const aim = target ? el("small", { class: "aim", title: source }, `target ${targetText(key, metric)}`) : null;
    return el(
      "tr",
      { class: metric.value === null ? "unmeasured" : null },
      el("th", { scope: "row" }, metricName(key), aim),
      el("td", {}, ...yours),
      el("td", {}, points(metric.points)),
    );
  });
  const left = keys.length - applicable.length;
  return el(
    "div",
    {},
    el(
      "div",
      { class: "table-scroll" },
      el(
        "table",
        { class: "metrics" },
        el("caption", { class: "visually-hidden" }, "Measures of the whole row against what the rubric asks"),
        el("thead", {}, el("tr", {}, ...["Measure and target", "Yours", "Points"].map((text) => el("th", { scope: "col" }, text)))),
        el("tbody", {}, ...body),
      ),
    ),
    left ? el("p", { class: "quiet" }, `${left} more ${left === 1 ? "measure does" : "measures do"} not apply to this technique.`) : null,
  );
}

const twinOf = (key) => key.replace(/_px$/, "_mm");

/** One stitch in words, for the line below the picture. */
function sentence(stitch, s) {
  if (stitch.cut) return `Stitch ${s + 1} is cut by the frame: it is not measured.`;
  const unit = stitch.length_mm !== null ? "mm" : "px";
  const side = (name, i) => {
    const value = stitch[`bite_${name}_${unit}`];
    if (value === null) return `${name} ${statusText("not_seen")}`;
    const sd = unit === "mm" ? stitch[`bite_${name}_sd_mm`] : null;
    return `${name} ${measured(value, sd, unit)}${stitch.inferred[i] ? " (under the knot, estimated)" : ""}`;
  };
  const angle = stitch.angle_deg === null ? "" : `, angle ${measured(stitch.angle_deg, stitch.angle_sd_deg, "deg")}`;
  return `Stitch ${s + 1}: ${side("left", 0)}, ${side("right", 1)}${angle}.`;
}

function downloads(assessment, overlay) {
  const stem = assessment.image.file.replace(/\.[^.]*$/, "") || "photo";
  const json = new Blob([JSON.stringify(assessment, null, 1)], { type: "application/json" });
  return [
    el("a", { class: "button small", href: overlay, download: `${stem}.overlay.jpg` }, "Save picture"),
    el("a", { class: "button small", href: URL.createObjectURL(json), download: `${stem}.json` }, "Save numbers"),
  ];
}
