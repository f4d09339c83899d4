// One submission: its measures from the API, shown as the first page shows a visitor's; points corrected by hand.

import { calibration } from "./calibrate.js";
import { byId, el } from "./dom.js";
import { ask, Problem } from "./forms.js";
import { result } from "./result.js";

const target = byId("result");
const refusal = byId("refusal");
const id = (target ?? refusal)?.dataset.submission;
const api = `/api/v1/submissions/${id}`;

if (target) showResult().catch(fail);
else if (refusal) sayRefusal().catch(fail);

async function showResult() {
  const assessment = await ask("GET", `${api}/assessment`);
  const version = target.dataset.version;
  const may = "mayCorrect" in target.dataset;
  target.append(
    result(assessment, `${api}/overlay.jpg?v=${version}`, {
      points: may ? () => scaleTool(assessment) : null,
      correct: may && assessment.wounds.length ? () => correctTool(assessment) : null,
    }),
  );
  byId("status").replaceChildren();
  target.hidden = false;
}

async function sayRefusal() {
  const { error } = await ask("GET", `${api}/assessment`);
  refusal.textContent = error.text;
  byId("refusal-hint").textContent = error.hint;
}

/** The photo without anything drawn on it. */
async function bare() {
  const image = new Image();
  image.src = `${api}/photo.jpg`;
  await image.decode();
  return image;
}

function scaleTool(assessment) {
  const holder = el("div");
  bare()
    .then((source) => holder.append(calibration(assessment.image, source, null, (points) => send({ points }))))
    .catch(() => holder.append(el("p", { class: "quiet" }, "The photo could not be loaded.")));
  return holder;
}

async function correctTool(assessment) {
  const [{ corrector }, source] = await Promise.all([import("./correct.js"), bare()]);
  return corrector(assessment, source, (wounds) => send({ wounds }));
}

async function send(correction) {
  byId("alert").replaceChildren();
  byId("status").replaceChildren(
    el("div", { class: "panel busy" }, el("span", { class: "spinner", "aria-hidden": "true" }), el("span", {}, "Measuring again …")),
  );
  try {
    await ask("POST", `${api}/corrections`, correction);
    location.reload();
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  byId("status").replaceChildren();
  const known = error instanceof Problem;
  if (!known) console.error(error);
  byId("alert").replaceChildren(
    el(
      "div",
      { class: "panel alert" },
      el("p", { class: "lead" }, known ? error.message : "The page made a mistake"),
      el("p", {}, known ? error.hint : "Load it again."),
    ),
  );
  byId("alert").scrollIntoView({ block: "nearest" });
}
